"""Every file of the benchmark image, read by our NTFS reader, against the BLAKE3 that was taken when it was written.

``python -m bench.verify_all [DISK.raw] [MANIFEST]``; without words the image is ``$COLDSTATE_BENCH_IMAGE``, and the
manifest lies beside it as ``DISK.manifest``: a JSON object a line with ``p`` (path), ``s`` (size), ``b3`` (BLAKE3),
``mt`` (nanoseconds since 1970) and, of named streams, ``ads`` (name -> size). Ends with 1 when anything differs.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

from blake3 import blake3

from extractor.errors import SourceError
from extractor.filesystems import is_link, open_filesystem, walk
from extractor.filetime import UNIX_EPOCH
from extractor.images import open_image
from extractor.model import Entry
from extractor.seams import Filesystem, Stream
from extractor.volumes import volumes

PIECE = 4 << 20
SHOWN = 20
INTERIX_LINK = b"IntxLNK\1"
VARIABLE = "COLDSTATE_BENCH_IMAGE"
Row = dict[str, Any]


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="bench.verify_all", description=__doc__)
    parser.add_argument("image", nargs="?", type=Path, default=os.environ.get(VARIABLE))
    parser.add_argument("manifest", nargs="?", type=Path)
    given = parser.parse_args()
    if given.image is None:
        parser.error(f"name an image, or set {VARIABLE}")
    image = Path(given.image)
    rows = read_manifest(given.manifest or image.with_suffix(".manifest"))
    started = perf_counter()
    with open_image(image) as opened:
        ntfs = [each for each in volumes([opened]) if each.info.filesystem == "ntfs"]
        filesystem = open_filesystem(max(ntfs, key=lambda each: each.info.size))
        found = list(differences(filesystem, rows))
    size = sum(int(row["s"]) for row in rows.values())
    print(f"{len(rows)} files, {size} bytes, {perf_counter() - started:.0f} s: {len(found)} differ")
    print(*found[:SHOWN], sep="\n")
    sys.exit(1 if found else 0)


def read_manifest(path: Path) -> dict[str, Row]:
    """Return the rows of a manifest by path."""
    with path.open(encoding="utf-8") as file:
        return {row["p"]: row for row in map(json.loads, file)}


def differences(filesystem: Filesystem, rows: dict[str, Row]) -> Iterator[str]:
    """Yield a line for each file that is not what the manifest says, for each that is missing, and for damage."""
    missing = dict(rows)
    for entry in walk(filesystem, filesystem.root):
        path = "/".join(filesystem.path(entry))
        row = missing.pop(path, None)
        if row is not None:
            yield from _compared(filesystem, entry, path, row)
        elif not entry.directory and not is_link(entry) and not _is_known(filesystem, entry, rows):
            yield f"{path}: is not in the manifest"
    yield from (f"{path}: is missing" for path in missing)
    yield from (f"record {each.record}: {each.reason}" for each in filesystem.damage)


def _is_known(filesystem: Filesystem, entry: Entry, rows: dict[str, Row]) -> bool:
    """Tell whether a file is another name of one in the manifest, or a symbolic link as ntfs-3g keeps it."""
    others = ("/".join(filesystem.path(each)) for each in filesystem.names(entry.record))
    if any(path in rows for path in others):
        return True
    return filesystem.open(entry).read_at(0, len(INTERIX_LINK)) == INTERIX_LINK


def _compared(filesystem: Filesystem, entry: Entry, path: str, row: Row) -> Iterator[str]:
    try:
        metadata = filesystem.metadata(entry)
        content = _digest(filesystem.open(entry))
    except SourceError as error:
        yield f"{path}: {error}"
        return
    sizes = {stream.name: stream.size for stream in metadata.streams}
    wanted = {"": row["s"], **row.get("ads", {})}
    if content != row["b3"]:
        yield f"{path}: BLAKE3 {content} where the manifest says {row['b3']}"
    if sizes != wanted:
        yield f"{path}: streams {sizes} where the manifest says {wanted}"
    if metadata.times.modified != row["mt"] // 100 + UNIX_EPOCH:
        yield f"{path}: written at {metadata.times.modified}, the manifest says {row['mt']} ns"


def _digest(stream: Stream) -> str:
    digest, at = blake3(), 0
    while at < stream.size:
        data = stream.read_at(at, PIECE)
        digest.update(data)
        at += len(data)
    return digest.hexdigest()


if __name__ == "__main__":
    main()
