"""The disk RAW in each kind of VHD and VHDX."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import need_tool
from tests.images.virtual_disks import KINDS, RAW


@pytest.fixture(scope="session")
def disks(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return a function that gives the disk RAW in a format, made once by qemu-img."""
    need_tool("qemu-img")
    folder = tmp_path_factory.mktemp("disks")
    (folder / "disk.raw").write_bytes(RAW)

    def made(kind: str) -> Path:
        path = folder / f"{kind}.{kind.split('-', maxsplit=1)[0]}"
        if not path.exists():
            driver, options = KINDS[kind]
            convert = ["qemu-img", "convert", "-f", "raw", "-O", driver, "-o", options]
            subprocess.run([*convert, folder / "disk.raw", path], check=True)
        return path

    return made


@pytest.fixture
def copy(disks: Callable[[str], Path], tmp_path: Path) -> Callable[[str], Path]:
    """Return a function that gives a private copy of a disk."""
    return lambda kind: Path(shutil.copy(disks(kind), tmp_path))
