r"""A store as The Sleuth Kit's body file (3.x), for timelines by ``mactime`` or plaso.

``MD5|name|inode|mode_as_string|UID|GID|size|atime|mtime|ctime|crtime``; MD5 is 0, as ``fls`` has it: the store knows
SHA-256. Files, directories and links, stored or not, each with a second line ``($FILE_NAME)``, and streams. In names
``|`` is ``%7C``, and ``%`` before two digits ``%25``: mactime undoes both. A time before 1970 is 0.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

from extractor.events import ItemDone, Observer
from extractor.filetime import TICKS, UNIX_EPOCH
from extractor.model import ObjectKind, Record, Times, printable
from extractor.store.columns import StoredObject
from extractor.store.export.outcome import Tally
from extractor.store.export.rows import FILES
from extractor.store.opened import OpenStore

MODES = {
    ObjectKind.FILE: "r/rrwxrwxrwx",
    ObjectKind.DIRECTORY: "d/drwxrwxrwx",
    ObjectKind.LINK: "l/lrwxrwxrwx",
}
_ESCAPED = re.compile(r"\||%(?=[0-9A-Fa-f]{2})")


def write_bodyfile(store: OpenStore, sink: BinaryIO, tally: Tally, observer: Observer) -> None:
    """Write the lines of every object of a file system."""
    for found in store.objects(FILES):
        record = found.record
        tally.objects += 1
        sink.writelines(line.encode() + b"\n" for line in _lines(found))
        observer(ItemDone("", record.path, record.outcome, 0, kind=record.kind))


def _lines(found: StoredObject) -> Iterator[str]:
    record, metadata = found.record, found.record.metadata
    own, named = (metadata.times, metadata.name_times) if metadata else (Times(), Times())
    name = _name(record)
    yield _line(name, record, record.size, own)
    if named != Times():
        yield _line(f"{name} ($FILE_NAME)", record, record.size, named)
    for stream in found.streams:
        if stream.name:
            yield _line(f"{name}:{escaped(stream.name)}", record, stream.size, own)


def _name(record: Record) -> str:
    reparse = record.metadata.reparse if record.metadata else None
    target = f" -> {escaped(reparse.target)}" if reparse and reparse.target else ""
    return f"{record.path.drive}/" + "/".join(map(escaped, record.path.parts)) + target


def escaped(text: str) -> str:
    """Return text that keeps its field and its line, and that mactime shows as it is."""
    return _ESCAPED.sub(lambda found: f"%{ord(found[0]):02X}", printable(text))


def _line(name: str, record: Record, size: int, times: Times) -> str:
    moments = (times.accessed, times.modified, times.changed, times.created)
    seconds = "|".join(str(unix_seconds(each)) for each in moments)
    return f"0|{name}|{record.record}|{MODES[record.kind]}|0|0|{size}|{seconds}"


def unix_seconds(filetime: int) -> int:
    """Return whole seconds since 1970; 0 for earlier times."""
    return max(0, (filetime - UNIX_EPOCH) // TICKS)
