"""BitLocker volumes open with every kind of key, and stay shut with any other.

The small ones are made here (``tiny_bitlocker``); those that Windows made are in the shared material.
"""

from __future__ import annotations

import configparser
import hashlib
import threading
from functools import cache
from pathlib import Path
from random import Random
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractor.errors import DamagedError, ImageError
from extractor.images import open_image
from extractor.model import BadRange, Encryption
from extractor.seams import Volume
from extractor.testing import FakeImage
from extractor.volumes import UnlockedVolume, fve, locked, unlock_rest, useless_keys, volumes
from extractor.volumes.bitlocker import auto_unlock_keys
from extractor.volumes.dissect_fve import DissectReader
from extractor.volumes.keys import (
    Key,
    KeyKind,
    parse_keys,
    password,
    read_key_file,
    recovery_password,
)
from sample_images import unpack
from tests.volumes import tiny_bitlocker as tiny
from tests.volumes.test_tables import disk, mbr

SERIAL = "5EED0004BAD00004"


@cache
def plain() -> bytes:
    """An NTFS volume of 16 MiB."""
    with open_image(unpack("hostile")) as image:
        return image.read_at(1 << 20, 16 << 20)


@cache
def many() -> bytes:
    """It, with a protector of each kind."""
    second = tiny.recovery("second", tiny.SECOND)
    automatic = tiny.startup("automatic", tiny.AUTOMATIC)
    return tiny.build(
        plain(), tiny.tpm(), tiny.password(), tiny.recovery(), second, tiny.startup(), automatic,
        tiny.auto_unlock(),
    )  # fmt: skip


def only(content: bytes, *keys: Key) -> Volume:
    (volume,) = volumes([FakeImage(content)], keys)
    return volume


def typed(text: str | bytes) -> Key:
    (key,) = parse_keys(text if isinstance(text, bytes) else text.encode(), "key.txt")
    return key


KEYS: dict[str, str | bytes] = {
    "password": tiny.PASSWORD,
    "recovery password": tiny.RECOVERY,
    "second recovery password": tiny.SECOND,
    "startup key": tiny.bek(),
    "volume encryption key": f"fvek:{tiny.FVEK.hex()}",
}


OPENED_BY = {
    "password": f"password {tiny.IDS['password']}",
    "recovery password": f"recovery password {tiny.IDS['recovery']}",
    "second recovery password": f"recovery password {tiny.IDS['second']}",
    "startup key": f"startup key {tiny.IDS['startup']}",
    "volume encryption key": "volume encryption key",
}


@pytest.mark.parametrize("name", KEYS)
def test_every_kind_of_key_opens_the_volume_inside(name: str) -> None:
    volume = only(many(), typed(KEYS[name]))
    assert isinstance(volume, UnlockedVolume)
    assert (volume.info.filesystem, volume.info.id) == ("ntfs", SERIAL)
    assert volume.read_at(0, len(plain())) == plain()
    assert volume.info.encryption is not None
    assert volume.info.encryption.unlocked
    assert volume.info.encryption.opened_by == OPENED_BY[name]
    volume.close()


def test_reads_that_begin_inside_a_sector_are_right_too() -> None:
    volume = only(many(), typed(tiny.PASSWORD))
    random = Random(4)
    for _ in range(200):
        offset, length = random.randrange(16 << 20), random.randrange(1, 20_000)
        assert (
            volume.read_at(offset, length)[: len(plain()) - offset]
            == plain()[offset : offset + length]
        )


def test_dissect_reads_the_same_bytes() -> None:
    reader = DissectReader(FakeImage(many()), 0x8004, tiny.FVEK)
    assert reader.read(0, len(plain())) == plain()
    assert reader.read(12345, 6789) == plain()[12345 : 12345 + 6789]


def test_two_foreign_readers_open_what_is_made_here_by_its_password(tmp_path: Path) -> None:
    pybde = pytest.importorskip("pybde")
    path = tmp_path / "volume"
    path.write_bytes(many())
    handle = pybde.volume()
    handle.set_password(tiny.PASSWORD)
    handle.open(str(path))
    assert not handle.is_locked()
    assert handle.read_buffer_at_offset(1 << 20, 0) == plain()[: 1 << 20]
    handle.close()
    from dissect.fve.bde import BDE

    with path.open("rb") as file:
        opened = BDE(file).unlock_with_recovery_password(tiny.SECOND).open()
        assert opened.read(4096) == plain()[:4096]


