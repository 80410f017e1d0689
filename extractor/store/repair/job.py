"""A repair under way: what lies in the store, what is known to be whole, and where a paper can be had from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from extractor.events import Observer
from extractor.store.failures import writing
from extractor.store.place import WIM
from extractor.store.registry_export import REGISTRY
from extractor.store.repair.archive import Archive
from extractor.store.repair.result import Repair
from extractor.store.repair.shelf import Shelf, hashes_of


@dataclass(slots=True)
class Job:
    """A repair of a store that is no encrypted one."""

    shelf: Shelf
    archive: Archive | None
    observer: Observer
    result: Repair
    digests: dict[str, str] = field(default_factory=dict)
    """SHA-256 of each paper that is whole, or made anew."""
    doubtful: dict[str, str] = field(default_factory=dict)
    """The same of catalog and manifest where no hash speaks for them."""

    def in_wim(self, name: str) -> bytes | None:
        """Return the SHA-1 that image 2 has of a paper."""
        return self.archive.papers.get(name) if self.archive else None

    def hashes(self, name: str) -> tuple[bytes, str] | None:
        """Return SHA-1 and SHA-256 of a paper as it is now; None when it cannot be read."""
        file = self.shelf.open(name)
        return hashes_of(file) if file else None

    def note(self, name: str) -> None:
        """Remember the hash of a paper that was made."""
        found = self.hashes(name)
        if found:
            self.digests[name] = found[1]

    def from_image_2(self, name: str) -> bool:
        """Take a paper out of the WIM."""
        if self.archive is None or name not in self.archive.papers:
            return False
        place = self.shelf.place(name)
        with writing(place), place.open("xb") as file:
            whole = self.archive.copy(name, file)
        if not whole:
            self.shelf.drop(name)
            return False
        self.note(name)
        self.result.done.append(f"{name}: as it was written, from image 2 of {WIM}")
        return True

    def registry(self) -> Iterator[str]:
        """Yield the files of the registry that are whole, those of the WIM put in place first."""
        noted = self.shelf.sums()
        known = self.archive.papers if self.archive else {}
        for name in sorted({*self.shelf.names(), *known}):
            if name.startswith(f"{REGISTRY}/") and self.restore(name, noted.get(name, "")):
                yield name

    def restore(self, name: str, wanted: str) -> bool:
        """Have a paper that is what a hash says, or what the WIM holds; False when there is none."""
        found, in_wim = self.hashes(name), self.in_wim(name)
        if found and (found[1] == wanted or found[0] == in_wim or not (wanted or in_wim)):
            self.digests[name] = found[1]
            return True
        return self.from_image_2(name) and wanted in {"", self.digests[name]}
