"""A disk written as a hand-off writes it, and what readers that are not ours make of the file."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

from extractor.handoff.blocks import Blocks, Container, seal
from extractor.handoff.reading import Reading
from extractor.images.verify import Faulty
from tests.conftest import need_tool

MIB = 1 << 20
STEP = MIB
"""Bytes of one read: dissect misreads what crosses a block (libraries.md), and this never does."""


def export(disk: Faulty, container: Container, path: Path) -> bytes:
    """Write a disk; return its SHA-256."""
    digest = hashlib.sha256()
    with path.open("xb") as file:
        blocks = Blocks(file, container.shape)
        for piece in Reading(disk, container.shape).pieces():
            digest.update(piece)
            blocks.add(piece)
        seal(file, blocks, container, digest.digest())
    return digest.digest()


class Spots:
    """A disk of zeros but for bytes at some places, of any size; for what does not fit the memory."""

    def __init__(self, size: int, spots: dict[int, bytes]) -> None:
        self.size = size
        self._spots = spots

    def read_at(self, offset: int, length: int) -> bytes:
        length = min(length, self.size - offset)
        data = bytearray(length)
        for place, content in self._spots.items():
            start, stop = max(place, offset), min(place + len(content), offset + length)
            if start < stop:
                data[start - offset : stop - offset] = content[start - place : stop - place]
        return bytes(data)

    def bad_ranges(self) -> tuple[()]:
        return ()


def by_dissect(path: Path) -> str:
    """Return the SHA-256 of a disk as dissect.hypervisor reads it."""
    from dissect.hypervisor.disk.vhd import VHD
    from dissect.hypervisor.disk.vhdx import VHDX

    digest = hashlib.sha256()
    with path.open("rb") as file:
        disk = VHDX(file) if path.suffix == ".vhdx" else VHD(file)
        size = disk.size or 0
        for offset in range(0, size, STEP):
            disk.seek(offset)
            digest.update(disk.read(min(STEP, size - offset)))
    return digest.hexdigest()


def by_libvhdi(path: Path) -> str:
    """Return the SHA-256 of a disk as libvhdi reads it."""
    import pyvhdi

    disk = pyvhdi.file()
    disk.open(str(path))
    digest = hashlib.sha256()
    size = disk.get_media_size()
    for offset in range(0, size, STEP):
        digest.update(disk.read_buffer_at_offset(min(STEP, size - offset), offset))
    disk.close()
    return digest.hexdigest()


def qemu_agrees(path: Path, raw: Path) -> bool:
    """Tell whether QEMU finds the file whole and the same disk as a raw one; it opens no VHDX of 4096-byte sectors."""
    need_tool("qemu-img")
    driver = {".vhdx": "vhdx", ".vhd": "vpc"}[path.suffix]
    if driver == "vhdx":  # QEMU checks no VHD
        subprocess.run(["qemu-img", "check", "-q", "-f", driver, str(path)], check=True)
    compare = ["qemu-img", "compare", "-f", "raw", "-F", driver, str(raw), str(path)]
    return subprocess.run(compare, capture_output=True, check=False).returncode == 0
