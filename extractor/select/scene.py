"""What selection needs to know of one Windows: where its volumes lie, who its users are, what its variables say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from extractor.model import Entry, ObjectKind, User, WinPath
from extractor.seams import Filesystem


@dataclass(frozen=True, slots=True)
class Mount:
    r"""A tree in the machine's own letters: the directory ``root`` of ``filesystem`` is seen as ``at`` (``C:\``)."""

    at: WinPath
    filesystem: Filesystem
    root: Entry
    fixed: bool = True
    """False for a drive that the machine took for removable: GenerateDrivePatterns asks."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A user of the machine and the variables that rules see in that user's context (NAME -> plain text)."""

    user: User
    variables: Mapping[str, str]
    """Names in any letter case; the machine's variables need not be repeated."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One Windows, ready for selection."""

    mounts: tuple[Mount, ...]
    profiles: tuple[Profile, ...]
    variables: Mapping[str, str]
    """Variables of the system context (NAME -> plain text)."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An object that was chosen, or could not be judged, and whose metadata or name cannot be read: never stored.

    It belongs into the ledger as ``not-stored``. ``rule`` is ``file:line`` where a rule spoke of it.
    """

    kind: ObjectKind
    path: WinPath
    volume: str
    scope: str
    reason: str
    rule: str = ""
    entry: Entry | None = None
    """None for a damaged record of which no more than a name is known."""
    is_stray: bool = False
    """True for what has no known folder: nobody can say whether the rules would have chosen it."""
