"""Shadow copies: those of a volume that Windows made, and of volumes made here (``tiny_vss``), whole and hostile."""

from __future__ import annotations

import lzma
import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractor.errors import DamagedError, ImageError, UsageError
from extractor.filesystems import open_filesystem, walk
from extractor.filesystems.tsk import TskFilesystem
from extractor.model import BadRange
from extractor.seams import Filesystem, Volume
from extractor.testing import FakeImage
from extractor.volumes import volumes
from extractor.volumes.shadows import (
    Shadow,
    ShadowVolume,
    Wanted,
    parse_wanted,
    shadows_of,
    wanted_shadows,
)
from sample_images import unpack
from tests.volumes import tiny_vss
from tests.volumes.tiny_vss import BLOCK, HEADER, MADE, MINUTE, catalog_of, identifier


@cache
def windows_made(data: Path) -> bytes:
    return lzma.decompress((data / "images" / "vss" / "vss.raw.xz").read_bytes())


def only(content: bytes, *bad: BadRange) -> Volume:
    (volume,) = volumes([FakeImage(content, bad=bad)])
    return volume


@contextmanager
def shadow(volume: Volume, number: int) -> Iterator[ShadowVolume]:
    opened = ShadowVolume(volume, shadows_of(volume)[number - 1])
    yield opened
    opened.close()


def changed(content: bytes, seed: int, count: int) -> bytes:
    random, copy = Random(seed), bytearray(content)
    for _ in range(count):
        copy[random.randrange(1 << 20, len(copy))] ^= 0x5A
    return bytes(copy)


@cache
def versions() -> tuple[bytes, bytes, bytes]:
    """What the volume of ``hostile`` was, and was, and is; the second change touches more than a block list holds."""
    oldest = unpack("hostile").read_bytes()[1 << 20 : 17 << 20]
    older = changed(oldest, 1, 3000)
    return oldest, older, changed(older, 2, 40)


@cache
def made() -> bytes:
    oldest, older, now = versions()
    return tiny_vss.build(now, oldest, older)


# --- what Windows made ----------------------------------------------------------------------------


def test_the_copies_that_windows_made_are_listed_the_oldest_first(data: Path) -> None:
    first, second = shadows_of(only(windows_made(data)))
    assert first == Shadow(
        1, 2, 132643644032230304,
        "2c6c6cc8-2b97-41da-a030-4add838ae8f6", "6c5c9cd2-ea46-4c70-a4a8-568fdabd27c1",
        "de81cc22-aa8b-11eb-9339-8cdcd4557abc",
    )  # fmt: skip
    assert (second.number, second.created) == (2, 132643644882249863)
    assert str(second) == "shadow copy 2 of 2"


def top(filesystem: Filesystem) -> set[str]:
    return {each.name for each in filesystem.children(filesystem.root)}


def test_each_copy_holds_the_files_that_there_were_then(data: Path) -> None:
    volume = only(windows_made(data))
    always = {"a_directory", "a_link", "passwords.txt", "System Volume Information"}
    assert top(open_filesystem(volume)) == always | {"vss1", "vss2"}
    for number, since in ((1, set[str]()), (2, {"vss1"})):
        with shadow(volume, number) as past:
            filesystem = open_filesystem(past)
            assert top(filesystem) == always | since
            assert filesystem.damage == ()


@pytest.mark.parametrize("number", [1, 2])
def test_another_library_finds_the_same_files_with_the_same_bytes(data: Path, number: int) -> None:
    pyvshadow, pyfsntfs = pytest.importorskip("pyvshadow"), pytest.importorskip("pyfsntfs")
    path = data / "images" / "vss" / "vss.raw.xz"
    volume = only(windows_made(data))
    with lzma.open(path) as file, shadow(volume, number) as past:
        file.get_size = lambda: volume.size  # type: ignore[attr-defined]
        theirs = pyvshadow.volume()
        theirs.open_file_object(file)
        other = pyfsntfs.volume()
        other.open_file_object(theirs.get_store(number - 1))
        ours = open_filesystem(past)
        compared = 0
        for entry in walk(ours, ours.root):
            found = other.get_file_entry_by_path("\\" + "\\".join(ours.path(entry)))
            assert found is not None
            if not entry.directory and found.size:
                whole = ours.open(entry)
                assert whole.read_at(0, whole.size) == found.read_buffer(found.size)
                compared += 1
        assert compared > 4


@pytest.mark.parametrize("number", [1, 2])
def test_the_sleuth_kit_agrees_on_each_copy(data: Path, number: int) -> None:
    with shadow(only(windows_made(data)), number) as past:
        assert everything(open_filesystem(past)) == everything(TskFilesystem(past))


def everything(filesystem: Filesystem) -> dict[tuple[str, ...], bytes]:
    """Return the content of each file, and what each directory is called."""
    found = {}
    for entry in walk(filesystem, filesystem.root):
        stream = None if entry.directory else filesystem.open(entry)
        found[filesystem.path(entry)] = stream.read_at(0, stream.size) if stream else b"directory"
    filesystem.close()
    return found


# --- what was made here ---------------------------------------------------------------------------


