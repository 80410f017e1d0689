"""An opened store and an opened machine -> what the disk holds otherwise now than the store does.

Each stored file is found again by its record, else by its path; its streams are read through our own readers and
hashed, and its facts are compared as those of two stores are. Registry values are asked of the hives. What the rules
would choose today is not asked: new is what lies in folders that the store has and the catalog has never heard of.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from extractor.errors import DamagedError, NoWindowsError, SourceError
from extractor.events import BytesCopied, Noted, Observer
from extractor.filesystems import is_link
from extractor.machine import Machine
from extractor.model import (
    Entry,
    Metadata,
    ObjectKind,
    Record,
    StreamInfo,
    WinPath,
    printable,
    upcase,
)
from extractor.seams import Filesystem, Stream
from extractor.store.copying import checked_extents
from extractor.store.diff import (
    SECURITY,
    TIMES,
    Change,
    Compared,
    Difference,
    Side,
    changes_of,
    facts_of,
)
from extractor.store.digest import BLOCK, HOLES, Digest, new_digest
from extractor.store.opened import OpenStore
from extractor.windows import WindowsInstall, open_install, survey

EFS = "EFS: what is stored is not what lies on the disk"
PRETENDED = "asked for by the rules, never on the disk"
UNREADABLE = "cannot be read"
NO_FILE = "an account or a registry key"
NO_HIVE_VALUE = "a value of an INI file, or below a key that no path can name"
NO_HIVE = "its hive cannot be read"
WITHOUT = {"Security": (SECURITY,), "TimeFields": TIMES}
"""What excludeAttributes takes from the metadata in the store -> the facts that cannot be compared."""
_KNOWN = """
SELECT volume, path_utf16, sort_key FROM objects WHERE kind IN ('file', 'directory', 'link')
"""


@dataclass(slots=True)
class ImageCompared(Compared):
    """How much was compared with an image, while it is."""

    bytes: int = 0
    """Read and hashed."""
    uncompared: Counter[str] = field(default_factory=Counter)
    """Why an object could not be compared, or not its content -> how many."""


def windows_of(store: OpenStore, machine: Machine) -> WindowsInstall:
    """Return the Windows of a machine that a store was made of; raise NoWindowsError when it is not there."""
    told = store.header.get("windows")
    wanted = told.get("id") if isinstance(told, dict) else None
    found = survey(machine.candidates, machine.volumes, machine.filesystems)
    valid = [each for each in found.candidates if each.valid]
    for candidate in valid:
        if found.id_of(candidate) == wanted:
            return open_install(found, candidate)
    names = ", ".join(printable(found.id_of(each)) for each in valid) or "none"
    raise NoWindowsError(
        f"the store is of the Windows {printable(str(wanted))}; these images hold: {names}"
    )


def diff_image(
    store: OpenStore,
    machine: Machine,
    install: WindowsInstall,
    compared: ImageCompared,
    observer: Observer,
) -> Iterator[Difference]:
    """Yield what differs, the store first, and count it in ``compared``; the observer hears BytesCopied.

    Raises CorruptStoreError. What of the image cannot be read is a change of its own: the content is no hash then.
    """
    known = _Known(store)
    differ = _Differ(machine, install, known, compared, observer)
    if not known.volumes & set(machine.filesystems):
        observer(Noted("warning", "none of the store's volumes is on these images"))
    for found in store.objects("outcome = 'stored'"):
        compared.objects += 1
        for difference in differ.differences(found.record):
            yield compared.count(difference)
    for difference in differ.doubtful():
        yield compared.count(difference)


class _Known:
    """Everything that the catalog has heard of, taken or not."""

    def __init__(self, store: OpenStore) -> None:
        self.volumes: set[str] = set()
        self._paths: set[bytes] = set()
        self._upper: set[bytes] = set()
        with store.catalog.translated():
            for volume, exact, upper in store.catalog.connection.execute(_KNOWN):
                self.volumes.add(volume)
                self._paths.add(_short(exact))
                self._upper.add(_short(upper))

    def has(self, path: WinPath) -> bool:
        """Tell whether an object of this exact path was met."""
        return _short(str(path).encode("utf-16-le", "surrogatepass")) in self._paths

    def has_like(self, path: WinPath) -> bool:
        """Tell whether an object was met whose path differs by case at most."""
        return _short(upcase(str(path)).encode("utf-16-be", "surrogatepass")) in self._upper


def _short(exact: bytes) -> bytes:
    """Return what stands for a path: a path may be long, and there may be a million."""
    return hashlib.blake2b(exact, digest_size=16).digest()


class _Differ:
    """A comparison under way."""

    def __init__(
        self,
        machine: Machine,
        install: WindowsInstall,
        known: _Known,
        compared: ImageCompared,
        observer: Observer,
    ) -> None:
        self._filesystems = machine.filesystems
        self._install = install
        self._known = known
        self._compared = compared
        self._observer = observer
        self._hashed: dict[tuple[str, int, int, str], str] = {}
        """Of files with several names."""
        self._renamed: set[WinPath] = set()
        """Paths of today that a stored object has in other letters' case."""
        self._doubtful: dict[WinPath, tuple[Filesystem, Entry]] = {}
        """What looks new, unless it is one of these."""

    def differences(self, record: Record) -> Iterator[Difference]:
        """Yield what differs of one stored object, and what is new in it where it is a folder."""
        if why := _why_not(record):
            self._compared.uncompared[why] += 1
        elif record.kind is ObjectKind.VALUE:
            yield from self._value(record)
        elif place := self._place_of(record):
            filesystem, entry = place
            if changes := self._changes(record, filesystem, entry):
                yield Difference(Side.BOTH, record.kind, record.path, record.outcome, changes)
            if record.kind is ObjectKind.DIRECTORY and entry.directory:
                yield from self._new(filesystem, entry, record.path)
        else:
            yield Difference(Side.ONLY_FIRST, record.kind, record.path, record.outcome)

    def _value(self, record: Record) -> Iterator[Difference]:
        key = "\\".join((record.path.drive, *record.path.parts[:-1]))
        name = record.value.name if record.value else ""
        try:
            now = self._install.registry.value(key, name)
        except SourceError:
            self._compared.uncompared[NO_HIVE] += 1
            return
        if now is None:
            yield Difference(Side.ONLY_FIRST, record.kind, record.path, record.outcome)
            return
        stored = facts_of(None, {"": record.sha256}, record.value.type if record.value else None)
        digest = hashlib.sha256(now.data).hexdigest()
        if changes := changes_of(stored, facts_of(None, {"": digest}, now.type)):
            yield Difference(Side.BOTH, record.kind, record.path, record.outcome, changes)

    def _place_of(self, record: Record) -> tuple[Filesystem, Entry] | None:
        """Return the same name of the same file, else what has its path now (perhaps in other letters' case)."""
        namespace = self._install.namespace
        filesystem = self._filesystems.get(record.volume)
        for entry in filesystem.names(record.record) if filesystem else ():
            same = entry.sequence == record.sequence and entry.name == record.path.name
            if same and filesystem and namespace.path_of(filesystem, entry) == record.path:
                return filesystem, entry
        found = namespace.resolve(record.path)
        path = namespace.path_of(*found) if found else None
        if path == record.path:
            return found
        if path is None or path.key != record.path.key or self._known.has(path):
            return None
        self._renamed.add(path)
        return found

    def _changes(self, record: Record, filesystem: Filesystem, entry: Entry) -> tuple[Change, ...]:
        try:
            metadata = filesystem.metadata(entry)
        except SourceError as error:
            return (Change("metadata", "", f"{UNREADABLE}: {error}"),)
        stored = {"": record.sha256, **{each.name: each.sha256 for each in record.streams}}
        if record.efs:
            self._compared.uncompared[EFS] += 1
            stored = {}
        now = self._digests(record, stored, filesystem, entry, metadata)
        kind = _kind_of(entry)
        path = self._install.namespace.path_of(filesystem, entry)
        first = {"kind": record.kind.value, "path": str(record.path)}
        second = {"kind": kind.value, "path": str(path)}
        left_out = {
            fact for each in record.left_out.split(",") for fact in WITHOUT.get(each.strip(), ())
        }
        found = changes_of(
            first | facts_of(record.metadata, stored), second | facts_of(metadata, now)
        )
        return tuple(each for each in found if each.fact not in left_out)

    def _digests(
        self,
        record: Record,
        stored: Mapping[str, str],
        filesystem: Filesystem,
        entry: Entry,
        metadata: Metadata,
    ) -> dict[str, str]:
        """Hash the streams that an entry has now, each as the store did."""
        if record.efs:
            return {}
        streams = {each.name: each for each in metadata.streams}
        if not entry.directory and not is_link(entry):
            streams.setdefault("", StreamInfo("", 0))  # without any it is an empty file
        found = {}
        for name, info in streams.items():
            if name or info.size or stored.get(name):
                key = (filesystem.info.id, entry.record, entry.sequence, name)
                known = self._hashed.get(key)
                found[name] = known or self._hash(filesystem, entry, info, stored.get(name, ""))
                if metadata.link_count > 1:
                    self._hashed[key] = found[name]
        return found

    def _hash(self, filesystem: Filesystem, entry: Entry, info: StreamInfo, stored: str) -> str:
        digest = new_digest(holes=stored.startswith(HOLES))
        if not info.size:
            return digest.hexdigest()
        try:
            for done in _feed(digest, filesystem.open(entry, info.name)):
                self._compared.bytes += done
                self._observer(BytesCopied("", done))
        except SourceError as error:
            return f"{UNREADABLE}: {error}"
        return digest.hexdigest()

    def _new(self, filesystem: Filesystem, folder: Entry, at: WinPath) -> Iterator[Difference]:
        """Yield what lies in a folder, and in new folders below it, of which the catalog has never heard."""
        pending = [(folder, at)]
        while pending:
            directory, above = pending.pop()
            for entry in filesystem.children(directory):
                path = above / entry.name
                if self._known.has(path):
                    continue
                if self._known.has_like(path):
                    self._doubtful[path] = filesystem, entry
                    continue
                self._compared.objects += 1
                yield Difference(Side.ONLY_SECOND, _kind_of(entry), path, None)
                if entry.directory and not is_link(entry):
                    pending.append((entry, path))

    def doubtful(self) -> Iterator[Difference]:
        """Yield what is new though something of nearly that name is stored; all stored objects must have been asked."""
        while self._doubtful:
            path, (filesystem, entry) = self._doubtful.popitem()
            if path in self._renamed:
                continue
            self._compared.objects += 1
            yield Difference(Side.ONLY_SECOND, _kind_of(entry), path, None)
            if entry.directory and not is_link(entry):
                yield from self._new(filesystem, entry, path)


def _why_not(record: Record) -> str:
    """Return why an object cannot be compared, empty when it can."""
    if record.pretended:
        return PRETENDED
    if record.kind is ObjectKind.VALUE:
        in_hive = record.path.drive.startswith("HK")
        plain = all("\\" not in name for name in record.path.parts[:-1])
        return "" if in_hive and plain else NO_HIVE_VALUE
    return NO_FILE if record.kind in {ObjectKind.ACCOUNT, ObjectKind.KEY} else ""


def _kind_of(entry: Entry) -> ObjectKind:
    if is_link(entry):
        return ObjectKind.LINK
    return ObjectKind.DIRECTORY if entry.directory else ObjectKind.FILE


def _feed(digest: Digest, stream: Stream) -> Iterator[int]:
    """Add a stream to a digest and yield the bytes read, as they are."""
    at = 0
    for offset, length in checked_extents(stream):
        digest.skip(offset - at)
        at = offset
        while at < offset + length:
            data = stream.read_at(at, min(BLOCK, offset + length - at))
            if not data:
                raise DamagedError(f"ends early, at byte {at} of {stream.size}")
            digest.update(data)
            at += len(data)
            yield len(data)
    digest.skip(stream.size - at)
