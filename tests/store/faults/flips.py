"""One bit of a finished store flipped: is it found, and is what it belongs to named?"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from unittest import mock

from extractor.errors import CorruptStoreError, WrongKeyError
from extractor.model import printable
from extractor.store.opened import open_store
from extractor.store.place import BLOB, WIM
from extractor.store.sealed import age, unlocking
from extractor.store.sealed.keys import Passphrase, passphrase_keys
from extractor.store.sealed.opener import is_sealed
from extractor.store.verify import Verification, verify_store
from extractor.store.wim.reader import WimFile
from extractor.store.wim_store import SealedStore

SECRET = Passphrase("open sesame")
KINDS = ("directory", "wim", "sealed")
Owned = list[tuple[int, int, set[str]]]
"""Where in the WIM bytes lie, and the objects whose they are."""


@dataclass(frozen=True, slots=True)
class Flip:
    """A bit that was flipped, and what ``verify_store`` said."""

    file: str
    byte: int
    found: bool
    named: bool
    """True when what it belongs to is named: the object, or the file where it is no object's."""
    said: str


def sealed_with_passphrase(place: Path) -> SealedStore:
    """Return a store to be sealed with ``SECRET``."""
    return SealedStore(place, keys=passphrase_keys(SECRET))


@contextmanager
def quick_passphrase() -> Iterator[None]:
    """Let scrypt, which takes a second by intention, do the same work only once."""
    known = cache(age.unseal_with_passphrase)
    with mock.patch.object(unlocking, "unseal_with_passphrase", known):
        yield


def flips(place: Path, count: int, chance: Random) -> Iterator[Flip]:
    """Flip bits of a store, one at a time: of any file, small or large, alike; and set each right again."""
    root = place / "USMT"
    files = sorted(each for each in root.rglob("*") if each.is_file() and each.stat().st_size)
    owned = _owned(place) if (root / WIM).exists() else []
    with quick_passphrase():
        for _ in range(count):
            file = chance.choice(files)
            bit = chance.randrange(8 * file.stat().st_size)
            name = file.relative_to(root).as_posix()
            with _flipped(file, bit):
                found, said, named = _verified(place)
            owners = _owners(owned, bit // 8) if name == WIM else set()
            is_named = owners <= named if owners else _names(name, said)
            yield Flip(name, bit // 8, found, is_named, said)


@contextmanager
def _flipped(file: Path, bit: int) -> Iterator[None]:
    descriptor = os.open(file, os.O_RDWR)
    try:
        (before,) = os.pread(descriptor, 1, bit // 8)
        os.pwrite(descriptor, bytes([before ^ 1 << bit % 8]), bit // 8)
        try:
            yield
        finally:
            os.pwrite(descriptor, bytes([before]), bit // 8)
    finally:
        os.close(descriptor)


def _verified(place: Path) -> tuple[bool, str, set[str]]:
    """Return whether damage was found, all that was said of it, and what is named as changed or missing."""
    try:
        verified: Verification = verify_store(place, lambda _: None, passphrase=SECRET)
    except (CorruptStoreError, WrongKeyError) as error:
        return True, str(error), set()
    named = {*verified.changed, *verified.missing}
    return not verified.intact, "\n".join([*verified.problems, *sorted(named)]), named


def _names(file: str, said: str) -> bool:
    """Tell whether a file is named, or what is in it: the sums name the file whose line differs."""
    if file.rpartition("/")[2] in {"SHA256SUMS", "sealed.sha256"}:
        return bool(said)
    return printable(file) in said


def _owned(place: Path) -> Owned:
    """Return whose the bytes of a WIM are."""
    paths: dict[bytes, set[str]] = {}
    with open_store(place) as store:
        for each in store.objects():
            for stream in each.streams:
                if stream.stored_as.startswith(BLOB):
                    sha1 = bytes.fromhex(stream.stored_as.removeprefix(BLOB))
                    paths.setdefault(sha1, set()).add(printable(str(each.record.path)))
    with WimFile.open(place / "USMT" / WIM) as wim:
        return [
            (entry.resource.offset, entry.resource.end, paths.get(entry.sha1, set()))
            for entry in wim.blobs
        ]


def _owners(owned: Owned, byte: int) -> set[str]:
    return {path for start, end, paths in owned if start <= byte < end for path in paths}


def is_whole(place: Path) -> bool:
    """Tell whether nothing of a store differs."""
    keys = SECRET if is_sealed(place / "USMT") else None
    with quick_passphrase():
        return verify_store(place, lambda _: None, passphrase=keys).intact