@pytest.mark.parametrize("number", [1, 2])
def test_every_byte_of_a_copy_is_as_it_was(number: int) -> None:
    was = bytearray(versions()[number - 1])
    was[HEADER : HEADER + 128] = made()[HEADER : HEADER + 128]
    with shadow(only(made()), number) as past:
        assert past.read_at(0, len(was)) == was
        random = Random(number)
        for _ in range(300):
            offset, length = random.randrange(len(was)), random.randrange(1, 50_000)
            assert past.read_at(offset, length) == was[offset : offset + length]
        assert past.read_at(past.size, 10) == b""
        with pytest.raises(DamagedError):
            past.read_at(-1, 10)


def test_threads_do_not_disturb_each_other() -> None:
    oldest, places = versions()[0], range(1 << 20, 15 << 20, 77_777)
    with shadow(only(made()), 1) as past, ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda offset: past.read_at(offset, 30_000), list(places) * 3))
    assert found == [oldest[offset : offset + 30_000] for offset in places] * 3


def test_a_copy_keeps_the_identity_of_its_volume_and_says_of_when_it_is() -> None:
    volume = only(made())
    with shadow(volume, 2) as past:
        assert past.info.id == volume.info.id
        assert past.info.note == "read as it was at 2021-05-01 17:41:03 UTC: shadow copy 2 of 2"
    assert volume.info.note == ""


def test_what_is_listed_are_the_identifiers_that_windows_shows() -> None:
    first, second = shadows_of(only(made()))
    assert [each.copy for each in (first, second)] == [str(identifier("copy", n)) for n in (1, 2)]
    assert [each.copy_set for each in (first, second)] == [
        str(identifier("set", n)) for n in (1, 2)
    ]
    assert second.store == str(identifier("store", 2))
    assert second.created - first.created == MINUTE
    assert first.created == MADE


def test_a_volume_without_any_has_none() -> None:
    assert shadows_of(only(versions()[0])) == ()
    none_left = bytearray(made())
    none_left[HEADER + 48 : HEADER + 56] = bytes(8)  # no catalog: protection was switched off
    assert shadows_of(only(bytes(none_left))) == ()


def test_a_volume_whose_boot_sector_is_lost_has_its_copies_still() -> None:
    oldest, _, now = versions()
    volume_of = tiny_vss.build(now, oldest)
    # The partition ends where its copy of the boot sector lies.
    whole = bytearray(volume_of + now[-512:])
    whole[:512] = bytes(512)
    volume = only(bytes(whole))
    assert "boot sector is damaged" in volume.info.note
    with shadow(volume, 1) as past:
        assert past.read_at(1 << 20, 1 << 20) == oldest[1 << 20 : 2 << 20]
        assert past.info.note.startswith("read as it was at")
        assert "boot sector is damaged" in past.info.note


def list_of(number: int) -> int:
    """Return where the first block list of a copy lies."""
    place = catalog_of(made()) + 128 + (number - 1) * 256 + 128 + 8
    return int(struct.unpack_from("<Q", made(), place)[0])


def test_a_bad_sector_costs_the_bytes_that_lie_in_it_and_is_named() -> None:
    oldest = versions()[0]
    old, kept = struct.unpack_from("<Q8xQ", made(), list_of(1) + 128)
    with shadow(only(made(), BadRange(kept + 512, 512, "bad sector")), 1) as past:
        with pytest.raises(DamagedError, match=f"bad sector at byte {kept + 512}"):
            past.read_at(old, BLOCK)
        assert past.read_at(old, 512) == oldest[old : old + 512]
        assert past.read_at(old + BLOCK, BLOCK) == oldest[old + BLOCK : old + 2 * BLOCK]


def test_an_unreadable_header_is_one_sentence() -> None:
    with pytest.raises(ImageError, match="cannot be listed: bad sector"):
        shadows_of(only(made(), BadRange(HEADER, 512, "bad sector")))


@pytest.mark.parametrize(
    ("place", "value"), [(32, 1 << 40), (40, 1 << 40), (128 + 8, 1 << 50)], ids=str
)
def test_a_catalog_that_makes_no_sense_is_one_sentence_or_does_no_harm(
    place: int, value: int
) -> None:
    whole = bytearray(made())
    struct.pack_into("<Q", whole, catalog_of(made()) + place, value)
    volume = only(bytes(whole))
    try:
        found = shadows_of(volume)
    except ImageError as error:
        assert "shadow copies of volume" in str(error)  # noqa: PT017
        assert "\n" not in str(error)  # noqa: PT017
        return
    with shadow(volume, found[0].number) as past:
        assert past.size <= volume.size


def test_a_catalog_that_leads_back_to_itself_is_one_sentence() -> None:
    whole, catalog = bytearray(made()), catalog_of(made())
    struct.pack_into("<Q", whole, catalog + 40, catalog)
    with pytest.raises(ImageError, match="cannot be read: libvshadow"):
        shadows_of(only(bytes(whole)))


