"""Disks with a Windows on them for the tests, and the proof that nothing of them stays attached."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sample_images
from extractor.filesystems import find
from extractor.machine import open_machine
from tests.conftest import need_mounting, need_tool

TOOLS = ("ntfs-3g", "ntfs-3g.probe", "losetup", "umount", "setpriv")
CONTAINER_TOOLS = ("qemu-img", "qemu-nbd", "nbdfuse", "fusermount3")
KINDS: dict[str, tuple[str, ...]] = {
    "raw": (),
    "vhd-fixed": ("vpc", "-o", "subformat=fixed,force_size=on"),
    "vhd-dynamic": ("vpc", "-o", "subformat=dynamic"),
    "vhdx": ("vhdx",),
    "qcow2": ("qcow2",),
}
SYSTEM_AT = 44_040_192
"""Byte of the image ``desk`` at which its C: begins."""


def need_disks(*more: str) -> None:
    """Skip a test on a host that cannot mount disks."""
    need_tool(*TOOLS, *more)
    need_mounting(loops=True)


def disk(folder: Path, kind: str = "raw", name: str = "desk") -> Path:
    """Make a disk of a kind: GPT, and C: and D: with the Windows that knows these letters."""
    source = sample_images.unpack(name)
    place = folder / f"my disk, of a,b.{kind}"
    if kind == "raw":
        subprocess.run(["cp", "--sparse=always", source, place], check=True)
    else:
        need_tool("qemu-img")
        command = ["qemu-img", "convert", "-f", "raw", "-O", *KINDS[kind], str(source), str(place)]
        subprocess.run(command, check=True)
    return place


def content_of(image: Path, volume: str, *parts: str) -> bytes:
    """Return what our own readers find in a file of a volume."""
    with open_machine([image]) as machine:
        filesystem = machine.filesystems[volume]
        entry = find(filesystem, parts)
        assert entry is not None, parts
        stream = filesystem.open(entry)
        return stream.read_at(0, stream.size)


def children_of(process: int) -> list[int]:
    """Return all processes below one."""
    found = []
    for each in Path(f"/proc/{process}/task").glob("*/children"):
        for child in map(int, each.read_text().split()):
            found += [child, *children_of(child)]
    return found


def name_of(process: int) -> str:
    return Path(f"/proc/{process}/comm").read_text().strip()


def traces(image: Path) -> list[str]:
    """Return what of an image is still attached, mounted or running."""
    loops = subprocess.run(["losetup", "-a"], capture_output=True, text=True, check=True).stdout
    mounts = Path("/proc/self/mountinfo").read_text()
    told = [line for line in loops.splitlines() if str(image.parent) in line or "(/disk)" in line]
    told += [line for line in mounts.splitlines() if "/coldstate-" in line]
    running = [name_of(each) for each in children_of(os.getpid())]
    return told + [name for name in running if name in {"ntfs-3g", "nbdfuse", "qemu-nbd"}]


@contextmanager
def looped(image: Path, *flags: str) -> Iterator[Path]:
    """Attach an image as a disk of this host, with its partitions where the kernel makes them."""
    node = subprocess.run(
        ["losetup", "--find", "--show", "--partscan", *flags, image], capture_output=True, text=True, check=True
    ).stdout.strip()  # fmt: skip
    subprocess.run(["partx", "--add", node], check=False, capture_output=True)
    try:
        yield Path(node)
    finally:
        subprocess.run(["partx", "--delete", node], check=False, capture_output=True)
        subprocess.run(["losetup", "--detach", node], check=True)
