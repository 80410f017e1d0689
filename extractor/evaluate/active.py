"""What evaluation yields: compiled patterns, each in one context of one component, and what else the rules ask for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from extractor.events import Noted
from extractor.model import Metadata
from extractor.rules.model import Attributes, Component, Role, Verb
from extractor.rules.patterns import Location, PatternKind


class Judged(Protocol):
    """An object that a filter looks at; both may be asked for late, and cost a read."""

    @property
    def metadata(self) -> Metadata | None:
        """Times and size; None where the object has none or they cannot be read."""
        ...

    @property
    def string(self) -> str | None:
        """The string form of a registry or INI value (usmt.md 3.8, DoesStringContentEqual); None for all else."""
        ...


Filter = Callable[[Judged], bool]
"""True: the rule speaks of this object."""


@dataclass(frozen=True, slots=True)
class ActiveRule:
    r"""A compiled pattern in one context of one component.

    Registry locations are canonical (``evaluate.registry_names``): ``HKLM\…`` and ``HKU\<SID>\…`` only. The node of an
    INI location is ``C:\…\FILE.INI|SECTION\``.
    """

    verb: Verb
    location: Location
    instance: int
    """Number of the component in this context: rules with the same number meet."""
    scope: str
    """SID of the user in whose context it stands, empty for the machine."""
    source: str
    text: str
    """The pattern as its author wrote it."""
    kind: PatternKind = PatternKind.FILE
    component: str = ""
    """The component's display name."""
    filter: Filter | None = field(default=None, compare=False)
    filter_text: str = ""
    attributes: Attributes = Attributes.NONE
    """Of includeAttributes and excludeAttributes only."""
    identity: str = field(default="", compare=False)
    """``Component.id_of`` its role."""
    expanded: str = field(default="", compare=False)
    """The pattern with its variables replaced, in its own letters: for people (explain, the diagnostic log)."""


@dataclass(frozen=True, slots=True)
class ActiveLoadRule:
    """A rule for the restore, met with the variables of one context; patterns are expanded, not compiled."""

    element: str
    call: str
    """The helper call with its variables expanded, empty when there is none."""
    patterns: tuple[tuple[PatternKind, str], ...]
    component: str
    """``Component.id_of`` its role."""
    scope: str
    source: str


@dataclass(frozen=True, slots=True)
class Pretended:
    """An object of addObjects in one context: taken for one that the machine has, if a rule includes it.

    ``location`` is expanded, canonical pattern text without wildcards; ``type`` is the REG_* number of a value.
    """

    kind: PatternKind
    location: str
    type: int
    data: bytes
    scope: str
    source: str


@dataclass(frozen=True, slots=True)
class Meeting:
    """One role of one component met one context."""

    component: Component
    role: Role
    scope: str
    present: bool
    """Its detection (and that of all around it) holds, or there is none."""
    migrates: bool
    """Config.xml does not say no."""


@dataclass(frozen=True, slots=True)
class Remap:
    """A variable with ``remap="Yes"``: at load, what lies below ``value`` moves to the destination's value."""

    name: str
    value: str
    scope: str
    source: str


@dataclass(frozen=True, slots=True)
class Activation:
    """All that the rules mean on one Windows, for the machine and for each user who comes."""

    rules: tuple[ActiveRule, ...]
    """In no order; ``select.precedence.ranked`` puts them into the order in which they decide."""
    meetings: tuple[Meeting, ...] = ()
    load_rules: tuple[ActiveLoadRule, ...] = ()
    pretended: tuple[Pretended, ...] = ()
    remaps: tuple[Remap, ...] = ()
    skipped: tuple[str, ...] = ()
    """``file:line: <element> …``: commands and scripts that are never run on an offline disk."""
    notes: tuple[Noted, ...] = ()
    """What there is to say of rules that could not be used, each once."""
