"""pytsk3: The Sleuth Kit, 1 MiB at a time."""
# ruff: noqa: PTH103, PTH123 - the time of pathlib is not the library's

from __future__ import annotations

import os
import sys

import pytsk3

PIECE = 1 << 20


def main() -> None:
    """Copy as the package says."""
    image, offset, out, *folders = sys.argv[1:]
    volume = pytsk3.FS_Info(pytsk3.Img_Info(image), offset=int(offset))
    for folder in folders:
        _copy_folder(volume.open_dir("/" + folder), os.fsencode(out) + b"/" + os.fsencode(folder))


def _copy_folder(folder: pytsk3.Directory, path: bytes) -> None:
    os.makedirs(path, exist_ok=True)
    for entry in folder:
        name, meta = entry.info.name, entry.info.meta
        gone = name.flags & pytsk3.TSK_FS_NAME_FLAG_UNALLOC
        if name.name in {b".", b".."} or gone or meta is None:
            continue
        if meta.type == pytsk3.TSK_FS_META_TYPE_DIR:
            _copy_folder(entry.as_directory(), path + b"/" + name.name)
        elif meta.type == pytsk3.TSK_FS_META_TYPE_REG:
            _copy_file(entry, meta.size, path + b"/" + name.name)


def _copy_file(file: pytsk3.File, size: int, path: bytes) -> None:
    with open(path, "wb", buffering=0) as out:
        for offset in range(0, size, PIECE):
            data = file.read_random(offset, min(PIECE, size - offset))
            out.write(data)


if __name__ == "__main__":
    main()
