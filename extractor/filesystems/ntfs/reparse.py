"""Reparse points: where links lead, and which tags mean that the content is elsewhere. Source: [MS-FSCC] 2.1.2."""

from __future__ import annotations

import struct

from extractor.errors import DamagedError
from extractor.filesystems.ntfs.records import decode_name
from extractor.model import Reparse

MOUNT_POINT = 0xA0000003
SYMLINK = 0xA000000C
LX_SYMLINK = 0xA000001D
DEDUP = 0x80000013
UNC = "\\??\\UNC\\"
"""The object manager's name for the server paths that programs begin with two backslashes."""


def parse_reparse(value: bytes) -> Reparse:
    """Return a reparse point from its attribute's value; raise DamagedError when it is shorter than it says."""
    if len(value) < 8:
        raise DamagedError(f"a reparse point of {len(value)} bytes is too short")
    tag, length = struct.unpack_from("<IH", value)
    data = value[8 : 8 + length] if tag & 0x80000000 else value[8 : 24 + length]
    if len(data) < length:
        raise DamagedError("a reparse point is shorter than it says")
    return Reparse(tag, data, _target(tag, data))


def is_cloud(tag: int) -> bool:
    """Tell whether a tag is one of IO_REPARSE_TAG_CLOUD … CLOUD_F (OneDrive and its like)."""
    return tag & 0xFFFF0FFF == 0x9000001A


def _target(tag: int, data: bytes) -> str:
    """Return the name that Windows follows (the substitute name), without the object manager's prefix."""
    if tag == LX_SYMLINK:
        return data[4:].decode("utf-8", "surrogateescape")
    if tag not in (MOUNT_POINT, SYMLINK):
        return ""
    names = 8 if tag == MOUNT_POINT else 12
    if len(data) < names:
        raise DamagedError("a link's reparse data is too short")
    start, length = struct.unpack_from("<HH", data)
    raw = data[names + start : names + start + (length & ~1)]
    name = decode_name(raw)
    if name.startswith(UNC):
        return "\\\\" + name.removeprefix(UNC)
    return name.removeprefix("\\??\\")
