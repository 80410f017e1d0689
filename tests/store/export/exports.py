"""Exports as a test makes them, and what they have to hold."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

from extractor.events import Observer
from extractor.store.export.exporting import export_store
from extractor.store.export.members import STORED
from extractor.store.export.outcome import NOTES, Exported
from extractor.store.opened import open_store


def silent(_: object) -> None:
    """Hear nothing."""


def export(store: Path, form: str, target: Path, observer: Observer = silent) -> Exported:
    """Export a store."""
    with open_store(store) as opened:
        return export_store(opened, form, target, observer)


def contents(store: Path) -> Counter[str]:
    """Return how often each content is in a store: of files, names of one file included, and streams."""
    with open_store(store) as opened:
        return Counter(
            stream.sha256
            for found in opened.objects(STORED)
            for stream in found.streams
            if stream.stored_as
        )


def own_contents(store: Path) -> dict[str, str]:
    """Return where the content of each file lies, and its hash."""
    with open_store(store) as opened:
        found = (each.content for each in opened.objects(STORED))
        return {each.stored_as: each.sha256 for each in found if each}


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def hashes(folder: Path) -> dict[str, str]:
    """Return the hash of each file below a folder."""
    return {
        str(each.relative_to(folder)): sha256(each.read_bytes())
        for each in folder.rglob("*")
        if each.is_file() and not each.is_symlink()
    }


def notes(folder: Path) -> list[dict[str, Any]]:
    """Return the lines of an unpacked archive's notes."""
    return [json.loads(line) for line in (folder / NOTES).read_text("utf-8").splitlines()]


def flip(path: Path, position: int = 0) -> None:
    data = bytearray(path.read_bytes())
    data[position] ^= 0x20
    path.write_bytes(data)
