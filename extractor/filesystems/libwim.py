"""libwim (Debian: libwim15), bound once: chunks compressed and decompressed by the codec that wimlib itself uses.

Python's lock is free while it works. XPRESS is XPRESS Huffman ([MS-XCA] 2.1), LZX the variant with 32 KiB windows that
WIM uses; levels are libwim's (the higher, the smaller and slower).
"""

from __future__ import annotations

import ctypes
from enum import IntEnum
from functools import cache
from threading import local

LIBWIM = "libwim.so.15"


class Codec(IntEnum):
    """enum wimlib_compression_type."""

    XPRESS = 1
    LZX = 2


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


def is_there() -> bool:
    """Tell whether libwim is installed here."""
    return _library() is not None


def _needed() -> ctypes.CDLL:
    library = _library()
    if library is None:
        raise RuntimeError("is_there() comes before the use of libwim")
    return library


class Compressor:
    """Compresses chunks of up to ``chunk`` bytes; one thread uses it at a time."""

    def __init__(self, codec: Codec, chunk: int, level: int) -> None:
        """Take memory for one level; raise MemoryError when there is none."""
        library = _needed()
        self._handle = ctypes.c_void_p()
        self._compress = library.wimlib_compress
        self._free = library.wimlib_free_compressor
        if library.wimlib_create_compressor(codec, chunk, level, ctypes.byref(self._handle)):
            raise MemoryError("libwim has no memory for a compressor")

    def compress(self, source: int, length: int, target: int, room: int) -> int:
        """Compress ``length`` bytes at an address to another; return the bytes made, 0 when ``room`` is too small."""
        made: int = self._compress(source, length, target, room, self._handle)
        return made

    def __del__(self) -> None:
        if self._handle.value:
            self._free(self._handle)


class Decompressor:
    """Decompresses chunks of up to ``chunk`` bytes; each thread that asks has its own of libwim's."""

    def __init__(self, codec: Codec, chunk: int) -> None:
        self._library = _needed()
        self._form = codec, chunk
        self._mine = local()

    def decompress(self, data: bytes, size: int) -> bytes | None:
        """Return exactly ``size`` bytes; None when the chunk holds fewer, or is not whole. Raises MemoryError."""
        held: _Decompressor | None = getattr(self._mine, "held", None)
        if held is None:
            held = self._mine.held = _Decompressor(self._library, *self._form)
        plain = ctypes.create_string_buffer(size)
        if self._library.wimlib_decompress(data, len(data), plain, size, held.handle):
            return None
        return plain.raw


class _Decompressor:
    """Freed when its thread ends."""

    def __init__(self, library: ctypes.CDLL, codec: Codec, chunk: int) -> None:
        self.handle = ctypes.c_void_p()
        self._free = library.wimlib_free_decompressor
        if library.wimlib_create_decompressor(codec, chunk, ctypes.byref(self.handle)):
            raise MemoryError("libwim has no memory for a decompressor")

    def __del__(self) -> None:
        if self.handle.value:
            self._free(self.handle)
