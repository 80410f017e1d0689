"""Raw and split raw images: right bytes, whole sets, and one sentence for what is no image."""

from __future__ import annotations

import fcntl
import os
import random
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractor.errors import DamagedError, ImageError
from extractor.images import open_image, open_images
from extractor.images.raw import RawMedium, pieces
from tests.conftest import need_tool
from tests.images.material import (
    assert_same_bytes,
    file_in_memory,
    patterned,
    pieces_of,
    refusal,
)


def split(raw: bytes, folder: Path, size: int, first: int = 1) -> list[Path]:
    paths = []
    for number, offset in enumerate(range(0, len(raw), size), start=first):
        path = folder / f"disk.{number:03}"
        path.write_bytes(raw[offset : offset + size])
        paths.append(path)
    return paths


def test_a_raw_image_gives_its_bytes_and_describes_itself(tmp_path: Path) -> None:
    raw = patterned(3 << 20)
    path = tmp_path / "disk.img"
    path.write_bytes(raw)
    with open_image(path) as image:
        assert (image.info.format, image.info.size, image.info.sector_size) == (
            "raw",
            len(raw),
            512,
        )
        assert image.info.segments == (str(path),)
        assert image.bad_ranges() == ()
        assert_same_bytes(image, raw)


@pytest.mark.parametrize("first", [0, 1])
def test_any_piece_of_a_split_raw_opens_the_whole_disk(tmp_path: Path, first: int) -> None:
    raw = patterned((1 << 20) + 4096)
    paths = split(raw, tmp_path, 300 * 1024, first)
    for path in paths:
        with open_image(path) as image:
            assert image.info.format == "split-raw"
            assert image.info.segments == tuple(map(str, paths))
            assert_same_bytes(image, raw)


def test_a_shell_glob_of_pieces_is_one_image(tmp_path: Path) -> None:
    paths = split(patterned(1 << 20), tmp_path, 300 * 1024)
    other = tmp_path / "other.raw"
    other.write_bytes(patterned(4096))
    images = open_images([*reversed(paths), other, other])
    assert [image.info.format for image in images] == ["split-raw", "raw"]
    for image in images:
        image.close()


def test_when_one_of_several_images_is_bad_none_stays_open(tmp_path: Path) -> None:
    good = tmp_path / "good.raw"
    good.write_bytes(patterned(4096))
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(ImageError, match="does not exist"):
        open_images([good, tmp_path / "absent.raw"])
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize("lost", [0, 1, 2])
def test_a_missing_piece_is_named(tmp_path: Path, lost: int) -> None:
    paths = split(patterned(1 << 20), tmp_path, 256 * 1024)
    paths[lost].unlink()
    with pytest.raises(ImageError, match=f"{paths[lost].name}.*missing"):
        open_image(paths[-1])


def test_a_cut_piece_in_the_middle_is_named(tmp_path: Path) -> None:
    paths = split(patterned(1 << 20), tmp_path, 256 * 1024)
    paths[1].write_bytes(paths[1].read_bytes()[:-512])
    with pytest.raises(ImageError, match=r"disk\.002 has 261632 bytes"):
        open_image(paths[0])


def test_a_last_piece_longer_than_the_others_means_that_those_are_cut(tmp_path: Path) -> None:
    (tmp_path / "disk.001").write_bytes(patterned(4096))
    (tmp_path / "disk.002").write_bytes(patterned(8192))
    with pytest.raises(ImageError, match=r"the last piece, has 8192 bytes"):
        open_image(tmp_path / "disk.001")


def test_a_year_at_the_end_of_a_name_is_no_piece(tmp_path: Path) -> None:
    path = tmp_path / "backup.2024"
    path.write_bytes(patterned(4096))
    (tmp_path / "backup.2023").write_bytes(patterned(4096))
    assert pieces(path) == [path]


def test_two_digits_are_a_set_when_the_first_piece_is_there(tmp_path: Path) -> None:
    paths = [tmp_path / f"disk.0{number}" for number in range(3)]
    for path in paths:
        path.write_bytes(patterned(4096))
    assert pieces(paths[2]) == paths


def test_a_gpt_header_at_4096_means_sectors_of_4096(tmp_path: Path) -> None:
    path = tmp_path / "disk.raw"
    path.write_bytes(bytes(510) + b"\x55\xaa" + bytes(3584) + b"EFI PART" + bytes(100_000) + b"x")
    with open_image(path) as image:
        assert image.info.sector_size == 4096


