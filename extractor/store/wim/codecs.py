"""Chunks compressed and decompressed by libwim, and the cheap test for chunks that no codec makes smaller.

libwim (Debian: libwim15) is the compressor that wimlib itself uses; Python's lock is free while it works. XPRESS is
XPRESS Huffman ([MS-XCA] 2.1), LZX the variant of WIM; levels are libwim's (the higher, the smaller and slower).
"""

from __future__ import annotations

import ctypes
from enum import StrEnum
from functools import cache
from threading import local

import numpy as np

from extractor.errors import CorruptStoreError, StoreError
from extractor.store.wim.format import CHUNK, Flag

LIBWIM = "libwim.so.15"
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
_TYPES = {Compression.XPRESS: 1, Compression.LZX: 2}
"""enum wimlib_compression_type"""


def compression_of(flags: Flag) -> Compression:
    """Return the compression that a header names."""
    if flags & Flag.XPRESS:
        return Compression.XPRESS
    return Compression.LZX if flags & Flag.LZX else Compression.NONE


@cache
def _library() -> ctypes.CDLL | None:
    try:
        library = ctypes.CDLL(LIBWIM)
    except OSError:
        return None
    handle, size, address = ctypes.POINTER(ctypes.c_void_p), ctypes.c_size_t, ctypes.c_void_p
    library.wimlib_create_compressor.argtypes = [ctypes.c_int, size, ctypes.c_uint, handle]
    library.wimlib_compress.argtypes = [address, size, address, size, address]
    library.wimlib_compress.restype = size
    library.wimlib_free_compressor.argtypes = [address]
    library.wimlib_free_compressor.restype = None
    library.wimlib_create_decompressor.argtypes = [ctypes.c_int, size, handle]
    library.wimlib_decompress.argtypes = [ctypes.c_char_p, size, ctypes.c_char_p, size, address]
    library.wimlib_free_decompressor.argtypes = [address]
    library.wimlib_free_decompressor.restype = None
    return library


def available() -> bool:
    """Tell whether chunks can be compressed here; without libwim only ``Compression.NONE`` is to be had."""
    return _library() is not None


def _needed() -> ctypes.CDLL:
    library = _library()
    if library is None:
        raise StoreError(
            "WIM files are compressed by libwim, which is not installed (Debian: libwim15)"
        )
    return library


class Compressor:
    """Compresses chunks of up to 32 KiB; one thread uses it at a time."""

    def __init__(self, compression: Compression, level: int = 0) -> None:
        """Take memory for one level; 0 is the default one."""
        library = _needed()
        self._handle = ctypes.c_void_p()
        self._compress = library.wimlib_compress
        self._free = library.wimlib_free_compressor
        wanted = level or compression.default_level
        made = ctypes.byref(self._handle)
        if library.wimlib_create_compressor(_TYPES[compression], CHUNK, wanted, made):
            raise MemoryError("libwim has no memory for a compressor")

    def compress(self, source: int, length: int, target: int, room: int) -> int:
        """Compress ``length`` bytes at an address to another; return the bytes made, 0 when ``room`` is too small."""
        made: int = self._compress(source, length, target, room, self._handle)
        return made

    def __del__(self) -> None:
        if self._handle.value:
            self._free(self._handle)


class Decompressor:
    """Decompresses chunks of one size limit; each thread that asks has its own of libwim's."""

    def __init__(self, compression: Compression, chunk: int) -> None:
        self._library = _needed()
        self._form = _TYPES[compression], chunk
        self._mine = local()

    def decompress(self, data: bytes, size: int) -> bytes:
        """Return exactly ``size`` bytes; raise CorruptStoreError when the chunk is not whole."""
        held: _Decompressor | None = getattr(self._mine, "held", None)
        if held is None:
            held = self._mine.held = _Decompressor(self._library, *self._form)
        plain = ctypes.create_string_buffer(size)
        if self._library.wimlib_decompress(data, len(data), plain, size, held.handle):
            raise CorruptStoreError("a compressed chunk of the WIM cannot be decompressed")
        return plain.raw


class _Decompressor:
    """Freed when its thread ends."""

    def __init__(self, library: ctypes.CDLL, kind: int, chunk: int) -> None:
        self.handle = ctypes.c_void_p()
        self._free = library.wimlib_free_decompressor
        if library.wimlib_create_decompressor(kind, chunk, ctypes.byref(self.handle)):
            raise MemoryError("libwim has no memory for a decompressor")

    def __del__(self) -> None:
        if self.handle.value:
            self._free(self.handle)


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
