"""Where a store goes: ``STORE/USMT``, made as ``STORE/USMT.incomplete`` and renamed when it is complete.

Beside it lies the journal (``STORE/USMT.resume``) of a run that is under way, or did not end and can go on.

What is there already decides first: a store needs ``/o``; a store of Microsoft's, or a folder of anybody's, is never
overwritten. Source: usmt.md 1.6 (code 27), store.md 8.
"""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from extractor.errors import StoreError, StoreLocationError
from extractor.model import upcase
from extractor.store.failures import free_bytes, in_words, preparing, sync_tree, writing
from extractor.store.tree import Tree, open_tree, remove_tree

FINAL = "USMT"
INCOMPLETE = "USMT.incomplete"
REPLACED = "USMT.replaced"
JOURNAL = "USMT.resume"
_JOURNALS = (JOURNAL, f"{JOURNAL}-journal")
"""The second is SQLite's own."""
CATALOG_DIRECTORY = "open-catalog"
CATALOG = "catalog.sqlite"
WIM = "store.wim"
_OURS = frozenset({CATALOG_DIRECTORY, WIM, "identity.age", "sealed.sha256"})
_SEALED = (f"{CATALOG}.", "manifest.jsonl.", f"{WIM}.")
"""How the sealed files begin that are written first."""
BLOB = "blob/"
"""What begins ``stored_as`` of what lies in the WIM; its SHA-1 follows."""

_MICROSOFT = frozenset({"CATALOG.MIG", "MIGSTATE.DAT", "STATUS.~LG", "USMT.MIG"})
"""Names by which Microsoft's tools, and the people who use them, know a genuine store; we never write them."""

log = logging.getLogger(__name__)


class Place:
    """A store in the making: ``tree`` is its temporary directory, locked; ``store`` is what the person named."""

    def __init__(self, store: Path, parent: int, tree: Tree, *, resumed: bool = False) -> None:
        self.store = store
        self.tree = tree
        self.resumed = resumed
        """True when an earlier run left it, and this one goes on."""
        self._parent = parent

    @property
    def journal(self) -> str:
        """Path of the journal, by the descriptor of its directory: a path could be swapped."""
        return f"/proc/self/fd/{self._parent}/{JOURNAL}"

    def complete(self) -> None:
        """Give the store its final name; one that was there goes only after that."""
        with writing(self.store):
            sync_tree(self.tree.root)  # every file's bytes before the name that says they are there
            try:
                if _exists(FINAL, self._parent):
                    _rename(FINAL, REPLACED, self._parent)
                _rename(INCOMPLETE, FINAL, self._parent)
                os.fsync(self._parent)
            except BaseException:  # Ctrl+C too: whoever hears of a failure finds no store
                self._take_name_back()
                raise
        self._remove_rest()
        self.close()

    def _take_name_back(self) -> None:
        with suppress(OSError):
            if not _exists(INCOMPLETE, self._parent):
                _rename(FINAL, INCOMPLETE, self._parent)
            if _exists(REPLACED, self._parent) and not _exists(FINAL, self._parent):
                _rename(REPLACED, FINAL, self._parent)

    def _remove_rest(self) -> None:
        """Remove what a complete store needs no more; when that fails it is complete all the same."""
        try:
            _remove_journal(self._parent)
            _remove_if_there(REPLACED, self._parent)
        except OSError as error:
            log.warning("%s: what came before the store is still there: %s", self.store, error)

    def discard(self) -> None:
        """Remove what was written."""
        self.tree.forget()
        with writing(self.store):
            _remove_journal(self._parent)
            _remove_if_there(INCOMPLETE, self._parent)
            _restore_replaced(self._parent)
        self.close()

    def close(self) -> None:
        """Let go of the directories, and so of the lock."""
        self.tree.close()
        os.close(self._parent)


