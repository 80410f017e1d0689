"""tar and zip hold what the store holds, to the byte, for their own tools; what is wrong is missing and named."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from extractor.errors import CorruptStoreError, StoreError, StoreLocationError, UsageError
from extractor.events import BytesCopied, ItemDone, TotalsKnown
from extractor.filetime import UNIX_EPOCH
from extractor.model import Reparse, Times
from extractor.store.export.exporting import FORMATS, export_store, stream_store
from extractor.store.export.outcome import NOTES
from extractor.store.export.tar_archive import seconds
from extractor.store.opened import open_store
from extractor.store.wim_store import WimStore
from extractor.testing import FakeFile, FakeFilesystem, RecordingObserver
from tests.conftest import need_tool
from tests.store.build import make_store, selections, store_all
from tests.store.export.exports import (
    contents,
    export,
    flip,
    hashes,
    notes,
    own_contents,
    sha256,
    silent,
)

MOMENT = UNIX_EPOCH + 17_000_000_001_234_567
SYMLINK = 0xA000000C
DISK = {
    "Users\\bob\\a.txt": FakeFile(
        b"alpha", streams={"Zone.Identifier": b"[ZoneTransfer]"}, times=Times(*[MOMENT] * 4)
    ),
    "Users\\bob\\again.txt": FakeFile(link_to="Users\\bob\\a.txt"),
    "Users\\bob\\near": FakeFile(reparse=Reparse(SYMLINK, b"", "a.txt")),
    "Users\\bob\\up": FakeFile(reparse=Reparse(SYMLINK, b"", "..\\..\\Users\\bob")),
    "Users\\bob\\out": FakeFile(reparse=Reparse(SYMLINK, b"", "..\\..\\..\\etc\\passwd")),
    "Users\\bob\\junction": FakeFile(directory=True, reparse=Reparse(0xA0000003, b"", "C:\\Users")),
    "Users\\bob\\" + "n" * 250 + ".txt": FakeFile(b"long", streams={"s" * 90: b"of a long name"}),
    "empty": None,
}


@pytest.fixture
def store(tmp_path: Path) -> Path:
    make_store(tmp_path / "store", FakeFilesystem(DISK))
    return tmp_path / "store"


@pytest.fixture
def unpacked(tmp_path: Path) -> Path:
    (tmp_path / "unpacked").mkdir()
    return tmp_path / "unpacked"


def untar(archive: Path, to: Path) -> None:
    """Unpack with the safest filter; Debian 12's Python 3.11.2 has none."""
    with tarfile.open(archive) as tar:
        if hasattr(tarfile, "data_filter"):
            tar.extractall(to, filter="data")
        else:
            tar.extractall(to)


def test_gnu_tar_unpacks_every_byte(sample: Path, tmp_path: Path, unpacked: Path) -> None:
    need_tool("tar")
    done = export(sample, "tar", tmp_path / "x.tar")
    words = ["tar", "--warning=no-timestamp", "-xf", str(tmp_path / "x.tar"), "-C", str(unpacked)]
    ran = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    found = hashes(unpacked)
    own = own_contents(sample)
    assert {name: found.get(name) for name in own} == own
    all_found = Counter(value for name, value in found.items() if name.startswith("File/"))
    assert all_found == contents(sample)
    assert done.damaged == done.left_out == ()
    with open_store(sample) as store:
        documents = {
            f"open-catalog/{name}": each for name, each in store.header["documents"].items()
        }
    assert {name: found.get(name) for name in documents} == documents


def test_python_reads_the_same_tar_with_its_safest_filter(
    sample: Path, tmp_path: Path, unpacked: Path
) -> None:
    export(sample, "tar", tmp_path / "x.tar")
    untar(tmp_path / "x.tar", unpacked)
    own = own_contents(sample)
    found = hashes(unpacked)
    assert {name: found.get(name) for name in own} == own