@pytest.fixture
def loop_device(tmp_path: Path) -> Iterator[Callable[[bytes, int], Path]]:
    """Return a function that puts bytes behind a read-only block device with sectors of a size."""
    need_tool("losetup")
    if os.geteuid():
        pytest.skip("only root may set up a loop device")
    devices: list[Path] = []

    def attached(raw: bytes, sector: int) -> Path:
        (tmp_path / "behind").write_bytes(raw)
        command = ["losetup", "--read-only", "--find", "--show", "--sector-size", str(sector)]
        ran = subprocess.run(
            [*command, tmp_path / "behind"], capture_output=True, text=True, check=False
        )
        if ran.returncode:
            pytest.skip(f"no loop device is to be had here: {ran.stderr.strip()}")
        devices.append(Path(ran.stdout.strip()))
        return devices[-1]

    yield attached
    for device in devices:
        subprocess.run(["losetup", "--detach", device], check=True)


@pytest.mark.parametrize("sector", [512, 4096])
def test_a_block_device_is_read_and_tells_its_sector_size(
    loop_device: Callable[[bytes, int], Path], sector: int
) -> None:
    raw = patterned(3 << 20)
    device = loop_device(raw, sector)
    with open_image(device) as image:
        assert (image.info.format, image.info.sector_size) == ("raw", sector)
        assert_same_bytes(image, raw, reads=100)
    with open_image(device) as image:
        flags = [
            fcntl.fcntl(piece.descriptor, fcntl.F_GETFL)
            for piece in pieces_of(image, 0, len(raw)) or ()
        ]
        assert [each & os.O_ACCMODE for each in flags] == [os.O_RDONLY]


def test_a_virtual_disk_on_a_block_device_is_opened_as_such(
    loop_device: Callable[[bytes, int], Path], tmp_path: Path
) -> None:
    need_tool("qemu-img")
    raw = patterned(3 << 20)
    (tmp_path / "raw").write_bytes(raw)
    convert = ["qemu-img", "convert", "-f", "raw", "-O", "vhdx"]
    subprocess.run([*convert, tmp_path / "raw", tmp_path / "x"], check=True)
    with open_image(loop_device((tmp_path / "x").read_bytes(), 512)) as image:
        assert image.info.format == "vhdx-dynamic"
        assert_same_bytes(image, raw, reads=50)


def test_negative_reads_are_an_error_of_the_caller(tmp_path: Path) -> None:
    path = tmp_path / "disk.raw"
    path.write_bytes(patterned(4096))
    with open_image(path) as image:
        for offset, length in ((-1, 1), (0, -1)):
            with pytest.raises(ValueError, match="cannot read"):
                image.read_at(offset, length)


def test_a_file_cut_while_it_is_read_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "disk.raw"
    path.write_bytes(patterned(8192))
    with open_image(path) as image:
        os.truncate(path, 4096)
        assert len(image.read_at(0, 4096)) == 4096
        with pytest.raises(DamagedError, match=r"ends at byte 4096, but it was 8192 bytes long"):
            image.read_at(0, 8192)


def test_a_closed_image_reads_nothing(tmp_path: Path) -> None:
    path = tmp_path / "disk.raw"
    path.write_bytes(patterned(4096))
    image = open_image(path)
    image.close()
    image.close()
    with pytest.raises(DamagedError, match="cannot be read"):
        image.read_at(0, 512)


def test_threads_do_not_disturb_each_other(tmp_path: Path) -> None:
    raw = patterned(2 << 20)
    split(raw, tmp_path, 300 * 1024)
    with open_image(tmp_path / "disk.001") as image, ThreadPoolExecutor(8) as pool:
        for done in [
            pool.submit(assert_same_bytes, image, raw, reads=100, seed=seed) for seed in range(8)
        ]:
            done.result()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert "does not exist" in refusal(tmp_path / "absent.E01")


def test_a_directory_is_named(tmp_path: Path) -> None:
    assert "is a directory" in refusal(tmp_path)


