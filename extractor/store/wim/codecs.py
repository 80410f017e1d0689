"""Chunks compressed and decompressed by libwim, and the cheap test for chunks that no codec makes smaller.

libwim is bound in ``filesystems/libwim.py``; here it has the words and the errors of a store.
"""

from __future__ import annotations

from enum import StrEnum

import numpy as np

from extractor.errors import CorruptStoreError, StoreError
from extractor.filesystems import libwim
from extractor.filesystems.libwim import Codec
from extractor.store.wim.format import CHUNK, Flag

SAMPLE = 31
"""One byte in so many is looked at: odd, or only the low bytes of an array of numbers would be seen."""
_DENSE = 5
"""The same, in a last chunk that may be short."""
_FLAT = 1.15
"""A chunk whose sampled bytes meet each other no oftener than this, random ones being 1, counts as incompressible."""
_SHORT = 4096
"""A chunk with fewer bytes is always tried: its sample says too little."""


class Compression(StrEnum):
    """How chunks are compressed."""

    NONE = "none"
    XPRESS = "xpress"
    LZX = "lzx"

    @property
    def flags(self) -> Flag:
        """What the header says of it."""
        return _FLAGS[self]

    @property
    def default_level(self) -> int:
        """The level that is used when none is asked for."""
        return _LEVELS[self]


_FLAGS = {
    Compression.NONE: Flag(0),
    Compression.XPRESS: Flag.COMPRESSION | Flag.XPRESS,
    Compression.LZX: Flag.COMPRESSION | Flag.LZX,
}
_LEVELS = {Compression.NONE: 0, Compression.XPRESS: 3, Compression.LZX: 35}
_CODECS = {Compression.XPRESS: Codec.XPRESS, Compression.LZX: Codec.LZX}


def compression_of(flags: Flag) -> Compression:
    """Return the compression that a header names."""
    if flags & Flag.XPRESS:
        return Compression.XPRESS
    return Compression.LZX if flags & Flag.LZX else Compression.NONE


def available() -> bool:
    """Tell whether chunks can be compressed here; without libwim only ``Compression.NONE`` is to be had."""
    return libwim.is_there()


def _codec(compression: Compression) -> Codec:
    if not available():
        raise StoreError(
            "WIM files are compressed by libwim, which is not installed (Debian: libwim15)"
        )
    return _CODECS[compression]


class Compressor(libwim.Compressor):
    """Compresses chunks of up to 32 KiB; one thread uses it at a time."""

    def __init__(self, compression: Compression, level: int = 0) -> None:
        """Take memory for one level, 0 is the default one; raise StoreError (72) without libwim, MemoryError."""
        super().__init__(_codec(compression), CHUNK, level or compression.default_level)


class Decompressor:
    """Decompresses chunks of one size limit; any thread may ask."""

    def __init__(self, compression: Compression, chunk: int) -> None:
        """Raise StoreError (72) without libwim."""
        self._libwim = libwim.Decompressor(_codec(compression), chunk)

    def decompress(self, data: bytes, size: int) -> bytes:
        """Return exactly ``size`` bytes; raise CorruptStoreError (42) when the chunk is not whole."""
        plain = self._libwim.decompress(data, size)
        if plain is None:
            raise CorruptStoreError("a compressed chunk of the WIM cannot be decompressed")
        return plain


def incompressible(data: memoryview) -> list[bool]:
    """Tell of each chunk of 32 KiB whether it is not worth a codec's time.

    Sampled bytes are counted: in a JPEG, a ZIP or ciphertext all 256 values are about equally frequent, so that the sum
    of squared counts is nearly that of random bytes. Base64 or text fail this by far; what repeats itself at a
    distance but looks random within is stored though a codec would have found it.
    """
    values = np.frombuffer(data, np.uint8)
    whole = len(values) // CHUNK
    found = _flat(values[: whole * CHUNK].reshape(whole, CHUNK)) if whole else []
    rest = values[whole * CHUNK :]
    if len(rest):
        found += _flat(rest.reshape(1, -1)) if len(rest) >= _SHORT else [False]
    return found


def _flat(chunks: np.ndarray[tuple[int, int], np.dtype[np.uint8]]) -> list[bool]:
    """Tell it of several chunks at once: a call of numpy costs more than what it does here."""
    sample = chunks[:, :: SAMPLE if chunks.shape[1] == CHUNK else _DENSE]
    count, length = sample.shape
    numbered = sample + (np.arange(count, dtype=np.int64) << 8)[:, None]
    counts = np.bincount(numbered.ravel(), minlength=count << 8).reshape(count, 256)
    meetings = np.einsum("ij,ij->i", counts, counts) - length
    flat: list[bool] = (meetings * 256 <= _FLAT * length * (length - 1)).tolist()
    return flat
