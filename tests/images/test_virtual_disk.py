"""VHD and VHDX: right bytes across blocks and chains; damage, cuts, unreplayed logs and lost parents named."""

from __future__ import annotations

import bz2
import lzma
import random
import shutil
import struct
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from extractor.errors import DamagedError, ImageError
from extractor.images import open_image, open_images
from tests.conftest import need_tool
from tests.images.children import metadata_item, vhd_child, vhdx_child
from tests.images.material import assert_same_bytes, patterned

MIB = 1 << 20
RAW = patterned(9 * MIB, seed=23)
KINDS = {
    "vhd-fixed": ("vpc", "subformat=fixed,force_size=on"),
    "vhd-dynamic": ("vpc", "subformat=dynamic,force_size=on"),
    "vhdx-fixed": ("vhdx", "subformat=fixed"),
    "vhdx-dynamic": ("vhdx", "subformat=dynamic,block_size=1048576"),
}
OTHER = UUID("11111111-2222-3333-4444-555555555555")


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


def unpacked(packed: Path, folder: Path) -> Path:
    path = folder / packed.stem
    with (
        (lzma if packed.suffix == ".xz" else bz2).open(packed) as source,
        path.open("wb") as target,
    ):
        shutil.copyfileobj(source, target)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(ImageError) as caught:
        open_image(path)
    text = str(caught.value)
    assert "\n" not in text
    assert str(path) in text
    return text


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_gives_the_bytes_of_the_disk(copy: Callable[[str], Path], kind: str) -> None:
    path = copy(kind)
    with open_image(path) as image:
        assert (image.info.format, image.info.sector_size) == (kind, 512)
        assert image.info.segments == (str(path),)
        assert_same_bytes(image, RAW, reads=600)


@pytest.mark.parametrize("kind", KINDS)
def test_threads_do_not_disturb_each_other(disks: Callable[[str], Path], kind: str) -> None:
    with open_image(disks(kind)) as image, ThreadPoolExecutor(8) as pool:
        for done in [
            pool.submit(assert_same_bytes, image, RAW, reads=100, seed=seed) for seed in range(8)
        ]:
            done.result()


def test_a_suffix_that_lies_does_not_matter(copy: Callable[[str], Path]) -> None:
    for kind, name in (("vhd-dynamic", "disk.E01"), ("vhdx-dynamic", "disk.vhd")):
        path = copy(kind)
        with open_image(path.rename(path.with_name(name))) as image:
            assert image.info.format == kind


def test_sectors_of_4096_are_reported(copy: Callable[[str], Path]) -> None:
    path = copy("vhdx-dynamic")
    disk = bytearray(path.read_bytes())
    place = metadata_item(disk, "8141bf1d-a96f-4709-ba47-f233a8faab5f")
    struct.pack_into("<I", disk, place, 4096)
    path.write_bytes(disk)
    with open_image(path) as image:
        assert image.info.sector_size == 4096
        assert_same_bytes(image, RAW, reads=50)


# --- differencing -----------------------------------------------------------------------------------


