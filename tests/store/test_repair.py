"""A catalog that is missing or damaged comes back: whole where it can, and as told where it cannot."""

from __future__ import annotations

import shutil
import sqlite3
import struct
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pyrage
import pytest

from extractor.errors import (
    CorruptStoreError,
    NoSuchStoreError,
    StoreLocationError,
    WrongKeyError,
)
from extractor.filesystems.sddl import sddl
from extractor.gather.files import FileGatherer
from extractor.gather.values import ValueGatherer
from extractor.model import Instruction, Reparse, Selected, Times
from extractor.store.catalog import open_catalog
from extractor.store.directory import DirectoryStore
from extractor.store.opened import open_store
from extractor.store.repair import repair_store
from extractor.store.repair.archive import Archive
from extractor.store.repair.result import Repair
from extractor.store.repair.shelf import BEFORE, WORK, open_shelf
from extractor.store.repair.wim import blobs_of
from extractor.store.sealed.keys import Passphrase, passphrase_keys, recipient_keys
from extractor.store.sealed.opener import open_sealed
from extractor.store.verify import verify_store
from extractor.store.wim.format import NO_HASH
from extractor.store.wim.reader import WimFile
from extractor.store.wim_store import SealedStore, WimStore
from extractor.store.writer import Writer
from extractor.testing import FakeFile, FakeFilesystem
from tests.store.build import BOB, add, selections, store_all
from tests.store.test_registry_export import key, value
from tests.store.test_wim_store import HOSTILE

WHEN = Times(*(132_000_000_000_000_000 + n for n in range(4)))
FOLDER = FakeFile(directory=True, times=WHEN)
SECURITY = struct.pack("<BBH4I", 1, 0, 0x8000, 20, 36, 0, 0) + bytes.fromhex(
    "01020000000000052000000020020000" * 2
)
"""Owner and group: the administrators."""
TARGET = "C:\\Users"
NAMES = "\\??\\C:\\Users\0".encode("utf-16-le") + "C:\\Users\0".encode("utf-16-le")
JUNCTION = struct.pack("<4H", 0, 24, 26, 16) + NAMES
"""The name that Windows follows, and the one that it shows."""
FILES = FakeFilesystem(
    {
        "Users": FOLDER,
        "Users\\bob": FOLDER,
        "Users\\bob\\empty folder": FOLDER,
        **{
            f"Users\\bob\\{n}.txt": FakeFile(b"%d" % n * n, streams={"s": b"%d" % (n % 7)}, times=WHEN)
            for n in range(80)
        },
        "Users\\bob\\Readme.txt": FakeFile(b"upper", times=WHEN, short_name="README~1.TXT"),
        "Users\\bob\\README.TXT": FakeFile(b"lower", times=WHEN, security=SECURITY, sddl=sddl(SECURITY)),
        "Users\\bob\\first": FakeFile(b"linked", times=WHEN),
        "Users\\bob\\second": FakeFile(link_to="Users\\bob\\first"),
        "Users\\bob\\empty": FakeFile(b"", times=WHEN),
        "Users\\bob\\big": FakeFile(bytes(range(256)) * 9000, times=WHEN),
        "Users\\bob\\evil\u202etxt.exe": FakeFile(b"mirrored", times=WHEN),
        "Users\\bob\\lone\ud800": FakeFile(b"lone", times=WHEN),
        "Users\\bob\\to": FakeFile(
            directory=True, reparse=Reparse(0xA0000003, JUNCTION, TARGET), times=WHEN
        ),
    }
)  # fmt: skip
REGISTRY: list[Selected] = [
    key(f"HKU\\{BOB}\\Software\\Acme"),
    value(f"HKU\\{BOB}\\Software\\Acme", "", "default"),
    value(f"HKU\\{BOB}\\Software\\Acme", 'quo"ted\\', 'text \\ "q"'),
    value(f"HKU\\{BOB}\\Software\\Acme", "blob", bytes(range(256)) * 3, 3),
    value(f"HKU\\{BOB}\\Software\\Acme", "empty", b"", 3),
    value(f"HKU\\{BOB}\\Software\\Acme", "number", b"\1\2\3\4", 4),
    value(f"HKU\\{BOB}\\Software\\Acme", "odd", b"\1\2\3", 0x20001),
    key("HKLM\\SYSTEM\\CurrentControlSet\\Control"),
    value("HKLM\\SYSTEM\\CurrentControlSet\\Control", "a", "x\ty"),
    key("HKLM\\SOFTWARE\\Vendor"),
]
INI = value("C:\\Windows\\win.ini|Section", "Key", "ini")
ORDER = Instruction("merge", "MigXmlHelper.SourcePriority()", patterns=(("File", "C:\\* [*]"),))
SECRET = Passphrase("open sesame")
DOCUMENTS = {"ProfileControl.xml": b"<Configuration/>"}
Row = dict[str, Any]


