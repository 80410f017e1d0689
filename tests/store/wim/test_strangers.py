"""Tools that are not ours read what we write, and we read what they write."""

from __future__ import annotations

import os
import random
import subprocess
from pathlib import Path

import pytest

from extractor.filesystems import find, open_filesystem
from extractor.images import open_image
from extractor.seams import ZEROS, Filesystem, Piece
from extractor.store.wim.codecs import Compression
from extractor.store.wim.node import DIRECTORY, REPARSE_POINT, Image, Node, Row
from extractor.store.wim.reader import WimFile
from extractor.store.wim.verify import verify
from extractor.store.wim.writer import WimWriter
from extractor.volumes import volumes
from tests.conftest import need_tool
from tests.store.wim.build import CODECS, ROOT, make, need_codec, writing

CHANCE = random.Random(9)
TEXT = b"".join(b"%d bottles of beer; " % number for number in range(100_000))
SD = bytes.fromhex(
    "0100048014000000240000000000000034000000"
    "0102000000000005200000002002000001020000000000052000000020020000"
    "02001c000100000000031400ff011f0001010000000000050b000000"
)  # fmt: skip
"""O:BAG:BAD:(A;OICI;FA;;;AU)"""
TIMES = (132_000_000_000_000_000, 132_000_000_100_000_000, 132_000_000_200_000_001)
CONTENTS = dict(
    sorted(
        {
            ("C$", "Users", "bob", "text.txt"): TEXT,
            ("C$", "Users", "bob", "photo.jpg"): CHANCE.randbytes(200_000),
            ("C$", "Users", "bob", "Ünïcode €.bin"): CHANCE.randbytes(40_000) + TEXT[:90_000],
            ("C$", "Users", "bob", "copy.txt"): TEXT,
            ("C$", "Users", "bob", "empty"): b"",
            ("C$", "large.bin"): TEXT + CHANCE.randbytes(3 << 20) + TEXT,
        }.items()
    )
)


