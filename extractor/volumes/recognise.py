"""What a range of bytes holds, told by content first and by the partition's type where content says nothing.

A volume that cannot be read here is named, with one sentence that says what would be needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from extractor.errors import DamagedError
from extractor.model import Encryption
from extractor.volumes.bitlocker import locked_note, recognise_bitlocker
from extractor.volumes.fat_boot import parse_fat_boot, read_label
from extractor.volumes.ntfs_boot import NtfsBoot, find_ntfs_boot
from extractor.volumes.ntfs_label import read_ntfs_label
from extractor.volumes.partition import MSR, RECOVERY

if TYPE_CHECKING:
    from extractor.seams import Readable

# Types under which Windows keeps NTFS: only there is a boot sector in the last sector taken for the lost first one.
NTFS_TYPES = (
    "", "0x07", "0x17", "0x27",
    "ebd0a0a2-b9e5-4433-87c0-68b6b72699c7", RECOVERY,
)  # fmt: skip
STORAGE_SPACES = "e75caf8f-f680-4cee-afa3-b001e56efc2d"
LDM = ("0x42", "5808c8aa-7e8f-42e0-85d2-e1e90434cfb3", "af9b60a0-1431-4f62-bc68-3311714a69ad")

NOTES = {
    "refs": "ReFS volume: no free reader of ReFS exists; copy it from a running Windows",
    "ldm": "part of a dynamic disk (LDM): convert it to a basic disk, or image the volume itself",
    "storage-spaces": "part of a Storage Spaces pool: image the virtual disk from a running Windows",
    "luks": "LUKS volume: unlock it (cryptsetup) and give the decrypted image",
    "unknown": "it holds no file system that is known here",
}
PROBE = 64 * 1024


@dataclass(frozen=True, slots=True)
class Content:
    """What a volume holds; ``note`` is empty when it can simply be read."""

    filesystem: str
    serial: int = 0
    label: str = ""
    encryption: Encryption | None = None
    note: str = ""
    from_backup: bool = False
    """Known only by the copy of its boot sector."""


def recognise(volume: Readable, partition_type: str = "") -> Content:
    """Return what the volume holds; a volume whose first sectors cannot be read is ``unknown`` and says so."""
    try:
        head = volume.read_at(0, PROBE)
    except DamagedError as error:
        head, bad = b"", str(error)
    else:
        bad = ""
    if found := _by_content(volume, head, partition_type):
        return found
    for kind, types in (("ldm", LDM), ("storage-spaces", (STORAGE_SPACES,))):
        if partition_type in types:
            return Content(kind, note=NOTES[kind])
    if partition_type == MSR:
        return Content("msr")
    if bad:
        return Content("unknown", note=f"its first sectors cannot be read: {bad}")
    return Content("unknown", note=NOTES["unknown"]) if any(head) else Content("empty")


def _by_content(volume: Readable, head: bytes, partition_type: str) -> Content | None:
    if locked := recognise_bitlocker(volume, head):
        return Content("bitlocker", encryption=locked, note=locked_note(locked))
    if head[3:11] == b"ReFS\0\0\0\0":
        return Content("refs", note=NOTES["refs"])
    if head[:6] == b"LUKS\xba\xbe":
        return Content("luks", encryption=Encryption("luks"), note=NOTES["luks"])
    if fat := parse_fat_boot(head):
        return Content(fat.kind, fat.serial, read_label(volume, fat))
    boot = find_ntfs_boot(volume)
    if boot is None or (boot.from_backup and partition_type not in NTFS_TYPES):
        return None
    return _ntfs(volume, boot)


def _ntfs(volume: Readable, boot: NtfsBoot) -> Content:
    note = "its boot sector is damaged; the copy in the last sector is used"
    return Content(
        "ntfs",
        boot.serial,
        read_ntfs_label(volume, boot),
        note=note if boot.from_backup else "",
        from_backup=boot.from_backup,
    )
