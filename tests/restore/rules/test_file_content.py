"""What a contentModify makes of a file: two libraries joined, and sentences for all that says nothing of files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from extractor.errors import UnsupportedError
from extractor.restore.rules import file_content
from extractor.restore.rules.file_content import changed_file, joins, rewrite
from extractor.rules.calls import parse_call
from extractor.rules.functions import FUNCTIONS, Use
from extractor.rules.model import Call
from extractor.store.tree import open_tree
from extractor.xmlfile import parse_xml

JOIN = parse_call("MigXmlHelper.MergeShellLibraries('TRUE','TRUE')")
SPACE = "http://schemas.microsoft.com/windows/2009/library"


def library(*folders: str, default: str = "", space: str = SPACE, name: str = "Documents") -> bytes:
    entries = "".join(
        f"<searchConnectorDescription>{_mark(each == default)}<simpleLocation><url>{each}</url></simpleLocation>"
        "</searchConnectorDescription>"
        for each in folders
    )
    listed = f"<searchConnectorDescriptionList>{entries}</searchConnectorDescriptionList>"
    inside = listed if folders else ""
    text = f'<libraryDescription xmlns="{space}"><name>{name}</name>{inside}</libraryDescription>'
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'.encode()


def _mark(default: bool) -> str:
    return "<isDefaultSaveLocation>true</isDefaultSaveLocation>" if default else ""


def read(content: bytes) -> tuple[str, list[str], list[str]]:
    """Return the name of a library, its folders, and those that are the default for saving."""
    root = parse_xml(content, name="library").getroot()
    folders, defaults = [], []
    for entry in root.iter(f"{{{SPACE}}}searchConnectorDescription"):
        folder = entry.findtext(f"{{{SPACE}}}simpleLocation/{{{SPACE}}}url") or ""
        folders.append(folder)
        if entry.find(f"{{{SPACE}}}isDefaultSaveLocation") is not None:
            defaults.append(folder)
    return root.findtext(f"{{{SPACE}}}name") or "", folders, defaults


A, B, C = (
    r"C:\Users\bob\Documents",
    r"D:\Work",
    "knownfolder:{FDD39AD0-238F-46AF-ADB4-6C85480369C7}",
)


@pytest.mark.parametrize(
    ("ours", "theirs", "folders", "defaults"),
    [
        ((A,), (B,), [A, B], []),
        ((A, C), (C, B), [A, C, B], []),
        ((A,), (A.upper() + "\\",), [A], []),
        ((), (A, B), [A, B], []),
        ((A,), (), [A], []),
        ((A,), (B, B), [A, B], []),
    ],
)
def test_a_library_has_the_folders_of_both_each_once(
    ours: Sequence[str], theirs: Sequence[str], folders: list[str], defaults: list[str]
) -> None:
    made = changed_file(JOIN, library(*ours, name="Mine"), library(*theirs, name="Other"))
    assert read(made) == ("Mine", folders, defaults)


def test_the_store_says_where_new_files_go_and_else_the_target() -> None:
    assert read(changed_file(JOIN, library(A, default=A), library(B, default=B)))[2] == [A]
    assert read(changed_file(JOIN, library(A), library(B, default=B)))[2] == [B]


def test_without_a_file_at_its_place_a_library_is_as_it_was() -> None:
    assert changed_file(JOIN, library(A), None) == library(A)
    assert changed_file(parse_call("X.KeepExisting('Security')"), b"as it is", b"x") == b"as it is"


BOMB = b'<!DOCTYPE a [<!ENTITY b "c">]><libraryDescription>&b;</libraryDescription>'


@pytest.mark.parametrize(
    ("ours", "theirs", "said"),
    [
        (b"no XML", library(A), "the store's file:1:1"),
        (library(A), b"\0\1\2", "the file at the target:1"),
        (BOMB, library(A), "DOCTYPE"),
        (library(A), b"<other/>", "the file at the target describes no library"),
        (library(A), library(B, space="http://schemas.microsoft.com/windows/2010/library"), "different versions"),
        (library(A), b"<libraryDescription>" + b"<a>" * 100, "nested deeper"),
    ],
)  # fmt: skip
def test_what_is_no_library_is_not_joined_and_that_is_one_sentence(
    ours: bytes, theirs: bytes, said: str
) -> None:
    with pytest.raises(UnsupportedError, match=said) as caught:
        changed_file(JOIN, ours, theirs)
    assert "\n" not in str(caught.value)


def test_more_than_fits_in_memory_is_not_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_content, "LARGEST", 100)
    with pytest.raises(UnsupportedError, match="MiB are not joined"):
        changed_file(JOIN, library(A), library(B))


OF_VALUES = sorted(
    each.name
    for each in FUNCTIONS.values()
    if Use.LOAD in each.uses and each.name not in {"MergeShellLibraries", "KeepExisting"}
)


@pytest.mark.parametrize("function", OF_VALUES)
def test_a_function_that_says_nothing_of_files_is_named(function: str) -> None:
    call = Call(function, ())
    assert not joins(call)
    with pytest.raises(UnsupportedError, match=f"{function} says nothing of files"):
        changed_file(call, b"ours", b"theirs")


def test_a_function_that_nobody_knows_is_named() -> None:
    with pytest.raises(UnsupportedError, match="is not known"):
        changed_file(Call("Unheard", ()), b"ours", None)
    assert joins(JOIN)
    assert not joins(None)


def test_a_file_is_rewritten_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "new").write_bytes(library(A) + b" " * 4000)
    (tmp_path / "old").write_bytes(library(B))
    with open_tree(tmp_path) as tree:
        rewrite(JOIN, tree, ("new",), ("old",))
        rewrite(JOIN, tree, ("old",), None)
        rewrite(parse_call("X.KeepExisting('Security')"), tree, ("old",), None)
        with pytest.raises(UnsupportedError, match="says nothing of files"):
            rewrite(Call("ConvertToString", ()), tree, ("new",), ("old",))
    assert read((tmp_path / "new").read_bytes())[1] == [A, B]
    assert (tmp_path / "old").read_bytes() == library(B)
