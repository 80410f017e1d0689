"""Folders in which documents may lie, what in them is the system's, and pattern text that means just them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from extractor.errors import SourceError
from extractor.filesystems import find, is_link
from extractor.model import FILE_ATTRIBUTE_HIDDEN, Entry, WinPath, upcase
from extractor.rules.patterns import escape
from extractor.seams import Filesystem

FILE_ATTRIBUTE_SYSTEM = 0x4  # [MS-FSCC] 2.6
HIDDEN_SYSTEM = FILE_ATTRIBUTE_HIDDEN | FILE_ATTRIBUTE_SYSTEM
MOST_FILES = 4096
"""Files of a folder that are named one by one; in a fuller one the excludes alone keep system files out."""
HIVES = ("System32", "config")
"""What a Windows directory has in it."""
_EARLIER = re.compile(r"WINDOWS\.OLD([.(].*)?|\$WINDOWS\.~.*")
_BESIDE_WINDOWS = frozenset({"PROGRAM FILES", "PROGRAM FILES (X86)", "PROGRAMDATA"})


@dataclass(frozen=True, slots=True)
class Folder:
    """A directory and its path; ``own``: it is, or lies in, a shell folder."""

    path: WinPath
    filesystem: Filesystem
    entry: Entry
    own: bool = False

    def children(self) -> Iterator[Folder]:
        """Yield the directories in it; links are not followed."""
        for entry in self.filesystem.children(self.entry):
            if entry.directory and not is_link(entry):
                yield Folder(self.path / entry.name, self.filesystem, entry, self.own)

    def files(self) -> Iterator[str]:
        """Yield the names of the files in it."""
        for entry in self.filesystem.children(self.entry):
            if not entry.directory:
                yield entry.name

    def system_files(self) -> Iterator[str]:
        """Yield the names of the files in it that are both hidden and system."""
        for entry in self.filesystem.children(self.entry):
            if not entry.directory and _is_hidden_system(self.filesystem, entry):
                yield entry.name

    @property
    def is_hidden_system(self) -> bool:
        """True when the folder itself is both hidden and system."""
        return _is_hidden_system(self.filesystem, self.entry)

    @property
    def is_of_a_windows(self) -> bool:
        """True for a Windows directory, an earlier Windows put aside, and what the Windows beside it has installed."""
        name = upcase(self.entry.name)
        if _EARLIER.fullmatch(name) or find(self.filesystem, HIVES, self.entry):
            return True
        if name not in _BESIDE_WINDOWS:
            return False
        around = self.filesystem.names(self.entry.parent)
        return any(find(self.filesystem, ("Windows", *HIVES), each) for each in around[:1])


def _is_hidden_system(filesystem: Filesystem, entry: Entry) -> bool:
    """Tell whether an entry is both hidden and system; of one that cannot be read that is not known."""
    try:
        attributes = filesystem.metadata(entry).attributes
    except SourceError:
        return False
    return attributes & HIDDEN_SYSTEM == HIDDEN_SYSTEM


# --- pattern text ---------------------------------------------------------------------------------


def tree_pattern(path: WinPath) -> str:
    """Return the pattern of a folder with all in it."""
    return f"{_node(path)}* [*]"


def file_pattern(path: WinPath, name: str) -> str:
    """Return the pattern of one file of a folder."""
    return f"{_node(path)} [{_literal(name)}]"


def ending_pattern(path: WinPath, extension: str) -> str:
    """Return the pattern of the files of a folder (not of those in it) with an extension."""
    return f"{_node(path)} [*.{_literal(extension)}]"


def files_patterns(folder: Folder) -> Iterator[str]:
    """Yield the patterns of a folder's files: of all, or one by one where some are the system's."""
    names, never = list(folder.files()), frozenset(folder.system_files())
    if len(names) > MOST_FILES or not never:
        yield f"{_node(folder.path)} [*]"
    else:
        yield from (file_pattern(folder.path, name) for name in names if name not in never)


def _node(path: WinPath) -> str:
    return "".join(f"{part}\\" for part in (path.drive, *map(_literal, path.parts)))


def _literal(name: str) -> str:
    r"""Return pattern text for a name; a star stands for what no pattern can say: a ``\`` or NUL in a POSIX name."""
    return re.sub(r"[\\\0]", "*", escape(name))
