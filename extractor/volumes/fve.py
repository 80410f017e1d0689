"""BitLocker's metadata (FVE): three copies of one block, made of datums that may hold further datums.

Sources: libyal, "BitLocker Drive Encryption (BDE) format"; names of roles as dissect.fve lists them. All integers are
little-endian; offsets and sizes are bytes.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING
from uuid import UUID

from extractor.errors import DamagedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extractor.seams import Readable

SIGNATURE = b"-FVE-FS-"
TO_GO = b"MSWIN4.1"
MAP_SIGNATURE = b"FVE-EOW\0"
ORDINARY = UUID("4967d63b-2e29-4ad8-8399-f6a339e3d001").bytes_le
ENCRYPT_ON_WRITE = UUID("92a84d3b-dd80-4d0e-9e4e-b1e3284eaed8").bytes_le
"""Volumes on which a bitmap says which parts are encrypted (Windows 8 and later, while the encryption is going on)."""

ENCRYPTED = 4
"""The state of a volume that is encrypted from end to end."""
# Roles (what a datum is for) and kinds (how it is laid out).
VMK_ROLE, FVEK_ROLE, STARTUP_ROLE, AUTO_UNLOCK_ROLE, HEADER_ROLE = 2, 3, 6, 0x0B, 0x0F
KEY, STRETCH, USE_KEY, SEALED, VMK, EXTERNAL = 1, 3, 4, 5, 8, 9
CLEAR, TPM, STARTUP, RECOVERY, PASSWORD = 0x0000, 0x0100, 0x0200, 0x0800, 0x2000
KINDS = {
    CLEAR: "clear key",
    TPM: "TPM",
    STARTUP: "startup key",
    0x0300: "TPM and startup key",
    0x0400: "TPM and PIN",
    0x0500: "TPM and PIN",
    0x0600: "startup key and PIN",
    0x0700: "TPM, startup key and PIN",
    RECOVERY: "recovery password",
    0x1000: "smart card",
    PASSWORD: "password",
}
BLOCK = 64 * 1024
"""The room of a metadata block; larger than any that was met (their size is a 16-bit number of 16-byte units)."""

MOST_PROTECTORS = 32
"""A password is tried on each of them, for a second; more is a hostile volume."""
SECTOR_SIZES = (512, 1024, 2048, 4096)
_LARGEST_KEPT = 1024

_HEADER = struct.Struct("<8s4HQII3QQ")
_DATASET = struct.Struct("<4I16sIHHQ")
_DATUM = struct.Struct("<4H")
DATUMS = _HEADER.size + _DATASET.size
"""Where the datums of a metadata block begin: 112."""
DATASET_SIZE = _DATASET.size


@dataclass(frozen=True, slots=True)
class Datum:
    """One entry of the metadata; ``body`` is what follows its header of eight bytes."""

    role: int
    kind: int
    body: bytes

    def nested(self, start: int) -> list[Datum]:
        """Return the datums inside, which begin at byte ``start`` of the body."""
        return list(parse_datums(self.body[start:]))


@dataclass(frozen=True, slots=True)
class Protector:
    """One way to open a volume: ``id`` is what Windows calls the key protector's (or recovery key's) ID."""

    id: str
    type: int
    """The kind in the upper byte; the lower one is used for nothing that we read."""
    parts: tuple[Datum, ...]

    @property
    def kind(self) -> str:
        """Return the kind in words."""
        return KINDS.get(self.type & 0xFF00, f"protector 0x{self.type:04x}")

    @property
    def sealed(self) -> bytes:
        """Return the volume master key as it is locked in; empty when there is none."""
        return next((each.body for each in self.parts if each.kind == SEALED), b"")

    @property
    def clear(self) -> bytes:
        """Return the key that lies beside the lock while protection is suspended; empty when there is none."""
        return next((each.body[4:] for each in self.parts if each.kind == KEY), b"")

    @property
    def salt(self) -> bytes:
        """Return what a password is stretched with; empty when the protector takes none."""
        return next((each.body[4:20] for each in self.parts if each.kind == STRETCH), b"")

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


@dataclass(frozen=True, slots=True)
class Metadata:
    """What one volume's metadata block says."""

    raw: bytes
    offsets: tuple[int, ...]
    """Where the copies of the block lie."""
    state: int
    volume: str
    """The volume's own identifier."""
    method: int
    datums: tuple[Datum, ...]
    sector_size: int = 512
    maps: tuple[int, ...] = ()
    """Where the copies of the map lie that says what is encrypted; empty for a volume that has none."""

    @property
    def protectors(self) -> list[Protector]:
        """Return the ways to open the volume, in the order of the metadata."""
        found = (each for each in self.datums if each.kind == VMK and len(each.body) >= 28)
        return [_protector(each) for each in islice(found, MOST_PROTECTORS)]

    def sealed(self, role: int) -> bytes:
        """Return a key that is locked with the volume master key, by its role; empty when there is none."""
        found = (each.body for each in self.datums if (each.role, each.kind) == (role, SEALED))
        return next(found, b"")


def is_bitlocker(boot: bytes) -> bool:
    """Tell by the first sector."""
    to_go = boot[3:11] == TO_GO and boot[424:440] in (ORDINARY, ENCRYPT_ON_WRITE)
    return boot[3:11] == SIGNATURE or to_go


