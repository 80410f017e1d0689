"""Differencing disks: from a child to its base, each parent found beside its child by its GUID.

Nothing that a disk says of its parent's place can lead out of the child's directory: of a Windows path only the name
at its end is used, and it is tried first only because it is the likely one. The GUID decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from extractor.errors import DamagedError, ImageError
from extractor.images.file import File, beside, open_file
from extractor.model import ImageInfo
from extractor.seams import Piece

MAX_DEPTH = 64
"""Longest chain of differencing disks that is followed; Hyper-V itself makes 50 checkpoints at most."""
SUFFIXES = {".vhd", ".vhdx", ".avhd", ".avhdx"}
MAX_TOLD = 8
"""Files that a message about a missing parent tells of."""


@dataclass(frozen=True, slots=True)
class DiskHeader:
    """What a VHD or VHDX says of itself; ``parent`` is empty unless it is a differencing disk."""

    format: str
    size: int
    sector_size: int
    identity: str
    """GUID by which a child names this disk."""
    parent: str = ""
    """GUID of the parent."""
    parent_names: tuple[str, ...] = ()
    """Where the parent was, as Windows paths."""


class DiskFile(Protocol):
    """The open file of a disk, as it is or as it would be once its log is replayed."""

    @property
    def path(self) -> Path: ...
    @property
    def size(self) -> int: ...
    def read_at(self, offset: int, length: int, /) -> bytes: ...
    def piece(self, offset: int, length: int, /) -> Piece | None:
        """Return a range for whoever copies it, None when it does not lie in the file as it is."""
        ...

    def close(self) -> None: ...


class Disk(Protocol):
    """One disk of a chain, its file open."""

    @property
    def file(self) -> DiskFile: ...
    @property
    def header(self) -> DiskHeader: ...


DiskKind = TypeVar("DiskKind", bound=Disk)
Parse = Callable[[File], DiskKind]
"""Reads and checks the headers of an open file; raises ImageError."""
Identify = Callable[[File], str]
"""Reads a disk's own GUID from its header alone; raises ImageError."""


def open_chain(
    path: Path, parse: Parse[DiskKind], identify: Identify, opened: ExitStack
) -> list[DiskKind]:
    """Open a disk and its parents, the base last; their files are closed when ``opened`` ends.

    Raises ImageError: a header is damaged, a file is cut, or a parent is missing (its GUID and the paths tried).
    """
    chain: list[DiskKind] = []
    seen: set[str] = set()
    while True:
        disk = _open_one(path, parse)
        opened.callback(disk.file.close)
        chain.append(disk)
        seen.add(disk.header.identity)
        if not disk.header.parent:
            return chain
        if disk.header.parent in seen or len(seen) >= MAX_DEPTH:
            raise ImageError(f"{path} is damaged: its chain of parents does not end")
        path = _find_parent(disk, identify)


def chain_info(path: Path, chain: Iterable[Disk]) -> ImageInfo:
    """Return what the child says of the disk; the segments are the files of the whole chain."""
    disks = list(chain)
    header = disks[0].header
    return ImageInfo(
        path=str(path),
        format=header.format,
        size=header.size,
        sector_size=header.sector_size,
        segments=tuple(str(disk.file.path) for disk in disks),
    )


def _open_one(path: Path, parse: Parse[DiskKind]) -> DiskKind:
    file = open_file(path)
    try:
        return parse(file)
    except DamagedError as error:
        file.close()
        raise ImageError(str(error)) from error
    except ImageError:
        file.close()
        raise


def _find_parent(child: Disk, identify: Identify) -> Path:
    """Return the file beside the child that has the GUID of its parent, the names that the child gives first."""
    path, wanted = child.file.path, child.header.parent
    tried: list[str] = []
    for candidate in _candidates(path, map(_last_part, child.header.parent_names)):
        identity = _identity(candidate, identify)
        if identity == wanted:
            return candidate
        tried.append(f"{candidate} {_fault(candidate, identity)}")
    more = f"; and {len(tried) - MAX_TOLD} more" if len(tried) > MAX_TOLD else ""
    raise ImageError(
        f"{path} is a differencing disk and its parent, GUID {wanted}, is missing: put the parent beside it "
        f"(tried: {'; '.join(tried[:MAX_TOLD]) or f'{path.parent}, where no other virtual disk lies'}{more})"
    )


def _fault(candidate: Path, identity: str) -> str:
    if identity:
        return f"has the GUID {identity}"
    return "has no GUID that can be read" if candidate.exists() else "is not there"


def _candidates(child: Path, names: Iterable[str]) -> Iterator[Path]:
    """Yield the files that may be the parent: by name, then every other virtual disk beside the child."""
    named = [child.parent / name for name in dict.fromkeys(names) if name]
    yield from named
    for each in beside(child):
        if each.suffix.lower() in SUFFIXES and each != child and each not in named:
            yield each


def _last_part(windows_path: str) -> str:
    r"""Return the name at the end of ``C:\disks\base.vhd``: nothing of it can lead out of the child's directory."""
    name = windows_path.replace("\\", "/").rsplit("/", 1)[-1]
    return "" if name in {".", ".."} or "\0" in name else name


def _identity(path: Path, identify: Identify) -> str:
    """Return a disk's GUID, empty when no header with one can be read at this path."""
    try:
        file = open_file(path)
    except ImageError:
        return ""
    try:
        return identify(file)
    except (ImageError, DamagedError):
        return ""
    finally:
        file.close()
