"""A directory tree of this host, reached by directory file descriptors only.

No step follows a symbolic link (O_NOFOLLOW) and none uses a path of more than one name, so neither a name nor a link
planted while we work leads outside, and a tree may be deeper than PATH_MAX.

A tree may have several volumes: names that begin with a drive (``("D:", "Data")``) are of that volume. No name that
comes from Windows is such a word, for ``safe_name`` escapes a colon.
"""

from __future__ import annotations

import os
import stat
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Self

Parts = tuple[str, ...]

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW_FILE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_OLD_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CHANGED_FILE = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_KEPT_OPEN = 256
"""The disk's order jumps between directories; a process may have 1024 descriptors by default."""


NO_ROOTS: Mapping[str, int] = MappingProxyType({})


class Tree:
    """The tree below one open directory, and below those of ``roots``; methods raise OSError.

    It owns ``root`` and the values of ``roots``, which are descriptors; a key of ``roots`` is the first name of all
    that lies on that volume.
    """

    def __init__(self, root: int, roots: Mapping[str, int] = NO_ROOTS) -> None:
        self.root = root
        self.roots = roots
        self._open: OrderedDict[Parts, int] = OrderedDict()

    def volume_of(self, parts: Parts) -> Parts:
        """Return the root of the volume that something lies on: no name, or its drive."""
        return parts[:1] if parts and parts[0] in self.roots else ()

    def directory(self, parts: Parts, *, create: bool = False) -> int:
        """Return a descriptor of the directory, lent until the next call; optionally make what is missing."""
        depth = next((n for n in range(len(parts), 0, -1) if parts[:n] in self._open), 0)
        if depth:
            self._open.move_to_end(parts[:depth])
            fd = self._open[parts[:depth]]
        else:
            depth = len(self.volume_of(parts))
            fd = self.roots[parts[0]] if depth else self.root
        for n in range(depth, len(parts)):
            _refuse_way_out(parts[n])
            fd = _open_directory(parts[n], fd, create=create)
            self._keep(parts[: n + 1], fd)
        return fd

    def _keep(self, parts: Parts, fd: int) -> None:
        self._open[parts] = fd
        if len(self._open) > _KEPT_OPEN:
            os.close(self._open.popitem(last=False)[1])

    def create(self, parts: Parts) -> int:
        """Return a descriptor of a new file, the caller's to close; its directory is made when missing."""
        _refuse_way_out(parts[-1])
        parent = self.directory(parts[:-1], create=True)
        return os.open(parts[-1], _NEW_FILE, 0o666, dir_fd=parent)

    def open(self, parts: Parts) -> int:
        """Return a descriptor for reading, the caller's to close; OSError when it is no regular file."""
        return self._open_old(parts, _OLD_FILE)

    def _open_old(self, parts: Parts, flags: int) -> int:
        _refuse_way_out(parts[-1])
        fd = os.open(parts[-1], flags, dir_fd=self.directory(parts[:-1]))
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise OSError(f"{parts[-1]!a} is no regular file")
        return fd

    def change(self, parts: Parts) -> int:
        """Return a descriptor for reading and writing a file that is there, the caller's to close."""
        return self._open_old(parts, _CHANGED_FILE)

    def remove(self, parts: Parts) -> None:
        """Remove a file."""
        os.unlink(parts[-1], dir_fd=self.directory(parts[:-1]))

    def link(self, old: Parts, new: Parts) -> None:
        """Give a file a second name; the directory of the new one is made when missing."""
        source = os.dup(self.directory(old[:-1]))
        try:
            target = self.directory(new[:-1], create=True)
            os.link(old[-1], new[-1], src_dir_fd=source, dst_dir_fd=target, follow_symlinks=False)
        finally:
            os.close(source)

    def rename(self, old: Parts, new: str) -> None:
        """Give a file or directory another name where it is; what was open is closed first."""
        self.forget()
        parent = self.directory(old[:-1])
        os.rename(old[-1], new, src_dir_fd=parent, dst_dir_fd=parent)

    def move(self, old: Parts, new: Parts) -> None:
        """Move a file to a directory of the tree, which is made when missing."""
        source = os.dup(self.directory(old[:-1]))
        try:
            target = self.directory(new[:-1], create=True)
            os.rename(old[-1], new[-1], src_dir_fd=source, dst_dir_fd=target)
        finally:
            os.close(source)

    def exists(self, parts: Parts) -> bool:
        """Tell whether the directory of ``parts`` exists and holds that name, whatever it is."""
        if parts == self.volume_of(parts):
            return True
        try:
            os.stat(parts[-1], dir_fd=self.directory(parts[:-1]), follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True

    def names(self, parts: Parts) -> list[str]:
        """Return what a directory holds, in no order."""
        with os.scandir(self.directory(parts)) as found:
            return [each.name for each in found]

    def files(self) -> Iterator[Parts]:
        """Yield everything that is not a directory, deepest names included; links are not followed."""
        pending: list[Parts] = [(), *((name,) for name in self.roots)]
        while pending:
            parts = pending.pop()
            names, directories = _listing(self.directory(parts))
            yield from ((*parts, name) for name in names)
            pending.extend((*parts, name) for name in directories)

    def forget(self) -> None:
        """Close what is kept open for speed."""
        while self._open:
            os.close(self._open.popitem()[1])

    def close(self) -> None:
        """Close all, the root too; once is enough."""
        self.forget()
        for each in (self.root, *self.roots.values()):
            if each >= 0:
                os.close(each)
        self.root, self.roots = -1, NO_ROOTS

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


NO_DRIVES: Mapping[str, Path] = MappingProxyType({})


def open_tree(
    path: str | os.PathLike[str],
    dir_fd: int | None = None,
    drives: Mapping[str, Path] = NO_DRIVES,
) -> Tree:
    """Open the tree at a path (of the person's own choice) or at one name below ``dir_fd``.

    ``drives`` are the folders of further volumes, by the first name of what lies there (``D:``).
    """
    follow = _DIRECTORY if dir_fd is not None else _DIRECTORY & ~os.O_NOFOLLOW
    tree = Tree(os.open(path, follow, dir_fd=dir_fd))
    try:
        tree.roots = {name: os.open(folder, follow) for name, folder in drives.items()}
    except BaseException:
        tree.close()
        raise
    return tree


def _refuse_way_out(name: str) -> None:
    """O_NOFOLLOW stops links, not this; our own names are never one, those of a forged manifest may be."""
    if name in {"", ".", ".."} or "/" in name:
        raise OSError(f"{name!a} is no name of a file")


def _open_directory(name: str, parent: int, *, create: bool) -> int:
    try:
        return os.open(name, _DIRECTORY, dir_fd=parent)
    except FileNotFoundError:
        if not create:
            raise
    with suppress(FileExistsError):  # another process of this run may have been quicker
        os.mkdir(name, dir_fd=parent)
    return os.open(name, _DIRECTORY, dir_fd=parent)


def _listing(fd: int) -> tuple[list[str], list[str]]:
    names: list[str] = []
    directories: list[str] = []
    with os.scandir(fd) as found:
        for each in found:
            (directories if each.is_dir(follow_symlinks=False) else names).append(each.name)
    return names, directories


def remove_tree(name: str, parent: int) -> None:
    """Remove a directory and all below it, however deep, with neither recursion nor a growing set of descriptors.

    Directories found further down are first moved up beside the others: ``shutil.rmtree`` recurses and keeps a
    descriptor for each level, so 1 000 levels of a hostile image end it.
    """
    with open_tree(name, parent) as tree:
        serial = 0
        names, pending = _listing(tree.root)
        _unlink_all(names, tree.root)
        while pending:
            current = pending.pop()
            with open_tree(current, tree.root) as inner:
                names, directories = _listing(inner.root)
                _unlink_all(names, inner.root)
                for each in directories:
                    serial = _free_serial(serial, tree.root)
                    os.rename(
                        each, f"removing-{serial}", src_dir_fd=inner.root, dst_dir_fd=tree.root
                    )
                    pending.append(f"removing-{serial}")
            os.rmdir(current, dir_fd=tree.root)
    os.rmdir(name, dir_fd=parent)


def _unlink_all(names: list[str], parent: int) -> None:
    for name in names:
        os.unlink(name, dir_fd=parent)


def _free_serial(serial: int, parent: int) -> int:
    serial += 1
    while os.access(f"removing-{serial}", os.F_OK, dir_fd=parent, follow_symlinks=False):
        serial += 1
    return serial
