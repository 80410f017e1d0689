"""Changes of a target, each written down before it is made, and each taken back in the other order.

A *temporary* is a file in the making beside its place; an *aside* is what gave way, moved into the journal's folder; a
*place* is what was put there. What somebody changed since is not taken back: it is left and named.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable
from contextlib import suppress

from extractor.errors import CorruptStoreError
from extractor.restore.journal import Journal
from extractor.restore.tasks import Step
from extractor.store.failures import NO_HARD_LINK
from extractor.store.tree import Parts, Tree

TEMPORARY = ".coldstate-{}-{}"
PRIVATE = 0o700
"""Mode of folders that are made: what lies in a profile is its owner's. NTFS gets its own access list."""
ANY = -1
"""Size of what may have any: a link."""


_NO_NAMES = frozenset({"", ".", ".."})
_CHANGED_SINCE = frozenset(
    {
        errno.ENOENT,
        errno.EEXIST,
        errno.ENOTDIR,
        errno.EISDIR,
        errno.ENOTEMPTY,
        errno.ELOOP,
        errno.EBUSY,
    }
)
"""What the system answers where a folder is none any more, or holds something of somebody else's."""


class Steps:
    """The changes of one run; ``aside`` is the folder of what gives way, the same on each volume of the target."""

    def __init__(self, tree: Tree, journal: Journal, aside: Parts) -> None:
        self.tree = tree
        self.journal = journal
        self._aside = aside
        self._known = self._roots()
        """Folders that are there."""

    def _roots(self) -> set[Parts]:
        return {(), *((name,) for name in self.tree.roots)}

    def folder(self, task: int, parts: Parts) -> bool:
        """Make a folder and those above it; return whether it was missing."""
        depth = len(parts)
        while parts[:depth] not in self._known:
            depth -= 1
        made = False
        for each in range(depth + 1, len(parts) + 1):  # no recursion: a store may be deep
            made = self._one_folder(task, parts[:each])
        return made

    def _one_folder(self, task: int, parts: Parts) -> bool:
        parent = self.tree.directory(parts[:-1])
        made = False
        if not _exists(parts[-1], parent):
            self.journal.step(Step(0, task, "folder", parts))
            os.mkdir(parts[-1], PRIVATE, dir_fd=parent)
            made = True
        self.tree.directory(parts)  # raises where a link or a file has the name
        if len(self._known) > 100_000:
            self._known = self._roots()
        self._known.add(parts)
        return made

    def temporary(self, task: int, place: Parts, number: int = 0, *, later: bool = False) -> Parts:
        """Return a free name beside a place for what is in the making; ``later``: the caller commits the journal."""
        self.folder(task, place[:-1])
        parent = self.tree.directory(place[:-1])
        name = TEMPORARY.format(task, number)
        while name == place[-1] or _exists(name, parent):  # an object may be called so
            number += 1000
            name = TEMPORARY.format(task, number)
        parts = (*place[:-1], name)
        self.journal.step(Step(0, task, "temporary", parts), later=later)
        return parts

    def note(self, task: int, parts: Parts) -> bool:
        """Write down that something is about to be made, which an undo removes; False where there is one already."""
        if _exists(parts[-1], self.tree.directory(parts[:-1])):
            return False
        self.journal.step(Step(0, task, "temporary", parts))
        return True

    def put(self, task: int, temporary: Parts, place: Parts, *, is_link: bool = False) -> None:
        """Give what was made its name, which is free; what becomes a link is known by its inode only."""
        self.announce(task, temporary, place, is_link=is_link)
        self.settle(temporary, place)

    def announce(
        self,
        task: int,
        temporary: Parts,
        place: Parts,
        *,
        is_link: bool = False,
        later: bool = False,
    ) -> None:
        """Write down that what was made gets its name; with ``later`` the caller commits the journal."""
        parent = self.tree.directory(place[:-1])
        found = os.stat(temporary[-1], dir_fd=parent, follow_symlinks=False)
        size = ANY if is_link else found.st_size
        step = Step(0, task, "place", place, (), found.st_ino, size, _when(found))
        self.journal.step(step, later=later)

    def settle(self, temporary: Parts, place: Parts) -> None:
        """Rename what was made; raise FileExistsError where something has the name."""
        parent = self.tree.directory(place[:-1])
        if _exists(place[-1], parent):
            raise FileExistsError(17, "something of this name is there already")
        os.rename(temporary[-1], place[-1], src_dir_fd=parent, dst_dir_fd=parent)

    def swap(self, task: int, temporary: Parts, place: Parts) -> None:
        """Let what was made take the place of a file, which is kept aside; at no moment is nothing there.

        A Windows without one of its hives would be none, and nobody could find it to go on or to go back. Where a file
        can have no second name it is moved away first.
        """
        kept = self._aside_of(task, place)
        parent = self.tree.directory(place[:-1])
        found = os.stat(temporary[-1], dir_fd=parent, follow_symlinks=False)
        step = Step(0, task, "swap", place, kept, found.st_ino, found.st_size, _when(found))
        self.journal.step(step)
        try:
            self.tree.link(place, kept)
        except OSError as error:
            if error.errno not in NO_HARD_LINK:
                raise
            self.aside(task, place)
            self.put(task, temporary, place)
        else:
            self.tree.move(temporary, place)

    def aside(self, task: int, place: Parts, number: int = 0) -> None:
        """Move away what is at a place, whatever it is, by a rename: on its own volume.

        ``number`` counts the things that one task moves away.
        """
        kept = self._aside_of(task, place, number)
        parent = self.tree.directory(place[:-1])
        found = os.stat(place[-1], dir_fd=parent, follow_symlinks=False)
        step = Step(0, task, "aside", place, kept, found.st_ino, found.st_size, _when(found))
        self.journal.step(step)
        self.tree.move(place, kept)
        self._known = {each for each in self._known if each[: len(place)] != place}

    def _aside_of(self, task: int, place: Parts, number: int = 0) -> Parts:
        folder = (*self.tree.volume_of(place), *self._aside)
        self.folder(task, folder)
        return (*folder, f"{task}.{number}" if number else str(task))

    def undo(self, steps: Iterable[Step]) -> list[str]:
        """Take steps back, given with the last first; return what was left, in words.

        Raises CorruptStoreError (42) for a step that no run wrote, OSError when the target cannot be written.
        """
        left = []
        self._known = self._roots()
        for step in steps:
            _refuse_odd(step)
            if step.kind in {"folder", "aside", "swap"}:
                self.tree.forget()
            said = _taken_back(self.tree, step)
            if said:
                left.append(f"{'/'.join(step.path)}: {said}")
            self.journal.forget(step.id)
        self.journal.commit()
        return left


