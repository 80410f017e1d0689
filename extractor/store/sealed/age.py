"""Bytes -> an age file, an age file -> bytes, both in a stream, by pyrage (which only ``keys`` knows besides).

pyrage holds Python's global lock but for the reads, writes and hashes between (measured, 1.4.0), so sealing in several
threads gains nothing, while others get their turns. A processor seals about 450 MB/s, both hashes included.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import pyrage

Block = bytes | bytearray | memoryview
BLOCK = 1 << 20
"""Bytes read and hashed at a time."""
Result = TypeVar("Result")


class UnsealError(Exception):
    """An age file that cannot be opened: by these identities, or at all; the text is pyrage's reason in one line."""


class Source(Protocol):
    """What is read."""

    def read(self, size: int, /) -> bytes: ...


class Target(Protocol):
    """What decrypted bytes are written to."""

    def write(self, data: bytes, /) -> object: ...


Data = Block | Source
"""What can be sealed: bytes, or a file that is read from where it stands to its end."""


@dataclass(frozen=True, slots=True)
class Sums:
    """Sizes (bytes) and SHA-256 of a plaintext and of its sealed form."""

    size: int
    sha256: str
    sealed_size: int
    sealed_sha256: str


class _Reader:
    """Blocks as the reader that pyrage wants, counted and hashed on the way; an error is kept, for pyrage loses it."""

    def __init__(self, blocks: Iterable[Block]) -> None:
        self._blocks = iter(blocks)
        self._left = memoryview(b"")
        self.size = 0
        self.digest = hashlib.sha256()
        self.failure: BaseException | None = None

    def read(self, size: int = -1) -> bytes:
        try:
            return self._read(size)
        except BaseException as error:  # Ctrl+C too, which Python raises in here
            self.failure = error
            raise

    def _read(self, size: int) -> bytes:
        if not self._left:
            self._left = memoryview(next(self._blocks, b""))
            self.size += len(self._left)
            self.digest.update(self._left)
        piece, self._left = self._left[:size], self._left[size:]
        return bytes(piece)


class _Writer:
    """A target as the writer that pyrage wants, counted, hashed and bounded; an error is kept."""

    def __init__(self, target: Target, limit: int | None = None) -> None:
        self._target = target
        self._limit = limit
        self.size = 0
        self.digest = hashlib.sha256()
        self.failure: BaseException | None = None

    def write(self, data: bytes) -> int:
        if self.failure is not None:  # pyrage tries again what is left in its buffer
            raise self.failure
        try:
            self._count(len(data))
            self.digest.update(data)
            self._target.write(data)
        except BaseException as error:
            self.failure = error
            raise
        return len(data)

    def _count(self, size: int) -> None:
        self.size += size
        if self._limit is not None and self.size > self._limit:
            raise UnsealError(f"it holds more than the {self._limit} bytes expected")

    def flush(self) -> None: ...


def seal(data: Data, target: Target, recipients: Sequence[object]) -> Sums:
    """Write ``data`` to ``target`` as one age file for ``recipients``; errors of either pass through as they are."""
    reader, writer = _Reader(_blocks(data)), _Writer(target)
    _kept(reader, writer, lambda: pyrage.encrypt_io(reader, writer, list(recipients)))
    return Sums(reader.size, reader.digest.hexdigest(), writer.size, writer.digest.hexdigest())


def unseal(source: Source, target: Target, identities: Sequence[object], limit: int) -> str:
    """Write what an age file holds, at most ``limit`` bytes, to ``target``; return its SHA-256.

    Every 64 KiB are authentic before they are written, but only the return says that none is missing. Raises
    UnsealError; errors of the source and the target pass through.
    """
    reader, writer = _Reader(iter(lambda: source.read(BLOCK), b"")), _Writer(target, limit)
    try:
        _kept(reader, writer, lambda: pyrage.decrypt_io(reader, writer, list(identities)))
    except (
        pyrage.DecryptError,
        OSError,
    ) as error:  # OSError: what pyrage says of a damaged payload
        if error in (reader.failure, writer.failure):
            raise
        raise UnsealError(_reason(error)) from error
    return writer.digest.hexdigest()


def unsealed(sealed: bytes, identities: Sequence[object], limit: int) -> bytes:
    """Return what a small age file holds; raise UnsealError."""
    target = io.BytesIO()
    unseal(io.BytesIO(sealed), target, identities, limit)
    return target.getvalue()


def seal_with_passphrase(data: bytes, passphrase: str) -> bytes:
    """Return an age file that a passphrase opens; scrypt makes it take about a second."""
    return bytes(pyrage.passphrase.encrypt(data, passphrase))


def unseal_with_passphrase(sealed: bytes, passphrase: str) -> bytes:
    """Return what an age file made with a passphrase holds; raise UnsealError."""
    try:
        return bytes(pyrage.passphrase.decrypt(sealed, passphrase))
    except pyrage.DecryptError as error:
        raise UnsealError(_reason(error)) from error


def _kept(reader: _Reader, writer: _Writer, work: Callable[[], Result]) -> Result:
    """Run ``work``; when reader or writer failed raise their error, not what pyrage made of it."""
    try:
        result = work()
    except BaseException as error:
        failure = reader.failure or writer.failure
        if failure is not None and failure is not error:
            raise failure from None
        raise
    failure = reader.failure or writer.failure
    if failure is not None:  # pyrage drops what its last write raised
        raise failure
    return result


def _blocks(data: Data) -> Iterator[Block]:
    if isinstance(data, bytes | bytearray | memoryview):
        view = memoryview(data)
        return (view[at : at + BLOCK] for at in range(0, len(view), BLOCK))
    return iter(lambda: data.read(BLOCK), b"")


def _reason(error: Exception) -> str:
    return str(error).partition("\n")[0].rstrip(".")
