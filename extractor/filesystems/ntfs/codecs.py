"""Decompression through libfwnt (native code): the one module that imports pyfwnt.

Windows' names: LZNT1 and Xpress Huffman are [MS-XCA]; LZX is the variant with 32 KiB windows that WIM uses.
"""

from __future__ import annotations

from extractor.errors import DamagedError


def decompress(algorithm: str, data: bytes, size: int) -> bytes:
    """Return at most ``size`` bytes; ``algorithm`` is LZNT1, XPRESS or LZX. Raise DamagedError on bad input."""
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
        raise DamagedError(f"{algorithm} data cannot be decompressed ({reason})") from error
    return plain[:size]
