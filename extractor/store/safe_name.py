r"""A name from an image -> a name that this host, and a Windows the store is copied to, may be asked to create.

Only what is unsafe changes, by ``%XX`` or ``%uXXXX`` (the character's number in hexadecimal), so that most names stay
as they were and :func:`original_name` brings the others back. A name that would need more than 255 bytes is cut and
carries ``~`` and 16 digits of its hash; such a name is known exactly by the catalog only.
"""

from __future__ import annotations

import hashlib
import re

LONGEST = 255
"""Bytes of one name on every Linux file system in use; UTF-16 units on NTFS and exFAT."""
LONGEST_SUFFIX = 32
"""A longer "extension" is cut with the rest of the name."""

_UNSAFE = re.compile(
    r'[\x00-\x1f\x7f-\x9f"*/:<>?\\|\u202a-\u202e\u2066-\u2069\ud800-\udfff]'
    r"|[. ]\Z"  # Windows drops them; this also makes `.` and `..` harmless
    r"|%(?=[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4})"  # would be taken for an escape
    r"|~(?=[0-9A-Fa-f]{16}(?:\.|\Z))"  # would be taken for a hash
)
_DEVICE = re.compile(
    r"(?=(?:CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|(?:COM|LPT)[0-9¹²³]) *(?:\.|\Z)).", re.IGNORECASE
)
"""First letter of a name that Windows gives to a device, whatever the extension."""
_ESCAPED = re.compile(r"%(?:u([0-9A-F]{4})|([0-9A-F]{2}))")


def safe_name(name: str) -> str:
    """Return the one name under which ``name`` is stored: never empty, ``.``, ``..``; at most 255 bytes."""
    if not name:
        return _hash_of(name)
    escaped = _UNSAFE.sub(_escape, name)
    escaped = _DEVICE.sub(_escape, escaped, count=1) if _DEVICE.match(escaped) else escaped
    return escaped if _fits(escaped) else _with_hash(escaped, _hash_of(name))


def drive_name(drive: str, volume: str) -> str:
    """Return the folder of a drive: ``C$``, as USMT writes it; a volume without a letter goes by its id."""
    if len(drive) == 2 and drive[0].isascii() and drive[0].isalpha():
        return f"{drive[0].upper()}$"
    return safe_name(f"Volume-{volume}$")


def twin_name(safe: str, identity: bytes) -> str:
    """Return the other name for ``safe`` when its place is taken: it depends on who asks, not on who came first."""
    return _with_hash(safe, "~" + hashlib.sha256(identity).hexdigest()[:16])


def original_name(safe: str) -> str:
    """Return the name that :func:`safe_name` escaped; one with a hash is known by the catalog only."""
    return _ESCAPED.sub(lambda found: chr(int(found[1] or found[2], 16)), safe)


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"%{code:02X}" if code < 0x100 else f"%u{code:04X}"


def _hash_of(name: str) -> str:
    return "~" + hashlib.sha256(name.encode("utf-16-le", "surrogatepass")).hexdigest()[:16]


def _fits(name: str) -> bool:
    return len(name.encode()) <= LONGEST


def _with_hash(safe: str, mark: str) -> str:
    stem, dot, suffix = safe.rpartition(".")
    if not stem or len((dot + suffix).encode()) > LONGEST_SUFFIX:
        stem, dot, suffix = safe, "", ""
    room = LONGEST - len((mark + dot + suffix).encode())
    return stem.encode()[:room].decode("utf-8", "ignore") + mark + dot + suffix
