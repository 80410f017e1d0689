"""Stream -> the parts that a file of the store is made of, in order.

Only what ``extents()`` names is looked at; all between is zeros. Where a stream can tell in which file of the host its
bytes lie, they are not read here. A stream is an attacker's: its extents are checked, its bytes counted, and a huge
one of almost nothing is refused.
"""

from __future__ import annotations

from collections.abc import Iterator

from extractor.errors import DamagedError, UnsupportedError
from extractor.model import StreamInfo
from extractor.seams import ZEROS, Piece, Stream, mapped
from extractor.store.digest import BLOCK
from extractor.store.failures import in_words
from extractor.store.hand import Part

SPARSE_LIMIT = 64 << 30
"""Logical size from which a file must have something to show for it."""
SPARSE_RATIO = 1000
"""Logical bytes per allocated byte beyond which a large file is refused."""


def parts_of(stream: Stream, info: StreamInfo, sparse_limit: int = SPARSE_LIMIT) -> Iterator[Part]:
    """Return the parts of a stream; ``sparse_limit`` is in bytes.

    Raises DamagedError when the stream is not as long as its metadata says or its extents make no sense,
    UnsupportedError for a sparse bomb, and whatever SourceError the reading raises: now, or while it goes on.
    """
    if stream.size != info.size:
        raise DamagedError(f"holds {stream.size} bytes where its metadata says {info.size}")
    _refuse_bomb(stream, info, sparse_limit)
    return _parts(stream, info.size)


def _parts(stream: Stream, size: int) -> Iterator[Part]:
    position, known = 0, mapped(stream)
    for offset, length in checked_extents(stream):
        if offset > position:
            yield Piece(ZEROS, 0, offset - position)
        pieces = known.pieces(offset, length) if known else None
        yield from pieces if pieces is not None else _blocks(stream, offset, length)
        position = offset + length
    if size > position:
        yield Piece(ZEROS, 0, size - position)


def is_hollow(stream: Stream, info: StreamInfo) -> bool:
    """Tell whether a stream is huge and almost nothing of it is allocated."""
    return info.size > SPARSE_LIMIT and _held(stream, info) * SPARSE_RATIO < info.size


def _held(stream: Stream, info: StreamInfo) -> int:
    held = sum(length for _, length in checked_extents(stream))
    return min(held, info.allocated or held)


def _refuse_bomb(stream: Stream, info: StreamInfo, sparse_limit: int) -> None:
    if info.size <= sparse_limit:
        return
    held = _held(stream, info)
    if held * SPARSE_RATIO < info.size:
        raise UnsupportedError(
            f"sparse file of {info.size} bytes logical ({in_words(info.size)}), {held} of them allocated: beyond"
            f" the limit of {in_words(sparse_limit)}; raise the sparse limit to store it"
        )


def checked_extents(stream: Stream) -> Iterator[tuple[int, int]]:
    """Yield the stream's extents; raise DamagedError when they overlap, go back or pass its end."""
    position = 0
    for offset, length in stream.extents():
        if length < 0 or offset < position or offset + length > stream.size:
            raise DamagedError(f"extent {offset}+{length} does not fit into {stream.size} bytes")
        position = offset + length
        if length:
            yield offset, length


def _blocks(stream: Stream, offset: int, length: int) -> Iterator[bytes]:
    end = offset + length
    while offset < end:
        wanted = min(BLOCK, end - offset)
        data = stream.read_at(offset, wanted)
        if len(data) != wanted:
            raise DamagedError(f"ends early: {len(data)} of {wanted} bytes at offset {offset}")
        yield data
        offset += wanted
