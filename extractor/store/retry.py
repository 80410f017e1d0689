"""A finished store -> the beginning of the next: what is in it need not be copied again.

``USMT.incomplete`` gets the bytes (files as hard links, a WIM as a copy of its blobs, which a file system that can
shares) and the journal tells of every stored object; a run that resumes then takes over all of them and tries the rest.
The finished store stays as it is until the new one replaces it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from extractor.errors import StoreLocationError, UsageError
from extractor.model import ObjectKind
from extractor.store.columns import StoredObject
from extractor.store.failures import NO_HARD_LINK, sync_tree, writing
from extractor.store.journal import Kept, identity_in, open_journal
from extractor.store.opened import OpenStore, open_store
from extractor.store.place import BLOB, FINAL, INCOMPLETE, WIM, open_place
from extractor.store.sealed.opener import is_sealed
from extractor.store.tree import Tree, open_tree
from extractor.store.wim.codecs import Compression
from extractor.store.wim.format import BlobEntry
from extractor.store.wim.reader import WimFile

_STORED = "outcome = 'stored' AND kind IN ('file', 'directory', 'link')"


def prepare_retry(
    store: Path, compression: str, check: Callable[[dict[str, object]], None]
) -> None:
    """Begin a store with all that the finished one in ``store`` holds, if ``check`` takes its manifest's header.

    Raises NoSuchStoreError (27), CorruptStoreError (42), StoreLocationError (27) when the other kind of store is asked
    for (``compression``, empty for files), UsageError (11) for an encrypted one, StoreError (72).
    """
    if is_sealed(store / FINAL):
        raise UsageError(
            "--retry-failed cannot go on with an encrypted store: scan anew, into another folder"
        )
    with open_store(store) as old:
        wim = store / FINAL / WIM
        _refuse_other_kind(store, compression, wim)
        check(old.header)
        place = open_place(store, overwrite=True)
        try:
            with writing(store / INCOMPLETE):
                blobs = _copy_wim(place.tree, wim) if compression else _link_files(place.tree, old)
                sync_tree(place.tree.root)
            _seed(place.journal, store / INCOMPLETE, old, blobs)
        except BaseException:
            place.discard()
            raise
        place.close()


def _refuse_other_kind(store: Path, compression: str, wim: Path) -> None:
    found = ""
    if wim.exists():
        with WimFile.open(wim) as opened:
            found = opened.compression.value
    if found != compression:
        has, asked = (
            f"--compression {each}" if each else "/nocompress" for each in (found, compression)
        )
        raise StoreLocationError(
            f"{store} holds a store made with {has}, not with {asked}; give it the same"
        )


def _seed(journal: str, place: Path, old: OpenStore, blobs: Iterator[str]) -> None:
    opened = open_journal(journal, place)
    try:
        for each in old.objects(_STORED):
            opened.add(identity_in(each.record), _kept(each))
        opened.checkpoint(_already, blobs)
    finally:
        opened.close()


def _already() -> None:
    """Do nothing: the bytes are synced."""


def _kept(each: StoredObject) -> Kept:
    record = each.record
    digests = {stream.name: stream.sha256 for stream in each.streams if stream.stored_as}
    places = {stream.name: stream.stored_as for stream in each.streams if stream.stored_as}
    if record.kind is not ObjectKind.LINK and not record.stored_as.startswith(BLOB):
        places.pop("", None)  # a file's own content lies where its row says
    return Kept(record.stored_as, digests, places)


def _link_files(tree: Tree, old: OpenStore) -> Iterator[str]:
    """Give every stored file a second name in the new tree."""
    with open_tree(old.path / FINAL) as source:
        for each in old.objects(_STORED):
            for stored_as in _kept(each).places:
                parts = tuple(stored_as.split("/"))
                if (
                    each.record.kind is not ObjectKind.DIRECTORY
                    or stored_as != each.record.stored_as
                ):
                    _link(source, tree, parts)
    return iter(())


def _link(source: Tree, tree: Tree, parts: tuple[str, ...]) -> None:
    if tree.exists(parts):
        return
    target = tree.directory(parts[:-1], create=True)
    try:
        os.link(
            parts[-1],
            parts[-1],
            src_dir_fd=source.directory(parts[:-1]),
            dst_dir_fd=target,
            follow_symlinks=False,
        )
    except OSError as error:
        if error.errno not in NO_HARD_LINK:
            raise
        _copy(source.open(parts), tree.create(parts))


def _copy_wim(tree: Tree, wim: Path) -> Iterator[str]:
    """Copy the blobs of the users' files, which lie before all else, and tell of them as the journal has it."""
    with WimFile.open(wim) as opened:
        wanted = {node.sha1 for _, node in opened.rows(1)}
        wanted |= {sha1 for _, node in opened.rows(1) for _, sha1 in node.streams}
        found = [entry for sha1 in wanted if (entry := opened.blobs.find(sha1))]
        end = max((entry.resource.end for entry in found), default=0)
        entries = sorted((each for each in opened.blobs if each.resource.end <= end), key=_offset)
        level = Compression(opened.compression)
    _copy(os.open(wim, os.O_RDONLY | os.O_CLOEXEC), tree.create((WIM,)), end)
    return iter([f"{level.value} 0", *(entry.pack().hex() for entry in entries)])


def _offset(entry: BlobEntry) -> int:
    return entry.resource.offset


def _copy(source: int, target: int, size: int | None = None) -> None:
    with os.fdopen(source, "rb") as reader, os.fdopen(target, "wb") as writer:
        shutil.copyfileobj(reader, writer, 1 << 20)
        if size is not None:
            writer.truncate(size)
