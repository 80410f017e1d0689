"""FAT and exFAT, and a second opinion on NTFS, by The Sleuth Kit in a process of its own."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from extractor.errors import DamagedError, ImageError
from extractor.filesystems.tree import Tree, is_link
from extractor.filesystems.worker import Worker
from extractor.filetime import TICKS, UNIX_EPOCH
from extractor.model import (
    FILE_ATTRIBUTE_ARCHIVE,
    FILE_ATTRIBUTE_DIRECTORY,
    FILE_ATTRIBUTE_HIDDEN,
    FILE_ATTRIBUTE_READONLY,
    Damage,
    Entry,
    Metadata,
    Run,
    StreamInfo,
    Times,
    VolumeInfo,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from extractor.seams import Volume

TSK = ("tsk_worker", "The Sleuth Kit")
"""The module that runs in its process, and its name."""
PIECE = 1 << 20
"""Bytes asked of the worker at a time."""
LABEL = " (Volume Label Entry)"
"""How The Sleuth Kit marks the label of a FAT volume, which it lists as a file of the root."""
EXFAT_METAFILES = ("$ALLOC_BITMAP", "$UPCASE_TABLE", "$TEX_FAT", "$VOLUME_GUID")
"""What it lists in the root of exFAT for structures that Windows shows nobody."""
NTFS_METAFILES = 16
"""MFT records below hold the file system's own files."""
FILLER_RUN, SPARSE_RUN = 0x1, 0x2
"""TSK_FS_ATTR_RUN_FLAG_FILLER and _SPARSE: runs without clusters."""


def spelled(name: str) -> str:
    """Return a name with what The Sleuth Kit cannot say (controls, lone surrogates) as ``^``, its own sign."""
    return "".join("^" if unsayable(each) else each for each in name)


def unsayable(character: str) -> bool:
    """Tell whether The Sleuth Kit cannot say a character."""
    return ord(character) < 0x20 or 0xD800 <= ord(character) <= 0xDFFF


