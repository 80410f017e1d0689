"""NTFS volume -> its shadow copies (VSS): listed, and one of them read as if it were the volume, by libvshadow.

Words defined here: a *shadow copy* is a volume as it was at a time; Windows keeps, for each, the blocks of 16 KiB that
were written since, in files of the same volume. The copies of a volume are numbered from 1, the oldest first.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, replace
from threading import Lock
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from extractor.errors import DamagedError, ImageError, UsageError
from extractor.filetime import to_datetime
from extractor.images.libyal import FOREIGN, brief
from extractor.volumes.ntfs_boot import find_ntfs_boot, parse_ntfs_boot
from extractor.volumes.volume import bounded, read_exactly
from extractor.volumes.window import Window

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from extractor.seams import Volume

HEADER = 0x1E00
"""Bytes from the start of a volume to the header of its shadow copies (libvshadow's "VSS format", volume header)."""
VSS = UUID("3808876b-c176-4e48-b7ae-04046e6cc752").bytes_le
_CATALOG = struct.Struct("<16s32xQ")
BOOT = 512


class Store(Protocol):
    """What we use of ``pyvshadow.store``."""

    def get_creation_time_as_integer(self) -> int: ...
    def get_identifier(self) -> str: ...
    def get_copy_identifier(self) -> str | None: ...
    def get_copy_set_identifier(self) -> str | None: ...
    def get_volume_size(self) -> int: ...
    def has_in_volume_data(self) -> bool: ...
    def read_buffer_at_offset(self, size: int, offset: int, /) -> bytes: ...


class Handle(Protocol):
    """What we use of ``pyvshadow.volume``."""

    def open_file_object(self, file: object, /) -> None: ...
    def close(self) -> None: ...
    def get_number_of_stores(self) -> int: ...
    def get_store(self, index: int, /) -> Store: ...


@dataclass(frozen=True, slots=True)
class Shadow:
    """One shadow copy of a volume, of ``count``; identifiers are what ``vssadmin list shadows`` shows."""

    number: int
    count: int
    created: int
    """FILETIME."""
    copy: str
    copy_set: str
    """Copies of several volumes that were made at one time have the same."""
    store: str
    """What its file in ``System Volume Information`` is named after."""
    whole: bool = True
    """False when its blocks lie on another volume: then it cannot be read."""

    def __str__(self) -> str:
        return f"shadow copy {self.number} of {self.count}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A shadow copy that is asked for: ``N`` or ``VOLUME:N``."""

    number: int
    volume: str = ""
    """``VolumeInfo.id``; empty for the one that has shadow copies."""

    def __str__(self) -> str:
        return f"--shadow {self.volume}:{self.number}" if self.volume else f"--shadow {self.number}"


def parse_wanted(text: str) -> Wanted:
    """Return what ``N`` or ``VOLUME:N`` asks for; raise UsageError."""
    found = re.fullmatch(r"(?:([^:]+):)?([1-9][0-9]{0,3})", text, re.ASCII)
    if not found:
        raise UsageError(f"--shadow {text}: takes N or VOLUME:N, as `coldstate inspect` lists them")
    return Wanted(int(found[2]), found[1] or "")


def wanted_shadows(
    wanted: Sequence[Wanted], listed: Mapping[str, Sequence[Shadow]], windows: Collection[str]
) -> dict[str, Shadow]:
    """Return, by volume, the shadow copies that are asked for.

    ``listed`` are all there are, by volume; ``windows`` are the volumes that hold a Windows now. A number alone means
    the one volume that has shadow copies; of several, the one that holds a Windows. Raises UsageError.
    """
    found: dict[str, Shadow] = {}
    for each in wanted:
        volume = _volume_of(each, listed, windows)
        if volume in found:
            raise UsageError(f"{each}: volume {volume} can be read only as it was at one time")
        shadows = listed[volume]
        if each.number > len(shadows):
            raise UsageError(f"{each}: volume {volume} has {_counted(len(shadows))}")
        found[volume] = shadows[each.number - 1]
    return found


def _volume_of(
    wanted: Wanted, listed: Mapping[str, Sequence[Shadow]], windows: Collection[str]
) -> str:
    having = [volume for volume, shadows in listed.items() if shadows]
    if wanted.volume:
        matching = [volume for volume in having if volume.upper() == wanted.volume.upper()]
        if not matching:
            others = f"; volumes that have: {', '.join(having)}" if having else ""
            raise UsageError(f"{wanted}: volume {wanted.volume} has no shadow copies{others}")
        return matching[0]
    if not having:
        raise UsageError(f"{wanted}: no volume that can be read here has shadow copies")
    likely = having if len(having) == 1 else [each for each in having if each in windows]
    if len(likely) != 1:
        names = " or ".join(f"--shadow {volume}:{wanted.number}" for volume in having)
        raise UsageError(f"{wanted}: {len(having)} volumes have shadow copies; say {names}")
    return likely[0]


def _counted(count: int) -> str:
    return f"{count} shadow copies" if count != 1 else "only one shadow copy"


def shadows_of(volume: Volume) -> tuple[Shadow, ...]:
    """Return the shadow copies of an NTFS volume, the oldest first; none for a volume that has none.

    Raises ImageError when it has some, or may have, and they cannot be listed.
    """
    if volume.info.filesystem != "ntfs" or not _has_shadows(volume):
        return ()
    opened = _Copies(volume)
    try:
        return tuple(opened.listed())
    finally:
        opened.close()


def _has_shadows(volume: Volume) -> bool:
    if volume.size < HEADER + _CATALOG.size:
        return False
    try:
        head = read_exactly(volume, HEADER, _CATALOG.size, "their header")
    except DamagedError as error:
        raise ImageError(
            f"the shadow copies of volume {volume.info.id} cannot be listed: {error}"
        ) from error
    mark, catalog = _CATALOG.unpack(head)
    return bool(mark == VSS and catalog)


class ShadowVolume:
    """A volume as it was when a shadow copy was made: what was written since comes from the copy, the rest from it."""

    def __init__(self, volume: Volume, shadow: Shadow) -> None:
        """Open it; raise ImageError when libvshadow cannot, or when its blocks are not here."""
        note = f"read as it was at {moment(shadow.created)}: {shadow}"
        self.info = replace(volume.info, note="; ".join(filter(None, (note, volume.info.note))))
        self._copies = _Copies(volume)
        try:
            self._store, size = self._copies.store(shadow)
        except ImageError:
            self._copies.close()
            raise
        self.size = min(volume.size, size)

    def read_at(self, offset: int, length: int) -> bytes:
        """Return bytes as they were, fewer only at the volume's end; raise DamagedError."""
        wanted = bounded(self.size, offset, length)
        return self._copies.read(self._store, offset, wanted) if wanted > 0 else b""

    def close(self) -> None:
        """Close the handle."""
        self._copies.close()


class _Copies:
    """A libvshadow handle on a volume; a lock keeps threads apart, for a handle has a position."""

    def __init__(self, volume: Volume) -> None:
        import pyvshadow

        self._name = volume.info.id
        self._file = Window(volume, _boot_sector(volume))
        self._handle: Handle = pyvshadow.volume()
        self._lock = Lock()
        try:
            self._handle.open_file_object(self._file)
        except FOREIGN as error:
            raise ImageError(
                f"the shadow copies of volume {self._name} cannot be read: {self._cause(error)}"
            ) from error

    def listed(self) -> Iterator[Shadow]:
        """Yield the shadow copies; raise ImageError."""
        try:
            count = self._handle.get_number_of_stores()
            for index in range(count):
                yield _shadow(self._handle.get_store(index), index + 1, count)
        except FOREIGN as error:
            raise ImageError(
                f"the shadow copies of volume {self._name} cannot be listed: {self._cause(error)}"
            ) from error

    def store(self, shadow: Shadow) -> tuple[Store, int]:
        """Return what holds the blocks of a shadow copy, and the size that the volume had; raise ImageError."""
        said = f"{shadow} of volume {self._name} cannot be read"
        if not shadow.whole:
            raise ImageError(f"{said}: its blocks are kept on another volume")
        try:
            store = self._handle.get_store(shadow.number - 1)
            size = store.get_volume_size()
            store.read_buffer_at_offset(BOOT, 0)  # reads the lists of its blocks, too
        except FOREIGN as error:
            raise ImageError(f"{said}: {self._cause(error)}") from error
        return store, size

    def read(self, store: Store, offset: int, length: int) -> bytes:
        """Return bytes of a shadow copy; raise DamagedError when they cannot be had, whole."""
        with self._lock:
            try:
                data = store.read_buffer_at_offset(length, offset)
            except FOREIGN as error:
                raise DamagedError(
                    f"{length} bytes at {offset} of a shadow copy cannot be read: {self._cause(error)}"
                ) from error
        if len(data) != length:
            raise DamagedError(f"libvshadow gives {len(data)} of {length} bytes at {offset}")
        return data

    def _cause(self, error: BaseException) -> str:
        return str(self._file.cause() or f"libvshadow: {brief(error)}")

    def close(self) -> None:
        """Close the handle."""
        with self._lock:
            self._handle.close()


def _boot_sector(volume: Volume) -> dict[int, bytes]:
    """Return the copy of the boot sector in place of one that is lost: libvshadow opens nothing without."""
    boot = find_ntfs_boot(volume)
    if boot is None or not boot.from_backup:
        return {}
    copies = (volume.read_at(volume.size - size, BOOT) for size in (512, 4096))
    return {0: next(each for each in copies if parse_ntfs_boot(each))}


def _shadow(store: Store, number: int, count: int) -> Shadow:
    return Shadow(
        number,
        count,
        store.get_creation_time_as_integer(),
        store.get_copy_identifier() or "",
        store.get_copy_set_identifier() or "",
        store.get_identifier(),
        store.has_in_volume_data(),
    )


def moment(filetime: int) -> str:
    """Return when a shadow copy was made, to the second."""
    try:
        return f"{to_datetime(filetime):%Y-%m-%d %H:%M:%S} UTC"
    except OverflowError:
        return f"FILETIME {filetime}"
