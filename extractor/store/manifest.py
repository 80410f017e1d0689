"""The manifest: JSON lines that are the same for the same input, whatever the order of work, machine or day.

First line: what the run was (``format``, ``version``, ``loadstate_readable`` and the caller's own fields). Then one
line for every object, sorted by upcased path, exact path (UTF-16) and kind. Last line: ``kind`` trailer, the number
of objects, the SHA-256 of the objects' lines, and the ledger's totals. Names are shown printable; where that is not
exact, ``path_utf16`` (UTF-16LE, hexadecimal) is there too, and ``name_lengths`` where a name holds a backslash.
Times are FILETIME. Source: DESIGN.md 5.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from extractor.errors import CorruptStoreError, NoSuchStoreError
from extractor.model import printable
from extractor.store.catalog import Catalog
from extractor.store.place import CATALOG_DIRECTORY, FINAL, INCOMPLETE

MANIFEST = "manifest.jsonl"
FORMAT = "coldstate-manifest"
VERSION = 1

_TIMES = ("created", "modified", "changed", "accessed")
_AS_TEXT = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":")).encode
_AS_ASCII = json.JSONEncoder(check_circular=False, separators=(",", ":")).encode


def header_line(header: Mapping[str, object]) -> str:
    """Return the first line; our own three fields cannot be overridden."""
    ours = {"format": FORMAT, "version": VERSION, "loadstate_readable": False}
    theirs = {printable(key): _shown(value) for key, value in header.items()}
    return _line({**ours, **theirs, **ours})


def write_objects(catalog: Catalog, write: Callable[[bytes], object]) -> tuple[int, str]:
    """Write the objects' lines; return their number and the SHA-256 of all of them."""
    digest, count = hashlib.sha256(), 0
    for row in catalog.rows():
        line = _line(_object(catalog, row)).encode()
        digest.update(line)
        write(line)
        count += 1
    return count, digest.hexdigest()


def trailer_line(count: int, digest: str, totals: Mapping[str, object]) -> str:
    """Return the last line."""
    return _line(
        {"kind": "trailer", "objects": count, "objects_sha256": digest, "totals": _shown(totals)}
    )


def _line(value: Mapping[str, object]) -> str:
    text = _AS_TEXT(value)
    if printable(text) != text:  # ``stored_as`` is exact: what is invisible in it is escaped
        text = _AS_ASCII(value)
    return text + "\n"


def _shown(value: object) -> object:
    """Return a JSON value whose texts are printable: they may come from the image (a computer's name)."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, Mapping):
        return {printable(str(key)): _shown(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_shown(each) for each in value]
    return value


def _object(catalog: Catalog, row: sqlite3.Row) -> dict[str, object]:
    links = catalog.links(row) if row["kind"] == "file" and (row["link_count"] or 0) > 1 else []
    named = catalog.named_streams(row["id"]) if row["has_named"] else ()
    streams = [_stream(each) for each in named]
    return {
        "kind": row["kind"],
        "path": row["path"],
        **_exact("path", row["path"], row["path_utf16"]),
        **({"name_lengths": row["name_lengths"]} if row["name_lengths"] else {}),
        "volume": row["volume"],
        "user": row["user"],
        "outcome": row["outcome"],
        "reason": row["reason"],
        "rule": row["rule"],
        "size": row["size"],
        "sha256": row["sha256"],
        "streams": streams,
        "times": _times(row),
        "attributes": row["attributes"],
        "sddl": row["sddl"],
        "links": links,
        "record": row["record"],
        "sequence": row["sequence"],
        "stored_as": row["stored_as"],
        **_target(row),
        **_asked_for(row),
        **_efs(catalog, row),
    }


def _asked_for(row: sqlite3.Row) -> dict[str, object]:
    """Return what only some objects have: a value's type, and what addObjects and excludeAttributes made of it."""
    found: dict[str, object] = {}
    if row["value_type"] is not None:
        found["type"] = row["value_type"]
    if row["pretended"]:
        found["pretended"] = True
    if row["left_out"]:
        found["left_out"] = row["left_out"]
    return found


