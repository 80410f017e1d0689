"""A hive copied key by key is the same hive: for us, and for readers that we did not write."""

# The readers have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import io
import lzma
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from extractor.errors import DamagedError, SourceError, UnsupportedError
from extractor.model import RegistryValue
from extractor.registry.base_block import FIRST_BIN, as_clean_primary
from extractor.registry.copying import carry_marks, own_name, whole_keys
from extractor.registry.descriptor import MACHINE, of_user
from extractor.registry.key import LINK, LINK_VALUE, Key
from extractor.registry.records import NONE, PREDEFINED, Records
from extractor.registry.regf_writer import write_hive
from extractor.registry.replay import Log, replay
from tests.registry import readers
from tests.registry.damage import keys_of
from tests.registry.tiny_hive import tiny_hive

CLEAN = (
    "misc/BCD", "misc/NTUSER-WSL.DAT", "misc/NTUSER1.DAT", "misc/SAM-win10-turbinia", "misc/SECURITYNoRoot",
    "win7-shield/NTUSER-CCLEANER.DAT", "win7-shield/NTUSER-WIN7.DAT", "win7-shield/NTUSER-vibranium.DAT",
    "win7-shield/SAM", "win7-shield/SYSTEM",
)  # fmt: skip
DIRTY = {
    "win10-dirty/UsrClass.dat": ("win10-dirty/UsrClass.dat.LOG1", "win10-dirty/UsrClass.dat.LOG2"),
    "win10-dirty/transactions_NTUSER.DAT": (
        "win10-dirty/transactions_ntuser.dat.log1", "win10-dirty/transactions_ntuser.dat.log2",
    ),
}  # fmt: skip
BOB = "S-1-5-21-1-2-3-1001"
FLAGS, VIRTUAL, CLASS, SECURITY, CLASS_SIZE, COUNT = 2, 0x36, 0x30, 0x2C, 0x4A, 0x14


def unpacked(data: Path, name: str) -> bytes:
    return lzma.decompress((data / "hives" / f"{name}.xz").read_bytes())


def copied(content: bytes) -> bytes:
    file = io.BytesIO()
    size = write_hive(file, whole_keys(content, "H"), name=own_name(content))
    carry_marks(content, file, "H")
    assert len(file.getvalue()) == size
    return file.getvalue()


def picture(content: bytes) -> list[tuple[Any, ...]]:
    return [
        (key.path, list(key.values), key.last_written, key.class_name, key.security)
        for key in whole_keys(content, "H")
    ]


def marks(content: bytes) -> dict[str, tuple[bytes, bytes]]:
    """What of each key no Key carries: flags, use, virtualisation."""
    found: dict[str, tuple[bytes, bytes]] = {}
    for path, key in keys_of(content).items():
        at = FIRST_BIN + key.place + 4
        flags = struct.pack("<H", key.flags | 0xC if not path else key.flags)
        found[path] = (flags, content[at + 12 : at + 16] + content[at + VIRTUAL : at + 56])
    return found


# --- real hives ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CLEAN)
def test_a_real_hive_copied_has_the_same_keys_values_times_classes_and_descriptors(
    data: Path, name: str
) -> None:
    content = unpacked(data, name)
    before = picture(content)
    after = copied(content)
    assert picture(after) == before
    assert own_name(after) == own_name(content)
    assert {path for path, *_ in before} == {
        tuple(filter(None, path.split("\\"))) for path in keys_of(content)
    }


@pytest.mark.parametrize("name", CLEAN)
def test_what_no_key_carries_is_carried_beside_it(data: Path, name: str) -> None:
    content = unpacked(data, name)
    assert marks(copied(content)) == marks(content)


@pytest.mark.parametrize("name", DIRTY)
def test_a_dirty_hive_is_refused_and_copied_when_its_logs_were_replayed(
    data: Path, name: str
) -> None:
    content = unpacked(data, name)
    with pytest.raises(DamagedError, match="logs were not replayed"):
        next(whole_keys(content, "H"))
    logs = [Log(each, unpacked(data, each)) for each in DIRTY[name]]
    whole = replay(content, logs, "H").content
    assert picture(copied(whole)) == picture(whole)


