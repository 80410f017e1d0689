"""Frames and views: the machine or a user as rules meet it, and where in the rules an element stands.

A Frame is one context: the machine, or one user who comes. A View is a frame as one element of a rule file sees it: the
variables of the component around it, and how wide the contexts around it are. What cannot be resolved in a view leaves
a note that names its line. It is an ordinary thing (level info) where an element that is also for users meets the
machine, where a variable is known to the component but has no value on this machine (its application is not installed),
and in what has no effect on a scan; everywhere else it is a warning (usmt.md 3.4, 3.9).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar, cast

from extractor.errors import RuleFileError, SourceError
from extractor.evaluate.active import Remap
from extractor.evaluate.facts import Facts
from extractor.evaluate.scene import Profile, Scene
from extractor.events import Noted
from extractor.model import User, upcase
from extractor.rules.model import Context
from extractor.rules.patterns import (
    PatternError,
    PatternKind,
    escape,
    expand,
    variable_names,
)

MOST_ELEMENTS = 1_000_000
"""Elements met in one activation: definitions that refer to each other by name may double at each step."""
LONGEST_NOTE = 1_000
"""Characters of a note: a pattern may have 32,767, and each user may have a note about it."""
DEEPEST = 100
"""Elements inside each other, references by name followed; rule files themselves are at most 64 levels deep."""

Kind = TypeVar("Kind")
_ESCAPED = re.compile(r"\^([\[\]^$*])")
_PLACE = re.compile(r"(.*?):(\d+): ")


def unescape(text: str) -> str:
    """Return what pattern text without wildcards means literally: ``patterns.escape`` undone."""
    return _ESCAPED.sub(r"\1", text) if "^" in text else text


class Notes:
    """What there is to say of rules that could not be used, each once."""

    def __init__(self) -> None:
        self._said: set[Noted] = set()

    def add(self, level: str, message: str) -> None:
        """Keep a note; ``message`` begins with ``file:line:`` where it is about a rule, and is cut where it is long."""
        cut = message if len(message) <= LONGEST_NOTE else f"{message[:LONGEST_NOTE]}…"
        self._said.add(Noted(level, cut))

    def in_order(self) -> tuple[Noted, ...]:
        """Return the notes by file and line, whatever the order in which they were made."""
        return tuple(sorted(self._said, key=_place))


def _place(note: Noted) -> tuple[str, int, str, str]:
    found = _PLACE.match(note.message)
    file, line = (found[1], int(found[2])) if found else ("", 0)
    return file, line, note.message, note.level


class Budget:
    """Counts the elements that an activation meets, and ends one that would never end."""

    def __init__(self, most: int = MOST_ELEMENTS) -> None:
        self._most = self._left = most

    def spend(self, source: str, elements: int = 1) -> None:
        """Count elements; raise RuleFileError when there were too many."""
        self._left -= elements
        if self._left < 0:
            raise RuleFileError(
                f"{source}: with all that is referred to by name these rules come to more than "
                f"{self._most:,} elements; do not let definitions refer to each other so often"
            )


@dataclass(frozen=True, slots=True)
class Frame:
    """One context: the machine, or one user who comes; ``scope`` is the SID, empty for the machine."""

    context: Context
    scope: str
    label: str
    variables: Mapping[str, str]
    """NAME -> pattern text: paths of the evidence are escaped."""
    scene: Scene
    profile: Profile | None
    facts: Facts
    budget: Budget
    others: Sequence[Frame]
    """The frames of all users who come, this one's own among them."""
    memory: dict[Hashable, _Recalled] = field(default_factory=dict)
    """What was asked of ``facts`` before: no question is answered twice in a frame."""


@dataclass(frozen=True, slots=True)
class _Recalled:
    answer: object
    error: PatternError | SourceError | None = None


