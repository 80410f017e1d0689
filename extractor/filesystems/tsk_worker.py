"""The process in which The Sleuth Kit runs: ``python -m extractor.filesystems.tsk_worker FD``.

It is also where licences part: pytsk3 is loaded nowhere else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytsk3

from extractor.filesystems.confined import PIECE, fetch, first_line, run, send_digests, sha256
from extractor.filesystems.worker_protocol import send

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

BATCH = 500
"""Entries in one message."""
DATA = 128
"""Type of NTFS' $DATA."""
MOST_ENTRIES = 20_000_000
"""A bound for directories that a hostile volume lets grow for ever."""


class Bytes(pytsk3.Img_Info):  # type: ignore[misc]
    """A disk image for The Sleuth Kit whose bytes the parent gives."""

    def __init__(self, channel: socket.socket, size: int) -> None:
        self._channel = channel
        self._size = size
        super().__init__(url="", type=pytsk3.TSK_IMG_TYPE_EXTERNAL)

    def close(self) -> None:
        """Nothing is open here."""

    def get_size(self) -> int:
        return self._size

    def read(self, offset: int, length: int) -> bytes:
        # Bytes that are not to be had end the answer early: The Sleuth Kit takes a short read for an error, whereas an
        # exception in here would make pytsk3 lose the whole volume.
        return fetch(self._channel, offset, length)


class TskReader:
    """Answers the parent's requests, one at a time."""

    def __init__(self, channel: socket.socket, size: int) -> None:
        self._channel = channel
        self._fs = pytsk3.FS_Info(Bytes(channel, size))

    def answer(self, operation: str, arguments: list[Any]) -> None:
        """Carry out one request; its answer ends with a message that says ``done``."""
        operations: dict[str, Any] = {
            "entries": self.entries,
            "stat": self.stat,
            "read": self.read,
            "digests": self.digests,
        }
        operations[operation](*arguments)

    def entries(self) -> None:
        """Send all entries, in batches, and the directories that could not be read."""
        batch: list[list[Any]] = []
        for row in self._rows():
            batch.append(row)
            if len(batch) == BATCH:
                send(self._channel, {"rows": batch})
                batch = []
        root = self._fs.info.root_inum
        send(self._channel, {"rows": batch, "root": root, "done": True})

    def _rows(self) -> Iterator[list[Any]]:
        """Yield [record, sequence, parent, name, is directory, short name]; [record, reason] for a lost directory."""
        todo, seen, count = [self._fs.info.root_inum], set(), 0
        while todo and count < MOST_ENTRIES:
            directory = todo.pop()
            if directory in seen:
                continue
            seen.add(directory)
            try:
                for item in self._fs.open_dir(inode=directory):
                    row = _row(item, directory)
                    if row:
                        count += 1
                        yield row
                        if row[4] and row[0] != directory:
                            todo.append(row[0])
            except OSError as error:
                yield [directory, first_line(error)]

    def stat(self, record: int) -> None:
        """Send size, times and streams of a record."""
        file = self._fs.open_meta(inode=record)
        meta = file.info.meta
        send(
            self._channel,
            {
                "mode": int(meta.mode),
                "size": meta.size,
                "links": meta.nlink,
                "times": [
                    [int(getattr(meta, name)), int(getattr(meta, f"{name}_nano"))]
                    for name in ("crtime", "mtime", "ctime", "atime")
                ],
                "streams": [self._stream(each) for each in file if int(each.info.type) in (1, 128)],
                "done": True,
            },
        )

    def _stream(self, attribute: pytsk3.Attribute) -> dict[str, Any]:
        info, block = attribute.info, self._fs.info.block_size
        nonresident = int(info.flags) & int(pytsk3.TSK_FS_ATTR_NONRES)
        runs = [[run.addr * block, run.len * block, int(run.flags)] for run in attribute]
        return {
            "name": _text(info.name) if info.name else "",
            "size": info.size,
            "type": int(info.type),
            "id": info.id,
            "runs": runs if nonresident else [],
        }

    def read(self, record: int, kind: int, number: int, offset: int, length: int) -> None:
        """Send bytes of one attribute of a record."""
        file = self._fs.open_meta(inode=record)
        data = file.read_random(offset, length, _kind(kind), number)
        send(self._channel, {"done": True}, data)

    def digests(self, *wanted: list[Any]) -> None:
        """Send the SHA-256 of data streams, each [record, name, size], or why there is none."""
        send_digests(self._channel, wanted, self._digest)

    def _digest(self, record: int, name: str, size: int) -> str:
        file = self._fs.open_meta(inode=record)
        found = [
            (each.info.id, each.info.size)
            for each in file
            if int(each.info.type) == DATA and _text(each.info.name or b"") == name
        ]
        if len(found) != 1:
            raise OSError(f"it sees {len(found)} streams of this name")
        number, length = found[0]
        if length != size:
            raise OSError(f"it sees {length} of {size} bytes")
        pieces = (
            file.read_random(start, min(PIECE, size - start), _kind(DATA), number)
            for start in range(0, size, PIECE)
        )
        return sha256(self._channel, pieces, size)


def _kind(number: int) -> pytsk3.TSK_FS_ATTR_TYPE_ENUM:
    """Return the type of an attribute that holds content, as pytsk3 spells it."""
    kinds = (pytsk3.TSK_FS_ATTR_TYPE_DEFAULT, pytsk3.TSK_FS_ATTR_TYPE_NTFS_DATA)
    return next(value for value in kinds if int(value) == number)


def _row(item: pytsk3.File, directory: int) -> list[Any] | None:
    """Return the row of an entry; None for what is deleted, virtual, or the directory itself."""
    name = item.info.name
    if name is None or name.name in (b".", b"..") or not name.name:
        return None
    virtual = (pytsk3.TSK_FS_NAME_TYPE_VIRT, pytsk3.TSK_FS_NAME_TYPE_VIRT_DIR)
    if int(name.flags) & int(pytsk3.TSK_FS_NAME_FLAG_UNALLOC) or name.type in virtual:
        return None
    short = _text(name.shrt_name) if name.shrt_name else ""
    folder = name.type == pytsk3.TSK_FS_NAME_TYPE_DIR
    return [name.meta_addr, name.meta_seq, directory, _text(name.name), folder, short]


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


if __name__ == "__main__":
    run(TskReader)
