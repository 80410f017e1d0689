"""A whole run as a user makes it, and its manifest as a stranger's script reads it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from extractor.cli.main import main
from sample_images.contents import Contents, Entry, contents_of

Row = dict[str, Any]


@dataclass(frozen=True)
class Manifest:
    """The lines of a manifest.jsonl."""

    header: Row
    rows: list[Row]
    trailer: Row
    lines: list[bytes]

    def at(self, path: tuple[str, ...], drive: str = "C:") -> Row:
        """Return the row of an exact path."""
        wanted = "\\".join((drive, *path))
        found = [row for row in self.rows if exact_path(row) == wanted]
        assert len(found) == 1, f"{len(found)} rows for {wanted!r}"
        return found[0]


def disagreements(manifest: Manifest, name: str, letter: str) -> list[tuple[str, str, str]]:
    """Return (path, expected, outcome) where a manifest differs from what contents.toml expects of a volume.

    What is excluded may be missing from the manifest: a folder that is left out whole is one row.
    """
    outcomes = {exact_path(row): str(row["outcome"]) for row in manifest.rows}
    found = []
    for entry in entries(contents_of(name), letter):
        path = "\\".join((f"{letter}:", *entry.path)) if entry.path else f"{letter}:\\"
        outcome = outcomes.get(path, "excluded")
        if outcome != entry.expect:
            found.append((path, entry.expect, outcome))
    return found


def exact_path(row: Row) -> str:
    """Return the path of a row with nothing escaped."""
    if "path_utf16" in row:
        return bytes.fromhex(row["path_utf16"]).decode("utf-16-le", "surrogatepass")
    return str(row["path"])


def scan(store: Path, *words: str | Path) -> int:
    """Run ``coldstate scan`` quietly; return its exit code."""
    return main(
        ["scan", *map(str, words), "--store", str(store), "--nocompress", "--progress", "none"]
    )


def manifest_of(store: Path) -> Manifest:
    """Read ``STORE/USMT/open-catalog/manifest.jsonl``."""
    lines = (store / "USMT" / "open-catalog" / "manifest.jsonl").read_bytes().splitlines()
    values = [json.loads(line) for line in lines]
    return Manifest(values[0], values[1:-1], values[-1], lines)


def entries(contents: Contents, letter: str = "C") -> Iterator[Entry]:
    """Yield what contents.toml lists for a volume."""
    for volume in contents.volumes:
        if volume.letter == letter:
            yield from volume.entries
