"""What a tool wrote, compared with what the image was built from.

The manifest of an image is JSON lines: ``p`` path, ``s`` size in bytes, ``b3`` BLAKE3, and ``ads`` {name: size} where a
file has named streams.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from blake3 import blake3

from bench.peers import PROFILES

SHOWN = 3
PIECE = 1 << 20


@dataclass(slots=True)
class Verdict:
    """How many files, and named streams, are as they were built; the first wrong ones by name."""

    right: int = 0
    wrong: int = 0
    missing: int = 0
    streams_right: int = 0
    streams: int = 0
    examples: list[str] = field(default_factory=list)

    def count(self, path: str, found: bool | None) -> None:
        """Count one file: as built, other, or (None) not there."""
        if found:
            self.right += 1
            return
        if found is None:
            self.missing += 1
        else:
            self.wrong += 1
        if len(self.examples) < SHOWN:
            self.examples.append(f"{'missing' if found is None else 'wrong'}: {path}")


def check_folder(out: Path, manifest: Path) -> Verdict:
    """Compare a plain copy, ``out/Users/bob/…``; it has no named streams."""
    verdict = Verdict()
    for line in _built(manifest):
        verdict.count(line["p"], _same(out / line["p"], line))
        verdict.streams += len(line.get("ads", ()))
    return verdict


def check_store(store: Path, manifest: Path) -> Verdict:
    """Compare a store: each file's content with the image's BLAKE3 and with the SHA-256 that the store says it has."""
    verdict = Verdict()
    root = store / "USMT"
    rows = dict(_stored(root / "open-catalog" / "manifest.jsonl"))
    for line in _built(manifest):
        row, named = rows.get(line["p"]), line.get("ads", {})
        found = None if row is None else _same(root / row["stored_as"], line, row["sha256"])
        verdict.count(line["p"], found)
        verdict.streams += len(named)
        verdict.streams_right += _streams_right(root, row, named) if row else 0
    return verdict


def _built(manifest: Path) -> Iterator[dict[str, Any]]:
    """Yield the manifest's lines of the three profiles."""
    with manifest.open(encoding="utf-8") as lines:
        for line in map(json.loads, lines):
            if line["p"].startswith(tuple(f"{folder}/" for folder in PROFILES)):
                yield line


def _stored(manifest: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield ``Users/bob/…`` and its row of every file that a store says it holds."""
    with manifest.open(encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            if row.get("kind") == "file" and row["outcome"] == "stored":
                exact = bytes.fromhex(row.get("path_utf16", "")).decode("utf-16-le")
                path = exact or row["path"]
                yield path[3:].replace("\\", "/"), row


def _same(path: Path, line: Mapping[str, Any], sha256: str | None = None) -> bool | None:
    """Tell whether a file is what was built, and hashes as was said; None when it is not there."""
    known, said = blake3(), hashlib.sha256()
    try:
        with path.open("rb", buffering=0) as file:
            while piece := file.read(PIECE):
                known.update(piece)
                if sha256:
                    said.update(piece)
    except FileNotFoundError:
        return None
    size = path.stat().st_size
    return (size, known.hexdigest()) == (line["s"], line["b3"]) and (
        sha256 is None or said.hexdigest() == sha256
    )


def _streams_right(root: Path, row: Mapping[str, Any], named: Mapping[str, int]) -> int:
    """Count the named streams that are there in full and hash as the store says."""
    kept = {stream["name"]: stream for stream in row["streams"]}
    right = 0
    for name, size in named.items():
        stream = kept.get(name)
        if stream is None:
            continue
        digest = stream["sha256"]
        data = (root / "open-catalog" / "streams" / digest[:2] / digest).read_bytes()
        right += (len(data), hashlib.sha256(data).hexdigest()) == (size, digest)
    return right
