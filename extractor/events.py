"""What a run says while it works: typed events to observers, never text to a terminal.

An Observer is any callable that takes an Event; ``broadcast`` joins several into one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from extractor.model import ObjectKind, OutcomeKind, WinPath


class Phase(StrEnum):
    """USMT's phases, spelled as its progress log spells them."""

    INITIALIZING = "Initializing"
    SCANNING = "Scanning"
    COLLECTING = "Collecting"
    SAVING = "Saving"
    ESTIMATING = "Estimating"
    APPLYING = "Applying"


@dataclass(frozen=True, slots=True)
class Started:
    """The run begins: what was asked for, and of which offline computer."""

    command: tuple[str, ...]
    computer: str = ""


@dataclass(frozen=True, slots=True)
class PhaseStarted:
    """A phase begins."""

    phase: Phase


@dataclass(frozen=True, slots=True)
class ImageRead:
    """A medium is being verified: so many of its bytes were read."""

    path: str
    done: int
    size: int


@dataclass(frozen=True, slots=True)
class UserDetected:
    """A profile was found: ``scope`` is its SID, ``reason`` the switch or state that decided."""

    scope: str
    account: str
    included: bool
    reason: str = ""
    last_used: tuple[tuple[str, int], ...] = ()
    """What the disk says of the last use: source -> FILETIME."""


@dataclass(frozen=True, slots=True)
class ComponentDetected:
    """A component's rules apply to a user (or to the machine: empty scope)."""

    scope: str
    component: str
    included: bool


@dataclass(frozen=True, slots=True)
class MigUnit:
    """One component in one context (scope) with its patterns, as USMT's diagnostic log lists it (usmt.md 6.9)."""

    component: str
    scope: str
    group: str
    role: str
    present: bool
    selected: bool
    patterns: dict[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    """Include, Exclude … -> (File, Registry or Ini; expanded pattern text)."""
    sources: frozenset[str] = frozenset()
    """``file:line`` of its patterns."""


@dataclass(frozen=True, slots=True)
class Activated:
    """The rules have met a Windows; ``units`` makes the list of what came of it, for whoever asks."""

    units: Callable[[], Iterable[MigUnit]]


@dataclass(frozen=True, slots=True)
class EntriesSeen:
    """Selection has walked this many entries so far; there is no total yet."""

    count: int


@dataclass(frozen=True, slots=True)
class TotalsKnown:
    """Selection ended: objects and bytes to store, in all and per scope."""

    objects: int
    bytes: int
    scopes: dict[str, tuple[int, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BytesCopied:
    """Bytes of one object went into the store."""

    scope: str
    count: int


@dataclass(frozen=True, slots=True)
class ItemDone:
    """An object met its end."""

    scope: str
    path: WinPath
    outcome: OutcomeKind
    bytes: int
    reason: str = ""
    kind: ObjectKind = ObjectKind.FILE
    rule: str = ""
    """``file:line`` of the pattern that decided."""
    pretended: bool = False
    """True for an object of addObjects."""


@dataclass(frozen=True, slots=True)
class ObjectFailed:
    """A selected object could not be stored.

    ``action`` is USMT's word: UnableToOpen, UnableToCopy or UnableToAccessDevice.
    """

    scope: str
    path: WinPath
    action: str
    reason: str
    ignored: bool


@dataclass(frozen=True, slots=True)
class Noted:
    """A fact worth a log line; level is ``info`` or ``warning``."""

    level: str
    message: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The run ended with this exit code; ``ignored_errors`` were allowed by ``/c``."""

    exit_code: int
    ignored_errors: int = 0
    message: str = ""


Event = (
    Started
    | PhaseStarted
    | ImageRead
    | UserDetected
    | ComponentDetected
    | Activated
    | EntriesSeen
    | TotalsKnown
    | BytesCopied
    | ItemDone
    | ObjectFailed
    | Noted
    | Finished
)
Observer = Callable[[Event], None]


def noting(observer: Observer) -> Callable[[str, str], None]:
    """Return a function of (level, message) that tells the observer a Noted."""

    def note(level: str, message: str) -> None:
        observer(Noted(level, message))

    return note


def broadcast(*observers: Observer) -> Observer:
    """Return one observer that passes each event to all, in order."""

    def tell(event: Event) -> None:
        for observer in observers:
            observer(event)

    return tell
