"""Whatever is wrong, a person reads one sentence, a script reads the documented exit code, and no store stands there.

Each row makes something wrong in a folder of its own and names the words of the command line, the code, and a piece of
the sentence. The images are cut, zeroed and mislabelled copies of a sample disk.
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

import sample_images
from extractor.cli.main import main
from sample_images.containers import derive
from tests.conftest import disk_of, need_tool

Words = list[str]


@dataclass(frozen=True)
class Case:
    """One thing that is wrong."""

    name: str
    make: Callable[[Path, Path], Words]
    """(folder, a good raw image) -> words after ``scan``; the store is added when they name none."""
    code: int
    says: str


def _file(name: str, content: bytes) -> Callable[[Path, Path], Words]:
    def make(folder: Path, _: Path) -> Words:
        (folder / name).write_bytes(content)
        return [str(folder / name)]

    return make


def _changed(name: str, change: Callable[[bytearray], object]) -> Callable[[Path, Path], Words]:
    """A copy of the good disk with its bytes changed."""

    def make(folder: Path, good: Path) -> Words:
        content = bytearray(good.read_bytes())
        changed = change(content)
        (folder / name).write_bytes(changed if isinstance(changed, bytes | bytearray) else content)
        return [str(folder / name)]

    return make


def _with(file: str, content: str | bytes, switch: str) -> Callable[[Path, Path], Words]:
    """The good disk and a side file given with a switch."""

    def make(folder: Path, good: Path) -> Words:
        path = folder / file
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return [str(good), f"{switch}:{path}"]

    return make


def _words(*words: str) -> Callable[[Path, Path], Words]:
    """The good disk and these words, in which ``{}`` is the folder."""
    return lambda folder, good: [str(good), *(word.replace("{}", str(folder)) for word in words)]


def _container(kind: str, change: Callable[[Path], Path | None]) -> Callable[[Path, Path], Words]:
    """The good disk in another container, then damaged."""

    def make(folder: Path, good: Path) -> Words:
        need_tool("qemu-img", "ewfacquire")
        first = derive(good, kind, folder)[0]
        return [str(change(first) or first)]

    return make


def _cut(part: float) -> Callable[[Path], None]:
    return lambda path: os.truncate(path, int(path.stat().st_size * part))


def _poke(offset: int, data: bytes) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        with path.open("r+b") as file:
            file.seek(offset, os.SEEK_END if offset < 0 else os.SEEK_SET)
            file.write(data)

    return change


def _remove(suffix: str) -> Callable[[Path], None]:
    return lambda path: path.with_suffix(suffix).unlink()


def _without_first(path: Path) -> Path:
    path.unlink()
    return path.with_suffix(".E02")


def _a_file(store: Path) -> None:
    store.write_text("x")


def _store_is(make: Callable[[Path], None], *words: str) -> Callable[[Path, Path], Words]:
    def prepare(folder: Path, good: Path) -> Words:
        make(folder / "store")
        return [str(good), *words]

    return prepare


def _plant(*names: str) -> Callable[[Path], None]:
    def make(store: Path) -> None:
        for name in names:
            (store / name).parent.mkdir(parents=True, exist_ok=True)
            (store / name).write_bytes(b"not ours")

    return make


def _zero(start: int, length: int) -> Callable[[bytearray], None]:
    def change(content: bytearray) -> None:
        at = start if start >= 0 else len(content) + start
        content[at : at + length] = bytes(length)

    return change


def _mbr_beyond_the_end(content: bytearray) -> bytes:
    entry = struct.pack("<B3sB3sII", 0, b"\0\0\0", 7, b"\0\0\0", 1 << 30, 1 << 20)
    return b"\0" * 446 + entry + b"\0" * 48 + b"\x55\xaa" + bytes(1 << 16)


OFFLINE_OK = "<offline><winDir><path>C:\\Windows</path></winDir></offline>"
BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;">]>'
NOISE = bytes((i * 7919 + (i >> 3)) & 0xFF for i in range(1 << 16))

HIVE = re.compile(rb"regf|hbin|nk[\x20\x2c]\x00")
"""What begins a hive, its bins, its keys."""

CASES = [
    # the image
    Case("no such file", lambda f, _: [str(f / "nothing.raw")], 26, "nothing.raw"),
    Case("a directory", lambda f, _: [str(f)], 26, "directory"),
    Case("a path below a file", lambda f, g: [str(g / "x.raw")], 26, "x.raw"),
    Case("an empty file", _file("a.raw", b""), 26, "empty"),
    Case("one byte", _file("a.raw", b"\0"), 26, ""),
    Case("a text file", _file("a.raw", b"Dear reader,\r\n" * 900), 26, "text"),
    Case("a text file named E01", _file("a.E01", b"Dear reader,\r\n" * 900), 26, ""),
    Case("zeros", _file("a.raw", bytes(1 << 20)), 26, ""),
    Case("noise", _file("a.raw", NOISE), 26, ""),
    Case("noise named vhdx", _file("a.vhdx", NOISE), 26, ""),
    Case("a partition table of nothing", _file("a.raw", bytes(510) + b"\x55\xaa" + bytes(1 << 16)), 26, ""),
    Case("a partition beyond the end", _changed("a.raw", _mbr_beyond_the_end), 26, ""),
    Case("Ex01", _file("a.Ex01", b"EVF2\r\n\x81\0" + bytes(4096)), 26, "Ex01"),
    Case("an EWF magic and nothing behind it", _file("a.E01", b"EVF\t\r\n\xff\0" + bytes(4096)), 26, ""),
    Case("a VHDX magic and nothing behind it", _file("a.vhdx", b"vhdxfile" + bytes(1 << 20)), 26, ""),
    Case("a VHD footer and nothing else", _file("a.vhd", b"conectix" + bytes(504)), 26, ""),
    Case("a Windows Easy Transfer file", _file("a.mig", b"1giM" + bytes(4096)), 26, ""),
    Case("disk cut to its first sector", _changed("a.raw", lambda c: c[:512]), 26, ""),
    Case("disk cut to 100 sectors", _changed("a.raw", lambda c: c[:51200]), 26, ""),
    Case("boot sectors zeroed", _changed("a.raw", lambda c: (_zero(0, 8192)(c), _zero(-8192, 8192)(c))), 26, ""),
    Case("hives without their base blocks", _changed("a.raw", lambda c: c.replace(b"regf", b"gone")), 61, "cells"),
    Case("hives without anything", _changed("a.raw", lambda c: re.sub(HIVE, b"gone", c)), 26, "hive"),
    # the containers
    Case("split raw without its middle", _container("split-raw", _remove(".002")), 26, ".002"),
    Case("fixed VHD cut", _container("vhd-fixed", _cut(0.5)), 26, ""),
    Case("dynamic VHD cut", _container("vhd-dynamic", _cut(0.5)), 26, ""),
    Case("dynamic VHDX cut", _container("vhdx-dynamic", _cut(0.5)), 26, ""),
    Case("VHDX headers zeroed", _container("vhdx-dynamic", _poke(0x10000, bytes(0x20000))), 26, "header"),
    Case("VHDX regions zeroed", _container("vhdx-dynamic", _poke(0x30000, bytes(0x20000))), 26, "region"),
    Case("E01 cut", _container("e01", _cut(0.5)), 26, ""),
    Case("E01 without its second segment", _container("e01-split", _remove(".E02")), 26, "E02"),
    Case("E01 opened by its second segment, first gone",
         _container("e01-split", _without_first), 26, "E01"),
    # the request
    Case("Offline.xml is not there", _words("/offline:{}/none.xml"), 11, "none.xml"),
    Case("Offline.xml is cut", _with("o.xml", OFFLINE_OK[:30], "/offline"), 29, "o.xml:1:"),
    Case("Offline.xml has a DOCTYPE", _with("o.xml", BOMB + OFFLINE_OK, "/offline"), 29, "DOCTYPE"),
    Case("Offline.xml is something else", _with("o.xml", "<migration/>", "/offline"), 29, "o.xml:1:"),
    Case("Offline.xml without winDir", _with("o.xml", "<offline/>", "/offline"), 29, "winDir"),
    Case("Offline.xml is a picture", _with("o.xml", NOISE, "/offline"), 29, "o.xml"),
    Case("a Windows that is not there", _words("/offlineWinDir:C:\\Nowhere"), 26, "Nowhere"),
    Case("rules are not there", _words("/i:{}/none.xml"), 28, "none.xml"),
    Case("rules are cut", _with("r.xml", "<migration urlid='x'><component", "/i"), 28, "r.xml:1:"),
    Case("rules hold an entity bomb", _with("r.xml", BOMB + "<migration urlid='&b;'/>", "/i"), 28, "DOCTYPE"),
    Case("rules are something else", _with("r.xml", "<html/>", "/i"), 28, "r.xml:1:"),
    Case("rules are a Config.xml", _with("r.xml", "<Configuration/>", "/i"), 26, "Config.xml"),
    Case("rules are empty", _with("r.xml", "", "/i"), 28, "r.xml"),
    # the output
    Case("the store is a file", _store_is(_a_file), 27, "store"),
    Case("a store is there", _store_is(_plant("USMT/open-catalog/manifest.jsonl")), 27, "/o"),
    Case("a Microsoft store is there", _store_is(_plant("USMT/USMT.MIG"), "/o"), 27, "USMT.MIG"),
    Case("an old Microsoft store is there", _store_is(_plant("USMT3/MIGSTATE.DAT"), "/o"), 27, ""),
    Case("the log cannot be written", _words("/l:{}/no/folder/x.log"), 13, "x.log"),
    Case("the progress log cannot be written", _words("/progress:{}/no/folder/x.log"), 40, "x.log"),
    Case("the list cannot be written", _words("/listfiles:{}/no/folder/x.txt"), 26, "x.txt"),
    Case("the estimate is there already", _with("e.xml", "<x/>", "/p"), 41, "e.xml"),
]  # fmt: skip


@pytest.fixture(scope="module")
def good() -> Path:
    """A good raw disk image."""
    return sample_images.unpack("solo")


def test_there_are_forty_cases_and_more() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 40


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_bad_input_is_one_sentence_and_the_documented_code(
    case: Case, good: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = case.make(tmp_path, good)
    assert (
        main(["scan", *words, "--store", str(tmp_path / "store"), "--progress", "none"])
        == case.code
    )
    shown = capsys.readouterr()
    sentences = [line for line in shown.err.splitlines() if line.startswith("coldstate: ")]
    assert len(sentences) == 1
    assert case.says in sentences[0]
    assert "Traceback" not in shown.err
    assert "internal error" not in shown.err
    assert shown.out == ""
    assert not _whole_stores(tmp_path / "store")


def _whole_stores(store: Path) -> list[Path]:
    """What could be taken for a store of ours (what the case itself planted does not count)."""
    found = store.glob("USMT/open-catalog/manifest.jsonl") if store.is_dir() else iter(())
    return [path for path in found if path.read_bytes() != b"not ours"]


@pytest.mark.parametrize("size", ["64k", "512k", "1m"])
def test_a_full_disk_ends_the_run_and_leaves_no_store(
    size: str, good: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with disk_of(size, tmp_path / "small") as small:
        code = main(
            ["scan", str(good), "--store", str(small / "store"), "--progress", "none", "/c"]
        )
        left = list(small.rglob("USMT"))
    shown = capsys.readouterr()
    assert code in {27, 72}
    assert left == []
    assert len([line for line in shown.err.splitlines() if line.startswith("coldstate: ")]) == 1
    assert "Traceback" not in shown.err
