r"""Pattern text -> why it cannot match, or cannot mean what its author meant; no machine is needed.

Each sentence is about one mistake that real rule files make: ``CSIDL_APPDATA\…`` without its ``%``, ``HKCU`` for the
machine, ``?`` as a wildcard. Source: usmt.md 3.4 to 3.9.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches

from extractor.model import upcase
from extractor.registry.view import LONG_NAMES
from extractor.rules.model import Context, Pattern
from extractor.rules.patterns import PatternError, PatternKind, parse_location

VARIABLE = re.compile(r"%([^%\\\[\]*]+)%")
_ROOTS = frozenset(LONG_NAMES.values())
_DRIVE = re.compile(r"[A-Za-z]:(?=[\\/*\s\[]|$)")
_NO_NAME = '/?<>"|'
"""Characters that no file name of Windows holds ([MS-FSCC] 2.1.5)."""
_INSTEAD = {"/": ": write \\", "?": ": it is no wildcard, only * is"}


@dataclass(frozen=True, slots=True)
class Known:
    """The variables that have a value somewhere: upper-case NAME -> the contexts in which it has one."""

    built_in: Mapping[str, Context]
    """Folders of Windows, names of users."""
    own: Mapping[str, Context] = field(default_factory=dict)
    """What environments of the component, and of those around it, define: text of any kind."""

    def where(self, name: str) -> Context:
        """Return the contexts in which a variable has a value."""
        key = upcase(name)
        return self.own.get(key, Context.NONE) | self.built_in.get(key, Context.NONE)

    def with_own(self, name: str, context: Context) -> Known:
        """Return the same with one more definition."""
        key = upcase(name)
        return Known(self.built_in, {**self.own, key: context | self.own.get(key, Context.NONE)})


def doubts(pattern: Pattern, context: Context, known: Known) -> Iterator[str]:
    """Yield what is doubtful in a pattern that is used in a context; each a sentence without its place."""
    try:
        location = parse_location(pattern.text)
    except PatternError as error:
        yield f"{pattern.text!r} is not used: {error}"
        return
    yield from variable_doubts(pattern.text, context, known)
    if "\n" in pattern.text:
        yield "the pattern runs over several lines; no name holds a line break"
    if pattern.kind is PatternKind.REGISTRY:
        yield from _of_key(pattern.text, context, known)
    else:
        yield from _of_file(pattern, known)
        if location.leaf and any("\\" in piece for piece in location.leaf.pieces):
            yield "what stands in brackets is one name, and no name holds \\"
    if "%" in VARIABLE.sub("", pattern.text) and "%" not in _first(pattern.text):
        yield "a % has no partner: a variable is written %NAME%"


def variable_doubts(text: str, context: Context, known: Known) -> Iterator[str]:
    """Yield a sentence for each variable of a text that has no value where the text is used."""
    for name in dict.fromkeys(VARIABLE.findall(text)):
        where = known.where(name)
        if not where:
            yield f"%{name}% is a variable of no table and of no environment here{_meant(name, known)}"
        elif not where & context:
            whose, here = ("users", "System") if where is Context.USER else ("the machine", "User")
            yield f"%{name}% has a value for {whose} only, and this is in {here} context"


def _meant(name: str, known: Known) -> str:
    every = {**known.own, **known.built_in}
    close = get_close_matches(upcase(name), every, n=1, cutoff=0.85)
    return f": is %{close[0]}% meant?" if close else ""


def _of_file(pattern: Pattern, known: Known) -> Iterator[str]:
    text = pattern.text
    if pattern.kind is PatternKind.INI:
        text, bar, _ = text.partition("|")
        if not bar:
            yield r"an Ini pattern is path\file.ini|Section[Key]: this one has no |"
    yield from (
        f"no file name holds {each}{_INSTEAD.get(each, '')}" for each in _NO_NAME if each in text
    )
    if text.startswith("\\\\"):
        yield "the path lies on a server: it is on no disk image"
    elif not (text.startswith("*") or VARIABLE.match(text) or _DRIVE.match(text)):
        yield f"the path begins with no drive, so it matches nothing{_hint(text, known)}"


def _of_key(text: str, context: Context, known: Known) -> Iterator[str]:
    found = VARIABLE.match(text)
    if found:
        if known.where(found[1]) and upcase(found[1]) not in known.own:
            yield f"%{found[1]}% is no key: this pattern is for the registry"
        return
    root = _root(_first(text))
    if root not in _ROOTS:
        yield f"{_first(text)} is no root of the registry{_hint(text, known)}"
    elif root == "HKCU" and context is Context.SYSTEM:
        yield "HKCU is nobody's in System context: the pattern yields nothing"


def _hint(text: str, known: Known) -> str:
    """Return what the author may have meant by the first word of a pattern."""
    first = _first(text)
    bare = first.strip("% ")
    if known.where(bare):
        return f": is %{bare}% meant?"
    if _root(first) in _ROOTS:
        return ': is type="Registry" meant?'
    return ': is type="File" meant?' if _DRIVE.match(first) else ""


def _first(text: str) -> str:
    return re.split(r"[\\\[]", text, maxsplit=1)[0].strip()


def _root(first: str) -> str:
    return LONG_NAMES.get(upcase(first), upcase(first))
