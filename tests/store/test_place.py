"""Where a store may go, what it replaces, and what is left when it cannot be finished."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from extractor.errors import NoSuchStoreError, StoreError, StoreLocationError
from extractor.store.directory import DirectoryStore
from extractor.store.manifest import manifest_path
from extractor.store.place import ensure_room
from extractor.store.verify import verify_store
from extractor.testing import FakeFilesystem
from tests.conftest import ROOT
from tests.store.build import make_store, selections, store_all

FILES = FakeFilesystem({"Users\\a.txt": b"first"})


def names(place: Path) -> list[str]:
    return sorted(each.name for each in place.iterdir())


def test_the_store_has_its_name_only_when_it_is_complete(tmp_path: Path) -> None:
    with DirectoryStore(tmp_path) as store:
        assert names(tmp_path) == ["USMT.incomplete", "USMT.resume"]
        store_all(store, FILES, selections(FILES))
        assert names(tmp_path) == ["USMT"]
    assert names(tmp_path) == ["USMT"]


def test_a_run_that_ends_early_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), DirectoryStore(tmp_path):
        raise KeyboardInterrupt
    assert names(tmp_path) == []


def test_a_store_that_is_there_stays_without_overwrite(tmp_path: Path) -> None:
    make_store(tmp_path, FILES)
    with pytest.raises(StoreLocationError, match="exists already; add /o") as caught:
        DirectoryStore(tmp_path)
    assert caught.value.exit_code == 27
    assert verify_store(tmp_path, lambda _: None).intact


def test_overwriting_replaces_the_old_store_at_the_end(tmp_path: Path) -> None:
    make_store(tmp_path, FILES)
    other = FakeFilesystem({"Users\\b.txt": b"second"})
    with DirectoryStore(tmp_path, overwrite=True) as store:
        assert (tmp_path / "USMT/File/C$/Users/a.txt").read_bytes() == b"first"
        store_all(store, other, selections(other))
    assert names(tmp_path) == ["USMT"]
    assert names(tmp_path / "USMT/File/C$/Users") == ["b.txt"]


def test_overwriting_that_fails_keeps_the_old_store(tmp_path: Path) -> None:
    make_store(tmp_path, FILES)
    with pytest.raises(ZeroDivisionError), DirectoryStore(tmp_path, overwrite=True):
        raise ZeroDivisionError
    assert names(tmp_path) == ["USMT"]
    assert verify_store(tmp_path, lambda _: None).intact


@pytest.mark.parametrize(
    "name",
    [
        "USMT/catalog.mig",
        "USMT/MIGSTATE.DAT",
        "USMT/status.~lg",
        "USMT/usmt.mig",
        "USMT3/USMT3.MIG",
        "usmt.MIG",
    ],
)
def test_a_store_of_microsofts_is_never_touched(tmp_path: Path, name: str) -> None:
    genuine = tmp_path / name
    genuine.parent.mkdir(exist_ok=True)
    genuine.write_bytes(b"theirs")
    with pytest.raises(StoreLocationError, match="never overwritten") as caught:
        DirectoryStore(tmp_path, overwrite=True)
    assert caught.value.exit_code == 27
    assert genuine.read_bytes() == b"theirs"


@pytest.mark.parametrize("name", ["USMT", "USMT.incomplete"])
def test_a_folder_of_anybodys_is_never_touched(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "thesis.tex").write_text("years of work")
    with pytest.raises(StoreLocationError, match="no store of this program"):
        DirectoryStore(tmp_path, overwrite=True)
    assert (tmp_path / name / "thesis.tex").exists()


@pytest.mark.parametrize("name", ["USMT", "USMT.incomplete"])
def test_a_file_or_link_in_the_stores_place_is_refused(tmp_path: Path, name: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / name).symlink_to(elsewhere)
    with pytest.raises(StoreLocationError):
        DirectoryStore(tmp_path, overwrite=True)
    (tmp_path / name).unlink()
    (tmp_path / name).write_text("a file")
    with pytest.raises(StoreLocationError):
        DirectoryStore(tmp_path, overwrite=True)


def test_what_an_earlier_run_left_half_done_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "USMT.incomplete/open-catalog").mkdir(parents=True)
    (tmp_path / "USMT.incomplete/File").mkdir()
    (tmp_path / "USMT.incomplete/File/stale").write_text("x")
    make_store(tmp_path, FILES)
    assert verify_store(tmp_path, lambda _: None).intact


def test_two_runs_cannot_write_one_store(tmp_path: Path) -> None:
    with DirectoryStore(tmp_path), pytest.raises(StoreLocationError, match="another run"):
        DirectoryStore(tmp_path)


def test_a_store_set_aside_by_a_run_that_died_comes_back(tmp_path: Path) -> None:
    make_store(tmp_path, FILES)
    (tmp_path / "USMT").rename(tmp_path / "USMT.replaced")
    with pytest.raises(StoreLocationError, match="exists already"):
        DirectoryStore(tmp_path)
    assert verify_store(tmp_path, lambda _: None).intact


def test_a_file_in_the_place_of_the_folder_is_27(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreLocationError, match="is a file"):
        DirectoryStore(tmp_path / "file")
    with pytest.raises(StoreLocationError, match="Not a directory"):
        DirectoryStore(tmp_path / "file" / "below")


def test_a_place_that_cannot_be_written_is_27() -> None:
    with pytest.raises(StoreLocationError, match="no store can be made here") as caught:
        DirectoryStore(Path("/proc/coldstate"))
    assert caught.value.exit_code == 27


def test_too_little_room_is_told_before_anything_is_copied(tmp_path: Path) -> None:
    ensure_room(tmp_path / "not" / "there" / "yet", 1)
    with pytest.raises(StoreError, match=r"needs 1024\.0 TiB and .* are free") as caught:
        ensure_room(tmp_path, 1 << 50)
    assert caught.value.exit_code == 72


def test_a_full_disk_is_one_sentence_and_no_store(small_disk: Path) -> None:
    big = FakeFilesystem({"a": b"1", "big.bin": bytes(range(256)) * 8192})
    with pytest.raises(StoreError, match=r"disk.*No space left on device \(.*free\)") as caught:
        make_store(small_disk, big)
    assert caught.value.exit_code == 72
    assert names(small_disk) == []


def test_a_full_disk_under_the_catalog_is_the_same(small_disk: Path) -> None:
    many = FakeFilesystem({f"d\\{n:05}" + "x" * 100: None for n in range(3000)})
    with pytest.raises(StoreError, match=r"disk.*(full|No space)") as caught:
        make_store(small_disk, many)
    assert caught.value.exit_code == 72
    assert names(small_disk) == []


def test_a_read_only_place_is_27(small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with pytest.raises(StoreLocationError, match="Read-only file system"):
        DirectoryStore(small_disk)


def test_a_limit_on_the_size_of_files_is_a_sentence(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    big = FakeFilesystem({"big.bin": bytes(2 << 20)})
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, before[1]))
        with pytest.raises(StoreError, match="File too large"):
            make_store(tmp_path, big)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, old)
    assert names(tmp_path) == []


KILLED = """
import sys
from pathlib import Path
from extractor.testing import FakeFilesystem
from tests.store.build import make_store
files = FakeFilesystem({f"Users\\\\u{n % 50}\\\\{n}": bytes(2000) for n in range(4000)})
print("ready", flush=True)
make_store(Path(sys.argv[1]), files)
"""


def test_a_run_killed_anywhere_leaves_no_store_and_the_next_one_works(tmp_path: Path) -> None:
    for delay in (0.02, 0.1, 0.2, 0.3):
        place = tmp_path / str(delay)
        child = subprocess.Popen(
            [sys.executable, "-c", KILLED, place], cwd=ROOT, stdout=subprocess.PIPE
        )
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        time.sleep(delay)
        child.kill()
        child.wait()
        child.stdout.close()
        assert not (place / "USMT").exists()
        if place.exists():
            with pytest.raises(NoSuchStoreError):
                manifest_path(place)
        with DirectoryStore(place, overwrite=True) as store:
            store_all(store, FILES, selections(FILES))
        assert names(place) == ["USMT"]
        assert verify_store(place, lambda _: None).intact
