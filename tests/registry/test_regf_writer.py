"""A hive that we write is the same tree for every reader, and is laid out as Windows lays one out."""

# The readers have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import hashlib
import io
import lzma
import os
import random
import struct
import time
import tracemalloc
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from extractor.errors import UnsupportedError
from extractor.model import RegistryValue
from extractor.registry import open_hive
from extractor.registry.base_block import checksum
from extractor.registry.casing import name_order, registry_upcase
from extractor.registry.descriptor import MACHINE, is_sid, of_user, sid_bytes
from extractor.registry.key import LINK, LINK_VALUE, Key
from extractor.registry.records import LARGEST_CELL_VALUE
from extractor.registry.regf_records import hash_of
from extractor.registry.regf_writer import why_not_value, write_hive
from tests.registry import readers
from tests.registry.readers import EXACT, OWN_WAY, Hivex, Picture, hive_keys

HIVES = Path(os.environ.get("COLDSTATE_DATA", "../shared/data")) / "hives"
FOR_ALL: tuple[str, ...] = (
    "misc/BCD",
    "misc/SECURITY",
    "misc/SAM-win10-turbinia",
    "misc/NTUSER1.DAT",
    "win7-shield/SAM",
)
LARGER = ("win7-shield/NTUSER-vibranium.DAT", "win10-dirty/UsrClass.dat")
"""For the readers in C only: the others are slow."""
EVERY = "COLDSTATE_EVERY_HIVE"
"""Set in the environment, it has all hives of the collection read by all five (use ``--timeout=0``: half an hour)."""
DAMAGED = ("NotAHive", "corrupted_system_hive")
"""What has no whole tree to write again."""
if os.environ.get(EVERY):
    found = (
        each
        for each in sorted(HIVES.glob("*/*.xz"))
        if "LOG" not in each.stem.upper().rpartition(".")[2] and each.stem not in DAMAGED
    )
    FOR_ALL = tuple(f"{each.parent.name}/{each.stem}" for each in found)
NON_ASCII = ("Ünïcode", "Straße", "ÿþ", "名前", "Привет мир", "ελληνικά", "ﬁn", "İstanbul")
WRITTEN = 132_000_000_000_000_000


def written(place: Path, keys: Iterable[Key], **more: Any) -> Path:
    with place.open("wb") as file:
        size = write_hive(file, keys, **more)
    assert place.stat().st_size == size
    return place


def unpacked(name: str, place: Path) -> Path:
    packed = HIVES / f"{name}.xz"
    if not packed.is_file():
        pytest.skip(f"no {packed}")
    place.write_bytes(lzma.decompress(packed.read_bytes()))
    return place


def rewritten(source: Path, place: Path) -> Path:
    return written(place, hive_keys(open_hive(source.read_bytes(), source.name)))


def text(value: str) -> bytes:
    return (value + "\0").encode("utf-16-le", "surrogatepass")


# --- every reader sees the same ----------------------------------------------------------------------


@pytest.mark.parametrize("name", FOR_ALL)
def test_a_real_hive_rewritten_is_the_same_tree_for_five_readers(name: str, tmp_path: Path) -> None:
    source = unpacked(name, tmp_path / "source")
    ours = rewritten(source, tmp_path / "ours")
    picture = readers.by_us(source)
    assert readers.by_us(ours) == picture
    assert readers.times(ours) == readers.times(source)
    for reader, look in EXACT.items():
        assert look(ours) == picture, reader
    for reader, look in OWN_WAY.items():
        told = look(ours)
        assert len(told) == len(picture), reader
        if "BadHBin" not in name:  # libregf does not open that one as it came
            assert kept(told, picture) == kept(look(source), picture), reader


def kept(told: Picture, exact: Picture) -> Picture:
    """Leave out values of four bytes and fewer, which regipy and python-registry look for in another place."""
    return {
        path: {
            name: value for name, value in values.items() if length(exact.get(path, {}), name) > 4
        }
        for path, values in told.items()
    }


def length(values: dict[str, Any], name: str) -> int:
    _, data = values.get("" if name == "(default)" else name, (0, b""))
    return len(data)


