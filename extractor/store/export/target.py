"""Where an export goes: a new file or folder, which gets its name only when it is complete."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from extractor.errors import StoreLocationError
from extractor.store.failures import preparing, writing
from extractor.store.place import FINAL
from extractor.store.tree import Tree, open_tree, remove_tree


def refuse(target: Path, store: Path) -> None:
    """Raise StoreLocationError (27) for a target that exists, or that would lie in the store itself."""
    with preparing(target):
        inside = target.resolve().is_relative_to((store / FINAL).resolve())
        exists = os.path.lexists(target)
        has_place = target.parent.is_dir()
    if exists:
        raise StoreLocationError(f"{target} exists already; nothing is overwritten")
    if inside:
        raise StoreLocationError(f"{target} lies in the store itself; choose another place")
    if not has_place:
        raise StoreLocationError(f"{target.parent} is no folder")


@contextmanager
def new_file(target: Path) -> Iterator[BinaryIO]:
    """Yield a file that becomes ``target`` when all goes well, and vanishes when not; OSError is StoreError (72)."""
    with preparing(target):
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name[:64]}.", dir=target.parent)
    try:
        with writing(target):
            with os.fdopen(descriptor, "w+b") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            Path(name).rename(target)
    except BaseException:
        Path(name).unlink()
        raise


@contextmanager
def new_folder(target: Path) -> Iterator[Tree]:
    """Yield a folder that becomes ``target`` when all goes well, and vanishes when not; OSError is StoreError (72)."""
    with preparing(target):
        name = tempfile.mkdtemp(prefix=f".{target.name[:64]}.", dir=target.parent)
    try:
        with writing(target):
            with open_tree(name) as tree:
                yield tree
            Path(name).rename(target)
    except BaseException:
        _remove(Path(name))
        raise


def _remove(folder: Path) -> None:
    """Remove a folder however deep it is."""
    parent = os.open(folder.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        remove_tree(folder.name, parent)
    finally:
        os.close(parent)
