r"""A folder of this host -> Filesystem: the root of a Windows volume that is mounted here, as the readers see an image.

Reached by directory descriptors only and without following a link (``Tree``). A folder is read when it is first asked
for, so look-ups by name or record know what was met so far, and what lies where every Windows has it
(``\*\System32\config\SOFTWARE``). Numbers of records are the inodes, which ntfs-3g makes of them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from threading import Lock

from extractor.errors import DamagedError, StoreLocationError, UnsupportedError
from extractor.filesystems.tree import sort_key
from extractor.model import (
    FILE_ATTRIBUTE_ARCHIVE,
    FILE_ATTRIBUTE_DIRECTORY,
    Damage,
    Entry,
    Metadata,
    StreamInfo,
    Times,
    VolumeInfo,
    upcase,
)
from extractor.restore.host import Host
from extractor.store.tree import Parts, Tree, open_tree

SYMBOLIC_LINK = 0xA000000C
"""What ntfs-3g shows as a link may be any reparse point; none is followed."""
BELOW_WINDOWS = (("System32",), ("System32", "config"))
"""Folders of a Windows whose names are looked up."""


class HostFilesystem:
    """The tree below one folder of this host (seam: Filesystem)."""

    def __init__(self, root: Path, info: VolumeInfo) -> None:
        """Open a folder; raise StoreLocationError (27) when that cannot be."""
        self.info = info
        self.damage: Sequence[Damage] = ()
        try:
            self._tree: Tree = open_tree(root)
        except OSError as error:
            raise StoreLocationError(f"{root} cannot be used: {error.strerror}") from error
        self._lock = Lock()
        number = os.fstat(self._tree.root).st_ino
        self.root = Entry(number, 1, number, "", directory=True)
        self._paths: dict[tuple[int, int, str], Parts] = {_key(self.root): ()}
        self._met: dict[int, list[Entry]] = {number: [self.root]}
        self._children: dict[Parts, list[Entry]] = {}
        self._host = Host(self._tree.root)

    def children(self, directory: Entry) -> Sequence[Entry]:
        if directory.reparse_tag or not directory.directory:
            return []
        parts = self.path(directory)
        with self._lock:
            if parts not in self._children:
                self._children[parts] = self._read(parts, directory)
            return self._children[parts]

    def _read(self, parts: Parts, directory: Entry) -> list[Entry]:
        try:
            with os.scandir(self._tree.directory(parts)) as found:
                entries = [_entry(each, directory.record) for each in found]
        except OSError:  # gone, or a link by now: what is not there is not found
            return []
        for each in entries:
            self._paths[_key(each)] = (*parts, each.name)
            self._met.setdefault(each.record, []).append(each)
        return sorted(entries, key=sort_key)

    def named(self, name: str) -> Sequence[Entry]:
        for directory in self._places():
            self.children(directory)
        wanted = upcase(name)
        with self._lock:
            every = [each for entries in self._children.values() for each in entries]
        return [each for each in every if upcase(each.name) == wanted]

    def _places(self) -> Iterator[Entry]:
        """Yield the folders in which the search for a Windows begins."""
        for top in self.children(self.root):
            yield top
            for below in BELOW_WINDOWS:
                found = self._below(top, below)
                if found:
                    yield found

    def _below(self, directory: Entry, names: Iterable[str]) -> Entry | None:
        here: Entry | None = directory
        for name in names:
            inside = self.children(here) if here else []
            here = next((each for each in inside if upcase(each.name) == upcase(name)), None)
        return here

    def names(self, record: int) -> Sequence[Entry]:
        return self._met.get(record, ())

    def path(self, entry: Entry) -> Parts:
        return self._paths[_key(entry)]

    def metadata(self, entry: Entry) -> Metadata:
        try:
            file = self._open(entry)
            try:
                about, traits = os.fstat(file), self._host.traits(file)
            finally:
                os.close(file)
        except OSError as error:
            raise DamagedError(f"{entry.name}: {error.strerror}") from error
        usual = FILE_ATTRIBUTE_DIRECTORY if entry.directory else FILE_ATTRIBUTE_ARCHIVE
        own = () if entry.directory else (StreamInfo("", about.st_size, valid=about.st_size),)
        return Metadata(
            attributes=traits.attributes or usual,
            times=_times(traits.times),
            streams=own,
            security=traits.security,
            link_count=about.st_nlink,
        )

    def open(self, entry: Entry, stream: str = "") -> HostStream:
        if stream:
            raise UnsupportedError(f"{entry.name}: named streams are not read here")
        return HostStream(self, entry)

    def read(self, entry: Entry, offset: int, length: int) -> bytes:
        """Return bytes of a file, fewer only at its end; raise DamagedError."""
        pieces: list[bytes] = []
        try:
            file = self._open(entry)
            try:
                while length > 0 and (piece := os.pread(file, length, offset)):
                    pieces.append(piece)
                    offset, length = offset + len(piece), length - len(piece)
            finally:
                os.close(file)
        except OSError as error:
            raise DamagedError(f"{entry.name}: {error.strerror or error}") from error
        return b"".join(pieces)

    def _open(self, entry: Entry) -> int:
        """Return a descriptor, the caller's to close."""
        parts = self.path(entry)
        with self._lock:
            if entry.directory:
                return os.dup(self._tree.directory(parts))
            return self._tree.open(parts)

    def size(self, entry: Entry) -> int:
        """Return the bytes of a file; raise DamagedError."""
        return self.metadata(entry).size

    def close(self) -> None:
        self._tree.close()


class HostStream:
    """A file's content (seam: Stream); nothing stays open between two reads, so the volume can be unmounted."""

    def __init__(self, filesystem: HostFilesystem, entry: Entry) -> None:
        self._filesystem, self._entry = filesystem, entry

    @property
    def size(self) -> int:
        return self._filesystem.size(self._entry)

    def read_at(self, offset: int, length: int) -> bytes:
        return self._filesystem.read(self._entry, offset, length)

    def extents(self) -> Iterable[tuple[int, int]]:
        return [(0, self.size)] if self.size else []


def _key(entry: Entry) -> tuple[int, int, str]:
    return entry.record, entry.parent, entry.name


def _entry(found: os.DirEntry[str], parent: int) -> Entry:
    tag = SYMBOLIC_LINK if found.is_symlink() else 0
    directory = found.is_dir(follow_symlinks=False)
    return Entry(found.inode(), 1, parent, found.name, directory, reparse_tag=tag)


def _times(packed: bytes) -> Times:
    """Return the times as ntfs-3g has them (``system.ntfs_times_be``): created, modified, accessed, changed."""
    if len(packed) < 32:
        return Times()
    created, modified, accessed, changed = (
        int.from_bytes(packed[at : at + 8], "big") for at in (0, 8, 16, 24)
    )
    return Times(created, modified, changed, accessed)
