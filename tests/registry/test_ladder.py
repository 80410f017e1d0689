from __future__ import annotations

import lzma
import random
import struct
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractor.errors import DamagedError, SourceError, UnsupportedError
from extractor.registry import HiveFiles, open_hive_files
from extractor.registry.base_block import FIRST_BIN
from extractor.seams import Hive
from extractor.testing import FakeStream
from tests.registry.damage import keys_of, named, parented, without, without_page
from tests.registry.tiny_hive import Keys, tiny_hive

NOW: Keys = {
    r"Microsoft\Windows": {"v": "now", "w": 1},
    r"Microsoft\Office": {"v": "bought"},
    "Small": {"one": 1, "two": b"second value" * 9},
}
THEN: Keys = {
    r"Microsoft\Windows": {"v": "then", "w": 1},
    r"Microsoft\Gone": {"v": "removed"},
    "Small": {"one": 0, "two": b"second value" * 9, "three": 3},
}
LIVE = parented(tiny_hive(NOW))
KEYS = keys_of(LIVE)
ROOTLESS = without(LIVE, KEYS[""].place)
BACKUP = tiny_hive(THEN)


def opened(content: bytes, backup: bytes | None = None) -> Hive:
    copy = None if backup is None else ("RegBack\\H", lambda: backup)
    return open_hive_files(HiveFiles("H", lambda: content, backup=copy))


def found(hive: Hive, key: str, name: str) -> tuple[str, str]:
    value = hive.value(key, name)
    assert value is not None
    return value.text, value.provenance


def test_a_whole_hive_is_read_as_it_is() -> None:
    hive = opened(LIVE, BACKUP)
    assert found(hive, r"Microsoft\Windows", "v") == ("now", "live")
    assert not hive.exists(r"Microsoft\Gone")
    assert not hive.notes
    assert hive.damage("Microsoft") == ""


# --- nothing leads into the hive any more ---------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        ROOTLESS,
        LIVE[:0x1000] + b"HBIN" + LIVE[0x1004:],
        b"damaged",
        b"",
        bytes(512) + LIVE[512:],
    ],
)
def test_a_hive_without_a_root_is_read_from_its_copy_in_regback(content: bytes) -> None:
    hive = opened(content, BACKUP)
    assert found(hive, r"Microsoft\Windows", "v") == ("then", "regback")
    assert "RegBack" in hive.damage("")
    assert {note.level for note in hive.notes} == {"warning"}
    assert hive.dirty


def test_without_a_copy_its_cells_are_read() -> None:
    hive = opened(ROOTLESS)
    assert found(hive, r"Microsoft\Windows", "v") == ("now", "salvaged")
    assert sorted(hive.subkeys()) == ["Microsoft", "Small"]
    assert [value.provenance for value in hive.values("Small")] == ["salvaged"] * 2
    assert hive.last_written("Small") > 0
    assert "cells that are left" in hive.damage("")
    assert hive.value("Small", "none") is None
    assert hive.value("none", "none") is None
    assert not hive.exists("none")


def test_what_the_copy_does_not_have_is_read_from_the_cells() -> None:
    hive = opened(ROOTLESS, BACKUP)
    assert found(hive, r"Microsoft\Office", "v") == ("bought", "salvaged")
    assert sorted(hive.subkeys("Microsoft")) == ["Gone", "Office", "Windows"]


@pytest.mark.parametrize("backup", [b"", b"damaged", None])
def test_a_copy_that_is_none_is_passed_over(backup: bytes | None) -> None:
    assert found(opened(ROOTLESS, backup), r"Microsoft\Windows", "v") == ("now", "salvaged")
    with pytest.raises(DamagedError, match="not a registry hive"):
        opened(b"damaged", backup)


def test_a_hive_that_the_medium_does_not_give_is_read_from_its_copy() -> None:
    def bad() -> FakeStream:
        raise DamagedError("bad sector 17")

    files = HiveFiles("H", bad, backup=("RegBack\\H", lambda: BACKUP))
    assert found(open_hive_files(files), r"Microsoft\Windows", "v") == ("then", "regback")
    with pytest.raises(DamagedError, match="bad sector 17"):
        open_hive_files(HiveFiles("H", bad))


