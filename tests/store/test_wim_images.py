"""Rows of a catalog become an image of a WIM whatever names a disk has."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from extractor.model import WinPath
from extractor.store.safe_name import twin_name
from extractor.store.wim.index import BlobIndex
from extractor.store.wim.metadata import MetadataBuilder
from extractor.store.wim.node import DIRECTORY, REPARSE_POINT, Node, Row
from extractor.store.wim_images import _fit, _tree_key, _with_parents

NAMES = (
    "a",
    "A",
    "b",
    "/",
    "\\",
    "\0",
    ".",
    "..",
    "",
    "%5C",
    "%2F",
    "a/",
    "\ud800",
    "\udc00\ud800",
    "ß",
    "ı",
)
FILE, FOLDER, LINK = 0x20, DIRECTORY, DIRECTORY | REPARSE_POINT
PATHS = st.builds(
    WinPath,
    st.sampled_from(["C:", "D:", ""]),
    st.lists(st.sampled_from(NAMES), max_size=3).map(tuple),
)
GIVEN = st.lists(
    st.tuples(PATHS, st.sampled_from(["V1", "V2"]), st.sampled_from([FILE, FOLDER, LINK])),
    max_size=12,
)


def in_order(each: tuple[WinPath, str, int]) -> tuple[bytes, bool]:
    path, volume, attributes = each
    lengths = ",".join(str(len(_utf16(part)) // 2) for part in path.parts)
    return _tree_key(volume, _utf16(str(path)), lengths), attributes == FOLDER


def _utf16(text: str) -> bytes:
    return text.encode("utf-16-le", "surrogatepass")


def placed(given: list[tuple[WinPath, str, int]]) -> list[Row]:
    rows = ((path, volume, Node(kind)) for path, volume, kind in sorted(given, key=in_order))
    return list(_with_parents(rows))


@given(GIVEN)
def test_whatever_is_stored_has_one_place_below_folders(
    given: list[tuple[WinPath, str, int]],
) -> None:
    rows = placed(given)
    with MetadataBuilder(BlobIndex()) as builder:
        size = builder.build([((), Node(DIRECTORY)), *rows])
        assert sum(map(len, builder.blocks())) == size
    there = dict(rows)
    assert len(there) == len(rows)
    assert all(
        there[parts[:depth]].attributes == FOLDER
        for parts in there
        for depth in range(1, len(parts))
    )
    for kind in (FILE, LINK):
        assert sum(node.attributes == kind for node in there.values()) == sum(
            each[2] == kind for each in given
        )


def test_a_twin_whose_name_is_taken_on_purpose_gets_another() -> None:
    path = WinPath("C:", ("\\",))
    foreseen = twin_name("%5C", f"{path}\x002".encode())
    taken = {"%5C", foreseen}
    fit = _fit("\\", taken, path)
    assert fit.startswith("%5C~")
    assert fit not in {"%5C", foreseen}
    assert fit in taken
