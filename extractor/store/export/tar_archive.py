"""A tar in PAX format, made of the standard library's headers: it needs no memory, and can be written into a pipe."""

from __future__ import annotations

import tarfile
from collections.abc import Callable
from tempfile import SpooledTemporaryFile
from typing import BinaryIO

from extractor.filetime import nanoseconds
from extractor.model import Record
from extractor.store.export.proof import Proof

BLOCK = tarfile.BLOCKSIZE
RECORD = tarfile.RECORDSIZE
IN_MEMORY = 1 << 24
"""Bytes of a text of ours that are kept in memory until its size is known."""


class TarArchive:
    """A tar being written to ``sink``; streams are members ``name:stream``."""

    beside = True

    def __init__(self, sink: BinaryIO) -> None:
        self._sink = sink
        self._seekable = sink.seekable()
        self._written = self._last = 0

    @property
    def links(self) -> TarArchive:
        """Make links by itself."""
        return self

    def spelled(self, name: str) -> str:
        """Return the name as it is."""
        return name

    def accepts(self, name: str) -> str:
        """Take every name."""
        return ""

    def directory(self, name: str, record: Record) -> None:
        """Add a directory."""
        self._begin(_info(name + "/", record, tarfile.DIRTYPE, mode=0o755))

    def symbolic_link(self, name: str, target: str, record: Record) -> None:
        """Add a symbolic link."""
        info = _info(name, record, tarfile.SYMTYPE, mode=0o777)
        info.linkname = target
        self._begin(info)

    def hard_link(self, name: str, first: str, record: Record) -> None:
        """Add another name of a member."""
        info = _info(name, record, tarfile.LNKTYPE)
        info.linkname = first
        self._begin(info)

    def file(self, name: str, content: Proof, record: Record | None) -> None:
        """Add a file."""
        info = _info(name, record, tarfile.REGTYPE)
        info.size = content.size
        self._begin(info)
        while data := content.read():
            self._write(data)
        self._pad(BLOCK)

    def take_back(self) -> bool:
        """Cut the last member off, where the target can be cut."""
        if self._seekable:
            self._sink.seek(self._last - self._written, 1)
            self._sink.truncate()
            self._written = self._last
        return self._seekable

    def text(self, name: str, write: Callable[[Callable[[bytes], object]], None]) -> None:
        """Add a file of ours, whose size is known only when it is written."""
        with SpooledTemporaryFile(IN_MEMORY) as kept:
            write(kept.write)
            info = _info(name, None, tarfile.REGTYPE)
            info.size = kept.tell()
            kept.seek(0)
            self._begin(info)
            while data := kept.read(1 << 20):
                self._write(data)
        self._pad(BLOCK)

    def finish(self) -> None:
        """Write the end."""
        self._write(bytes(2 * BLOCK))
        self._pad(RECORD)

    def close(self) -> None:
        """Do nothing: the sink is the caller's."""

    def _begin(self, info: tarfile.TarInfo) -> None:
        self._last = self._written
        self._write(info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape"))

    def _write(self, data: bytes) -> None:
        self._sink.write(data)
        self._written += len(data)

    def _pad(self, unit: int) -> None:
        self._write(bytes(-self._written % unit))


def _info(name: str, record: Record | None, kind: bytes, mode: int = 0o644) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.mode = kind, mode
    if record is None or record.metadata is None:
        return info
    times = record.metadata.times
    exact: dict[str, str] = {}
    for key, moment in (("mtime", times.modified), ("atime", times.accessed), ("ctime", times.changed)):  # fmt: skip
        found = nanoseconds(moment)
        if found is not None:
            exact[key] = seconds(found)
    info.pax_headers = exact
    info.mtime = max(0, (nanoseconds(times.modified) or 0) // 1_000_000_000)
    return info


def seconds(moment: int) -> str:
    """Return nanoseconds since 1970 as PAX writes them, to 100 ns: ``1700000000.1234567``, ``-1.5``."""
    sign, (whole, rest) = "-" if moment < 0 else "", divmod(abs(moment), 1_000_000_000)
    fraction = f"{rest // 100:07}".rstrip("0")
    return f"{sign}{whole}.{fraction}" if fraction else f"{sign}{whole}"
