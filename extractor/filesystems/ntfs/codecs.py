"""Decompression in native code: LZNT1 by libfwnt, Xpress Huffman and LZX by libwim, or without it by libfwnt too.

Windows' names: LZNT1 and Xpress Huffman are [MS-XCA]; LZX is the variant with 32 KiB windows that WIM uses. libwim (of
Debian's libwim15) gives 250 to 300 MB/s, libfwnt 35, which also refuses about one valid LZX chunk in a hundred
(measured with 20260602 on what libwim compressed). This is the one module that knows either.
"""

from __future__ import annotations

import ctypes
from functools import cache
from threading import local

from extractor.errors import DamagedError

LIBWIM = "libwim.so.15"
LARGEST = {"XPRESS": 65536, "LZX": 32768}
"""Bytes of the largest chunk; for LZX also the window, which decides how offsets are coded."""
_TYPES = {"XPRESS": 1, "LZX": 2}
"""enum wimlib_compression_type"""


def decompress(algorithm: str, data: bytes, size: int) -> bytes:
    """Return at most ``size`` bytes; ``algorithm`` is LZNT1, XPRESS or LZX. Raise DamagedError on bad input."""
    library = libwim() if algorithm in _TYPES else None
    if library is not None and size <= LARGEST[algorithm]:
        return library.decompress(algorithm, data, size)
    return _fwnt(algorithm, data, size)


def _fwnt(algorithm: str, data: bytes, size: int) -> bytes:
    import pyfwnt

    codec = {
        "LZNT1": pyfwnt.lznt1_decompress,
        "XPRESS": pyfwnt.lzxpress_huffman_decompress,
        "LZX": pyfwnt.lzx_decompress,
    }[algorithm]
    try:
        plain: bytes = codec(data, size)
    except (OSError, ValueError, MemoryError) as error:
        reason = str(error).split(".")[0]
        hint = "; libwim (Debian: libwim15) may read it" if algorithm in _TYPES else ""
        raise DamagedError(f"{algorithm} data cannot be decompressed ({reason}){hint}") from error
    return plain[:size]


@cache
def libwim() -> Libwim | None:
    """Return the library, None where it is not installed."""
    try:
        return Libwim(ctypes.CDLL(LIBWIM))
    except OSError:
        return None


class Libwim:
    """libwim's decompressors; each thread has its own, for one decompresses one chunk at a time."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._create = library.wimlib_create_decompressor
        self._create.argtypes = [ctypes.c_int, ctypes.c_size_t, ctypes.POINTER(ctypes.c_void_p)]
        self._decompress = library.wimlib_decompress
        self._decompress.argtypes = [
            ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_void_p,
        ]  # fmt: skip
        self._free = library.wimlib_free_decompressor
        self._free.argtypes, self._free.restype = [ctypes.c_void_p], None
        self._mine = local()

    def decompress(self, algorithm: str, data: bytes, size: int) -> bytes:
        """Return exactly ``size`` bytes; raise DamagedError when the chunk holds fewer, or is not whole."""
        plain = ctypes.create_string_buffer(size)
        if self._decompress(data, len(data), plain, size, self._decompressor(algorithm)):
            raise DamagedError(f"{algorithm} data cannot be decompressed (libwim refuses it)")
        return plain.raw

    def _decompressor(self, algorithm: str) -> ctypes.c_void_p:
        held: dict[str, _Decompressor] | None = getattr(self._mine, "held", None)
        if held is None:
            held = self._mine.held = {}
        if algorithm not in held:
            made = ctypes.c_void_p()
            if self._create(_TYPES[algorithm], LARGEST[algorithm], ctypes.byref(made)):
                raise MemoryError("libwim has no memory for a decompressor")
            held[algorithm] = _Decompressor(made, self._free)
        return held[algorithm].handle


class _Decompressor:
    """Freed when its thread ends."""

    def __init__(self, handle: ctypes.c_void_p, free: ctypes._NamedFuncPointer) -> None:
        self.handle = handle
        self._free = free

    def __del__(self) -> None:
        self._free(self.handle)
