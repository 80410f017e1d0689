"""A file at the target -> what a filter may ask of it: size, times, and whether a shortcut leads to something."""

from __future__ import annotations

import os
import struct
from collections.abc import Collection
from dataclasses import dataclass

from extractor.filetime import UNIX_EPOCH
from extractor.model import Metadata, StreamInfo, Times, WinPath
from extractor.restore.host import Host
from extractor.restore.rules.load_filters import NOT_A_LINK, Subject
from extractor.restore.rules.shortcuts import LARGEST, is_shortcut, target_of
from extractor.restore.view import InTheWayError, There, View
from extractor.store.tree import Parts, Tree

_FOUR_TIMES = struct.Struct(">4Q")


@dataclass(frozen=True, slots=True)
class Looked:
    """A place of the target, looked at when a filter asks."""

    view: View
    tree: Tree | None
    place: Parts
    found: There
    system: str
    """The drive that the root of the target is."""

    @property
    def subject(self) -> Subject:
        """The file as filters see it; what cannot be opened answers nothing."""
        if self.tree is None or not self.found.regular:
            return Subject()
        nowhere = self._leads_nowhere if is_shortcut(self.place[-1]) else NOT_A_LINK.leads_nowhere
        try:
            return Subject(self._metadata(self.tree), leads_nowhere=nowhere)
        except OSError:
            return Subject()

    def _metadata(self, tree: Tree) -> Metadata:
        """Return size and times; when a file was created only an NTFS volume tells."""
        file = tree.open(self.place)
        try:
            traits = Host(tree.root).traits(file)
        finally:
            os.close(file)
        times = Times(0, _filetime(traits.modified), 0, _filetime(traits.accessed))
        if len(traits.times) >= _FOUR_TIMES.size:
            created, modified, accessed, changed = _FOUR_TIMES.unpack_from(traits.times)
            times = Times(created, modified, changed, accessed)
        return Metadata(traits.attributes, times, streams=(StreamInfo("", self.found.size),))

    def _leads_nowhere(self) -> bool | None:
        if self.tree is None:
            return None
        try:
            with os.fdopen(self.tree.open(self.place), "rb") as file:
                target = target_of(file.read(LARGEST))
            return (
                None
                if target is None
                else is_missing(self.view, target, self.system, self.tree.roots)
            )
        except OSError:
            return None


def is_missing(
    view: View, path: WinPath, system: str, letters: Collection[str] = ()
) -> bool | None:
    """Tell whether nothing lies at a path of the target; None for a drive that it does not have. Raises OSError.

    ``letters`` are the drives that are volumes of their own there, besides that of the system.
    """
    drive = (path.drive,) if path.drive in letters else ()
    if not drive and path.drive != system:
        return None
    try:
        return view.there(view.place((*drive, *path.parts))) is None
    except InTheWayError:
        return True


def _filetime(nanoseconds: int) -> int:
    return nanoseconds // 100 + UNIX_EPOCH
