"""VMDK, QCOW2 and VDI: right bytes, and no other file of this host opened because an image says so."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from extractor.errors import DamagedError, ImageError
from extractor.images.qcow2 import Qcow2Reader
from extractor.images.vdi import VdiReader
from extractor.images.vmdk import VmdkReader
from extractor.seams import Image, ImageReader
from tests.conftest import need_tool
from tests.images.material import assert_same_bytes, patterned, pieces_of

MIB = 1 << 20
RAW = patterned(5 * MIB, seed=41) + patterned(3 * 512, seed=42)
KINDS = {
    "qcow2": ("qcow2", []),
    "qcow2-old": ("qcow2", ["-o", "compat=0.10"]),
    "qcow2-compressed": ("qcow2", ["-c"]),
    "qcow2-4k": ("qcow2", ["-o", "cluster_size=4096"]),
    "qcow2-2m": ("qcow2", ["-o", "cluster_size=2097152"]),
    "vmdk-sparse": ("vmdk", ["-o", "subformat=monolithicSparse"]),
    "vmdk-stream": ("vmdk", ["-o", "subformat=streamOptimized"]),
    "vmdk-flat": ("vmdk", ["-o", "subformat=monolithicFlat"]),
    "vmdk-extents": ("vmdk", ["-o", "subformat=twoGbMaxExtentSparse"]),
    "vdi": ("vdi", []),
    "vdi-fixed": ("vdi", ["-o", "static=on"]),
}
MAPPED = {"vmdk-flat", "vdi", "vdi-fixed"}
READERS: dict[str, ImageReader] = {
    "qcow2": Qcow2Reader(),
    "vmdk": VmdkReader(),
    "vdi": VdiReader(),
}


def opened(path: Path) -> Image:
    """Open a disk with the reader that recognises it."""
    raw = path.read_bytes()
    (reader,) = (
        reader
        for reader in READERS.values()
        if reader.recognises(raw[: 64 << 10], raw[-4096:], path)
    )
    return reader.open(path)


def refusal(path: Path) -> str:
    with pytest.raises(ImageError) as caught:
        opened(path)
    text = str(caught.value)
    assert "\n" not in text
    assert str(path.parent) in text
    return text


@pytest.fixture(scope="session")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return a function that gives the folder with the disk RAW in a format, made once by qemu-img."""
    need_tool("qemu-img")
    folder = tmp_path_factory.mktemp("other")
    (folder / "source.raw").write_bytes(RAW)

    def make(kind: str) -> Path:
        driver, options = KINDS[kind]
        if not (folder / kind).exists():
            (folder / kind).mkdir()
            path = str(folder / kind / f"disk.{driver}")
            convert = ["qemu-img", "convert", "-f", "raw", "-O", driver, *options]
            subprocess.run([*convert, str(folder / "source.raw"), path], check=True)
        return folder / kind

    return make


@pytest.fixture
def made(originals: Callable[[str], Path], tmp_path: Path) -> Callable[[str], Path]:
    """Return a function that gives a private copy of a disk."""

    def copied(kind: str) -> Path:
        shutil.copytree(originals(kind), tmp_path, dirs_exist_ok=True)
        return tmp_path / f"disk.{KINDS[kind][0]}"

    return copied


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_gives_the_bytes_of_the_disk(made: Callable[[str], Path], kind: str) -> None:
    with opened(made(kind)) as image:
        assert image.info.format == kind.partition("-")[0]
        assert image.info.sector_size == 512
        assert_same_bytes(image, RAW, reads=600)
        assert (pieces_of(image, 0, 4096) is not None) == (kind in MAPPED)


@pytest.mark.parametrize("kind", KINDS)
def test_threads_do_not_disturb_each_other(made: Callable[[str], Path], kind: str) -> None:
    with opened(made(kind)) as image, ThreadPoolExecutor(8) as pool:
        for done in [
            pool.submit(assert_same_bytes, image, RAW, reads=40, seed=seed) for seed in range(8)
        ]:
            done.result()


def test_the_files_of_a_disk_in_extents_are_named(made: Callable[[str], Path]) -> None:
    path = made("vmdk-extents")
    with opened(path) as image:
        assert image.info.segments == (str(path), str(path.with_name("disk-s001.vmdk")))


