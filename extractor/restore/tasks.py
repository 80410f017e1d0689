"""What travels from the plan to the journal and on: a task is one object of the store, or what they need."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from extractor.store.tree import Parts


class Deed(StrEnum):
    """What the plan says of an object."""

    MAKE = "make"
    """Its place is free."""
    REPLACE = "replace"
    """It comes, and what is there is kept for an undo."""
    RENAME = "rename"
    """It comes under another name."""
    KEEP = "keep"
    """What is there stays."""
    SKIP = "skip"
    """A rule, a switch or the target leaves it out."""
    REFUSE = "refuse"
    """It cannot be restored."""
    REMOVE = "remove"
    """No object: what a destinationCleanup takes away, kept for an undo."""


class End(StrEnum):
    """How a task ended."""

    OPEN = "open"
    BEGUN = "begun"
    RESTORED = "restored"
    KEPT = "kept"
    SKIPPED = "skipped"
    FAILED = "failed"
    REMOVED = "removed"


FILES = ("file", "directory", "link")
HOLDERS = ("hive", "ini")
"""Kinds of tasks that write a file which holds settings, whole."""


@dataclass(frozen=True, slots=True)
class Spot:
    """A key, or a value of it, in the hive or INI file that a task's ``target`` names; of INI the key is a section."""

    keys: tuple[str, ...]
    value: str | None = None
    """None for the key itself, "" for its default value."""

    def __str__(self) -> str:
        return "\\".join((*self.keys, *([] if self.value is None else [f"[{self.value}]"])))


SETTLED = {Deed.KEEP: End.KEPT, Deed.SKIP: End.SKIPPED, Deed.REFUSE: End.FAILED}
"""Deeds that end with the plan itself."""
WRITES = frozenset({Deed.MAKE, Deed.REPLACE, Deed.RENAME})


@dataclass(frozen=True, slots=True)
class Task:
    """A row of the plan."""

    id: int
    object: int
    """Number of the catalog's row, 0 for what no object asks for: a clean-up, a hive, an account."""
    kind: str
    source: str
    """The path on the old machine, for reading."""
    target: Parts
    """Names below the target's root; empty where it goes nowhere."""
    deed: Deed
    why: str = ""
    """Rules and words that decided, for a person."""
    conflict: str = ""
    """What is at its place already and who gives way."""
    size: int = 0
    """Bytes to be written, named streams included."""
    first: int = 0
    """Number of the task that writes this file's content under its first name, or the hive that holds a value; or 0."""
    state: End = End.OPEN
    detail: str = ""
    """What of a restored object could not be kept, or why it failed."""
    spot: Spot | None = None
    """Where in its target a key or value lies."""


@dataclass(frozen=True, slots=True)
class Step:
    """A change of the target, written down before it is made."""

    id: int
    task: int
    kind: str
    """folder, temporary, aside, place, swap."""
    path: Parts
    aside: Parts = ()
    """Of an ``aside`` or ``swap`` where what was there is kept."""
    inode: int = 0
    size: int = 0
    modified: int = 0
    """Nanoseconds since 1970."""
