"""What an extraction made of a store: counts that balance, and everything that is not simply there, by name."""

from __future__ import annotations

from dataclasses import dataclass, field

from extractor.errors import CorruptStoreError, LedgerError

LOST = 3
"""Exit code when something asked for was not written."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A file, folder or stream (``path:stream``) that was not written; texts are exact."""

    path: str
    reason: str
    corrupt: bool = False
    """True when the store's own bytes are wrong or missing."""


@dataclass(frozen=True, slots=True)
class Link:
    """A link or other reparse point: told, never made; texts are exact."""

    path: str
    target: str
    tag: int


@dataclass(frozen=True, slots=True)
class Raw:
    """An EFS file that was written in raw form: only WriteEncryptedFileRaw makes a file of it."""

    path: str
    verdict: str
    """Whether it will open after a restore: yes, no, unknown."""
    reason: str


@dataclass(slots=True)
class Extraction:
    """What became of what was asked for; all counts but ``bytes`` and ``streams`` are objects."""

    asked: int = 0
    written: int = 0
    """Files and folders, whole; a further name of a file too."""
    failed: int = 0
    streams: int = 0
    """Named streams written."""
    hard_links: int = 0
    """Names that are hard links here too."""
    bytes: int = 0
    links: list[Link] = field(default_factory=list)
    """Told; what one holds besides is written all the same."""
    failures: list[Failure] = field(default_factory=list)
    """One at least for each object that failed."""
    raw: list[Raw] = field(default_factory=list)
    others: int = 0
    """Registry keys, values and accounts that the patterns take: no files, and so not asked for."""

    unmatched: tuple[str, ...] = ()
    """Patterns to include that take nothing."""

    @property
    def exit_code(self) -> int:
        """0 when all is written, 3 when not, 42 when bytes of the store are to blame."""
        if any(each.corrupt for each in self.failures):
            return CorruptStoreError.exit_code
        return LOST if self.failures else 0

    def check(self) -> None:
        """Raise LedgerError when an object is unaccounted for."""
        told = len(self.links)
        if self.asked != self.written + told + self.failed or self.failed > len(self.failures):
            raise LedgerError(
                f"{self.asked} objects asked for, {self.written} written, {told} links told,"
                f" {self.failed} failed: the sums of the extraction do not balance"
            )
