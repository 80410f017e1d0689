"""The blobs that a WIM being written has, by SHA-1: about 200 bytes of memory for each."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator

from extractor.store.wim.format import BlobEntry, Kind, Resource


class BlobIndex:
    """Grows in the order of the file."""

    def __init__(self) -> None:
        self._number: dict[bytes, int] = {}
        self._claims: dict[bytes, int] = {}
        self._places = array("Q")
        """Offset, stored bytes, size: three for each blob."""
        self._kinds = array("B")
        self._references = array("I")

    def __len__(self) -> int:
        return len(self._number)

    def __contains__(self, sha1: bytes) -> bool:
        return sha1 in self._number

    def claim(self, sha1: bytes, turn: int) -> bool:
        """Tell whether the unit of this turn must bring the bytes; False when an earlier one does, or did.

        Several workers ask at once. Whoever is named in the claims brings the bytes, so a claim that is lost to a race
        costs a second compression, never a blob.
        """
        if sha1 in self._number:
            return False
        earlier = self._claims.setdefault(sha1, turn)
        if earlier < turn:
            return False
        self._claims[sha1] = turn
        return True

    def add(self, sha1: bytes, resource: Resource) -> None:
        """Add a blob that lies in the file now."""
        self._places.extend((resource.offset, resource.stored, resource.size))
        self._kinds.append(int(resource.kind))
        self._references.append(0)
        self._number[sha1] = len(self._number)

    def settle(self, sha1: bytes) -> None:
        """Forget the claims on a blob whose fate is known."""
        self._claims.pop(sha1, None)

    def refer(self, sha1: bytes, count: int = 1) -> int:
        """Count references to a blob and return its size; raise ValueError when there is no such blob."""
        number = self._number.get(sha1)
        if number is None:
            raise ValueError(f"the image names the blob {sha1.hex()}, which was not stored")
        self._references[number] += count
        return self._places[3 * number + 2]

    def forget_references(self) -> None:
        """Begin to count anew."""
        self._references = array("I", bytes(4 * len(self._number)))

    def entries(self, first: int = 0) -> Iterator[BlobEntry]:
        """Yield the rows of the blob table, from a number on, in the order of the file."""
        last = len(self._kinds)
        for number, sha1 in enumerate(self._number):
            if first <= number < last:
                offset, stored, size = self._places[3 * number : 3 * number + 3]
                resource = Resource(offset, stored, size, Kind(self._kinds[number]))
                yield BlobEntry(resource, self._references[number], sha1)

    def load(self, entries: Iterable[BlobEntry], end: int) -> None:
        """Add the blobs of a run that broke off; raise ValueError when one lies beyond ``end``."""
        for resource, _, sha1 in entries:
            if resource.end > end or sha1 in self._number:
                raise ValueError("the journal names a blob twice, or beyond its end of the file")
            self.add(sha1, resource)
