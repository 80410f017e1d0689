from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractor.store.wim.codecs import Compression
from extractor.store.wim.node import DIRECTORY, ENCRYPTED, REPARSE_POINT, Image, Node, Parts, Row
from extractor.store.wim.reader import WimFile
from tests.store.wim.build import ROOT, writing

SD = bytes.fromhex(
    "01000080140000002400000000000000000000000102000000000005200000002002000001020000"
)


def written(path: Path, rows: list[Row], *blobs: bytes) -> list[Row]:
    """Write an image and return what is read of it."""
    with writing(path, Compression.NONE) as writer:
        for blob in blobs:
            writer.add(blob, len(blob))
        writer.finish([Image("user state", rows)])
    with WimFile.open(path) as wim:
        return list(wim.rows(1))


def test_what_wim_can_say_of_a_node_comes_back(tmp_path: Path) -> None:
    with writing(tmp_path / "b.wim", Compression.NONE) as writer:
        one, two = writer.add(b"one", 3).sha1, writer.add(b"two", 3).sha1
        rows = [
            ROOT,
            (("C$",), Node(DIRECTORY | 0x2, 1, 2, 3, security=SD, streams=(("on a directory", two),))),
            (
                ("C$", "long name.txt"),
                Node(
                    0x20, 4, 5, 1 << 63, one, "LONGNA~1.TXT", SD + b"\0",
                    (("Zone.Identifier", two), ("empty", bytes(20))), object_id=bytes(range(64)),
                ),
            ),
            (("C$", "raw.efs"), Node(0x20 | ENCRYPTED, sha1=one)),
            (("link",), Node(REPARSE_POINT | DIRECTORY, reparse_tag=0xA0000003, reparse_sha1=two)),
            (
                ("symlink",),
                Node(REPARSE_POINT, sha1=one, reparse_tag=0xA000000C, reparse_reserved=7, reparse_sha1=two),
            ),
            (("twin 1",), Node(0x20, sha1=one, link_group=1)),
            (("twin 2",), Node(0x20, sha1=one, link_group=1)),
        ]  # fmt: skip
        writer.finish([Image("user state", rows)])
    with WimFile.open(tmp_path / "b.wim") as wim:
        assert list(wim.rows(1)) == rows


def test_names_come_in_the_order_of_windows_whatever_the_order_of_the_rows(tmp_path: Path) -> None:
    names = ["b", "A", "_", "Z", "a", "\ud800lone", "\U0001f600", "ß", "Ä", "\uffee"]
    rows = [ROOT, *(((name,), Node(0x20)) for name in names)]
    found = [parts[0] for parts, _ in written(tmp_path / "a.wim", rows)[1:]]
    assert found == ["A", "a", "b", "Z", "_", "Ä", "ß", "\ud800lone", "\U0001f600", "\uffee"]


def test_link_groups_are_numbered_by_their_first_name(tmp_path: Path) -> None:
    rows = [
        ROOT,
        *(
            ((name,), Node(0x20, link_group=group))
            for name, group in (("a", 99), ("b", 7), ("c", 99))
        ),
    ]
    found = [node.link_group for _, node in written(tmp_path / "a.wim", rows)[1:]]
    assert found == [1, 2, 1]


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([], "has a root"),
        ([(("a",), Node(0x20))], "is its root"),
        ([ROOT, ROOT], "beside the root"),
        ([ROOT, (("a", "b"), Node(0x20))], "before the directory"),
        ([ROOT, (("a",), Node(0x20)), (("a", "b"), Node(0x20))], "before the directory"),
        ([ROOT, (("a",), Node(0x20)), (("a",), Node(0x20))], "twice"),
        ([ROOT, (("a/b",), Node(0x20))], "cannot be one"),
        ([ROOT, (("..",), Node(0x20))], "cannot be one"),
        ([ROOT, (("a\0",), Node(0x20))], "cannot be one"),
        ([ROOT, (("a",), Node(0x20, short_name="."))], "cannot be one"),
        ([ROOT, (("a" * 32768,), Node(0x20))], "too long"),
        ([ROOT, (("a",), Node(REPARSE_POINT, link_group=1))], "no hard links"),
        ([ROOT, (("a",), Node(ENCRYPTED, streams=(("s", bytes(20)),)))], "raw data"),
        ([ROOT, (("a",), Node(0x20, object_id=b"short"))], "16 to 64"),
    ],
)
def test_what_wim_cannot_say_is_refused(tmp_path: Path, rows: list[Row], why: str) -> None:
    with (
        writing(tmp_path / "a.wim", Compression.NONE) as writer,
        pytest.raises(ValueError, match=why),
    ):
        writer.finish([Image("user state", rows)])


NAMES = st.text(
    st.characters(codec="utf-16-le", exclude_characters="/\\\0")
    | st.sampled_from("\ud800\udfffaA"),
    min_size=1,
    max_size=9,
).filter(lambda name: name not in (".", ".."))
TREES: st.SearchStrategy[dict[str, object]] = st.recursive(
    st.dictionaries(NAMES, st.none(), max_size=4),
    lambda deeper: st.dictionaries(NAMES, st.none() | deeper, max_size=4),
    max_leaves=12,
)


def rows_of(tree: dict[str, object], parts: Parts = ()) -> list[Row]:
    """Return a tree as rows."""
    rows: list[Row] = [(parts, Node(DIRECTORY))]
    for name, below in tree.items():
        if isinstance(below, dict):
            rows += rows_of(below, (*parts, name))
        else:
            rows.append(((*parts, name), Node(0x20, len(name))))
    return rows


@settings(max_examples=60, deadline=None)
@given(tree=TREES)
def test_any_tree_comes_back(
    tmp_path_factory: pytest.TempPathFactory, tree: dict[str, object]
) -> None:
    rows = rows_of(tree)
    # a high and a low surrogate beside each other are one character once they are UTF-16
    rows = [(tuple(map(_joined, parts)), node) for parts, node in rows]
    if len({parts for parts, _ in rows}) < len(rows):
        return
    found = written(tmp_path_factory.getbasetemp() / "tree.wim", rows)
    assert sorted(found, key=lambda row: row[0]) == sorted(rows, key=lambda row: row[0])
    seen: set[Parts] = set()
    for parts, _ in found:
        assert not parts or parts[:-1] in seen
        seen.add(parts)


def _joined(name: str) -> str:
    return name.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
