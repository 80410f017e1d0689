"""The process in which The Sleuth Kit runs: ``python -m extractor.filesystems.tsk_worker FD``.

Native code reads hostile bytes here, so this process may open no file, write none and take little memory; the bytes of
the volume come from the parent over the socket FD. It is also where licences part: pytsk3 is loaded nowhere else.
"""

from __future__ import annotations

import resource
import socket
import sys
from typing import TYPE_CHECKING, Any

import pytsk3

from extractor.filesystems.tsk_protocol import receive, send

if TYPE_CHECKING:
    from collections.abc import Iterator

MEMORY = 2 << 30
"""Bytes of address space, Python and libraries included."""
BATCH = 500
"""Entries in one message."""
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
        send(self._channel, {"ask": [offset, length]})
        # Bytes that are not to be had end the answer early: The Sleuth Kit takes a short read for an error, whereas an
        # exception in here would make pytsk3 lose the whole volume.
        return receive(self._channel)[1]


class Worker:
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
                yield [directory, _first_line(error)]

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
        attribute_type = next(
            value for value in (pytsk3.TSK_FS_ATTR_TYPE_DEFAULT, pytsk3.TSK_FS_ATTR_TYPE_NTFS_DATA)
            if int(value) == kind
        )  # fmt: skip
        data = file.read_random(offset, length, attribute_type, number)
        send(self._channel, {"done": True}, data)


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


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def confine() -> None:
    """Give up what reading a volume does not need: files, memory without end, core dumps."""
    for limit, value in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 0),
    ):
        resource.setrlimit(limit, (value, value))


def serve(channel: socket.socket) -> None:
    """Answer requests until the parent is gone; an error of the library is an answer too."""
    header, _ = receive(channel)
    worker: Worker | None = None
    while True:
        try:
            if worker is None:
                worker = Worker(channel, header["size"])
                send(channel, {"done": True})
            else:
                worker.answer(header["op"], header.get("arguments", []))
        except (
            OSError,
            MemoryError,
            StopIteration,
            AttributeError,
            TypeError,
            KeyError,
            RuntimeError,
        ) as error:
            send(channel, {"error": _first_line(error)})
        header, _ = receive(channel)


def main() -> None:
    """Serve on the socket whose number is the first argument."""
    with socket.socket(fileno=int(sys.argv[1])) as channel:
        confine()
        try:
            serve(channel)
        except EOFError:
            return  # the parent closed the socket: the work is done


if __name__ == "__main__":
    main()
