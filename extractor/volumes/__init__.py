"""Image -> Volume…: partition tables read, each partition recognised and named.

Words defined here: a Partition is a place on a disk; a Volume is a place with something in it; its Content is what
that is. An image without a partition table whose first sector is a boot sector is one volume, number 0.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from extractor.errors import ImageError
from extractor.model import VolumeInfo
from extractor.volumes.partition import Partition, Table
from extractor.volumes.recognise import recognise
from extractor.volumes.tables import partition_table
from extractor.volumes.volume import ImageVolume

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from extractor.seams import Image, Volume

__all__ = ["ImageVolume", "volumes"]

NOTHING = ("unknown", "empty")


def volumes(images: Sequence[Image]) -> list[Volume]:
    """Return the volumes of all images, in order of image and partition number.

    Raises ImageError when an image holds neither a partition table nor a file system that is known.
    """
    found = [(each, info) for index, each in enumerate(images) for info in _described(each, index)]
    identified = _with_ids([info for _, info in found])
    return [ImageVolume(image, info) for (image, _), info in zip(found, identified, strict=True)]


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
            " is it the image of a disk, and is it decrypted?"
        )
    table = table or no_table
    for part in table.partitions:
        yield _info(image, index, part, table)


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
        note="; ".join(each for each in (content.note, part.note, table.note) if each),
    )


def _with_ids(infos: Sequence[VolumeInfo]) -> list[VolumeInfo]:
    """Give each volume its id: the serial number, which travels with the file system through any container."""
    met: Counter[str] = Counter()
    named = []
    for info in infos:
        width = 16 if info.filesystem == "ntfs" else 8
        name = f"{info.serial:0{width}X}" if info.serial else f"d{info.image + 1}p{info.number}"
        met[name] += 1
        named.append(replace(info, id=f"{name}-{met[name]}" if met[name] > 1 else name))
    return named
