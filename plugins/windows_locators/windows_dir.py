r"""Every Windows directory of every volume (``\Windows``, renamed, nested, several), but those that Setup put aside."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

from extractor.model import Candidate
from extractor.seams import Filesystem
from windows_locators.directories import is_old, windows_directories
from windows_locators.evidence import examine


class WindowsDirLocator:
    """Finds the Windows directories that lie in no Windows.old."""

    name: ClassVar[str] = "windows-dir"

    def locate(self, filesystems: Iterable[Filesystem]) -> Iterator[Candidate]:
        for filesystem in filesystems:
            for directory, path in windows_directories(filesystem):
                if not is_old(path):
                    yield examine(filesystem, directory, path)
