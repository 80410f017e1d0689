"""Keys, values and pretended objects are gathered from what selection holds; no volume is read."""

from __future__ import annotations

from dataclasses import replace

from extractor.gather.files import FileGatherer
from extractor.gather.values import ValueGatherer
from extractor.model import Entry, Metadata, ObjectKind, RegistryValue, Selected, Times, WinPath
from extractor.testing import FakeFilesystem

ENTRY = Entry(0, 0, -1, "x", directory=False)
PATH = WinPath.parse(r"C:\x")
VALUE = Selected(
    ObjectKind.VALUE, PATH, "FA4E", ENTRY, Metadata(0, Times()), "", chosen=True,
    value=RegistryValue("x", 3, b"data"),
)  # fmt: skip
KEY = replace(VALUE, kind=ObjectKind.KEY, value=None)
PRETENDED = replace(VALUE, kind=ObjectKind.FILE, pretended=True)
FILE = replace(VALUE, kind=ObjectKind.FILE, value=None)


def test_what_needs_no_volume_is_taken_in_the_order_given() -> None:
    found = list(ValueGatherer().gather([VALUE, FILE, KEY, PRETENDED], {}))
    assert [each.selected for each in found] == [VALUE, KEY, PRETENDED]


def test_the_content_is_the_data_of_the_value() -> None:
    value, key = ValueGatherer().gather([VALUE, KEY], {})
    assert value.open("").read_at(0, 99) == b"data"
    assert key.open("").size == 0


def test_a_pretended_file_is_no_file_of_a_volume() -> None:
    """Its record is 0, which on NTFS is the $MFT."""
    filesystem = FakeFilesystem({"x": b"1"})
    assert list(FileGatherer().gather([PRETENDED], {filesystem.info.id: filesystem})) == []
