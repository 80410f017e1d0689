"""A bag: BagIt 1.0 (RFC 8493), with SHA-256 manifests of what was proved while it was copied."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any
from unicodedata import is_normalized

from extractor.filetime import nanoseconds
from extractor.model import Record, printable
from extractor.store.export.proof import Proof
from extractor.store.export.rows import part, parts
from extractor.store.hand import set_time
from extractor.store.safe_name import LONGEST, twin_name
from extractor.store.tree import Parts, Tree

PAYLOAD = "data"
MANIFEST = "manifest-sha256.txt"
TAG_MANIFEST = "tagmanifest-sha256.txt"
DECLARATION = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
_CONFUSING = re.compile(r"%|[^\S ]")
"""``%``, which some undo and some do not; spaces and ends of lines beyond ASCII, which some cut off or split at."""
_DECOMPOSED = re.compile(r"%|[^\x00-\x7f]")
"""In a name that Unicode's NFC would change: validators take it for the one that it would become (RFC 8493 6.1.3)."""


class BagArchive:
    """A bag being written below ``tree``."""

    beside = False
    links = None

    def __init__(self, tree: Tree, about: Mapping[str, str]) -> None:
        self._tree = tree
        self._about = about
        self._manifest = os.fdopen(tree.create((MANIFEST,)), "wb")
        self._manifest_digest = hashlib.sha256()
        self._files = self._bytes = 0
        self._last: tuple[Parts, int, int] = ((), 0, 0)
        self._dates: list[tuple[Parts, int]] = []

    def spelled(self, name: str) -> str:
        """Return the name without what validators read each in their own way."""
        return "/".join(map(_spelled, name.split("/")))

    def accepts(self, name: str) -> str:
        """Take every name."""
        return ""

    def directory(self, name: str, record: Record) -> None:
        """Make a directory; its time is set at the end."""
        place = _parts(name)
        self._tree.directory(place, create=True)
        moment = nanoseconds(record.metadata.times.modified) if record.metadata else None
        if moment is not None:
            self._dates.append((place, moment))

    def file(self, name: str, content: Proof, record: Record | None) -> None:
        """Write a file of the payload and its line of the manifest."""
        digest = hashlib.sha256()
        moment = nanoseconds(record.metadata.times.modified) if record and record.metadata else None
        with os.fdopen(self._tree.create(_parts(name)), "wb") as target:
            while data := content.read():
                digest.update(data)
                target.write(data)
            target.flush()
            if moment is not None:
                set_time(target.fileno(), moment)
        self._enter(name, digest.hexdigest(), content.size)

    def _enter(self, name: str, digest: str, size: int) -> None:
        line = f"{digest}  {'/'.join(_parts(name))}\n".encode()
        self._last = (_parts(name), len(line), size)
        self._manifest.write(line)
        self._files += 1
        self._bytes += size

    def take_back(self) -> bool:
        """Remove the last file and its line."""
        place, length, size = self._last
        self._tree.remove(place)
        self._manifest.seek(-length, os.SEEK_CUR)
        self._manifest.truncate()
        self._files -= 1
        self._bytes -= size
        return True

    def text(self, name: str, write: Callable[[Callable[[bytes], object]], None]) -> None:
        """Write a file of ours into the payload."""
        digest, size = hashlib.sha256(), 0
        with os.fdopen(self._tree.create(_parts(name)), "wb") as target:

            def take(data: bytes) -> None:
                nonlocal size
                digest.update(data)
                size += len(data)
                target.write(data)

            write(take)
        self._enter(name, digest.hexdigest(), size)

    def finish(self) -> None:
        """Write the tag files, and date the directories."""
        self._manifest.close()
        info = {**self._about, "Payload-Oxum": f"{self._bytes}.{self._files}"}
        lines = "".join(f"{printable(key)}: {printable(value)}\n" for key, value in info.items())
        tags = {"bagit.txt": DECLARATION, "bag-info.txt": lines.encode()}
        for name, content in tags.items():
            with os.fdopen(self._tree.create((name,)), "wb") as file:
                file.write(content)
        with os.fdopen(self._tree.create((TAG_MANIFEST,)), "wb") as file:
            for name in (*tags, MANIFEST):
                with os.fdopen(self._tree.open((name,)), "rb") as tag:
                    digest = hashlib.file_digest(tag, "sha256").hexdigest()
                file.write(f"{digest}  {name}\n".encode())
        for place, moment in reversed(self._dates):
            set_time(self._tree.directory(place), moment)

    def close(self) -> None:
        """Let go of the manifest."""
        self._manifest.close()


def bag_info(header: Mapping[str, Any], info: Mapping[str, str]) -> dict[str, str]:
    """Return the lines of ``bag-info.txt``: what the store knows of its case, then what the person says of it."""
    windows = part(header, "windows")
    images = (str(each.get("path")) for each in parts(part(header, "image"), "images"))
    users = (each for each in parts(header, "users") if each.get("selected"))
    product = (windows.get(key) for key in ("product", "edition", "build"))
    about = {
        "Bag-Software-Agent": f"coldstate {version('coldstate')}",
        "Bagging-Date": datetime.now(UTC).date().isoformat(),
        "External-Description": "User state of a Windows machine, read from its disk",
        "Windows-Computer": windows.get("computer"),
        "Windows-Version": " ".join(str(each) for each in product if each),
        "Windows-Machine-SID": header.get("machine_sid"),
        "Windows-Users": ", ".join(str(each.get("name") or each.get("sid")) for each in users),
        "Source-Images": ", ".join(images),
    }
    return {key: str(value) for key, value in about.items() if value} | dict(info)


def _spelled(name: str) -> str:
    confusing = _CONFUSING if is_normalized("NFC", name) else _DECOMPOSED
    found = confusing.sub(_escape, name)
    if len(found.encode()) <= LONGEST:
        return found
    return twin_name(found, name.encode())


def _escape(found: re.Match[str]) -> str:
    return "=" if found[0] == "%" else f"=u{ord(found[0]):04X}"


def _parts(name: str) -> Parts:
    return (PAYLOAD, *name.split("/"))
