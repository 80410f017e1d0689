"""Catalog -> the names of an archive, in order: ``File/C$/Users/…`` as in the store, streams, links that stay inside.

A name is used once, also for a system that does not tell case apart, and never leads outside: a catalog may be forged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from extractor.errors import CorruptStoreError
from extractor.model import ObjectKind, Record, WinPath, printable, upcase
from extractor.store.columns import StoredObject, StoredStream
from extractor.store.opened import OpenStore
from extractor.store.safe_name import LONGEST, safe_name, twin_name

FILES = "File"
STREAMS = "Streams"
"""Where streams go that do not lie beside their file."""
STORED = "outcome = 'stored' AND kind IN ('file', 'directory', 'link')"
SYMLINKS = frozenset({0xA000000C, 0xA000001D})
"""Symbolic links of Windows and of its Linux; a junction is always absolute."""


class MemberKind(StrEnum):
    """What a member is."""

    FILE = "file"
    DIRECTORY = "directory"
    STREAM = "stream"
    LINK = "link"


@dataclass(frozen=True, slots=True)
class Member:
    """One name of an archive and what stands behind it."""

    kind: MemberKind
    name: str
    """Its parts are safe names, ``/`` between them."""
    object: StoredObject
    stream: StoredStream | None = None
    """The bytes, of a file or stream."""
    target: str = ""
    """Of a link: relative and inside; empty when it cannot be one here."""

    @property
    def record(self) -> Record:
        """The row."""
        return self.object.record

    @property
    def shown(self) -> str:
        """Path, and stream, for reading."""
        stream = f":{self.stream.name}" if self.stream and self.stream.name else ""
        return printable(f"{self.record.path}{stream}")


class Names:
    """The names that are taken, and the directories that are not called as their path alone would tell.

    ``spelled`` is how the archive writes a name, which may have rules of its own.
    """

    def __init__(self, spelled: Callable[[str], str]) -> None:
        self._spelled = spelled
        self._taken: set[int] = set()
        self._directories: dict[tuple[str, str, tuple[str, ...]], str] = {}

    def of_object(self, found: StoredObject) -> str:
        """Return the name of an object; raise CorruptStoreError for one that leads outside."""
        record = found.record
        in_place = record.stored_as.startswith(f"{FILES}/")
        plain = "" if in_place and record.kind is ObjectKind.FILE else self._by_path(record)
        name = self._free(_checked(record.stored_as if in_place else plain), record)
        if record.kind is ObjectKind.DIRECTORY and name != plain:
            self._directories[record.path.drive, record.volume, record.path.parts] = name
        return name

    def of_stream(self, owner: str, record: Record, stream: str, *, beside: bool) -> str:
        """Return the name of a stream: ``owner:stream`` or, not beside it, ``Streams/…/owner%3Astream``."""
        folder, _, leaf = owner.rpartition("/")
        if not beside:
            folder = f"{STREAMS}/{folder.partition('/')[2]}".rstrip("/")
        wished = f"{leaf}:{safe_name(stream)}" if beside else f"{leaf}%3A{safe_name(stream)}"
        if len(wished.encode()) > LONGEST:
            wished = twin_name(wished, _identity(record) + _utf16(stream))
        return self._free(f"{folder}/{wished}", record)

    def of_document(self, place: str) -> str:
        """Return the name of a file that is no object; raise CorruptStoreError for one that leads outside."""
        return self._spelled(_checked(place))

    def _free(self, name: str, record: Record) -> str:
        """Return the name, or another one for this object when it is taken."""
        name = self._spelled(name)
        if self._take(name):
            return name
        folder, _, leaf = name.rpartition("/")
        other, count = name, 0
        while not self._take(other):
            identity = _identity(record) + count.to_bytes(8, "big")
            other, count = f"{folder}/{twin_name(leaf, identity)}", count + 1
        return other

    def _take(self, name: str) -> bool:
        key = hash(upcase(name))  # enough: one that meets another's by chance costs a pretty name
        if key in self._taken:
            return False
        self._taken.add(key)
        return True

    def _by_path(self, record: Record) -> str:
        """Return the name that a path has by itself below the directory that is known."""
        path = record.path
        for depth in range(len(path.parts) - 1, -1, -1):
            known = self._directories.get((path.drive, record.volume, path.parts[:depth]))
            if known is not None or depth == 0:
                start = known or f"{FILES}/{drive_directory(path, record.volume)}"
                found = "/".join((start, *map(safe_name, path.parts[depth:])))
                return self._spelled(found)
        return f"{FILES}/{drive_directory(path, record.volume)}"


def members(store: OpenStore, names: Names, *, beside: bool) -> Iterator[Member]:
    """Yield what is in the store, parents first; streams ``beside`` their files or below ``Streams``.

    Raises CorruptStoreError.
    """
    for found in store.objects(STORED):
        name = names.of_object(found)
        yield _own(found, name)
        for stream in found.streams:
            if stream.name and stream.stored_as:
                place = names.of_stream(name, found.record, stream.name, beside=beside)
                yield Member(MemberKind.STREAM, place, found, stream)


def _own(found: StoredObject, name: str) -> Member:
    if found.record.kind is ObjectKind.DIRECTORY:
        return Member(MemberKind.DIRECTORY, name, found)
    if found.content is not None:
        return Member(MemberKind.FILE, name, found, found.content)
    return Member(MemberKind.LINK, name, found, target=inner_target(found.record))


def inner_target(record: Record) -> str:
    """Return where a relative link leads, in names of the store; empty when that is not below its own drive."""
    reparse = record.metadata.reparse if record.metadata else None
    if reparse is None or reparse.tag not in SYMLINKS or not reparse.target:
        return ""
    if ":" in reparse.target[:2] or reparse.target[0] in "\\/":
        return ""
    depth, parts = len(record.path.parts) - 1, []
    for part in reparse.target.split("/" if reparse.tag == 0xA000001D else "\\"):
        if part in {"", "."}:
            continue
        depth += -1 if part == ".." else 1
        if depth < 0:
            return ""
        parts.append(part if part == ".." else safe_name(part))
    return "/".join(parts)


def drive_directory(path: WinPath, volume: str) -> str:
    """Return ``C$``, as USMT writes it; a volume without a letter goes by its id."""
    if len(path.drive) == 2 and path.drive[0].isascii() and path.drive[0].isalpha():
        return f"{path.drive[0].upper()}$"
    return safe_name(f"Volume-{volume}$")


def _checked(name: str) -> str:
    if any(part in {"", ".", ".."} or "\0" in part for part in name.split("/")):
        raise CorruptStoreError(f"the catalog holds a place that leads outside: {printable(name)}")
    return name


def _identity(record: Record) -> bytes:
    return f"{record.volume}\0{record.record}\0{record.sequence}\0".encode() + _utf16(
        str(record.path)
    )


def _utf16(text: str) -> bytes:
    return text.encode("utf-16-le", "surrogatepass")
