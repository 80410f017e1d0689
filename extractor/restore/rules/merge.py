r"""An object of a store and what is at its place already -> which of them stays (``merge``).

Without a rule a file is kept beside the other as ``name(1).ext``, and a registry value of the store replaces the other.
Two files of one content are one. Source: USMT "Conflicts and precedence" (collisions), "XML elements library" (merge):
SourcePriority, DestinationPriority, FindFilePlaceByPattern, NewestVersion, HigherValue, LowerValue. "Evaluated as
numeric values" is taken to mean text that spells a number too, for most numbers of the control panel are REG_SZ.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from extractor.evaluate.versions import compared
from extractor.model import RegistryValue
from extractor.restore.rules.content import number_of
from extractor.rules.model import Call

PATTERN = "<F>(<N>).<E>"
"""Where LoadState puts a file whose name is taken."""
MOST_NAMES = 100_000
BETTER = {"HigherValue": 1, "LowerValue": -1}


class Act(StrEnum):
    """What becomes of an object of the store whose place is taken."""

    REPLACE = "replace"
    """It comes, and the other is kept for an undo."""
    KEEP = "keep"
    """The other stays."""
    RENAME = "rename"
    """It comes under another name."""


class NoFreeNameError(Exception):
    """Every name that could be tried is taken."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What is done, and why, for a person."""

    act: Act
    why: str
    pattern: str = PATTERN
    """Of a RENAME, the names to try."""


Version = Callable[[str], tuple[str, str]]
"""Tag of a version -> that of the store's file and of the other; empty where there is none."""


def decide_file(call: Call | None, version: Version) -> Decision:
    """Return what a rule (or none) says of a file; ``version`` is asked by NewestVersion only."""
    function = call.function if call else ""
    if call is None:
        return Decision(Act.RENAME, "no merge rule: the name is taken")
    if function == "SourcePriority":
        return Decision(Act.REPLACE, str(call))
    if function == "DestinationPriority":
        return Decision(Act.KEEP, str(call))
    if function == "FindFilePlaceByPattern" and "<N>" in call.argument(0).upper():
        return Decision(Act.RENAME, str(call), call.argument(0))
    if function == "NewestVersion":
        return _newest(call, version)
    return Decision(Act.RENAME, f"{call} says nothing of files: the name is taken")


def _newest(call: Call, version: Version) -> Decision:
    """Prefer the greater version: one that has none is below every other, and of equal ones the target's stays."""
    tag = call.argument(0, "FileVersion")
    ours, theirs = version(tag)
    order = compared(tag, ours, theirs)
    newer = order > 0 if order is not None else bool(ours) and not theirs
    told = f"{call}: {tag} {ours or 'unknown'} comes, {theirs or 'unknown'} is there"
    return Decision(Act.REPLACE if newer else Act.KEEP, told)


def decide_value(call: Call | None, ours: RegistryValue, theirs: RegistryValue) -> Decision:
    """Return what a rule (or none) says of a registry value."""
    if call is None:
        return Decision(Act.REPLACE, "no merge rule: the value of the store counts")
    if call.function in {"SourcePriority", "DestinationPriority"}:
        return Decision(Act.REPLACE if call.function[0] == "S" else Act.KEEP, str(call))
    mine, other = number_of(ours), number_of(theirs)
    if call.function in BETTER and mine is not None and other is not None:
        better = (mine - other) * BETTER[call.function] > 0
        told = f"{call}: {mine} comes, {other} is there"
        return Decision(Act.REPLACE if better else Act.KEEP, told)
    return Decision(Act.REPLACE, f"{call} says nothing of these: the value of the store counts")


def free_name(name: str, pattern: str, is_taken: Callable[[str], bool]) -> str:
    """Return the first name of a pattern (``<F>`` name, ``<N>`` number, ``<E>`` extension) that is not taken.

    Raises NoFreeNameError when a hundred thousand of them are.
    """
    stem, dot, extension = name.rpartition(".")
    stem, extension = (stem, extension) if dot and stem else (name, "")
    for number in range(1, MOST_NAMES):
        found = _named(pattern, stem, extension, number)
        if not is_taken(found):
            return found
    raise NoFreeNameError(f"all names like {_named(pattern, stem, extension, 1)!a} are taken")


def _named(pattern: str, stem: str, extension: str, number: int) -> str:
    found, at = "", 0
    words = {"<F>": stem, "<N>": str(number), "<E>": extension}
    while at < len(pattern):
        word = pattern[at : at + 3].upper()
        known = word in words
        found += words[word] if known else pattern[at]
        at += 3 if known else 1
    return found if extension else found.rstrip(".")
