from __future__ import annotations

import hashlib
import re
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from sample_images import contents_of, unpack
from sample_images.contents import NAMES, Entry
from sample_images.payload import generated
from sample_images.reparse import WOF_KINDS
from sample_images.security import descriptor
from tests.conftest import need_tool
from tests.sample_images import strangers

NTFS_OWN = re.compile(r"\$(?!R|W)|.*:")  # metadata files, and streams
ORDINARY = [name for name in NAMES if name != "hostile"]


def recorded(entry: Entry, seen: dict[str, str], where: list[str]) -> str:
    """What istat says of an entry."""
    address = seen[strangers.shown(entry.path)].partition("-")[0]
    return strangers.run("istat", *where, address).decode()


@pytest.mark.parametrize("name", ORDINARY)
def test_sleuth_kit_reads_every_file_and_stream_as_contents_say(name: str) -> None:
    need_tool("fls", "icat", "mmls")
    contents = contents_of(name)
    for volume, where in strangers.located(contents, unpack(name)):
        seen = strangers.listing(where)
        for entry in filter(strangers.readable, volume.entries):
            path = strangers.shown(entry.path)
            assert strangers.digest(where, seen[path]) == entry.recipe.sha256, path
        for entry in volume.entries:
            for stream, recipe in entry.streams:
                path = f"{strangers.shown(entry.path)}:{stream}"
                assert strangers.digest(where, seen[path]) == recipe.sha256, path


@pytest.mark.parametrize("name", ORDINARY)
def test_sleuth_kit_lists_every_entry_and_nothing_else(name: str) -> None:
    need_tool("fls", "mmls")
    contents = contents_of(name)
    for volume, where in strangers.located(contents, unpack(name)):
        if volume.kind != "ntfs":
            continue
        told = {entry.path[:n] for entry in volume.entries for n in range(1, len(entry.path) + 1)}
        seen = {path for path in strangers.listing(where) if not NTFS_OWN.match(path)}
        assert seen == set(map(strangers.shown, told))


def test_every_hostile_file_is_there_with_the_bytes_that_name_it() -> None:
    need_tool("fls", "icat", "mmls")
    contents = contents_of("hostile")
    (volume, where), *_ = strangers.located(contents, unpack("hostile"))
    entries = [entry for entry in volume.entries if strangers.readable(entry)]
    listing = strangers.listing(where)
    skip = {address for path, address in listing.items() if path.endswith("8 TiB.bin")}
    seen = {strangers.digest(where, a) for a in strangers.addresses(where) if a not in skip}
    assert len(skip) == 1
    assert [entry.path for entry in entries if entry.recipe.sha256 not in seen] == []