def test_a_suspended_volume_opens_without_any_key() -> None:
    volume = only(tiny.build(plain(), tiny.clear(), tiny.recovery()))
    assert volume.read_at(0, 1 << 16) == plain()[: 1 << 16]
    assert volume.info.encryption is not None
    assert volume.info.encryption.opened_by == f"clear key {tiny.IDS['clear']}"


WRONG: dict[str, str | bytes] = {
    "password": "not " + tiny.PASSWORD,
    "recovery password": "-".join(["000011"] * 8),
    "startup key of another volume": tiny.bek(name="tpm"),
    "startup key with another key": tiny.bek(bytes(32)),
    "volume encryption key": "fvek:" + "00" * 32,
    "volume encryption key of another size": "fvek:" + "00" * 16,
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_key_opens_nothing_and_is_known_to_be_useless(name: str) -> None:
    key = typed(WRONG[name])
    volume = only(many(), key)
    assert volume.info.filesystem == "bitlocker"
    assert useless_keys([volume], [key]) == [key]
    assert locked([volume]) == [volume.info]


def test_a_locked_volume_is_named_with_its_protectors_and_the_id_to_look_up() -> None:
    info = only(many()).info
    ids = tiny.IDS
    names = (
        "TPM",
        "password",
        "recovery password",
        "recovery password",
        "startup key",
        "startup key",
    )
    order = ("tpm", "password", "recovery", "second", "startup", "automatic")
    wanted = tuple(f"{name} {ids[each]}" for name, each in zip(names, order, strict=True))
    assert info.encryption == Encryption("bitlocker", protectors=wanted)
    assert f"key ID {str(ids['recovery']).upper()}" in info.note
    assert "TPM (works only in its own computer)" in info.note
    assert "--bitlocker-key" in info.note


def test_a_key_of_a_list_is_tried_only_where_it_is_for() -> None:
    elsewhere = password(tiny.PASSWORD, "list", str(tiny.IDS["recovery"]), required=False)
    assert only(many(), elsewhere).info.filesystem == "bitlocker"
    for identifier in (str(tiny.IDS["password"]), str(tiny.VOLUME), ""):
        assert only(many(), password(tiny.PASSWORD, "list", identifier)).info.id == SERIAL


def test_a_system_volume_gives_the_keys_of_the_volumes_it_unlocks_automatically() -> None:
    system = only(many(), typed(tiny.PASSWORD))
    assert isinstance(system, UnlockedVolume)
    inner, vmk = hashlib.sha256(b"of the data volume").digest(), bytes(range(50, 82))
    data = tiny.build(
        plain(), tiny.startup("automatic", inner, vmk), vmk=vmk, fvek=bytes(range(9, 41))
    )
    entries = [b"", b"rubbish", tiny.registry_entry(inner), tiny.registry_entry(inner)[:60]]
    (key,) = auto_unlock_keys(system.unlocked, entries, "the registry")
    locked_one = only(data)
    again = unlock_rest([system, locked_one], [key])
    assert again[0] is system
    assert (again[1].info.filesystem, again[1].info.id) == ("ntfs", f"{SERIAL}-2")
    assert again[1].read_at(0, len(plain())) == plain()


def test_a_volume_opened_by_its_bare_key_unlocks_no_others() -> None:
    system = only(many(), typed(KEYS["volume encryption key"]))
    assert isinstance(system, UnlockedVolume)
    assert auto_unlock_keys(system.unlocked, [tiny.registry_entry(bytes(32))], "registry") == []


def test_a_bad_copy_of_the_metadata_is_passed_over() -> None:
    content = bytearray(tiny.build(plain(), tiny.clear()))
    content[16 << 20 : (16 << 20) + 200] = bytes(200)
    content[(16 << 20) + tiny.BLOCK + 70] ^= 1
    assert only(bytes(content)).info.id == SERIAL
    image = FakeImage(bytes(content), bad=[BadRange(16 << 20, 4096, "bad sector")])
    assert volumes([image])[0].info.id == SERIAL


def test_bad_sectors_below_are_bad_in_the_volume_and_spare_their_neighbours() -> None:
    content = tiny.build(plain(), tiny.clear())
    image = FakeImage(content, bad=[BadRange(5 << 20, 512, "bad sector 10240")])
    (volume,) = volumes([image])
    with pytest.raises(DamagedError, match="bad sector 10240"):
        volume.read_at((5 << 20) - 100, 1000)
    assert volume.read_at((5 << 20) - 512, 512) == plain()[(5 << 20) - 512 : 5 << 20]
    after = (5 << 20) + 512
    assert volume.read_at(after, 1 << 20) == plain()[after : after + (1 << 20)]


def test_several_threads_read_one_volume() -> None:
    volume = only(tiny.build(plain(), tiny.clear()))
    wrong: list[int] = []

    def read(start: int) -> None:
        offsets = range(start, 12 << 20, 777_777)
        wrong.extend(
            at for at in offsets if volume.read_at(at, 30_000) != plain()[at : at + 30_000]
        )

    threads = [threading.Thread(target=read, args=(number * 1000,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_volume_whose_map_of_encrypted_parts_is_missing_is_refused_and_not_guessed() -> None:
    content = bytearray(tiny.build(plain(), tiny.clear()))
    content[160:176] = fve.ENCRYPT_ON_WRITE
    info = only(bytes(content)).info
    assert info.filesystem == "bitlocker"
    assert "the key is right, but the map" in info.note


def test_a_partly_encrypted_volume_is_read_on_both_sides_of_its_watermark() -> None:
    content = tiny.build(plain(), tiny.clear(), watermark=6 << 20)
    volume = only(content)
    assert isinstance(volume, UnlockedVolume)
    assert isinstance(volume.unlocked.reader, DissectReader)
    assert volume.read_at(0, len(plain())) == plain()
    assert content[8192 : 6 << 20] != plain()[8192 : 6 << 20]
    assert content[6 << 20 : 16 << 20] == plain()[6 << 20 :]


def test_what_the_partition_table_says_is_said_of_an_opened_volume_too() -> None:
    content = small()
    sectors = len(content) // 512
    image = disk(2 << 20, (0, mbr((7, 8, sectors), (7, sectors, 8))), (8, content))
    opened, _ = volumes([image])
    assert isinstance(opened, UnlockedVolume)
    assert opened.info.note == ""
    image = disk(len(content), (0, mbr((7, 8, sectors))), (8, content[:-4096]))
    assert "the disk ends after" in volumes([image])[0].info.note
    assert "locked" not in volumes([image])[0].info.note


def test_a_method_that_is_not_known_is_named() -> None:
    content = bytearray(tiny.build(plain(), tiny.clear()))
    for copy in range(3):
        place = (16 << 20) + copy * tiny.BLOCK + 64 + 36
        content[place : place + 2] = b"\x99\x80"
    assert "0x8099" in only(bytes(content)).info.note


def test_a_volume_that_is_being_encrypted_is_read_by_its_map() -> None:
    chunks = "1101001110001011" * 16
    content = tiny.build(plain(), tiny.clear(), chunks=chunks)
    volume = only(content)
    assert isinstance(volume, UnlockedVolume)
    assert isinstance(volume.unlocked.reader, DissectReader)
    assert volume.read_at(0, len(plain())) == plain()
    random = Random(5)
    for _ in range(300):
        offset, length = random.randrange(16 << 20), random.randrange(1, 300_000)
        wanted = plain()[offset : offset + length]
        assert volume.read_at(offset, length)[: len(wanted)] == wanted
    assert content[131072:196608] == plain()[131072:196608]
    assert content[65536:131072] != plain()[65536:131072]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 499), st.integers(0, 255), st.booleans())
def test_hostile_metadata_give_a_volume_or_a_note(place: int, value: int, boot: bool) -> None:
    content = bytearray(small())
    for copy in range(3):
        content[place if boot else (1 << 20) + copy * tiny.BLOCK + place] = value
    try:
        found = volumes([FakeImage(bytes(content))])
    except ImageError:
        return
    for volume in found:
        try:
            volume.read_at(0, 10_000)
        except DamagedError:
            continue


@cache
def small() -> bytes:
    return tiny.build(plain()[: 1 << 20], tiny.clear())


# --- made by Windows ------------------------------------------------------------------------------

PASSWORD_AND_RECOVERY = (
    "aes-cbc-128", "aes-cbc-256", "aes-cbc-128-4k", "aes-xts-128", "aes-xts-256", "aes-xts-128-4k",
    "aes-cbc-elephant-128", "aes-cbc-elephant-256", "togo:aes-cbc-128", "togo:aes-xts-128", "aes-xts-128-new-entry",
    "aes-xts-128-two-recovery", "aes-xts-128-first-recovery", "aes-xts-128-unicode", "aes-xts-128-crc",
)  # fmt: skip
CASES = [
    *((name, kind) for name in PASSWORD_AND_RECOVERY for kind in ("PW", "RP")),
    ("aes-xts-128-two-recovery", "RP2"),
    ("aes-xts-128-smart-card", "RP"),
    ("aes-xts-128-startup-key", "SK_VMK_GUID"),
    ("aes-xts-128-startup-key", "RP"),
    ("aes-xts-128-startup-key-win11", "SK_VMK_GUID"),
    ("aes-xts-128-startup-key-win11", "RP"),
    ("aes-xts-128-clearkey-only", "CLEARKEY_VMK_GUID"),
]
WHOLE = dict(reversed(CASES))
"""With one kind of key the whole volume is read, with the others its beginning: they lead to the same FVEK."""


def image_name(name: str) -> str:
    return f"bitlk-{name.replace(':', '-')}"


@pytest.fixture(scope="module")
def conf(windows_made: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(windows_made / "images.conf", "utf-8")
    return parser


def key_of(folder: Path, entry: configparser.SectionProxy, kind: str) -> list[Key]:
    text = entry[kind]
    if kind == "PW":
        return [password(text, "images.conf")]
    if kind == "SK_VMK_GUID":
        return read_key_file(folder / f"{text.upper()}.BEK")
    return [recovery_password(text, "images.conf")] if kind in ("RP", "RP2") else []


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_a_volume_of_windows_gives_the_plain_text_that_cryptsetup_gives(
    name: str, kind: str, windows_made: Path, conf: configparser.ConfigParser
) -> None:
    entry = conf[image_name(name)]
    keys = key_of(windows_made, entry, kind)
    with open_image(windows_made / f"{image_name(name)}.img") as image:
        (volume,) = volumes([image], keys)
        assert isinstance(volume, UnlockedVolume)
        assert volume.info.id == entry["UUID"].replace("-", "")
        identifier = UUID(entry[kind if kind.endswith("GUID") else f"{kind}_VMK_GUID"])
        assert volume.unlocked.opened_by.endswith(str(identifier))
        assert volume.read_at(510, 2) == b"\x55\xaa"
        assert WHOLE[name] != kind or digest(volume) == entry["SHA256SUM"]
        volume.close()


def digest(volume: Volume) -> str:
    found = hashlib.sha256()
    for offset in range(0, volume.size, 1 << 20):
        found.update(volume.read_at(offset, 1 << 20))
    return found.hexdigest()


@pytest.mark.parametrize("name", ["aes-xts-128-eow", "partially-encrypted-aes-cbc-128"])
def test_a_volume_of_windows_that_lost_its_map_of_encrypted_parts_is_refused(
    name: str, windows_made: Path, conf: configparser.ConfigParser
) -> None:
    """These two are headers only: cryptsetup's authors kept neither the maps nor the content."""
    keys = key_of(windows_made, conf[f"bitlk-{name}"], "PW")
    with open_image(windows_made / f"bitlk-{name}.img") as image:
        (volume,) = volumes([image], keys)
    assert "the map of what is encrypted already is missing" in volume.info.note
    assert useless_keys([volume], keys) == []


def test_a_volume_with_a_smart_card_is_named_and_opens_with_no_password(windows_made: Path) -> None:
    with open_image(windows_made / "bitlk-aes-xts-128-smart-card.img") as image:
        (volume,) = volumes([image], [password("anaconda", "x")])
    assert volume.info.encryption is not None
    kinds = {each.rpartition(" ")[0] for each in volume.info.encryption.protectors}
    assert "recovery password" in kinds
    assert KeyKind.PASSWORD not in kinds
