"""The uncompressed store: what lies where, and what never does."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import random
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import pytest

from extractor.errors import DamagedError, EncryptedError, SourceError, StoreError, UnsupportedError
from extractor.gather.files import hard_links
from extractor.model import (
    ObjectKind,
    OutcomeKind,
    Reparse,
    Selected,
    StreamInfo,
    Times,
    WinPath,
)
from extractor.seams import Captured, Stream
from extractor.store.catalog import open_catalog
from extractor.store.directory import DirectoryStore
from extractor.store.manifest import manifest_path, read_manifest
from extractor.store.records import excluded, not_stored
from extractor.store.verify import verify_store
from extractor.testing import FakeFile, FakeFilesystem, FakeStream
from tests.store.build import add, make_store, selections, store_all

Y2020 = 132_223_104_000_000_000
"""2020-01-01 as FILETIME."""


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def silent(_: int) -> None:
    """Nobody asks how far it is."""


class HoleyStream:
    """A stream of zeros but for the parts given."""

    def __init__(self, size: int, parts: dict[int, bytes]) -> None:
        self.size = size
        self.parts = parts
        self.read = 0

    def read_at(self, offset: int, length: int) -> bytes:
        self.read += length
        return self.parts[offset][:length]

    def extents(self) -> Iterable[tuple[int, int]]:
        return [(offset, len(data)) for offset, data in self.parts.items()]


def captured(stream: Stream, size: int, name: str = "a.bin", allocated: int = 0) -> Captured:
    """Return a file of one stream, ready for a store."""
    chosen = selections(FakeFilesystem({name: b""}))[0]
    info = StreamInfo("", size, allocated=allocated)
    metadata = type(chosen.metadata)(
        chosen.metadata.attributes, chosen.metadata.times, streams=(info,)
    )
    selected = Selected(
        chosen.kind, chosen.path, chosen.volume, chosen.entry, metadata, "", chosen=True, rule="r:1"
    )
    return Captured(selected, lambda _: stream)


def test_a_file_lies_where_usmt_puts_it_with_its_content_and_time(tmp_path: Path) -> None:
    file = FakeFile(b"hello", times=Times(modified=Y2020))
    [*_, record] = make_store(tmp_path, FakeFilesystem({"Users\\bob\\a.txt": file}))
    stored = tmp_path / "USMT/File/C$/Users/bob/a.txt"
    assert stored.read_bytes() == b"hello"
    assert stored.stat().st_mtime == 1577836800
    assert record.stored_as == "File/C$/Users/bob/a.txt"
    assert record.sha256 == sha256(b"hello")


def test_directories_keep_their_time_although_files_came_later(tmp_path: Path) -> None:
    dated = FakeFile(directory=True, times=Times(modified=Y2020))
    make_store(tmp_path, FakeFilesystem({"Users": dated, "Users\\a.txt": b"x", "Empty": None}))
    assert (tmp_path / "USMT/File/C$/Users").stat().st_mtime == 1577836800
    assert (tmp_path / "USMT/File/C$/Empty").is_dir()


def test_the_manifest_tells_all_of_it(tmp_path: Path) -> None:
    file = FakeFile(
        b"hello", streams={"Zone.Identifier": b"[Zone]"}, sddl="O:BAG:BA", security=b"\1"
    )
    make_store(tmp_path, FakeFilesystem({"Users\\a.txt": file}))
    header, _, line, trailer = read_manifest(tmp_path)
    assert header["format"] == "coldstate-manifest"
    assert header["loadstate_readable"] is False
    assert header["tool"] == "test"
    assert line["path"] == "C:\\Users\\a.txt"
    assert line["outcome"] == "stored"
    assert line["rule"] == "rules.xml:7"
    assert line["streams"] == [{"name": "Zone.Identifier", "size": 6, "sha256": sha256(b"[Zone]")}]
    assert line["sddl"] == "O:BAG:BA"
    assert trailer["objects"] == 2
    assert trailer["totals"]["stored"] == {"objects": 2, "bytes": 11}


def test_named_streams_are_kept_once_by_their_content(tmp_path: Path) -> None:
    twins = {f"{n}.txt": FakeFile(b"", streams={"s": b"same"}) for n in range(3)}
    make_store(
        tmp_path, FakeFilesystem({**twins, "dir": FakeFile(directory=True, streams={"d": b"x"})})
    )
    folder = tmp_path / "USMT/open-catalog/streams"
    digest = sha256(b"same")
    assert (folder / digest[:2] / digest).read_bytes() == b"same"
    assert len([each for each in folder.rglob("*") if each.is_file()]) == 2


def test_links_are_recorded_and_never_made(tmp_path: Path) -> None:
    junction = FakeFile(directory=True, reparse=Reparse(0xA0000003, b"\0", "\\??\\C:\\Windows"))
    escape = FakeFile(b"", reparse=Reparse(0xA000000C, b"\0", "/etc/passwd\ud800"))
    records = make_store(tmp_path, FakeFilesystem({"junction": junction, "escape": escape}))
    assert {record.kind for record in records} == {ObjectKind.LINK}
    assert {record.outcome for record in records} == {OutcomeKind.STORED}
    assert not list((tmp_path / "USMT").glob("File/**/*"))
    lines = {line["path"]: line for line in list(read_manifest(tmp_path))[1:-1]}
    assert lines["C:\\junction"]["target"] == "\\??\\C:\\Windows"
    assert lines["C:\\escape"]["target_utf16"].endswith("00d8")


def test_a_link_that_has_content_loses_none_of_it(tmp_path: Path) -> None:
    odd = FakeFile(b"hidden behind a tag", reparse=Reparse(0xA000000C, b"", "x"))
    [record] = make_store(tmp_path, FakeFilesystem({"odd": odd}))
    assert (tmp_path / "USMT" / record.stored_as).read_bytes() == b"hidden behind a tag"
    assert verify_store(tmp_path, lambda _: None).intact


def test_hard_links_stay_hard_links(tmp_path: Path) -> None:
    files = FakeFilesystem({"a\\one.txt": b"1", "b\\two.txt": FakeFile(link_to="a\\one.txt")})
    make_store(tmp_path, files)
    root = tmp_path / "USMT/File/C$"
    assert (root / "a/one.txt").samefile(root / "b/two.txt")
    lines = [line for line in read_manifest(tmp_path) if line.get("kind") == "file"]
    assert [line["links"] for line in lines] == [["C:\\a\\one.txt", "C:\\b\\two.txt"]] * 2


def test_without_hard_links_on_the_host_the_file_is_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refused)
    make_store(tmp_path, FakeFilesystem({"a": b"1", "b": FakeFile(link_to="a")}))
    assert (tmp_path / "USMT/File/C$/b").read_bytes() == b"1"
    assert not (tmp_path / "USMT/File/C$/b").samefile(tmp_path / "USMT/File/C$/a")


def test_case_twins_are_both_stored(tmp_path: Path) -> None:
    files = {"d\\Readme.txt": b"one", "d\\README.TXT": b"two", "D\\readme.txt": b"three"}
    make_store(tmp_path, FakeFilesystem(files))
    stored = {each.read_bytes() for each in (tmp_path / "USMT/File").rglob("*") if each.is_file()}
    assert stored == {b"one", b"two", b"three"}
    names = [
        str(each.relative_to(tmp_path)).upper() for each in (tmp_path / "USMT/File").rglob("*")
    ]
    assert len(names) == len(set(names))
    assert verify_store(tmp_path, lambda _: None).intact


def test_one_name_twice_in_a_damaged_directory_is_stored_twice(tmp_path: Path) -> None:
    files = FakeFilesystem({"x.txt": b"one", "y.txt": b"two"})
    one, two = selections(files)
    twin = type(two)(
        two.kind, one.path, two.volume, two.entry, two.metadata, two.scope, chosen=True
    )
    with DirectoryStore(tmp_path) as store:
        store_all(store, files, [one, twin])
    stored = {each.read_bytes() for each in (tmp_path / "USMT/File").rglob("*") if each.is_file()}
    assert stored == {b"one", b"two"}


def test_the_order_of_work_leaves_no_trace(tmp_path: Path) -> None:
    files = FakeFilesystem(
        {
            "d\\Readme.txt": b"1", "d\\README.TXT": b"2", "D\\x": b"3", "d\\sub\\y": b"4", "D\\SUB\\y": b"5",
            "d\\SUB\\Y": b"6", "link": FakeFile(link_to="D\\x"), "\ud800": b"7",
            "s": FakeFile(b"", streams={"b": b"", "a": b""}),
            "bad": FakeFile(b"8", error=DamagedError("bad sector")), "BAD": b"9",
        }
    )  # fmt: skip
    manifests = set()
    for seed in range(6):
        chosen = selections(files)
        random.Random(seed).shuffle(chosen)
        with DirectoryStore(tmp_path / str(seed)) as store:
            # past the gatherer, which would bring them into one order
            for item in sorted_as(chosen, files):
                add_or_note(store, item)
            store.finish({}, {})
        manifests.add(manifest_path(tmp_path / str(seed)).read_bytes())
        assert verify_store(tmp_path / str(seed), lambda _: None).intact
    assert len(manifests) == 1


def sorted_as(chosen: list[Selected], files: FakeFilesystem) -> list[Captured]:
    """Return what would be gathered, in the order given."""
    links = hard_links(chosen)
    return [
        Captured(
            each,
            partial(files.open, each.entry),
            None,
            links.get((each.volume, each.entry.record, 1), ()),
        )
        for each in chosen
    ]


def add_or_note(store: DirectoryStore, item: Captured) -> None:
    """Store it, or say why not."""
    try:
        add(store, item, silent)
    except SourceError as error:
        store.note(not_stored(item.selected, str(error)))


def test_names_beyond_display_are_exact_in_the_manifest(tmp_path: Path) -> None:
    make_store(tmp_path, FakeFilesystem({"a\x1b[31m\ud800": b"1"}))
    _, line, _ = read_manifest(tmp_path)
    assert line["path"] == "C:\\a\\x1b[31m\\ud800"
    exact = bytes.fromhex(line["path_utf16"]).decode("utf-16-le", "surrogatepass")
    assert exact == "C:\\a\x1b[31m\ud800"
    raw = manifest_path(tmp_path).read_bytes()
    assert not [byte for byte in raw if byte < 32 and byte != 10]


def test_a_backslash_inside_a_name_is_told_apart(tmp_path: Path) -> None:
    files = FakeFilesystem({"x": b"1"})
    [one] = selections(files)
    path = WinPath("C:", ("a\\b", "c"))
    with DirectoryStore(tmp_path) as store:
        store_all(
            store,
            files,
            [Selected(one.kind, path, one.volume, one.entry, one.metadata, "", chosen=True)],
        )
    _, line, _ = read_manifest(tmp_path)
    assert line["name_lengths"] == "3,1"
    assert (tmp_path / "USMT/File/C$/a%5Cb/c").is_file()


def test_times_and_numbers_of_any_size_are_kept(tmp_path: Path) -> None:
    extreme = Times(created=(1 << 64) - 1, modified=(1 << 63) + 5, changed=1, accessed=0)
    make_store(tmp_path, FakeFilesystem({"x": FakeFile(b"", times=extreme)}))
    _, line, _ = read_manifest(tmp_path)
    assert line["times"]["created"] == (1 << 64) - 1
    assert line["times"]["name_modified"] == (1 << 63) + 5


def test_a_sparse_file_is_stored_as_holes_and_hashed_in_full(tmp_path: Path) -> None:
    size = (300 << 20) + 17
    stream = HoleyStream(size, {1 << 20: b"begin", size - 3: b"end"})
    told: list[int] = []
    with DirectoryStore(tmp_path) as store:
        record = add(store, captured(stream, size), told.append)
        store.finish({}, {})
    stored = tmp_path / "USMT" / record.stored_as
    assert stored.stat().st_size == size == sum(told)
    assert stored.stat().st_blocks * 512 < 1 << 20
    assert stream.read == 8
    with stored.open("rb") as file:
        assert record.sha256 == hashlib.file_digest(file, "sha256").hexdigest()


def test_a_sparse_bomb_is_refused_with_its_size(tmp_path: Path) -> None:
    bomb = HoleyStream(8 << 40, {0: b"x" * 4096})
    with DirectoryStore(tmp_path) as store:
        with pytest.raises(UnsupportedError, match="sparse file of 8796093022208 bytes logical"):
            add(store, captured(bomb, 8 << 40), silent)
        store.finish({}, {})
    assert not list((tmp_path / "USMT/File").rglob("a.bin"))


def test_the_sparse_limit_can_be_moved(tmp_path: Path) -> None:
    small = HoleyStream(1 << 20, {})
    with DirectoryStore(tmp_path, sparse_limit=1000) as store, pytest.raises(UnsupportedError):
        add(store, captured(small, 1 << 20), silent)
    with DirectoryStore(tmp_path, sparse_limit=1 << 20) as store:
        assert add(store, captured(small, 1 << 20), silent).size == 1 << 20


@pytest.mark.parametrize(
    "extents",
    [[(5, 10)], [(0, 4), (2, 4)], [(4, 2), (0, 2)], [(0, -1)], [(-4, 4)], [(1 << 62, 1 << 62)]],
)
def test_extents_that_make_no_sense_are_damage(
    tmp_path: Path, extents: list[tuple[int, int]]
) -> None:
    class Liar(FakeStream):
        def extents(self) -> Iterable[tuple[int, int]]:
            return extents

    with DirectoryStore(tmp_path) as store, pytest.raises(DamagedError):
        add(store, captured(Liar(b"12345678"), 8), silent)


def test_a_stream_that_ends_early_is_damage(tmp_path: Path) -> None:
    with DirectoryStore(tmp_path) as store:
        with pytest.raises(DamagedError, match="holds 3 bytes where its metadata says 8"):
            add(store, captured(FakeStream(b"abc"), 8), silent)
        with pytest.raises(DamagedError, match="ends early: 4 of 10 bytes"):
            add(store, captured(ShortStream(), 10), silent)


class ShortStream(HoleyStream):
    """Promises ten bytes and gives four."""

    def __init__(self) -> None:
        super().__init__(10, {0: b"four"})

    def extents(self) -> Iterable[tuple[int, int]]:
        return [(0, 10)]


class BreakingStream(FakeStream):
    """Breaks in its second block."""

    def read_at(self, offset: int, length: int) -> bytes:
        if offset:
            raise DamagedError("bad sector at byte 1048576")
        return super().read_at(offset, length)


def test_an_object_that_breaks_halfway_leaves_nothing(tmp_path: Path) -> None:
    content = bytes(3 << 20)
    files = FakeFilesystem({"a.bin": FakeFile(content, streams={"ads": b"gone too"})})
    [chosen] = selections(files)
    streams = {"": BreakingStream(content), "ads": FakeStream(b"gone too")}
    with DirectoryStore(tmp_path) as store:
        for order in (["", "ads"], ["ads", ""]):
            infos = tuple(StreamInfo(name, streams[name].size) for name in order)
            metadata = type(chosen.metadata)(0, Times(), streams=infos)
            item = Selected(chosen.kind, chosen.path, "v", chosen.entry, metadata, "", chosen=True)
            with pytest.raises(DamagedError, match="bad sector"):
                add(store, Captured(item, streams.__getitem__), silent)
        store.finish({}, {})
    left = [each for each in (tmp_path / "USMT").rglob("*") if each.is_file()]
    assert {each.name for each in left} == {"catalog.sqlite", "manifest.jsonl", "SHA256SUMS"}


def test_a_refusal_known_before_is_raised(tmp_path: Path) -> None:
    item = captured(FakeStream(b""), 0)
    refused = Captured(item.selected, item.open, EncryptedError("EFS"))
    with DirectoryStore(tmp_path) as store, pytest.raises(EncryptedError):
        add(store, refused, silent)


def test_a_file_without_any_stream_is_an_empty_file(tmp_path: Path) -> None:
    item = captured(FakeStream(b""), 0)
    metadata = type(item.selected.metadata)(0x20, Times())
    selected = Selected(
        ObjectKind.FILE, item.selected.path, "v", item.selected.entry, metadata, "", chosen=True
    )
    with DirectoryStore(tmp_path) as store:
        record = add(store, Captured(selected, item.open), silent)
        store.finish({}, {})
    assert record.sha256 == sha256(b"")
    assert (tmp_path / "USMT/File/C$/a.bin").read_bytes() == b""


def test_what_was_excluded_has_its_line(tmp_path: Path) -> None:
    files = FakeFilesystem({"x": b"123"})
    [one] = selections(files)
    with DirectoryStore(tmp_path) as store:
        store.note(excluded(one))
        store.finish({}, {})
    _, line, _ = read_manifest(tmp_path)
    assert (line["outcome"], line["size"], line["stored_as"]) == ("excluded", 3, "")


def test_a_volume_without_a_letter_has_a_place(tmp_path: Path) -> None:
    item = captured(FakeStream(b"1"), 1)
    selected = Selected(
        item.selected.kind, WinPath("", ("x",)), "FA4E", item.selected.entry, item.selected.metadata, "",
        chosen=True,
    )  # fmt: skip
    with DirectoryStore(tmp_path) as store:
        record = add(store, Captured(selected, item.open), silent)
    assert record.stored_as == "File/Volume-FA4E$/x"


def test_a_tree_deeper_than_any_path_is_stored_verified_and_removed(tmp_path: Path) -> None:
    path = "\\".join(["d" * 40] * 150)
    files = FakeFilesystem({f"{path}\\deep.txt": b"deep"})
    make_store(tmp_path, files)
    assert verify_store(tmp_path, lambda _: None).intact
    with DirectoryStore(tmp_path, overwrite=True) as store:
        store.finish({}, {})
    assert not (tmp_path / "USMT/File").exists()
    assert [each.name for each in tmp_path.iterdir()] == ["USMT"]


def test_the_catalog_holds_runs_streams_and_descriptors(tmp_path: Path) -> None:
    file = FakeFile(b"x", streams={"s": b"yy"}, security=b"\1\0\4", short_name="X~1")
    make_store(tmp_path, FakeFilesystem({"xylophone": file}))
    catalog = open_catalog(tmp_path / "USMT/open-catalog/catalog.sqlite")
    [row] = catalog.rows()
    streams = catalog.connection.execute("SELECT name, size FROM streams ORDER BY id").fetchall()
    catalog.close()
    assert row["security"] == b"\1\0\4"
    assert row["short_name"] == "X~1"
    assert [tuple(each) for each in streams] == [("", 1), ("s", 2)]


def test_header_and_totals_cannot_smuggle_anything(tmp_path: Path) -> None:
    with DirectoryStore(tmp_path) as store:
        store.finish({"computer": "PC\x1b]0;\ud800", "loadstate_readable": True}, {"\u202e": 1})
    header, trailer = read_manifest(tmp_path)
    assert header["computer"] == "PC\\x1b]0;\\ud800"
    assert header["loadstate_readable"] is False
    assert trailer["totals"] == {"\\u202e": 1}


def test_a_lost_write_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> int:
        raise OSError(errno.EIO, "Input/output error")

    with DirectoryStore(tmp_path) as store:
        monkeypatch.setattr(os, "pwrite", broken)
        with pytest.raises(StoreError, match=r"cannot be written: Input/output error \(.* free\)"):
            add(store, captured(FakeStream(b"1"), 1), silent)
    assert list(tmp_path.iterdir()) == []


def test_the_manifest_is_json_for_every_reader(tmp_path: Path) -> None:
    make_store(tmp_path, FakeFilesystem({"a\u2028b": b"", 'quote"': b"", "new\nline": b""}))
    lines = manifest_path(tmp_path).read_text("utf-8").splitlines()
    assert len([json.loads(line) for line in lines]) == 5
