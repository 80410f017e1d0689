"""A ``.reg`` gives back what went in, through an importer that we did not write."""

from __future__ import annotations

import os
import random
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from extractor.model import RegistryValue
from extractor.registry import open_hive
from extractor.registry.key import Key
from extractor.registry.reg_text import reg_keys, reg_text
from extractor.registry.regf_writer import write_hive
from tests.registry.readers import hive_keys

NAMES = (
    "v",
    "Ünï",
    "名前",
    "back\\slash\\",
    'qu"ote',
    "@",
    "=x",
    "a b ",
    " lead",
    "tab\t",
    "\U0001f600",
    "[x]",
    ";c",
)
TEXTS = (
    "text",
    "C:\\path\\",
    '"quoted"',
    "line\r\nbreak",
    "日本",
    "\U0001f600",
    "",
    "\ud800",
    "ends=-",
    "%x%",
)
TYPES = (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0x10, 0x12, 0xFFFF0012, 0x20000001)
SIZES = (0, 1, 2, 3, 4, 5, 8, 24, 25, 26, 27, 77, 300, 4000)


def lines(*keys: Key, root: str = "HKEY_CURRENT_USER") -> list[str]:
    raw = b"".join(reg_text(keys, root))
    return raw.decode("utf-16", "surrogatepass").split("\r\n")


def text(value: str) -> bytes:
    return (value + "\0").encode("utf-16-le", "surrogatepass")


def line_of(value: RegistryValue) -> str:
    return lines(Key(("k",), (value,)))[3]


def test_it_begins_as_regedit_begins_and_has_crlf_and_utf16() -> None:
    raw = b"".join(
        reg_text([Key(("A", "B"), (RegistryValue("v", 1, text("x")),))], "HKEY_CURRENT_USER")
    )
    assert raw.startswith(b"\xff\xfe")
    assert raw.decode("utf-16") == (
        "Windows Registry Editor Version 5.00\r\n\r\n[HKEY_CURRENT_USER\\A]\r\n\r\n"
        '[HKEY_CURRENT_USER\\A\\B]\r\n"v"="x"\r\n'
    )


def test_each_type_is_written_as_regedit_writes_it() -> None:
    assert line_of(RegistryValue("", 1, text('C:\\"x"'))) == '@="C:\\\\\\"x\\""'
    assert line_of(RegistryValue("n", 4, b"\x0a\0\0\x80")) == '"n"=dword:8000000a'
    assert line_of(RegistryValue("n", 4, b"\x0a")) == '"n"=hex(4):0a'
    assert line_of(RegistryValue("b", 3, b"\1\xff")) == '"b"=hex:01,ff'
    assert line_of(RegistryValue("e", 2, text("%A%"))) == '"e"=hex(2):25,00,41,00,25,00,00,00'
    assert line_of(RegistryValue("m", 7, b"")) == '"m"=hex(7):'
    assert line_of(RegistryValue("q", 11, bytes(8))) == '"q"=hex(b):00,00,00,00,00,00,00,00'
    assert line_of(RegistryValue("p", 0xFFFF0012, b"x")) == '"p"=hex(ffff0012):78'


def test_text_that_is_not_exactly_text_keeps_every_byte_as_hexadecimal() -> None:
    for data in (
        b"",
        b"a\0",
        text("a") + b"\0\0",
        text("a")[:-1],
        text("a\r\nb"),
        text("\ud800"),
        text("a\0b"),
    ):
        assert line_of(RegistryValue("v", 1, data)) == f'"v"=hex(1):{data.hex(",")}'


def test_hexadecimal_is_broken_at_eighty_columns() -> None:
    found = lines(Key((), (RegistryValue("name", 3, bytes(range(200))),)))[3:-1]
    assert all(len(line) <= 80 for line in found)
    assert all(line.endswith(",\\") for line in found[:-1])
    assert all(re.fullmatch("  ([0-9a-f]{2},){25}\\\\", line) for line in found[1:-1])
    joined = "".join(line.strip().rstrip("\\") for line in found)
    assert joined == '"name"=hex:' + bytes(range(200)).hex(",")
    assert lines(Key((), (RegistryValue("x" * 100, 3, b"12"),)))[3] == f'"{"x" * 100}"=hex:31,\\'


def test_a_name_cannot_be_made_to_look_like_lines_of_the_file() -> None:
    evil = "x]\r\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\Evil]\r\n"
    keys = (
        Key((evil,), (RegistryValue("v", 1, text("y")),)),
        Key(("k",), (RegistryValue('a"\n"b', 3, b"1"), RegistryValue("c", 1, text(evil)))),
        Key(("a\\b",)),
    )
    found = lines(*keys)
    assert [line for line in found if line.startswith("[")] == ["[HKEY_CURRENT_USER\\k]"]
    (value,) = [line for line in found if line.startswith('"')]
    assert value.startswith('"c"=hex(1):78,00,5d,00,0d,00,0a,00,')
    assert len([line for line in found if line.startswith("; no .reg can hold")]) == 3


def test_lone_surrogates_stay_in_names() -> None:
    raw = b"".join(reg_keys([Key(("k\ud800",), (RegistryValue("v\udc00", 3, b""),))], "HKEY_USERS"))
    assert b"k\0\0\xd8]\0" in raw
    assert b'v\0\0\xdc"\0' in raw


def test_a_large_value_comes_piece_by_piece() -> None:
    pieces = list(reg_text([Key((), (RegistryValue("v", 3, bytes(2_000_000)),))], "HKEY_USERS"))
    assert max(map(len, pieces)) < 1 << 20
    assert b"".join(pieces).decode("utf-16").count("00") >= 2_000_000


def many() -> Iterator[Key]:
    """100 keys of 121 values of all types, names and lengths."""
    chance = random.Random(1)
    for number in range(100):
        values = [RegistryValue("", 1, text("default"))]
        for index in range(120):
            kind = TYPES[index % len(TYPES)]
            data = chance.randbytes(chance.choice(SIZES))
            data = text(chance.choice(TEXTS)) if kind == 1 else data
            data = chance.randbytes(4) if kind == 4 and index % 3 else data
            values.append(RegistryValue(f"{NAMES[index % len(NAMES)]}{index}", kind, data))
        yield Key((f"Ключ {number} é", f"Key {number}"), values)


def test_twelve_thousand_values_of_all_types_come_back_equal_through_hivexregedit(
    tmp_path: Path,
) -> None:
    hive, file = tmp_path / "hive", tmp_path / "utf8.reg"
    with hive.open("wb") as target:
        write_hive(target, [])
    raw = b"".join(reg_text(many(), "HKEY_CURRENT_USER"))
    file.write_bytes(raw.decode("utf-16", "surrogatepass").encode())
    command = ["hivexregedit", "--merge", "--prefix", "HKEY_CURRENT_USER", str(hive), str(file)]
    subprocess.run(
        command, check=True, env={**os.environ, "PERL_UNICODE": "SD"}, capture_output=True
    )
    wanted = {key.path: {each.name: each for each in key.values} for key in many()}
    found = {
        key.path: {each.name: each for each in key.values}
        for key in hive_keys(open_hive(hive.read_bytes(), "x"))
    }
    assert {path: found[path] for path in wanted} == wanted
    assert sum(map(len, wanted.values())) == 12_100
    assert not any(values for path, values in found.items() if path not in wanted)
