"""A blob on its way into the WIM, and what is known of it when it is there."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass
from typing import NamedTuple, Protocol


class Stored(NamedTuple):
    """What a blob is known by."""

    sha1: bytes
    """20 bytes; of no bytes, the true SHA-1 of nothing (metadata names it by zeros)."""
    sha256: str
    """64 hexadecimal digits."""
    size: int


class Unit(Protocol):
    """The work that a ticket waits for."""

    written: Future[None] | None
    """Done when its blobs are in the file; None until it was handed on."""


@dataclass(slots=True, eq=False)
class Ticket:
    """The result of one blob, as soon as there is one."""

    size: int
    unit: Unit | None = None
    stored: Stored | None = None
    failure: Exception | None = None

    @property
    def done(self) -> bool:
        """True when ``result`` answers at once."""
        if self.stored is not None or self.failure is not None:
            return True
        return self.unit is not None and self.unit.written is not None and self.unit.written.done()

    def result(self) -> Stored:
        """Wait for the blob; raise what kept it out (DamagedError; StoreError ends everything).

        A small blob is handed on with others: ``WimWriter.flush`` (or ``add``) comes before the wait for it.
        """
        if self.stored is None and self.failure is None:
            if self.unit is None or self.unit.written is None:
                raise RuntimeError("WimWriter.flush() comes before the wait for a small blob")
            self.unit.written.result()
        if self.failure is not None:
            raise self.failure
        if self.stored is None:
            raise RuntimeError("a blob was neither stored nor refused")
        return self.stored
