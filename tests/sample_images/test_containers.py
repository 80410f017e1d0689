from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from sample_images import formats, unpack, unpack_all
from sample_images.containers import FORMATS, PIECE, derive
from sample_images.run import BuildError
from sample_images.tables import MIB
from tests.conftest import need_tool
from tests.sample_images import strangers


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("kind", ["vhd-fixed", "vhd-dynamic", "vhdx-fixed", "vhdx-dynamic"])
def test_qemu_finds_a_virtual_disk_equal_to_the_raw_image(kind: str) -> None:
    need_tool("qemu-img")
    driver = "vhdx" if kind.startswith("vhdx") else "vpc"
    command = ["qemu-img", "compare", "-f", "raw", "-F", driver]
    told = strangers.run(*command, str(unpack("solo")), str(unpack("solo", kind))).decode()
    assert "Images are identical" in told


@pytest.mark.parametrize(("kind", "segments"), [("e01", 1), ("e01-split", 4)])
def test_libewf_verifies_and_exports_the_raw_image(
    kind: str, segments: int, tmp_path: Path
) -> None:
    need_tool("ewfverify", "ewfexport")
    files = [str(file) for file in unpack_all("solo", kind)]
    assert len(files) == segments
    assert "ewfverify: SUCCESS" in strangers.run("ewfverify", "-q", *files).decode()
    strangers.run("ewfexport", "-u", "-q", "-f", "raw", "-t", str(tmp_path / "back"), *files)
    assert sha256(tmp_path / "back.raw") == sha256(unpack("solo"))


def test_the_pieces_of_a_split_image_join_to_the_raw_image() -> None:
    pieces = unpack_all("solo", "split-raw")
    assert [piece.suffix for piece in pieces] == [".001", ".002", ".003"]
    assert all(piece.stat().st_size == PIECE for piece in pieces)
    assert b"".join(piece.read_bytes() for piece in pieces) == unpack("solo").read_bytes()


@pytest.mark.parametrize(("kind", "start"), [("mbr", MIB), ("logical", 2 * MIB), ("gpt", MIB)])
def test_a_partition_table_leads_to_the_volume(kind: str, start: int, tmp_path: Path) -> None:
    need_tool("mmls")
    (disk,) = derive(unpack("solo"), kind, tmp_path)
    assert strangers.partitions(disk, 512)[-1] * 512 == start
    with disk.open("rb") as file:
        file.seek(start)
        volume = file.read(unpack("solo").stat().st_size)
    assert hashlib.sha256(volume).hexdigest() == sha256(unpack("solo"))


def test_sgdisk_finds_nothing_wrong_with_a_gpt_disk(tmp_path: Path) -> None:
    need_tool("sgdisk")
    (disk,) = derive(unpack("solo"), "gpt", tmp_path)
    for image in (disk, unpack("desk"), unpack("three")):
        assert "No problems found" in strangers.run("sgdisk", "-v", str(image)).decode()


def test_solo_is_committed_in_every_container_and_the_others_raw() -> None:
    assert set(formats("solo")) | {"mbr", "logical", "gpt"} == set(FORMATS)
    assert formats("hostile") == ["raw"]


def test_a_format_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="no format 'aff'"):
        derive(unpack("solo"), "aff", tmp_path)
