"""The base block of a hive file or transaction log: the first sector, which says how whole the file is.

Source: "Windows registry file format specification" (M. Suhanov), base block.
"""

from __future__ import annotations

import struct

from extractor.errors import DamagedError, UnsupportedError
from extractor.seams import Stream

SECTOR = 512
FIRST_BIN = 0x1000
LARGEST = 512 << 20
"""Bytes of a hive that we are willing to hold in memory; Windows itself stops at 2 GiB."""
PRIMARY = 0
OLD_LOGS = frozenset({1, 2})
NEW_LOG = 6


def content_of(source: Stream | bytes, name: str) -> bytes:
    """Return the bytes of a hive or log; raise UnsupportedError when they are more than 512 MiB."""
    if isinstance(source, bytes):
        return source
    if source.size > LARGEST:
        raise UnsupportedError(f"{name}: a hive of {source.size} bytes is larger than 512 MiB")
    return source.read_at(0, source.size)


def check_base_block(content: bytes, name: str) -> None:
    """Refuse what is not the primary file of a hive: signature, version 1, type 0, all its bins present."""
    if len(content) < FIRST_BIN + 0x20 or content[:4] != b"regf":
        raise DamagedError(f"{name}: not a registry hive (no 'regf' base block and bin)")
    major, minor, kind, layout = struct.unpack_from("<4I", content, 0x14)
    if (major, kind, layout) != (1, PRIMARY, 1) or minor > 6:
        raise DamagedError(f"{name}: not a primary hive (version {major}.{minor}, type {kind})")
    if content[FIRST_BIN : FIRST_BIN + 8] != b"hbin\0\0\0\0":  # a bin says where it lies: 0
        raise DamagedError(f"{name}: the first bin of the hive is damaged")
    missing = FIRST_BIN + bins_size(content) - len(content)
    if missing > 0:
        raise DamagedError(f"{name}: the hive is cut short by {missing} bytes")


def is_whole(block: bytes) -> bool:
    """Tell whether a base block (of a hive or a log) is there and has the checksum that it should have."""
    return (
        block[:4] == b"regf" and len(block) >= SECTOR and _said_checksum(block) == checksum(block)
    )


def is_dirty(content: bytes) -> bool:
    """Tell whether a hive was not written back in full: the checksum is wrong, or its sequence numbers differ."""
    first, second = sequences(content)
    return first != second or not is_whole(content)


def checksum(block: bytes) -> int:
    """Return the XOR of a base block's first 508 bytes, with its two exceptions."""
    total = 0
    for word in struct.unpack_from("<127I", block):
        total ^= word
    return {0: 1, 0xFFFFFFFF: 0xFFFFFFFE}.get(total, total)


def sequences(block: bytes) -> tuple[int, int]:
    """Return the primary and the secondary sequence number."""
    first, second = struct.unpack_from("<2I", block, 4)
    return first, second


def written(block: bytes) -> int:
    """Return the last-written time, a FILETIME; Windows 10 keeps 0 there for some hives."""
    return int(struct.unpack_from("<Q", block, 0x0C)[0])


def file_type(block: bytes) -> int:
    """Return what a file is: PRIMARY, one of OLD_LOGS, or NEW_LOG."""
    return int(struct.unpack_from("<I", block, 0x1C)[0])


def root_cell(block: bytes) -> int:
    """Return where the root key lies, relative to the first bin."""
    return int(struct.unpack_from("<I", block, 0x24)[0])


def bins_size(block: bytes) -> int:
    """Return the bytes of all bins together."""
    return int(struct.unpack_from("<I", block, 0x28)[0])


def as_clean_primary(content: bytes, sequence: int) -> bytes:
    """Return a file whose base block is that of a hive written back in full, with this sequence number."""
    block = bytearray(content[:SECTOR])
    struct.pack_into("<2I", block, 4, sequence, sequence)
    struct.pack_into("<I", block, 0x1C, PRIMARY)
    struct.pack_into("<I", block, 0x1FC, checksum(bytes(block)))
    return bytes(block) + content[SECTOR:]


def _said_checksum(block: bytes) -> int:
    return int(struct.unpack_from("<I", block, 0x1FC)[0])
