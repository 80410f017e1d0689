"""A WIM whose image 2, or whose own structures, are damaged -> a new one with the same user state and whole papers.

Blobs of image 1 are copied as they lie, damaged ones too, so that nothing is lost that somebody might still use; they
stay known as damaged by their SHA-1. The old file stays beside the store.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO

from extractor.errors import CorruptStoreError
from extractor.events import BytesCopied, Observer
from extractor.store.catalog import Catalog
from extractor.store.failures import reading, writing
from extractor.store.place import BLOB
from extractor.store.repair.archive import Archive
from extractor.store.wim.format import HEADER_SIZE, BlobEntry
from extractor.store.wim.node import Image, Row
from extractor.store.wim.target import DescriptorTarget
from extractor.store.wim.verify import Damage, verify
from extractor.store.wim.writer import WimWriter
from extractor.store.wim_images import named_blob, settings_rows, user_state_rows
from extractor.store.wim_store import SETTINGS, USER_STATE

_BLOCK = 8 << 20
_HAVING = """
SELECT path FROM objects LEFT JOIN streams ON streams.object = objects.id
WHERE objects.stored_as = :place OR streams.stored_as = :place LIMIT 3
"""
_PLACES = """
SELECT stored_as FROM objects WHERE stored_as GLOB :blob UNION SELECT stored_as FROM streams WHERE stored_as GLOB :blob
"""


def examine(archive: Archive, wanted: set[bytes], observer: Observer) -> tuple[str, list[bytes]]:
    """Read all of a WIM; return why it must be written anew, and which of the blobs ``wanted`` are damaged.

    The reason is empty when nothing but such blobs is damaged: writing it anew would not bring them back.
    """
    reason = _why(archive)
    try:
        damage = verify(archive.wim, lambda count: observer(BytesCopied("", count))).damage
    except CorruptStoreError as error:
        return reason or str(error), []
    lost = [each for each in damage if each.sha1 in wanted]
    for each in damage:
        if not reason and each.sha1 not in wanted and not _is_of(each, lost):
            reason = each.message
    return reason, [each.sha1 for each in lost]


def _why(archive: Archive) -> str:
    """Return what is wrong with the structures of a WIM; empty when nothing is."""
    if not archive.is_image_whole():
        return "the names of image 1 are damaged"
    if not archive.is_readable:
        return "the names of image 2 are damaged"
    if not archive.is_sealed_right():
        return "its header, XML or integrity table is damaged"
    damaged = [name for name, sha1 in archive.papers.items() if archive.find(sha1) is None]
    return f"{damaged[0]} in image 2 is damaged" if damaged else ""


def _is_of(stretch: Damage, lost: Iterable[Damage]) -> bool:
    """Tell whether a stretch of the integrity table differs because of a damaged blob in it."""
    end = stretch.offset + stretch.length
    return any(each.offset < end and stretch.offset < each.offset + each.length for each in lost)


def wanted_of(archive: Archive, catalog: Catalog) -> set[bytes]:
    """Return the blobs of the user state: by image 1, or where its names are damaged by the catalog."""
    return archive.user_blobs() if archive.is_image_whole() else blobs_of(catalog)


def rewrite(
    archive: Archive,
    catalog: Catalog,
    target: Path,
    papers: Iterable[tuple[str, Path]],
    observer: Observer,
) -> None:
    """Write a new WIM to ``target``; the papers are its image 2. Image 1 is the old one, or the catalog's.

    Raises StoreError (72) when it cannot be written, CorruptStoreError (42) when the old one cannot be read.
    """
    with writing(target):
        descriptor = os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        medium = DescriptorTarget(descriptor)
        kept, wanted = archive.is_image_whole(), wanted_of(archive, catalog)
        end, entries = _copy_blobs(archive, wanted, medium, target, observer)
        with writing(target):
            writer = WimWriter(medium, compression=archive.wim.compression, resume=(end, entries))
        with writer, writing(target):
            files = {name: _add(writer, path) for name, path in papers}
            rows = archive.rows() if kept else user_state_rows(catalog, partial(_add_bytes, writer))
            writer.finish(_images(rows, files))
            os.fsync(descriptor)
    except ValueError as error:
        raise CorruptStoreError(f"{target}: the WIM contradicts itself: {error}") from error
    finally:
        os.close(descriptor)


def _images(rows: Iterable[Row], files: dict[str, tuple[bytes, int]]) -> list[Image]:
    """Return both images, described as in every store."""
    return [
        Image(USER_STATE, rows, "files of the users and of the machine"),
        Image(SETTINGS, settings_rows(files), "registry, accounts and catalog"),
    ]


def blobs_of(catalog: Catalog) -> set[bytes]:
    """Return the blobs that a catalog names, the empty one as zeros; raise CorruptStoreError (42)."""
    with catalog.translated():
        rows = catalog.connection.execute(_PLACES, {"blob": f"{BLOB}*"}).fetchall()
    return {named_blob(place) for (place,) in rows}


def _copy_blobs(
    archive: Archive,
    wanted: set[bytes],
    medium: DescriptorTarget,
    place: Path,
    observer: Observer,
) -> tuple[int, list[BlobEntry]]:
    """Copy blobs as they lie, in their order; return where they end and where each is now."""
    at, entries = HEADER_SIZE, []
    for entry in archive.wim.blobs:
        if entry.sha1 in wanted:
            for done, block in _raw(archive, entry):
                with writing(place):
                    medium.write_at(at + done, [block])
                observer(BytesCopied("", len(block)))
            entries.append(entry._replace(resource=entry.resource._replace(offset=at)))
            at += entry.resource.stored
    return at, entries


def _raw(archive: Archive, entry: BlobEntry) -> Iterator[tuple[int, bytes]]:
    resource = entry.resource
    for done in range(0, resource.stored, _BLOCK):
        length = min(_BLOCK, resource.stored - done)
        yield done, archive.wim.file.read_at(resource.offset + done, length).ljust(length, b"\0")


def _add(writer: WimWriter, path: Path) -> tuple[bytes, int]:
    """Put a paper into the WIM; return its SHA-1 and size."""
    with reading(path):
        size = path.stat().st_size
    with path.open("rb") as file:
        stored = writer.add(_blocks(file), size)
    return stored.sha1, size


def _add_bytes(writer: WimWriter, data: bytes) -> bytes:
    return writer.add([data], len(data)).sha1


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    return iter(partial(file.read, 1 << 20), b"")


def owners_of(catalog: Catalog, sha1: bytes) -> str:
    """Return the paths, for reading, of the first objects that have a blob."""
    with catalog.translated():
        rows = catalog.connection.execute(_HAVING, {"place": BLOB + sha1.hex()}).fetchall()
    return ", ".join(dict.fromkeys(path for (path,) in rows)) or f"blob {sha1.hex()}"
