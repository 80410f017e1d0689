"""The headers and region tables of a VHDX, each there twice and sealed with CRC-32C. Source: [MS-VHDX] 2.2."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from uuid import UUID

from extractor.errors import ImageError
from extractor.images.chain import DiskFile

SIGNATURE = b"vhdxfile"
MIB = 1 << 20
HEADERS = (64 << 10, 128 << 10)
HEADER_SIZE = 4096
REGION_TABLES = (192 << 10, 256 << 10)
REGION_TABLE_SIZE = 64 << 10
HEADER = struct.Struct("<4sIQ16x16s16sHHIQ")
"""Signature, CRC-32C, sequence, data write GUID, log GUID, log version, version, log length and offset (2.2.2)."""
TABLE_ENTRIES = 2047
"""Most entries of a region or metadata table."""
BAT = UUID("2dc27766-f623-4200-9d64-115e9bfd4a08")
METADATA = UUID("8b7ca206-4790-4b9a-b8fe-575f050f886e")


@dataclass(frozen=True, slots=True)
class Region:
    """A range of the file."""

    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Header:
    """The current header."""

    identity: str
    """Data write GUID: by it a child names this disk."""
    log_guid: bytes
    """Marks the entries of the log that are to be replayed; zeros when there are none."""
    log: Region


def crc32c(raw: bytes) -> int:
    """Return the CRC-32C of a structure in which bytes 4 to 8, its own place, count as zeros."""
    from dissect.util.hash import crc32c as checksum

    return int(checksum.crc32c(raw[:4] + bytes(4) + raw[8:]))


def is_sealed(raw: bytes) -> bool:
    """Tell whether bytes 4 to 8 of a structure are its CRC-32C."""
    return int.from_bytes(raw[4:8], "little") == crc32c(raw)


def current_header(file: DiskFile) -> Header:
    """Return the header that counts: sound, and of the higher sequence number; raise ImageError."""
    if file.read_at(0, 8) != SIGNATURE:
        raise ImageError(f"{file.path} is no VHDX")
    sound = []
    for offset in HEADERS:
        raw = file.read_at(offset, HEADER_SIZE)
        if len(raw) == HEADER_SIZE and raw.startswith(b"head") and is_sealed(raw):
            sound.append(HEADER.unpack_from(raw))
    if not sound:
        raise ImageError(f"{file.path} is damaged: the checksums of both its headers are wrong")
    current = max(sound, key=lambda header: int(header[2]))
    _, _, _, identity, log_guid, log_version, version, length, offset = current
    if version != 1 or log_version != 0:
        raise ImageError(
            f"{file.path} is a VHDX of version {version} with a log of version {log_version}, which no reader here "
            "knows"
        )
    return Header(str(UUID(bytes_le=identity)), log_guid, Region(offset, length))


def regions(file: DiskFile) -> Mapping[UUID, Region]:
    """Return the regions of the first sound region table; both known ones lie within the file; raise ImageError."""
    for offset in REGION_TABLES:
        raw = file.read_at(offset, REGION_TABLE_SIZE)
        if len(raw) == REGION_TABLE_SIZE and raw.startswith(b"regi") and is_sealed(raw):
            break
    else:
        raise ImageError(
            f"{file.path} is damaged: the checksums of both its region tables are wrong"
        )
    found = dict(_parse_regions(file, raw))
    for guid, what in ((BAT, "block table"), (METADATA, "metadata")):
        region = found.get(guid)
        if region is None or region.offset < MIB or region.offset + region.length > file.size:
            raise ImageError(f"{file.path} is cut or damaged: its {what} does not lie in the file")
    return found


def _parse_regions(file: DiskFile, raw: bytes) -> Iterator[tuple[UUID, Region]]:
    (count,) = struct.unpack_from("<I", raw, 8)
    for number in range(min(count, TABLE_ENTRIES)):
        guid, offset, length, required = struct.unpack_from("<16sQII", raw, 16 + 32 * number)
        known = UUID(bytes_le=guid)
        if required & 1 and known not in {BAT, METADATA}:
            raise ImageError(
                f"{file.path} needs a newer reader: it has a required region {known} that is not known"
            )
        yield known, Region(offset, length)
