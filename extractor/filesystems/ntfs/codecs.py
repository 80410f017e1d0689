"""Decompression in native code: LZNT1 by libfwnt, Xpress Huffman and LZX by libwim, or without it by libfwnt too.

Windows' names: LZNT1 and Xpress Huffman are [MS-XCA]; LZX is the variant with 32 KiB windows that WIM uses. libwim (of
Debian's libwim15) gives 250 to 300 MB/s, libfwnt 35, which also refuses about one valid LZX chunk in a hundred
(measured with 20260602 on what libwim compressed). This is the one module that knows libfwnt.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from extractor.errors import DamagedError
from extractor.filesystems.libwim import Codec, Decompressor, is_there

LARGEST = {"XPRESS": 65536, "LZX": 32768}
"""Bytes of the largest chunk; for LZX also the window, which decides how offsets are coded."""


def decompress(algorithm: str, data: bytes, size: int) -> bytes:
    """Return at most ``size`` bytes; ``algorithm`` is LZNT1, XPRESS or LZX. Raise DamagedError on bad input."""
    known = libwim() if algorithm in LARGEST else None
    if known is None or size > LARGEST[algorithm]:
        return _fwnt(algorithm, data, size)
    plain = known[algorithm].decompress(data, size)
    if plain is None:
        raise DamagedError(f"{algorithm} data cannot be decompressed (libwim refuses it)")
    return plain


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
        hint = "; libwim (Debian: libwim15) may read it" if algorithm in LARGEST else ""
        raise DamagedError(f"{algorithm} data cannot be decompressed ({reason}){hint}") from error
    return plain[:size]


@cache
def libwim() -> Mapping[str, Decompressor] | None:
    """Return what decompresses each algorithm that libwim knows; None where it is not installed."""
    if not is_there():
        return None
    return {name: Decompressor(Codec[name], largest) for name, largest in LARGEST.items()}