def test_a_log_that_the_medium_does_not_give_is_said() -> None:
    def bad() -> FakeStream:
        raise DamagedError("bad sector 17")

    dirty = tiny_hive(NOW, sequences=(9, 8))
    hive = open_hive_files(HiveFiles("H", lambda: dirty, (("H.LOG1", bad),)))
    assert "H.LOG1 cannot be read: bad sector 17" in [note.message for note in hive.notes]


def test_a_hive_too_large_for_memory_is_refused() -> None:
    class Endless(FakeStream):
        @property
        def size(self) -> int:
            return 1 << 40

    with pytest.raises(UnsupportedError, match="larger than 512 MiB"):
        open_hive_files(HiveFiles("H", lambda: Endless(b"")))


# --- a whole hive that is damaged in one place ----------------------------------------------------

TOP = KEYS["Microsoft"]
TORN_LIST = without(LIVE, TOP.subkey_list)


def test_where_a_list_is_lost_the_cells_of_today_go_before_the_copy() -> None:
    hive = opened(TORN_LIST, BACKUP)
    assert found(hive, r"Microsoft\Windows", "v") == ("now", "salvaged")
    assert found(hive, r"Microsoft\Gone", "v") == ("removed", "regback")
    assert sorted(hive.subkeys("Microsoft")) == ["Gone", "Office", "Windows"]
    assert found(hive, "Small", "one")[1] == "live"


def test_the_key_that_is_not_whole_is_known_and_those_below_are_not_to_blame() -> None:
    hive = opened(TORN_LIST)
    assert hive.subkeys("Microsoft")
    assert "the hive is damaged at Microsoft" in hive.damage("Microsoft")
    assert hive.values(r"Microsoft\Office")
    assert not hive.subkeys(r"Microsoft\Office")
    assert hive.damage(r"Microsoft\Office") == ""
    assert hive.damage("Small") == ""
    assert [note.level for note in hive.notes] == ["warning"]


def test_what_no_copy_has_is_an_error_as_it_was() -> None:
    with pytest.raises(DamagedError, match="damaged"):
        opened(TORN_LIST).exists(r"Microsoft\Never there")


def test_a_value_that_is_lost_is_said_and_its_neighbours_are_had() -> None:
    at = LIVE.index(b"second value") - 4 - FIRST_BIN
    hive = opened(without(LIVE, at))
    assert [(value.name, value.provenance) for value in hive.values("Small")] == [
        ("one", "salvaged")
    ]
    assert "damaged at Small" in hive.damage("Small")
    with pytest.raises(DamagedError, match="Small"):
        hive.value("Small", "two")
    both = opened(without(LIVE, at), BACKUP)
    assert both.value("Small", "two") is not None


def test_a_lost_list_of_values_is_a_loss_and_not_an_empty_key() -> None:
    hive = opened(without(LIVE, KEYS["Small"].value_list))
    assert not hive.values("Small")
    assert "damaged at Small" in hive.damage("Small")


@pytest.mark.parametrize("number", range(3))
def test_of_a_dead_hive_every_lost_value_is_counted(number: int) -> None:
    """Page by page: what is not read is said of the key itself or of the key above it."""
    many: Keys = {
        f"K{index}": {"a": b"x" * 100, "b": f"{index}", "c": b"y" * 50} for index in range(40)
    }
    whole = parented(tiny_hive(many))
    hive = opened(without(without_page(whole, number), 0))
    for name in hive.subkeys():
        read = len(hive.values(name))
        assert read == 3 or hive.damage(name)


def test_two_keys_of_one_name_are_not_read_twice() -> None:
    content = bytearray(tiny_hive({"AA": {"v": 1}, "AB": {"w": 2}}))
    at = FIRST_BIN + keys_of(bytes(content))["AB"].place + 4 + 0x4C
    content[at : at + 2] = b"aa"
    hive = opened(bytes(content))
    assert list(hive.subkeys()) == ["AA"]
    assert "two of its subkeys are called aa" in hive.damage("")


