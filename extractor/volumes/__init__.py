"""Image -> Volume…: partition tables read, each partition recognised and named.

Words defined here: a Partition is a place on a disk; a Volume is a place with something in it; its Content is what
that is. An image without a partition table whose first sector is a boot sector is one volume, number 0. A BitLocker
volume that a key opens is the volume inside.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from extractor.errors import ImageError
from extractor.model import Encryption, VolumeInfo
from extractor.volumes.bitlocker import locked_note, unlock_bitlocker
from extractor.volumes.keys import Key
from extractor.volumes.partition import Partition, Table
from extractor.volumes.recognise import Content, recognise
from extractor.volumes.tables import partition_table
from extractor.volumes.volume import ImageVolume, UnlockedVolume

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from extractor.seams import Image, Volume

__all__ = [
    "ImageVolume",
    "Key",
    "UnlockedVolume",
    "locked",
    "unlock_rest",
    "useless_keys",
    "volumes",
]

NOTHING = ("unknown", "empty")


def volumes(images: Sequence[Image], keys: Sequence[Key] = ()) -> list[Volume]:
    """Return the volumes of all images, in order of image and partition number; those that a key opens are open.

    Raises ImageError when an image holds neither a partition table nor a file system that is known.
    """
    found = [
        _opened(ImageVolume(image, info), keys)
        for index, image in enumerate(images)
        for info in _described(image, index)
    ]
    for volume, info in zip(found, _with_ids([each.info for each in found]), strict=True):
        volume.info = info
    return list(found)


def unlock_rest(found: Sequence[Volume], keys: Sequence[Key]) -> list[Volume]:
    """Return the volumes again, with those opened that were locked and that one of these further keys opens."""
    taken = {volume.info.id for volume in found}
    again: list[Volume] = []
    for volume in found:
        opened = (
            _opened(volume, keys) if isinstance(volume, ImageVolume) and not volume.shut else volume
        )
        if isinstance(opened, UnlockedVolume) and opened is not volume:
            opened.info = replace(opened.info, id=_free_id(opened.info, taken))
            taken.add(opened.info.id)
        again.append(opened)
    return again


def useless_keys(found: Sequence[Volume], keys: Sequence[Key]) -> list[Key]:
    """Return the keys that were given for this machine and opened nothing."""
    used = [each.unlocked.key for each in found if isinstance(each, UnlockedVolume)]
    if any(isinstance(each, ImageVolume) and each.shut for each in found):
        return []  # one of them was right, and the volume's note says what is wrong
    return [key for key in keys if key.required and key not in used]


def locked(found: Sequence[Volume]) -> list[VolumeInfo]:
    """Return the BitLocker volumes that a key would open."""
    return [
        each.info
        for each in found
        if isinstance(each, ImageVolume) and each.info.filesystem == "bitlocker" and not each.shut
    ]


def _opened(volume: ImageVolume, keys: Sequence[Key]) -> ImageVolume | UnlockedVolume:
    """Return the volume inside a BitLocker volume; the volume itself, with a note, when nothing opens it."""
    info = volume.info
    if info.filesystem != "bitlocker":
        return volume
    try:
        unlocked = unlock_bitlocker(volume, keys)
    except ImageError as error:
        note = f"BitLocker volume; the key is right, but {error}"
        volume.info = replace(info, note=_notes(note, _of_the_table(info)))
        volume.shut = True
        return volume
    if unlocked is None:
        return volume
    opened = UnlockedVolume(info, unlocked)
    content = recognise(opened, info.partition_type)
    opened.info = replace(
        info,
        filesystem=content.filesystem,
        label=content.label,
        serial=content.serial,
        encryption=Encryption("bitlocker", True, unlocked.protectors, unlocked.opened_by),
        note=_notes(_of_the_content(content), _of_the_table(info)),
    )
    return opened


def _of_the_content(content: Content) -> str:
    return f"unlocked, but {content.note}" if content.filesystem == "unknown" else content.note


def _of_the_table(info: VolumeInfo) -> str:
    """Return what the partition table has to say of a volume, without what is said of its lock."""
    lock = locked_note(info.encryption) if info.encryption else ""
    return info.note.removeprefix(lock).removeprefix("; ")


def _notes(*notes: str) -> str:
    return "; ".join(filter(None, notes))


def _described(image: Image, index: int) -> Iterator[VolumeInfo]:
    """Yield a VolumeInfo, still without id, for each volume of one image.

    A first sector that is a file system's comes before the partition table, for a boot sector also ends like an MBR;
    a file system known only by its last sector comes after it, for that may be the last partition's.
    """
    whole, content = Partition(0, 0, image.size, ""), recognise(image)
    no_table = Table(image.info.sector_size, (whole,))
    named = content.filesystem not in NOTHING
    table = None
    if not named or content.from_backup:
        table = partition_table(image, image.info.sector_size)
    if table is None and not named:
        raise ImageError(
            f"{image.info.path} holds no partition table and no file system that is known here;"
            f" {_doubt(image)}"
        )
    table = table or no_table
    for part in table.partitions:
        yield _info(image, index, part, table)


def _doubt(image: Image) -> str:
    """Return why nothing may be known: what is lost of an image is a better reason than a guess."""
    lost = [bad for bad in image.bad_ranges() if not bad.offset]
    if lost:
        return f"its first sectors cannot be read: {lost[0].reason}"
    return "is it the image of a disk, and is it decrypted?"


def _info(image: Image, index: int, part: Partition, table: Table) -> VolumeInfo:
    place = VolumeInfo("", index, part.number, part.offset, part.size, table.sector_size, "unknown")
    content = recognise(ImageVolume(image, place), part.type)
    return replace(
        place,
        filesystem=content.filesystem,
        label=content.label,
        serial=content.serial,
        partition_guid=part.guid,
        partition_type=part.type,
        disk_signature=table.disk_signature,
        encryption=content.encryption,
        note=_notes(content.note, part.note, table.note),
    )


def _with_ids(infos: Sequence[VolumeInfo]) -> list[VolumeInfo]:
    """Give each volume its id: the serial number, which travels with the file system through any container."""
    met: Counter[str] = Counter()
    named = []
    for info in infos:
        name = _name(info)
        met[name] += 1
        named.append(replace(info, id=f"{name}-{met[name]}" if met[name] > 1 else name))
    return named


def _name(info: VolumeInfo) -> str:
    width = 16 if info.filesystem == "ntfs" else 8
    return f"{info.serial:0{width}X}" if info.serial else f"d{info.image + 1}p{info.number}"


def _free_id(info: VolumeInfo, taken: set[str]) -> str:
    """Return the id of a volume that was opened after all others had theirs."""
    name, number = _name(info), 2
    if name not in taken or name == info.id:
        return name
    while f"{name}-{number}" in taken:
        number += 1
    return f"{name}-{number}"
