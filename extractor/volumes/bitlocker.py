"""BitLocker's metadata, as far as it can be read without a key: which protectors would open the volume.

Source: libyal, "BitLocker Drive Encryption (BDE) format"; the metadata block begins with ``-FVE-FS-``.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING
from uuid import UUID

from extractor.errors import DamagedError
from extractor.model import Encryption

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extractor.seams import Readable

SIGNATURE = b"-FVE-FS-"
TO_GO = b"MSWIN4.1"
# {4967d63b-2e29-4ad8-8399-f6a339e3d001}, and the one of a volume that stores only used space
IDENTIFIERS = (
    bytes.fromhex("3bd66749292ed84a8399f6a339e3d001"),
    bytes.fromhex("3b4da892808f0e4a9e63d0b3dcf96b55"),
)
PROTECTORS = {
    0x0000: "clear key",
    0x0100: "TPM",
    0x0200: "startup key",
    0x0500: "TPM and PIN",
    0x0800: "recovery password",
    0x2000: "password",
}
_VOLUME_MASTER_KEY = (2, 8)  # entry type and value type


def recognise_bitlocker(volume: Readable, boot: bytes) -> Encryption | None:
    """Return the protectors of a BitLocker volume, None when the volume is not one."""
    if boot[3:11] == SIGNATURE:
        return Encryption("bitlocker", protectors=tuple(_protectors(volume, boot, 176)))
    if boot[3:11] == TO_GO and boot[424:440] in IDENTIFIERS:
        return Encryption("bitlocker", protectors=tuple(_protectors(volume, boot, 440)))
    return None


def _protectors(volume: Readable, boot: bytes, table: int) -> Iterator[str]:
    """Yield the protectors that the first readable of the three metadata blocks names."""
    for offset in struct.unpack_from("<3Q", boot, table):
        try:
            block = volume.read_at(offset, 64 * 1024)
        except DamagedError:
            continue  # there are three copies
        if block[:8] == SIGNATURE and len(block) > 112:
            yield from dict.fromkeys(_entries(block))
            return


def _entries(block: bytes) -> Iterator[str]:
    end = min(len(block), 64 + int.from_bytes(block[64:68], "little"))
    position = 112
    while position + 36 <= end:
        size, *kinds, _ = struct.unpack_from("<4H", block, position)
        if size < 8:
            return
        if tuple(kinds) == _VOLUME_MASTER_KEY:
            protector = int.from_bytes(block[position + 34 : position + 36], "little")
            key = UUID(bytes_le=block[position + 8 : position + 24])
            name = PROTECTORS.get(protector, f"protector 0x{protector:04x}")
            yield f"{name} {key}"
        position += size
