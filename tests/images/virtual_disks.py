"""VHD and VHDX for the tests: one disk with known bytes in each of their kinds, made by QEMU."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.conftest import need_tool
from tests.images.material import patterned

MIB = 1 << 20
RAW = patterned(9 * MIB, seed=23)
KINDS = {
    "vhd-fixed": ("vpc", "subformat=fixed,force_size=on"),
    "vhd-dynamic": ("vpc", "subformat=dynamic,force_size=on"),
    "vhdx-fixed": ("vhdx", "subformat=fixed"),
    "vhdx-dynamic": ("vhdx", "subformat=dynamic,block_size=1048576"),
}


def empty_vhdx(path: Path, size: int, block: int) -> Path:
    """Make an empty dynamic VHDX with blocks of so many MiB."""
    need_tool("qemu-img")
    options = f"subformat=dynamic,block_size={block * MIB},block_state_zero=off"
    create = ["qemu-img", "create", "-q", "-f", "vhdx", "-o", options, str(path), str(size)]
    subprocess.run(create, check=True)
    return path


def write_into(path: Path, driver: str, writes: Sequence[tuple[int, bytes]]) -> None:
    """Write bytes at places of a disk with QEMU."""
    source = path.with_suffix(".source")
    commands = []
    for number, (offset, data) in enumerate(writes):
        part = source.with_suffix(f".{number}")
        part.write_bytes(data)
        commands += ["-c", f"write -q -s {part} {offset} {len(data)}"]
    subprocess.run(["qemu-io", "-f", driver, *commands, str(path)], check=True)
