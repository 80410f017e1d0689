r"""EXPERIMENTAL: a ``.MIG`` without a password -> the files that can be found in it. Nothing of this is verified.

Microsoft has not published the format, and no real USMT store was at hand. A record, as far as file(1)'s magic tells
(store.md 2.2), offsets from its beginning:

* 0x00 ``MRTS``; 0x04 u32 LE, bytes of the name; 0x08 sixteen unknown bytes
* 0x18 the name, UTF-16LE, ``File\C:\Users\...``: a kind of object, a backslash, the path
* then eight unknown bytes, and a zlib stream (RFC 1950), whose Adler-32 is the only proof of a content there is

Where a record ends is not known: the next one is searched after the stream. Whether a large file has several streams
is not known either; what lies behind the first would not be found.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import IO, Protocol

from extractor.errors import UnsupportedError
from extractor.model import printable
from extractor.store.failures import reading
from extractor.store.mig.recognise import MAGIC, RECORD
from extractor.store.safe_name import safe_name

LABEL = "experimental, unverified"
BLOCK = 1 << 16
"""Compressed bytes read at a time."""
PIECE = 1 << 20
"""Decompressed bytes made at a time, whatever a stream promises."""
LONGEST_NAME = 2 * 32767
"""Bytes of a path of Windows in UTF-16."""
NAME_AT = 0x18
UNKNOWN_AFTER_NAME = 8
_NAME = re.compile(r"[A-Za-z]{1,32}\\[^\x00]+")


class State(StrEnum):
    """What became of one stream."""

    WHOLE = "whole: its checksum is right"
    DAMAGED = "damaged: what stands before the damage is there"
    CUT = "cut: the file ends in it"
    REFUSED = "refused: it grows beyond the limit"
    NONE = "no zlib stream where one was expected"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a hostile file is allowed; sizes in bytes."""

    file: int = 4 << 30
    """Decompressed bytes of one file: nothing is known of how larger ones are stored."""
    ratio: int = 200
    """Decompressed bytes for one compressed, once a file has more than ``free``; deflate can give 1032."""
    free: int = 64 << 20
    effort: int = 4
    """How many times the size of the ``.MIG`` is decompressed at most: streams that overlap end the search."""


@dataclass(frozen=True, slots=True)
class CarvedFile:
    """A file that was found; ``name`` is the record's own, with the kind of object before the path."""

    name: str
    parts: tuple[str, ...]
    """The path made safe for this host, the drive first: ``("File", "C%3A", "Users", ...)``."""
    record: int
    """Offset of the record in the ``.MIG``."""
    data: int
    """Offset of the zlib stream."""
    compressed: int
    """Bytes of the stream that were used."""
    size: int
    """Bytes of the content that can be had."""
    state: State
    source: Path = field(repr=False)

    @property
    def sentence(self) -> str:
        """What a list says of it."""
        return (
            f"{printable(self.name)}: {self.size} bytes, record at {self.record:#x}, data at {self.data:#x},"
            f" {self.state} ({LABEL})"
        )

    def pieces(self) -> Iterator[bytes]:
        """Yield ``size`` bytes of content, again from the ``.MIG``."""
        if not self.size:
            return
        with reading(self.source), self.source.open("rb") as file:
            left = self.size
            for piece in _Inflation(file, self.data).pieces():
                yield piece[:left]
                left -= len(piece)
                if left <= 0:
                    return


def carve_mig(path: Path, limits: Limits | None = None) -> Iterator[CarvedFile]:
    """Yield the files that can be found in a ``.MIG``, in the order of their records.

    Raises UnsupportedError (61) for what is no ``.MIG``, and when the streams overlap so much that it cannot be one.
    """
    limits = limits or Limits()
    with reading(path), path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise UnsupportedError(f"{path}: is no .MIG (it does not begin with {MAGIC.decode()})")
        budget = limits.effort * file.seek(0, 2)
        record = _find(file, len(MAGIC))
        while record is not None:
            found = _carve(path, file, record, limits)
            if found is not None:
                yield found
                budget -= found.compressed
            if budget < 0:
                raise UnsupportedError(f"{path}: its streams overlap; it is not what it seems")
            record = _find(file, _after(record, found))


