"""The attribute $EFS -> who can open the file: DDF (users) and DRF (recovery agents) with their encrypted keys.

Source: [MS-EFSR] 2.2.2.1 (versions 1 to 3 of the header) and its key list, public key information and certificate data.
The later forms (2.2.2.2 for versions 4 and 5, 2.2.2.3 for version 6) are carried as they are and not read.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from extractor.errors import DamagedError
from extractor.filesystems.sddl import format_sid
from extractor.model import EfsUser

READ = range(1, 4)
"""Versions whose key lists are read."""
MOST = 10_000
"""Protectors in a list; each takes some hundred bytes of the 256 KiB that $EFS has."""
CERTIFICATE = 3
"""Type of credential: the hash of a certificate."""

_HEADER = struct.Struct("<IIII16s16s16sII12x")
_ENTRY = struct.Struct("<IIIII")
_PUBLIC_KEY = struct.Struct("<IIIII")
_CERTIFICATE = struct.Struct("<IIIII")


@dataclass(frozen=True, slots=True)
class Protector:
    """One way into a file: who, and the file's key encrypted for that certificate."""

    user: EfsUser
    container: str
    """Name of the container that holds the private key."""
    provider: str
    """Name of the cryptographic provider."""
    fek: bytes
    """The FEK, encrypted; an RSA block in little-endian order."""
    flags: int
    """0: with the public RSA key; 1: with a key that a smart card derives."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """What $EFS says. ``protectors`` is empty for the versions that are not read."""

    version: int
    protectors: tuple[Protector, ...]

    @property
    def users(self) -> tuple[EfsUser, ...]:
        """Everyone who can open the file, users before recovery agents."""
        return tuple(each.user for each in self.protectors)


def parse_metadata(value: bytes) -> Metadata:
    """Return the protectors that the value of $EFS lists; raise DamagedError when it is none or is not whole."""
    if len(value) < _HEADER.size:
        raise DamagedError(f"its $EFS attribute holds {len(value)} bytes, too few for its header")
    length, _, version, _, _, _, _, users, agents = _HEADER.unpack_from(value)
    if version not in READ:
        return Metadata(version, ())
    if length > len(value):
        raise DamagedError(f"its $EFS attribute says {length} bytes and holds {len(value)}")
    found = [*_list(value, users, "user"), *_list(value, agents, "recovery")]
    return Metadata(version, tuple(found))


def _list(value: bytes, offset: int, role: str) -> Iterator[Protector]:
    """Yield the entries of a key list; an offset of 0 means that there is none."""
    if not offset:
        return
    count = int.from_bytes(_part(value, offset, 4, "key list"), "little")
    if count > MOST:
        raise DamagedError(f"its $EFS attribute claims {count} keys")
    position = offset + 4
    for _ in range(count):
        length = int.from_bytes(_part(value, position, 4, "key list"), "little")
        if length < _ENTRY.size:
            raise DamagedError("a key list of its $EFS attribute has an entry without length")
        yield _protector(_part(value, position, length, "key list"), role)
        position += length


def _protector(entry: bytes, role: str) -> Protector:
    _, public, fek_length, fek, flags = _ENTRY.unpack_from(entry)
    key = entry[public:]
    length, sid, kind, data_length, data = _fields(_PUBLIC_KEY, key, "public key information")
    key = _part(key, 0, length, "public key information")
    certificate = _part(key, data, data_length, "certificate data") if kind == CERTIFICATE else b""
    thumbprint, container, provider, name = _certificate(certificate)
    user = EfsUser(role, _sid(key[sid:]) if sid else "", name, thumbprint)
    return Protector(user, container, provider, _part(entry, fek, fek_length, "key"), flags)


def _certificate(data: bytes) -> tuple[str, str, str, str]:
    """Return thumbprint, container, provider and display name; each may be missing."""
    if not data:
        return "", "", "", ""
    at, length, container, provider, name = _fields(_CERTIFICATE, data, "certificate data")
    thumbprint = _part(data, at, length, "thumbprint").hex().upper()
    return thumbprint, _text(data, container), _text(data, provider), _text(data, name)


def _fields(layout: struct.Struct, data: bytes, what: str) -> tuple[int, int, int, int, int]:
    first, second, third, fourth, fifth = layout.unpack(_part(data, 0, layout.size, what))
    return first, second, third, fourth, fifth


def _text(data: bytes, offset: int) -> str:
    """Return the UTF-16 text at an offset, up to its NUL or the end; empty where the offset is 0."""
    if not offset or offset >= len(data):
        return ""
    raw = data[offset:]
    end = next((n for n in range(0, len(raw) - 1, 2) if raw[n : n + 2] == b"\0\0"), len(raw) & ~1)
    return raw[:end].decode("utf-16-le", "surrogatepass")


def _sid(raw: bytes) -> str:
    """Return a SID as text; raise DamagedError."""
    try:
        return format_sid(raw)
    except DamagedError as error:
        raise DamagedError("the SID of its $EFS attribute runs out of it") from error


def _part(data: bytes, start: int, length: int, what: str) -> bytes:
    if start + length > len(data):
        raise DamagedError(f"the {what} of its $EFS attribute runs out of it")
    return data[start : start + length]
