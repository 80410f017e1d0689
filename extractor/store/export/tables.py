"""Every object of a store, stored or not, as CSV for spreadsheets and as JSON lines for programs.

A CSV cell that a spreadsheet would take for a formula gets an apostrophe in front, and so does one that begins with an
apostrophe: taking one away gives the text back. The first bytes are a byte order mark, or Excel misreads UTF-8.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterator
from typing import Any, BinaryIO

from extractor.events import ItemDone, Observer
from extractor.model import printable
from extractor.store.columns import StoredObject
from extractor.store.export.outcome import Tally
from extractor.store.export.rows import as_json
from extractor.store.opened import OpenStore

COLUMNS = (
    "path", "stream", "kind", "outcome", "reason", "rule", "size", "sha256", "created", "modified", "changed",
    "accessed", "name_created", "name_modified", "name_changed", "name_accessed", "attributes", "owner", "user",
    "volume", "record", "sequence", "link_count", "short_name", "reparse_tag", "target", "type", "efs", "stored_as",
    "path_utf16", "stream_utf16", "target_utf16", "name_lengths",
)  # fmt: skip
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "'", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""With their full-width twins, which some spreadsheets take too."""


def write_jsonl(store: OpenStore, sink: BinaryIO, tally: Tally, observer: Observer) -> None:
    """Write one JSON object a line; what is empty is left out."""
    sink.writelines(line_of(value) for value in _values(store, tally, observer))


def write_csv(store: OpenStore, sink: BinaryIO, tally: Tally, observer: Observer) -> None:
    """Write one row for each object and one for each of its named streams."""
    text = io.TextIOWrapper(sink, "utf-8-sig", newline="")
    try:
        table = csv.DictWriter(text, COLUMNS, restval="", extrasaction="ignore")
        table.writeheader()
        for value in _values(store, tally, observer):
            table.writerows({key: cell(each) for key, each in row.items()} for row in _rows(value))
        text.flush()
    finally:
        text.detach()


def _values(store: OpenStore, tally: Tally, observer: Observer) -> Iterator[dict[str, Any]]:
    for found in store.objects():
        tally.objects += 1
        record = found.record
        if (problem := _changed(found)) is not None:
            tally.damage(printable(str(record.path)), "", problem)
        yield as_json(store, found)
        observer(ItemDone("", record.path, record.outcome, 0, kind=record.kind))


def _changed(found: StoredObject) -> str | None:
    """Return what is wrong with the data of a value, whose hash its row has."""
    value, sha256 = found.record.value, found.record.sha256
    if value is None or not sha256 or hashlib.sha256(value.data).hexdigest() == sha256:
        return None
    return "the catalog holds other data than was stored"


def line_of(value: dict[str, Any]) -> bytes:
    """Return a line of JSON; what is invisible is escaped."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if printable(text) != text:
        text = json.dumps(value, separators=(",", ":"))
    return text.encode() + b"\n"


def _rows(value: dict[str, Any]) -> Iterator[dict[str, Any]]:
    efs = value.get("efs")
    yield value | {"efs": efs["form"] if efs else "", "stream": ""}
    for stream in value.get("streams", ()):
        if stream["name"]:
            yield {
                "path": value["path"], "path_utf16": value.get("path_utf16", ""), "kind": "stream",
                "outcome": "stored" if stream["stored_as"] else "not-stored", "volume": value["volume"],
                "user": value["user"], "record": value["record"], "sequence": value["sequence"],
                "stream": stream["name"], "stream_utf16": stream.get("name_utf16", ""),
                "size": stream["size"], "sha256": stream["sha256"], "stored_as": stream["stored_as"],
                "name_lengths": value.get("name_lengths", ""),
            }  # fmt: skip


def cell(value: object) -> str:
    """Return the text of a cell: printable, and no formula."""
    if isinstance(value, int):
        return str(value)
    text = " ".join(map(str, value)) if isinstance(value, list) else printable(str(value))
    return f"'{text}" if text.startswith(FORMULA) else text
