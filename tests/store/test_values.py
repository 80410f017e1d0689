"""Registry values, pretended objects and instructions for the restore: in the catalog, and proved by it."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from extractor.gather.values import ValueGatherer
from extractor.model import (
    Entry,
    Instruction,
    Metadata,
    ObjectKind,
    RegistryValue,
    Selected,
    StreamInfo,
    Times,
    WinPath,
)
from extractor.store.directory import DirectoryStore
from extractor.store.manifest import manifest_path, read_manifest
from extractor.store.verify import Verification, verify_store
from tests.store.build import add

KEY = WinPath("HKU", ("S-1-5-21-1-2-3-1001", "Software", "X"))
DATA = {
    "": b"",
    "lone\ud800": b"\1\0\0\0",
    "back\\slash": b"x" * 100_000,
    "tab\t": "é\0".encode("utf-16-le"),
}
MOVE = Instruction(
    "locationModify", "MigXmlHelper.Move('D:\\x')", "S-1", "urn:x/c/data", "r.xml:9",
    (("File", r"C:\a [b]"), ("Registry", r"HKCU\x [\x1b]")),
)  # fmt: skip


def value(
    name: str, data: bytes, kind: ObjectKind = ObjectKind.VALUE, pretended: bool = False
) -> Selected:
    path = KEY / f"[{name}]" if kind is ObjectKind.VALUE else WinPath.parse(rf"C:\Data\{name}")
    size = StreamInfo("", len(data), valid=len(data), resident=True)
    return Selected(
        kind, path, "V", Entry(0, 0, -1, path.name, directory=False), Metadata(0, Times(), streams=(size,)), "S-1",
        chosen=True, rule="r.xml:7", value=RegistryValue(name, 3, data), pretended=pretended,
    )  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Path:
    chosen = [value(name, data) for name, data in DATA.items()]
    chosen.append(value("made.txt", b"made up", ObjectKind.FILE, pretended=True))
    with DirectoryStore(tmp_path / "store") as writer:
        for item in ValueGatherer().gather(chosen, {}):
            add(writer, item, lambda _: None)
        writer.finish({}, {}, [MOVE])
    return tmp_path / "store"


def catalog(store: Path) -> Path:
    return store / "USMT/open-catalog/catalog.sqlite"


def verify(store: Path) -> Verification:
    return verify_store(store, lambda _: None)


def test_a_value_keeps_its_exact_name_type_and_bytes(store: Path) -> None:
    with closing(sqlite3.connect(catalog(store))) as database:
        rows = database.execute('SELECT name_utf16, type, data FROM "values"').fetchall()
    found = {name.decode("utf-16-le", "surrogatepass"): (kind, data) for name, kind, data in rows}
    assert found == {name: (3, data) for name, data in DATA.items()}


def test_the_manifest_tells_type_and_hash_of_a_value(store: Path) -> None:
    rows = {row["path"]: row for row in read_manifest(store) if row.get("kind") == "value"}
    row = rows[rf"{KEY}\[back\slash]"]
    assert (row["type"], row["size"]) == (3, 100_000)
    assert row["sha256"] == hashlib.sha256(DATA["back\\slash"]).hexdigest()
    assert row["name_lengths"]
    assert rows[rf"{KEY}\[]"]["sha256"] == hashlib.sha256(b"").hexdigest()
    assert all("pretended" not in each for each in rows.values())


def test_values_are_no_files_of_the_host(store: Path) -> None:
    found = [each for each in (store / "USMT/File").rglob("*") if each.is_file()]
    assert [each.name for each in found] == ["made.txt"]
    assert found[0].read_bytes() == b"made up"


def test_a_pretended_file_is_marked(store: Path) -> None:
    (row,) = [row for row in read_manifest(store) if row.get("kind") == "file"]
    assert row["pretended"] is True
    assert "type" not in row


def test_the_store_verifies(store: Path) -> None:
    assert verify(store).intact


def test_other_data_in_a_value_is_found_even_with_new_sums(store: Path) -> None:
    with closing(sqlite3.connect(catalog(store))) as database:
        database.execute("UPDATE \"values\" SET data = x'00' WHERE length(data) = 100000")
        database.commit()
    sums = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"
        for path in (catalog(store), manifest_path(store))
    ]
    (store / "USMT/open-catalog/SHA256SUMS").write_text("".join(sums))
    (problem,) = verify(store).problems
    assert "other data of" in problem
    assert "slash" in problem


def test_instructions_are_kept_with_their_patterns_printable(store: Path) -> None:
    with closing(sqlite3.connect(catalog(store))) as database:
        (row,) = database.execute("SELECT kind, text, user, component, source FROM instructions")
        patterns = database.execute(
            "SELECT type, pattern FROM instruction_patterns ORDER BY instruction, position"
        ).fetchall()
    assert row == ("locationModify", MOVE.text, "S-1", "urn:x/c/data", "r.xml:9")
    assert patterns == [("File", r"C:\a [b]"), ("Registry", r"HKCU\x [\x1b]")]


def test_what_attributes_were_left_out_is_told(tmp_path: Path) -> None:
    from dataclasses import replace

    left = replace(value("a", b"1"), left_out="Security,TimeFields")
    with DirectoryStore(tmp_path / "store") as writer:
        for item in ValueGatherer().gather([left], {}):
            add(writer, item, lambda _: None)
        writer.finish({}, {})
    (row,) = [row for row in read_manifest(tmp_path / "store") if row.get("kind") == "value"]
    assert row["left_out"] == "Security,TimeFields"
    assert json.loads(json.dumps(row)) == row
