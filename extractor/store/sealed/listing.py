"""The listing of a sealed store, which binds every part to its place; and the plain sums beside it.

Both are small: a line for each part of 64 MiB.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from extractor.errors import CorruptStoreError
from extractor.store.sealed.age import Sums

SUFFIX = ".age"
IDENTITY = "identity.age"
LISTING = "parts.json.age"
SUMS = "sealed.sha256"
FORMAT = "coldstate-sealed"
VERSION = 1
LARGEST = 64 << 20
"""Bytes of listing or sums that are read: enough for 10 TiB in parts."""
OWN = frozenset({IDENTITY, LISTING, SUMS})

_NAME = re.compile(r"(?:(?!\.\.?/)[^/\\\x00-\x1f\x7f]+/)*(?!\.\.?\Z)[^/\\\x00-\x1f\x7f]+")
_LINE = re.compile(r"([0-9a-f]{64})  ([^\n]+)\n")
_HEX = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Part:
    """One age file: its name below the sealed directory, and what is in it."""

    sealed: str
    sums: Sums


@dataclass(frozen=True, slots=True)
class Listing:
    """The files of a sealed store by name, each with its parts in order."""

    passphrase: bool
    """True when the store has an ``identity.age``."""
    files: Mapping[str, tuple[Part, ...]]

    def parts(self) -> Iterator[Part]:
        """Yield the parts of every file."""
        for parts in self.files.values():
            yield from parts


def is_name(name: str) -> bool:
    """Tell whether a name may be that of a sealed file: relative, ``/`` between folders, nothing that leads out."""
    return _NAME.fullmatch(name) is not None


def listing_text(listing: Listing) -> bytes:
    """Return the listing as JSON."""
    files = [
        {"name": name, "parts": [{"sealed": each.sealed, **asdict(each.sums)} for each in parts]}
        for name, parts in listing.files.items()
    ]
    document = {
        "format": FORMAT,
        "version": VERSION,
        "passphrase": listing.passphrase,
        "files": files,
    }
    return json.dumps(document, indent=1).encode()


def parse_listing(content: bytes) -> Listing:
    """Return the listing that JSON says; raise CorruptStoreError (42) for anything but what was written here."""
    try:
        return _listing(json.loads(content))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise CorruptStoreError(f"{LISTING}: is not the listing of a sealed store") from error


def _listing(document: Mapping[str, Any]) -> Listing:
    if (document["format"], document["version"]) != (FORMAT, VERSION):
        raise ValueError("another format")
    files = {_name(file["name"]): _parts(file["parts"]) for file in document["files"]}
    listing = Listing(bool(document["passphrase"]), files)
    names = [each.sealed for each in listing.parts()]
    if len({*names}) != len(names) or len(files) != len(document["files"]):
        raise ValueError("a name twice")
    return listing


def _parts(found: list[Mapping[str, Any]]) -> tuple[Part, ...]:
    parts = tuple(Part(_name(each["sealed"]), _sums(each)) for each in found)
    if not parts:
        raise ValueError("no parts")
    return parts


def _sums(found: Mapping[str, Any]) -> Sums:
    sums = Sums(*(found[key] for key in ("size", "sha256", "sealed_size", "sealed_sha256")))
    sizes, digests = (sums.size, sums.sealed_size), (sums.sha256, sums.sealed_sha256)
    if not all(type(size) is int and size >= 0 for size in sizes):
        raise ValueError("no size")
    if not all(_HEX.fullmatch(digest) for digest in digests):
        raise ValueError("no digest")
    return sums


def _name(text: str) -> str:
    if not is_name(text):
        raise ValueError("no name")
    return text


def sums_text(digests: Mapping[str, str]) -> bytes:
    """Return name -> SHA-256 as ``sha256sum`` writes it."""
    return "".join(f"{digest}  {name}\n" for name, digest in digests.items()).encode()


def parse_sums(content: bytes) -> dict[str, str]:
    """Return name -> SHA-256; raise CorruptStoreError (42)."""
    text = content.decode("utf-8", "replace")
    found = {line[2]: line[1] for line in _LINE.finditer(text)}
    if sums_text(found) != content or not found:
        raise CorruptStoreError(f"{SUMS}: is not as it was written")
    return found


def expected_sums(listing: Listing, digests: Mapping[str, str]) -> dict[str, str]:
    """Return what the plain sums must be; ``digests`` are those of the listing itself and of the identity."""
    own = (IDENTITY, LISTING) if listing.passphrase else (LISTING,)
    return {
        **{each.sealed: each.sums.sealed_sha256 for each in listing.parts()},
        **{name: digests[name] for name in own if name in digests},
    }