@pytest.mark.parametrize("name", LARGER)
def test_a_large_real_hive_rewritten_is_the_same_tree(name: str, tmp_path: Path) -> None:
    source = unpacked(name, tmp_path / "source")
    ours = rewritten(source, tmp_path / "ours")
    picture = readers.by_us(source)
    assert readers.by_us(ours) == picture
    assert readers.by_hivex(ours) == picture
    assert readers.by_libregf(ours) == readers.by_libregf(source)
    assert ours.stat().st_size <= source.stat().st_size


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Names of all kinds, a list of 1,200 subkeys, and values up to 2 MB."""
    big = random.Random(2).randbytes(2_000_000)
    keys = [Key((), (RegistryValue("", 1, text("root")),), WRITTEN)]
    for number, name in enumerate(NON_ASCII):
        keys.append(Key((name,), (RegistryValue(name, 1, text(name)),), WRITTEN + number))
        keys.append(Key((name, name.lower()), (RegistryValue("n", 4, bytes([number, 0, 0, 0])),)))
    keys.extend(Key(("Many", f"k{number:04}")) for number in range(1200))
    sizes = (0, 1, 4, 5, LARGEST_CELL_VALUE, LARGEST_CELL_VALUE + 1, 2 * LARGEST_CELL_VALUE, 40_001)
    values = [RegistryValue(f"b{size}", 3, big[:size]) for size in (*sizes, 2_000_000)]
    keys.append(Key(("Values",), values))
    return written(tmp_path_factory.mktemp("hive") / "hostile", keys)


def test_keys_with_other_alphabets_are_found_by_path_by_every_reader(hostile: Path) -> None:
    import pyregf  # type: ignore[import-not-found]
    from dissect.regf import RegistryHive
    from regipy.registry import RegistryHive as Regipy
    from Registry import Registry

    ours = open_hive(hostile.read_bytes(), "x")
    hivex = Hivex(hostile)
    with hostile.open("rb") as file:
        dissect, other = RegistryHive(file), pyregf.file()
        other.open_file_object(file)
        python_registry, regipy = Registry.Registry(str(hostile)), Regipy(str(hostile))
        for number, name in enumerate(NON_ASCII):
            path = f"{name}\\{name.lower()}"
            assert ours.value(path, "n") == RegistryValue("n", 4, bytes([number, 0, 0, 0]))
            assert python_registry.open(path).value("n").value() == number
            if not is_one_byte(name):  # regipy reads those as ASCII
                assert regipy.get_key(f"\\{path}").get_value("n") == number
            assert (
                other.get_key_by_path(f"\\{path}").get_value_by_name("n").data_as_integer == number
            )
            assert hivex.data(one(hivex, path)) == (4, bytes([number, 0, 0, 0]))
            if len(name.upper()) == len(name):  # dissect.regf hashes the SS of ß
                key: Any = dissect.open(path)
                assert key.value("n").value == number
        other.close()
    hivex.close()


def is_one_byte(name: str) -> bool:
    return all(ord(character) < 0x100 for character in name)


def one(hivex: Hivex, path: str) -> int:
    node = hivex.root
    for name in path.split("\\"):
        node = hivex.child(node, name)
        assert node, name
    (value,) = hivex.numbers("hivex_node_values", node)
    return value


def test_values_of_two_megabytes_and_long_lists_are_exact_for_every_reader(hostile: Path) -> None:
    picture = readers.by_us(hostile)
    assert len(picture["Values",]["b2000000"][1]) == 2_000_000
    assert len([path for path in picture if path[0:1] == ("Many",)]) == 1201
    for reader, look in EXACT.items():
        assert look(hostile) == picture, reader
    for reader, look in OWN_WAY.items():
        told = look(hostile)
        assert len(told) == len(picture), reader
        assert told["Values",]["b2000000"][1] == picture["Values",]["b2000000"][1], reader


def test_fifty_thousand_keys_take_at_most_a_second_for_ten_thousand(tmp_path: Path) -> None:
    value = (
        RegistryValue("Name", 1, text("a value of some length")),
        RegistryValue("n", 4, bytes(4)),
    )
    keys = [Key((f"Branch{n // 500:03}", f"Key {n:05}"), value, WRITTEN) for n in range(50_000)]
    start = time.process_time()
    ours = written(tmp_path / "many", keys)
    assert time.process_time() - start < 5
    assert sum(len(path) == 2 for path in readers.by_libregf(ours)) == 50_000


# --- as Windows lays it out --------------------------------------------------------------------------


def test_names_are_in_upper_case_as_in_the_table_of_windows() -> None:
    table = [ord(registry_upcase(chr(unit))) for unit in range(0x10000)]
    digest = hashlib.sha256(
        struct.pack("<65536H", *table)
    ).hexdigest()  # of $UpCase of three volumes
    assert digest == "41c26bc7a12bdaeb26025c93118697c7e3ef81ee048b00fe5cce2a472e0e0742"
    assert (
        registry_upcase("\U00010428x") == "\U00010428X"
    )  # what lies beyond the plane has no case here
    assert name_order("\ud800a") == b"\xd8\0\0A"


@pytest.mark.parametrize("name", ["misc/SYSTEM_WIN_10_1709"])
def test_our_hashes_and_order_are_those_of_hives_that_windows_wrote(
    name: str, tmp_path: Path
) -> None:
    content = unpacked(name, tmp_path / "source").read_bytes()
    lists = list(hash_leaves(content))
    assert sum(map(len, lists)) > 20_000
    for leaf in lists:
        names = [key_name(content, offset) for offset, _ in leaf]
        assert [hash_of(name) for name in names] == [hashed for _, hashed in leaf]
        assert sorted(names, key=name_order) == names


def hash_leaves(content: bytes) -> Iterable[list[tuple[int, int]]]:
    """Yield the lists that keys of the tree point to."""
    todo = [struct.unpack_from("<I", content, 0x24)[0]]
    while todo:
        at = 0x1004 + todo.pop()
        count, _, where = struct.unpack_from("<3I", content, at + 0x14)
        tops = [where] if count else []
        while tops:
            start = 0x1004 + tops.pop()
            kind, length = (
                content[start : start + 2],
                struct.unpack_from("<H", content, start + 2)[0],
            )
            if kind == b"ri":
                tops.extend(struct.unpack_from(f"<{length}I", content, start + 4))
                continue
            step = 4 if kind == b"li" else 8
            cells = [
                struct.unpack_from("<I", content, start + 4 + step * n)[0] for n in range(length)
            ]
            todo.extend(cells)
            if kind == b"lh":
                hashes = [
                    struct.unpack_from("<I", content, start + 8 + 8 * n)[0] for n in range(length)
                ]
                yield list(zip(cells, hashes, strict=True))


def key_name(content: bytes, offset: int) -> str:
    at = 0x1004 + offset
    flags, size = (
        struct.unpack_from("<H", content, at + 2)[0],
        struct.unpack_from("<H", content, at + 72)[0],
    )
    raw = content[at + 76 : at + 76 + size]
    return raw.decode("latin-1") if flags & 0x20 else raw.decode("utf-16-le", "surrogatepass")


def test_every_byte_belongs_to_a_bin_and_every_bin_is_filled_with_cells(hostile: Path) -> None:
    content = hostile.read_bytes()
    numbers = struct.unpack_from("<4s2IQ7I", content)
    assert numbers[:3] == (b"regf", 1, 1)
    assert numbers[4:8] == (1, 5, 0, 1)
    assert numbers[3] == WRITTEN + len(NON_ASCII) - 1
    assert struct.unpack_from("<I", content, 508)[0] == checksum(content)
    at = 0x1000
    while at < len(content):
        signature, offset, size = struct.unpack_from("<4s2I", content, at)
        assert (signature, offset, size % 0x1000) == (b"hbin", at - 0x1000, 0)
        cell, end = at + 32, at + size
        while cell < end:
            length = abs(struct.unpack_from("<i", content, cell)[0])
            assert length >= 8
            assert length % 8 == 0
            cell += length
        assert cell == end
        at = end
    assert at == len(content) == 0x1000 + numbers[9]


def test_lists_are_split_below_an_index_and_sorted(hostile: Path) -> None:
    content = hostile.read_bytes()
    many = [leaf for leaf in hash_leaves(content) if key_name(content, leaf[0][0]).startswith("k")]
    assert sorted(map(len, many)) == [186, 507, 507]
    for leaf in hash_leaves(content):
        names = [key_name(content, offset) for offset, _ in leaf]
        assert sorted(names, key=name_order) == names
        assert [hash_of(name) for name in names] == [hashed for _, hashed in leaf]


def test_equal_descriptors_share_a_cell_and_know_how_many_keys_use_it(tmp_path: Path) -> None:
    bob = of_user("S-1-5-21-1-2-3-1001")
    keys = [Key(()), Key(("a",), security=bob), Key(("a", "inherits")), Key(("b",))]
    content = written(tmp_path / "hive", keys).read_bytes()
    start = content.index(b"nk")
    first = struct.unpack_from("<I", content, start + 44)[0]
    found, at = {}, first
    while True:
        signature, after, before, count, size = struct.unpack_from("<2s2x4I", content, 0x1004 + at)
        assert signature == b"sk"
        assert struct.unpack_from("<I", content, 0x1004 + after + 8)[0] == at
        assert struct.unpack_from("<I", content, 0x1004 + before + 4)[0] == at
        found[content[0x1018 + at : 0x1018 + at + size]] = count
        if after == first:
            break
        at = after
    assert found == {MACHINE: 2, bob: 2}


def test_class_names_links_and_longest_names_are_told(tmp_path: Path) -> None:
    import pyregf

    link = RegistryValue(LINK_VALUE, LINK, "\\Registry\\Machine".encode("utf-16-le"))
    keys = [
        Key(("Lsa",)),
        Key(("Lsa", "Jd"), (link,), class_name="3c9b0f7d"),
        Key(("Lsa", "名前名前")),
    ]
    place = written(tmp_path / "hive", keys)
    with place.open("rb") as source:
        file = pyregf.file()
        file.open_file_object(source)
        assert file.get_key_by_path("\\Lsa\\Jd").class_name == "3c9b0f7d"
        file.close()
    content = place.read_bytes()
    (leaf,) = [leaf for leaf in hash_leaves(content) if key_name(content, leaf[0][0]) == "Jd"]
    at = 0x1004 + leaf[0][0]
    assert struct.unpack_from("<H", content, at + 2)[0] == 0x30
    assert struct.unpack_from("<4I", content, at + 52) == (
        0,
        0,
        2 * len(LINK_VALUE),
        len(link.data),
    )
    lsa = 0x1004 + struct.unpack_from("<I", content, at + 16)[0]
    assert struct.unpack_from("<2I", content, lsa + 52) == (8, 16)


def test_the_same_keys_give_the_same_bytes_and_missing_parents_are_made(tmp_path: Path) -> None:
    keys = [
        Key(("a", "b", "c"), (RegistryValue("v", 1, text("x")),), 5),
        Key(("a", "d")),
        Key(("e", "f")),
    ]
    one, two = io.BytesIO(), io.BytesIO()
    write_hive(one, iter(keys))
    write_hive(two, keys)
    assert one.getvalue() == two.getvalue()
    paths = [key.path for key in hive_keys(open_hive(one.getvalue(), "x"))]
    assert paths == [(), ("a",), ("a", "b"), ("a", "b", "c"), ("a", "d"), ("e",), ("e", "f")]


def test_no_keys_make_a_hive_with_a_root(tmp_path: Path) -> None:
    place = written(tmp_path / "hive", [])
    for look in EXACT.values():
        assert look(place) == {(): {}}


def test_lone_surrogates_are_kept(tmp_path: Path) -> None:
    keys = [Key(("k\ud800",), (RegistryValue("v\udc00", 1, text("\ud800")),))]
    hive = open_hive(written(tmp_path / "hive", keys).read_bytes(), "x")
    assert hive.value("k\ud800", "v\udc00") == RegistryValue("v\udc00", 1, text("\ud800"))


def test_values_are_asked_for_one_at_a_time(tmp_path: Path) -> None:
    def values() -> Iterable[RegistryValue]:
        for number in range(40):
            yield RegistryValue(str(number), 3, bytes(1 << 20))

    tracemalloc.start()
    written(tmp_path / "hive", [Key((), values())])
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 6 << 20


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        (("a" * 256,), "longer than 255"),
        (("",), "is empty"),
        (("a\\b",), "holds a backslash"),
        (("x",) * 513, "deeper than the 512"),
    ],
)
def test_what_no_hive_holds_is_refused(path: tuple[str, ...], reason: str) -> None:
    with pytest.raises(UnsupportedError, match=reason):
        write_hive(io.BytesIO(), [Key(path)])
    with pytest.raises(UnsupportedError, match="16383 units"):
        write_hive(io.BytesIO(), [Key((), (RegistryValue("n" * 16384, 1, b""),))])
    assert not why_not_value(RegistryValue("n" * 16383, 1, b""))


def test_a_root_that_comes_again_is_refused() -> None:
    with pytest.raises(ValueError, match="does not come first"):
        write_hive(io.BytesIO(), [Key(()), Key(("a",)), Key(())])


def test_sids_are_bytes() -> None:
    assert sid_bytes("S-1-5-32-544") == bytes.fromhex("01020000000000052000000020020000")
    assert is_sid("s-1-5-21-1-2-3-1001")
    assert not any(map(is_sid, ("", ".DEFAULT", "S-1-5", "S-1-5-21-99999999999", "S-1-5-21\n")))
