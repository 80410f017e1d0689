"""What all tests share: tools that may be missing, and the folder of real Windows material."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def need_tool(*names: str) -> None:
    """Skip a test whose tool is missing; in CI (``CI=true``) a missing tool is a failure."""
    missing = [name for name in names if shutil.which(name) is None]
    if missing and os.environ.get("CI") == "true":
        pytest.fail(f"CI must have {', '.join(missing)}")
    if missing:
        pytest.skip(f"needs {', '.join(missing)}")


def need_mounting(*, loops: bool = False) -> None:
    """Skip a test that mounts a volume where nobody may: it needs root, /dev/fuse and, for a disk, loop devices."""
    devices = ["/dev/fuse", *(["/dev/loop-control"] if loops else [])]
    missing = [each for each in devices if not Path(each).exists()]
    if os.geteuid() != 0 or missing:
        pytest.skip(f"needs root and {' and '.join(devices)}")


def shared_data() -> Path:
    """Return the folder of real Windows material, or skip the test that asks for it."""
    folder = Path(os.environ.get("COLDSTATE_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"real Windows material is not at {folder} (set COLDSTATE_DATA)")
    return folder


@pytest.fixture
def data() -> Path:
    """The folder of real Windows material."""
    return shared_data()


@pytest.fixture
def heard() -> Iterator[None]:
    """Hear an interrupt, and what is started too, whatever started us."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@contextmanager
def mounted(folder: Path, *words: str | Path) -> Iterator[Path]:
    """Mount something at a new folder, or skip the test that asks for it."""
    need_tool("mount", "umount")
    folder.mkdir()
    if os.geteuid() or subprocess.run(["mount", *words, folder], check=False).returncode:
        pytest.skip("needs the right to mount")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


@contextmanager
def disk_of(size: str, folder: Path) -> Iterator[Path]:
    """Mount a file system with room for so much (``1m``) at a new folder, or skip the test that asks for it."""
    with mounted(folder, "-t", "tmpfs", "-o", f"size={size}", "tmpfs") as disk:
        yield disk


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB."""
    with disk_of("1m", tmp_path / "disk") as disk:
        yield disk
