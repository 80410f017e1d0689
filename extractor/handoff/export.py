"""Image -> a VHDX or VHD file with the same bytes, hashed while it is written, and read back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from extractor.errors import StoreError
from extractor.events import BytesCopied, ImageRead, Noted, Observer
from extractor.handoff.blocks import PIECE, Blocks, Container, is_zero, seal
from extractor.handoff.hashing import Hashes, judged
from extractor.handoff.place import free_at, refuse_room, writing
from extractor.handoff.plan import FINE, HandedDisk
from extractor.handoff.reading import Decrypted, Reading
from extractor.handoff.vhd_writer import VhdContainer
from extractor.handoff.vhdx_writer import VhdxContainer
from extractor.images import open_image
from extractor.images.verify import Faulty, Verifying
from extractor.seams import Image, Volume

CONTAINERS: dict[str, Callable[[int, int], Container]] = {
    "vhdx": VhdxContainer,
    "vhd": VhdContainer,
}
PATIENCE = 0.5
"""Seconds between two words on how far a file is read back."""
DOCUMENTS = 4 << 20
"""Bytes set aside for all that is no disk."""


class Task:
    """One disk that is to be written."""

    def __init__(self, image: Image, form: str, file: str, opened: Sequence[Volume] = ()) -> None:
        """Take an image; ``opened`` are its BitLocker volumes that are written as what is in them."""
        self.image = image
        self.file = file
        self.opened = tuple(opened)
        self.disk: Faulty = Decrypted(image, opened) if opened else image
        self.container: Container = CONTAINERS[form](image.size, image.info.sector_size)

    def counted(self) -> int:
        """Return the size that the file will have; the whole disk is read for it."""
        shape, present = self.container.shape, set()
        for number, piece in enumerate(Reading(self.disk, shape).pieces()):
            if not is_zero(piece):
                present.add(number * PIECE // shape.block)
        return shape.file_size(len(present))


def ensure_room(out: Path, tasks: Sequence[Task], observer: Observer) -> None:
    """Raise StoreError (72) when the disks do not fit; they are read for that only where it is not sure beforehand."""
    shapes = [task.container.shape for task in tasks]
    most = DOCUMENTS + sum(shape.file_size(shape.blocks) for shape in shapes)
    free = free_at(out)
    if not tasks or free is None or most <= free:
        return
    refuse_room(out, DOCUMENTS + sum(shape.file_size(0) for shape in shapes))
    observer(Noted("info", "the disks may not fit: they are read once to count what is not zeros"))
    refuse_room(out, DOCUMENTS + sum(task.counted() for task in tasks))


def write_disk(task: Task, folder: Path, out: Path, observer: Observer) -> HandedDisk:
    """Write one disk into ``folder`` in one pass; what cannot be read is zeros, and listed.

    Raises StoreError (72) when it cannot be written; ``out`` is the place that a message names.
    """
    shape, info = task.container.shape, task.image.info
    stored = {} if task.opened else info.stored_hashes
    reading = Reading(task.disk, shape)
    path = folder / task.file
    with (
        closing(reading.pieces()) as pieces,
        Hashes(stored) as hashes,
        writing(out),
        path.open("xb") as file,
    ):
        blocks = Blocks(file, shape)
        for piece in pieces:
            hashes.update(piece)
            blocks.add(piece)
            observer(BytesCopied("", len(piece)))
        digests = hashes.digests()
        seal(file, blocks, task.container, bytes.fromhex(digests["sha256"]))
    verdict, sentence = judged(digests, stored, lost=sum(each.length for each in reading.bad))
    padded = shape.size - task.image.size
    if padded:
        sentence += f"; {padded} zeros were added to make whole sectors, and are hashed with it"
    if task.opened:
        sentence = "decrypted, so no hash of the image is its own"
    observer(Noted("info" if verdict in FINE else "warning", f"{info.path}: {sentence}"))
    return HandedDisk(
        source=info,
        file=task.file,
        kind=task.container.kind,
        digests=digests,
        verdict=verdict,
        sentence=sentence,
        bad=tuple(reading.bad),
        padded=padded,
        identity=task.container.identity,
        file_size=path.stat().st_size,
        decrypted=tuple(volume.info.id for volume in task.opened),
    )


def read_back(disk: HandedDisk, folder: Path, observer: Observer) -> HandedDisk:
    """Read a file that was written as any image is read; return the disk with the file's own SHA-256.

    Raises StoreError (72) when it does not hold the disk.
    """
    path = folder / disk.file
    with open_image(path) as image, Verifying(image, files=[str(path)]) as verifying:
        while not verifying.wait(PATIENCE):
            observer(ImageRead(disk.file, verifying.done, verifying.size))
        result = verifying.result()
        observer(ImageRead(disk.file, verifying.size, verifying.size))
    if result.computed.get("sha256") != disk.digests["sha256"] or str(path) not in result.files:
        raise StoreError(
            f"{disk.file} does not read back as it was written: the place that it is on cannot be trusted"
        )
    return replace(disk, file_sha256=result.files[str(path)])