class _Plain(Mapping[str, str]):
    """Variables whose values are made plain text when they are asked for."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables

    def __getitem__(self, name: str) -> str:
        return unescape(self._variables[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._variables)

    def __len__(self) -> int:
        return len(self._variables)


@dataclass(frozen=True, slots=True)
class View:
    """A frame as an element of a rule file sees it."""

    frame: Frame
    variables: Mapping[str, str]
    """NAME -> pattern text, the component's own over those of the frame."""
    notes: Notes
    width: Context = Context.BOTH
    """All contexts around the element, met: where it holds both, the element is for users too."""
    unset: frozenset[str] = frozenset()
    """Names that the environments around define, but not here."""
    remaps: tuple[Remap, ...] = ()
    """Variables around the element whose files and keys move at the restore."""
    grown: int = 0
    """What the definitions around the element come to, in characters."""
    mild: bool = False
    """True for what has no effect on a scan."""
    depth: int = 0

    def holds(self, context: Context) -> bool:
        """Tell whether an element with this context is there for the frame."""
        return bool(context & self.frame.context)

    def within(self, context: Context, source: str) -> View:
        """Return the view inside an element; raise RuleFileError when there is no end to them."""
        if self.depth >= DEEPEST:
            raise RuleFileError(
                f"{source}: definitions that refer to each other by name are nested deeper than "
                f"{DEEPEST} levels"
            )
        self.frame.budget.spend(source)
        return replace(self, width=self.width & context, depth=self.depth + 1)

    def muted(self) -> View:
        """Return the same view, of which nothing is told."""
        return replace(self, notes=Notes())

    def expand(self, text: str) -> str:
        """Return pattern text with its variables replaced; raise PatternError."""
        return expand(text, self.variables) if "%" in text else text

    def expand_plain(self, text: str) -> str:
        """Return text that is no pattern with its variables replaced; raise PatternError."""
        return expand(text, self.plain) if "%" in text else text

    @property
    def plain(self) -> Mapping[str, str]:
        """The variables as plain text: for what is compared, and for data of the machine."""
        return _Plain(self.variables)

    def note(self, level: str, source: str, message: str) -> None:
        """Tell something of an element, and in which frame."""
        self.notes.add(level, f"{source}: {self.frame.label}: {message}")

    def fail(self, source: str, text: str, message: str) -> None:
        """Tell that something could not be resolved; ``text`` is what its author wrote."""
        self.note("info" if self._is_usual(text) else "warning", source, message)

    def _is_usual(self, text: str) -> bool:
        for_users_too = self.frame.context is Context.SYSTEM and self.width is Context.BOTH
        return self.mild or for_users_too or not self.unset.isdisjoint(variable_names(text))

    def recall(self, key: Hashable, ask: Callable[[], Kind]) -> Kind:
        """Return the answer to a question, asked only once in a frame.

        Raises the PatternError or SourceError that the question ended with.
        """
        memory = self.frame.memory
        known = memory.get(key) or memory.setdefault(key, _asked(ask))
        if known.error:
            raise known.error.with_traceback(None)
        return cast(Kind, known.answer)


def _asked(ask: Callable[[], object]) -> _Recalled:
    try:
        return _Recalled(ask())
    except (PatternError, SourceError) as error:
        return _Recalled(None, error)


@dataclass(frozen=True, slots=True)
class Meant:
    """A pattern with its variables replaced; ``view`` is whose registry and variables it speaks of."""

    kind: PatternKind
    text: str
    written: str
    """As its author wrote it, or as a script made it."""
    source: str
    view: View
    made: bool = False
    """True when a function made it."""


def frames_of(
    scene: Scene, users: Sequence[User], notes: Notes, budget: Budget
) -> tuple[Frame, ...]:
    """Return the frame of the machine and those of the users who come, by SID.

    What cannot be read of the evidence is noted without a line: many rules may have asked for it.
    """
    profiles = {profile.user: profile for profile in scene.profiles}
    others: list[Frame] = []
    machine = _frame(scene, None, notes, budget, others)
    for user in sorted(users, key=lambda each: (each.sid, each.profile.key)):
        profile = profiles.get(user, Profile(user, {}))
        others.append(_frame(scene, profile, notes, budget, others))
    return (machine, *others)


def _frame(
    scene: Scene, profile: Profile | None, notes: Notes, budget: Budget, others: Sequence[Frame]
) -> Frame:
    scope = profile.user.sid if profile else ""
    given = {**scene.variables, **profile.variables} if profile else scene.variables
    return Frame(
        context=Context.USER if profile else Context.SYSTEM,
        scope=scope,
        label=profile.user.account if profile else "the machine",
        variables={upcase(name): escape(value) for name, value in given.items()},
        scene=scene,
        profile=profile,
        facts=Facts(scene, scope, notes.add),
        budget=budget,
        others=others,
    )
