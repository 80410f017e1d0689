"""Every container gives the bytes that QEMU gives, and how fast, beside the same disk as a raw image.

``python -m bench.containers DISK.raw FOLDER`` takes a part of a raw image, has qemu-img put it into each container and
turn it back into raw; differencing disks, which qemu-img cannot make, are made by the tests' own writer. Then 1,000
random reads, half of them across a border, are compared with that raw image, through ``read_at`` and through the
pieces that a copy would take; and all of the disk in 1 MiB and 20,000 times 1 KiB are read, container and raw in turn.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from time import process_time
from uuid import UUID

from extractor.images import open_image
from extractor.images.qcow2 import Qcow2Reader
from extractor.images.vdi import VdiReader
from extractor.images.vmdk import VmdkReader
from extractor.seams import ZEROS, Image, ImageReader, mapped
from tests.images.children import resectored, vhd_child, vhdx_child

MIB = 1 << 20
CONVERTED = {
    "VHD fixed": ("vpc", ["-o", "subformat=fixed,force_size=on"]),
    "VHD dynamic": ("vpc", ["-o", "subformat=dynamic,force_size=on"]),
    "VHDX fixed": ("vhdx", ["-o", "subformat=fixed"]),
    "VHDX dynamic, 1 MiB blocks": ("vhdx", ["-o", "block_size=1M"]),
    "VHDX dynamic, 8 MiB blocks": ("vhdx", ["-o", "block_size=8M"]),
    "VHDX dynamic, 32 MiB blocks": ("vhdx", ["-o", "block_size=32M"]),
    "VMDK monolithicFlat": ("vmdk", ["-o", "subformat=monolithicFlat"]),
    "VMDK monolithicSparse": ("vmdk", ["-o", "subformat=monolithicSparse"]),
    "VMDK twoGbMaxExtentSparse": ("vmdk", ["-o", "subformat=twoGbMaxExtentSparse"]),
    "VMDK streamOptimized": ("vmdk", ["-o", "subformat=streamOptimized"]),
    "QCOW2": ("qcow2", []),
    "QCOW2 compressed": ("qcow2", ["-c"]),
    "VDI": ("vdi", []),
    "VDI fixed": ("vdi", ["-o", "static=on"]),
}
READERS: dict[str, ImageReader] = {
    "vmdk": VmdkReader(),
    "qcow2": Qcow2Reader(),
    "vdi": VdiReader(),
}
Made = Iterator[tuple[str, Path, Path]]
"""Name, container, the raw image with its truth."""
READS, SMALL_READS, RUNS = 1000, 20_000, 3
ROW = "{:38} {:>8} {:>9} {:>9} {:>11} {:>10}"


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="bench.containers", description=__doc__)
    parser.add_argument("disk", type=Path, metavar="DISK.raw")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="scratch, four times --mib")
    parser.add_argument("--mib", type=int, default=256, help="how much of the disk is taken")
    parser.add_argument("--from-mib", type=int, default=0, help="where that begins")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    part = given.folder / "part.raw"
    with given.disk.open("rb") as disk:
        disk.seek(given.from_mib * MIB)
        part.write_bytes(disk.read(given.mib * MIB))
    print(ROW.format("container", "bytes", "read_at", "pieces", "1 MiB reads", "1 KiB"))
    print(ROW.format("", "= QEMU's", "wrong", "wrong", "x raw", "x raw"))
    for makers in (_converted, _sectors_of_4096, _vhd_differencing, _vhdx_differencing):
        for name, path, truth in makers(part, given.folder):
            _compare(name, path, truth)
            for file in {path, truth} - {part}:
                file.unlink()


def _converted(part: Path, folder: Path) -> Made:
    for name, (driver, options) in CONVERTED.items():
        path, truth = folder / f"disk.{driver}", folder / "truth.raw"
        _qemu("convert", "-f", "raw", "-O", driver, *options, part, path)
        _qemu("convert", "-f", driver, "-O", "raw", path, truth)
        yield name, path, truth


def _sectors_of_4096(part: Path, folder: Path) -> Made:
    """Yield VHDX disks with sectors of 4096 bytes; QEMU opens none, but their bytes are those of the disk before."""
    for block in (1, 32):
        path = folder / "disk.vhdx"
        _qemu("convert", "-f", "raw", "-O", "vhdx", "-o", f"block_size={block}M", part, path)
        _give_sectors(path, part.stat().st_size, block)
        yield f"VHDX dynamic, {block} MiB, 4096-byte sectors", path, part


def _vhd_differencing(part: Path, folder: Path) -> Made:
    base, child, truth = (folder / name for name in ("base.vhd", "child.vhd", "truth.raw"))
    options = "subformat=fixed,force_size=on"
    _qemu("convert", "-f", "raw", "-O", "vpc", "-o", options, part, base)
    old = part.read_bytes()
    truth.write_bytes(_changed(old))
    vhd_child(base, child, old, truth.read_bytes(), UUID(int=1))
    yield "VHD differencing", child, truth
    base.unlink()


def _vhdx_differencing(part: Path, folder: Path) -> Made:
    base, child, truth = (folder / name for name in ("base.vhdx", "child.avhdx", "truth.raw"))
    _qemu("convert", "-f", "raw", "-O", "vhdx", part, base)
    old = part.read_bytes()
    for block, sector in ((1, 512), (2, 512), (32, 512), (2, 4096)):
        options = f"subformat=dynamic,block_size={block}M,block_state_zero=off"
        _qemu("create", "-q", "-f", "vhdx", "-o", options, child, str(len(old)))
        if sector != 512:
            _give_sectors(child, len(old), block)
        truth.write_bytes(_changed(old))
        vhdx_child(child.read_bytes(), base, child, old, truth.read_bytes())
        yield f"VHDX differencing, {block} MiB, {sector}-byte", child, truth
    base.unlink()


def _qemu(*words: str | Path) -> None:
    subprocess.run(["qemu-img", *map(str, words)], check=True)


def _give_sectors(path: Path, size: int, block: int) -> None:
    disk = bytearray(path.read_bytes())
    resectored(disk, -(-size // (block * MIB)))
    path.write_bytes(disk)


def _changed(old: bytes) -> bytes:
    """Return a disk of which a thousand runs of sectors and each seventh MiB are others."""
    source, new = random.Random(7), bytearray(old)
    for offset in range(0, len(new) - MIB, 7 * MIB):
        new[offset : offset + MIB] = source.randbytes(MIB)
    for _ in range(1000):
        start, count = source.randrange(len(new) // 512 - 64) * 512, source.randrange(1, 64)
        new[start : start + 512 * count] = source.randbytes(512 * count)
    return bytes(new)


def _opened(path: Path) -> Image:
    reader = READERS.get(path.suffix[1:])
    return reader.open(path) if reader else open_image(path)


def _compare(name: str, path: Path, truth: Path) -> None:
    with _opened(path) as image, open_image(truth) as raw:
        size = min(image.size, raw.size)
        same = "yes" if image.size == raw.size else f"{image.size - raw.size:+}"
        wrong, wrong_pieces = _wrong(image, raw, size)
        whole = _ratio(image, raw, lambda each: _in_sequence(each, size))
        small = _ratio(image, raw, lambda each: _at_random(each, size))
        print(ROW.format(name, same, wrong, wrong_pieces, f"{whole:.2f}", f"{small:.2f}"))


def _wrong(image: Image, raw: Image, size: int) -> tuple[int, int | str]:
    """Return how many random reads differ, through the image and through its pieces ("-": it has none)."""
    source, wrong, wrong_pieces, seen = random.Random(3), 0, 0, False
    for number in range(READS):
        offset = source.randrange(size)
        if number % 2:
            offset = max(0, (offset >> 16 << 16) - source.randrange(1, 3000))
        length = min(source.choice((1, 511, 4096, 70_000, 300_000, 3 * MIB)), size - offset)
        expected = raw.read_at(offset, length)
        wrong += image.read_at(offset, length) != expected
        found = _through_pieces(image, offset, length)
        if found is not None:
            seen = True
            wrong_pieces += found != expected
    return wrong, wrong_pieces if seen else "-"


def _through_pieces(image: Image, offset: int, length: int) -> bytes | None:
    source = mapped(image)
    pieces = source.pieces(offset, length) if source else None
    if pieces is None:
        return None
    return b"".join(
        bytes(count) if descriptor == ZEROS else os.pread(descriptor, count, place)
        for descriptor, place, count in pieces
    )


def _ratio(image: Image, raw: Image, work: Callable[[Image], None]) -> float:
    """Return the processor time of work on an image against the same on the raw one, in turn, medians."""
    work(image)
    took: dict[int, list[float]] = {0: [], 1: []}
    for _ in range(RUNS):
        for number, each in enumerate((image, raw)):
            began = process_time()
            work(each)
            took[number].append(process_time() - began)
    return median(took[0]) / median(took[1])


def _in_sequence(image: Image, size: int) -> None:
    for offset in range(0, size, MIB):
        image.read_at(offset, MIB)


def _at_random(image: Image, size: int) -> None:
    source = random.Random(5)
    for _ in range(SMALL_READS):
        image.read_at(source.randrange(size - 1024), 1024)


if __name__ == "__main__":
    main()
