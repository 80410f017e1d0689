"""A pattern takes what UsmtUtils' would; a path names one object, or says why not."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from extractor.cli.store_tree import lines_of
from extractor.errors import CorruptStoreError, UsageError
from extractor.model import ObjectKind, OutcomeKind, Record, RegistryValue, WinPath
from extractor.store.catalog import Catalog, create_catalog
from extractor.store.listing import (
    branch_at,
    content_at,
    listing,
    matches,
    split_patterns,
    takes,
    tree_of,
)
from extractor.store.opened import OpenStore, open_store
from extractor.testing import FakeFile, FakeFilesystem
from tests.store.build import make_store

DISK = FakeFilesystem(
    {
        "Users\\bob\\a.txt": FakeFile(b"alpha", streams={"Zone.Identifier": b"[ZoneTransfer]"}),
        "Users\\bob\\Readme.txt": b"first",
        "Users\\bob\\README.TXT": b"second",
        "Users\\bob\\evil\u202etxt.exe": b"mirrored",
        "Users\\bob\\na:me": b"colon",
        "Users\\eve\\b.doc": b"beta",
    }
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[OpenStore]:
    make_store(tmp_path, DISK)
    with open_store(tmp_path) as opened:
        yield opened


def catalog_of(*records: Record) -> OpenStore:
    catalog: Catalog = create_catalog(":memory:", Path("place"))
    for record in records:
        catalog.add(record, {"": ""})
    catalog.settle()
    return OpenStore(Path("place"), catalog, _NoFiles())


class _NoFiles:
    def open(self, stored_as: str) -> BinaryIO:
        raise CorruptStoreError(stored_as)

    def close(self) -> None:
        """Nothing is open."""


@pytest.mark.parametrize(
    ("pattern", "path", "taken"),
    [
        ("*.txt", "C:\\Users\\bob\\A.TXT", True),
        ("*.txt", "C:\\Users\\x.txt\\bob", False),
        ("a?c", "C:\\abc", True),
        ("a?c", "C:\\ac", False),
        ("myProject.*", "D:\\src\\myproject.exe", True),
        ("C:\\Users\\bob", "C:\\users\\BOB\\deep\\x", True),
        ("C:\\Users\\bob", "C:\\Users\\bobby", False),
        ("C:\\Users\\bob\\", "C:\\Users\\bob", True),
        ("c:/users/*/Documents", "C:\\Users\\bob\\Documents\\x", True),
        ("C:\\Users\\*\\*.doc", "C:\\Users\\bob\\a\\b\\x.doc", True),
        ("C:", "C:\\Users", True),
        ("C:\\", "D:\\Users", False),
        ("\\Users\\*", "D:\\Users\\bob", True),
        ("\\Users\\*", "C:\\Old\\Users\\bob", False),
        ("*", "C:\\x", True),
        ("a.c", "C:\\abc", False),
        ("[a]", "C:\\[a]", True),
        ("STRASSE", "C:\\straße", False),
        ("straße", "C:\\STRAßE", True),
        ("evil\\u202e*", "C:\\evil\u202etxt", False),
        ("C:\\evil\\u202etxt", "C:\\evil\u202etxt", True),
        ("*a*a*", "C:\\banana", True),
    ],
)
def test_a_pattern_takes_what_it_says(pattern: str, path: str, taken: bool) -> None:
    assert matches([pattern], WinPath.parse(path)) is taken


def test_an_include_beats_an_exclude() -> None:
    exe, other = WinPath.parse("C:\\myProject.exe"), WinPath.parse("C:\\x.doc")
    assert takes(["myProject.*"], ["*.exe"], exe)
    assert not takes(["myProject.*"], [], other)
    assert takes([], ["*.exe"], other)
    assert not takes([], ["*.exe"], exe)


@pytest.mark.parametrize(
    ("text", "patterns"),
    [
        ("*.txt", ("*.txt",)),
        ("*.txt, *.pdf;*.doc", ("*.txt", "*.pdf", "*.doc")),
        ('"a,b.txt"; *.doc,', ("a,b.txt", "*.doc")),
        ("C:\\Program Files\\*", ("C:\\Program Files\\*",)),
        ("", ()),
    ],
)
def test_a_list_of_patterns_is_split_as_usmtutils_does(
    text: str, patterns: tuple[str, ...]
) -> None:
    assert split_patterns(text) == patterns


@pytest.mark.parametrize("text", ['"a', 'a,"b;c'])
def test_a_list_with_half_a_quote_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="quote"):
        split_patterns(text)


def test_an_empty_pattern_is_refused() -> None:
    with pytest.raises(UsageError, match="empty"):
        matches([" "], WinPath("C:", ("x",)))


def test_a_pattern_made_to_take_for_ever_does_not() -> None:
    long = WinPath("C:", ("a" * 30_000,))
    began = time.monotonic()
    assert not matches(["a*" * 40 + "b"], long)
    assert not matches(["C:\\*" + "a*" * 40 + "b"], long)
    assert time.monotonic() - began < 5


def test_only_what_is_stored_is_listed_unless_all_is_asked_for() -> None:
    kept = Record(ObjectKind.FILE, WinPath("C:", ("a",)), "v", "", OutcomeKind.STORED)
    left = Record(ObjectKind.FILE, WinPath("C:", ("b",)), "v", "", OutcomeKind.EXCLUDED, "junk")
    store = catalog_of(kept, left)
    assert [each.path.name for each in listing(store)] == ["a"]
    assert [(each.path.name, each.reason) for each in listing(store, every=True)] == [
        ("a", ""),
        ("b", "junk"),
    ]
    store.close()


def test_a_listing_tells_of_named_streams(store: OpenStore) -> None:
    [found] = listing(store, ["a.txt"], streams=True)
    assert [(each.name, each.size) for each in found.streams] == [("Zone.Identifier", 14)]
    assert found.size == 5


def test_a_listing_that_is_left_half_read_harms_nobody(store: OpenStore) -> None:
    found = listing(store)
    next(found)
    store.close()
    found.close()  # type: ignore[attr-defined]


def test_a_senseless_row_is_damage_of_the_store() -> None:
    store = catalog_of(Record(ObjectKind.FILE, WinPath("C:", ("a",)), "v", "", OutcomeKind.STORED))
    store.catalog.connection.execute("UPDATE objects SET path_utf16 = x'43003a005c00d8'")
    with pytest.raises(CorruptStoreError, match="makes no sense"):
        list(listing(store))
    store.close()


def test_a_tree_counts_what_lies_below(store: OpenStore) -> None:
    root = tree_of(listing(store, streams=True))
    bob = branch_at(root, "c:/users/BOB")
    assert (bob.objects, bob.bytes) == (6, 5 + 14 + 5 + 6 + 8 + 5)
    assert [each.name for each in bob.sorted_children()][:3] == [
        "a.txt",
        "evil\u202etxt.exe",
        "na:me",
    ]
    with pytest.raises(UsageError, match="differ by case"):
        branch_at(root, "C:\\Users\\bob\\readme.txt")
    with pytest.raises(UsageError, match="nothing"):
        branch_at(root, "C:\\Windows")


def test_a_tree_of_1000_levels_is_drawn() -> None:
    path = WinPath("C:", ("deep",) * 1000)
    store = catalog_of(Record(ObjectKind.DIRECTORY, path, "v", "", OutcomeKind.STORED))
    lines = list(lines_of(tree_of(listing(store)), None))
    store.close()
    assert len(lines) == 1001
    assert lines[-1] == "    " * 1000 + "└── deep"


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ("C:\\Users\\bob\\a.txt", b"alpha"),
        ("c:/users/BOB/A.TXT", b"alpha"),
        ("C:\\Users\\bob\\a.txt:Zone.Identifier", b"[ZoneTransfer]"),
        ("C:\\Users\\bob\\a.txt:zone.identifier:$DATA", b"[ZoneTransfer]"),
        ("C:\\Users\\bob\\README.TXT", b"second"),
        ("C:\\Users\\bob\\na:me", b"colon"),
        ("C:\\Users\\bob\\evil\\u202etxt.exe", b"mirrored"),
        ("b.doc", b"beta"),
        ("*\\eve\\*", b"beta"),
    ],
)
def test_a_path_names_one_object(store: OpenStore, text: str, content: bytes) -> None:
    with content_at(store, text).open(store) as file:
        assert file.read() == content


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("C:\\Users\\bob\\readme.txt", "names 2 objects.*README.TXT; C:.Users.bob.Readme.txt"),
        ("*.txt", "names 3 objects"),
        ("C:\\Users\\bob\\none", "no object"),
        ("C:\\Users\\bob", "is a directory and has no content"),
        (
            "C:\\Users\\bob\\a.txt:other",
            "no stream 'other' in the store; its streams: Zone.Identifier",
        ),
    ],
)
def test_what_names_no_bytes_or_several_is_refused(store: OpenStore, text: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        content_at(store, text)


def test_a_registry_value_is_found_in_both_spellings() -> None:
    path = WinPath("HKLM", ("SOFTWARE", "Acme", "[Key]"))
    value = RegistryValue("Key", 3, b"\0\1\2")
    store = catalog_of(Record(ObjectKind.VALUE, path, "", "", OutcomeKind.STORED, value=value))
    for text in ("HKLM\\Software\\Acme\\[Key]", "hklm\\software\\acme [key]"):
        with content_at(store, text).open(store) as file:
            assert file.read() == b"\0\1\2"
    store.close()


def test_what_is_not_in_the_store_says_why() -> None:
    path = WinPath("C:", ("cloud.txt",))
    record = Record(ObjectKind.FILE, path, "v", "", OutcomeKind.NOT_STORED, "only in the cloud")
    store = catalog_of(record)
    with pytest.raises(UsageError, match="not-stored: only in the cloud"):
        content_at(store, "C:\\cloud.txt")
    store.close()
