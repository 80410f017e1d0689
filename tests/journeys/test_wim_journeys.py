"""The compressed store of every sample image, by tools that are not ours: wimlib, 7-Zip, and NTFS by two readers."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import struct
import subprocess
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from uuid import UUID

import pytest

from extractor.store.opened import open_store
from extractor.store.wim.node import DIRECTORY, REPARSE_POINT
from extractor.store.wim.reader import WimFile
from sample_images import reparse, unpack
from sample_images.contents import NAMES
from sample_images.security import descriptor
from tests.conftest import need_mounting, need_tool
from tests.efs.disk import FILE_ATTRIBUTE_DIRECTORY_INDEX, SPARSE, TIME, Disk, Part
from tests.efs.people import anna
from tests.efs.secret_files import Content, add_secret, noise
from tests.journeys import applied, driven
from tests.journeys.applied import (
    NTFS_OWN,
    Excepted,
    compressed,
    nodes,
    parts_in_wim,
    tool,
    wim_of,
)
from tests.journeys.journey import Manifest, manifest_of

DOCUMENTS = ("Users", "anna", "Documents")
OBJECT = UUID("00112233-4455-6677-8899-aabbccddeeff")
EA = struct.pack("<IBBH", 0, 0, 4, 6) + b"NAME\0value\0" + bytes(1)
APP_ALIAS, WSL_SOCKET, LX_SYMLINK = 0x8000001B, 0x80000023, 0xA000001D
LONG = "/C$/Users/[b]mal%u202Eyrol[%2Fb]%1B[31m/Documents/long"
"""A folder of ``hostile``: names that are longer, in UTF-8, than this host has."""


def rich(path: Path) -> Path:
    """Write the disk of ``solo`` with all that Windows has and no driver for Linux would make."""
    disk = Disk()
    security = Part(0x50, "", descriptor("O:BAG:SYD:P(A;;FA;;;SY)"), resident=True)

    def add(name: str, *parts: Part, attributes: int = 0x20) -> None:
        disk.file(*DOCUMENTS, name, parts=[security, *parts], attributes=attributes)

    def tagged(tag: int, data: bytes) -> Part:
        return Part(0xC0, "", struct.pack("<IHH", tag, len(data), 0) + data, resident=True)

    text = Part(0x80, "", b"has it", resident=True)
    add("object id.txt", Part(0x40, "", OBJECT.bytes_le, resident=True), text)
    about_ea = struct.pack("<HHI", len(EA) - 4, 0, len(EA))
    add(
        "attributes.txt",
        Part(0xD0, "", about_ea, resident=True),
        Part(0xE0, "", EA, resident=True),
        text,
    )
    zeros = Content(bytes(2 * 65536) + noise(999))
    add("sparse.bin", Part(0x80, "", zeros.data, flags=SPARSE, holes=range(32)), attributes=0x220)
    add(
        "alias.exe",
        tagged(APP_ALIAS, "App!App\0".encode("utf-16-le")),
        Part(0x80, "", b"", resident=True),
        attributes=0x420,
    )
    add("linux link", tagged(LX_SYMLINK, b"\2\0\0\0/etc/passwd"), attributes=0x420)
    add("socket", tagged(WSL_SOCKET, b""), attributes=0x420)
    add(
        "streams.txt",
        text,
        *(Part(0x80, name, name.encode(), resident=True) for name in ("a\\b", "a%5Cb", ".", "x/")),
    )
    streams = {"": Content(noise(200_123)), "ads": Content(noise(700, "2"))}
    add_secret(disk, *DOCUMENTS, "secret.bin", streams=streams, users=[anna()])
    disk.plain(*DOCUMENTS, "folder of NTFS", "inside.txt", content=b"inside")
    return disk.save(path)


def twins(path: Path) -> Path:
    """Write the disk of ``solo`` damaged so that a folder has the very name of a file, another that of a link."""
    disk = Disk()
    for name, part in (
        ("twice", Part(0x80, "", b"the file", resident=True)),
        ("link", Part(0xC0, "", reparse.symlink("C:\\Data"), resident=True)),
    ):
        link = part.kind == 0xC0
        disk.file(*DOCUMENTS, name, parts=[part], attributes=0x420 if link else 0x20)
        parent = disk.directory(*DOCUMENTS)
        folder = disk._write(parent, name, [], FILE_ATTRIBUTE_DIRECTORY_INDEX, directory=True)
        disk._write(
            folder, "child.txt", [Part(0x80, "", b"child", resident=True)], 0x20, directory=False
        )
    return disk.save(path)


MADE = {"rich": rich, "twins": twins}
WHOLE = ", all of it"
"""After the name of a sample: scanned by a rule that takes whole volumes, Windows too."""
ALL = """<migration urlid="urn:test"><component type="Documents" context="System"><displayName>All</displayName>
<role role="Data"><rules><include><objectSet><pattern type="File">C:\\* [*]</pattern>
<pattern type="File">D:\\* [*]</pattern></objectSet></include></rules></role></component></migration>"""


@dataclass(frozen=True)
class Sample:
    """A disk and its compressed store."""

    name: str
    image: Path
    store: Path
    work: Path

    @property
    def wim(self) -> Path:
        return wim_of(self.store)

    @cache  # noqa: B019  a handful of them, as long as the module
    def volume(self) -> tuple[Path, str]:
        """Return an NTFS volume that wimlib applied image 1 to, and what it warned of."""
        need_tool("wimapply", "mkntfs")
        path = self.work / "applied.raw"
        return path, applied.apply_to_volume(self.wim, path)


Samples = Callable[[str], Sample]


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Samples]:
    """A function that gives a sample image, scanned once."""
    folders = []

    @cache
    def sample(name: str) -> Sample:
        disk, rules = name.removesuffix(WHOLE), []
        folders.append(folder := tmp_path_factory.mktemp(disk))
        image = MADE[disk](folder / "disk.raw") if disk in MADE else unpack(disk)
        if name != disk:
            (folder / "all.xml").write_text(ALL, encoding="utf-8")
            rules = [f"/i:{folder / 'all.xml'}"]
        assert compressed(folder / "store", image, *rules) in {0, 3}
        return Sample(name, image, folder / "store", folder)

    yield sample
    for folder in folders:
        shutil.rmtree(folder)


each_sample = pytest.mark.parametrize("name", [*NAMES, "rich"])
each_volume = pytest.mark.parametrize(
    "name", [*NAMES, "rich", *(f"{each}{WHOLE}" for each in NAMES)]
)


@each_sample
def test_wimverify_and_seven_zip_find_the_store_whole(samples: Samples, name: str) -> None:
    need_tool("wimverify", "7z")
    assert "was successfully verified" in tool("wimverify", samples(name).wim)
    said = tool("7z", "t", samples(name).wim)
    assert "Everything is Ok" in said
    assert "Warning" not in said


def wimlib_counts(wim: Path, work: Path) -> tuple[list[dict[str, str]], int]:
    """Return what the XML says of each image, and of the file, as wiminfo gives it."""
    tool("wiminfo", wim, f"--extract-xml={work / 'wim.xml'}")
    root = ET.fromstring((work / "wim.xml").read_bytes().decode("utf-16"))
    images = [{each.tag: each.text or "" for each in image} for image in root.findall("IMAGE")]
    return images, int(root.findtext("TOTALBYTES") or -1)


@each_sample
def test_the_xml_names_the_images_and_counts_as_wimlib_counts(
    samples: Samples, name: str, tmp_path: Path
) -> None:
    need_tool("wiminfo", "wimupdate")
    sample = samples(name)
    images, total = wimlib_counts(sample.wim, tmp_path)
    with WimFile.open(sample.wim) as wim:
        assert total == wim.header.xml.offset
    assert [each["NAME"] for each in images] == ["user state", "settings"]
    copy, file = tmp_path / "copy.wim", tmp_path / "file"
    shutil.copyfile(sample.wim, copy)
    file.write_bytes(b"wimlib counts anew what it changed")
    for number in ("1", "2"):
        tool("wimupdate", copy, number, f"--command=add '{file}' '/new'")
        tool("wimupdate", copy, number, "--command=delete '/new'")
    theirs, _ = wimlib_counts(copy, tmp_path)
    for ours, counted in zip(images, theirs, strict=True):
        for tag in ("TOTALBYTES", "HARDLINKBYTES", "DIRCOUNT", "FILECOUNT"):
            assert ours[tag] == counted[tag]


@each_sample
def test_wimdir_lists_each_stored_name_and_the_folders_above(samples: Samples, name: str) -> None:
    need_tool("wimdir")
    done = subprocess.run(["wimdir", samples(name).wim, "1"], check=True, capture_output=True)
    listed = done.stdout.removesuffix(b"\n").split(b"\n/")
    wanted = {
        parts_in_wim(each.record.path, each.record.volume) for each in nodes(samples(name).store)
    }
    wanted |= {parts[:depth] for parts in wanted for depth in range(len(parts))}
    exact = ("/".join(parts).encode("utf-8", "surrogatepass") for parts in wanted)
    assert Counter([b"", *listed[1:]]) == Counter(exact)


@each_volume
def test_wimapply_gives_an_ntfs_volume_all_that_the_source_has(samples: Samples, name: str) -> None:
    sample = samples(name)
    volume, said = sample.volume()
    done = applied.compare(sample.store, sample.image, volume)
    assert done.differences == []
    assert done.count == len(list(nodes(sample.store))) > 5
    efs = "[WARNING] Ignoring EFS-encrypted data of 1 files"
    assert said.strip() == (efs if name == "rich" else "")


@each_volume
def test_the_driver_tells_the_same_of_the_applied_volume(
    samples: Samples, name: str, tmp_path: Path
) -> None:
    sample = samples(name)
    volume, _ = sample.volume()
    done = by_driver(sample, volume, tmp_path)
    assert done.differences == []
    assert done.count > 0.95 * len(list(nodes(sample.store)))


def by_driver(sample: Sample, volume: Path, work: Path) -> applied.Compared:
    """Compare by ntfs-3g; of two disks it cannot say enough, so our reader tells what the source has.

    What was put into ``rich`` is in no index of a directory. The builder of ``hostile`` loses the keys of $Secure:$SII,
    without which the driver makes descriptors up; and it never sees a name with ``/``.
    """
    need_tool("ntfs-3g", "umount")
    need_mounting()
    ask = sample.name.removesuffix(WHOLE) not in {"hostile", "rich"}
    return driven.compare_by_driver(sample.store, sample.image, volume, work, ask_of_source=ask)


@pytest.mark.parametrize("kind", ["our reader", "the driver"])
def test_no_difference_is_excepted_that_does_not_occur(
    samples: Samples, kind: str, tmp_path: Path
) -> None:
    met: set[Excepted] = set()
    for name in ("solo", "rich", "hostile"):
        sample = samples(name)
        volume, _ = sample.volume()
        if kind == "our reader":
            met |= applied.compare(sample.store, sample.image, volume).excepted
        else:
            (tmp_path / name).mkdir()
            met |= by_driver(sample, volume, tmp_path / name).excepted
    known = applied.EXCEPTIONS if kind == "our reader" else driven.EXCEPTIONS
    assert set(known) - met == set()


@each_sample
def test_image_two_is_the_open_catalog(samples: Samples, name: str, tmp_path: Path) -> None:
    need_tool("wimapply")
    tool("wimapply", "--quiet", samples(name).wim, "2", tmp_path / "out")
    catalog = samples(name).store / "USMT" / "open-catalog"
    out, there = files_of(tmp_path / "out"), files_of(catalog)
    sums = there.pop("SHA256SUMS")  # of these files, made when the WIM is done
    assert out == there
    assert {"catalog.sqlite", "manifest.jsonl", "ProfileControl.xml"} < set(out)
    assert any(each.startswith("registry/") and each.endswith(".reg") for each in out)
    assert any(each.startswith("registry/") and each.endswith(".dat") for each in out)
    listed = dict(line.split("  ")[::-1] for line in sums.decode().splitlines())
    assert listed == {each: hashlib.sha256(content).hexdigest() for each, content in out.items()}


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        str(each.relative_to(folder)): each.read_bytes()
        for each in folder.rglob("*")
        if each.is_file()
    }


def test_efs_raw_data_is_the_unnamed_stream_to_the_byte(samples: Samples) -> None:
    need_tool("wimextract", "wimdir", "7z")
    sample = samples("rich")
    row = manifest_of(sample.store).at((*DOCUMENTS, "secret.bin"))
    assert (row["efs"], row["outcome"]) == ("raw", "stored")
    with open_store(sample.store) as store, store.open(row["stored_as"]) as file:
        stored = file.read()
    assert hashlib.sha256(stored).hexdigest() == row["sha256"]
    inside = "/".join(("C$", *DOCUMENTS, "secret.bin"))
    command = ["7z", "e", "-so", str(sample.wim), f"1/{inside}"]
    assert subprocess.run(command, check=True, capture_output=True).stdout == stored
    said = tool("wimextract", sample.wim, "1", f"/{inside}", "--to-stdout", code=42)
    assert "is not a regular file" in said, "wimlib gives raw data to Windows alone"
    said = tool("wimdir", sample.wim, "1", "--detailed", f"--path=/{inside}")
    assert "Raw encrypted data stream" in said
    assert hashlib.sha1(stored).hexdigest() in said


def test_what_a_wim_has_no_place_for_is_in_the_catalog(samples: Samples) -> None:
    found = {each.record.path.name: each.record for each in nodes(samples("rich").store)}
    about = found["attributes.txt"].metadata
    assert about is not None
    assert about.extended_attributes == EA
    assert about.times.changed == TIME
    socket = found["socket"].metadata
    assert socket is not None
    assert socket.reparse is not None
    assert socket.reparse.tag == WSL_SOCKET
    streams = [each.name for each in next(
        each for each in nodes(samples("rich").store) if each.record.path.name == "streams.txt"
    ).streams]  # fmt: skip
    assert streams == ["", ".", "a%5Cb", "a\\b", "x/"]


def test_no_attribute_in_a_wim_is_one_that_ntfs_keeps_for_itself(samples: Samples) -> None:
    sample = samples("rich")
    assert any(
        each.record.metadata and each.record.metadata.attributes & NTFS_OWN
        for each in nodes(sample.store)
    )
    with WimFile.open(sample.wim) as wim:
        assert not any(node.attributes & NTFS_OWN for _, node in wim.rows(1))


def test_a_stream_that_cannot_be_named_so_in_a_wim_has_a_name_of_its_own(samples: Samples) -> None:
    with WimFile.open(samples("rich").wim) as wim:
        (node,) = (node for parts, node in wim.rows(1) if parts[-1:] == ("streams.txt",))
        found = {name: wim.open_blob(sha1).read().decode() for name, sha1 in node.streams}
    assert len(found) == 4
    twin = next(name for name, content in found.items() if content == "a\\b")
    assert twin.startswith("a%5Cb~")
    assert found == {"%2E": ".", "a%5Cb": "a%5Cb", twin: "a\\b", "x%2F": "x/"}


def test_a_folder_with_the_name_of_a_file_or_link_is_beside_it_and_has_its_children(
    samples: Samples,
) -> None:
    need_tool("wimverify")
    sample = samples("twins")
    tool("wimverify", sample.wim)
    with WimFile.open(sample.wim) as wim:
        found = {
            parts[4:]: node
            for parts, node in wim.rows(1)
            if parts[1:4] == DOCUMENTS
            and parts[4:5]
            and parts[4].startswith(("twice", "link~", "link"))
        }
        for name, attributes in (("twice", 0x20), ("link", REPARSE_POINT | 0x20)):
            assert found[name,].attributes == attributes
            (folder,) = (
                parts[0] for parts in found if parts[0].startswith(f"{name}~") and len(parts) == 1
            )
            assert found[folder,].attributes & (DIRECTORY | REPARSE_POINT) == DIRECTORY
            assert wim.open_blob(found[folder, "child.txt"].sha1).read() == b"child"
            assert not any(parts[0] == name and len(parts) > 1 for parts in found)


def test_every_hostile_name_is_in_the_wim_with_its_own_content(samples: Samples) -> None:
    sample = samples("hostile")
    count = 0
    with WimFile.open(sample.wim) as wim:
        there = dict(wim.rows(1))
        for each in nodes(sample.store):
            node = there[parts_in_wim(each.record.path, each.record.volume)]
            if each.record.kind == "file":
                content = wim.open_blob(node.sha1).read()
                assert hashlib.sha256(content).hexdigest() == each.record.sha256
                count += 1
    assert count > 330


def test_nothing_of_a_hostile_disk_leaves_the_folder_it_is_unpacked_into(
    samples: Samples, tmp_path: Path
) -> None:
    need_tool("wimapply", "wimupdate", "7z")
    copy = tmp_path / "copy.wim"
    shutil.copyfile(samples("hostile").wim, copy)
    tool("wimupdate", copy, "1", f"--command=delete '{LONG}' --recursive")
    deep = tmp_path.joinpath(*"abcdefgh")
    deep.mkdir(parents=True)
    passwd = Path("/etc/passwd").read_bytes()
    tool("wimapply", "--quiet", copy, "1", deep / "wimlib")
    seven = subprocess.run(
        ["7z", "x", "-y", "-snl", f"-o{deep / '7z'}", copy],
        check=False,
        capture_output=True,
        text=True,
    )
    errors = [line for line in seven.stderr.splitlines() if line.startswith("ERROR")]
    assert all("link" in line for line in errors), (
        "7-Zip refuses links that lead out, and nothing else"
    )
    outside = {each for each in tmp_path.rglob("*") if deep not in each.parents and each != copy}
    assert outside == {deep, *deep.parents} & set(tmp_path.rglob("*"))
    assert {each.name for each in deep.iterdir()} == {"wimlib", "7z"}
    assert Path("/etc/passwd").read_bytes() == passwd
    with WimFile.open(copy) as wim:
        names = sum(1 for _ in wim.rows(1))
    assert sum(1 for _ in everything(deep / "wimlib")) == names - 1


def everything(folder: Path) -> Iterator[str]:
    for _, folders, files in os.walk(os.fsencode(folder)):
        yield from map(os.fsdecode, (*folders, *files))


def test_the_same_disk_scanned_again_gives_the_same_store_to_the_byte(
    samples: Samples, tmp_path: Path
) -> None:
    assert compressed(tmp_path / "again", samples("solo").image) == 3
    first, again = (
        files_of(store / "USMT") for store in (samples("solo").store, tmp_path / "again")
    )
    assert set(first) == set(again)
    assert [name for name in first if first[name] != again[name]] == []


def test_another_container_of_the_disk_differs_in_what_the_header_says_of_it_alone(
    samples: Samples, tmp_path: Path
) -> None:
    assert compressed(tmp_path / "store", unpack("solo", "vhdx-dynamic")) == 3
    one, two = samples("solo").store, tmp_path / "store"
    with WimFile.open(wim_of(one)) as ours, WimFile.open(wim_of(two)) as theirs:
        assert list(ours.rows(1)) == list(theirs.rows(1))
        changed = {
            mine[0]
            for mine, other in zip(ours.rows(2), theirs.rows(2), strict=True)
            if mine != other
        }
    assert changed == {("catalog.sqlite",), ("manifest.jsonl",)}
    assert without_image(manifest_of(one)) == without_image(manifest_of(two))
    (mine, book), (other, other_book) = dump(one), dump(two)
    assert mine == other
    assert book != other_book


def without_image(manifest: Manifest) -> list[object]:
    header = {key: value for key, value in manifest.header.items() if key != "image"}
    return [header, *manifest.lines[1:]]


def dump(store: Path) -> tuple[list[str], list[str]]:
    """Return the catalog as SQL, but for the header; and the header's rows."""
    path = store / "USMT" / "open-catalog" / "catalog.sqlite"
    with closing(sqlite3.connect(f"{path.as_uri()}?immutable=1", uri=True)) as catalog:
        lines = list(catalog.iterdump())
    book = [line for line in lines if line.startswith('INSERT INTO "manifest"')]
    return [line for line in lines if line not in book], book
