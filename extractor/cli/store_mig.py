"""``--experimental-mig`` of ``store ls`` and ``store extract``: what a search finds in a store of Microsoft's.

Microsoft has not published the format; all of this is labelled so, in what is printed and in the folder's own name.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from extractor.cli.store_opening import NOTHING, tell_unmatched
from extractor.errors import NoSuchStoreError, StoreError, StoreLocationError
from extractor.model import WinPath, printable
from extractor.store.failures import free_space
from extractor.store.listing import matches, takes
from extractor.store.mig.carve import LABEL, CarvedFile, State, carve_mig
from extractor.store.mig.recognise import MigFile, recognise_mig
from extractor.store.tree import Parts, Tree, open_tree

MIG_HELP = "STORE is a .MIG of Microsoft's: search it for files; experimental, unverified"
FOLDER = "experimental-unverified"
"""Below the destination: nobody shall take what lies in it for a verified extraction."""
LEAST, TIMES = 1 << 30, 32
"""Bytes that may be written in all: the first in any case, else as many times the size of the ``.MIG``."""
_THE_END = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO})
_WRITTEN = frozenset({State.WHOLE, State.DAMAGED, State.CUT})


def list_mig(path: Path, patterns: Sequence[str]) -> int:
    """Print a line for each file that the search finds; 0, or 3 when a pattern takes nothing."""
    found = _carvable(path)
    unmatched = dict.fromkeys(patterns)
    for each in carve_mig(found.path):
        where = _place(each)
        for pattern in [one for one in unmatched if matches([one], where)]:
            del unmatched[pattern]
        if takes(patterns, (), where):
            print(printable(each.sentence))
    return tell_unmatched(unmatched)


def extract_mig(
    path: Path,
    folder: Path,
    include: Sequence[str],
    exclude: Sequence[str],
    *,
    overwrite: bool,
) -> int:
    """Write what the search finds below ``folder/experimental-unverified``; 0, or 3 when something is not whole."""
    found = _carvable(path)
    limit = max(LEAST, TIMES * found.path.stat().st_size)
    with _destination(folder) as tree:
        writing = _Writing(tree, folder, limit, overwrite=overwrite)
        for each in _asked(found, include, exclude):
            writing.take(each)
    print(
        printable(
            f"{folder / FOLDER}: {writing.files} files written ({writing.bytes} bytes), {writing.failed} not whole or"
            f" not written: {LABEL}"
        )
    )
    return NOTHING if writing.failed else 0


def _carvable(path: Path) -> MigFile:
    """Return the ``.MIG`` that a path names; raise NoSuchStoreError (27) for what cannot be searched."""
    found = recognise_mig(path)
    if found is None:
        raise NoSuchStoreError(f"{path} is no store of Microsoft's tools")
    if not found.carvable:
        raise NoSuchStoreError(found.sentence)
    print(
        f"warning: {LABEL}: Microsoft has not published this format; checksums are zlib's, nothing else is proven",
        file=sys.stderr,
    )
    return found


def _asked(found: MigFile, include: Sequence[str], exclude: Sequence[str]) -> Iterator[CarvedFile]:
    return (each for each in carve_mig(found.path) if takes(include, exclude, _place(each)))


def _place(found: CarvedFile) -> WinPath:
    r"""Return the path in a record's name, ``File\C:\Users\…``, without the kind of object."""
    _, _, path = found.name.partition("\\")
    drive, _, rest = path.partition("\\")
    return WinPath(drive, tuple(filter(None, rest.split("\\"))))


def _destination(folder: Path) -> Tree:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return open_tree(folder)
    except OSError as error:
        raise StoreLocationError(f"{folder} cannot be used: {error.strerror}") from error


class _NotWholeError(Exception):
    """One file that is not there, or not whole; the others go on."""


@dataclass(slots=True)
class _Writing:
    """Files on their way out."""

    tree: Tree
    folder: Path
    left: int
    """Bytes that may still be written."""
    overwrite: bool
    files: int = 0
    bytes: int = 0
    failed: int = 0
    _ours: set[Parts] = field(default_factory=set)

    def take(self, found: CarvedFile) -> None:
        """Write a file, or name what is wrong with it; raise StoreError (72) when nothing more can be written."""
        try:
            self._write(found)
        except _NotWholeError as error:
            reason = str(error)
        except OSError as error:
            if error.errno in _THE_END:
                raise StoreError(
                    f"{self.folder}: cannot be written: {error.strerror} ({free_space(self.folder)})"
                ) from error
            reason = f"cannot be written: {error.strerror or error}"
        else:
            return
        self.failed += 1
        print(printable(f"{found.name}: {reason} ({LABEL})"))

    def _write(self, found: CarvedFile) -> None:
        if found.state not in _WRITTEN:
            raise _NotWholeError(str(found.state))
        if found.size > self.left:
            raise _NotWholeError("not written: all files together are beyond the limit")
        parts = self._parts(found)
        with os.fdopen(self.tree.create(parts), "wb") as file:
            file.writelines(found.pieces())
        self.left -= found.size
        self.bytes += found.size
        self.files += 1
        if found.state is not State.WHOLE:
            raise _NotWholeError(f"{found.size} bytes are written as {parts[-1]}: {found.state}")

    def _parts(self, found: CarvedFile) -> Parts:
        """Return a free place; what is not whole, and a second file of one name, says so in its name."""
        *above, name = (FOLDER, *found.parts)
        short = name.encode()[:200].decode("utf-8", "ignore")
        if found.state is not State.WHOLE:
            name = f"{short}.{found.record:x}.partial"
        if (*above, name) in self._ours:
            name = f"{short}.{found.record:x}"
        parts = (*above, name)
        if self._exists(parts):
            if not self.overwrite:
                raise FileExistsError(errno.EEXIST, "something of this name is there already")
            self.tree.remove(parts)
        self._ours.add(parts)
        return parts

    def _exists(self, parts: Parts) -> bool:
        try:
            return self.tree.exists(parts)
        except OSError:  # no folder yet, or none that can be one
            return False