def test_classes_and_descriptors_are_what_two_other_readers_find_in_a_copy(
    data: Path, tmp_path: Path
) -> None:
    from regipy.registry import RegistryHive
    from Registry import Registry

    source, ours = tmp_path / "source", tmp_path / "ours"
    source.write_bytes(unpacked(data, "win7-shield/NTUSER-WIN7.DAT"))
    ours.write_bytes(copied(source.read_bytes()))
    expected = {
        key.path: (key.class_name, key.security) for key in whole_keys(source.read_bytes(), "H")
    }
    assert len({security for _, security in expected.values()}) > 10
    assert any(name for name, _ in expected.values())
    assert by_python_registry((), Registry.Registry(str(ours)).root()) == expected
    before, after = RegistryHive(str(source)), RegistryHive(str(ours))
    for path in list(expected)[:: len(expected) // 50]:
        keys = [each.get_key("\\" + "\\".join(path)) for each in (before, after)]
        assert str(keys[0].get_security_key_info()) == str(keys[1].get_security_key_info())


def by_python_registry(path: tuple[str, ...], key: Any) -> dict[tuple[str, ...], tuple[str, bytes]]:
    """Class and raw descriptor of a key and all below it."""
    record = key._nkrecord.sk_record()
    start = record.offset() + 20
    (size,) = struct.unpack_from("<I", record._buf, start - 4)
    found = {path: (key._nkrecord.classname(), bytes(record._buf[start : start + size]))}
    for each in key.subkeys():
        found |= by_python_registry((*path, each.name()), each)
    return found


@pytest.mark.parametrize("name", ["misc/NTUSER1.DAT", "misc/BCD"])
def test_five_other_readers_see_the_same_tree_in_a_copy(
    data: Path, name: str, tmp_path: Path
) -> None:
    source, ours = tmp_path / "source", tmp_path / "ours"
    source.write_bytes(unpacked(data, name))
    ours.write_bytes(copied(source.read_bytes()))
    for reader, look in readers.EXACT.items():
        assert look(ours) == look(source), reader
    for reader, look in readers.OWN_WAY.items():
        told, before = look(ours), look(source)
        assert told.keys() == before.keys(), reader
        if reader == "libregf":
            assert told == before


# --- crafted ones -------------------------------------------------------------------------------------

SMALL = [
    Key((), (RegistryValue("", 1, b"r\0\0\0"),), 5, security=MACHINE),
    Key(("A",), (RegistryValue("x", 3, bytes(40_000)),), 6, "class of A", of_user(BOB)),
    Key(("A", "B"), (RegistryValue("n", 4, b"\1\0\0\0"), RegistryValue("\ud800", 99, b"abc")), 7),
    Key(("Link",), (RegistryValue(LINK_VALUE, LINK, "\\REGISTRY\\x".encode("utf-16-le")),), 8),
]


def small() -> bytes:
    file = io.BytesIO()
    write_hive(file, SMALL, name="file")
    return file.getvalue()


def at(content: bytes, path: str) -> int:
    return FIRST_BIN + keys_of(content)[path].place + 4


def put(content: bytes, place: int, layout: str, *numbers: int) -> bytes:
    return (
        content[:place] + struct.pack(layout, *numbers) + content[place + struct.calcsize(layout) :]
    )


def test_parents_come_first_with_all_that_they_hold() -> None:
    keys = list(whole_keys(small(), "H"))
    assert [key.path for key in keys] == [(), ("A",), ("A", "B"), ("Link",)]
    assert [(k.last_written, k.class_name, list(k.values)) for k in keys] == [
        (k.last_written, k.class_name, list(k.values)) for k in SMALL
    ]
    assert [key.security for key in keys] == [MACHINE, of_user(BOB), of_user(BOB), MACHINE]
    assert own_name(small()) == "file"


def test_values_can_be_read_again_and_a_link_stays_a_link() -> None:
    content = copied(small())
    key = list(whole_keys(content, "H"))[1]
    assert list(key.values) == list(key.values)
    assert keys_of(content)["Link"].flags & 0x10


def test_a_key_that_stands_for_another_root_keeps_its_handle() -> None:
    place = at(small(), "A\\B")
    whole = put(small(), place + FLAGS, "<H", 0x20 | PREDEFINED)
    whole = put(whole, place + 0x24, "<I", 0x80000050)
    made = copied(whole)
    there = at(made, "A\\B")
    assert struct.unpack_from("<H", made, there + FLAGS) == (0x20 | PREDEFINED,)
    assert struct.unpack_from("<I", made, there + 0x24) == (0x80000050,)
    file = io.BytesIO()
    write_hive(file, [Key(("A", "B"), (RegistryValue("v", 4, bytes(4)),))])
    with pytest.raises(UnsupportedError, match="stands for another root"):
        carry_marks(whole, file, "H")


def test_marks_go_only_to_keys_that_stay() -> None:
    content = small()
    whole = put(content, at(content, "A") + VIRTUAL, "<B", 0xA1)
    file = io.BytesIO()
    write_hive(file, whole_keys(whole, "H"))
    assert carry_marks(whole, file, "H", lambda path: path != ("A",)) == marked(whole) - 1
    assert file.getvalue()[at(file.getvalue(), "A") + VIRTUAL] == 0
    assert carry_marks(whole, file, "H") == marked(whole)
    assert file.getvalue()[at(file.getvalue(), "A") + VIRTUAL] == 0xA1


def marked(content: bytes) -> int:
    plain = marks(small())
    return (
        sum(each != plain[path] for path, each in marks(content).items()) + 2
    )  # the root, and the link


def test_a_hive_without_descriptors_is_copied_without() -> None:
    content = tiny_hive({"A": {"x": "text"}})
    assert [key.security for key in whole_keys(content, "H")] == [b"", b""]


def longer(content: bytes) -> bytes:
    key = keys_of(content)["A"]
    place = Records(content).security_place(key)
    return put(content, FIRST_BIN + place + 4 + 16, "<I", 60_000)


def looped(content: bytes) -> bytes:
    keys = keys_of(content)
    start, _ = Records(content).cell(keys["A"].subkey_list)
    return put(content, start + 4, "<I", keys["A"].place)


Damage = Callable[[bytes], bytes]
DAMAGE: dict[str, tuple[Damage, str]] = {
    "a subkey that the list lacks": (lambda c: put(c, at(c, "") + COUNT, "<I", 3), "2 are in its list"),
    "a class outside": (lambda c: put(c, at(c, "A") + CLASS, "<I", 0x7FFFFFF0), "no allocated cell"),
    "a class longer than its cell": (lambda c: put(c, at(c, "A") + CLASS_SIZE, "<H", 500), "class of 500"),
    "half a letter of a class": (lambda c: put(c, at(c, "A") + CLASS_SIZE, "<H", 3), "class of 3"),
    "a descriptor that is none": (lambda c: put(c, at(c, "A") + SECURITY, "<I", 0x20), "no security descriptor"),
    "a descriptor longer than its cell": (longer, "no security descriptor"),
    "a key in itself": (looped, "contains itself"),
    "a torn subkey": (lambda c: put(c, at(c, "A\\B"), "<H", 0), "no key at"),
}  # fmt: skip


@pytest.mark.parametrize("what", DAMAGE)
def test_damage_ends_the_copy_and_is_named(what: str) -> None:
    damage, told = DAMAGE[what]
    with pytest.raises(DamagedError, match=told):
        picture(damage(small()))


@pytest.mark.parametrize("name", ["torn data", "a value that is none"])
def test_a_value_that_cannot_be_read_is_raised_when_it_is_asked_for(name: str) -> None:
    content = small()
    key = keys_of(content)["A"]
    (listed,) = struct.unpack_from("<I", content, FIRST_BIN + key.value_list + 4)
    broken = put(
        content, FIRST_BIN + listed + 4 + (8 if name == "torn data" else 0), "<I", NONE - 7
    )
    keys = list(whole_keys(broken, "H"))
    with pytest.raises(DamagedError, match="H: the hive is damaged at the values of A"):
        list(keys[1].values)


def test_two_keys_of_one_name_are_refused() -> None:
    content = tiny_hive({"A": {}, "a": {}})
    with pytest.raises(DamagedError, match="two of its subkeys are called a"):
        picture(content)


def test_a_name_that_no_path_can_hold_is_refused() -> None:
    content = tiny_hive({"AxB": {}}).replace(b"AxB", b"A\\B")
    with pytest.raises(UnsupportedError, match="holds a backslash"):
        picture(content)


def test_values_that_lie_in_many_keys_do_not_fill_a_disk() -> None:
    names = [f"K{number}" for number in range(50)]
    content = tiny_hive({"A": {"x": bytes(16_000)}, **{name: {} for name in names}})
    found = keys_of(content)
    for name in names:
        place = FIRST_BIN + found[name].place + 4 + 0x24
        content = put(content, place, "<2I", found["A"].values, found["A"].value_list)
    with pytest.raises(DamagedError, match="more bytes than the hive has"):
        picture(content)


def test_a_file_that_is_no_hive_is_refused() -> None:
    for content in (b"", b"regf", small()[:5000], bytes(9000)):
        with pytest.raises(SourceError):
            next(whole_keys(content, "H"))


def test_a_hive_of_any_damage_is_copied_or_refused_but_never_fails_otherwise() -> None:
    content = small()
    for place in range(FIRST_BIN, FIRST_BIN + 0x400):
        broken = bytearray(content)
        broken[place] ^= 0xFF
        clean = as_clean_primary(bytes(broken), 1)
        try:
            copied(clean)
        except SourceError:
            continue
