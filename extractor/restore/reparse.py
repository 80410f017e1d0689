r"""Links of NTFS at another place: the paths that a junction or symbolic link holds, with profiles as they are now.

Source: [MS-FSCC] 2.1.2.4 (symbolic link), 2.1.2.5 (mount point).
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from extractor.model import Reparse, WinPath

MOUNT_POINT, SYMLINK = 0xA0000003, 0xA000000C
MADE = frozenset({MOUNT_POINT, SYMLINK, 0xA000001D})
"""Tags that a restore makes: the third is a link of the Linux subsystem."""
_PREFIX = "\\??\\"
_NAMES = struct.Struct("<4H")
LARGEST = 16 << 10
"""Bytes of reparse data that NTFS takes."""


def moved_link(reparse: Reparse, moved: Callable[[WinPath], WinPath]) -> bytes:
    """Return the value of ``system.ntfs_reparse_data``: header and data, its target moved where it is on a drive."""
    data = reparse.data
    target = WinPath.parse(reparse.target)
    if reparse.tag in {MOUNT_POINT, SYMLINK} and len(target.drive) == 2:
        now = moved(target)
        if now.key != target.key:
            data = _pointing(reparse, str(now))
    return struct.pack("<IHH", reparse.tag, len(data), 0) + data


def _pointing(reparse: Reparse, target: str) -> bytes:
    substitute = (_PREFIX + target).encode("utf-16-le", "surrogatepass")
    shown = target.encode("utf-16-le", "surrogatepass")
    end = b"\0\0" if reparse.tag == MOUNT_POINT else b""
    names = _NAMES.pack(0, len(substitute), len(substitute) + len(end), len(shown))
    flags = b"" if reparse.tag == MOUNT_POINT else reparse.data[8:12]
    whole = names + flags + substitute + end + shown + end
    return whole if len(whole) <= LARGEST else reparse.data
