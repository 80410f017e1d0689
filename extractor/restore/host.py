r"""Metadata of Windows -> what a folder of this host can hold of it.

On a volume that ntfs-3g shows, all of it: attributes, access lists, times to 100 ns, short names, links, extended
attributes (``system.ntfs_*``), named streams (``user.NAME``). Elsewhere times to the system's precision, and named
streams as extended attributes where they fit. Source: ntfs-3g "Extended attributes" (its wiki), setxattr(2).
"""

from __future__ import annotations

import ctypes
import os
import struct
from dataclasses import dataclass
from functools import cache

from extractor.errors import DamagedError
from extractor.filetime import nanoseconds
from extractor.model import Metadata, Record
from extractor.registry.descriptor import of_profile
from extractor.restore.acl import rewritten
from extractor.restore.rules.content import Kept

SETTABLE = 0x1 | 0x2 | 0x4 | 0x20 | 0x100 | 0x1000 | 0x2000
"""Attributes that are one's own to set: read-only, hidden, system, archive, temporary, offline, not indexed."""
HIDDEN, ARCHIVE = 0x2, 0x20
LARGEST_STREAM = 64 << 10
"""Bytes of an extended attribute, whatever the file system (XATTR_SIZE_MAX)."""
_NTFS = "system.ntfs_"


@dataclass(frozen=True, slots=True)
class Traits:
    """What a file that is there hands on to the one that takes its place."""

    security: bytes = b""
    times: bytes = b""
    attributes: int = 0
    accessed: int = 0
    """Nanoseconds since 1970, as ``modified``."""
    modified: int = 0


NOTHING, NOBODY = Kept(), Traits()


class Host:
    """A target that is open: what it can hold, and how it is told."""

    def __init__(self, root: int) -> None:
        self.ntfs = _get(root, f"{_NTFS}attrib_be") is not None

    def traits(self, file: int) -> Traits:
        """Return what an open file has."""
        found = os.fstat(file)
        attributes = _get(file, f"{_NTFS}attrib_be") or bytes(4)
        return Traits(
            _get(file, f"{_NTFS}acl") or b"",
            _get(file, f"{_NTFS}times_be") or b"",
            int.from_bytes(attributes, "big"),
            found.st_atime_ns,
            found.st_mtime_ns,
        )

    def dress(
        self,
        file: int,
        record: Record,
        sids: dict[str, str],
        keep: Kept = NOTHING,
        there: Traits = NOBODY,
    ) -> list[str]:
        """Give an open file or folder its metadata; return what could not be kept, in words.

        ``keep`` says what of ``there`` stays.
        """
        if record.metadata is None:
            return []
        if not self.ntfs:
            self._date(file, record, keep, there)
            return []
        lost = _security(file, record, sids, keep, there)
        lost += _attribute(file, "ea", record.metadata.extended_attributes)
        lost += _attribute(file, "times_be", _times(record, keep, there))
        bits = _bits(record.metadata, keep, there)
        return lost + _attribute(file, "attrib_be", bits.to_bytes(4, "big"))

    def dress_settings(self, file: int, there: Traits, owner: str = "") -> list[str]:
        """Give a hive or INI file what the one had that it stands for; a new hive is its ``owner``'s, and hidden.

        Returns what could not be kept.
        """
        if owner:
            return self.dress_own(file, owner, HIDDEN | ARCHIVE)
        return self._dressed(file, there.security, there.attributes & SETTABLE)

    def dress_own(self, file: int, owner: str, attributes: int = 0) -> list[str]:
        """Give a file or folder to a user, SYSTEM and Administrators; return what could not be kept."""
        return self._dressed(file, of_profile(owner), attributes)

    def _dressed(self, file: int, security: bytes, attributes: int) -> list[str]:
        if not self.ntfs:
            return []
        bits = attributes.to_bytes(4, "big") if attributes else b""
        return _attribute(file, "acl", security) + _attribute(file, "attrib_be", bits)

    def _date(self, file: int, record: Record, keep: Kept, there: Traits) -> None:
        """Set the times that Linux has; a file system without them is no reason to lose the file."""
        times = record.metadata.times if record.metadata else None
        accessed = nanoseconds(times.accessed) if times else None
        modified = nanoseconds(times.modified) if times else None
        if keep.times:
            accessed, modified = there.accessed, there.modified
        if modified is None or "TimeFields" in record.left_out:
            return
        try:
            os.utime(file, ns=(modified if accessed is None else accessed, modified))
        except OSError:
            return

    def stream(self, file: int, name: str, content: bytes) -> bool:
        """Give an open file a named stream; return whether it could be held."""
        try:
            os.setxattr(file, f"user.{name}", content)
        except (OSError, UnicodeEncodeError, ValueError):
            return False
        return True

    def short_name(self, file: int, name: str) -> list[str]:
        """Give an open file its 8.3 name; return what could not be kept."""
        if not self.ntfs or not name:
            return []
        try:
            return _attribute(file, "dos_name", name.encode("utf-8"))
        except UnicodeEncodeError:
            return [f"its short name {name!a}"]

    def reparse_at(self, parent: int, name: str) -> bytes:
        """Return the value that makes a name in an open folder a link; empty where it is none."""
        path = f"/proc/self/fd/{parent}/{name}"  # a link cannot be opened as what it is
        return _get_at(path, f"{_NTFS}reparse_data") or b"" if self.ntfs else b""

    def link(self, file: int, value: bytes) -> None:
        """Make an open, empty file or folder a link; raise OSError."""
        os.setxattr(file, f"{_NTFS}reparse_data", value)


