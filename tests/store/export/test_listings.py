"""CSV, JSON lines, DFXML and the body file tell of every object, in forms that their readers accept."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

import sample_images
from extractor.filetime import UNIX_EPOCH, to_datetime
from extractor.model import printable
from extractor.store.export.bodyfile import escaped
from extractor.store.export.dfxml import DFXML, OURS, xml_text
from extractor.store.export.exporting import stream_store
from extractor.store.export.rows import FILES, iso, owner
from extractor.store.export.tables import COLUMNS, cell
from extractor.store.opened import open_store
from extractor.testing import FakeFile, FakeFilesystem
from tests.conftest import need_tool
from tests.journeys.journey import manifest_of
from tests.store.build import make_store
from tests.store.export.exports import export, silent

TEXTS = st.text(st.characters(codec=None), max_size=20)
FORMULAS = ("=", "+", "-", "@", "\t", "\r")


def listing(store: Path, form: str) -> bytes:
    sink = io.BytesIO()
    with open_store(store) as opened:
        stream_store(opened, form, sink, silent)
    return sink.getvalue()


# --- tables ---------------------------------------------------------------------------------------


def table(store: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(listing(store, "csv").decode("utf-8-sig"), newline="")))


def test_a_csv_has_a_row_for_every_object_and_stream(sample: Path) -> None:
    rows = table(sample)
    manifest = manifest_of(sample).rows
    assert [row["path"] for row in rows if row["kind"] != "stream"] == [
        cell(row["path"]) for row in manifest
    ]
    streams = [each["name"] for row in manifest for each in row["streams"]]
    assert sorted(row["stream"] for row in rows if row["kind"] == "stream") == sorted(streams)
    assert [row["sha256"] for row in rows if row["kind"] == "file"] == [
        row["sha256"] for row in manifest if row["kind"] == "file"
    ]
    assert set(rows[0]) == set(COLUMNS)


def test_no_cell_of_a_csv_is_a_formula_or_moves_a_cursor(hostile: Path) -> None:
    for row in table(hostile):
        for value in row.values():
            assert not value.startswith(FORMULAS)
            assert printable(value) == value


@given(TEXTS)
def test_taking_one_apostrophe_away_gives_the_text_back(text: str) -> None:
    shown = cell(text)
    assert not shown.startswith(FORMULAS)
    assert shown.removeprefix("'") == printable(text)


def test_json_lines_tell_exact_names(sample: Path) -> None:
    lines = listing(sample, "jsonl").decode().splitlines()
    assert all(printable(line) == line for line in lines)
    about = ("path", "path_utf16", "outcome", "kind", "sha256")
    found = [[json.loads(line).get(key) or None for key in about] for line in lines]
    assert found == [[row.get(key) or None for key in about] for row in manifest_of(sample).rows]


def test_json_lines_tell_where_the_bytes_lay(solo: Path) -> None:
    found = [json.loads(line) for line in listing(solo, "jsonl").splitlines()]
    large = [row for row in found if row["kind"] == "file" and row["size"] > 100_000]
    assert any(stream["runs"] for row in large for stream in row["streams"])


def test_a_value_whose_data_was_changed_is_named(tmp_path: Path, hostile: Path) -> None:
    shutil.copytree(hostile, tmp_path / "store")
    with closing(
        sqlite3.connect(tmp_path / "store/USMT/open-catalog/catalog.sqlite")
    ) as connection:
        connection.execute('UPDATE "values" SET data = ? WHERE length(data) > 4', (b"x",))
        connection.commit()
    done = export(tmp_path / "store", "jsonl", tmp_path / "x.jsonl")
    assert done.damaged
    assert "other data than was stored" in done.damaged[0]


# --- times ----------------------------------------------------------------------------------------


@given(st.integers(1, 2_650_467_743_990_000_000))
def test_a_time_is_iso_to_the_tick(filetime: int) -> None:
    text = iso(filetime)
    assert datetime.fromisoformat(text[:26] + "+00:00") == to_datetime(filetime)
    assert text[26:] == f"{filetime % 10}Z"


def test_times_beyond_pythons_calendar_are_exact() -> None:
    assert iso(0) == ""
    assert iso((1 << 64) - 1) == "60056-05-28T05:36:10.9551615Z"


@pytest.mark.parametrize("security", [b"", b"\1" * 19, b"\1" * 20, b"\xff" * 64, bytes(64)])
def test_a_broken_descriptor_has_no_owner(security: bytes) -> None:
    assert owner(security) == ""


# --- DFXML ----------------------------------------------------------------------------------------


def document(store: Path) -> etree._Element:
    return etree.fromstring(listing(store, "dfxml"))


def names(element: etree._Element, tag: str) -> Iterator[str]:
    return (each.text or "" for each in element.iter(f"{{{DFXML}}}{tag}"))


def test_dfxml_has_every_object_with_hash_times_and_place(sample: Path) -> None:
    root = document(sample)
    objects = list(root.iter(f"{{{DFXML}}}fileobject"))
    with open_store(sample) as store:
        rows = list(store.objects(FILES))
    streams = sum(bool(each.name) for row in rows for each in row.streams)
    assert len(objects) == len(rows) + streams
    digests = sorted(names(root, "hashdigest"))
    assert digests == sorted(
        each.sha256 for row in rows for each in row.streams if each.sha256 and each.stored_as
    )
    for run in root.iter(f"{{{DFXML}}}byte_run"):
        assert ("fill" in run.attrib) != ("fs_offset" in run.attrib)
        assert int(run.attrib["len"]) > 0
    paths = [each.text for each in root.iter(f"{{{OURS}}}path_utf16")]
    assert bool(paths) == any(printable(str(row.record.path)) != str(row.record.path) for row in rows)  # fmt: skip


def test_byte_runs_are_where_the_image_has_the_bytes(solo: Path) -> None:
    image = sample_images.unpack("solo").read_bytes()
    proved = 0
    for each in document(solo).iter(f"{{{DFXML}}}fileobject"):
        place = each.findtext(f"{{{OURS}}}stored_as")
        runs = list(each.iter(f"{{{DFXML}}}byte_run"))
        name = each.findtext(f"{{{DFXML}}}filename", "")
        if not place or ":" in name or not runs or any("fill" in run.attrib for run in runs):
            continue
        found = b"".join(
            image[int(run.attrib["img_offset"]) :][: int(run.attrib["len"])] for run in runs
        )
        content = (solo / "USMT" / place).read_bytes()
        proved += found[: len(content)] == content
    assert proved >= 5


def test_dfxml_validates_against_the_schema_of_its_working_group(
    sample: Path, tmp_path: Path
) -> None:
    """DFXML_SCHEMA names dfxml.xsd of github.com/dfxml-working-group/dfxml_schema, with ``ref/`` beside it."""
    schema = os.environ.get("DFXML_SCHEMA")
    if not schema:
        pytest.skip("needs DFXML_SCHEMA")
    export(sample, "dfxml", tmp_path / "x.dfxml")
    rules = etree.XMLSchema(etree.parse(schema))
    rules.assertValid(etree.parse(tmp_path / "x.dfxml"))


@given(TEXTS)
def test_any_text_can_stand_in_xml(text: str) -> None:
    element = etree.Element("a")
    element.text = xml_text(text)
    assert etree.fromstring(etree.tostring(element)).text == (xml_text(text) or None)


@pytest.mark.parametrize(
    "header",
    ["{}", '{"tool": 1, "image": {"images": 2, "volumes": [1, {"id": "FA4E", "offset": -1}]}}'],
)
def test_dfxml_stands_a_header_that_says_nothing(tmp_path: Path, header: str) -> None:
    make_store(tmp_path, FakeFilesystem({"a": b"a"}))
    with closing(sqlite3.connect(tmp_path / "USMT/open-catalog/catalog.sqlite")) as connection:
        connection.execute("UPDATE manifest SET header = ?", (header,))
        connection.commit()
    assert list(names(document(tmp_path), "filename")) == ["a"]


# --- body file ------------------------------------------------------------------------------------


def test_mactime_makes_a_timeline_of_a_body_file(sample: Path, tmp_path: Path) -> None:
    need_tool("mactime")
    export(sample, "bodyfile", tmp_path / "body")
    lines = (tmp_path / "body").read_text("utf-8").splitlines()
    assert all(line.count("|") == 10 and printable(line) == line for line in lines)
    words = ["mactime", "-b", str(tmp_path / "body"), "-d", "-z", "UTC"]
    ran = subprocess.run(words, capture_output=True, text=True, check=True)
    timeline = ran.stdout
    with open_store(sample) as store:
        rows = list(store.objects("outcome = 'stored' AND kind = 'file'"))
    for row in rows:
        if row.record.metadata and row.record.metadata.times.created > UNIX_EPOCH:
            assert printable(row.record.path.name).replace('"', '""') in timeline


def test_a_body_file_keeps_fields_apart_and_mactime_undoes_it(tmp_path: Path) -> None:
    need_tool("mactime")
    disk = {"d\\a|b": FakeFile(b"x"), "d\\100%41": FakeFile(b"x", streams={"s": b"yy"})}
    make_store(tmp_path / "store", FakeFilesystem(disk))
    export(tmp_path / "store", "bodyfile", tmp_path / "body")
    text = (tmp_path / "body").read_text("utf-8")
    assert "C:/d/a%7Cb|" in text
    assert "C:/d/100%2541:s|" in text
    assert escaped("50% off") == "50% off"
    dated = "".join(line.replace("|0|0|0|0", "|5|5|5|5") + "\n" for line in text.splitlines())
    (tmp_path / "body").write_text(dated, "utf-8")
    words = ["mactime", "-b", str(tmp_path / "body"), "-d", "-z", "UTC"]
    shown = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert "C:/d/a|b" in shown
    assert "C:/d/100%41" in shown
