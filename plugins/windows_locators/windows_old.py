r"""Every Windows that Setup put aside: ``Windows.old``, ``.000``, ``Windows.old(1)``, ``$WINDOWS.~BT\NewOS``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

from extractor.model import Candidate
from extractor.seams import Filesystem
from windows_locators.directories import is_old, windows_directories
from windows_locators.evidence import examine


class WindowsOldLocator:
    """Finds the Windows directories below a Windows.old or a folder like it."""

    name: ClassVar[str] = "windows-old"

    def locate(self, filesystems: Iterable[Filesystem]) -> Iterator[Candidate]:
        for filesystem in filesystems:
            for directory, path in windows_directories(filesystem):
                if is_old(path):
                    yield examine(filesystem, directory, path)
