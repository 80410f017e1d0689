"""A folder that gets its name only when all is in it: what is handed to somebody is whole, or is not there."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from extractor.errors import StoreError, StoreLocationError
from extractor.store.failures import free_space


@contextmanager
def new_folder(
    out: Path, what: str, rename: Callable[[Path, Path], object] = Path.rename
) -> Iterator[Path]:
    """Yield a folder that becomes ``out`` when all goes well and vanishes when not; ``what`` (kit …) it is called.

    Raises StoreLocationError (27) when none can be made there, StoreError (72) when it cannot be written out.
    """
    parent = out.absolute().parent
    with preparing(out, what):
        made = Path(tempfile.mkdtemp(prefix=f".{out.name[:64]}.", dir=parent))
    try:
        yield made
        with writing(out, what):
            for each in made.iterdir():
                _sync(each)
            _sync(made)
            rename(made, out)
            _sync(parent)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise


@contextmanager
def preparing(out: Path, what: str) -> Iterator[None]:
    """Translate OSError of a look at ``out`` into StoreLocationError (27)."""
    try:
        yield
    except OSError as error:
        raise StoreLocationError(
            f"{out}: no {what} can be made here: {error.strerror or error}"
        ) from error


@contextmanager
def writing(out: Path, what: str) -> Iterator[None]:
    """Translate OSError of a write below ``out`` into StoreError (72)."""
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"{out}: the {what} cannot be written: {error.strerror or error} ({free_space(out.absolute().parent)})"
        ) from error


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
