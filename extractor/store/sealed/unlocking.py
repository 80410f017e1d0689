"""Which key opens a sealed store, and its listing: a wrong key (37) told from damage (42).

age says the same of both, so the plain sums are asked first: a file that is as it was written and does not open was
given the wrong key. Once the listing is open, the sums themselves and the names of the directory are compared with it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from extractor.errors import CorruptStoreError, UsageError, WrongKeyError
from extractor.store.failures import reading
from extractor.store.sealed.age import UnsealError, unseal_with_passphrase, unsealed
from extractor.store.sealed.keys import Passphrase, parse_identities
from extractor.store.sealed.listing import (
    IDENTITY,
    LARGEST,
    LISTING,
    SUFFIX,
    SUMS,
    Listing,
    expected_sums,
    parse_listing,
    parse_sums,
)
from extractor.store.tree import Tree

LARGEST_IDENTITY = 16 << 10
"""Bytes of ``identity.age`` that are read; it has about 300."""
EXCESSIVE = "Excessive work"
"""How pyrage begins when scrypt would take many times longer than on the computer that made the file."""


def read_sums(directory: Path, tree: Tree) -> dict[str, str]:
    """Return the plain sums; raise CorruptStoreError (42)."""
    return parse_sums(_content(directory, tree, SUMS, LARGEST))


def unlock(
    directory: Path, tree: Tree, passphrase: Passphrase | None, identities: Sequence[object]
) -> tuple[object, ...]:
    """Return the identities to open the listing with: those given, or the one that the passphrase keeps.

    Raises WrongKeyError (37) and CorruptStoreError (42).
    """
    if identities:
        return tuple(identities)
    if IDENTITY not in read_sums(directory, tree) and not tree.exists((IDENTITY,)):
        raise WrongKeyError(
            f"{directory}: the store was sealed to recipients; give the file with an identity of one (--identity)"
        )
    if passphrase is None:
        raise WrongKeyError(
            f"{directory}: the store is encrypted; give its key (/decrypt with /key or /keyfile)"
        )
    return _kept_identity(directory, tree, passphrase)


def _kept_identity(directory: Path, tree: Tree, passphrase: Passphrase) -> tuple[object, ...]:
    sealed = _intact(directory, tree, IDENTITY, LARGEST_IDENTITY)
    try:
        content = unseal_with_passphrase(sealed, passphrase.text)
    except UnsealError as error:
        if str(error).startswith(EXCESSIVE):
            raise WrongKeyError(
                f"{directory / IDENTITY}: its passphrase takes this computer too long to try"
            ) from error
        raise WrongKeyError(f"{directory}: the key does not open this store") from error
    try:
        return parse_identities(content, IDENTITY)
    except UsageError:
        raise CorruptStoreError(f"{directory / IDENTITY}: holds no identity") from None


def open_listing(
    directory: Path, tree: Tree, identities: Sequence[object], *, proven: bool
) -> Listing:
    """Return the listing, when all that is in the directory, and the sums, are what it says.

    ``proven``: the identities are this store's, so that whatever does not open is damaged.
    Raises WrongKeyError (37) and CorruptStoreError (42).
    """
    sealed = _intact(directory, tree, LISTING, LARGEST)
    try:
        listing = parse_listing(unsealed(sealed, identities, LARGEST))
    except UnsealError as error:
        if proven:
            raise CorruptStoreError(f"{directory / LISTING}: is not of this store") from error
        raise WrongKeyError(f"{directory}: no identity that was given opens this store") from error
    except CorruptStoreError as error:
        raise CorruptStoreError(f"{directory}: {error}") from error
    _refuse_names(directory, tree, listing)
    _refuse_sums(directory, tree, listing)
    return listing


def _refuse_sums(directory: Path, tree: Tree, listing: Listing) -> None:
    """Raise CorruptStoreError when the plain sums are not those of the parts."""
    sums = read_sums(directory, tree)
    expected = expected_sums(listing, sums)
    if sums != expected:
        name = min(sums.items() ^ expected.items())[0]
        raise CorruptStoreError(
            f"{directory / SUMS}: its line of {name!a} is not as it was written"
        )


def _intact(directory: Path, tree: Tree, name: str, limit: int) -> bytes:
    """Return a sealed file that is as it was written, so that it can only be the key that does not open it."""
    content = _content(directory, tree, name, limit)
    if read_sums(directory, tree).get(name) != hashlib.sha256(content).hexdigest():
        raise CorruptStoreError(f"{directory / name}: is damaged: {SUMS} has another sum")
    return content


def _refuse_names(directory: Path, tree: Tree, listing: Listing) -> None:
    """Raise CorruptStoreError for a sealed file that is missing, or that the listing does not know."""
    with reading(directory):
        there = {"/".join(parts) for parts in tree.files()}
    known = {each.sealed for each in listing.parts()} | {LISTING}
    if listing.passphrase:
        known.add(IDENTITY)
    for name in sorted(known - there):
        raise CorruptStoreError(f"{directory / name}: is missing")
    for name in sorted(each for each in there - known if each.endswith(SUFFIX)):
        raise CorruptStoreError(f"{directory}: {name!a} does not belong to the store")


def _content(directory: Path, tree: Tree, name: str, limit: int) -> bytes:
    place = directory / name
    try:
        with reading(place), os.fdopen(tree.open((name,)), "rb") as file:
            content = file.read(limit + 1)
    except CorruptStoreError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            raise CorruptStoreError(f"{place}: is missing") from error.__cause__
        raise
    if len(content) > limit:
        raise CorruptStoreError(f"{place}: is larger than any that this program writes")
    return content
