"""Names of an archive: each once, none outside, none that a case-blind system takes for another."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractor.errors import CorruptStoreError
from extractor.model import (
    Metadata,
    ObjectKind,
    OutcomeKind,
    Record,
    Reparse,
    Times,
    WinPath,
    upcase,
)
from extractor.store.columns import StoredObject
from extractor.store.export.members import Names, inner_target, members
from extractor.store.opened import open_store
from extractor.testing import FakeFile, FakeFilesystem
from tests.store.build import make_store
from tests.store.export.exports import export
from tests.store.test_hostile_names import DEVICES, SURROGATES, TERMINAL, TWINS

PARTS = st.text(st.characters(codec=None, exclude_characters="\0"), min_size=0, max_size=6)


def record(path: WinPath, number: int = 1, reparse: Reparse | None = None) -> Record:
    metadata = Metadata(32, Times(), reparse=reparse)
    return Record(
        ObjectKind.FILE, path, "V", "", OutcomeKind.STORED, record=number, metadata=metadata
    )


@given(st.lists(st.tuples(st.lists(PARTS, min_size=1, max_size=3), PARTS), max_size=12))
def test_names_are_unique_and_stay_inside(paths: list[tuple[list[str], str]]) -> None:
    names, found = Names(str), []
    for number, (parts, stream) in enumerate(paths):
        row = record(WinPath("C:", tuple(parts)), number)
        own = names.of_object(StoredObject(number, row, ()))
        found.append(own)
        found += [names.of_stream(own, row, stream, beside=beside) for beside in (True, False)]
    assert len({upcase(name) for name in found}) == len(found)
    for name in found:
        assert all(
            part not in {"", ".", ".."} and len(part.encode()) <= 255 for part in name.split("/")
        )


@pytest.mark.parametrize("place", ["File/../../etc/passwd", "File//etc/passwd", "File/C$/./x"])
@pytest.mark.parametrize("form", ["tar", "zip", "bagit"])
def test_a_forged_catalog_leads_nowhere(tmp_path: Path, place: str, form: str) -> None:
    make_store(tmp_path / "store", FakeFilesystem({"a.txt": b"a"}))
    with closing(
        sqlite3.connect(tmp_path / "store/USMT/open-catalog/catalog.sqlite")
    ) as connection:
        connection.execute("UPDATE objects SET stored_as = ? WHERE kind = 'file'", (place,))
        connection.commit()
    with pytest.raises(CorruptStoreError, match="leads outside"):
        export(tmp_path / "store", form, tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_every_hostile_name_is_a_member_of_its_own(tmp_path: Path) -> None:
    bad = [*DEVICES, *SURROGATES, *TERMINAL, *TWINS]
    disk = FakeFilesystem(
        {f"d\\{name}": FakeFile(b"x", streams={"s": b"1", "S": b"2"}) for name in bad if name}
    )
    make_store(tmp_path, disk)
    with open_store(tmp_path) as store:
        for beside in (True, False):
            found = [member.name for member in members(store, Names(str), beside=beside)]
            assert len({upcase(name) for name in found}) == len(found) == 3 * len(bad) + 1


@pytest.mark.parametrize(
    ("tag", "target", "found"),
    [
        (0xA000000C, "a.txt", "a.txt"),
        (0xA000000C, "..\\.\\b\\c:d", "../b/c%3Ad"),
        (0xA000000C, "..\\..\\..\\etc", ""),
        (0xA000000C, "..\\..\\Users\\..\\..\\etc", ""),
        (0xA000000C, "C:\\Windows", ""),
        (0xA000000C, "\\Windows", ""),
        (0xA000000C, "\\\\server\\share", ""),
        (0xA000000C, "etc/passwd", "etc%2Fpasswd"),
        (0xA000001D, "../b", "../b"),
        (0xA000001D, "/etc/passwd", ""),
        (0xA0000003, "a", ""),
        (0xA000000C, "", ""),
    ],
)
def test_a_link_is_one_only_when_it_stays_inside(tag: int, target: str, found: str) -> None:
    row = record(WinPath("C:", ("Users", "bob", "link")), reparse=Reparse(tag, b"", target))
    assert inner_target(row) == found
