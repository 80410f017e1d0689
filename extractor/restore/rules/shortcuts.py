"""Bytes of a ``.lnk`` file -> the file or folder of this computer that it points to.

Only the local path of its LinkInfo is read: what leads to a network, a printer or the control panel has none, and
nobody can say offline whether it leads somewhere. Source: [MS-SHLLINK] 2.1 (ShellLinkHeader), 2.3 (LinkInfo).
"""

from __future__ import annotations

import struct

from extractor.model import WinPath, upcase

LARGEST = 1 << 20
"""Bytes of a shortcut that are read; real ones have a few thousand."""
_HEADER = 0x4C
_CLASS = bytes.fromhex("0114020000000000c000000000000046")
_HAS_IDS, _HAS_INFO = 0x1, 0x2
_IS_LOCAL = 0x1
_WITH_UNICODE = 0x24
"""LinkInfoHeaderSize from which on the paths stand in UTF-16 too."""


def is_shortcut(name: str) -> bool:
    """Tell whether a file is a shortcut by its name, as Windows does."""
    return upcase(name).endswith(".LNK")


def target_of(content: bytes) -> WinPath | None:
    """Return where a shortcut leads on a drive; None where it does not say, or is no shortcut."""
    try:
        return _target(content[:LARGEST])
    except (struct.error, ValueError, UnicodeDecodeError):
        return None


def _target(content: bytes) -> WinPath | None:
    size, identity, flags = struct.unpack_from("<I16sI", content)
    if size != _HEADER or identity != _CLASS or not flags & _HAS_INFO:
        return None
    at = _HEADER
    if flags & _HAS_IDS:
        at += 2 + struct.unpack_from("<H", content, at)[0]
    length, header, kind, _, base, _, suffix = struct.unpack_from("<7I", content, at)
    if not kind & _IS_LOCAL:
        return None
    info = content[at : at + length]
    if header >= _WITH_UNICODE:
        base, suffix = struct.unpack_from("<2I", info, 28)
        text = _wide(info, base) + _wide(info, suffix)
    else:
        text = _narrow(info, base) + _narrow(info, suffix)
    path = WinPath.parse(text)
    return path if path.drive and path.parts and ".." not in path.parts else None


def _narrow(info: bytes, at: int) -> str:
    return info[at : info.index(b"\0", at)].decode("cp1252")


def _wide(info: bytes, at: int) -> str:
    end = at
    while info[end : end + 2] not in {b"\0\0", b""}:
        end += 2
    return info[at:end].decode("utf-16-le")