def make(writer: Callable[[Path], Writer], place: Path, *more: Selected) -> Path:
    """Write a store with all kinds of objects."""
    with writer(place) as store:
        for item in FileGatherer().gather(selections(FILES), {FILES.info.id: FILES}):
            add(store, item)
        for item in ValueGatherer().gather([*REGISTRY, *more], {}):
            add(store, item)
        store.finish({"tool": "test", "users": []}, {"stored": {"objects": 1}}, [ORDER], DOCUMENTS)
    return place


@pytest.fixture(scope="module")
def wims(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(WimStore, tmp_path_factory.mktemp("wims") / "store")


@pytest.fixture(scope="module")
def plains(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(DirectoryStore, tmp_path_factory.mktemp("plains") / "store", INI)


@pytest.fixture
def wim(wims: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(wims, tmp_path / "store"))


@pytest.fixture
def plain(plains: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(plains, tmp_path / "store"))


def papers(store: Path) -> dict[str, bytes]:
    """Return every file of ``open-catalog`` but loose streams."""
    root = store / "USMT/open-catalog"
    found = (each for each in root.rglob("*") if each.is_file() and "streams" not in each.parts)
    return {str(each.relative_to(root)): each.read_bytes() for each in found}


def paper(store: Path, name: str) -> Path:
    return store / "USMT/open-catalog" / name


def flip(path: Path, at: int | None = None) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2 if at is None else at] ^= 0x55
    path.write_bytes(content)


def damage_blob(store: Path, name: str) -> None:
    """Flip a byte of what image 2 holds under a name."""
    with WimFile.open(store / "USMT/store.wim") as wim:
        node = next(node for parts, node in wim.rows(2) if "/".join(parts) == name)
        entry = wim.blobs.find(node.sha1)
    assert entry
    flip(store / "USMT/store.wim", entry.resource.offset + entry.resource.stored // 2)


def damage_names(store: Path, image: int) -> None:
    """Flip a byte of the names of an image."""
    with WimFile.open(store / "USMT/store.wim") as wim:
        place = wim.blobs.metadata[image - 1].resource
    flip(store / "USMT/store.wim", place.offset + place.stored * 2 // 3)


def repair(store: Path) -> Repair:
    return repair_store(store, lambda _: None)


def is_intact(store: Path) -> bool:
    found = verify_store(store, lambda _: None)
    assert found.intact, found
    return found.intact


def rows(store: Path) -> dict[tuple[str, str], Row]:
    """Return what a catalog says of stored files, folders, links and their streams, by path and name."""
    found: dict[tuple[str, str], Row] = {}
    with open_store(store, identities=KEYS.session) as opened:
        for each in opened.objects("outcome = 'stored'"):
            record, metadata = each.record, each.record.metadata
            if metadata is None:  # an account
                continue
            about = {
                "kind": record.kind, "size": record.size, "sha256": record.sha256, "short": record.short_name,
                "times": (metadata.times.created, metadata.times.modified, metadata.times.accessed),
                "security": metadata.security, "links": metadata.link_count, "reparse": metadata.reparse,
                "value": record.value,
            }  # fmt: skip
            found[str(record.path), ""] = about
            for stream in each.streams:
                where = {
                    "size": stream.size,
                    "sha256": stream.sha256,
                    "stored_as": stream.stored_as,
                }
                found[str(record.path), f":{stream.name}"] = where
    return found


def share(before: dict[tuple[str, str], Row], after: dict[tuple[str, str], Row]) -> float:
    """Return how much of what a catalog said another one says, to the last fact."""
    same = [name for name, row in before.items() if after.get(name) == row]
    return len(same) / len(before)


# --- from image 2, and from each other ------------------------------------------------------------


@pytest.mark.parametrize(
    "names",
    [
        ("catalog.sqlite",),
        ("manifest.jsonl",),
        ("SHA256SUMS",),
        ("catalog.sqlite", "manifest.jsonl"),
        ("catalog.sqlite", "manifest.jsonl", "SHA256SUMS"),
        ("ProfileControl.xml", f"registry/{BOB}.dat"),
        ("",),
    ],
)
@pytest.mark.parametrize("how", ["deleted", "flipped", "emptied"])
def test_image_2_gives_back_every_paper_byte_for_byte(
    wim: Path, how: str, names: tuple[str, ...]
) -> None:
    before, blobs = papers(wim), (wim / "USMT/store.wim").read_bytes()
    for name in names:
        if not name:
            shutil.rmtree(wim / "USMT/open-catalog")
        elif how == "deleted":
            paper(wim, name).unlink()
        elif how == "flipped":
            flip(paper(wim, name))
        else:
            paper(wim, name).write_bytes(b"")
    found = repair(wim)
    assert found.exit_code == 0, found
    assert found.done
    assert papers(wim) == before
    assert (wim / "USMT/store.wim").read_bytes() == blobs
    assert is_intact(wim)
    assert not (wim / WORK).exists()


@pytest.mark.parametrize("kind", ["wim", "plain"])
def test_what_is_whole_is_not_touched(kind: str, request: pytest.FixtureRequest) -> None:
    store: Path = request.getfixturevalue(kind)
    before = {each: each.stat().st_mtime_ns for each in store.rglob("*")}
    assert repair(store).is_nothing
    assert {each: each.stat().st_mtime_ns for each in store.rglob("*")} == before


def test_what_was_damaged_stays_beside_the_store(wim: Path) -> None:
    for content in (b"first", b"second"):
        paper(wim, "catalog.sqlite").write_bytes(content)
        assert repair(wim).exit_code == 0
    aside = wim / BEFORE / "open-catalog"
    assert (aside / "catalog.sqlite").read_bytes() == b"first"
    assert (aside / "catalog.sqlite.2").read_bytes() == b"second"
    assert is_intact(wim)


@pytest.mark.parametrize(
    "lost", [("manifest.jsonl",), ("manifest.jsonl", "SHA256SUMS"), ("SHA256SUMS",)]
)
def test_a_catalog_gives_back_its_manifest_in_a_store_of_files(
    plain: Path, lost: tuple[str, ...]
) -> None:
    before = papers(plain)
    for name in lost:
        paper(plain, name).unlink()
    found = repair(plain)
    assert papers(plain) == before
    assert is_intact(plain)
    assert found.exit_code == (3 if lost == ("manifest.jsonl", "SHA256SUMS") else 0)


def test_files_of_the_registry_are_made_from_the_catalog(plain: Path) -> None:
    before = papers(plain)
    shutil.rmtree(paper(plain, "registry"))
    assert repair(plain).exit_code == 0
    assert papers(plain) == before
    assert is_intact(plain)


# --- made anew ------------------------------------------------------------------------------------


def test_a_manifest_gives_back_the_catalog_of_a_store_of_files(plain: Path) -> None:
    before, lines = rows(plain), paper(plain, "manifest.jsonl").read_bytes().splitlines()
    flip(paper(plain, "catalog.sqlite"))
    found = repair(plain)
    assert found.exit_code == 3
    assert any("instructions" in each for each in found.lost)
    assert any("win.ini" in each for each in found.lost)
    after = rows(plain)
    files = {name: row for name, row in before.items() if "win.ini" not in name[0]}
    assert after.keys() == files.keys()
    assert all(
        after[name].get("sha256") == row["sha256"] and after[name].get("value") == row.get("value")
        for name, row in files.items()
    )
    new = paper(plain, "manifest.jsonl").read_bytes().splitlines()
    changed = [one for one, two in zip(lines[1:-1], new[1:-1], strict=True) if one != two]
    assert len(changed) == 1  # the INI value
    assert b'"repaired":{"from":"manifest.jsonl"' in new[0]
    assert is_intact(plain)


@pytest.mark.parametrize("with_manifest", [True, False])
@pytest.mark.parametrize("image_2", ["blobs", "names"])
def test_with_image_2_damaged_a_catalog_is_made_anew_with_99_percent_of_its_rows(
    wim: Path, image_2: str, with_manifest: bool
) -> None:
    before = rows(wim)
    if image_2 == "blobs":
        for name in ("catalog.sqlite", "manifest.jsonl"):
            damage_blob(wim, name)
    else:
        damage_names(wim, 2)
    for name in ("catalog.sqlite", *(() if with_manifest else ("manifest.jsonl",))):
        paper(wim, name).unlink()
    found = repair(wim)
    after = rows(wim)
    assert found.exit_code == (3 if image_2 == "blobs" or found.lost else 0)
    assert share(before, after) >= 0.99
    assert is_intact(wim)
    assert repair(wim).is_nothing


def test_a_manifest_without_any_hash_proves_itself(plain: Path) -> None:
    for name in ("catalog.sqlite", "SHA256SUMS"):
        paper(plain, name).unlink()
    assert repair(plain).exit_code == 3
    assert is_intact(plain)


def test_a_catalog_that_agrees_with_the_manifest_is_kept_whatever_the_sums_say(plain: Path) -> None:
    before = papers(plain)
    flip(paper(plain, "SHA256SUMS"), 3)  # a digit of the catalog's
    found = repair(plain)
    assert found.exit_code == 3
    assert "kept" in found.lost[0]
    assert papers(plain) == before
    assert is_intact(plain)


@pytest.mark.parametrize("place", ["blob/", "blob/xyz", "blob/" + "0" * 38, "blob/" + "0" * 42])
def test_a_catalog_that_names_a_blob_as_none_is_named_is_corrupt(wim: Path, place: str) -> None:
    file = paper(wim, "catalog.sqlite")
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE streams SET stored_as = ? WHERE rowid = 1", (place,))
    with closing(open_catalog(file)) as catalog, pytest.raises(CorruptStoreError, match="no blob"):
        blobs_of(catalog)


def test_a_catalog_names_the_blobs_of_image_1(wim: Path) -> None:
    with closing(open_catalog(paper(wim, "catalog.sqlite"))) as catalog:
        found = blobs_of(catalog)
    with WimFile.open(wim / "USMT/store.wim") as file:
        assert found - {NO_HASH} < Archive(file).user_blobs()  # which has the data of links, too
    assert len(found) > 80


@pytest.mark.parametrize("kind", ["wim", "plain"])
def test_where_nothing_is_left_it_says_so_and_changes_nothing(
    kind: str, request: pytest.FixtureRequest
) -> None:
    store: Path = request.getfixturevalue(kind)
    if kind == "wim":
        damage_blob(store, "catalog.sqlite")
        damage_blob(store, "manifest.jsonl")
        damage_names(store, 1)
    for name in ("catalog.sqlite", "manifest.jsonl"):
        flip(paper(store, name))
    before = papers(store)
    with pytest.raises(CorruptStoreError, match="nothing whole is left") as caught:
        repair(store)
    assert caught.value.exit_code == 42
    assert papers(store) == before
    assert {each.name for each in store.iterdir()} == {"USMT"}


@pytest.mark.parametrize("with_manifest", [True, False])
def test_names_that_no_wim_holds_come_back_as_far_as_they_can(
    tmp_path: Path, with_manifest: bool
) -> None:
    with WimStore(tmp_path) as store:
        store_all(store, HOSTILE, selections(HOSTILE))
    before = rows(tmp_path)
    for name in ("catalog.sqlite", *(() if with_manifest else ("manifest.jsonl",))):
        damage_blob(tmp_path, name)
        paper(tmp_path, name).unlink()
    if with_manifest:
        damage_blob(tmp_path, "manifest.jsonl")
    assert repair(tmp_path).exit_code == 3
    assert is_intact(tmp_path)
    after = rows(tmp_path)
    if with_manifest:
        assert after == before
    hashes = {row["sha256"] for row in before.values()}
    assert {row["sha256"] for row in after.values()} >= hashes - {""}  # folders without any fact


# --- the WIM --------------------------------------------------------------------------------------


def test_an_image_2_that_is_damaged_is_written_anew_from_the_papers(wim: Path) -> None:
    before, blobs = papers(wim), (wim / "USMT/store.wim").read_bytes()
    damage_blob(wim, "catalog.sqlite")
    found = repair(wim)
    assert found.exit_code == 0
    assert "store.wim: written anew" in found.done[0]
    assert papers(wim) == before
    assert is_intact(wim)
    assert (wim / BEFORE / "store.wim").stat().st_size == len(blobs)


def test_names_of_image_1_come_from_the_catalog(wim: Path) -> None:
    with WimFile.open(wim / "USMT/store.wim") as file:
        before = list(file.rows(1))
    damage_names(wim, 1)
    assert repair(wim).exit_code == 0
    with WimFile.open(wim / "USMT/store.wim") as file:
        assert list(file.rows(1)) == before
    assert is_intact(wim)


def test_a_file_that_is_damaged_is_named_and_keeps_its_row(wim: Path) -> None:
    with WimFile.open(wim / "USMT/store.wim") as file:
        node = next(node for parts, node in file.rows(1) if parts[-1:] == ("big",))
        entry = file.blobs.find(node.sha1)
    assert entry
    flip(wim / "USMT/store.wim", entry.resource.offset + entry.resource.stored // 2)
    damage_blob(wim, "catalog.sqlite")
    damage_blob(wim, "manifest.jsonl")
    shutil.rmtree(wim / "USMT/open-catalog")
    found = repair(wim)
    assert found.exit_code == 3
    assert "the bytes of C:\\Users\\bob\\big" in found.lost
    with open_store(wim) as opened:
        [row] = opened.objects("outcome = 'not-stored'")
        assert (str(row.record.path), row.record.reason) == (
            "C:\\Users\\bob\\big",
            "its bytes in store.wim are damaged",
        )


def test_a_damaged_content_is_named_though_no_repair_brings_it_back(wim: Path) -> None:
    with WimFile.open(wim / "USMT/store.wim") as file:
        node = next(node for parts, node in file.rows(1) if parts[-1:] == ("big",))
        entry = file.blobs.find(node.sha1)
    assert entry
    flip(wim / "USMT/store.wim", entry.resource.offset + entry.resource.stored // 2)
    before = (wim / "USMT/store.wim").read_bytes()
    found = repair(wim)
    assert found.lost == ["the content of C:\\Users\\bob\\big: it is damaged"]
    assert (found.exit_code, found.done) == (3, [])
    assert (wim / "USMT/store.wim").read_bytes() == before


def test_a_wim_that_cannot_be_opened_is_told(wim: Path) -> None:
    flip(wim / "USMT/store.wim", 0)
    paper(wim, "manifest.jsonl").unlink()
    found = repair(wim)
    assert found.exit_code == 3
    assert found.lost[0].startswith("store.wim, which cannot be opened")
    assert paper(wim, "manifest.jsonl").exists()


def test_a_wim_that_is_missing_is_told(wim: Path) -> None:
    (wim / "USMT/store.wim").unlink()
    assert repair(wim).lost == ["store.wim, which is missing"]


@pytest.mark.parametrize("stopped", range(1, 5))
def test_a_repair_that_dies_while_it_puts_files_in_place_loses_nothing(
    wim: Path, stopped: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, calls = rows(wim), 0
    damage_blob(wim, "catalog.sqlite")
    damage_blob(wim, "manifest.jsonl")
    for name in ("catalog.sqlite", "SHA256SUMS"):
        flip(paper(wim, name))
    replace = Path.replace

    def dying(self: Path, target: Path) -> Path:
        nonlocal calls
        calls += 1
        if calls == stopped:
            raise KeyboardInterrupt
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", dying)
    with pytest.raises(KeyboardInterrupt):
        repair(wim)
    monkeypatch.undo()
    repair(wim)
    assert share(before, rows(wim)) >= 0.99
    assert is_intact(wim)


# --- the rest -------------------------------------------------------------------------------------


def test_what_is_no_store_is_27(tmp_path: Path) -> None:
    (tmp_path / "USMT").mkdir()
    for path in (tmp_path, tmp_path / "missing"):
        with pytest.raises(NoSuchStoreError):
            repair(path)


def test_two_repairs_at_once_are_refused(wim: Path) -> None:
    with open_shelf(wim), pytest.raises(StoreLocationError, match="another run"):
        repair(wim)


# --- encrypted ------------------------------------------------------------------------------------


KEYS = passphrase_keys(SECRET)
"""scrypt takes a second: what the passphrase keeps is given where the passphrase itself is not what is tried."""


@pytest.fixture(scope="module")
def seals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(partial(SealedStore, keys=KEYS), tmp_path_factory.mktemp("seals") / "store")


@pytest.fixture
def sealed(seals: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(seals, tmp_path / "store"))


def opened_papers(store: Path) -> dict[str, bytes]:
    with open_sealed(store / "USMT", identities=KEYS.session) as opener:
        return {name: opener.read(name) for name in opener.names if name != "store.wim"}


@pytest.mark.parametrize(
    ("how", "names"),
    [
        ("deleted", ("catalog.sqlite.age",)),
        ("flipped", ("manifest.jsonl.00000.age", "manifest.jsonl.00001.age")),
        ("flipped", ("catalog.sqlite.age", "SHA256SUMS.age", "sealed.sha256")),
        (
            "deleted",
            ("catalog.sqlite.age", "manifest.jsonl.00001.age", "SHA256SUMS.age", "sealed.sha256"),
        ),
    ],
)
def test_papers_of_an_encrypted_store_are_sealed_anew(
    sealed: Path, names: tuple[str, ...], how: str
) -> None:
    before = opened_papers(sealed)
    for name in names:
        if how == "deleted":
            (sealed / "USMT" / name).unlink()
        else:
            flip(sealed / "USMT" / name)
    found = repair_store(sealed, lambda _: None, passphrase=SECRET)
    assert found.exit_code == 0, found
    assert opened_papers(sealed) == before
    assert verify_store(sealed, lambda _: None, identities=KEYS.session).intact
    content = b"".join(each.read_bytes() for each in sealed.rglob("*") if each.is_file())
    assert b"Users" not in content
    assert repair_store(sealed, lambda _: None, identities=KEYS.session).is_nothing


@pytest.mark.parametrize("with_manifest", [True, False])
def test_a_catalog_of_an_encrypted_store_is_made_anew_without_image_2(
    sealed: Path, with_manifest: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = rows(sealed)
    monkeypatch.setattr(Archive, "copy", lambda _, name, __: name.startswith("none"))
    (sealed / "USMT/catalog.sqlite.age").unlink()
    if not with_manifest:
        (sealed / "USMT/manifest.jsonl.00000.age").unlink()
    found = repair_store(sealed, lambda _: None, passphrase=SECRET)
    assert found.exit_code == 3
    files = {name: row for name, row in before.items() if name[0].startswith("C:")}
    assert share(files, rows(sealed)) >= 0.99
    assert verify_store(sealed, lambda _: None, identities=KEYS.session).intact


def test_an_encrypted_store_needs_its_key(sealed: Path) -> None:
    (sealed / "USMT/catalog.sqlite.age").unlink()
    for wrong in (None, Passphrase("open sesam")):
        with pytest.raises(WrongKeyError):
            repair_store(sealed, lambda _: None, passphrase=wrong)
    flip(sealed / "USMT/parts.json.age")
    with pytest.raises(CorruptStoreError, match="nothing else knows the parts"):
        repair_store(sealed, lambda _: None, passphrase=SECRET)


def test_nothing_is_sealed_to_recipients_that_nobody_knows(tmp_path: Path) -> None:
    identity = pyrage.x25519.Identity.generate()
    keys = recipient_keys([str(identity.to_public())])
    make(partial(SealedStore, keys=keys), tmp_path)
    (tmp_path / "USMT/sealed.sha256").unlink()
    assert repair_store(tmp_path, lambda _: None, identities=(identity,)).exit_code == 0
    (tmp_path / "USMT/catalog.sqlite.age").unlink()
    with pytest.raises(CorruptStoreError, match="sealed to recipients"):
        repair_store(tmp_path, lambda _: None, identities=(identity,))
