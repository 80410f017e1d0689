"""Files, directories and links: Selected -> Captured, in the order in which they lie on the disk."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import ClassVar

from extractor.errors import EncryptedError, SourceError
from extractor.model import FILE_ATTRIBUTE_ENCRYPTED, ObjectKind, Selected
from extractor.seams import Captured, Filesystem

KINDS = frozenset({ObjectKind.FILE, ObjectKind.DIRECTORY, ObjectKind.LINK})

Identity = tuple[str, int, int]


class FileGatherer:
    """Reads what lies in file systems (seam: Gatherer).

    All of ``chosen`` is held in memory: the disk's order is known when the last object is.
    """

    name: ClassVar[str] = "files"

    def gather(
        self, chosen: Iterable[Selected], filesystems: Mapping[str, Filesystem], /
    ) -> Iterator[Captured]:
        """Yield a Captured for each file, directory and link on one of ``filesystems`` (by volume id)."""
        mine = [each for each in chosen if _is_there(each) and each.volume in filesystems]
        links = hard_links(mine)
        places = {name: _place_of(filesystem) for name, filesystem in filesystems.items()}
        mine.sort(key=lambda each: (places[each.volume], *physical_order(each)))
        for each in mine:
            yield Captured(
                selected=each,
                open=partial(filesystems[each.volume].open, each.entry),
                refusal=known_refusal(each),
                links=links.get(_identity(each), ()),
            )


def _is_there(selected: Selected) -> bool:
    """Tell whether an object lies in a file system; a pretended one has no record there."""
    return selected.kind in KINDS and not selected.pretended


def physical_order(selected: Selected) -> tuple[int, int, int, str]:
    """Return a key that sorts by place on the volume: what lies in the MFT by record, the rest by its first run.

    Reading in this order is what spares a spinning disk, or a compressed container, its seeks.
    """
    offsets = (
        run.offset
        for stream in selected.metadata.streams
        if not stream.resident
        for run in stream.runs
        if run.offset is not None
    )
    first = next(offsets, None)
    record = selected.entry.record
    group = (0, record) if first is None else (1, first)
    return (*group, record, str(selected.path))


def hard_links(chosen: Iterable[Selected]) -> dict[Identity, tuple[str, ...]]:
    """Return, for each file with several names among ``chosen``, all its paths, sorted."""
    paths: dict[Identity, set[str]] = defaultdict(set)
    for each in chosen:
        if each.kind is ObjectKind.FILE and each.metadata.link_count > 1:
            paths[_identity(each)].add(str(each.path))
    return {identity: tuple(sorted(found)) for identity, found in paths.items() if len(found) > 1}


def known_refusal(selected: Selected) -> SourceError | None:
    """Return why the content cannot be had where the metadata tells: EFS; the rest shows when it is opened."""
    if selected.kind is not ObjectKind.FILE:
        return None  # on a directory the attribute only says what new files shall be
    encrypted = bool(selected.metadata.attributes & FILE_ATTRIBUTE_ENCRYPTED)
    if encrypted or any(stream.encrypted for stream in selected.metadata.streams):
        return EncryptedError("encrypted with EFS, and the key of its user is needed to read it")
    return None


def _identity(selected: Selected) -> Identity:
    return selected.volume, selected.entry.record, selected.entry.sequence


def _place_of(filesystem: Filesystem) -> tuple[int, int, str]:
    return filesystem.info.image, filesystem.info.offset, filesystem.info.id
