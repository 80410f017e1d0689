"""Named streams of a store -> the target: as extended attributes, by ntfs-3g's colon, or as files beside their own.

A colon (``file:stream``) is tried on an NTFS volume where an attribute cannot hold a stream; whether the driver takes
it (``streams_interface=windows``) is seen by what lies in the folder afterwards. Source: ntfs-3g(8).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from extractor.restore.host import LARGEST_STREAM, Host
from extractor.restore.steps import Steps
from extractor.restore.write import fill, named_streams, read
from extractor.store.columns import StoredObject, StoredStream
from extractor.store.opened import OpenStore
from extractor.store.safe_name import safe_name
from extractor.store.tree import Parts


@dataclass(slots=True)
class Streams:
    """What writes named streams."""

    store: OpenStore
    steps: Steps
    host: Host
    _colon: bool = field(init=False)
    """Whether a colon may still name a stream here."""

    def __post_init__(self) -> None:
        self._colon = self.host.ntfs

    def write(
        self, task: int, found: StoredObject, file: int, at: Parts, target: Parts
    ) -> list[str]:
        """Give an open file, now ``at`` and soon at ``target``, its streams; return what had to lie beside it."""
        beside = [
            each
            for each in named_streams(found)
            if not self._attribute(each, file) and not self._by_colon(task, each, at)
        ]
        return [self._beside(task, each, target, number) for number, each in enumerate(beside, 2)]

    def _attribute(self, stream: StoredStream, file: int) -> bool:
        if stream.size > LARGEST_STREAM:
            return False
        return self.host.stream(file, stream.name, read(self.store, stream))

    def _by_colon(self, task: int, stream: StoredStream, at: Parts) -> bool:
        if not self._colon or "/" in stream.name or "\0" in stream.name:
            return False
        place = (*at[:-1], f"{at[-1]}:{stream.name}")
        try:
            if not self.steps.note(task, place):
                return False
            fill(self.store, self.steps.tree, stream, place)
        except (OSError, UnicodeEncodeError):
            return False
        if place[-1] in self.steps.tree.names(place[:-1]):
            self.steps.tree.remove(place)  # it was taken for a name
            self._colon = False
        return self._colon

    def _beside(self, task: int, stream: StoredStream, target: Parts, number: int) -> str:
        name = safe_name(f"{target[-1]}:{stream.name}")
        place = (*target[:-1], name)
        temporary = self.steps.temporary(task, place, number)
        fill(self.store, self.steps.tree, stream, temporary)
        self.steps.put(task, temporary, place)
        return f"its stream {stream.name} lies beside it as {name}"
