"""The condition functions of MigXML: one helper call -> true or false.

Source: usmt.md 3.8; the questions are of the offline Windows. The specification says only that what cannot be resolved
is false; here the CALL is false (an undefined variable, HKCU for the machine, an unknown function) and ``negation``
turns that round, as it does with every other answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from extractor.errors import SourceError
from extractor.evaluate.frames import Frame, View
from extractor.evaluate.strings import pattern_kind
from extractor.evaluate.versions import compared
from extractor.model import upcase
from extractor.rules.model import Call, Condition, Context
from extractor.rules.patterns import Glob, PatternError, PatternKind

_VERSION = re.compile(r"\d{1,9}(?:\.\d{1,9})*")


@dataclass(frozen=True, slots=True)
class _Function:
    answer: Callable[..., bool]
    """Takes the frame and the arguments, in the form that ``parameters`` say."""
    parameters: str = ""
    """One letter each: k a pattern kind, l a location (pattern text), t plain text."""


def answer(condition: Condition, view: View) -> bool:
    """Return what a condition says in a view, its negation applied."""
    call = condition.call
    try:
        said = _answer(call, view)
    except (PatternError, SourceError) as error:
        written = " ".join(each or "" for each in call.arguments)
        view.fail(condition.source, written, f"{call} is false: {error}")
        said = False
    return said is not condition.negation


def exists(frame: Frame, kind: PatternKind, location: str) -> bool:
    """Tell whether any object matches: DoesObjectExist, and an objectSet of ``detect``."""
    return frame.facts.exists(kind, location)


def _answer(call: Call, view: View) -> bool:
    name = call.function.lower()
    function = FUNCTIONS.get(name)
    if function is None:
        raise PatternError("it is not a condition that is known")
    arguments = tuple(_arguments(call, function.parameters, view))
    return view.recall((name, *arguments), lambda: function.answer(view.frame, *arguments))


def _arguments(call: Call, parameters: str, view: View) -> list[str | PatternKind]:
    if len(call.arguments) < len(parameters):
        raise PatternError(f"it takes {len(parameters)} arguments")
    made: list[str | PatternKind] = []
    for index, parameter in enumerate(parameters):
        given = call.argument(index)
        if parameter == "k":
            made.append(kind_of(given))
        else:
            made.append(view.expand(given) if parameter == "l" else view.expand_plain(given))
    return made


def kind_of(text: str) -> PatternKind:
    """Return the kind of objects that a function is told to look at; raise PatternError."""
    found = pattern_kind(text)
    if found is None:
        raise PatternError(f"{text!r} is no kind of object: File, Registry or Ini is")
    return found


# --- the operating system and the context ---------------------------------------------------------


def _does_os_match(frame: Frame, family: str, pattern: str) -> bool:
    return _is_nt(family) and _matches(pattern, _os_version(frame))


def _is_os_later(frame: Frame, family: str, version: str) -> bool:
    """Inclusive, as documented: "later than or the same as"."""
    return _is_nt(family) and _number(_os_version(frame)) >= _partial(version)


def _is_os_earlier(frame: Frame, family: str, version: str) -> bool:
    return _is_nt(family) and _number(_os_version(frame)) < _partial(version)


def _is_native_64_bit(frame: Frame) -> bool:
    return frame.scene.is_64bit


def _is_system_context(frame: Frame) -> bool:
    return frame.context is Context.SYSTEM


def _is_upgrade(_frame: Frame) -> bool:
    """Return false: an in-place upgrade is never what happens here."""
    return False


def _is_migration_scope(_frame: Frame, scope: str) -> bool:
    return scope.strip().upper() == "USMT"


def _is_nt(family: str) -> bool:
    return family.strip().upper() == "NT"


def _os_version(frame: Frame) -> str:
    if not frame.scene.version:
        raise PatternError("the version of this Windows is not known")
    return frame.scene.version


def _partial(version: str) -> tuple[int, ...]:
    """Return a version as numbers; the ``.*`` at the end of some is ignored (usmt.md 3.8)."""
    return _number(version.strip().removesuffix(".*"))


# --- objects --------------------------------------------------------------------------------------


def _does_file_version_match(frame: Frame, location: str, tag: str, pattern: str) -> bool:
    version = frame.facts.version(location, tag)
    return version is not None and _matches(pattern, version)


def _is_file_version_above(frame: Frame, location: str, tag: str, value: str) -> bool:
    return _compared(frame, location, tag, value) > 0


def _is_file_version_below(frame: Frame, location: str, tag: str, value: str) -> bool:
    return _compared(frame, location, tag, value) < 0


def _compared(frame: Frame, location: str, tag: str, value: str) -> int:
    """Return -1, 0 or 1; 0 for a file that is not there, for it is neither above nor below."""
    version = frame.facts.version(location, tag)
    if version is None:
        return 0
    said = compared(tag.strip(), version, value)
    if said is None:
        raise PatternError(f"{tag} {version!r} has no order with {value!r}")
    return said


def _does_string_equal(frame: Frame, kind: PatternKind, location: str, text: str) -> bool:
    """Letter case does not count [INF]."""
    found = frame.facts.string(kind, location)
    return found is not None and upcase(found) == upcase(text)


def _does_string_contain(frame: Frame, kind: PatternKind, location: str, text: str) -> bool:
    found = frame.facts.string(kind, location)
    return found is not None and upcase(text) in upcase(found)


def _is_same_object(frame: Frame, kind: PatternKind, one: str, other: str) -> bool:
    return frame.facts.same(kind, one, other)


def _is_same_content(
    frame: Frame, kind: PatternKind, one: str, other_kind: PatternKind, other: str
) -> bool:
    found = frame.facts.content(kind, one)
    return found is not None and found == frame.facts.content(other_kind, other)


def _is_same_string(
    frame: Frame, kind: PatternKind, one: str, other_kind: PatternKind, other: str
) -> bool:
    found, twin = frame.facts.string(kind, one), frame.facts.string(other_kind, other)
    return found is not None and twin is not None and upcase(found) == upcase(twin)


# --- versions and wildcards -----------------------------------------------------------------------


def _matches(pattern: str, text: str) -> bool:
    """Compare with ``*`` as any run of characters; nothing is escaped here, for these are no locations."""
    return Glob(tuple(re.split(r"\*+", upcase(pattern.strip())))).matches(upcase(text.strip()))


def _number(version: str) -> tuple[int, ...]:
    """Return a version of Windows as numbers; zeros at the end do not count, so that 6.0 is the same as 6."""
    if not _VERSION.fullmatch(version):
        raise PatternError(f"{version!r} is no version")
    numbers = [int(each) for each in version.split(".")]
    while numbers and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)


FUNCTIONS: Mapping[str, _Function] = {
    "doesosmatch": _Function(_does_os_match, "tt"),
    "isosearlierthan": _Function(_is_os_earlier, "tt"),
    "isoslaterthan": _Function(_is_os_later, "tt"),
    "isnative64bit": _Function(_is_native_64_bit),
    "issystemcontext": _Function(_is_system_context),
    "isupgrade": _Function(_is_upgrade),
    "ismigrationscope": _Function(_is_migration_scope, "t"),
    "doesobjectexist": _Function(exists, "kl"),
    "doesfileversionmatch": _Function(_does_file_version_match, "ltt"),
    "isfileversionabove": _Function(_is_file_version_above, "ltt"),
    "isfileversionbelow": _Function(_is_file_version_below, "ltt"),
    "doesstringcontentequal": _Function(_does_string_equal, "klt"),
    "doesstringcontentcontain": _Function(_does_string_contain, "klt"),
    "issameobject": _Function(_is_same_object, "kll"),
    "issamecontent": _Function(_is_same_content, "klkl"),
    "issamestringcontent": _Function(_is_same_string, "klkl"),
}
"""By lower-case name; all of usmt.md 3.8."""
