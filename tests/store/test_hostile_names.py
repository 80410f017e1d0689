"""The corpus of hostile names (trust.md 4.2, items 1 and 7): all stored, none outside, none at a terminal."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from extractor.errors import StoreError
from extractor.model import ObjectKind, Selected, WinPath
from extractor.report.ledger import Ledger
from extractor.seams import Captured
from extractor.store.directory import DirectoryStore
from extractor.store.manifest import manifest_path, read_manifest
from extractor.store.verify import verify_store
from extractor.testing import FakeFilesystem, FakeStream
from tests.store.build import add, selections

DEVICES = ["CON", "PRN", "AUX", "NUL", "COM1", "COM9", "LPT1", "LPT9", "COM¹", "CONIN$", "CONOUT$"]
TRAVERSAL = [
    "", ".", "..", "...", "....", "../x", "../../../../etc/passwd", "/etc/passwd", "/", "//", "\\", "..\\..\\x",
    "\\\\server\\share", "C:", "C:\\x", "C:/x", "~", "~root", "~/x", "$HOME", "`id`", "$(id)", ";id", "|id", "&",
    "-rf", "--help", "*", "?", "[a]", "{a,b}", "a\0b", "\0", "..\0", "../\0", "%2e%2e%2f", "%2E%2E", "%", "%%", "%u",
    "..%2f", "file:///etc/passwd", "a/../../b", "a/./b", "a//b", "USMT", "USMT.incomplete", "catalog.mig",
    "MIGSTATE.DAT", "USMT.MIG", "status.~lg", "open-catalog", "manifest.jsonl", ".git", ".ssh", "lost+found",
]  # fmt: skip
TERMINAL = [
    "\x1b[31mred", "\x1b]0;HACK\x07name", "\x9b31m", "line\nbreak", "cr\rback", "tab\t", "bell\x07", "del\x7f", "\x85",
    "\u202ecod.exe", "\u2066isolate\u2069", "zero\u200bwidth", "\ufeffbom", "\u2028line", "\u2029para", "x[/b].txt",
    "x[red]y.txt", "<script>alert(1)</script>", "=cmd|' /C calc'!A0", "+1", "-1", "@SUM(1)", '"quote"', "'single'",
    "comma,comma", "\U000e0041tag", "e\u0301", "\u00e9", "\u212b", "\u00c5", "A\u030a",
]  # fmt: skip
SURROGATES = [
    "\ud800",
    "\udfff",
    "a\ud83d",
    "\ude00b",
    "\ud800\ud800",
    "x\udc80y",
    "\ud800.txt",
    "\ud801.txt",
]
ENDINGS = [
    "x.",
    "x..",
    "x ",
    "x. ",
    " x",
    ". ",
    " ",
    "  ",
    "x.txt.",
    "x.txt ",
    "a:b",
    "a:b:$DATA",
    "file:ads",
]
LONG = [
    "é" * 255,
    "é" * 254 + "x",
    "\U0001f600" * 127,
    "a" * 255,
    "a" * 251 + ".txt",
    "文" * 255,
    "\ud800" * 255,
]
TWINS = [
    "Readme.txt", "README.TXT", "readme.TXT", "straße", "STRASSE", "STRAßE", "ﬁ", "FI", "ı", "I", "i", "K", "\u212a",
    "ſ", "s", "S", "draft~0123456789abcdef.txt", "draft~0123456789ABCDEF.TXT", "a%2e", "a%2E", "A%2E", "%u00e9",
    "%u00E9",
]  # fmt: skip
CLIMBS = [
    up * depth + target
    for up in ("../", "..\\", "%2e%2e/", "..\u2215", "..\uff0f")
    for depth in (1, 3, 12)
    for target in ("x", "etc/cron.d/x")
]
DEVICE_FORMS = [
    form.format(name) for name in DEVICES for form in ("{}", "{}.txt", "{} .x", "{}.tar.gz")
]
LOWER = [name.lower() for name in DEVICES]
CORPUS = list(
    dict.fromkeys(
        TRAVERSAL + CLIMBS + TERMINAL + SURROGATES + ENDINGS + LONG + TWINS + DEVICE_FORMS + LOWER
    )
)


def hostile(root: Selected, parts: tuple[str, ...], number: int, kind: ObjectKind) -> Captured:
    """Return an object at a path that no Windows would have made."""
    metadata = (
        root.metadata if kind is ObjectKind.FILE else type(root.metadata)(0x10, root.metadata.times)
    )
    entry = type(root.entry)(number, 1, 5, parts[-1], directory=kind is ObjectKind.DIRECTORY)
    selected = Selected(
        kind, WinPath("C:", parts), "FA4E", entry, metadata, "", chosen=True, rule="r:1"
    )
    return Captured(selected, lambda _: FakeStream(b"x"))


def everything(place: Path) -> set[Path]:
    return {Path(at) / name for at, names, files in os.walk(place) for name in (*names, *files)}


def test_the_corpus_is_as_large_as_promised() -> None:
    assert len(CORPUS) >= 200


def test_every_hostile_name_is_stored_inside_and_accounted_for(tmp_path: Path) -> None:
    outside, place = tmp_path / "outside", tmp_path / "a" / "b" / "store"
    outside.mkdir()
    root = selections(FakeFilesystem({"x": b"x"}))[0]
    ledger = Ledger()
    with DirectoryStore(place) as store:
        numbers = iter(range(100, 10_000))
        for name in CORPUS:
            for parts in ((name,), ("Users", name), (name, name), ("..", name), (name, "..", "x")):
                item = hostile(root, parts, next(numbers), ObjectKind.FILE)
                if parts[0] == name and len(parts) > 1:
                    above = hostile(root, parts[:1], next(numbers), ObjectKind.DIRECTORY)
                    ledger.seen("", 1, 0)
                    ledger.ended(add(store, above, lambda _: None))
                ledger.seen("", 1, item.selected.metadata.size)
                ledger.ended(add(store, item, lambda _: None))
        ledger.check()
        store.finish({}, ledger.totals())
    assert everything(tmp_path) - everything(place) == {
        outside,
        tmp_path / "a",
        tmp_path / "a/b",
        place,
    }
    files = [each for each in everything(place / "USMT/File") if each.is_file()]
    assert len(files) == len(CORPUS) * 5
    assert ledger.all.stored.objects >= len(CORPUS) * 7
    assert verify_store(place, lambda _: None).intact
    assert not [each for each in everything(place) if any(ord(letter) < 32 for letter in str(each))]


def test_the_manifest_of_hostile_names_is_harmless_and_exact(tmp_path: Path) -> None:
    root = selections(FakeFilesystem({"x": b"x"}))[0]
    with DirectoryStore(tmp_path) as store:
        for number, name in enumerate(CORPUS, 100):
            add(store, hostile(root, ("d", name), number, ObjectKind.FILE), lambda _: None)
        store.finish({}, {})
    text = manifest_path(tmp_path).read_text("utf-8")
    assert not set(text) & set("\x1b\x07\x9b\x7f\x85\u202e\u2066\u2028\u2029\u200b\ufeff\x00\r\t")
    exact = {path_of(line) for line in list(read_manifest(tmp_path))[1:-1]}
    assert exact == {f"C:\\d\\{name}" for name in CORPUS}


def path_of(line: dict[str, str]) -> str:
    if "path_utf16" not in line:
        return line["path"]
    return bytes.fromhex(line["path_utf16"]).decode("utf-16-le", "surrogatepass")


@pytest.mark.parametrize("planted", ["USMT.incomplete/File/C$", "USMT.incomplete/File/C$/Users"])
def test_a_link_planted_in_the_store_is_not_followed(tmp_path: Path, planted: str) -> None:
    outside, place = tmp_path / "outside", tmp_path / "store"
    outside.mkdir()
    root = selections(FakeFilesystem({"x": b"x"}))[0]
    item = hostile(root, ("Users", "bob", "x"), 99, ObjectKind.FILE)
    with DirectoryStore(place) as store:
        (place / planted).parent.mkdir(parents=True, exist_ok=True)
        (place / planted).symlink_to(outside)
        with pytest.raises(StoreError, match=r"Not a directory|Too many levels"):
            add(store, item, lambda _: None)
    assert not list(outside.iterdir())
    assert not list(place.iterdir())


def test_a_link_planted_at_the_files_own_place_is_not_written_through(tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.write_text("mine")
    root = selections(FakeFilesystem({"x": b"x"}))[0]
    item = hostile(root, ("x",), 99, ObjectKind.FILE)
    with DirectoryStore(tmp_path / "store") as store:
        folder = tmp_path / "store/USMT.incomplete/File/C$"
        folder.mkdir(parents=True)
        (folder / "x").symlink_to(target)
        with pytest.raises(StoreError, match="File exists"):
            add(store, item, lambda _: None)
    assert target.read_text() == "mine"