def test_a_stream_whose_directory_was_written_last_is_read(made: Callable[[str], Path]) -> None:
    # As VMware writes it: the header does not know yet, a footer before the end-of-stream marker does.
    path = made("vmdk-stream")
    disk = bytearray(path.read_bytes())
    footer = bytes(disk[:512])
    disk[56:64] = b"\xff" * 8
    path.write_bytes(disk + bytes(512) + footer + bytes(512))
    with opened(path) as image:
        assert_same_bytes(image, RAW, reads=100)
    path.write_bytes(disk + bytes(1024))
    assert "a header is missing" in refusal(path)


def test_extents_of_every_kind_are_laid_end_to_end(tmp_path: Path) -> None:
    (tmp_path / "first.bin").write_bytes(b"skipped".ljust(1024, b"x") + RAW[: 2 * MIB])
    (tmp_path / "second.bin").write_bytes(RAW[2 * MIB : 3 * MIB])
    path = tmp_path / "disk.vmdk"
    path.write_text(
        "# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\n"
        'createType="custom"\n# Extent description\n'
        'RW 4096 FLAT "first.bin" 2\nRW 2048 ZERO\nRDONLY 2048 VMFS "second.bin"\n'
    )
    with opened(path) as image:
        assert_same_bytes(image, RAW[: 2 * MIB] + bytes(MIB) + RAW[2 * MIB : 3 * MIB], reads=200)


# --- other files ------------------------------------------------------------------------------------


def test_an_overlay_names_its_backing_file(made: Callable[[str], Path], tmp_path: Path) -> None:
    base, path = made("qcow2"), tmp_path / "overlay.qcow2"
    create = ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", str(base), str(path)]
    subprocess.run(create, check=True)
    text = refusal(path)
    assert "needs its backing file" in text
    assert "disk.qcow2" in text
    assert "qemu-img convert -O raw" in text


def test_a_disk_with_its_data_in_another_file_is_refused(tmp_path: Path) -> None:
    need_tool("qemu-img")
    path = tmp_path / "disk.qcow2"
    options = f"data_file={tmp_path / 'data'}"
    create = ["qemu-img", "create", "-q", "-f", "qcow2", "-o", options, str(path), "1M"]
    subprocess.run(create, check=True)
    assert "keeps its data in another file" in refusal(path)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("extended_l2=on,cluster_size=128k", "extended L2 entries"),
        ("compression_type=zstd", "compressed with zstd"),
    ],
)
def test_features_that_would_be_misread_are_refused(
    tmp_path: Path, options: str, said: str
) -> None:
    need_tool("qemu-img")
    path = tmp_path / "disk.qcow2"
    create = ["qemu-img", "create", "-q", "-f", "qcow2", "-o", options, str(path), "1M"]
    subprocess.run(create, check=True)
    assert said in refusal(path)


@pytest.mark.parametrize("name", ["/etc/passwd", "../data", "sub/data", "..", "", "a\\b"])
def test_an_extent_outside_the_directory_is_not_opened(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "disk.vmdk"
    path.write_text(f'# Disk DescriptorFile\nRW 1 FLAT "{name}" 0\n')
    tried: list[str] = []
    real = os.open

    def watched(name: str | Path, *rest: int) -> int:
        tried.append(str(name))
        return real(name, *rest)

    monkeypatch.setattr(os, "open", watched)
    text = refusal(path)
    assert "no name of a file beside it" in text
    assert "qemu-img convert -O raw" in text
    assert set(tried) == {str(path)}


def test_a_snapshot_names_its_parent(made: Callable[[str], Path], tmp_path: Path) -> None:
    base, path = made("vmdk-sparse"), tmp_path / "snapshot.vmdk"
    create = ["qemu-img", "create", "-q", "-f", "vmdk", "-F", "vmdk", "-b", str(base), str(path)]
    subprocess.run(create, check=True)
    text = refusal(path)
    assert "is a snapshot and needs its parent" in text
    assert "disk.vmdk" in text


def test_one_extent_of_a_larger_disk_is_no_disk(made: Callable[[str], Path]) -> None:
    assert "name the descriptor" in refusal(made("vmdk-extents").with_name("disk-s001.vmdk"))


@pytest.mark.parametrize("kind", ["vmdk-flat", "vmdk-extents"])
def test_a_missing_extent_is_named(made: Callable[[str], Path], kind: str) -> None:
    path = made(kind)
    extent = path.with_name("disk-flat.vmdk" if kind == "vmdk-flat" else "disk-s001.vmdk")
    extent.unlink()
    assert f"{extent} does not exist" in refusal(path)


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (b"QFI\xfb\0\0\0\x01", "version 1"),
        (b"COWD", "ESX"),
        (b"KDMV\1\0\0\0", "damaged"),
        (b"# Disk DescriptorFile\nversion=1\n", "names no extents"),
        (b'# Disk DescriptorFile\nRW 1 SESPARSE "a" 0\n', "of the kind SESPARSE"),
        (bytes(64) + b"\x7f\x10\xda\xbe", "version 0x0"),
    ],
)
def test_what_no_reader_knows_is_named(tmp_path: Path, head: bytes, said: str) -> None:
    path = tmp_path / "disk"
    path.write_bytes(head.ljust(4096, b"\0"))
    assert said in refusal(path)