def run(*command: str | Path) -> str:
    done = subprocess.run([*map(str, command)], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module", params=CODECS)
def store(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """A store of each compression."""
    path = tmp_path_factory.mktemp("store") / "store.wim"
    return make(path, CONTENTS, request.param, [Image("settings", [ROOT], "what is not a file")])


def test_wimverify_finds_it_whole(store: Path) -> None:
    need_tool("wimverify")
    assert "was successfully verified" in run("wimverify", store)


def test_seven_zip_finds_it_whole(store: Path) -> None:
    need_tool("7z")
    said = run("7z", "t", store)
    assert "Everything is Ok" in said
    assert "Warning" not in said


def test_wiminfo_reads_the_xml(store: Path, tmp_path: Path) -> None:
    need_tool("wiminfo")
    run("wiminfo", store, "--extract-xml", tmp_path / "a.xml")
    text = (tmp_path / "a.xml").read_bytes().decode("utf-16")
    assert "<NAME>user state</NAME>" in text
    said = run("wiminfo", store)
    assert "Integrity info" in said
    assert f"Total Bytes:            {sum(map(len, CONTENTS.values()))}" in said
    assert "what is not a file" in said


def test_wimdir_lists_it(store: Path) -> None:
    need_tool("wimdir")
    listed = run("wimdir", store, "1").splitlines()
    assert {"/" + "/".join(parts) for parts in CONTENTS} <= set(listed)
    assert len(listed) == 4 + len(CONTENTS)


def test_wimapply_gives_every_byte_back(store: Path, tmp_path: Path) -> None:
    need_tool("wimapply")
    run("wimapply", store, "1", tmp_path / "out")
    for parts, content in CONTENTS.items():
        assert tmp_path.joinpath("out", *parts).read_bytes() == content


def test_wimextract_finds_one_file(store: Path) -> None:
    need_tool("wimextract")
    done = subprocess.run(
        ["wimextract", store, "1", "/C$/Users/bob/text.txt", "--to-stdout"],
        check=True,
        capture_output=True,
    )
    assert done.stdout == TEXT


@pytest.mark.parametrize("codec", ["none", "XPRESS", "LZX"])
def test_a_wim_of_wimlib_is_read(tmp_path: Path, codec: str) -> None:
    need_tool("wimcapture")
    need_codec(Compression.XPRESS)
    for parts, content in CONTENTS.items():
        path = tmp_path.joinpath("tree", *parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    run("wimcapture", tmp_path / "tree", tmp_path / "a.wim", f"--compress={codec}", "--check")
    with WimFile.open(tmp_path / "a.wim") as wim:
        found = {
            parts: wim.open_blob(node.sha1).read()
            for parts, node in wim.rows(1)
            if not node.is_directory
        }
        checked = verify(wim, ours=False)
    assert found == CONTENTS
    assert (checked.damage, checked.sealed) == ([], False)


def rich_rows(writer: WimWriter) -> list[Row]:
    """Rows with all that NTFS and WIM both have."""
    one, two = writer.add(b"one", 3).sha1, writer.add(TEXT, len(TEXT)).sha1
    target = "C:\\Users".encode("utf-16-le")
    name = b"\\\0?\0?\0\\\0" + target
    data = b"".join(
        [
            (0).to_bytes(2, "little"), len(name).to_bytes(2, "little"), (len(name) + 2).to_bytes(2, "little"),
            len(target).to_bytes(2, "little"), name, b"\0\0", target, b"\0\0",
        ]
    )  # fmt: skip
    junction = writer.add(data, len(data)).sha1
    streams = (("Zone.Identifier", one), ("second", two))
    return [
        ((), Node(DIRECTORY, *TIMES, security=SD)),
        (("C$",), Node(DIRECTORY, *TIMES, security=SD)),
        (("C$", "a long name.txt"), Node(0x21, *TIMES, two, "ALONGN~1.TXT", SD, streams)),
        (("C$", "junction"), Node(DIRECTORY | REPARSE_POINT, *TIMES, reparse_tag=0xA0000003, reparse_sha1=junction)),
        (("C$", "twin 1"), Node(0x20, *TIMES, one, security=SD, link_group=5, object_id=bytes(range(16)))),
        (("C$", "twin 2"), Node(0x20, *TIMES, one, security=SD, link_group=5, object_id=bytes(range(16)))),
    ]  # fmt: skip


def test_wimapply_onto_a_volume_gives_back_what_ntfs_can_hold(tmp_path: Path) -> None:
    need_tool("wimapply", "mkntfs")
    if os.geteuid() != 0:
        pytest.skip("needs root")
    with writing(tmp_path / "a.wim") as writer:
        writer.finish([Image("user state", rich_rows(writer))])
    disk = tmp_path / "disk.raw"
    with disk.open("wb") as file:
        file.truncate(32 << 20)
    run("mkntfs", "-Q", "-F", "-q", "-s", "512", "-p", "0", "-H", "255", "-S", "63", disk)
    run("wimapply", tmp_path / "a.wim", "1", disk)
    with open_image(disk) as image:
        (volume,) = volumes([image])
        filesystem = open_filesystem(volume)
        _check_file(filesystem)
        _check_links(filesystem)
        filesystem.close()


def _check_file(filesystem: Filesystem) -> None:
    entry = find(filesystem, ("C$", "a long name.txt"))
    assert entry is not None
    assert entry.short_name == "ALONGN~1.TXT"
    about = filesystem.metadata(entry)
    assert (about.times.created, about.times.accessed, about.times.modified) == TIMES
    assert about.attributes & 0x27 == 0x21
    assert about.security == SD
    contents = {
        each.name: filesystem.open(entry, each.name).read_at(0, each.size) for each in about.streams
    }
    assert contents == {"": TEXT, "Zone.Identifier": b"one", "second": TEXT}


def _check_links(filesystem: Filesystem) -> None:
    first, second, junction = (
        find(filesystem, ("C$", name)) for name in ("twin 1", "twin 2", "junction")
    )
    assert first is not None
    assert second is not None
    assert junction is not None
    assert first.record == second.record
    assert filesystem.metadata(first).object_id.replace("-", "").startswith("03020100")
    reparse = filesystem.metadata(junction).reparse
    assert reparse is not None
    assert reparse.target.endswith("C:\\Users")


def test_a_file_of_more_than_4_gib_is_whole(tmp_path: Path) -> None:
    size = (4 << 30) + 5
    with writing(tmp_path / "a.wim") as writer:
        stored = writer.submit([Piece(ZEROS, 0, size - 5), b"ended"], size)
        writer.hand_on()
        sha1 = stored.result().sha1
        writer.finish([Image("user state", [ROOT, (("large",), Node(0x20, sha1=sha1))])])
    if os.environ.get("CI") == "true":  # it takes half a minute
        run("wimverify", tmp_path / "a.wim")
    with WimFile.open(tmp_path / "a.wim") as wim:
        assert wim.blob(sha1).read_at(size - 7, 10) == b"\0\0ended"
