"""Where a hand-off goes: a new folder that gets its name only when all is in it, never on the evidence itself."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path

from extractor.block_devices import faces_of, lies_on
from extractor.errors import StoreError, StoreLocationError
from extractor.new_folder import new_folder, preparing
from extractor.new_folder import writing as new_folder_writing
from extractor.store.failures import free_bytes, in_words

HANDOFF = "hand-off"


def refuse_place(out: Path, evidence: Iterable[Path]) -> None:
    """Raise StoreLocationError (27) unless a new folder can be made at ``out``, off every file of the evidence."""
    with preparing(out, HANDOFF):
        files = {each: faces_of(each) for each in evidence}
        taken = faces_of(out) if out.exists() else set()
        for file, places in files.items():
            if taken & places:
                raise StoreLocationError(f"{out} is the evidence, {file}: name a new folder")
        if os.path.lexists(out):
            raise StoreLocationError(f"{out} exists already; nothing is overwritten")
        if not out.parent.is_dir():
            raise StoreLocationError(f"{out.parent} is no folder")
        below = lies_on(out.parent)
        for file, places in files.items():
            if below & places:
                raise StoreLocationError(
                    f"{out} lies on the evidence: what is mounted there is {file}; choose another disk"
                )


def free_at(out: Path) -> int | None:
    """Return the bytes that a new folder at ``out`` may take; None when the system does not say."""
    return free_bytes(out.parent)


def refuse_room(out: Path, needed: int) -> None:
    """Raise StoreError (72) when ``needed`` bytes do not fit, before anything is written."""
    free = free_at(out)
    if free is not None and free < needed:
        raise StoreError(
            f"{out}: the hand-off needs {in_words(needed)} and {in_words(free)} are free; make room or choose"
            " another disk"
        )


def new_handoff(out: Path) -> AbstractContextManager[Path]:
    """Return a folder that becomes ``out`` when all goes well and vanishes when not."""
    return new_folder(out, HANDOFF)


def writing(out: Path) -> AbstractContextManager[None]:
    """Translate OSError of a write below ``out`` into StoreError (72)."""
    return new_folder_writing(out, HANDOFF)