def test_a_vdi_that_holds_only_differences_is_refused(made: Callable[[str], Path]) -> None:
    path = made("vdi")
    disk = bytearray(path.read_bytes())
    struct.pack_into("<I", disk, 76, 4)
    path.write_bytes(disk)
    assert "differs from a parent" in refusal(path)


# --- damage -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_cut_disk_is_named_or_the_lost_part_is_damage(
    made: Callable[[str], Path], kind: str
) -> None:
    path = made(kind)
    cut = {"vmdk-flat": "disk-flat.vmdk", "vmdk-extents": "disk-s001.vmdk"}.get(kind, path.name)
    file = path.with_name(cut)
    os.truncate(file, file.stat().st_size // 2 // 512 * 512)
    lost = 0
    if kind in {"vmdk-flat", "vdi", "vdi-fixed"}:
        assert "cut" in refusal(path)
        return
    with opened(path) as image:
        for offset in range(0, len(RAW), 1 << 16):
            try:
                assert image.read_at(offset, 1 << 16) == RAW[offset : offset + (1 << 16)]
            except DamagedError:
                lost += 1
    assert lost > 10


def test_a_grain_that_unpacks_to_other_bytes_is_damage(made: Callable[[str], Path]) -> None:
    path = made("vmdk-stream")
    disk = bytearray(path.read_bytes())
    (grains,) = struct.unpack_from("<Q", disk, 64)
    first = grains * 512
    (length,) = struct.unpack_from("<I", disk, first + 8)
    assert zlib.decompress(disk[first + 12 : first + 12 + length]) == RAW[: 1 << 16]
    disk[first + 12 + length // 2] ^= 0x55
    path.write_bytes(disk)
    with opened(path) as image:
        with pytest.raises(DamagedError, match="65536 bytes at 0 of the disk cannot be read"):
            image.read_at(100, 10)
        assert image.read_at(1 << 16, 1 << 16) == RAW[1 << 16 : 2 << 16]


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(kind=st.sampled_from(sorted(KINDS)), draw=st.data())
def test_hostile_headers_are_an_error_of_ours_or_bytes(
    made: Callable[[str], Path], kind: str, draw: st.DataObject
) -> None:
    path = made(kind)
    disk = bytearray(path.read_bytes())
    for place in draw.draw(
        st.lists(st.integers(0, min(len(disk), 1024) - 1), min_size=1, max_size=6)
    ):
        disk[place] = draw.draw(st.integers(0, 255) | st.sampled_from((0, 1, 0x7F, 0x80, 0xFF)))
    path.write_bytes(disk)
    try:
        image = READERS[kind.partition("-")[0]].open(path)
    except ImageError:
        return
    with image:
        for offset in (0, image.size // 2, max(0, image.size - 4096)):
            try:
                assert len(image.read_at(offset, 4096)) == min(4096, image.size - offset)
            except DamagedError:
                continue


def test_a_table_that_claims_more_than_the_file_has_costs_no_memory(
    made: Callable[[str], Path],
) -> None:
    path = made("qcow2")
    disk = bytearray(path.read_bytes())
    struct.pack_into(">I", disk, 36, 0xFFFFFFFF)
    path.write_bytes(disk)
    assert "L1 table of 4294967295 entries" in refusal(path)