def test_a_key_in_two_lists_is_refused_or_a_walk_would_have_no_end() -> None:
    content = bytearray(tiny_hive({r"A\B": {}, r"C\D": {}}))
    keys = keys_of(bytes(content))
    at = FIRST_BIN + keys["C"].subkey_list + 4 + 4
    struct.pack_into("<I", content, at, keys[r"A\B"].place)
    hive = opened(bytes(content))
    assert hive.subkeys("A")
    with pytest.raises(DamagedError, match="lies in two keys"):
        hive.subkeys("C")


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_damage_is_one_error_of_ours_and_ends(data: st.DataObject) -> None:
    content = bytearray(LIVE)
    for _ in range(data.draw(st.integers(1, 12))):
        at = data.draw(st.integers(0, len(content) - 4))
        struct.pack_into("<I", content, at, data.draw(st.integers(0, 0xFFFFFFFF)))
    backup = data.draw(st.sampled_from([None, BACKUP, bytes(content)]))
    try:
        hive = opened(bytes(content), backup)
    except SourceError:
        return
    assert walked(hive) < 2000


def test_a_long_torn_list_is_not_read_anew_for_each_key_in_it() -> None:
    content = parented(tiny_hive({f"Key {number}": {"v": number} for number in range(3000)}))
    at = FIRST_BIN + keys_of(content)[""].subkey_list + 4 + 4 * 3000  # its last element
    hive = opened(content[:at] + b"\xf0\xff\xff\x7f" + content[at + 4 :])
    started = time.process_time()
    assert walked(hive) == 3001
    assert time.process_time() - started < 5


# --- real hives -----------------------------------------------------------------------------------


def test_a_real_user_hive_without_its_first_page_keeps_nearly_all(data: Path) -> None:
    packed = data / "hives" / "win7-shield" / "NTUSER-vibranium.DAT.xz"
    content = lzma.decompress(packed.read_bytes())
    whole, torn = opened(content), opened(without_page(content, 0))
    kept, lost, waiting = 0, 0, [""]
    while waiting:
        key = waiting.pop()
        there = torn.values(key)
        for value in whole.values(key):
            kept, lost = (kept + 1, lost) if value in there else (kept, lost + 1)
        waiting += [f"{key}\\{name}" if key else name for name in whole.subkeys(key)]
    assert kept > 15 * lost
    assert lost
    assert torn.damage("")


def test_a_real_machine_hive_without_its_first_page_still_knows_its_users(data: Path) -> None:
    packed = data / "hives" / "win7-shield" / "SOFTWARE.xz"
    hive = opened(without_page(lzma.decompress(packed.read_bytes()), 0))
    profiles = r"Microsoft\Windows NT\CurrentVersion\ProfileList"
    people = [name for name in hive.subkeys(profiles) if name.startswith("S-1-5-21-")]
    assert len(people) >= 2
    for sid in people:
        text, origin = found(hive, f"{profiles}\\{sid}", "ProfileImagePath")
        assert text.lower().startswith("c:\\users\\")
        assert origin == "salvaged"


def test_a_real_hive_with_random_damage_ends_and_raises_only_our_errors(data: Path) -> None:
    packed = data / "hives" / "win7-shield" / "SAM.xz"
    whole = lzma.decompress(packed.read_bytes())
    dice = random.Random(7)
    for _ in range(40):
        content = bytearray(whole[:0x6000])
        for _ in range(dice.choice([3, 30, 300])):
            at = dice.randrange(0, len(content) - 4)
            struct.pack_into("<I", content, at, dice.choice([0, 0x20, dice.getrandbits(32)]))
        try:
            hive = opened(bytes(content))
        except SourceError:
            continue
        met = walked(hive)
        assert met < 4000


def walked(hive: Hive) -> int:
    """Ask everything of every key; return how many there were."""
    waiting, met = [""], 0
    while waiting and met < 5000:
        key = waiting.pop()
        met += 1
        try:
            for value in hive.values(key):
                hive.value(key, value.name)
            hive.damage(key)
            waiting += [f"{key}\\{name}" if key else name for name in named(hive.subkeys(key))]
        except SourceError:
            continue
    return met