def test_a_damaged_list_of_blocks_ends_the_opening_with_one_sentence() -> None:
    whole = bytearray(made())
    whole[list_of(2) : list_of(2) + BLOCK] = bytes(BLOCK)
    volume = only(bytes(whole))
    with pytest.raises(ImageError, match=r"shadow copy 2 of 2 of volume \w+ cannot be read"):
        ShadowVolume(volume, shadows_of(volume)[1])


def test_lists_of_blocks_that_run_in_a_circle_end() -> None:
    whole, first = bytearray(made()), list_of(1)
    (second,) = struct.unpack_from("<Q", whole, first + 40)
    assert second > first, "the older copy has two lists"
    struct.pack_into("<Q", whole, second + 40, first)
    volume = only(bytes(whole))
    try:
        ShadowVolume(volume, shadows_of(volume)[0]).close()
    except ImageError as error:
        assert "cannot be read" in str(error)  # noqa: PT017


def test_a_copy_whose_blocks_are_on_another_volume_is_refused() -> None:
    elsewhere = bytearray(made())
    catalog = catalog_of(made())
    elsewhere[catalog + 256 : catalog + 384] = bytes(128)  # nothing says where its parts lie
    volume = only(bytes(elsewhere))
    first, second = shadows_of(volume)
    assert (first.whole, second.whole) == (False, True)
    with pytest.raises(ImageError, match="kept on another volume"):
        ShadowVolume(volume, first)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["header", "catalog", "list"]),
            st.integers(0, 700),
            st.binary(min_size=1, max_size=9),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_any_bytes_there_raise_nothing_but_our_errors(edits: list[tuple[str, int, bytes]]) -> None:
    whole = bytearray(made())
    starts = {"header": HEADER, "catalog": catalog_of(made()), "list": list_of(2)}
    for where, offset, data in edits:
        whole[starts[where] + offset : starts[where] + offset + len(data)] = data
    volume = only(bytes(whole))
    try:
        for each in shadows_of(volume):
            past = ShadowVolume(volume, each)
            assert past.size <= volume.size
            past.read_at(1 << 20, 1 << 20)
            past.close()
    except (ImageError, DamagedError) as error:
        assert str(error)  # noqa: PT017


# --- which one is meant ---------------------------------------------------------------------------


def shadows(count: int) -> list[Shadow]:
    return [Shadow(number, count, MADE, "", "", "") for number in range(1, count + 1)]


LISTED = {"AAAA": shadows(2), "BBBB": shadows(5)}


@pytest.mark.parametrize(
    ("words", "listed", "windows", "meant"),
    [
        (["2"], {"AAAA": shadows(2)}, [], {"AAAA": 2}),
        (["1"], {"AAAA": shadows(2)}, ["OTHER"], {"AAAA": 1}),
        (["1"], LISTED, ["BBBB"], {"BBBB": 1}),
        (["1"], LISTED, ["BBBB", "OTHER"], {"BBBB": 1}),
        (["AAAA:2"], LISTED, ["BBBB"], {"AAAA": 2}),
        (["aaaa:2", "BBBB:5"], LISTED, [], {"AAAA": 2, "BBBB": 5}),
        ([], LISTED, [], {}),
    ],
)
def test_a_number_means_the_one_volume_that_has_copies_or_of_several_the_one_with_windows(
    words: list[str], listed: dict[str, list[Shadow]], windows: list[str], meant: dict[str, int]
) -> None:
    found = wanted_shadows([parse_wanted(word) for word in words], listed, windows)
    assert {volume: each.number for volume, each in found.items()} == meant


@pytest.mark.parametrize(
    ("words", "listed", "windows", "told"),
    [
        (["3"], {"AAAA": shadows(2)}, [], "--shadow 3: volume AAAA has 2 shadow copies"),
        (["2"], {"AAAA": shadows(1)}, [], "volume AAAA has only one shadow copy"),
        (["1"], {}, ["AAAA"], "no volume that can be read here has shadow copies"),
        (["1"], LISTED, [], "2 volumes .*; say --shadow AAAA:1 or --shadow BBBB:1"),
        (["1"], LISTED, ["AAAA", "BBBB"], "2 volumes .*; say --shadow AAAA:1"),
        (["CCCC:1"], LISTED, [], "volume CCCC has no shadow copies; volumes that have: AAAA, BBBB"),
        (["CCCC:1"], {}, [], "volume CCCC has no shadow copies$"),
        (["AAAA:1", "AAAA:2"], LISTED, [], "only as it was at one time"),
    ],
)
def test_what_is_not_there_or_not_clear_is_one_sentence(
    words: list[str], listed: dict[str, list[Shadow]], windows: list[str], told: str
) -> None:
    with pytest.raises(UsageError, match=told):
        wanted_shadows([parse_wanted(word) for word in words], listed, windows)


@pytest.mark.parametrize(
    "text", ["", "0", "-1", "x", "A:", "A:0", "A:B:1", "1:", "٣", "99999", "1 "]
)
def test_words_that_ask_for_nothing_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="takes N or VOLUME:N"):
        parse_wanted(text)


def test_what_is_wanted_is_shown_as_it_was_asked_for() -> None:
    assert str(Wanted(2)) == "--shadow 2"
    assert str(parse_wanted("AAAA:2")) == "--shadow AAAA:2"
