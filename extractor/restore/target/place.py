"""Target: a place that can be written, with its volumes, the Windows on it, and the room that there is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from extractor.block_devices import Identity
from extractor.errors import StoreError
from extractor.restore.evidence import PER_OBJECT, SPARE, SPARE_OF_DRIVE, refuse_lack_of_room
from extractor.restore.target.disks import Disk
from extractor.store.failures import free_bytes, in_words
from extractor.store.tree import Tree, open_tree
from extractor.windows import WindowsInstall


@dataclass(frozen=True, slots=True)
class Target:
    """A target that is open; what is opened in its folders must be closed before it is."""

    shown: str
    """What messages call it."""
    root: Path
    """The folder of this host that is the root of the system drive; it may not exist yet where it is a folder."""
    evidence: frozenset[Identity] = frozenset()
    """What tells a file that is there of the evidence."""
    drives: Mapping[str, Path] = field(default_factory=dict)
    """Further letters (``D:``) -> folder of this host that is the root of that volume."""
    install: WindowsInstall | None = None
    """The offline Windows in it, None for a plain folder."""
    system: str = "C:"
    """Letter of the system drive."""
    notes: tuple[str, ...] = ()
    """What there is to say of it, one sentence each."""
    disk: Disk | None = None
    """The image or device that it is on, None for a folder."""

    @property
    def letters(self) -> frozenset[str]:
        """All letters that it has."""
        return frozenset({self.system, *self.drives})

    def tree(self) -> Tree:
        """Open the tree of all its volumes; raise OSError."""
        return open_tree(self.root, drives=self.drives)

    def refuse_lack_of_room(self, needs: Mapping[str, tuple[int, int]]) -> None:
        """Raise StoreError (72) when a volume, or the disk of this host below it, cannot take what is to come.

        ``needs`` are bytes and objects by drive; an empty name, or one that it lacks, is the system drive.
        """
        rooms: dict[str, tuple[int, int]] = {}
        for drive, (size, objects) in needs.items():
            name = drive if drive in self.drives else self.system
            before = rooms.get(name, (0, 0))
            rooms[name] = (before[0] + size, before[1] + objects)
        for name, (size, objects) in rooms.items():
            shown = f"{self.shown} ({name})" if self.drives else self.shown
            spare = SPARE_OF_DRIVE if name in self.drives else SPARE
            refuse_lack_of_room(self.drives.get(name, self.root), size, objects, shown, spare)
        if self.disk and self.disk.grows:
            _refuse_growth(self.disk, rooms.values())


def _refuse_growth(disk: Disk, rooms: Iterable[tuple[int, int]]) -> None:
    """Raise StoreError (72) when an image that grows would fill the disk of this host."""
    free = free_bytes(disk.path.parent)
    needed = SPARE + sum(size + objects * PER_OBJECT for size, objects in rooms)
    if free is not None and free < needed:
        raise StoreError(
            f"{disk.path} may grow by {in_words(needed)}, and {in_words(free)} are free where it lies; make room there"
        )
