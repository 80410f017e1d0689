"""The security descriptors of an image: each once, known by its number."""

from __future__ import annotations

import struct

from extractor.store.wim.dentry import NO_SECURITY, padding

HEAD = struct.Struct("<2I")
_MOST = 0xFFFFFFF0


class SecurityTable:
    """Numbers descriptors in the order in which they come."""

    def __init__(self) -> None:
        self._number: dict[bytes, int] = {}

    def number(self, descriptor: bytes | None) -> int:
        """Return the number of a descriptor, -1 for none."""
        if not descriptor:
            return NO_SECURITY
        return self._number.setdefault(descriptor, len(self._number))

    def pack(self) -> bytes:
        """Return the table, a multiple of 8 bytes; raise ValueError when it is more than 4 GiB."""
        sizes = struct.pack(f"<{len(self._number)}Q", *map(len, self._number))
        body = sizes + b"".join(self._number)
        zeros = padding(HEAD.size + len(body))
        total = HEAD.size + len(body) + len(zeros)
        if total > _MOST:
            raise ValueError("the security descriptors of an image are more than 4 GiB")
        return HEAD.pack(total, len(self._number)) + body + zeros