def test_a_fifo_does_not_block(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    assert "neither a file nor a block device" in refusal(path)


def test_a_character_device_is_no_image() -> None:
    assert "neither a file nor a block device" in refusal(Path("/dev/zero"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_the_right_to_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "disk.raw"
    path.write_bytes(patterned(4096))
    path.chmod(0)
    assert "permission denied" in refusal(path)


def test_an_unreadable_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "disk.raw"
    path.write_bytes(patterned(4096))

    def deny(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", deny)
    assert "permission denied" in refusal(path)


def test_a_name_with_a_nul_is_an_image_error() -> None:
    assert "cannot be opened" in refusal(Path("a\0b"))


def test_a_loop_of_links_is_an_image_error(tmp_path: Path) -> None:
    path = tmp_path / "loop"
    path.symlink_to(path)
    assert "cannot be opened" in refusal(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"\x01\x02\x03", "too small"),
        (b"These are notes about the disk.\r\n", "is a text file"),
        ("Grüße aus Köln, 日本語\n".encode() * 4000, "is a text file"),
        ("UTF-16 notes\r\n".encode("utf-16"), "is a text file"),
        (b"<?xml version='1.0'?><offline/>\n" * 100, "is a text file"),
        (bytes(1 << 20), "all its bytes are zeros"),
        (b"EVF2\r\n\x81\x00" + bytes(4096), "Ex01"),
        (b"LEF2\r\n\x81\x00" + bytes(4096), "Lx01"),
        (b"LVF\x09\r\n\xff\x00" + bytes(4096), "L01"),
        (b"ADCRYPT\0" + bytes(4096), "encrypted"),
        (b"ADSEGMENTEDFILE\0" + bytes(4096), "AD1"),
        (b"AFF10\r\n\0" + bytes(4096), "affconvert"),
        (b"PK\x03\x04" + bytes(26) + b"container.description" + bytes(4096), "AFF4"),
        (b"PK\x03\x04" + bytes(26) + b"disk.raw" + bytes(4096), "ZIP archive"),
        (b"1giM" + bytes(4096), "ScanState"),
        (b"MSWIM\0\0\0" + bytes(4096), "WIM"),
        (bytes(32769) + b"CD001" + bytes(4096), "ISO 9660"),
        (b"\x1f\x8b\x08\x00" + bytes(4096), "gzip"),
        (b"\xfd7zXZ\0" + bytes(4096), "xz"),
        (b"WithoutFreeSpace" + bytes(4096), "qemu-img convert -O raw"),
    ],
)  # fmt: skip
def test_what_is_no_disk_image_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "disk.raw"
    path.write_bytes(content)
    assert said in refusal(path)


@pytest.mark.parametrize("suffix", ["E01", "vhd", "vhdx", "qcow2", "vmdk", "vdi"])
def test_a_container_that_lost_its_signature_is_not_read_as_raw(
    tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"disk.{suffix}"
    path.write_bytes(patterned(1 << 20))
    assert "has not that format's signature" in refusal(path)


def test_a_raw_disk_under_the_name_of_a_container_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "disk.E01"
    path.write_bytes(bytes(510) + b"\x55\xaa" + patterned(1 << 20))
    with open_image(path) as image:
        assert image.info.format == "raw"


def test_a_disk_that_cannot_be_read_at_its_beginning_is_an_image_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "disk.raw"
    path.write_bytes(patterned(1 << 20))

    def fail(*_: object) -> bytes:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "pread", fail)
    assert "bytes from 0 cannot be read: Input/output error" in refusal(path)


def test_a_disk_whose_beginning_alone_is_wiped_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "wiped.raw"
    path.write_bytes(bytes(3 << 20) + patterned(1 << 20) + bytes(1 << 20))
    with open_image(path) as image:
        assert image.size == 5 << 20


@given(st.lists(st.binary(min_size=1, max_size=40), min_size=1, max_size=6), st.data())
def test_files_laid_end_to_end_read_as_their_join(parts: list[bytes], draw: st.DataObject) -> None:
    whole = b"".join(parts)
    offset = draw.draw(st.integers(0, len(whole) - 1))
    length = draw.draw(st.integers(1, len(whole) - offset))
    medium = RawMedium([file_in_memory(part) for part in parts])
    assert medium.read(offset, length) == whole[offset : offset + length]
    medium.close()


def test_patterned_material_is_not_periodic() -> None:
    raw = patterned(1 << 20)
    offsets = random.Random(5).sample(range(0, len(raw), 512), 500)
    assert len({raw[offset : offset + 512] for offset in offsets}) > 200
