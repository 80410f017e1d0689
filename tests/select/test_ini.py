"""Values of INI files that rules name: found once, read once, told as values (usmt.md 3.6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from extractor.errors import DamagedError, EncryptedError
from extractor.evaluate.ini import LARGEST
from extractor.events import Noted
from extractor.model import Entry, ObjectKind, RegistryValue, Reparse, Selected
from extractor.rules.patterns import parse_location
from extractor.seams import Stream
from extractor.select import Unreadable
from extractor.select.ini import REG_SZ, file_of
from extractor.testing import FakeFile, FakeFilesystem, RecordingObserver
from tests.select.material import (
    Row,
    chosen,
    component,
    disk,
    mount,
    rows,
    said,
    selection,
    user,
    wrapped,
)

Files = Mapping[str, bytes | FakeFile | None]
BOB, ANNA = user("bob", 1001), user("anna", 1002)
MAIL = b'; comment\r\n[Mail]\r\nMAPI=1\r\nName = "Bob B"\r\n[Empty]\r\n[mail]\r\nlate=2\r\n'


def told(files: Files, *patterns: str) -> dict[str, Row]:
    """Return the rows of INI values."""
    rules = component(patterns, context="System", kind="Ini")
    found = rows(selection(rules, [disk(files)], [BOB], [ANNA]))
    return {path: row for path, row in found.items() if row.kind is ObjectKind.VALUE}


def test_a_value_is_told_with_its_text_as_the_registry_would_hold_it() -> None:
    found = told({r"D\a.ini": MAIL}, r"C:\D\a.ini|Mail[*]")
    assert list(found) == [r"C:\D\a.ini|Mail\[MAPI]", r"C:\D\a.ini|Mail\[Name]"]
    row = found[r"C:\D\a.ini|Mail\[Name]"]
    assert isinstance(row, Selected)
    assert row.value == RegistryValue("Name", REG_SZ, "Bob B\0".encode("utf-16-le"))
    assert (row.kind, row.volume, row.rule, row.metadata.size) == (
        ObjectKind.VALUE, "VOLC", "test.xml:1", 12,
    )  # fmt: skip


def test_names_are_those_of_the_file_and_compare_without_their_letter_case() -> None:
    found = told({r"Dir\A.Ini": MAIL}, r"c:\dir\a.INI|MAIL[mapi]")
    assert list(found) == [r"C:\Dir\A.Ini|Mail\[MAPI]"]


def test_excludes_and_unconditional_excludes_are_for_ini_values_too() -> None:
    rules = component([r"C:\D\a.ini|Mail[*]"], [r"C:\D\a.ini|Mail[Name]"], kind="Ini")
    rules += component(never=[r"C:\D\a.ini|*[MAPI]"], kind="Ini", name="never")
    found = rows(selection(rules, [disk({r"D\a.ini": MAIL})]))
    assert {path: row.reason for path, row in found.items()} == {
        r"C:\D\a.ini|Mail\[MAPI]": r"excluded everywhere by C:\D\a.ini|*[MAPI]",
        r"C:\D\a.ini|Mail\[Name]": r"excluded by C:\D\a.ini|Mail[Name]",
    }


def test_a_file_pattern_says_nothing_of_the_values_and_an_ini_pattern_nothing_of_the_file() -> None:
    files = {r"D\a.ini": MAIL}
    assert chosen(selection(component([r"C:\D\ [a.ini]"]), [disk(files)])) == {r"C:\D\a.ini"}
    never = component(never=[r"C:\D\* [*]"], name="never")
    rules = component([r"C:\D\a.ini|Mail[MAPI]"], kind="Ini") + never
    assert chosen(selection(rules, [disk(files)])) == {r"C:\D\a.ini|Mail\[MAPI]"}


def test_a_value_belongs_to_the_user_in_whose_profile_the_file_lies() -> None:
    files = {r"Users\bob\a.ini": MAIL, r"Users\anna\a.ini": MAIL, r"D\a.ini": MAIL}
    found = told(files, r"*\a.ini|Mail[MAPI]")
    assert {path: (row.scope, row.reason) for path, row in found.items()} == {
        r"C:\D\a.ini|Mail\[MAPI]": ("", ""),
        r"C:\Users\anna\a.ini|Mail\[MAPI]": (ANNA.sid, "user not selected (/ue:anna)"),
        r"C:\Users\bob\a.ini|Mail\[MAPI]": (BOB.sid, ""),
    }


def test_users_find_their_own_files() -> None:
    files = {r"Users\bob\a.ini": MAIL, r"Users\anna\a.ini": MAIL}
    rules = component([r"%USERPROFILE%\a.ini|Mail[MAPI]"], context="User", kind="Ini")
    assert chosen(selection(rules, [disk(files)], [BOB], [ANNA])) == {
        r"C:\Users\bob\a.ini|Mail\[MAPI]"
    }


class Counting(FakeFilesystem):
    """Keeps the names of the files that were opened and of the folders that were listed."""

    opened: Sequence[str] = ()
    listed: Sequence[str] = ()

    def open(self, entry: Entry, stream: str = "") -> Stream:
        self.opened = (*self.opened, entry.name)
        return super().open(entry, stream)

    def children(self, directory: Entry) -> Sequence[Entry]:
        self.listed = (*self.listed, directory.name)
        return super().children(directory)


def test_each_file_is_read_once_whatever_the_number_of_patterns() -> None:
    filesystem = Counting({r"D\a.ini": MAIL, r"D\b.ini": MAIL, r"D\c.txt": MAIL})
    patterns = [rf"C:\D\a.ini|Mail[{number}]" for number in range(50)]
    patterns += [r"C:\D\*.ini|Mail[MAPI]", r"C:\D\a.ini|Mail[*]"]
    list(selection(component(patterns, kind="Ini"), [mount(filesystem)]))
    assert sorted(filesystem.opened) == ["a.ini", "b.ini"]


def test_a_file_with_a_literal_path_is_looked_for_in_its_folder_only() -> None:
    filesystem = Counting({r"D\a.ini": MAIL, r"D\E\a.ini": MAIL, r"F\G\x": b""})
    rules = component([r"C:\D\a.ini|Mail[*]", r"C:\D\a.ini|*[MAPI]"], kind="Ini")
    list(selection(rules, [mount(filesystem)]))
    assert filesystem.opened == ("a.ini",)
    assert set(filesystem.listed) == {"", "D"}


def test_a_file_that_only_an_exclude_names_is_not_opened() -> None:
    rules = component([r"C:\D\a.ini|Mail[*]"], [r"C:\D\b.ini|Mail[*]"], kind="Ini")
    filesystem = Counting({r"D\a.ini": MAIL, r"D\b.ini": FakeFile(error=DamagedError("torn"))})
    assert all(isinstance(row, Selected) for row in selection(rules, [mount(filesystem)]))
    assert filesystem.opened == ("a.ini",)


def test_files_are_told_by_their_paths_sections_as_in_the_file_and_keys_by_their_names() -> None:
    content = b"[z]\nl=1\nk=1\n[a]\nk=2"
    files = {r"D\b.ini": content, r"D\a.ini": content}
    assert list(told(files, r"C:\D\b.ini|long name[k]", r"C:\D\b.ini|a[k]", r"C:\D\*.ini|z[*]")) == [
        r"C:\D\a.ini|z\[k]", r"C:\D\a.ini|z\[l]", r"C:\D\b.ini|z\[k]", r"C:\D\b.ini|z\[l]",
        r"C:\D\b.ini|a\[k]",
    ]  # fmt: skip


@pytest.mark.parametrize("error", [DamagedError("bad sector"), EncryptedError("EFS")])
def test_a_file_that_cannot_be_read_is_one_row_and_the_others_are_read(error: Exception) -> None:
    files: Files = {r"D\a.ini": FakeFile(error=error), r"D\b.ini": MAIL}
    found = told(files, r"C:\D\*.ini|Mail[MAPI]", r"C:\D\a.ini|Mail[*]")
    row = found.pop(r"C:\D\a.ini")
    assert isinstance(row, Unreadable)
    assert (row.kind, row.reason, row.rule) == (ObjectKind.VALUE, str(error), "test.xml:1")
    assert row.entry is not None
    assert list(found) == [r"C:\D\b.ini|Mail\[MAPI]"]


def test_a_file_of_a_user_who_does_not_come_costs_nothing_when_it_cannot_be_read() -> None:
    torn = FakeFile(error=DamagedError("bad sector"))
    assert told({r"Users\anna\a.ini": torn}, r"*\a.ini|Mail[MAPI]") == {}


def test_a_file_larger_than_any_ini_file_is_one_row() -> None:
    row = told({r"D\a.ini": b"x" * (LARGEST + 1)}, r"C:\D\a.ini|Mail[MAPI]")[r"C:\D\a.ini"]
    assert isinstance(row, Unreadable)


def test_folders_and_links_are_no_ini_files() -> None:
    junction = FakeFile(directory=True, reparse=Reparse(0xA0000003, b"", r"C:\D"))
    filesystem = Counting({r"D\a.ini": MAIL, r"E\a.ini\x": b"", "link": junction})
    rules = component([r"*\a.ini|Mail[MAPI]", r"C:\link\a.ini|Mail[MAPI]"], kind="Ini")
    assert chosen(selection(rules, [mount(filesystem)])) == {r"C:\D\a.ini|Mail\[MAPI]"}
    assert filesystem.opened == ("a.ini",)


def test_a_folder_that_cannot_be_listed_is_a_warning() -> None:
    class Torn(FakeFilesystem):
        def children(self, directory: Entry) -> Sequence[Entry]:
            if directory.name == "bad":
                raise DamagedError("its index is torn")
            return super().children(directory)

    observer = RecordingObserver()
    volume = mount(Torn({r"D\a.ini": MAIL, r"bad\a.ini": MAIL}))
    rules = component([r"C:\D\a.ini|Mail[MAPI]", r"C:\bad\a.ini|Mail[x]"], kind="Ini")
    made = selection(rules, [volume], observer=observer)
    assert chosen(made) == {r"C:\D\a.ini|Mail\[MAPI]"}
    assert [note.message for note in observer.of(Noted)] == ["its index is torn"]


SECTIONS = [
    ("S[1]", r"C:\a.ini|S^[1^][k]"),
    (r"S\T", r"C:\a.ini|S\T[k]"),
    (r"S\T", r"C:\a.ini|S*[k]"),
    ("ß", r"C:\a.ini|ß[k]"),
    ("a|b", r"C:\a.ini|a|b[k]"),
    ("*", r"C:\a.ini|^*[k]"),
    ("", r"C:\a.ini|*[k]"),
]


@pytest.mark.parametrize(("section", "pattern"), SECTIONS)
def test_sections_may_have_odd_names(section: str, pattern: str) -> None:
    content = f"[{section}]\nk=1".encode("cp1252")
    (row,) = told({"a.ini": content}, pattern).values()
    assert row.path.parts == (f"a.ini|{section}", "[k]")


FILES = [
    # the node of a pattern, the part of it that names the file
    (r"C:\D\a.ini|Mail[k]", (r"C:\D\A.INI",)),
    (r"C:\D\*.ini|Mail[k]", ("C:\\D\\", ".INI")),
    (r"*\a.ini|M*l[k]", ("", r"\A.INI")),
    (r"C:\a*b|S|T*[k]", (r"C:\A", "B")),
    (r"C:\a.ini|*[k]", (r"C:\A.INI",)),
]


@pytest.mark.parametrize(("pattern", "pieces"), FILES)
def test_the_file_of_a_pattern_ends_at_its_first_bar(pattern: str, pieces: tuple[str, ...]) -> None:
    assert file_of(parse_location(pattern).node).pieces == pieces


def test_attributes_and_filters_count_as_for_other_values() -> None:
    call = "filter=\"MigXmlHelper.CompareStringContent('1','Equal')\""
    rules = wrapped(said("include", r"C:\D\a.ini|Mail[*]", kind="Ini", more=call))
    assert chosen(selection(rules, [disk({r"D\a.ini": MAIL})])) == {r"C:\D\a.ini|Mail\[MAPI]"}