def open_place(store: Path, *, overwrite: bool, resume: bool = False) -> Place:
    """Prepare ``store`` for a new store, or for going on (``resume``) with one that an earlier run left, and lock it.

    Raises StoreLocationError (27) when a store is there, or one to be resumed, and ``overwrite`` (``/o``) is not given,
    when what is there is Microsoft's or not a store of ours, when another run writes there, or when the place cannot
    be written.
    """
    with preparing(store):
        if store.exists() and not store.is_dir():
            raise StoreLocationError(f"{store} is a file; a store needs a folder")
        store.mkdir(parents=True, exist_ok=True)
        parent = os.open(store, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            _restore_replaced(parent)
            refuse_microsoft(store)
            _refuse_existing(store, parent, overwrite=overwrite)
            tree, resumed = _tree_of(store, parent, overwrite=overwrite, resume=resume)
        except BaseException:
            os.close(parent)
            raise
    return Place(store, parent, tree, resumed=resumed)


def refuse_microsoft(store: Path) -> None:
    """Raise StoreLocationError when ``store`` holds a store of Microsoft's, which nothing of ours may replace."""
    with preparing(store):
        here = [each.name for each in store.iterdir()]
        final = store / FINAL
        below = [each.name for each in final.iterdir()] if final.is_dir() else []
    found = [name for name in (*here, *below) if _of_microsoft(name)]
    if found:
        raise StoreLocationError(
            f"{store} holds a store made by Microsoft's USMT ({found[0]!a}), which is never overwritten;"
            " choose another folder"
        )


def _of_microsoft(name: str) -> bool:
    upper = upcase(name)
    return upper in _MICROSOFT or upper.startswith("USMT3")


def _refuse_existing(store: Path, parent: int, *, overwrite: bool) -> None:
    if not _exists(FINAL, parent):
        return
    if not overwrite:
        raise StoreLocationError(
            f"{store / FINAL} exists already; add /o (--overwrite) to replace it, or choose another folder"
        )
    _refuse_foreign(store, FINAL, parent)


def _refuse_foreign(store: Path, name: str, parent: int) -> None:
    if not _is_ours(name, parent):
        raise StoreLocationError(
            f"{store / name} is no store of this program and is not touched; choose another folder"
        )


def _is_ours(name: str, parent: int) -> bool:
    try:
        with open_tree(name, parent) as tree:
            found = tree.names(())
    except NotADirectoryError:
        return False
    return are_ours(found)


def are_ours(names: Collection[str]) -> bool:
    """Tell whether a folder of these names is a store of ours, or empty."""
    return not names or any(map(_of_ours, names))


def _of_ours(name: str) -> bool:
    """Tell whether nothing but a store of ours, plain or sealed, holds a file or folder of this name."""
    return name in _OURS or (name.startswith(_SEALED) and name.endswith(".age"))


def _tree_of(store: Path, parent: int, *, overwrite: bool, resume: bool) -> tuple[Tree, bool]:
    if _exists(INCOMPLETE, parent):
        _refuse_foreign(store, INCOMPLETE, parent)
        left = open_tree(INCOMPLETE, parent)
        try:
            _lock(left, store)
            if resume and _exists(JOURNAL, parent):
                return left, True
            _refuse_resumable(store, parent, overwrite=overwrite)
            remove_tree(INCOMPLETE, parent)
        except BaseException:
            left.close()
            raise
        left.close()
    _remove_journal(parent)
    os.mkdir(INCOMPLETE, 0o700, dir_fd=parent)  # it holds what people keep private
    tree = open_tree(INCOMPLETE, parent)
    _lock(tree, store)
    return tree, False


def _refuse_resumable(store: Path, parent: int, *, overwrite: bool) -> None:
    """Hours of copying are not thrown away by a command that only forgot a switch."""
    if not overwrite and _exists(JOURNAL, parent):
        raise StoreLocationError(
            f"{store} holds an incomplete store; add --resume to go on with it, /o (--overwrite) to begin anew, or"
            " choose another folder"
        )


def _remove_journal(parent: int) -> None:
    for name in _JOURNALS:
        if _exists(name, parent):
            os.unlink(name, dir_fd=parent)


def _lock(tree: Tree, store: Path) -> None:
    try:
        fcntl.flock(tree.root, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise StoreLocationError(f"{store}: another run is writing this store now") from error


def _restore_replaced(parent: int) -> None:
    """Undo half a replacement: a run that died between the two renames left the old, complete store aside."""
    if _exists(REPLACED, parent) and not _exists(FINAL, parent):
        _rename(REPLACED, FINAL, parent)
    _remove_if_there(REPLACED, parent)


def _rename(old: str, new: str, parent: int) -> None:
    os.rename(old, new, src_dir_fd=parent, dst_dir_fd=parent)


def _remove_if_there(name: str, parent: int) -> None:
    if _exists(name, parent):
        remove_tree(name, parent)


def _exists(name: str, parent: int) -> bool:
    try:
        os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def ensure_room(store: Path, needed: int) -> None:
    """Raise StoreError (72), before anything is copied, when ``store`` cannot take ``needed`` bytes."""
    place = next(each for each in (store, *store.absolute().parents) if each.exists())
    free = free_bytes(place)
    if free is not None and free < needed:
        raise StoreError(
            f"{store}: the store needs {in_words(needed)} and {in_words(free)} are free; make room or choose"
            " another place"
        )
