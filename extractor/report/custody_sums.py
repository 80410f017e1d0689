"""Sums that anybody can check: what stands in ``STORE``, as lines of ``sha256sum``.

``SHA256SUMS`` covers the records, the log, and of each store below ``STORE`` the files that prove the rest: catalog,
manifest and their own sums, and whole archives (``store.wim``). ``files.sha256`` has a line for every file and stream
of an uncompressed store. Names are relative to the custody folder: ``cd STORE/custody && sha256sum -c SHA256SUMS``.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

FOLDER = "custody"
SUMS = "SHA256SUMS"
FILES = "files.sha256"
STORE_NAME = "USMT"
CATALOG_NAME = "open-catalog"
MANIFEST_NAME = "manifest.jsonl"
_PLAIN_FILES = "File"
"""Below STORE/USMT: where an uncompressed store keeps its files (extractor/store/SCHEMA.md)."""
_SEALED, _SEALED_SUMS = ".age", "sealed.sha256"
"""Of an encrypted store (extractor/store/sealed)."""
_ARCHIVES = (".wim", _SEALED)
_PLAIN_ROW = re.compile(
    rb'\{"kind":"file",.*"sha256":"([0-9a-f]{64})","streams":\[\],.*"stored_as":"([^"\\]+)"'
)
"""A line of a file without named streams, which nearly all are: JSON would take four times as long."""
_STREAMS = f"{CATALOG_NAME}/streams"


def stores_below(store: Path, *, several: bool) -> dict[str, Path]:
    """Return the finished store in a folder, or those in the folders below it, by name from the custody folder."""
    names = [f"{name}/{STORE_NAME}" for name in _names(store)] if several else [STORE_NAME]
    return {f"../{name}": store / name for name in names if _is_store(store / name)}


def _is_store(path: Path) -> bool:
    archives = any(name.endswith(_ARCHIVES) for name in _names(path))
    return _is_folder(path) and (archives or _is_folder(path / CATALOG_NAME))


def _names(folder: Path) -> list[str]:
    try:
        return sorted((each.name for each in folder.iterdir()), key=os.fsencode)
    except OSError:
        return []


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def sums_of(store: Path) -> dict[str, str]:
    """Return the hashes of the files that prove a store (``STORE/USMT``), by name below it; raise OSError."""
    names = [
        *_without_sealed(_names(store)),
        *(f"{CATALOG_NAME}/{name}" for name in _without_sealed(_names(store / CATALOG_NAME))),
    ]
    found = ((name, file_sum(store / name)) for name in names)
    return {name: digest for name, digest in found if digest is not None}


def _without_sealed(names: list[str]) -> list[str]:
    """Leave out the parts of an encrypted store where they have sums of their own, which prove them."""
    sealed = _SEALED_SUMS in names
    return [name for name in names if not (sealed and name.endswith(_SEALED))]


def file_sum(path: Path) -> str | None:
    """Return the SHA-256 of a regular file; None for what is none, or is not there."""
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            return None
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (FileNotFoundError, NotADirectoryError):
        return None


def sum_line(digest: str, name: str) -> str:
    """Return the line that ``sha256sum`` prints of a file."""
    escaped = name.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    return f"{'' if escaped == name else chr(92)}{digest}  {escaped}\n"


def parse_sums(text: str) -> dict[str, str]:
    """Return the names and hashes of lines that ``sum_line`` made of names without a backslash."""
    lines = (line for line in text.split("\n") if line and not line.startswith("#"))
    return {line[66:]: line[:64] for line in lines}


def file_lines(stores: Mapping[str, Path]) -> Iterator[str]:
    """Yield a line for every file and stream of uncompressed stores, each once, as the manifest has them.

    Raises OSError.
    """
    for name, path in stores.items():
        if not _is_folder(path / _PLAIN_FILES):
            continue
        with (path / CATALOG_NAME / MANIFEST_NAME).open("rb") as manifest:
            try:
                yield from _lines_of(name, manifest)
            except (ValueError, AttributeError):  # an older store, and somebody changed it
                yield f"# the manifest of {name} cannot be read\n"


def _lines_of(name: str, manifest: Iterable[bytes]) -> Iterator[str]:
    seen: set[str] = set()  # other names of a file that has several, and streams that are kept once
    for line in manifest:
        for place, digest in _stored(line):
            if place in seen:
                continue
            seen.add(place)
            if len(digest) == 64:
                yield sum_line(digest, f"{name}/{place}")
            else:  # a hash of what a sparse file holds: sha256sum would read all its holes
                yield f"# `coldstate store verify` checks {name}/{place!a}\n"


def _stored(line: bytes) -> Iterator[tuple[str, str]]:
    """Yield where an object's own content and its streams lie in the store, and their hashes."""
    if b'"sha256":"' not in line:
        return
    if plain := _PLAIN_ROW.match(line):
        yield plain[2].decode(), plain[1].decode()
        return
    row = json.loads(line)
    place, digest = row.get("stored_as"), row.get("sha256")
    if place and digest and row.get("kind") in {"file", "link"}:
        yield str(place), str(digest)
    streams = row.get("streams")
    for stream in streams if isinstance(streams, list) else ():
        if digest := stream.get("sha256"):
            yield f"{_STREAMS}/{digest[:2]}/{digest}", digest
