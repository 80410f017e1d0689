"""The BitLocker volumes that Windows made, unpacked once."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

import pytest

from tests.conftest import ROOT, shared_data

UNPACKED = ROOT / ".cache" / "bitlocker"


def unpack_bitlocker() -> Path:
    """Return the folder of the images, which are sparse: 2 GB that take a few MB."""
    archive = shared_data() / "images" / "bitlocker" / "bitlk-images.tar.xz"
    if not (UNPACKED / "bitlk-images" / "images.conf").exists():
        place = UNPACKED.with_name(f"bitlocker.{os.getpid()}")
        with tarfile.open(archive) as packed:
            if hasattr(tarfile, "data_filter"):  # Debian 12's Python 3.11.2 has none
                packed.extractall(place, filter="data")
            else:
                packed.extractall(place)
        place.rename(UNPACKED)
    return UNPACKED / "bitlk-images"


@pytest.fixture(scope="session")
def windows_made() -> Path:
    return unpack_bitlocker()
