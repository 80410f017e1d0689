r"""Pattern text -> Location: the ``node [leaf]`` patterns of MigXML, compiled and ranked.

Words: a *node* is a directory or a registry key, a *leaf* a file or a value; ``*`` is any run of characters, in a node
across ``\`` too; ``^`` takes the meaning from one of ``[ ] ^ $ *``. Source: USMT "XML elements library" (pattern) and
"Conflicts and precedence"; the forms are those of its tables.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from extractor.model import WinPath, upcase

LONGEST = 32_767
"""Characters of a pattern after expansion: no Windows path is longer, and nested variables may double each time."""

_STAR = "\0"  # cannot be in XML, so it is free to mean an unescaped star between the two steps of parsing
_TOKEN = re.compile(r"\^[\[\]^$*]|.", re.DOTALL)
_WELL_FORMED = re.compile(
    r"((?>\^[\[\]^$*]|[^\[\]\0])++)(?:\[(?>\^[\[\]^$*]|[^\[\]\0])*+\])?", re.DOTALL
)
_VARIABLE = re.compile(r"%([^%\\\[\]*]+)%")
_SPECIAL = re.compile(r"([\[\]^$*])")


class PatternError(ValueError):
    """A pattern that cannot be used, in words; the caller says where it stands and goes on without it."""


class PatternKind(StrEnum):
    """What a pattern speaks of, as MigXML spells it."""

    FILE = "File"
    REGISTRY = "Registry"
    INI = "Ini"


@dataclass(frozen=True, slots=True)
class Glob:
    """Literal pieces with any text between them; one piece alone is an exact text. All in upper case."""

    pieces: tuple[str, ...]

    @property
    def prefix(self) -> str:
        """The text before the first star."""
        return self.pieces[0]

    @property
    def exact(self) -> bool:
        """True when there is no star."""
        return len(self.pieces) == 1

    @property
    def open_ended(self) -> bool:
        """True when it ends with a star: whatever follows a match matches too."""
        return not self.exact and not self.pieces[-1]

    @property
    def everything(self) -> bool:
        """True for ``*`` alone."""
        return self.pieces == ("", "")

    @property
    def weight(self) -> int:
        """Count of literal characters."""
        return sum(map(len, self.pieces))

    @property
    def ending(self) -> str | None:
        """The extension that every match has (text after its last dot), None where matches may differ in it."""
        return ending(self.pieces[-1])

    def matches(self, text: str) -> bool:
        """Tell whether the whole of an upper-case text matches; linear, for the leftmost fit is always right."""
        first, last = self.pieces[0], self.pieces[-1]
        if self.exact:
            return text == first
        at, end = len(first), len(text) - len(last)
        if end < at or not text.startswith(first) or not text.endswith(last):
            return False
        for piece in self.pieces[1:-1]:
            found = text.find(piece, at, end)
            if found < 0:
                return False
            at = found + len(piece)
        return True

    def reaches_below(self, text: str) -> bool:
        """Tell whether some longer text that begins with ``text`` may match."""
        prefix = self.pieces[0]
        return prefix.startswith(text) or (not self.exact and text.startswith(prefix))


class Specificity(NamedTuple):
    """How narrow a pattern is; greater wins, node before leaf (USMT "Conflicts and precedence")."""

    prefix: int
    single: bool
    """The node does not reach into subfolders."""
    node: int
    exact_leaf: bool
    leaf: int


@dataclass(frozen=True, slots=True)
class Location:
    r"""A compiled pattern. Node texts end with ``\``, so that ``C:\Dir\*`` takes ``C:\Dir`` itself."""

    node: Glob
    leaf: Glob | None
    """None when the pattern has no brackets: it speaks of directories (or keys) only."""
    specificity: Specificity = field(init=False, compare=False)
    """Ranks this pattern among others that match the same object; asked for often, so worked out once."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "specificity", _specificity(self.node, self.leaf))

    @property
    def takes_nodes(self) -> bool:
        r"""True when directories that match are objects: no brackets, or the tree form ``…* [*]``."""
        return self.leaf is None or (self.leaf.everything and self.node.open_ended)

    @property
    def takes_trees(self) -> bool:
        """True when all that lies below a matching directory matches too."""
        return self.node.open_ended and self.leaf is not None and self.leaf.everything

    def takes_leaf(self, name: str) -> bool:
        """Tell whether an upper-case leaf name matches; the caller has matched the node."""
        return self.leaf is not None and self.leaf.matches(name)


