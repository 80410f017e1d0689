"""``coldstate store mount``: a store as a read-only file system; the one place that knows the FUSE library."""

from __future__ import annotations

import argparse
import os
import stat
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from extractor.cli.arguments import words_parser
from extractor.cli.store_opening import add_store, open_given, parse_words
from extractor.errors import ColdstateError, StoreLocationError
from extractor.store.mounting import MountedStore, Node
from extractor.store.place import FINAL

TEXT = """Show a store as a read-only file system, until Ctrl+C or `fusermount -u DIR`.

C$/Users/...            files, folders, and links that stay inside, under the names of the store
.streams/C$/...         alternate data streams; small ones also as user.stream.NAME of their file
user.coldstate.path     (attribute) the place in the offline machine; user.coldstate.sha256: the catalog's hash

What is read is not proved: run `coldstate store verify` first."""
DEVICE = Path("/dev/fuse")
FOREVER = 86_400
"""Seconds that the kernel may remember what never changes."""


class NoFuseError(ColdstateError):
    """Something that mounting needs is missing, as `doctor` would say."""

    exit_code = 71


def run_mount(words: list[str]) -> int:
    """Mount a store and wait; 0 when it was unmounted, 27 for no store or no place, 71 without FUSE."""
    given = _parse(words)
    place: Path = given.directory
    library = _fuse()
    with open_given(given) as store:
        _refuse_place(place, given.store)
        tree = MountedStore(store)
        try:
            _serve(library, _Operations(tree, given.store, place), given)
        finally:
            tree.close_all()
    return 0


def _parse(words: list[str]) -> argparse.Namespace:
    parser = words_parser("store mount", TEXT)
    add_store(parser)
    parser.add_argument("directory", type=Path, metavar="DIR", help="an empty folder")
    parser.add_argument(
        "--allow-other", action="store_true", help="let other users of this computer read it too"
    )
    return parse_words(parser, words)


def _fuse() -> Any:  # noqa: ANN401 (the library has no types)
    """Return the FUSE library."""
    try:
        import mfusepy
    except (ImportError, OSError, AttributeError) as error:
        raise NoFuseError(
            f"no store can be mounted here: {error}; install fuse3 (apt-get install fuse3 libfuse2)"
        ) from error
    if not DEVICE.exists():
        raise NoFuseError("no store can be mounted here: this computer has no /dev/fuse")
    return mfusepy


def _refuse_place(place: Path, store: Path) -> None:
    try:
        empty = not any(place.iterdir())
        inside = place.resolve().is_relative_to((store / FINAL).resolve())
    except OSError as error:
        raise StoreLocationError(
            f"{place}: nothing can be mounted here: {error.strerror}"
        ) from error
    if not empty:
        raise StoreLocationError(f"{place} is not empty; choose an empty folder")
    if inside:
        raise StoreLocationError(f"{place} lies in the store itself; choose another place")


def _serve(library: Any, operations: _Operations, given: argparse.Namespace) -> None:  # noqa: ANN401
    """Mount, and return when it was unmounted."""
    options = {"allow_other": True} if given.allow_other else {}
    try:
        library.FUSE(
            operations, str(given.directory.absolute()), foreground=True, nothreads=True, ro=True, use_ino=True,
            fsname="coldstate", subtype="coldstate", default_permissions=True,
            entry_timeout=FOREVER, attr_timeout=FOREVER, kernel_cache=True, **options,
        )  # fmt: skip
    except RuntimeError as error:
        raise StoreLocationError(
            f"{given.directory}: nothing can be mounted here (FUSE says {error})"
        ) from error


class _Operations:
    """What the FUSE library calls, under the names that it looks for."""

    use_ns = True

    def __init__(self, tree: MountedStore, store: Path, place: Path) -> None:
        self._tree = tree
        self._store = store
        self._place = place
        self._owner = {"st_uid": os.getuid(), "st_gid": os.getgid()}

    def init(self, _: str) -> None:
        """Say that it is there: until now nobody could look."""
        hidden = self._tree.hidden_links
        said = f"; {hidden} links that lead elsewhere are not shown" if hidden else ""
        print(
            f"{self._store} is mounted at {self._place}, read-only: {self._tree.objects} objects{said}."
            f" Ctrl+C or `fusermount -u {self._place}` ends it.",
            file=sys.stderr,
            flush=True,
        )

    def getattr(self, path: str, _: int | None = None) -> dict[str, int]:
        return self._attributes(self._tree.find(path))

    def _attributes(self, node: Node) -> dict[str, int]:
        modified, accessed, changed = node.times
        links = 2 if stat.S_ISDIR(node.mode) else node.links
        return {
            "st_mode": node.mode, "st_ino": node.number, "st_nlink": links, "st_size": node.size,
            "st_blocks": -(-node.size // 512), "st_blksize": 1 << 17,
            "st_mtime": modified, "st_atime": accessed, "st_ctime": changed, **self._owner,
        }  # fmt: skip

    def readdir(self, path: str, _: int) -> Iterator[tuple[str, dict[str, int], int]]:
        node = self._tree.find(path)
        for name in (".", ".."):
            yield name, {"st_mode": node.mode, "st_ino": node.number}, 0
        for name, child in node.children.items():
            yield name, {"st_mode": child.mode, "st_ino": child.number}, 0

    def readlink(self, path: str) -> str:
        return self._tree.find(path).target

    def open(self, path: str, _: int) -> int:
        return self._tree.open(path)

    def read(self, _: str, size: int, offset: int, handle: int) -> bytes:
        return self._tree.read(handle, size, offset)

    def release(self, _: str, handle: int) -> int:
        self._tree.close(handle)
        return 0

    def listxattr(self, path: str) -> Iterable[str]:
        return self._tree.attribute_names(path)

    def getxattr(self, path: str, name: str, _: int = 0) -> bytes:
        return self._tree.attribute(path, name)

    def statfs(self, _: str) -> dict[str, int]:
        return {"f_bsize": 1 << 12, "f_frsize": 1 << 12, "f_namemax": 255}
