"""Fakes that behave, for our tests and for the authors of plug-ins; and the contract checks of the seams."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Self, TypeVar

from extractor.errors import DamagedError
from extractor.events import Event
from extractor.model import (
    FILE_ATTRIBUTE_ARCHIVE,
    FILE_ATTRIBUTE_DIRECTORY,
    BadRange,
    Candidate,
    Damage,
    Entry,
    ImageInfo,
    Metadata,
    RegistryValue,
    Reparse,
    StreamInfo,
    Times,
    VolumeInfo,
    upcase,
)
from extractor.seams import Filesystem, HiveNote, Locator, Stream

Kind = TypeVar("Kind")
NEVER = Times()


class FakeImage:
    """An image in memory; ``bad`` ranges raise DamagedError when a read touches them."""

    def __init__(
        self, content: bytes, sector_size: int = 512, bad: Sequence[BadRange] = ()
    ) -> None:
        self.content = content
        self._bad = tuple(bad)
        self.info = ImageInfo("fake.raw", "raw", len(content), sector_size, ("fake.raw",))

    @property
    def size(self) -> int:
        return len(self.content)

    def read_at(self, offset: int, length: int) -> bytes:
        for bad in self._bad:
            if offset < bad.offset + bad.length and bad.offset < offset + length:
                raise DamagedError(f"{bad.reason} at byte {bad.offset}")
        return self.content[offset : offset + length]

    def bad_ranges(self) -> Sequence[BadRange]:
        return self._bad

    def close(self) -> None:
        """Nothing is open."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class FakeStream:
    """A stream in memory."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    @property
    def size(self) -> int:
        return len(self.content)

    def read_at(self, offset: int, length: int) -> bytes:
        return self.content[offset : offset + length]

    def extents(self) -> Iterable[tuple[int, int]]:
        return [(0, len(self.content))] if self.content else []


@dataclass(frozen=True, slots=True)
class FakeFile:
    """What a FakeFilesystem holds at a path: content, streams, and metadata that is not the usual."""

    content: bytes = b""
    streams: Mapping[str, bytes] = field(default_factory=dict)
    directory: bool = False
    attributes: int = 0
    times: Times = NEVER
    reparse: Reparse | None = None
    security: bytes = b""
    sddl: str = ""
    short_name: str = ""
    error: Exception | None = None
    """Raised when a stream is opened."""
    link_to: str = ""
    """Path of the file this is another name of."""


FAKE_VOLUME = VolumeInfo("FA4E", 0, 1, 0, 1 << 30, 512, "ntfs", "Fake", 0xFA4E)


class FakeFilesystem:
    r"""A file system made of a mapping ``Users\bob\a.txt`` -> content; directories appear by themselves.

    A value is the content (bytes), a FakeFile, or None for an empty directory. A FakeFile with
    ``link_to`` shares the record of that path. Records are numbered from 64 in the order
    given; the root is record 5, as in NTFS.
    """

    def __init__(
        self,
        files: Mapping[str, bytes | FakeFile | None],
        info: VolumeInfo = FAKE_VOLUME,
        damage: Sequence[Damage] = (),
    ) -> None:
        self.info = info
        self.damage = tuple(damage)
        self.root = Entry(5, 5, 5, "", directory=True)
        self._files: dict[int, FakeFile] = {5: FakeFile(directory=True)}
        self._children: dict[int, list[Entry]] = {5: []}
        self._by_path: dict[tuple[str, ...], Entry] = {(): self.root}
        for path, value in files.items():
            self._add(tuple(path.split("\\")), _as_file(value))

    def _add(self, parts: tuple[str, ...], file: FakeFile) -> Entry:
        if len(parts) > 1 and parts[:-1] not in self._by_path:
            self._add(parts[:-1], FakeFile(directory=True))
        parent = self._by_path[parts[:-1]]
        linked = self._by_path.get(tuple(file.link_to.split("\\"))) if file.link_to else None
        record = linked.record if linked else 64 + len(self._files)
        tag = file.reparse.tag if file.reparse else 0
        entry = Entry(record, 1, parent.record, parts[-1], file.directory, file.short_name, tag)
        if linked is None:
            self._files[record] = file
        if file.directory:
            self._children[record] = []
        self._children[parent.record].append(entry)
        self._by_path[parts] = entry
        return entry

    def children(self, directory: Entry) -> Sequence[Entry]:
        if directory.reparse_tag:
            return []
        found = self._children.get(directory.record, [])
        return sorted(found, key=lambda each: (upcase(each.name), each.name, each.record))

    def named(self, name: str) -> Sequence[Entry]:
        wanted = upcase(name)
        return [each for each in self._by_path.values() if upcase(each.name) == wanted]

    def names(self, record: int) -> Sequence[Entry]:
        return [each for each in self._by_path.values() if each.record == record]

    def path(self, entry: Entry) -> tuple[str, ...]:
        return next(
            parts
            for parts, each in self._by_path.items()
            if (each.record, each.parent, each.name) == (entry.record, entry.parent, entry.name)
        )

    def metadata(self, entry: Entry) -> Metadata:
        file = self._files[entry.record]
        usual = FILE_ATTRIBUTE_DIRECTORY if file.directory else FILE_ATTRIBUTE_ARCHIVE
        own = [] if file.directory else [StreamInfo("", len(file.content), valid=len(file.content))]
        named = [
            StreamInfo(name, len(data), valid=len(data)) for name, data in file.streams.items()
        ]
        return Metadata(
            attributes=file.attributes or usual,
            times=file.times,
            name_times=file.times,
            streams=(*own, *named),
            security=file.security,
            sddl=file.sddl,
            reparse=file.reparse,
            link_count=len(self.names(entry.record)),
        )

    def open(self, entry: Entry, stream: str = "") -> Stream:
        file = self._files[entry.record]
        if file.error:
            raise file.error
        return FakeStream(file.streams[stream] if stream else file.content)

    def close(self) -> None:
        """Nothing is open."""


def _as_file(value: bytes | FakeFile | None) -> FakeFile:
    if value is None:
        return FakeFile(directory=True)
    return FakeFile(value) if isinstance(value, bytes) else value


class FakeHive:
    r"""A hive made of ``{"Microsoft\\Windows": {"Name": "text" | 7 | b"binary" | ["multi"] | RegistryValue}}``."""

    def __init__(self, keys: Mapping[str, Mapping[str, object]], *, dirty: bool = False) -> None:
        self.dirty = dirty
        self.notes: Sequence[HiveNote] = ()
        self._names: dict[tuple[str, ...], str] = {}
        self._values: dict[tuple[str, ...], list[RegistryValue]] = {(): []}
        for path, values in keys.items():
            parts = path.split("\\")
            for depth in range(1, len(parts) + 1):
                key = tuple(map(upcase, parts[:depth]))
                self._names.setdefault(key, parts[depth - 1])
                self._values.setdefault(key, [])
            self._values[_key(path)].extend(_as_value(name, data) for name, data in values.items())

    def exists(self, key: str) -> bool:
        return _key(key) in self._values

    def subkeys(self, key: str = "") -> Sequence[str]:
        parent = _key(key)
        return [name for path, name in self._names.items() if path[:-1] == parent]

    def values(self, key: str) -> Sequence[RegistryValue]:
        return self._values.get(_key(key), [])

    def value(self, key: str, name: str = "") -> RegistryValue | None:
        return next((each for each in self.values(key) if upcase(each.name) == upcase(name)), None)

    def last_written(self, key: str = "") -> int:
        return 132_000_000_000_000_000 if self.exists(key) else 0

    def damage(self, _key: str) -> str:
        return ""


def _key(path: str) -> tuple[str, ...]:
    return tuple(upcase(part) for part in path.split("\\") if part)


def _as_value(name: str, data: object) -> RegistryValue:
    if isinstance(data, RegistryValue):
        return replace(data, name=name)
    if isinstance(data, str):
        kind = 2 if "%" in data else 1
        return RegistryValue(name, kind, (data + "\0").encode("utf-16-le", "surrogatepass"))
    if isinstance(data, int):
        return RegistryValue(name, 4, data.to_bytes(4, "little"))
    if isinstance(data, bytes):
        return RegistryValue(name, 3, data)
    if isinstance(data, list):
        text = "".join(f"{part}\0" for part in data) + "\0"
        return RegistryValue(name, 7, text.encode("utf-16-le", "surrogatepass"))
    raise TypeError(f"a FakeHive cannot hold {type(data).__name__}")


class RecordingObserver:
    """Keeps every event it is told."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def __call__(self, event: Event) -> None:
        self.events.append(event)

    def of(self, kind: type[Kind]) -> list[Kind]:
        """Return the events of one kind, in order."""
        return [event for event in self.events if isinstance(event, kind)]