def _after(record: int, found: CarvedFile | None) -> int:
    """Return where the next record is searched: after a whole stream, else after the name."""
    if found is None:
        return record + len(RECORD)
    return found.data + (found.compressed if found.state is State.WHOLE else 0)


def _carve(path: Path, file: IO[bytes], record: int, limits: Limits) -> CarvedFile | None:
    name = _name(file, record)
    if name is None:
        return None
    data = record + NAME_AT + len(name.encode("utf-16-le", "surrogatepass")) + UNKNOWN_AFTER_NAME
    inflation = _Inflation(file, data)
    state = inflation.run(limits)
    parts = tuple(safe_name(each) for each in name.split("\\") if each)
    return CarvedFile(name, parts, record, data, inflation.used, inflation.made, state, path)


def _name(file: IO[bytes], record: int) -> str | None:
    r"""Return the name of a record; None when it is not ``Kind\path``, so that the four letters are mere content."""
    file.seek(record + len(RECORD))
    length = int.from_bytes(file.read(4), "little")
    if length % 2 or not 0 < length <= LONGEST_NAME:
        return None
    file.seek(record + NAME_AT)
    content = file.read(length)
    name = content.decode("utf-16-le", "surrogatepass") if len(content) == length else ""
    return name if _NAME.fullmatch(name) else None


class _Stream(Protocol):
    """zlib's decompressor, as far as it is used."""

    @property
    def eof(self) -> bool: ...
    @property
    def unconsumed_tail(self) -> bytes: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...
    def copy(self) -> _Stream: ...


class _Inflation:
    """One zlib stream, decompressed in pieces; ``used`` and ``made`` count its bytes on both sides."""

    def __init__(self, file: IO[bytes], start: int) -> None:
        self._file = file
        self._start = start
        self._stream: _Stream = zlib.decompressobj()
        self._state = State.CUT
        self.used = 0
        self.made = 0

    def run(self, limits: Limits) -> State:
        """Decompress to the end or to a limit, keeping nothing; return what became of it."""
        for _ in self.pieces():
            allowed = max(limits.free, self.used * limits.ratio)
            if self.made > min(limits.file, allowed):
                return State.REFUSED
        return State.NONE if self._state is not State.WHOLE and not self.made else self._state

    def pieces(self) -> Iterator[bytes]:
        """Yield the content until the stream, or what is sound of it, ends."""
        tail = b""
        while not self._stream.eof:
            block = tail or self._next()
            if not block:
                return
            before = self._stream.copy()
            try:
                piece = self._feed(block)
            except zlib.error:
                self._stream, self._state = before, State.DAMAGED
                yield from self._until_damage(block)
                return
            tail = self._stream.unconsumed_tail
            if piece:
                yield piece
        self._state = State.WHOLE

    def _feed(self, block: bytes) -> bytes:
        piece = self._stream.decompress(block, PIECE)
        left = len(self._stream.unconsumed_tail) + len(self._stream.unused_data)
        self.used += len(block) - left
        self.made += len(piece)
        return piece

    def _until_damage(self, block: bytes) -> Iterator[bytes]:
        """Yield what a block gives, byte by byte, before zlib gives up: in one go it would give nothing."""
        with suppress(zlib.error):
            for at in range(len(block)):
                yield self._feed(block[at : at + 1])

    def _next(self) -> bytes:
        # the caller may have moved the file, and ``used`` counts what was taken of it
        self._file.seek(self._start + self.used)
        return self._file.read(BLOCK)


def _find(file: IO[bytes], start: int) -> int | None:
    """Return the offset of the next ``MRTS`` at or after ``start``."""
    file.seek(start)
    kept = b""
    while block := file.read(BLOCK):
        window = kept + block
        at = window.find(RECORD)
        if at >= 0:
            return start - len(kept) + at
        start += len(block)
        kept = window[-(len(RECORD) - 1) :]
    return None
