"""dissect.ntfs: a walk over the index of each folder, 1 MiB at a time."""
# ruff: noqa: PTH103, PTH123 - the time of pathlib is not the library's

from __future__ import annotations

import os
import sys
from typing import BinaryIO, cast

from dissect.ntfs import NTFS
from dissect.ntfs.index import IndexEntry
from dissect.ntfs.mft import MftRecord
from dissect.util.stream import RangeStream

PIECE = 1 << 20


def main() -> None:
    """Copy as the package says."""
    image, offset, out, *folders = sys.argv[1:]
    with open(image, "rb") as file:
        start, size = int(offset), os.fstat(file.fileno()).st_size
        volume = NTFS(cast("BinaryIO", RangeStream(file, start, size - start)))
        assert volume.mft
        for folder in folders:
            _copy_folder(volume.mft.get(folder), f"{out}/{folder}")


def _copy_folder(folder: MftRecord, path: str) -> None:
    os.makedirs(path, exist_ok=True)
    for name, entry in folder.listdir().items():
        record = cast("IndexEntry", entry).dereference()
        if record.is_reparse_point():
            continue
        if record.is_dir():
            _copy_folder(record, f"{path}/{name}")
        else:
            _copy_file(record, f"{path}/{name}")


def _copy_file(file: MftRecord, path: str) -> None:
    with file.open() as content, open(path, "wb", buffering=0) as out:
        while piece := content.read(PIECE):
            out.write(piece)


if __name__ == "__main__":
    main()