def _refuse_odd(step: Step) -> None:
    """Raise CorruptStoreError for what a planted journal says: kinds and names that no step has."""
    places = (step.path, step.aside) if step.kind in {"aside", "swap"} else (step.path,)
    names = {name for place in places for name in place}
    if (
        step.kind not in _BACK
        or not all(places)
        or names & _NO_NAMES
        or any("\0" in n for n in names)
    ):
        raise CorruptStoreError(f"step {step.id} of the journal is none that a restore makes")


def _taken_back(tree: Tree, step: Step) -> str:
    """Take a step back; return why it was left, in words, where somebody changed what lies around it."""
    try:
        return _BACK[step.kind](tree, step)
    except OSError as error:
        if error.errno not in _CHANGED_SINCE:
            raise
        return f"it stays as it is: {error.strerror}"


def _when(found: os.stat_result) -> int:
    """Return a time of modification as a journal holds it: NTFS has times that no 64 bits of nanoseconds do."""
    return found.st_mtime_ns & (1 << 63) - 1


def _exists(name: str, parent: int) -> bool:
    try:
        os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _found(tree: Tree, parts: Parts) -> os.stat_result | None:
    try:
        return os.stat(parts[-1], dir_fd=tree.directory(parts[:-1]), follow_symlinks=False)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _no_folder(tree: Tree, step: Step) -> str:
    if _found(tree, step.path) is None:
        return ""
    try:
        os.rmdir(step.path[-1], dir_fd=tree.directory(step.path[:-1]))
    except OSError as error:
        return f"the folder stays: {error.strerror}"
    return ""


def _no_temporary(tree: Tree, step: Step) -> str:
    if _found(tree, step.path) is not None:
        _remove(tree, step.path)
    return ""


def _no_place(tree: Tree, step: Step) -> str:
    found = _found(tree, step.path)
    if found is None or found.st_ino != step.inode:
        return ""
    told, now = (step.size, step.modified), (found.st_size, _when(found))
    if not stat.S_ISDIR(found.st_mode) and step.size != ANY and now != told:
        return "it was changed since, and stays"
    _remove(tree, step.path)
    return ""


def _no_aside(tree: Tree, step: Step) -> str:
    if _found(tree, step.aside) is None:
        return ""
    if _found(tree, step.path) is not None:
        return f"what it replaced stays at {'/'.join(step.aside)}"
    tree.directory(step.path[:-1], create=True)
    tree.move(step.aside, step.path)
    return ""


def _no_swap(tree: Tree, step: Step) -> str:
    kept, found = _found(tree, step.aside), _found(tree, step.path)
    if kept is None:
        return ""
    if found is not None and found.st_ino == kept.st_ino:  # two names, and no swap yet
        tree.remove(step.aside)
        return ""
    told = (step.inode, step.size, step.modified)
    if found is not None and (found.st_ino, found.st_size, _when(found)) != told:
        return f"it was changed since, and stays; what it replaced stays at {'/'.join(step.aside)}"
    tree.directory(step.path[:-1], create=True)
    tree.move(step.aside, step.path)
    return ""


def _remove(tree: Tree, parts: Parts) -> None:
    """Remove a file, a link or an empty folder."""
    parent = tree.directory(parts[:-1])
    with suppress(IsADirectoryError, PermissionError):
        os.unlink(parts[-1], dir_fd=parent)
        return
    os.rmdir(parts[-1], dir_fd=parent)


_BACK = {
    "folder": _no_folder,
    "temporary": _no_temporary,
    "place": _no_place,
    "aside": _no_aside,
    "swap": _no_swap,
}
