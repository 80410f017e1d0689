"""pyfsntfs: libfsntfs, 1 MiB at a time, over the image as a file-like object that begins where the volume does."""
# ruff: noqa: PTH103, PTH123 - the time of pathlib is not the library's

from __future__ import annotations

import os
import sys

import pyfsntfs

PIECE = 1 << 20


class Window:
    """What libfsntfs reads: a file from ``start`` (bytes) to its end."""

    def __init__(self, image: str, start: int) -> None:
        self._file = os.open(image, os.O_RDONLY)
        self._start, self._at = start, 0
        self._size = os.fstat(self._file).st_size - start

    def read(self, length: int) -> bytes:
        data = os.pread(self._file, length, self._start + self._at)
        self._at += len(data)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def get_size(self) -> int:
        return self._size


def main() -> None:
    """Copy as the package says."""
    image, offset, out, *folders = sys.argv[1:]
    volume = pyfsntfs.volume()
    volume.open_file_object(Window(image, int(offset)))
    for folder in folders:
        found = volume.get_file_entry_by_path("\\" + folder.replace("/", "\\"))
        _copy_folder(found, f"{out}/{folder}")


def _copy_folder(folder: pyfsntfs.file_entry, path: str) -> None:
    os.makedirs(path, exist_ok=True)
    for index in range(folder.number_of_sub_file_entries):
        entry = folder.get_sub_file_entry(index)
        if entry.has_directory_entries_index():
            _copy_folder(entry, f"{path}/{entry.name}")
        else:
            _copy_file(entry, f"{path}/{entry.name}")


def _copy_file(file: pyfsntfs.file_entry, path: str) -> None:
    size = file.size
    with open(path, "wb", buffering=0) as out:
        for offset in range(0, size, PIECE):
            data = file.read_buffer(min(PIECE, size - offset))
            out.write(data)


if __name__ == "__main__":
    main()
