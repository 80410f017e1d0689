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
from extractor.model import RegistryValue
from extractor.registry import open_hive
from extractor.seams import Hive
from extractor.testing import FakeStream
from tests.registry.tiny_hive import WRITTEN, Keys, tiny_hive

SAMPLE: Keys = {
    r"Microsoft\Windows NT": {"ProductName": "Windows 10 Pro", "": "default", "Build": 19045},
    "Ünïcode ключ": {"日本": ["a", "b"], "lone \ud800": b"\x01\x02"},
    "Big": {"blob": bytes(range(256)) * 200},
}


def unpacked(data: Path, name: str) -> bytes:
    return lzma.decompress((data / "hives" / f"{name}.xz").read_bytes())


def count(hive: Hive, key: str = "") -> tuple[int, int]:
    keys, values = 0, len(hive.values(key))
    for name in hive.subkeys(key):
        below = count(hive, f"{key}\\{name}" if key else name)
        keys, values = keys + 1 + below[0], values + below[1]
    return keys, values


def test_keys_and_values_are_found_whatever_the_case_of_their_names() -> None:
    hive = open_hive(tiny_hive(SAMPLE), "SOFTWARE")
    assert list(hive.subkeys()) == ["Microsoft", "Ünïcode ключ", "Big"]
    assert hive.exists(r"MICROSOFT\windows nt")
    assert not hive.exists(r"Microsoft\none")
    value = hive.value(r"microsoft\WINDOWS NT", "productname")
    assert value is not None
    assert value.text == "Windows 10 Pro"
    default = hive.value(r"Microsoft\Windows NT")
    assert default is not None
    assert default.text == "default"
    assert hive.value(r"Microsoft\Windows NT", "none") is None
    assert not hive.values("none")
    assert not hive.subkeys("none")
    assert hive.last_written("Big") == WRITTEN
    assert hive.last_written("none") == 0


def test_names_keep_unicode_and_lone_surrogates() -> None:
    hive = open_hive(tiny_hive(SAMPLE), "SOFTWARE")
    assert [value.name for value in hive.values("ünïcode КЛЮЧ")] == ["日本", "lone \ud800"]


@pytest.mark.parametrize("length", [0, 1, 2, 3, 4, 5, 8, 16344, 16345, 40_000])
@pytest.mark.parametrize("kind", [0, 1, 2, 3, 4, 5, 6, 7, 11, 16, 0x101, 0xFFFF0011])
def test_every_length_of_every_type_gives_the_bytes_that_were_stored(
    kind: int, length: int
) -> None:
    stored = RegistryValue("v", kind, bytes(index % 251 for index in range(length)))
    assert open_hive(tiny_hive({"k": {"v": stored}}), "H").value("k", "v") == stored


def test_a_stream_is_read_as_its_bytes_are() -> None:
    hive = open_hive(FakeStream(tiny_hive(SAMPLE)), "SOFTWARE")
    assert hive.exists("Big")


def test_a_hive_too_large_for_memory_is_refused() -> None:
    class Endless(FakeStream):
        @property
        def size(self) -> int:
            return 1 << 40

    with pytest.raises(UnsupportedError, match="larger than 512 MiB"):
        open_hive(Endless(b""), "SOFTWARE")


def test_a_hive_is_dirty_when_its_sequence_numbers_or_checksum_disagree() -> None:
    assert not open_hive(tiny_hive(SAMPLE), "H").dirty
    assert open_hive(tiny_hive(SAMPLE, sequences=(7, 6)), "H").dirty
    torn = bytearray(tiny_hive(SAMPLE))
    torn[0x1FC] ^= 1
    assert open_hive(bytes(torn), "H").dirty


@pytest.mark.parametrize(
    ("offset", "content", "message"),
    [
        (0, b"REGF", "not a registry hive"),
        (0x14, b"\x02", "not a primary hive"),
        (0x1C, b"\x06", "not a primary hive"),
        (0x1000, b"HBIN", "the first bin"),
        (0x1004, b"\x20", "the first bin"),
        (0x24, b"\xff\xff\xff\x7f", "damaged at its root key"),
        (0x28, b"\x00\x00\x10\x00", "cut short"),
    ],
)
def test_a_base_block_that_lies_is_refused(offset: int, content: bytes, message: str) -> None:
    broken = bytearray(tiny_hive(SAMPLE))
    broken[offset : offset + len(content)] = content
    with pytest.raises(DamagedError, match=message):
        open_hive(bytes(broken), "H")