def _security(
    file: int, record: Record, sids: dict[str, str], keep: Kept, there: Traits
) -> list[str]:
    security = record.metadata.security if record.metadata else b""
    if keep.security and there.security:
        return _attribute(file, "acl", there.security)
    if not security or "Security" in record.left_out:
        return []
    try:
        return _attribute(file, "acl", rewritten(security, sids) if sids else security)
    except DamagedError as error:
        return [f"its access list: {error}"]


def _times(record: Record, keep: Kept, there: Traits) -> bytes:
    if keep.times and there.times:
        return there.times
    if record.metadata is None or "TimeFields" in record.left_out:
        return b""
    times = record.metadata.times
    told = (times.created, times.modified, times.accessed, times.changed)
    return struct.pack(">4Q", *told) if all(told[:3]) else b""


def _bits(metadata: Metadata, keep: Kept, there: Traits) -> int:
    own = metadata.attributes & SETTABLE
    return (own & ~keep.attributes) | (there.attributes & keep.attributes & SETTABLE)


def _attribute(file: int, name: str, value: bytes) -> list[str]:
    """Set an attribute of ntfs-3g's; return what could not be kept."""
    if not value:
        return []
    try:
        os.setxattr(file, f"{_NTFS}{name}", value)
    except OSError as error:
        return [f"{_WORDS[name]}: {error.strerror}"]
    return []


_WORDS = {
    "acl": "its access list",
    "ea": "its extended attributes",
    "times_be": "its times",
    "attrib_be": "its attributes",
    "dos_name": "its short name",
}


def _get(file: int, name: str) -> bytes | None:
    """Return an attribute, None where there is none. Python's own call asks with less room than ntfs-3g wants."""
    room = ctypes.create_string_buffer(LARGEST_STREAM)
    size = _libc().fgetxattr(file, name.encode(), room, len(room))
    return room.raw[:size] if size >= 0 else None


def _get_at(path: str, name: str) -> bytes | None:
    """Return an attribute of a path whose last name may be a link, which is not followed."""
    room = ctypes.create_string_buffer(LARGEST_STREAM)
    size = _libc().lgetxattr(os.fsencode(path), name.encode(), room, len(room))
    return room.raw[:size] if size >= 0 else None


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None)
