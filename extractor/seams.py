"""The seams: what a stage expects of the one below it, and how plug-ins are found.

Entry point groups: ``extractor.images`` (ImageReader), ``extractor.locators`` (Locator), ``extractor.gatherers``
(Gatherer), ``extractor.stores`` (StoreWriter). Built-ins register exactly as a stranger's package does.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple, Protocol, Self, runtime_checkable

from extractor.errors import SourceError, UsageError
from extractor.model import (
    BadRange,
    Candidate,
    Damage,
    EfsFile,
    Entry,
    ImageInfo,
    Instruction,
    Metadata,
    Record,
    RegistryValue,
    Selected,
    StreamInfo,
    VolumeInfo,
)

SEAM = 1
"""Version of the seams; it rises when a plug-in written for an older one would break."""

log = logging.getLogger(__name__)


class Readable(Protocol):
    """Bytes that can be read at any offset, by several threads at once."""

    @property
    def size(self) -> int:
        """Length in bytes."""
        ...

    def read_at(self, offset: int, length: int, /) -> bytes:
        """Return ``length`` bytes from ``offset``, fewer only at the end; raise DamagedError."""
        ...


class Piece(NamedTuple):
    """A stretch of bytes as it lies in a file of this host; ``descriptor`` is ``ZEROS`` for zeros that lie nowhere."""

    descriptor: int
    offset: int
    length: int


ZEROS = -1


@runtime_checkable
class Mapped(Protocol):
    """What a Readable has beside the rest when it can tell where its bytes lie, so that none need pass through it."""

    def pieces(self, offset: int, length: int, /) -> Sequence[Piece] | None:
        """Return where the bytes lie, in order; None when they lie nowhere as they are (compressed, encrypted).

        The range lies within the Readable. Raise DamagedError as ``read_at`` does.
        """
        ...


def mapped(source: Readable) -> Mapped | None:
    """Return a Readable as one that is Mapped, None when it is not."""
    return source if _is_mapped(type(source)) else None  # type: ignore[return-value]


@cache
def _is_mapped(kind: type) -> bool:
    """Ask once for each class: ``isinstance`` looks through a protocol's members every time."""
    return issubclass(kind, Mapped)


class Image(Readable, Protocol):
    """The bytes of a disk, read-only."""

    @property
    def info(self) -> ImageInfo:
        """Format, sizes, segments and stored hashes."""
        ...

    def bad_ranges(self) -> Sequence[BadRange]:
        """Return the ranges found wrong so far, in order."""
        ...

    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *exc: object) -> None: ...


class ImageReader(Protocol):
    """Opens one container format; made without arguments."""

    name: ClassVar[str]
    fallback: ClassVar[bool]
    """True for the reader that takes what no other recognises."""

    def recognises(self, head: bytes, tail: bytes, path: Path, /) -> bool:
        """Tell from a file's first 64 KiB and last 4 KiB whether it is of this format, never by suffix alone."""
        ...

    def open(self, path: Path, /) -> Image:
        """Open the image; raise ImageError with one sentence when it is not whole."""
        ...


class Volume(Readable, Protocol):
    """A range of an image."""

    @property
    def info(self) -> VolumeInfo:
        """Place, kind, identity."""
        ...


class Stream(Readable, Protocol):
    """The content of a file or of a named stream, as Windows would read it."""

    def extents(self) -> Iterable[tuple[int, int]]:
        """Yield ``(offset, length)`` of the parts that may hold data, in order; all between them is zeros."""
        ...


class Filesystem(Protocol):
    """A volume's tree, by record: two names may differ only by case, a name may be anything."""

    @property
    def info(self) -> VolumeInfo:
        """The volume."""
        ...

    @property
    def root(self) -> Entry:
        """The root directory; its name is empty."""
        ...

    @property
    def damage(self) -> Sequence[Damage]:
        """Records that could not be read; each belongs into the ledger."""
        ...

    def children(self, directory: Entry, /) -> Sequence[Entry]:
        """Return a directory's entries by (upcased name, name, record); a link has no children."""
        ...

    def named(self, name: str, /) -> Sequence[Entry]:
        """Return every entry of the volume with this name, compared as Windows compares."""
        ...

    def names(self, record: int, /) -> Sequence[Entry]:
        """Return all names (hard links) of a record; empty when there is no such record."""
        ...

    def path(self, entry: Entry, /) -> tuple[str, ...]:
        """Return the names from the root down to the entry; () for the root. An orphan begins with ``$OrphanFiles``."""
        ...

    def metadata(self, entry: Entry, /) -> Metadata:
        """Return everything but the content; raise DamagedError."""
        ...

    def open(self, entry: Entry, stream: str = "", /) -> Stream:
        """Open a stream ("" is the file's own content).

        Raises DamagedError, UnsupportedError (cloud-only, deduplicated) or EncryptedError (EFS).
        """
        ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Ciphertext:
    """A stream that EFS encrypted, as it lies on the disk. Sizes are bytes."""

    stored: Stream
    """Whole sectors of 512 bytes, up to the one in which the stream ends; holes and what was never written are 0."""
    size: int
    valid: int
    """Valid data length: what lies beyond reads as zeros, not as what the key makes of it."""
    sparse: bool
    unit: int
    """What is a hole, or is not, as a whole: a compression unit."""
    cluster: int


@runtime_checkable
class EfsFilesystem(Protocol):
    """What a Filesystem has beside the rest when it can give EFS files as they lie on the disk."""

    def efs(self, entry: Entry, /) -> bytes:
        """Return the $EFS attribute (EFSRPC metadata), empty when there is none; raise DamagedError."""
        ...

    def ciphertext(self, entry: Entry, stream: str = "", /) -> Ciphertext:
        """Return a stream whose StreamInfo says that it is encrypted; raise DamagedError."""
        ...


