"""What is extracted is what was stored, to the byte; what is not so is named, and nothing leads outside."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import pytest

from extractor.errors import (
    CorruptStoreError,
    LedgerError,
    StoreError,
    StoreLocationError,
    UsageError,
)
from extractor.events import BytesCopied, ItemDone, ObjectFailed, TotalsKnown
from extractor.model import (
    EfsFile,
    ObjectKind,
    OutcomeKind,
    Record,
    Reparse,
    StreamInfo,
    Times,
    WinPath,
)
from extractor.seams import Captured
from extractor.store.catalog import Catalog
from extractor.store.directory import DirectoryStore
from extractor.store.extract import Extraction, Failure, extract_store
from extractor.store.extract.places import Places
from extractor.store.extract.write import NAME_TAKEN
from extractor.store.hand import Copy
from extractor.store.opened import OpenStore, open_store
from extractor.store.tree import open_tree, remove_tree
from extractor.testing import FakeFile, FakeFilesystem, FakeStream, RecordingObserver
from tests.store.build import add, make_store, selections
from tests.store.test_hostile_names import CORPUS, everything, hostile

WHEN = 132_000_000_000_000_000
UNIX = (WHEN - 116_444_736_000_000_000) * 100
DISK = FakeFilesystem(
    {
        "Users\\bob": FakeFile(
            directory=True, streams={"note": b"of a folder"}, times=Times(modified=WHEN)
        ),
        "Users\\bob\\a.txt": FakeFile(
            b"alpha", streams={"Zone.Identifier": b"[ZoneTransfer]"}, times=Times(modified=WHEN)
        ),
        "Users\\bob\\second": FakeFile(link_to="Users\\bob\\a.txt"),
        "Users\\bob\\empty": b"",
        "Users\\bob\\CON": b"device",
        "Users\\bob\\Readme.txt": b"first",
        "Users\\bob\\README.TXT": b"second",
        "Users\\bob\\junction": FakeFile(directory=True, reparse=Reparse(0xA0000003, b"", "C:\\")),
        "Users\\eve\\b.doc": b"beta",
        "nothing in it": None,
    }
)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    make_store(tmp_path / "store", DISK)
    return tmp_path / "store"


def extract(
    store: Path, out: Path, *include: str, overwrite: bool = False, streams: bool = True
) -> Extraction:
    with open_store(store) as opened:
        return extract_store(opened, out, include, overwrite=overwrite, streams=streams)


def files(out: Path) -> dict[str, bytes]:
    return {
        str(each.relative_to(out)): each.read_bytes() for each in out.rglob("*") if each.is_file()
    }


def test_files_folders_and_streams_are_written_as_they_were(store: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    found = extract(store, out)
    bob = "C$/Users/bob"
    assert files(out) == {
        f"{bob}%3Anote": b"of a folder",
        f"{bob}/a.txt": b"alpha",
        f"{bob}/a.txt%3AZone.Identifier": b"[ZoneTransfer]",
        f"{bob}/second": b"alpha",
        f"{bob}/second%3AZone.Identifier": b"[ZoneTransfer]",
        f"{bob}/empty": b"",
        f"{bob}/%43ON": b"device",
        f"{bob}/README.TXT": b"second",
        next(name for name in files(out) if "Readme~" in name): b"first",
        "C$/Users/eve/b.doc": b"beta",
    }
    assert (out / "C$/nothing in it").is_dir()
    assert (out / f"{bob}/a.txt").stat().st_mtime_ns == UNIX
    assert (out / bob).stat().st_mtime_ns == UNIX
    assert (out / f"{bob}/a.txt").stat().st_nlink == 2
    assert out.stat().st_mode & 0o077 == 0
    assert (found.asked, found.written, found.failed, found.streams) == (12, 11, 0, 3)
    assert [(link.path, link.target) for link in found.links] == [
        ("C:\\Users\\bob\\junction", "C:\\")
    ]
    assert found.hard_links == 1
    assert found.exit_code == 0


def test_names_on_the_host_are_those_of_the_store(store: Path, tmp_path: Path) -> None:
    extract(store, tmp_path / "out", streams=False)
    stored = everything(store / "USMT/File")
    assert {str(each.relative_to(tmp_path / "out")) for each in everything(tmp_path / "out")} == {
        str(each.relative_to(store / "USMT/File")) for each in stored
    }


def test_the_observer_hears_totals_bytes_and_every_end(store: Path, tmp_path: Path) -> None:
    observer = RecordingObserver()
    with open_store(store) as opened:
        found = extract_store(opened, tmp_path / "out", observer=observer)
    [totals] = observer.of(TotalsKnown)
    assert totals.objects == found.asked == len(observer.of(ItemDone))
    assert totals.bytes == sum(event.count for event in observer.of(BytesCopied))


def test_patterns_choose_what_is_written(store: Path, tmp_path: Path) -> None:
    found = extract(store, tmp_path / "one", "*.txt", "C:\\Users\\eve", "no such*")
    assert found.unmatched == ("no such*",)
    assert found.asked == 5
    assert {name.rpartition("/")[2][:6] for name in files(tmp_path / "one")} == {
        "a.txt",
        "a.txt%",
        "README",
        "Readme",
        "b.doc",
    }
    with open_store(store) as opened:
        extract_store(opened, tmp_path / "two", exclude=["C:\\Users\\bob", "nothing*"])
    assert set(files(tmp_path / "two")) == {"C$/Users/eve/b.doc"}


def test_a_changed_byte_costs_that_file_only(store: Path, tmp_path: Path) -> None:
    victim = store / "USMT/File/C$/Users/eve/b.doc"
    victim.write_bytes(b"bent")
    found = extract(store, tmp_path / "out")
    [failure] = found.failures
    assert failure.corrupt
    assert failure.path == "C:\\Users\\eve\\b.doc"
    assert hashlib.sha256(b"bent").hexdigest() in failure.reason
    assert found.exit_code == CorruptStoreError.exit_code == 42
    assert "C$/Users/eve/b.doc" not in files(tmp_path / "out")
    assert "C$/Users/bob/a.txt" in files(tmp_path / "out")
    assert (found.asked, found.written, found.failed) == (12, 10, 1)


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_bytes(b"")])
def test_a_lost_stream_is_named_and_its_file_is_written(
    store: Path, tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    digest = hashlib.sha256(b"[ZoneTransfer]").hexdigest()
    damage(store / f"USMT/open-catalog/streams/{digest[:2]}/{digest}")
    found = extract(store, tmp_path / "out")
    assert {each.path for each in found.failures} == {
        "C:\\Users\\bob\\a.txt:Zone.Identifier",
        "C:\\Users\\bob\\second:Zone.Identifier",
    }
    assert found.exit_code == 42
    assert found.failed == 2
    assert files(tmp_path / "out")["C$/Users/bob/a.txt"] == b"alpha"


def test_a_catalog_that_names_a_way_out_is_not_followed(store: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    with open_store(store) as opened:
        forged = _copied(opened)
        forged.catalog.connection.execute(
            "UPDATE objects SET stored_as = '../../secret' WHERE path LIKE '%b.doc'"
        )
        found = extract_store(forged, tmp_path / "out", ["b.doc"])
    assert found.exit_code == 42
    assert files(tmp_path / "out") == {}


def _copied(opened: OpenStore) -> OpenStore:
    """Return a store whose catalog can be forged: a copy in memory."""
    connection = sqlite3.connect(":memory:")
    opened.catalog.connection.backup(connection)
    return OpenStore(opened.path, Catalog(connection, Path("copy")), opened._container)


def test_what_is_there_already_is_kept_and_named(store: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / "C$/Users/eve").mkdir(parents=True)
    (out / "C$/Users/eve/b.doc").write_bytes(b"mine")
    found = extract(store, out, "b.doc")
    assert found.failures == [
        Failure("C:\\Users\\eve\\b.doc", "something of this name is there already")
    ]
    assert found.exit_code == 3
    assert files(out)["C$/Users/eve/b.doc"] == b"mine"


def test_overwriting_replaces_with_whole_files_only(store: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    extract(store, out)
    before = files(out)
    (out / "C$/Users/bob/a.txt").write_bytes(b"changed since")
    (out / "C$/Users/eve/b.doc").write_bytes(b"changed since")
    (store / "USMT/File/C$/Users/eve/b.doc").write_bytes(b"bent")
    found = extract(store, out, overwrite=True)
    assert [each.path for each in found.failures] == ["C:\\Users\\eve\\b.doc"]
    assert files(out) == before | {"C$/Users/eve/b.doc": b"changed since"}
    assert (out / "C$/Users/bob/second").stat().st_nlink == 2


def test_a_folder_where_a_file_belongs_is_a_named_failure(store: Path, tmp_path: Path) -> None:
    (tmp_path / "out/C$/Users/bob/a.txt").mkdir(parents=True)
    found = extract(store, tmp_path / "out", "a.txt", overwrite=True, streams=False)
    [failure] = found.failures
    assert "directory" in failure.reason.lower()
    assert [each.name for each in (tmp_path / "out/C$/Users/bob").iterdir()] == ["a.txt"]


@pytest.mark.parametrize("planted", ["C$", "C$/Users/eve", "C$/Users/eve/b.doc"])
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_link_planted_in_the_destination_is_not_followed(
    store: Path, tmp_path: Path, planted: str, *, overwrite: bool
) -> None:
    outside, out = tmp_path / "outside", tmp_path / "out"
    outside.mkdir()
    (outside / "precious").write_bytes(b"mine")
    link = out / planted
    link.parent.mkdir(parents=True)
    link.symlink_to(outside / "precious" if planted.endswith("doc") else outside)
    found = extract(store, out, "b.doc", overwrite=overwrite)
    assert files(outside) == {"precious": b"mine"}
    replaced = planted.endswith("doc") and overwrite
    assert (found.written, found.failed) == ((1, 0) if replaced else (0, 1))


def test_a_destination_in_the_store_is_refused(store: Path) -> None:
    with pytest.raises(UsageError, match="in the store itself"):
        extract(store, store / "USMT/File")


def test_a_destination_that_is_a_file_is_refused(store: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"")
    with pytest.raises(StoreLocationError):
        extract(store, tmp_path / "out")


def test_a_full_disk_ends_it_and_leaves_no_half_file(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Copy, "take", full)
    with pytest.raises(StoreError, match="No space left") as caught:
        extract(store, tmp_path / "out")
    assert caught.value.exit_code == 72
    assert files(tmp_path / "out") == {}


def test_what_is_too_large_for_the_host_is_a_named_failure(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_large(*_: object) -> None:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))

    monkeypatch.setattr(Copy, "take", too_large)
    observer = RecordingObserver()
    with open_store(store) as opened:
        found = extract_store(opened, tmp_path / "out", ["b.doc", "empty"], observer=observer)
    assert [each.reason for each in found.failures] == ["cannot be written: File too large"]
    assert len(observer.of(ObjectFailed)) == 1
    assert found.exit_code == 3


def test_where_there_are_no_hard_links_the_bytes_are_copied(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, "no hard links")

    monkeypatch.setattr(os, "link", none)
    found = extract(store, tmp_path / "out")
    assert found.hard_links == 0
    assert files(tmp_path / "out")["C$/Users/bob/second"] == b"alpha"
    assert (found.written, found.failed) == (11, 0)


def test_holes_come_back_from_a_container_that_knows_none(tmp_path: Path) -> None:
    size = 8 << 20
    disk = FakeFilesystem({"d\\sparse": bytes(size // 2) + b"x" + bytes(size // 2 - 1)})
    make_store(tmp_path / "store", disk)
    with open_store(tmp_path / "store") as opened:
        in_memory = OpenStore(opened.path, opened.catalog, _InMemory(opened.open))
        found = extract_store(in_memory, tmp_path / "out")
    made = (tmp_path / "out/C$/d/sparse").stat()
    assert found.exit_code == 0
    assert made.st_size == size
    assert made.st_blocks * 512 <= 1 << 20


class _InMemory:
    """A container whose files have no descriptor, as one that unpacks has them."""

    def __init__(self, opener: Callable[[str], BinaryIO]) -> None:
        self._opener = opener

    def open(self, stored_as: str) -> BinaryIO:
        with self._opener(stored_as) as file:
            return io.BytesIO(file.read())

    def close(self) -> None:
        """The other container is closed by its owner."""


def test_a_huge_file_of_holes_costs_nothing(tmp_path: Path) -> None:
    size = 100 << 30
    info = StreamInfo("", size, allocated=4096, sparse=True)
    [selected] = selections(FakeFilesystem({"huge": b""}))
    metadata = replace(selected.metadata, streams=(info,))
    item = Captured(replace(selected, metadata=metadata), lambda _: _Hollow(size))
    with DirectoryStore(tmp_path / "store", sparse_limit=size) as store:
        assert add(store, item).sha256.startswith("holes-")
        store.finish({}, {})
    found = extract(tmp_path / "store", tmp_path / "out")
    made = (tmp_path / "out/C$/huge").stat()
    assert found.exit_code == 0
    assert (made.st_size, made.st_blocks * 512 <= 1 << 20) == (size, True)


class _Hollow:
    """A stream of holes with one byte at its end."""

    def __init__(self, size: int) -> None:
        self.size = size

    def read_at(self, _offset: int, length: int) -> bytes:
        return b"x" * length

    def extents(self) -> list[tuple[int, int]]:
        return [(self.size - 1, 1)]


def test_an_efs_file_in_raw_form_is_named_so(tmp_path: Path) -> None:
    [selected] = selections(FakeFilesystem({"secret.txt": FakeFile(b"xx", streams={"s": b"yy"})}))
    raw = FakeStream(b"ROBS raw form")
    item = Captured(
        selected,
        lambda _: raw,
        whole=StreamInfo("", raw.size, allocated=raw.size, valid=raw.size),
        efs=EfsFile("raw", raw.size, (), "no", "the key is not on this disk"),
    )
    with DirectoryStore(tmp_path / "store") as store:
        add(store, item)
        store.finish({}, {})
    found = extract(tmp_path / "store", tmp_path / "out")
    assert files(tmp_path / "out") == {"C$/secret.txt.efsraw": b"ROBS raw form"}
    assert [(each.path, each.verdict) for each in found.raw] == [("C:\\secret.txt", "no")]


def test_every_hostile_name_is_extracted_inside_and_none_is_lost(tmp_path: Path) -> None:
    root = selections(FakeFilesystem({"x": b"x"}))[0]
    with DirectoryStore(tmp_path / "store") as store:
        number = 100
        for name in CORPUS:
            for parts in (("Users", name), (name, "..", "x")):
                add(store, hostile(root, parts, number, ObjectKind.FILE))
                number += 1
        store.finish({}, {})
    out = tmp_path / "a/b/out"
    found = extract(tmp_path / "store", out)
    assert found.exit_code == 0
    assert found.written == len(CORPUS) * 2
    assert len(files(out)) == len(CORPUS) * 2
    assert everything(tmp_path) - everything(out) - everything(tmp_path / "store") == {
        tmp_path / "a",
        tmp_path / "a/b",
        out,
        tmp_path / "store",
    }
    assert not [each for each in everything(out) if any(ord(letter) < 32 for letter in str(each))]


def test_a_stream_and_a_file_that_ask_for_one_name_both_come(tmp_path: Path) -> None:
    disk = FakeFilesystem(
        {"d\\a": FakeFile(b"", streams={"s": b"stream"}), "d\\a:s": b"file", "d\\A:S": b"twin"}
    )
    make_store(tmp_path / "store", disk)
    found = extract(tmp_path / "store", tmp_path / "out")
    assert sorted(files(tmp_path / "out").values()) == [b"", b"file", b"stream", b"twin"]
    names = [each.name.upper() for each in (tmp_path / "out/C$/d").iterdir()]
    assert len(set(names)) == len(names) == 4
    assert found.exit_code == 0


def test_a_stream_of_a_root_and_a_volume_without_a_letter_have_safe_names() -> None:
    root = Record(ObjectKind.DIRECTORY, WinPath("C:"), "V1", "", OutcomeKind.STORED)
    [leaf] = Places().of(root, ":../\x1b$")
    assert leaf == "C$%3A..%2F%1B$"
    lost = replace(root, path=WinPath("", ("..", "x")))
    assert Places().of(lost) == ("Volume-V1$", ".%2E", "x")


def test_one_object_twice_in_a_forged_catalog_is_named(store: Path, tmp_path: Path) -> None:
    with open_store(store) as opened:
        forged = _copied(opened)
        run = forged.catalog.connection.execute
        for number in (900, 901):
            run(
                "CREATE TEMP TABLE twin AS SELECT * FROM objects WHERE path LIKE '%b.doc' AND id < 900"
            )
            run("UPDATE twin SET id = ?", (number,))
            run("INSERT INTO objects SELECT * FROM twin")
            run("DROP TABLE twin")
            run("UPDATE objects SET stored_as = 'File/C$/Users/eve/b.doc' WHERE id = ?", (number,))
        found = extract_store(forged, tmp_path / "out", ["b.doc"], streams=False)
    assert (found.asked, found.written) == (3, 2)
    assert [each.reason for each in found.failures] == [NAME_TAKEN]


@pytest.fixture
def shallow(tmp_path: Path) -> Iterator[Path]:
    """A folder that is left empty: what removes pytest's own folders recurses."""
    yield tmp_path
    with open_tree(tmp_path) as tree:
        for name in tree.names(()):
            remove_tree(name, tree.root)


