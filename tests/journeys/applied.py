"""A store's WIM, put onto a new NTFS volume by wimlib and compared there with the disk that was scanned."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from extractor.cli.main import main
from extractor.errors import EncryptedError
from extractor.filesystems import open_filesystem, walk
from extractor.images import open_image
from extractor.model import Entry, Reparse, WinPath
from extractor.seams import Filesystem, Volume
from extractor.store.columns import StoredObject
from extractor.store.opened import open_store
from extractor.store.safe_name import drive_name, safe_name
from extractor.volumes import volumes

Parts = tuple[str, ...]
MIB = 1 << 20
NODES = "outcome = 'stored' AND kind IN ('file', 'directory', 'link')"
REFUSED = frozenset("/\\\0")
"""What no name of a WIM holds; nor is one ``.`` or ``..``."""
ENCRYPTED, REPARSE_POINT = 0x4000, 0x400
NTFS_OWN = 0x30000000
"""Bits of $STANDARD_INFORMATION that tell of indexes; they are no attributes of Windows."""
WSL_SPECIAL = frozenset({0x80000023, 0x80000024, 0x80000025, 0x80000026})
"""A socket, a pipe and devices of WSL."""


def compressed(store: Path, *words: str | Path) -> int:
    """Run ``coldstate scan`` into a compressed store; return its exit code."""
    line = ["scan", *map(str, words), "--store", str(store), "--continue", "--efs", "copyraw"]
    return main([*line, "--progress", "none"])


def tool(*command: str | Path, code: int = 0) -> str:
    """Run a tool that is not ours and return what it says."""
    done = subprocess.run([*map(str, command)], check=False, capture_output=True)
    said = (done.stdout + done.stderr).decode("utf-8", "replace")
    assert done.returncode == code, said[-2000:]
    return said


def wim_of(store: Path) -> Path:
    return store / "USMT" / "store.wim"


def apply_to_volume(wim: Path, volume: Path) -> str:
    """Make an NTFS volume and have wimlib put image 1 on it; return its warnings."""
    with volume.open("wb") as file:
        file.truncate(256 * MIB)
    tool("mkntfs", "-Q", "-F", "-q", "-s", "512", "-p", "0", "-H", "255", "-S", "63", volume)
    return tool("wimapply", "--quiet", wim, "1", volume)


def fit(name: str) -> str:
    """Return what a name is in a WIM: itself, or its documented safe form where it cannot be one."""
    return safe_name(name) if name in {"", ".", ".."} or REFUSED & set(name) else name


def parts_in_wim(path: WinPath, volume: str) -> Parts:
    return (drive_name(path.drive, volume), *map(fit, path.parts))


def nodes(store: Path) -> Iterator[StoredObject]:
    """Yield the files, directories and links of a store."""
    with open_store(store) as opened_store:
        yield from opened_store.objects(NODES)


@contextmanager
def opened(image: Path) -> Iterator[dict[str, tuple[Volume, Filesystem]]]:
    """Open every NTFS volume of an image, by its id."""
    with open_image(image) as disk:
        found = {
            each.info.id: (each, open_filesystem(each))
            for each in volumes([disk])
            if each.info.filesystem == "ntfs"
        }
        try:
            yield found
        finally:
            for _, filesystem in found.values():
                filesystem.close()


# --- our reader -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Facts:
    """What there is to compare of one name; times are FILETIME."""

    streams: Mapping[str, str]
    """Name -> SHA-256; of an encrypted one, that it is."""
    security: bytes
    created: int
    modified: int
    accessed: int
    changed: int
    attributes: int
    reparse: Reparse | None
    object_id: str
    extended_attributes: bytes
    short_name: str


def facts(filesystem: Filesystem, entry: Entry) -> Facts:
    about = filesystem.metadata(entry)
    return Facts(
        {each.name: _digest(filesystem, entry, each.name) for each in about.streams},
        about.security,
        about.times.created, about.times.modified, about.times.accessed, about.times.changed,
        about.attributes, about.reparse, about.object_id, about.extended_attributes, entry.short_name,
    )  # fmt: skip


def _digest(filesystem: Filesystem, entry: Entry, name: str) -> str:
    try:
        stream = filesystem.open(entry, name)
    except EncryptedError:
        return "encrypted"
    digest = hashlib.sha256()
    for offset in range(0, stream.size, MIB):
        digest.update(stream.read_at(offset, MIB))
    return digest.hexdigest()


class Difference(NamedTuple):
    what: str
    path: str
    source: Any
    found: Any


@dataclass(frozen=True)
class Excepted:
    """A difference that is right, and why."""

    what: str
    why: str
    when: Callable[[Any, Any], bool]


NOTHING = {"": hashlib.sha256(b"").hexdigest()}


def _is_efs(source: Facts, found: Facts) -> bool:
    return bool(source.attributes & ENCRYPTED) and found.streams == NOTHING


def _renamed(source: Facts, found: Facts) -> bool:
    """Tell whether only streams that a WIM cannot name differ, in their name."""
    same = {each for each in source.streams.items() if not each[0] or fit(each[0]) == each[0]}
    return same <= set(found.streams.items()) and sorted(source.streams.values()) == sorted(
        found.streams.values()
    )


def _is_wsl(source: Facts, found: Facts) -> bool:
    return source.reparse is not None and source.reparse.tag in WSL_SPECIAL and not found.reparse


def _lacks(bits: int, source: Facts, found: Facts) -> bool:
    return source.attributes & ~bits == found.attributes


EFS = "wimlib restores raw EFS data on Windows only; it warns and leaves an empty file"
WSL = "libntfs-3g refuses these tags, so a store has an empty file; the catalog keeps the tag"
NONE = "the source has no descriptor (no Windows leaves a file so): the tool gives it one"
EXCEPTIONS = (
    Excepted("security", NONE, lambda source, _: not source.security),
    Excepted("changed", "a WIM has three of the four times; the catalog has it", lambda *_: True),
    Excepted(
        "extended_attributes", "they are in the catalog only", lambda _, found: not found.extended_attributes
    ),
    Excepted("streams", EFS, _is_efs),
    Excepted(
        "attributes", EFS, lambda source, found: _is_efs(source, found) and _lacks(ENCRYPTED, source, found)
    ),
    Excepted(
        "streams", "a file without $DATA becomes an empty one",
        lambda source, found: not source.streams and found.streams == NOTHING,
    ),
    Excepted("reparse", WSL, _is_wsl),
    Excepted(
        "attributes", WSL, lambda source, found: _is_wsl(source, found) and _lacks(REPARSE_POINT, source, found)
    ),
    Excepted(
        "attributes", "NTFS keeps what it knows of indexes beside the attributes", partial(_lacks, NTFS_OWN)
    ),
    Excepted(
        "streams", "no stream of a WIM has / \\ or NUL in its name, or is . or ..: it has the safe form", _renamed
    ),
)  # fmt: skip


@dataclass
class Compared:
    """What came of a comparison."""

    count: int
    differences: list[Difference]
    excepted: set[Excepted]


def compare(store: Path, image: Path, volume: Path) -> Compared:
    """Compare every stored file, directory and link with what wimlib made of it, by our reader."""
    done = Compared(0, [], set())
    records: dict[tuple[str, int], set[int]] = {}
    with opened(image) as sources, opened(volume) as applied:
        ((_, target),) = applied.values()
        there = {target.path(each): each for each in walk(target, target.root)}
        for each in nodes(store):
            record = each.record
            _, source = sources[record.volume]
            entry = entry_at(source, record.record, record.path.parts)
            found = there[parts_in_wim(record.path, record.volume)]
            _compare(done, str(record.path), facts(source, entry), facts(target, found))
            records.setdefault((record.volume, record.record), set()).add(found.record)
            done.count += 1
    files = [number for found_in in records.values() for number in found_in]
    assert len(files) == len(set(files)) == len(records), "hard links are those of the source"
    return done


def entry_at(source: Filesystem, record: int, path: Parts) -> Entry:
    (found,) = (each for each in source.names(record) if source.path(each) == path)
    return found


def _compare(done: Compared, path: str, source: Facts, found: Facts) -> None:
    for each in fields(Facts):
        ours, theirs = getattr(source, each.name), getattr(found, each.name)
        if ours == theirs:
            continue
        reasons = {one for one in EXCEPTIONS if one.what == each.name and one.when(source, found)}
        done.excepted |= reasons
        if not reasons:
            done.differences.append(Difference(each.name, path, ours, theirs))
