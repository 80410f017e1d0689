from __future__ import annotations

from pathlib import Path

import pytest

from sample_images import contents_of, unpack
from sample_images.build import build
from sample_images.contents import NAMES
from tests.conftest import need_mounting, need_tool
from tests.sample_images import strangers

TOOLS = ["mkntfs", "ntfs-3g", "wimlib-imagex", "hivexregedit", "mkfs.vfat", "mcopy", "fls", "mmls"]


def tree(name: str, image: Path) -> list[bytes]:
    """All that fls tells of an image (names, records, sizes, times), but of NTFS's own files."""
    lines = []
    for _, where in strangers.located(contents_of(name), image):
        told = strangers.run("fls", "-r", "-p", "-l", *where).splitlines()
        lines += [line for line in told if b"\t$" not in line or b"$Recycle" in line]
    return lines


@pytest.mark.parametrize("name", NAMES)
def test_building_afresh_gives_the_committed_tree(name: str, tmp_path: Path) -> None:
    need_tool(*TOOLS)
    need_mounting()
    assert tree(name, build(name, tmp_path)) == tree(name, unpack(name))