def check_locator(
    locator_class: type[Locator], filesystems: Sequence[Filesystem]
) -> list[Candidate]:
    """Run a locator as the product would and prove that it keeps the seam's promises; return what it found.

    Raises AssertionError with one sentence that says which promise is broken.
    """
    name = getattr(locator_class, "name", None)
    _promise(isinstance(name, str) and bool(name), "a locator has a class attribute `name`")
    found = list(locator_class().locate(filesystems))
    again = list(locator_class().locate(list(reversed(filesystems))))
    _promise(set(found) == set(again), "what is found does not depend on the order of the volumes")
    _promise(len(found) == len(set(found)), "a candidate is yielded once")
    volumes = {filesystem.info.id: filesystem for filesystem in filesystems}
    for candidate in found:
        _promise(candidate.volume in volumes, f"candidate names a volume it was given: {candidate}")
        entries = volumes[candidate.volume].names(candidate.record)
        _promise(any(each.directory for each in entries), f"candidate is a directory: {candidate}")
        _promise(candidate.kind in {"windows", "windows.old"}, f"kind is known: {candidate}")
        _promise(candidate.valid != bool(candidate.reason), f"invalid means a reason: {candidate}")
        _promise(bool(candidate.evidence), f"a candidate carries evidence: {candidate}")
    return found


def _promise(kept: bool, promise: str) -> None:
    if not kept:
        raise AssertionError(promise)