class TskFilesystem:
    """A volume as The Sleuth Kit reads it.

    FAT keeps local times of an unknown zone; they are given as if they were UTC. It has no security, streams or links.
    """

    def __init__(self, volume: Volume) -> None:
        self._volume = volume
        self._worker = Worker(volume, *TSK)
        try:
            self._worker.open()
            self._damage: list[Damage] = []
            with _sense():
                self._tree = self._plant()
        except DamagedError as error:
            self._worker.close()
            raise ImageError(f"volume {volume.info.id} cannot be opened: {error}") from error

    def _plant(self) -> Tree:
        rows: list[list[Any]] = []
        root = 0
        for header, _ in self._worker.ask({"op": "entries"}):
            rows += header["rows"]
            root = header.get("root", root)
        entries = []
        for row in rows:
            if len(row) == 2:
                self._damage.append(Damage(row[0], str(row[1])))
            elif row[0] != root and not (row[2] == root and self._is_metafile(row)):
                entries.append(Entry(*row))
        return Tree(Entry(root, 0, root, "", directory=True), entries, lambda _: True)

    def _is_metafile(self, row: list[Any]) -> bool:
        """Tell whether an entry of the root is a structure of the file system and no file."""
        kind = self.info.filesystem
        if kind == "ntfs":
            return bool(row[0] < NTFS_METAFILES)
        return bool(row[3].endswith(LABEL)) or (kind == "exfat" and row[3] in EXFAT_METAFILES)

    @property
    def info(self) -> VolumeInfo:
        return self._volume.info

    @property
    def root(self) -> Entry:
        return self._tree.root

    @property
    def damage(self) -> Sequence[Damage]:
        return tuple(self._damage)

    def children(self, directory: Entry) -> Sequence[Entry]:
        if is_link(directory) or not directory.directory:
            return ()
        return tuple(self._tree.children(directory.record))

    def named(self, name: str) -> Sequence[Entry]:
        return tuple(self._tree.named(name))

    def names(self, record: int) -> Sequence[Entry]:
        return tuple(self._tree.names(record))

    def path(self, entry: Entry) -> tuple[str, ...]:
        return self._tree.path(entry)

    def metadata(self, entry: Entry) -> Metadata:
        """Return times, attributes and streams; raise DamagedError."""
        facts = self._stat(entry)
        with _sense():
            times = Times(*(_filetime(seconds, nano) for seconds, nano in facts["times"]))
            return Metadata(
                attributes=_attributes(entry, facts["mode"], self.info.filesystem),
                times=times,
                name_times=times,
                streams=tuple(_stream_info(each) for each in self._streams(entry, facts)),
                link_count=len(self._tree.names(entry.record)),
            )

    def open(self, entry: Entry, stream: str = "") -> TskStream:
        """Open a stream; raise DamagedError."""
        facts = self._stat(entry)
        with _sense():
            for each in self._streams(entry, facts):
                if each["name"] == stream:
                    return TskStream(self._worker, entry.record, each)
        raise DamagedError(f"it has no stream {stream!r}" if stream else "it has no content")

    def close(self) -> None:
        """End the worker."""
        self._worker.close()

    def _stat(self, entry: Entry) -> dict[str, Any]:
        answers = list(self._worker.ask({"op": "stat", "arguments": [entry.record]}))
        return answers[-1][0]

    def _streams(self, entry: Entry, facts: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the data streams; a directory's own blocks on FAT are none."""
        found = [each for each in facts["streams"] if each["type"] == 128 or not entry.directory]
        return sorted(found, key=lambda each: str(each["name"]))


class TskStream:
    """The content of a file as The Sleuth Kit reads it."""

    def __init__(self, worker: Worker, record: int, facts: dict[str, Any]) -> None:
        self.size: int = facts["size"]
        self._worker = worker
        self._address = [record, facts["type"], facts["id"]]

    def extents(self) -> Iterable[tuple[int, int]]:
        return [(0, self.size)] if self.size else []

    def read_at(self, offset: int, length: int) -> bytes:
        """Return bytes; raise DamagedError."""
        end = min(offset + length, self.size)
        return b"".join(
            self._piece(start, min(PIECE, end - start)) for start in range(offset, end, PIECE)
        )

    def _piece(self, offset: int, length: int) -> bytes:
        request = {"op": "read", "arguments": [*self._address, offset, length]}
        data = b"".join(payload for _, payload in self._worker.ask(request))
        if len(data) != length:
            reason = self._worker.problem or "The Sleuth Kit gives no more"
            raise DamagedError(f"only {len(data)} of {length} bytes at {offset}: {reason}")
        return data


@contextmanager
def _sense() -> Iterator[None]:
    """Take a message of the wrong shape for what it is: a worker that hostile bytes have led astray."""
    try:
        yield
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise DamagedError(f"The Sleuth Kit answered nonsense ({error!r})") from error


def _stream_info(facts: dict[str, Any]) -> StreamInfo:
    runs = tuple(
        Run(None if flags & (SPARSE_RUN | FILLER_RUN) else offset, length)
        for offset, length, flags in facts["runs"]
    )
    allocated = sum(run.length for run in runs if run.offset is not None)
    return StreamInfo(
        facts["name"], facts["size"], allocated, facts["size"], resident=not runs, runs=runs
    )


def _filetime(seconds: int, nano: int) -> int:
    return UNIX_EPOCH + seconds * TICKS + nano // 100 if seconds else 0


def _attributes(entry: Entry, mode: int, filesystem: str) -> int:
    """Return FILE_ATTRIBUTE_* as far as The Sleuth Kit keeps them: on FAT read-only and hidden, as permissions."""
    attributes = FILE_ATTRIBUTE_DIRECTORY if entry.directory else FILE_ATTRIBUTE_ARCHIVE
    if filesystem == "ntfs":
        return attributes
    for bit, attribute in (
        (0o400, FILE_ATTRIBUTE_READONLY),
        (0o200, FILE_ATTRIBUTE_HIDDEN),
    ):
        attributes |= 0 if mode & bit else attribute
    return attributes