def test_zip_tools_find_no_error_and_every_byte(
    sample: Path, tmp_path: Path, unpacked: Path
) -> None:
    need_tool("unzip", "7z")
    export(sample, "zip", tmp_path / "x.zip")
    subprocess.run(["unzip", "-tqq", tmp_path / "x.zip"], check=True)
    subprocess.run(["7z", "t", tmp_path / "x.zip"], check=True, stdout=subprocess.DEVNULL)
    with zipfile.ZipFile(tmp_path / "x.zip") as archive:
        names = [each for each in archive.namelist() if not each.endswith("/")]
        found = {name: sha256(archive.read(name)) for name in names}
    assert len(names) == len(set(names))
    own = own_contents(sample)
    assert {name: found.get(name) for name in own} == own
    inside = (found[name] for name in names if name.startswith(("File/", "Streams/")))
    assert Counter(inside) == contents(sample)


def test_both_hold_the_manifest_to_the_byte(store: Path, tmp_path: Path, unpacked: Path) -> None:
    manifest = (store / "USMT/open-catalog/manifest.jsonl").read_bytes()
    export(store, "tar", tmp_path / "x.tar")
    export(store, "zip", tmp_path / "x.zip")
    untar(tmp_path / "x.tar", unpacked)
    assert (unpacked / "open-catalog/manifest.jsonl").read_bytes() == manifest
    with zipfile.ZipFile(tmp_path / "x.zip") as archive:
        assert archive.read("open-catalog/manifest.jsonl") == manifest


def test_a_tar_keeps_times_hard_links_and_links_that_stay_inside(
    store: Path, tmp_path: Path, unpacked: Path
) -> None:
    done = export(store, "tar", tmp_path / "x.tar")
    with tarfile.open(tmp_path / "x.tar") as tar:
        found = {each.name: each for each in tar}
    bob = "File/C$/Users/bob"
    assert found[f"{bob}/a.txt"].pax_headers["mtime"] == "1700000000.1234567"
    assert (found[f"{bob}/again.txt"].islnk(), found[f"{bob}/again.txt"].linkname) == (
        True,
        f"{bob}/a.txt",
    )
    assert (found[f"{bob}/near"].issym(), found[f"{bob}/near"].linkname) == (True, "a.txt")
    assert found[f"{bob}/up"].linkname == "../../Users/bob"
    assert f"{bob}/out" not in found
    assert f"{bob}/junction" not in found
    assert found[f"{bob}/a.txt:Zone.Identifier"].size == 14
    assert all(len(part.encode()) <= 255 for name in found for part in name.split("/"))
    untar(tmp_path / "x.tar", unpacked)
    links = [each for each in notes(unpacked) if each.get("what") == "link"]
    assert {each["target"] for each in links} == {"..\\..\\..\\etc\\passwd", "C:\\Users"}
    assert done.links == 2
    named = {each["stream"]: each for each in notes(unpacked) if each.get("what") == "renamed"}
    assert (unpacked / named["s" * 90]["name"]).read_bytes() == b"of a long name"


def test_a_zip_keeps_times_to_the_tick(store: Path, tmp_path: Path) -> None:
    export(store, "zip", tmp_path / "x.zip")
    with zipfile.ZipFile(tmp_path / "x.zip") as archive:
        info = archive.getinfo("File/C$/Users/bob/a.txt")
    assert MOMENT.to_bytes(8, "little") * 3 in info.extra
    assert info.date_time == (2023, 11, 14, 22, 13, 20)


@pytest.mark.parametrize("form", ["tar", "zip", "bagit"])
def test_a_changed_byte_is_missing_named_and_42(
    store: Path, tmp_path: Path, unpacked: Path, form: str
) -> None:
    flip(store / "USMT/File/C$/Users/bob" / ("n" * 250 + ".txt"))
    (store / "USMT/File/C$/Users/bob/again.txt").unlink()
    flip(next(each for each in (store / "USMT/open-catalog/streams").rglob("*") if each.is_file()))
    done = export(store, form, tmp_path / "x")
    with pytest.raises(CorruptStoreError) as caught:
        done.check(store)
    assert caught.value.exit_code == 42
    if form == "tar":
        untar(tmp_path / "x", unpacked)
    elif form == "zip":
        subprocess.run(["unzip", "-tqq", tmp_path / "x"], check=True)
        with zipfile.ZipFile(tmp_path / "x") as archive:
            archive.extractall(unpacked)
    else:
        unpacked = tmp_path / "x/data"
    first, *rest = notes(unpacked)
    missing = [each for each in rest if each["what"] == "missing"]
    assert first["complete"] is False
    # a stream of both names, the long one, and the second name, unless it is a hard link
    assert len(missing) == first["missing"] == len(done.damaged) == (3 if form == "tar" else 4)
    assert all(each["name"] not in hashes(unpacked) for each in missing)
    assert "File/C$/Users/bob/a.txt" in hashes(unpacked)
    assert hashes(unpacked)["File/C$/Users/bob/a.txt"] == sha256(b"alpha")


