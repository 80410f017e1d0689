"""Every change of a sealed store is noticed, and a wrong key is no damage."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pyrage
import pytest

from extractor.errors import CorruptStoreError, NoSuchStoreError, WrongKeyError
from extractor.store.sealed.keys import Passphrase
from extractor.store.sealed.listing import listing_text, parse_listing
from extractor.store.sealed.opener import check_sums, is_sealed, open_sealed
from tests.store.sealed.build import FILES, IDENTITY, PASSPHRASE, WIM, make_sealed, with_passphrase

SMALL = WIM[:40]
EVERY = [
    "parts.json.age",
    "sealed.sha256",
    "store.wim.00000.age",
    "store.wim.00001.age",
    "catalog.sqlite.age",
]


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_sealed(tmp_path_factory.mktemp("sealed"), part=24, head=16, wim=SMALL)


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_sealed(tmp_path_factory.mktemp("locked"), with_passphrase(), wim=SMALL)


def check(directory: Path) -> None:
    with open_sealed(directory, identities=[IDENTITY]) as opener:
        opener.check()


def refused(directory: Path, match: str | None = None) -> None:
    with pytest.raises(CorruptStoreError, match=match) as caught:
        check(directory)
    assert caught.value.exit_code == 42
    assert len(str(caught.value).splitlines()) == 1


def test_an_untouched_store_is_intact(sealed: Path) -> None:
    told: list[int] = []
    with open_sealed(sealed, identities=[IDENTITY]) as opener:
        opener.check(told.append)
    assert told == [16, 24, *map(len, FILES.values())]
    assert check_sums(sealed) == ()


@pytest.mark.parametrize("name", EVERY)
def test_every_flipped_byte_is_noticed(sealed: Path, tmp_path: Path, name: str) -> None:
    directory = shutil.copytree(sealed, tmp_path / "copy")
    content = (directory / name).read_bytes()
    for at in range(len(content)):
        (directory / name).write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        refused(directory)
    (directory / name).write_bytes(content)
    check(directory)


@pytest.mark.parametrize("name", EVERY)
def test_every_cut_is_noticed(sealed: Path, tmp_path: Path, name: str) -> None:
    directory = shutil.copytree(sealed, tmp_path / "copy")
    content = (directory / name).read_bytes()
    for length in range(len(content)):
        (directory / name).write_bytes(content[:length])
        refused(directory, name.replace(".", r"\."))
    (directory / name).write_bytes(content + b"\0")
    refused(directory)


def test_every_flipped_byte_of_the_identity_is_damage_and_no_wrong_key(
    locked: Path, tmp_path: Path
) -> None:
    directory = shutil.copytree(locked, tmp_path / "copy")
    content = (directory / "identity.age").read_bytes()
    for at in range(len(content)):
        changed = content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
        (directory / "identity.age").write_bytes(changed)
        with pytest.raises(CorruptStoreError, match=r"identity\.age: is damaged"):
            open_sealed(directory, passphrase=PASSPHRASE)


@pytest.mark.parametrize("name", EVERY)
def test_a_missing_file_is_named(sealed: Path, tmp_path: Path, name: str) -> None:
    directory = shutil.copytree(sealed, tmp_path / "copy")
    (directory / name).unlink()
    refused(directory, f"{name}: is missing")


def _swap(directory: Path) -> None:
    first, second = directory / "store.wim.00001.age", directory / "store.wim.00002.age"
    first.rename(directory / "x")
    second.rename(first)
    (directory / "x").rename(second)


def _repeat(directory: Path) -> None:
    shutil.copy(directory / "store.wim.00001.age", directory / "store.wim.00002.age")


def _append(directory: Path) -> None:
    shutil.copy(directory / "store.wim.00001.age", directory / "store.wim.00003.age")


@pytest.mark.parametrize("change", [_swap, _repeat, _append])
def test_parts_belong_to_their_place(tmp_path: Path, change: Callable[[Path], None]) -> None:
    make_sealed(tmp_path, part=24, head=16, wim=WIM[:64])
    change(tmp_path)
    refused(tmp_path)


def test_a_part_of_another_store_for_the_same_key_is_noticed(tmp_path: Path) -> None:
    ours, theirs = make_sealed(tmp_path / "a", wim=WIM), make_sealed(tmp_path / "b", wim=WIM[::-1])
    for name in ("store.wim.00001.age", "sealed.sha256"):
        before = (ours / name).read_bytes()
        shutil.copy(theirs / name, ours / name)
        refused(ours)
        (ours / name).write_bytes(before)
    shutil.copy(theirs / "store.wim.00001.age", ours)
    assert check_sums(ours) == ("store.wim.00001.age",)


def test_a_part_that_was_sealed_anew_is_not_the_one_that_belongs_here(tmp_path: Path) -> None:
    make_sealed(tmp_path, wim=SMALL)
    place = tmp_path / "store.wim.00001.age"
    size = place.stat().st_size
    while True:  # age pads its header by chance
        forged = pyrage.encrypt(b"x" * 24, [IDENTITY.to_public()])
        if len(forged) == size:
            break
    place.write_bytes(forged)
    refused(tmp_path, "is not the part that belongs here")


def test_a_part_that_holds_more_than_it_should_is_not_unpacked(tmp_path: Path) -> None:
    make_sealed(tmp_path, wim=SMALL)
    (tmp_path / "store.wim.00001.age").write_bytes(b"x" * 1000)
    refused(tmp_path, "has 1000 bytes instead of")


def test_a_link_in_place_of_a_part_is_not_followed(sealed: Path, tmp_path: Path) -> None:
    directory = shutil.copytree(sealed, tmp_path / "copy")
    part = directory / "store.wim.00001.age"
    part.unlink()
    part.symlink_to(sealed / part.name)
    refused(directory, "cannot be read")


def test_an_empty_folder_is_no_sealed_store(tmp_path: Path) -> None:
    assert not is_sealed(tmp_path)
    with pytest.raises(NoSuchStoreError):
        open_sealed(tmp_path, identities=[IDENTITY])


def test_a_wrong_passphrase_is_no_damage(locked: Path) -> None:
    with pytest.raises(WrongKeyError, match="the key does not open this store") as caught:
        open_sealed(locked, passphrase=Passphrase("wrong horse"))
    assert caught.value.exit_code == 37
    assert "wrong horse" not in f"{caught.value}{caught.value!r}{caught.value.__cause__}"


def test_no_key_is_a_wrong_key(locked: Path, sealed: Path) -> None:
    with pytest.raises(WrongKeyError, match="give its key"):
        open_sealed(locked)
    with pytest.raises(WrongKeyError, match="sealed to recipients"):
        open_sealed(sealed, passphrase=PASSPHRASE)


def test_a_wrong_identity_is_no_damage(sealed: Path, locked: Path) -> None:
    for directory in (sealed, locked):
        with pytest.raises(WrongKeyError, match="no identity that was given"):
            open_sealed(directory, identities=[pyrage.x25519.Identity.generate()])


def test_the_passphrase_opens_its_store(locked: Path) -> None:
    with open_sealed(locked, passphrase=PASSPHRASE) as opener:
        assert opener.read("store.wim") == SMALL
        with pytest.raises(CorruptStoreError, match="holds no 'b'"):
            opener.open("b")


@pytest.mark.parametrize(
    "text",
    [
        b"", b"[]", b"{}", b"[" * 100_000, b'{"format":"coldstate-sealed","version":2}',
        b'{"format":"coldstate-sealed","version":1,"passphrase":false,"files":[{"name":"../a","parts":[]}]}',
        b'{"format":"coldstate-sealed","version":1,"passphrase":false,"files":[{"name":"a","parts":[]}]}',
        b'{"format":"coldstate-sealed","version":1,"passphrase":false,"files":[{"name":"a","parts":[{"sealed":"a"}]}]}',
    ],
)  # fmt: skip
def test_a_listing_of_another_kind_is_refused(text: bytes) -> None:
    with pytest.raises(CorruptStoreError):
        parse_listing(text)


def _listing(**changes: object) -> bytes:
    part = {
        "sealed": "a.age",
        "size": 1,
        "sha256": "0" * 64,
        "sealed_size": 200,
        "sealed_sha256": "1" * 64,
    }
    files = [{"name": "a", "parts": [{**part, **changes}]}]
    return json.dumps(
        {"format": "coldstate-sealed", "version": 1, "passphrase": False, "files": files}
    ).encode()


def test_a_listing_is_read_as_it_was_written() -> None:
    listing = parse_listing(_listing())
    assert parse_listing(listing_text(listing)) == listing


@pytest.mark.parametrize(
    "change",
    [
        {"size": -1},
        {"size": 1.5},
        {"size": True},
        {"sha256": "x"},
        {"sha256": 7},
        {"sealed_size": None},
        {"sealed": "/a"},
    ],
    ids=str,
)
def test_a_forged_listing_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(CorruptStoreError):
        parse_listing(_listing(**change))