def changed(raw: bytes, seed: int) -> bytes:
    """Return a disk with single sectors, runs of sectors and a whole MiB changed."""
    new, noise = bytearray(raw), patterned(2 * MIB, seed)
    for start, length in (
        (0, 512),
        (MIB - 512, 1024),
        (3 * MIB + 7 * 512, 512 * 9),
        (5 * MIB, MIB),
    ):
        offset = (start + seed * 4096) % (len(raw) - length)
        new[offset : offset + length] = noise[4096 : 4096 + length]
    for sector in random.Random(seed).sample(range(len(raw) // 512), 300):
        new[sector * 512 : sector * 512 + 512] = (b"%d changed %d " % (seed, sector)).ljust(512)
    return bytes(new)


@pytest.fixture
def chains(copy: Callable[[str], Path], tmp_path: Path) -> Callable[[str], tuple[Path, bytes]]:
    """Return a function that makes base, child and grandchild, and gives the last with its truth."""

    def vhd() -> tuple[Path, bytes]:
        base, child, last = copy("vhd-fixed"), tmp_path / "child.vhd", tmp_path / "last.vhd"
        second, third = changed(RAW, 1), changed(changed(RAW, 1), 2)
        vhd_child(base, child, RAW, second, UUID(int=1))
        vhd_child(child, last, second, third, UUID(int=2))
        return last, third

    def vhdx() -> tuple[Path, bytes]:
        base, child, last = copy("vhdx-dynamic"), tmp_path / "child.vhdx", tmp_path / "last.avhdx"
        second, third = changed(RAW, 1), changed(changed(RAW, 1), 2)
        for parent, path, old, new in ((base, child, RAW, second), (child, last, second, third)):
            options = "subformat=dynamic,block_size=1048576,block_state_zero=off"
            create = [
                "qemu-img",
                "create",
                "-q",
                "-f",
                "vhdx",
                "-o",
                options,
                str(path),
                str(len(RAW)),
            ]
            subprocess.run(create, check=True)
            vhdx_child(path.read_bytes(), parent, path, old, new)
        return last, third

    return lambda kind: {"vhd": vhd, "vhdx": vhdx}[kind]()


@pytest.mark.parametrize("kind", ["vhd", "vhdx"])
def test_a_chain_of_three_gives_the_bytes_of_the_last(
    chains: Callable[[str], tuple[Path, bytes]], kind: str
) -> None:
    last, truth = chains(kind)
    with open_image(last) as image:
        assert image.info.format == f"{kind}-differencing"
        assert len(image.info.segments) == 3
        assert_same_bytes(image, truth, reads=600)


@pytest.mark.parametrize("kind", ["vhd", "vhdx"])
def test_a_parent_is_found_by_its_guid_under_any_name(
    chains: Callable[[str], tuple[Path, bytes]], kind: str
) -> None:
    last, truth = chains(kind)
    child = last.with_name(f"child.{kind}")
    child.rename(child.with_name(f"renamed.{kind}"))
    with open_image(last) as image:
        assert_same_bytes(image, truth, reads=50)


@pytest.mark.parametrize("kind", ["vhd", "vhdx"])
def test_a_missing_parent_is_named_with_its_guid(
    chains: Callable[[str], tuple[Path, bytes]], kind: str
) -> None:
    last, _ = chains(kind)
    last.with_name(f"child.{kind}").unlink()
    text = refusal(last)
    assert f"child.{kind} is not there" in text
    assert "GUID " in text


def test_another_disk_under_the_name_of_the_parent_is_not_taken(
    chains: Callable[[str], tuple[Path, bytes]], copy: Callable[[str], Path]
) -> None:
    last, _ = chains("vhd")
    copy("vhd-dynamic").rename(last.with_name("child.vhd"))
    assert "child.vhd has the GUID" in refusal(last)


def test_a_disk_that_is_its_own_parent_ends(copy: Callable[[str], Path], tmp_path: Path) -> None:
    base, first = copy("vhd-fixed"), tmp_path / "first.vhd"
    vhd_child(base, first, RAW, changed(RAW, 1), OTHER)
    vhd_child(first, first, RAW, changed(RAW, 1), OTHER)
    assert "does not end" in refusal(first)


def test_a_parent_given_beside_its_child_is_an_image_of_its_own(
    chains: Callable[[str], tuple[Path, bytes]],
) -> None:
    last, _ = chains("vhd")
    images = open_images([last, last.with_name("child.vhd"), last])
    assert [Path(image.info.path).name for image in images] == ["last.vhd", "child.vhd"]
    for image in images:
        image.close()


# --- damage -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("keep", [0.5, 0.9])
def test_a_cut_disk_is_named(copy: Callable[[str], Path], kind: str, keep: float) -> None:
    path = copy(kind)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * keep) // 512 * 512])
    assert "cut" in refusal(path)


@pytest.mark.parametrize("kind", KINDS)
def test_a_header_alone_is_named(copy: Callable[[str], Path], kind: str) -> None:
    path = copy(kind)
    whole = path.read_bytes()
    for keep in (1, 100, 512, 1000, 2048, 100_000, 300_000):
        path.write_bytes(whole[:keep])
        assert refusal(path)


@pytest.mark.parametrize(
    ("kind", "offset", "said"),
    [
        ("vhd-fixed", -512 + 50, "checksum of its footer"),
        ("vhd-dynamic", -512 + 50, "checksum of its footer"),
        ("vhd-dynamic", 512 + 30, "checksum of its dynamic disk header"),
        ("vhdx-dynamic", 0x30000 + 20, ""),
    ],
)
def test_a_damaged_header_is_named_or_does_not_matter(
    copy: Callable[[str], Path], kind: str, offset: int, said: str
) -> None:
    path = copy(kind)
    disk = bytearray(path.read_bytes())
    disk[offset] ^= 0x40
    path.write_bytes(disk)
    if said:
        assert said in refusal(path)
    else:
        assert_right_or_refused(path)


@pytest.mark.parametrize(
    ("places", "said"),
    [
        ((0x10000 + 40, 0x20000 + 40), "both its headers"),
        ((0x30000 + 40, 0x40000 + 40), "both its region tables"),
    ],
)
def test_a_vhdx_whose_copies_are_damaged_too_is_named(
    copy: Callable[[str], Path], places: tuple[int, int], said: str
) -> None:
    path = copy("vhdx-dynamic")
    disk = bytearray(path.read_bytes())
    for place in places:
        disk[place] ^= 1
    path.write_bytes(disk)
    assert said in refusal(path)


def test_two_blocks_in_one_place_are_damage(copy: Callable[[str], Path]) -> None:
    path = copy("vhd-dynamic")
    disk = bytearray(path.read_bytes())
    table = struct.unpack_from(">Q", disk, 512 + 16)[0]
    used = [
        table + 4 * number
        for number in range(5)
        if disk[table + 4 * number : table + 4 * number + 4] != b"\xff" * 4
    ]
    disk[used[1] : used[1] + 4] = disk[used[0] : used[0] + 4]
    path.write_bytes(disk)
    assert "to two blocks" in refusal(path)


def assert_right_or_refused(path: Path) -> None:
    try:
        with open_image(path) as image:
            for offset in range(0, len(RAW), MIB // 2):
                assert image.read_at(offset, 5000) == RAW[offset : offset + 5000]
    except (ImageError, DamagedError):
        return


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(kind=st.sampled_from(sorted(KINDS)), draw=st.data())
def test_flipped_bytes_of_checked_structures_never_give_wrong_bytes(
    copy: Callable[[str], Path], kind: str, draw: st.DataObject
) -> None:
    path = copy(kind)
    disk = bytearray(path.read_bytes())
    checked = {
        "vhd-fixed": st.integers(len(disk) - 512, len(disk) - 1),
        "vhd-dynamic": st.integers(0, 1535) | st.integers(len(disk) - 512, len(disk) - 1),
    }.get(
        kind,
        st.integers(0x10000, 0x10FFF)
        | st.integers(0x20000, 0x20FFF)
        | st.integers(0x30000, 0x4FFFF),
    )
    for place in draw.draw(st.lists(checked, min_size=1, max_size=3)):
        disk[place] ^= draw.draw(st.integers(1, 255))
    path.write_bytes(disk)
    assert_right_or_refused(path)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(kind=st.sampled_from(["vhd-dynamic", "vhdx-dynamic"]), draw=st.data())
def test_hostile_tables_are_an_error_of_ours_or_bytes(
    copy: Callable[[str], Path], kind: str, draw: st.DataObject
) -> None:
    path = copy(kind)
    disk = bytearray(path.read_bytes())
    table = metadata_item(disk, "caa16737-fa36-4d43-b3b6-33f0aa44e76b") if "x" in kind else 1536
    start, end = (table - (64 << 10), table + 256) if "x" in kind else (table, table + 64)
    for place in draw.draw(st.lists(st.integers(start, end), min_size=1, max_size=8)):
        disk[place] = draw.draw(st.integers(0, 255))
    path.write_bytes(disk)
    try:
        with open_image(path) as image:
            assert len(image.read_at(0, 8192)) == min(8192, image.size)
    except (ImageError, DamagedError):
        return


# --- made by Windows ---------------------------------------------------------------------------------


def test_a_vhdx_whose_log_is_not_empty_says_how_to_replay_it(data: Path, tmp_path: Path) -> None:
    packed = data / "images/containers/iotest-dirtylog-10G-4M.vhdx.bz2"
    path = unpacked(packed, tmp_path)
    assert "qemu-img check -r all COPY" in refusal(path)
    need_tool("qemu-img")
    subprocess.run(["qemu-img", "check", "-q", "-r", "all", path], check=True, capture_output=True)
    with open_image(path) as image:
        assert image.size == 10 << 30


@pytest.mark.parametrize(
    ("name", "driver"),
    [
        ("ntfs-fixed.vhd.xz", "vpc"),
        ("ntfs-dynamic.vhd.xz", "vpc"),
        ("ntfs-fixed.vhdx.xz", "vhdx"),
        ("ntfs-dynamic.vhdx.xz", "vhdx"),
    ],
)
def test_disks_made_by_windows_are_read_as_qemu_reads_them(
    data: Path, tmp_path: Path, name: str, driver: str
) -> None:
    need_tool("qemu-img")
    path = unpacked(data / "images/containers" / name, tmp_path)
    convert = ["qemu-img", "convert", "-f", driver, "-O", "raw", str(path), str(tmp_path / "truth")]
    subprocess.run(convert, check=True)
    with open_image(path) as image:
        # qemu takes the size of some VHDs from their cylinders: compare what both have.
        truth = (tmp_path / "truth").read_bytes()[: image.size]
        assert len(truth) > 0.95 * image.size
        assert image.read_at(0, len(truth)) == truth


@pytest.mark.parametrize("kind", ["vhd", "vhdx"])
def test_a_differencing_disk_made_by_windows_needs_its_parent(
    data: Path, tmp_path: Path, kind: str
) -> None:
    folder = data / "images/containers"
    child = unpacked(folder / f"ntfs-differential.{kind}.xz", tmp_path)
    assert f"ntfs-parent.{kind} is not there" in refusal(child)
    parent = unpacked(folder / f"ntfs-parent.{kind}.xz", tmp_path)
    with open_image(child) as image, open_image(parent) as base:
        assert image.info.segments == (str(child), str(parent))
        assert image.size == base.size == 4 * MIB
        mine, theirs = image.read_at(0, image.size), base.read_at(0, base.size)
        assert mine[:512] == theirs[:512]
        assert mine != theirs


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("d2v-zerofilled.vhd.bz2", 263454720),
        ("hyperv2012r2-dynamic.vhd.bz2", 127 << 30),
        ("virtualpc-dynamic.vhd.bz2", 127 << 30),
        ("iotest-dynamic-1G.vhdx.bz2", 1 << 30),
    ],
)
def test_disks_of_other_programs_open(data: Path, tmp_path: Path, name: str, size: int) -> None:
    with open_image(unpacked(data / "images/containers" / name, tmp_path)) as image:
        assert image.size == size
        assert len(image.read_at(size - 100_000, 200_000)) == 100_000