def _efs(catalog: Catalog, row: sqlite3.Row) -> dict[str, object]:
    """Return what an EFS file became, and who can open it; ``sha256`` and ``efs_size`` are of the stored bytes."""
    found = catalog.efs(row["id"]) if row["is_efs"] else None
    if found is None:
        return {}
    efs, users = found
    about = ("role", "sid", "name", "thumbprint")
    return {
        "efs": efs["form"],
        "efs_size": efs["size"],
        "efs_verdict": efs["verdict"],
        "efs_reason": efs["reason"],
        "efs_users": [{key: user[key] for key in about} for user in users],
    }


def _exact(key: str, shown: str, exact: bytes) -> dict[str, str]:
    return {} if shown.encode("utf-16-le") == exact else {f"{key}_utf16": exact.hex()}


def _stream(row: sqlite3.Row) -> dict[str, object]:
    return {
        "name": row["name"],
        **_exact("name", row["name"], row["name_utf16"]),
        "size": row["size"],
        "sha256": row["sha256"],
    }


def _times(row: sqlite3.Row) -> dict[str, int]:
    if row["si_created"] is None:
        return {}
    own = {name: row[f"si_{name}"] & (1 << 64) - 1 for name in _TIMES}
    return own | {f"name_{name}": row[f"fn_{name}"] & (1 << 64) - 1 for name in _TIMES}


def _target(row: sqlite3.Row) -> dict[str, object]:
    if row["reparse_tag"] is None:
        return {}
    target = row["reparse_target"]
    exact = _exact("target", target, row["reparse_target_utf16"])
    return {"reparse_tag": row["reparse_tag"], "target": target, **exact}


def catalog_directory(store: Path) -> Path:
    """Return ``open-catalog`` of a finished store; raise NoSuchStoreError (27) when there is none."""
    found = store / FINAL / CATALOG_DIRECTORY
    if (found / MANIFEST).is_file():
        return found
    if (store / INCOMPLETE).is_dir() and not (store / FINAL).exists():
        raise NoSuchStoreError(
            f"{store} holds an incomplete store: its run did not end; run it again"
        )
    raise NoSuchStoreError(
        f"{store} holds no store of this program ({FINAL}/{CATALOG_DIRECTORY}/{MANIFEST})"
    )


def manifest_path(store: Path) -> Path:
    """Return the manifest of a finished store; raise NoSuchStoreError (27)."""
    return catalog_directory(store) / MANIFEST


def read_manifest(store: Path) -> Iterator[dict[str, Any]]:
    """Yield header, objects, trailer of a store's manifest.

    Raises NoSuchStoreError (27); CorruptStoreError (42) for a line that is no JSON object, another format, a missing
    trailer, and objects that differ from what the trailer says of them.
    """
    path = manifest_path(store)
    with path.open("rb") as file:
        yield from parse_manifest(file, path)


def parse_manifest(file: Iterable[bytes], path: Path) -> Iterator[dict[str, Any]]:
    """Yield the lines of an open manifest as ``read_manifest`` does; ``path`` is what messages name."""
    digest, count = hashlib.sha256(), 0
    value: dict[str, Any] = {}
    for number, line in enumerate(file, 1):
        value = _parse(path, number, line)
        yield value
        if number > 1 and value.get("kind") != "trailer":
            digest.update(line)
            count += 1
    if value.get("kind") != "trailer":
        raise CorruptStoreError(f"{path}: the last line is missing: the manifest was cut")
    if (count, digest.hexdigest()) != (value.get("objects"), value.get("objects_sha256")):
        raise CorruptStoreError(f"{path}: the lines of the objects are not those that were written")


def _parse(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise CorruptStoreError(f"{path}:{number}: no JSON: {error}") from error
    if not isinstance(value, dict):
        raise CorruptStoreError(f"{path}:{number}: no JSON object")
    if number == 1 and (value.get("format"), value.get("version")) != (FORMAT, VERSION):
        raise CorruptStoreError(f"{path}: not a manifest of format {FORMAT} {VERSION}")
    return value
