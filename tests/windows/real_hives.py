"""Real hives of the shared material, unpacked."""

from __future__ import annotations

import lzma
from pathlib import Path

import pytest


def real_hive(data: Path, name: str) -> bytes:
    """Return the hive ``hives/NAME.xz``, or skip the test where it is not."""
    path = data / "hives" / f"{name}.xz"
    if not path.is_file():
        pytest.skip(f"{path} is not here")
    return lzma.decompress(path.read_bytes())