@dataclass(frozen=True, slots=True)
class HiveNote:
    """What had to be done to read a hive, in one sentence; level is ``info`` or ``warning``."""

    level: str
    message: str


class Hive(Protocol):
    r"""A registry hive, read by path from its root: ``Microsoft\Windows NT\CurrentVersion``.

    Names compare case-insensitively.
    """

    @property
    def dirty(self) -> bool:
        """True when the hive was not written back in full and is read as it lies: its logs hold newer data."""
        ...

    @property
    def notes(self) -> Sequence[HiveNote]:
        """What had to be done to read it so far: logs replayed, copies asked, cells salvaged."""
        ...

    def exists(self, key: str, /) -> bool: ...
    def subkeys(self, key: str = "", /) -> Sequence[str]:
        """Return the names of the subkeys; empty when the key is absent."""
        ...

    def values(self, key: str, /) -> Sequence[RegistryValue]: ...
    def value(self, key: str, name: str = "", /) -> RegistryValue | None:
        """Return a value ("" is the key's default value), None when it is absent."""
        ...

    def last_written(self, key: str = "", /) -> int:
        """Return the key's last write time as FILETIME, 0 when the key is absent."""
        ...

    def damage(self, key: str, /) -> str:
        """Return why a key that was asked for is not whole though something of it was had; empty when it is."""
        ...


class Locator(Protocol):
    """Finds Windows directories; it never chooses. Made without arguments. Group: extractor.locators."""

    name: ClassVar[str]

    def locate(self, filesystems: Iterable[Filesystem], /) -> Iterator[Candidate]:
        """Yield every directory that is, or looks like, a Windows, with evidence; order does not matter."""
        ...


@dataclass(frozen=True, slots=True)
class Captured:
    """A selected object, ready for a store: metadata now, content when opened.

    ``refusal`` is set when its content cannot be had and that is known before a byte is read (cloud-only, EFS).
    """

    selected: Selected
    open: Callable[[str], Stream]
    refusal: SourceError | None = None
    links: tuple[str, ...] = ()
    """All paths of the same file, as text, sorted; empty when it has one name."""
    whole: StreamInfo | None = None
    """Set when ``open("")`` gives one stream in place of all the file's own: an EFS file in raw form."""
    efs: EfsFile | None = None

    @property
    def streams(self) -> Sequence[StreamInfo]:
        """The streams that go into a store, the file's own content (empty name) and the named ones."""
        return (self.whole,) if self.whole else self.selected.metadata.streams


class Gatherer(Protocol):
    """Turns selected objects into captured ones. Made without arguments. Group: extractor.gatherers."""

    name: ClassVar[str]

    def gather(
        self, chosen: Iterable[Selected], filesystems: Mapping[str, Filesystem], /
    ) -> Iterator[Captured]:
        """Yield a Captured for each Selected that this gatherer knows how to read, in the order best for the disk."""
        ...


class StoreWriter(Protocol):
    """Writes one store. Group: extractor.stores."""

    def add_all(
        self, items: Iterable[Captured], progress: Callable[[Captured, int], None], /
    ) -> Iterator[tuple[Captured, Record | SourceError]]:
        """Store objects and yield each with its row, or with why nothing of it is in the store; in the order given.

        ``progress`` is told the bytes of an object as they are copied. Raises StoreError.
        """
        ...

    def begin(self, identity: str, /) -> None:
        """Say what the run reads and asks: one that goes on with the store of another must say the same.

        Raises StoreLocationError.
        """
        ...

    def note(self, record: Record, /) -> None:
        """Keep the row of an object that is not in the store."""
        ...

    def finish(
        self,
        header: Mapping[str, object],
        totals: Mapping[str, object],
        instructions: Iterable[Instruction] = (),
        documents: Mapping[str, bytes] = MappingProxyType({}),
        /,
    ) -> None:
        """Complete the store under its final name; ``instructions`` are for whoever restores it.

        ``documents`` are further files (name -> content) that the store keeps beside its catalog and can prove.
        """
        ...

    def leave(self) -> None:
        """Leave what was written, incomplete, for a run that goes on."""
        ...

    def discard(self) -> None:
        """Remove what was written, unless it is finished or was left; the final name never existed."""
        ...


@dataclass(frozen=True, slots=True)
class Plugin:
    """A registered plug-in, not yet loaded."""

    seam: str
    name: str
    distribution: str
    version: str
    point: EntryPoint


def registered(seam: str) -> list[Plugin]:
    """Return the plug-ins registered for a seam, by name; raise UsageError when two share a name."""
    found: dict[str, Plugin] = {}
    for point in sorted(entry_points(group=f"extractor.{seam}"), key=lambda each: each.name):
        if point.name in found:
            raise UsageError(f"two plug-ins call themselves {point.name!r} in extractor.{seam}")
        dist = point.dist
        found[point.name] = Plugin(
            seam, point.name, dist.name if dist else "?", dist.version if dist else "?", point
        )
    return list(found.values())


def plugins(seam: str) -> dict[str, Any]:
    """Load the classes registered for a seam; one that cannot be imported is a named warning and is left out."""
    loaded: dict[str, Any] = {}
    for plugin in registered(seam):
        try:
            loaded[plugin.name] = plugin.point.load()
        except (
            ImportError,
            AttributeError,
            SyntaxError,
            NameError,
            TypeError,
            ValueError,
        ) as error:
            log.warning(
                "plug-in %s of %s (extractor.%s) cannot be loaded: %s",
                plugin.name, plugin.distribution, seam, error,
            )  # fmt: skip
    return loaded
