"""A run that stopped anywhere goes on where it was, and ends with the store of a run that did not."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from extractor.errors import SourceError, StoreError, StoreLocationError
from extractor.gather.files import FileGatherer
from extractor.report.ledger import Ledger
from extractor.seams import Captured, Stream
from extractor.store import directory, journal
from extractor.store.directory import DirectoryStore
from extractor.store.manifest import manifest_path
from extractor.store.verify import verify_store
from extractor.testing import FakeFile, FakeFilesystem
from tests.store.build import make_store, selections, store_all

TWINS = {"Users\\bob\\Readme.txt": b"upper", "Users\\bob\\README.TXT": b"lower"}
FILES = FakeFilesystem(
    {
        f"Users\\u{n % 5}\\{n}.txt": FakeFile(b"%d" % n * n, streams={"s": b"%d" % (n % 7)})
        for n in range(120)
    }
    | TWINS
    | {"Users\\bob\\first": b"linked", "Users\\bob\\second": FakeFile(link_to="Users\\bob\\first")}
)

ALL = 123
"""Files whose own content is read; a hard link is read once."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The manifest of a run that nothing stopped."""
    place = tmp_path_factory.mktemp("whole")
    make_store(place, FILES)
    return manifest_path(place).read_bytes()


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a checkpoint after every object."""
    monkeypatch.setattr(journal, "PATIENCE", 0)
    monkeypatch.setattr(journal, "SHARE", 0)
    monkeypatch.setattr(
        directory, "sync_tree", lambda _: None
    )  # a kill takes no bytes from the system


def resume(place: Path) -> int:
    """Go on in ``place`` and return how many objects were read anew."""
    read = 0

    def counted(items: Iterator[Captured]) -> Iterator[Captured]:
        for item in items:
            yield Captured(item.selected, opening(item.open), item.refusal, item.links)

    def opening(opens: Callable[[str], Stream]) -> Callable[[str], Stream]:
        def opened(name: str) -> Stream:
            nonlocal read
            read += not name
            return opens(name)

        return opened

    with DirectoryStore(place, resume=True) as store:
        store.begin("run")
        found = FileGatherer().gather(selections(FILES), {FILES.info.id: FILES})
        _store(store, counted(found))
    return read


def _store(store: DirectoryStore, items: Iterator[Captured]) -> None:
    ledger = Ledger()
    for item, outcome in store.add_all(items, lambda *_: None):
        ledger.seen(item.selected.scope, 1, item.selected.metadata.size)
        assert not isinstance(outcome, SourceError)
        ledger.ended(outcome)
    store.finish({"tool": "test"}, ledger.totals())


def stop_after(place: Path, objects: int, *, overwrite: bool = False) -> None:
    """Begin a store and leave it, as a scan does that is interrupted."""
    store = DirectoryStore(place, overwrite=overwrite)
    store.begin("run")
    found = FileGatherer().gather(selections(FILES), {FILES.info.id: FILES})
    for number, _ in enumerate(store.add_all(found, lambda *_: None), 1):
        if number == objects:
            break
    store.leave()


def is_whole(place: Path, whole: bytes) -> bool:
    assert sorted(each.name for each in place.iterdir()) == ["USMT"]
    assert verify_store(place, lambda _: None).intact
    return manifest_path(place).read_bytes() == whole


@pytest.mark.usefixtures("eager")
def test_a_run_goes_on_where_it_was_left(tmp_path: Path, whole: bytes) -> None:
    stop_after(tmp_path, 60)
    assert 20 < resume(tmp_path) < ALL - 40
    assert is_whole(tmp_path, whole)


def test_what_no_journal_tells_of_is_removed_and_copied_anew(tmp_path: Path, whole: bytes) -> None:
    stop_after(tmp_path, 60)
    for name in (
        "File/C$/Users/u1/stray",
        "open-catalog/streams/incoming-99",
        "open-catalog/manifest.jsonl",
    ):
        (tmp_path / "USMT.incomplete" / name).write_bytes(b"half")
    resume(tmp_path)
    assert is_whole(tmp_path, whole)


def test_a_stored_file_that_is_gone_is_copied_anew(tmp_path: Path, whole: bytes) -> None:
    stop_after(tmp_path, 60)
    next((tmp_path / "USMT.incomplete/File/C$/Users/u1").iterdir()).unlink()
    resume(tmp_path)
    assert is_whole(tmp_path, whole)


def test_an_incomplete_store_is_not_begun_anew_by_mistake(tmp_path: Path) -> None:
    stop_after(tmp_path, 60)
    with pytest.raises(StoreLocationError, match="add --resume to go on with it, /o"):
        DirectoryStore(tmp_path)
    make_store(tmp_path / "other", FILES)
    with DirectoryStore(tmp_path, overwrite=True) as store:
        store_all(store, FILES, selections(FILES))
    assert sorted(each.name for each in tmp_path.iterdir()) == ["USMT", "other"]


def test_another_run_cannot_go_on_with_it(tmp_path: Path) -> None:
    stop_after(tmp_path, 60)
    before = sorted(tmp_path.rglob("*"))
    store = DirectoryStore(tmp_path, resume=True)
    with pytest.raises(StoreLocationError, match="read another image, or was given other rules"):
        store.begin("another")
    store.leave()
    assert {each for each in before if each.is_dir()} <= set(tmp_path.rglob("*"))
    resume(tmp_path)


def test_without_anything_to_go_on_with_a_run_begins(tmp_path: Path, whole: bytes) -> None:
    assert resume(tmp_path) == ALL
    assert is_whole(tmp_path, whole)


def test_a_store_aside_for_another_survives_a_stop_and_goes_at_the_end(
    tmp_path: Path, whole: bytes
) -> None:
    make_store(tmp_path, FakeFilesystem({"old": b"old"}))
    stop_after(tmp_path, 60, overwrite=True)
    assert verify_store(tmp_path, lambda _: None).objects == 1
    with pytest.raises(StoreLocationError, match="exists already"):
        DirectoryStore(tmp_path, resume=True)
    with DirectoryStore(tmp_path, overwrite=True, resume=True) as again:
        store_all(again, FILES, selections(FILES))
    assert is_whole(tmp_path, whole)


@pytest.mark.usefixtures("eager")
def test_killed_anywhere_it_is_incomplete_and_ends_the_same(tmp_path: Path, whole: bytes) -> None:
    chance = random.Random(7)
    resumed = 0
    for number in range(25):
        place = tmp_path / str(number)
        while not (place / "USMT").exists():
            _killed(place, chance.uniform(0.001, 0.25))
            resumed += (place / "USMT.incomplete").exists()
            if not (place / "USMT").exists():
                with pytest.raises(StoreError):
                    manifest_path(place)
        for left in place.glob("USMT.resume*"):  # the last it does is to remove its journal
            left.unlink()
        assert is_whole(place, whole)
    assert resumed > 10


def _killed(place: Path, after: float) -> None:
    """Go on in a process of its own, and kill it."""
    child = os.fork()
    if not child:
        try:
            resume(place)
        finally:
            os._exit(0)
    time.sleep(after)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def test_a_store_left_is_not_discarded_any_more(tmp_path: Path) -> None:
    stop_after(tmp_path, 1)
    with DirectoryStore(tmp_path, resume=True) as store:
        store.leave()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["USMT.incomplete", "USMT.resume"]