@pytest.mark.parametrize("size", [0, 4, 512, 4096, 4100])
def test_a_file_too_short_for_a_hive_is_refused(size: int) -> None:
    with pytest.raises(DamagedError, match="not a registry hive"):
        open_hive(tiny_hive(SAMPLE)[:size], "H")


def test_a_key_that_contains_itself_is_refused() -> None:
    content = bytearray(tiny_hive({r"loop\inner": {}}))
    lists = [at for at in range(0x1000, len(content), 4) if content[at + 4 : at + 6] == b"li"]
    inner, loop, root = lists
    assert root > loop > inner
    key_of_loop = struct.unpack_from("<I", content, root + 8)[0]
    struct.pack_into("<I", content, loop + 8, key_of_loop)
    hive = open_hive(bytes(content), "H")
    with pytest.raises(DamagedError, match="contains itself"):
        hive.exists(r"loop\loop\loop")


def test_a_path_deeper_than_windows_allows_is_refused() -> None:
    hive = open_hive(tiny_hive(SAMPLE), "H")
    with pytest.raises(DamagedError, match="512 levels"):
        hive.exists("\\".join(["a"] * 600))


def test_values_that_claim_more_than_the_hive_are_refused() -> None:
    blob = RegistryValue("v", 3, b"x" * 8000)
    content = bytearray(tiny_hive({"k": {"a": blob, "b": blob, "c": blob, "d": blob}}))
    values = [at for at in range(0x1000, len(content)) if content[at : at + 2] == b"vk"]
    place = content[values[0] + 8 : values[0] + 12]
    for at in values:  # all four share one cell, and each says it is as large as the file allows
        content[at + 8 : at + 12] = place
        struct.pack_into("<I", content, at + 4, 8000)
    hive = open_hive(bytes(content), "H")
    assert [len(value.data) for value in hive.values("k")] == [8000] * 4
    struct.pack_into("<I", content, values[0] + 4, 0x7FFFFFFF)
    with pytest.raises(DamagedError, match="larger than its hive"):
        open_hive(bytes(content), "H").values("k")


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_damage_is_one_error_of_ours_and_quick(data: st.DataObject) -> None:
    content = bytearray(tiny_hive(SAMPLE)[:0x3000].ljust(0x3000, b"\0"))
    struct.pack_into("<I", content, 0x28, 0x2000)
    for _ in range(data.draw(st.integers(1, 12))):
        at = data.draw(st.integers(0x20, len(content) - 4))
        struct.pack_into("<I", content, at, data.draw(st.integers(0, 0xFFFFFFFF)))
    started = time.monotonic()
    walk_what_can_be_read(bytes(content))
    assert time.monotonic() - started < 10


def walk_what_can_be_read(content: bytes) -> int:
    """Read some of a hive, key by key; only SourceError may leave the reader."""
    try:
        hive = open_hive(content, "H")
    except SourceError:
        return 0
    waiting, read = [""], 0
    while waiting and read < 200:
        key = waiting.pop()
        read += 1
        try:
            hive.values(key)
            waiting += [f"{key}\\{name}" if key else name for name in hive.subkeys(key)][:50]
        except SourceError:
            continue
    return read


def test_a_real_hive_with_random_damage_raises_only_our_errors(data: Path) -> None:
    healthy = unpacked(data, "win7-shield/SAM")
    dice = random.Random(4)
    for _ in range(60):
        content = bytearray(healthy)
        for _ in range(200):
            struct.pack_into("<I", content, dice.randrange(0x20, 0x8000), dice.getrandbits(32))
        content[:4] = b"regf"
        walk_what_can_be_read(bytes(content))


def test_a_real_user_hive_has_the_golden_number_of_keys_and_values(data: Path) -> None:
    hive = open_hive(unpacked(data, "win10-dirty/transactions_NTUSER.DAT"), "NTUSER.DAT")
    keys, values = count(hive)
    assert (1 + keys, values) == (2590, 4119)  # the root is a key too
    assert hive.dirty


def test_a_real_machine_hive_is_read_by_path_in_a_moment(data: Path) -> None:
    content = unpacked(data, "win7-shield/SOFTWARE")
    started = time.monotonic()
    hive = open_hive(content, "SOFTWARE")
    value = hive.value(r"Microsoft\Windows NT\CurrentVersion", "ProductName")
    assert value is not None
    assert value.text == "Windows 7 Ultimate"
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("name", ["NotAHive", "SAMBadHBinHeader", "corrupted_system_hive"])
def test_damaged_real_hives_never_raise_anything_else(data: Path, name: str) -> None:
    walk_what_can_be_read(unpacked(data, f"misc/{name}"))