def _specificity(node: Glob, leaf: Glob | None) -> Specificity:
    return Specificity(
        len(node.prefix),
        not node.open_ended,
        node.weight,
        leaf is not None and leaf.exact,
        leaf.weight if leaf else 0,
    )


def ending(name: str) -> str | None:
    """Return what follows the last dot of a name, None when there is no dot."""
    _, dot, found = name.rpartition(".")
    return found if dot else None


def node_text(path: WinPath) -> str:
    r"""Return a directory as nodes are compared: upper case, with a closing ``\``."""
    return upcase(path.drive) + "\\" + "".join(map(node_part, path.parts))


def node_part(name: str) -> str:
    r"""Return one name as a part of a node text; a ``\`` inside a (POSIX) name is never taken for a separator."""
    return upcase(name).replace("\\", "\0") + "\\"


def escape(text: str) -> str:
    """Return pattern text that means ``text`` literally: paths of the evidence may hold ``[`` or ``*``."""
    return _SPECIAL.sub(r"^\1", text)


def variable_names(text: str) -> list[str]:
    """Return the names that ``expand`` would look for in a text, in upper case."""
    return [upcase(name) for name in _VARIABLE.findall(text)]


def expand(text: str, variables: Mapping[str, str]) -> str:
    """Return pattern text with ``%NAME%`` replaced; names in upper case, values are pattern text.

    Raises PatternError for a name that is not defined here, and for a result longer than LONGEST.
    """
    missing = [name for name in _VARIABLE.findall(text) if upcase(name) not in variables]
    if missing:
        raise PatternError(f"%{missing[0]}% is not defined")
    length = len(text) + sum(len(variables[upcase(name)]) for name in _VARIABLE.findall(text))
    if length > LONGEST:
        raise PatternError(f"the pattern is longer than {LONGEST} characters")
    return _VARIABLE.sub(lambda found: variables[upcase(found[1])], text)


def check_location(text: str) -> None:
    """Raise the PatternError that ``parse_location`` would, at a tenth of its price."""
    found = _WELL_FORMED.fullmatch(text.strip())
    if not found or not found[1].replace("\\", " ").strip() or len(text) > LONGEST:
        parse_location(text)


def parse_location(text: str) -> Location:
    r"""Return the Location that expanded text such as ``C:\Dir\* [*.txt]`` names; raise PatternError."""
    text = text.strip()
    if len(text) > LONGEST:
        raise PatternError(f"the pattern is longer than {LONGEST} characters")
    if not text or _STAR in text:
        raise PatternError("the pattern is empty or holds a NUL")
    tokens = _TOKEN.findall(text)
    if "[" not in tokens:
        if "]" in tokens:
            raise PatternError("a ] has no [ before it (write ^] for the character itself)")
        return Location(_node(tokens), None)
    opening = tokens.index("[")
    if "]" not in tokens or tokens.index("]") != len(tokens) - 1 or "[" in tokens[opening + 1 :]:
        raise PatternError("a pattern ends with one [leaf] (write ^[ and ^] for the characters)")
    return Location(_node(tokens[:opening]), _glob(_text(tokens[opening + 1 : -1])))


def _node(tokens: list[str]) -> Glob:
    node = re.sub(r"\\+", lambda _: "\\", _text(tokens).strip()).rstrip("\\")
    if not node:
        raise PatternError("the pattern names no directory or key")
    return _glob(node if node.endswith(_STAR) else node + "\\")


def _text(tokens: list[str]) -> str:
    return "".join(_STAR if each == "*" else each[-1] for each in tokens)


def _glob(text: str) -> Glob:
    return Glob(tuple(re.split(f"{_STAR}+", upcase(text))))
