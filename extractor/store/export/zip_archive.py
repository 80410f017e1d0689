"""A zip: deflated, zip64 where needed, times to 100 ns in the NTFS field that 7-Zip and Windows read."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Callable
from typing import BinaryIO

from extractor.filetime import to_datetime
from extractor.model import Record
from extractor.store.export.proof import Proof

LONGEST_NAME = 0xFFFF
_NTFS = struct.Struct("<HHIHHQQQ")
"""Extra field 0x000A: reserved, then attribute 1 with modification, access, creation (APPNOTE 4.5.5)."""
_DOS_ATTRIBUTES = 0x27
"""Read-only, hidden, system, archive."""
_DOS_DIRECTORY = 0x10
_EPOCH = (1980, 1, 1, 0, 0, 0)


class ZipArchive:
    """A zip being written to ``sink``, which can seek. Links are left to the notes: not every zip tool is safe."""

    beside = False
    links = None

    def __init__(self, sink: BinaryIO) -> None:
        self._sink = sink
        self._zip = zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False)

    def spelled(self, name: str) -> str:
        """Return the name as it is."""
        return name

    def accepts(self, name: str) -> str:
        """Refuse what the format's 16 bits cannot count."""
        return "its name is too long for a zip" if len(name.encode()) + 1 > LONGEST_NAME else ""

    def directory(self, name: str, record: Record) -> None:
        """Add a directory."""
        info = _info(name + "/", record, 0o40755)
        info.external_attr |= _DOS_DIRECTORY
        info.compress_type = zipfile.ZIP_STORED
        self._zip.writestr(info, b"")

    def file(self, name: str, content: Proof, record: Record | None) -> None:
        """Add a file."""
        info = _info(name, record, 0o100644)
        info.file_size = content.size
        with self._zip.open(info, "w") as target:
            while data := content.read():
                target.write(data)

    def take_back(self) -> bool:
        """Cut the last member off: the next begins where it began, and the directory does not name it."""
        last = self._zip.filelist.pop()
        self._zip.NameToInfo.pop(last.filename)
        self._zip.start_dir = last.header_offset
        self._sink.seek(last.header_offset)
        self._sink.truncate()
        return True

    def text(self, name: str, write: Callable[[Callable[[bytes], object]], None]) -> None:
        """Add a file of ours."""
        with self._zip.open(_info(name, None, 0o100644), "w", force_zip64=True) as target:
            write(target.write)

    def finish(self) -> None:
        """Write the directory."""
        self._zip.close()

    def close(self) -> None:
        """Let go: one that is not finished must not be finished by the garbage collector."""
        self._zip.fp = None


def _info(name: str, record: Record | None, mode: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _EPOCH)
    info.compress_type, info.create_system = zipfile.ZIP_DEFLATED, 3
    info.external_attr = mode << 16
    if record is None or record.metadata is None:
        return info
    times = record.metadata.times
    info.date_time = _dos_time(times.modified)
    info.external_attr |= record.metadata.attributes & _DOS_ATTRIBUTES
    info.extra = _NTFS.pack(10, 32, 0, 1, 24, times.modified, times.accessed, times.created)
    return info


def _dos_time(filetime: int) -> tuple[int, int, int, int, int, int]:
    """Return what the old field can hold: 1980 to 2107."""
    try:
        moment = to_datetime(filetime)
    except OverflowError:
        return (2107, 12, 31, 23, 59, 59)
    if moment.year < 1980:
        return _EPOCH
    if moment.year > 2107:
        return (2107, 12, 31, 23, 59, 59)
    return (*moment.timetuple()[:3], moment.hour, moment.minute, moment.second)
