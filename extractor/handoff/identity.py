"""The GUIDs of an exported disk: made of what is in it, so that the same disk exported twice is the same file.

A GUID is the first 16 bytes of SHA-256 over ``coldstate``, a word for what it names, and the SHA-256 of the disk,
marked as a UUID of version 8 (RFC 9562 5.8). A child is bound to its parent by such a GUID, so a child
of one copy fits every copy with the same bytes in the same format, and no other.
"""

from __future__ import annotations

import hashlib
from uuid import UUID


def content_guid(digest: bytes, word: str) -> UUID:
    """Return the GUID that ``word`` names on the disk with this SHA-256."""
    made = bytearray(hashlib.sha256(b"coldstate\0" + word.encode() + b"\0" + digest).digest()[:16])
    made[6] = made[6] & 0x0F | 0x80
    made[8] = made[8] & 0x3F | 0x80
    return UUID(bytes=bytes(made))