def test_every_hostile_name_stands_on_the_disk_unit_for_unit() -> None:
    image = unpack("hostile").read_bytes().replace(bytes(4096), b"")
    for entry in contents_of("hostile").volumes[0].entries:
        if entry.path and len(entry.path[-1]) < 100:  # the update sequence cuts longer ones
            name = entry.path[-1].encode("utf-16-le", "surrogatepass")
            assert image.count(bytes([len(name) // 2, 0]) + name) >= 1, entry.path


def test_valid_data_ends_before_garbage_that_is_really_on_the_disk() -> None:
    need_tool("fls", "istat")
    (volume, where), *_ = strangers.located(contents_of("solo"), unpack("solo"))
    seen = strangers.listing(where)
    half = next(entry for entry in volume.entries if entry.path[-1:] == ("half.bin",))
    assert "size: 20000  init_size: 5000" in recorded(half, seen, where)
    assert b"nobody may ever read this" in unpack("solo").read_bytes()


def test_four_times_are_kept_to_100_ns() -> None:
    need_tool("fls", "istat")
    (volume, where), *_ = strangers.located(contents_of("solo"), unpack("solo"))
    entry = next(entry for entry in volume.entries if entry.path[-1:] == ("four times.txt",))
    told = recorded(entry, strangers.listing(where), where)
    standard = told.partition("$FILE_NAME")[0]
    for kind, time in {
        "Created": "2001-02-03 04:05:06.000000100",
        "File Modified": "2011-12-13 14:15:16.171819200",
        "Accessed": "2022-02-22 22:22:22.222222200",
        "MFT Modified": "2023-04-05 06:07:08.999999900",
    }.items():
        assert re.search(rf"{kind}:\s+{re.escape(time)}", standard), kind


def test_attributes_links_and_reparse_points_are_in_the_records() -> None:
    need_tool("fls", "istat")
    (volume, where), *_ = strangers.located(contents_of("solo"), unpack("solo"))
    seen = strangers.listing(where)
    by_name = {entry.path[-1]: entry for entry in volume.entries if entry.path}
    for name, told in {
        "hidden system readonly.txt": "Read Only, Hidden, System, Archive",
        "text.log": "Archive, Compressed",
        "only in the cloud.pptx": "Archive, Sparse, Reparse Point, Offline",
        "first name.txt": "Links: 3",
        "A long name with a short one.txt": "Name: ALONGN~1.TXT",
        "islands.bin": "Non-Resident, Sparse   size: 20971525",
        "lzx.txt": "Name: WofCompressedData",
        "resident.txt": "N/A   Resident   size: 37",
    }.items():
        assert told in recorded(by_name[name], seen, where), name


def test_every_descriptor_lies_in_secure_and_files_point_there() -> None:
    need_tool("fls", "icat", "istat")
    (volume, where), *_ = strangers.located(contents_of("solo"), unpack("solo"))
    seen = strangers.listing(where)
    stored = strangers.run("icat", *where, seen["$Secure:$SDS"])
    for entry in volume.entries:
        if entry.security:
            assert descriptor(entry.security) in stored, entry.path
        if entry.path and entry.kind == "file":
            told = recorded(entry, seen, where)
            assert int(re.findall(r"Security ID: (\d+)", told)[0]) >= 256, entry.path


def test_every_link_holds_its_target() -> None:
    need_tool("fls", "icat")
    (volume, where), *_ = strangers.located(contents_of("solo"), unpack("solo"))
    seen = strangers.listing(where)
    for entry in volume.entries:
        if entry.kind in {"junction", "symlink"}:
            record = seen[strangers.shown(entry.path)].partition("-")[0]
            buffer = strangers.run("icat", *where, f"{record}-192")
            assert entry.target.encode("utf-16-le") in buffer, entry.path


@pytest.mark.parametrize(
    "name", ["xpress4k.txt", "xpress8k.txt", "xpress16k.txt", "lzx.txt", "mixed chunks.bin"]
)
def test_libfwnt_decompresses_a_wof_stream_to_what_contents_say(name: str) -> None:
    need_tool("fls", "icat")
    fwnt = pytest.importorskip("pyfwnt")
    (volume, where), *_ = strangers.located(contents_of("solo"), unpack("solo"))
    entry = next(entry for entry in volume.entries if entry.path[-1:] == (name,))
    size = len(generated(entry.recipe))
    address = strangers.listing(where)[strangers.shown(entry.path) + ":WofCompressedData"]
    stream = strangers.run("icat", *where, address)
    data = b"".join(_chunks(stream, size, WOF_KINDS[entry.wof][2], entry.wof, fwnt))
    assert hashlib.sha256(data).hexdigest() == entry.recipe.sha256


def _chunks(stream: bytes, size: int, chunk: int, kind: str, fwnt: ModuleType) -> Iterator[bytes]:
    """The chunks of a WofCompressedData stream: a table of 32-bit offsets but for the first, then they."""
    count = -(-size // chunk)
    head = 4 * (count - 1)
    offsets = [0, *struct.unpack_from(f"<{count - 1}I", stream), len(stream) - head]
    expand = fwnt.lzx_decompress if kind == "LZX" else fwnt.lzxpress_huffman_decompress
    for n in range(count):
        packed = stream[head + offsets[n] : head + offsets[n + 1]]
        length = min(chunk, size - n * chunk)
        yield packed if len(packed) == length else expand(packed, length)


def test_the_volume_answers_to_its_serial_number_and_label() -> None:
    need_tool("fsstat")
    told = strangers.run("fsstat", str(unpack("solo"))).decode()
    assert "Volume Serial Number: 5EED0001C0FFEE01" in told
    assert "Volume Name: Solo" in told


@pytest.mark.parametrize("name", NAMES)
def test_ntfs_3g_finds_nothing_to_repair(name: str, tmp_path: Path) -> None:
    need_tool("ntfsfix", "mmls")
    contents, image = contents_of(name), unpack(name)
    for volume, where in strangers.located(contents, image):
        if volume.kind == "ntfs":
            part = tmp_path / f"{volume.letter}.volume"
            with image.open("rb") as file:
                file.seek(int(where[-2]) * volume.sector)
                part.write_bytes(file.read(volume.size))
            done = subprocess.run(
                ["ntfsfix", "-n", str(part)], capture_output=True, text=True, check=False
            )
            assert "was processed successfully" in done.stdout, done.stdout
