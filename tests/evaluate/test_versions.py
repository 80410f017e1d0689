"""Version resources of offline programs (usmt.md 3.8), through programs built in ``tiny_programs``."""

from __future__ import annotations

import struct
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractor.errors import DamagedError
from extractor.evaluate.versions import LARGEST_BLOCK, compared, version_strings
from extractor.testing import FakeStream
from tests.evaluate.tiny_programs import (
    NEUTRAL,
    SECTION_RVA,
    block,
    directory,
    program,
    resources,
    simple,
    string,
    version_info,
)


def strings_of(content: bytes) -> dict[str, str]:
    return dict(version_strings(FakeStream(content)))


@pytest.mark.parametrize("wide", [False, True])
def test_the_strings_of_a_program_are_read(wide: bool) -> None:
    given_strings = {"CompanyName": "Zoë & Söhne", "FileVersion": "9, 0, 0, 1", "ProductName": ""}
    content = program(resources(version_info({NEUTRAL: given_strings})), wide=wide)
    assert strings_of(content) == {
        "COMPANYNAME": "Zoë & Söhne",
        "FILEVERSION": "9, 0, 0, 1",
        "PRODUCTNAME": "",
    }


def test_the_language_listed_first_is_taken_and_then_what_only_others_have() -> None:
    tables = {
        "040704B0": {"FileVersion": "1 deutsch", "Comments": "nur hier"},
        "040904B0": {"FileVersion": "1 english"},
    }
    listed = version_info(tables, [(0x409, 1200), (0x407, 1200)])
    assert strings_of(program(resources(listed))) == {
        "FILEVERSION": "1 english",
        "COMMENTS": "nur hier",
    }
    assert strings_of(program(resources(version_info(tables))))["FILEVERSION"] == "1 deutsch"
    elsewhere = version_info(tables, [(0x40C, 1200)])
    assert strings_of(program(resources(elsewhere)))["FILEVERSION"] == "1 deutsch"


def test_the_first_resource_that_has_strings_counts() -> None:
    empty, full = version_info({}), version_info({NEUTRAL: {"FileVersion": "2.0"}})
    assert strings_of(program(resources(empty, full))) == {"FILEVERSION": "2.0"}


def test_a_length_in_bytes_is_as_good_as_one_in_characters() -> None:
    text = "10.0\0".encode("utf-16-le")
    table = block(NEUTRAL, children=[block("FileVersion", text), string("ProductVersion", "10")])
    info = block("VS_VERSION_INFO", children=[block("StringFileInfo", children=[table])])
    assert strings_of(program(resources(info))) == {"FILEVERSION": "10.0", "PRODUCTVERSION": "10"}


def test_a_large_program_is_read_in_pieces() -> None:
    reads: list[tuple[int, int]] = []

    class Stream(FakeStream):
        def read_at(self, offset: int, length: int) -> bytes:
            reads.append((offset, length))
            return super().read_at(offset, length)

    content = program(resources(version_info({NEUTRAL: {"FileVersion": "3"}})), at=40 << 20)
    assert version_strings(Stream(content)) == {"FILEVERSION": "3"}
    assert sum(length for _, length in reads) < 100_000


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"MZ",
        b"MZ" * 600,
        b"ZM" + simple(FileVersion="1")[2:],
        simple(FileVersion="1")[:300],
        simple(FileVersion="1").replace(b"PE\0\0", b"NE\0\0"),
        program(None),
        program(b""),
        program(resources(version_info({NEUTRAL: {"FileVersion": "1"}}), kind=3)),
        program(directory((16, 24))),  # the type leads to data
        program(directory((16, 1 << 31))),  # the type leads to itself
        program(directory((16, 0xFFFFFFF0))),
        program(resources(b"\0" * 64)),
        program(resources(b"\xff" * 64)),
    ],
)
def test_what_is_no_program_or_has_no_version_has_no_strings(content: bytes) -> None:
    assert strings_of(content) == {}


def test_a_sector_that_cannot_be_read_is_told_as_such() -> None:
    class Bad(FakeStream):
        def read_at(self, offset: int, length: int) -> bytes:
            if offset:
                raise DamagedError("bad sector")
            return super().read_at(offset, length)

    with pytest.raises(DamagedError):
        version_strings(Bad(simple(FileVersion="1")))


@given(st.data())
def test_whatever_bytes_are_changed_reading_ends_and_raises_nothing(data: st.DataObject) -> None:
    content = bytearray(simple(FileVersion="1.2.3", ProductVersion="4", CompanyName="Acme"))
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content)))
    for each in (bytes(content), bytes(content[:cut])):
        assert all(isinstance(text, str) for text in strings_of(each).values())


@given(st.binary(max_size=400))
def test_any_resource_is_read_without_raising(resource: bytes) -> None:
    strings_of(program(resource))
    strings_of(program(resources(resource)))
    strings_of(program(resources(block("VS_VERSION_INFO", children=[resource]))))


def test_a_resource_made_to_be_slow_is_not() -> None:
    small = struct.pack("<3H", 6, 0, 1) + b"\0\0"
    count = (LARGEST_BLOCK - 200) // len(small)
    table = block(NEUTRAL, children=[small] * count)
    listed = block("Translation", struct.pack("<2H", 0, 1200) * 8000)
    many = block("VS_VERSION_INFO", children=[block("StringFileInfo", children=[table])])
    languages = block("VS_VERSION_INFO", children=[block("VarFileInfo", children=[listed])])
    circle = directory(*[(16, 1 << 31)] * 4000)
    lengths = directory(*[(16, 24 | 1 << 31)]) + struct.pack("<12xHH", 0xFFFF, 0xFFFF)
    data = struct.pack("<2I", SECTION_RVA, 0xFFFFFFFF) * 4096
    started = time.monotonic()
    for each in (resources(many), resources(languages), circle, lengths + data):
        strings_of(program(each))
    assert time.monotonic() - started < 1


# --- order ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "order"),
    [
        ("9.0", "9.0.0.0", 0),
        ("9, 0, 0, 1", "9.0.0.1 (built by x)", 0),
        ("10.0.1", "9.9.9", 1),
        ("7.10", "7.9", 1),
        ("6.1.7601", "6.1.7601.1", -1),
        (" 8", "08.0", 0),
        ("QuickTime 7.2", "7.0", None),
        ("", "1", None),
        ("1", "x", None),
        ("9" * 5000, "1", 1),
    ],
)
def test_versions_are_ordered_by_their_numbers(one: str, other: str, order: int | None) -> None:
    for tag in ("FileVersion", "PRODUCTVERSION"):
        assert compared(tag, one, other) == order


def test_only_versions_have_an_order() -> None:
    assert compared("CompanyName", "1", "2") is None
    assert compared("ProductName", "1.0", "1.0") is None


@given(st.text(max_size=20), st.text(max_size=20))
def test_the_order_turns_round_with_its_sides(one: str, other: str) -> None:
    forth, back = compared("FileVersion", one, other), compared("FileVersion", other, one)
    assert (forth is None) == (back is None)
    assert forth is None or back is None or forth == -back