def read_metadata(volume: Readable, boot: bytes) -> Metadata | None:
    """Return the first sound copy of the metadata, else the first that can be read at all, else None."""
    copies = [each for offset in _offsets(boot) if (each := _parse(volume, offset, boot))]
    return next((each for each in copies if is_sound(each.raw)), copies[0] if copies else None)


def is_sound(block: bytes) -> bool:
    """Tell whether the checksum after a block is right; its size is at byte 8, in units of 16 bytes since Windows 7."""
    size, version = struct.unpack_from("<HH", block, 8)
    size <<= 4 if version >= 2 else 0
    stored = block[size + 4 : size + 8]
    return len(stored) == 4 and zlib.crc32(block[:size]) == int.from_bytes(stored, "little")


def _offsets(boot: bytes) -> tuple[int, ...]:
    """Return where the boot sector says that the metadata lie."""
    if boot[3:11] == TO_GO:
        return struct.unpack_from("<3Q", boot, 440)
    if boot[160:176] in (ORDINARY, ENCRYPT_ON_WRITE):
        return struct.unpack_from("<3Q", boot, 176)
    # Windows Vista: one cluster number, where NTFS keeps its mirror's
    sector, per_cluster = struct.unpack_from("<HB", boot, 11)
    (cluster,) = struct.unpack_from("<Q", boot, 56)
    return (cluster * sector * per_cluster,)


def _parse(volume: Readable, offset: int, boot: bytes) -> Metadata | None:
    try:
        block = volume.read_at(offset, BLOCK) if offset < volume.size else b""
    except DamagedError:
        return None  # there are three copies
    if block[:8] != SIGNATURE or len(block) < DATUMS:
        return None
    (_, _, _, state, _, _, _, _, *offsets, _) = _HEADER.unpack_from(block)
    (size, _, _, _, volume_id, _, method, _, _) = _DATASET.unpack_from(block, _HEADER.size)
    end = min(len(block), _HEADER.size + size)
    datums = tuple(parse_datums(block[DATUMS:end]))
    guid = str(UUID(bytes_le=volume_id))
    (sector_size,) = struct.unpack_from("<H", boot, 11)
    return Metadata(block, tuple(offsets), state, guid, method, datums, sector_size, _maps(boot))


def _maps(boot: bytes) -> tuple[int, ...]:
    table = 424 if boot[3:11] == TO_GO else 160
    if boot[table : table + 16] != ENCRYPT_ON_WRITE:
        return ()
    return struct.unpack_from("<2Q", boot, table + 40)


def has_map(volume: Readable, metadata: Metadata) -> bool:
    """Tell whether a copy of the map of encrypted parts can be read."""
    for offset in metadata.maps:
        try:
            if volume.read_at(offset, 8) == MAP_SIGNATURE:
                return True
        except DamagedError:
            continue  # there are two copies
    return False


def parse_datums(raw: bytes) -> Iterator[Datum]:
    """Yield the datums that lie one after another; a size that cannot be true ends them."""
    position = 0
    while position + _DATUM.size <= len(raw):
        size, role, kind, _ = _DATUM.unpack_from(raw, position)
        if size < _DATUM.size or position + size > len(raw):
            return
        yield Datum(role, kind, raw[position + _DATUM.size : position + size])
        position += size


def datum(role: int, kind: int, body: bytes) -> bytes:
    """Return the bytes of a datum."""
    return _DATUM.pack(_DATUM.size + len(body), role, kind, 1) + body


def _protector(entry: Datum) -> Protector:
    key, kind = UUID(bytes_le=entry.body[:16]), int.from_bytes(entry.body[26:28], "little")
    return Protector(str(key), kind, tuple(entry.nested(28)))


def external_key(entry: Datum) -> tuple[str, list[Datum]] | None:
    """Return (protector ID, datums) of a startup key's entry, as .BEK files and the registry hold it."""
    if entry.kind != EXTERNAL or len(entry.body) < 24:
        return None
    return str(UUID(bytes_le=entry.body[:16])), entry.nested(24)


def with_clear_key(metadata: Metadata, vmk: bytes, fvek: bytes) -> bytes:
    """Return a metadata block whose only protector is a clear key; ``vmk`` and ``fvek`` are finished datums.

    It keeps the first header and what says where the volume's first sectors were moved to, and fills the block's room,
    so that none of the three copies need be readable.
    """
    places = (each for each in metadata.datums if each.role == HEADER_ROLE)
    kept = [datum(e.role, e.kind, e.body) for e in places if len(e.body) <= _LARGEST_KEPT][:1]
    content = b"".join((vmk, fvek, *kept))
    size = DATASET_SIZE + len(content)
    old = _DATASET.unpack_from(metadata.raw, _HEADER.size)
    dataset = _DATASET.pack(size, old[1], old[2], size, *old[4:])
    block = metadata.raw[: _HEADER.size] + dataset + content
    (version,) = struct.unpack_from("<H", block, 10)
    shift = 4 if version >= 2 else 0
    padded = block.ljust(-(-len(block) // 16) * 16, b"\0")
    padded = padded[:8] + struct.pack("<H", len(padded) >> shift) + padded[10:]
    checked = padded + struct.pack("<HHI", 8, version, zlib.crc32(padded))
    return checked.ljust(BLOCK if version >= 2 else BLOCK // 4, b"\0")