def test_what_cannot_be_taken_back_from_a_pipe_is_said(store: Path) -> None:
    flip(store / "USMT/File/C$/Users/bob/a.txt")

    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    sink = Pipe()
    with open_store(store) as opened:
        done = stream_store(opened, "tar", sink, silent)
    assert "the wrong bytes are in the archive" in done.damaged[0]
    with tarfile.open(fileobj=io.BytesIO(sink.getvalue())) as tar:
        assert NOTES in tar.getnames()


def test_a_content_that_shrank_leaves_a_tar_readable(store: Path) -> None:
    (store / "USMT/File/C$/Users/bob/a.txt").write_bytes(b"")
    sink = io.BytesIO()
    with open_store(store) as opened:
        done = stream_store(opened, "tar", sink, silent)
    assert len(done.damaged) == 2
    with tarfile.open(fileobj=io.BytesIO(sink.getvalue())) as tar:
        assert "File/C$/Users/bob/a.txt" not in tar.getnames()


@pytest.mark.parametrize("form", FORMATS)
def test_nothing_is_overwritten_and_nothing_goes_into_the_store(
    store: Path, tmp_path: Path, form: str
) -> None:
    (tmp_path / "there").touch()
    for target in (tmp_path / "there", store / "USMT/x", tmp_path / "no/folder"):
        with pytest.raises(StoreLocationError) as caught:
            export(store, form, target)
        assert caught.value.exit_code == 27


@pytest.mark.parametrize("form", ["tar", "zip", "bagit", "csv"])
def test_an_export_that_is_stopped_leaves_nothing(store: Path, tmp_path: Path, form: str) -> None:
    def stop(event: object) -> None:
        if isinstance(event, ItemDone):
            raise KeyboardInterrupt

    (tmp_path / "out").mkdir()
    with pytest.raises(KeyboardInterrupt):
        export(store, form, tmp_path / "out/x", stop)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_compressed_store_gives_the_same_names_and_bytes(
    store: Path, tmp_path: Path, unpacked: Path
) -> None:
    disk = FakeFilesystem(DISK)
    with WimStore(tmp_path / "wim") as compressed:
        store_all(compressed, disk, selections(disk))
    found = []
    for number, each in enumerate((store, tmp_path / "wim")):
        done = export(each, "tar", tmp_path / f"{number}.tar")
        assert done.damaged == ()
        untar(tmp_path / f"{number}.tar", unpacked / str(number))
        found.append(hashes(unpacked / str(number) / "File"))
    assert found[0] == found[1]
    assert len(found[0]) == 6


def test_an_unknown_format_is_a_mistake_of_the_request(store: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no format"):
        export(store, "rar", tmp_path / "x")


def test_a_full_disk_is_72_and_leaves_nothing(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "out").mkdir()
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="No space left") as caught:
        export(store, "tar", tmp_path / "out/x")
    assert caught.value.exit_code == 72
    assert list((tmp_path / "out").iterdir()) == []


def test_the_observer_hears_what_is_copied(store: Path, tmp_path: Path) -> None:
    observer = RecordingObserver()
    with open_store(store) as opened:
        done = export_store(opened, "zip", tmp_path / "x.zip", observer)
    [totals] = observer.of(TotalsKnown)
    assert sum(event.count for event in observer.of(BytesCopied)) == totals.bytes == done.bytes
    assert len(observer.of(ItemDone)) == totals.objects == done.objects


@pytest.mark.parametrize(
    ("moment", "text"),
    [(0, "0"), (1_500_000_000, "1.5"), (-1_500_000_000, "-1.5"), (123_456_700, "0.1234567")],
)
def test_times_are_written_as_pax_has_them(moment: int, text: str) -> None:
    assert seconds(moment) == text