def test_a_tree_of_1000_levels_is_extracted(shallow: Path) -> None:
    root = selections(FakeFilesystem({"x": b"end"}))[0]
    parts = (*["deep"] * 1000, "end.txt")
    with DirectoryStore(shallow / "store") as store:
        for depth in range(1, 1001):
            add(store, hostile(root, parts[:depth], depth, ObjectKind.DIRECTORY))
        item = hostile(root, parts, 2000, ObjectKind.FILE)
        add(store, replace(item, open=lambda _: FakeStream(b"end")))
        store.finish({}, {})
    found = extract(shallow / "store", shallow / "out")
    assert (found.written, found.failed) == (1001, 0)
    here = os.open(shallow / "out/C$", os.O_RDONLY)
    for name in parts:
        below = os.open(name, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    assert os.read(here, 9) == b"end"
    os.close(here)


def test_registry_values_are_no_files_and_are_counted_apart(store: Path, tmp_path: Path) -> None:
    with open_store(store) as opened:
        forged = _copied(opened)
        forged.catalog.connection.execute(
            "UPDATE objects SET kind = 'value' WHERE path LIKE '%b.doc'"
        )
        found = extract_store(forged, tmp_path / "out")
    assert found.others == 1
    assert found.asked == 11


def test_an_extraction_that_does_not_balance_is_a_defect() -> None:
    with pytest.raises(LedgerError):
        Extraction(asked=2, written=1).check()
    with pytest.raises(LedgerError):
        Extraction(asked=2, written=1, failed=1).check()


def test_a_stopped_extraction_leaves_no_half_file(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Copy, "take", stopped)
    with pytest.raises(KeyboardInterrupt):
        extract(store, tmp_path / "out")
    assert files(tmp_path / "out") == {}
