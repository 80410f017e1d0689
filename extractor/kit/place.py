"""Where a kit goes: a new folder that gets its name when all is in it, never in the store and never over anything."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from extractor.errors import StoreError, StoreLocationError
from extractor.new_folder import new_folder, preparing, writing
from extractor.restore.evidence import refuse_target
from extractor.store.failures import free_bytes, in_words
from extractor.store.opened import OpenStore

KIT = "kit"
SPARE = 4 << 20
"""Bytes set aside for all that is no content."""
PER_OBJECT = 2048
"""Bytes that an object takes in the plan, and a file beyond its own."""


def refuse_out(out: Path, store: OpenStore) -> None:
    """Raise UsageError (11) for a place in the store or on its evidence, StoreLocationError (27) for one taken."""
    refuse_target(out, store.path, store.header)
    with preparing(out, KIT):
        if out.is_symlink() or (out.exists() and not out.is_dir()):
            raise StoreLocationError(f"{out} is there and is no folder; a kit is a new folder")
        if out.is_dir() and any(out.iterdir()):
            raise StoreLocationError(f"{out} exists and is not empty; nothing is overwritten")
        if not out.absolute().parent.is_dir():
            raise StoreLocationError(f"{out.parent} is no folder")


def refuse_lack_of_room(out: Path, needed: int, objects: int) -> None:
    """Raise StoreError (72), before anything is written, when ``needed`` bytes do not fit."""
    free = free_bytes(out.absolute().parent)
    whole = needed + objects * PER_OBJECT + SPARE
    if free is not None and free < whole:
        raise StoreError(
            f"{out}: the kit needs {in_words(whole)} and {in_words(free)} are free; make room or choose another place"
        )


@contextmanager
def new_kit(out: Path) -> Iterator[Path]:
    """Yield a folder that becomes ``out`` when all goes well and vanishes when not; raise StoreError (72)."""
    with new_folder(out, KIT, _rename) as made, writing(out, KIT):
        yield made


def _rename(made: Path, out: Path) -> None:
    try:
        made.rename(out)
    except OSError as error:
        if error.errno in {errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR}:
            raise StoreLocationError(
                f"{out} was made by somebody else meanwhile; nothing is overwritten"
            ) from error
        raise
