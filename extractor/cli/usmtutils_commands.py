"""What UsmtUtils can be asked for: a value for each command. Source: USMT "UsmtUtils syntax"; usmt.md 1.4, 6.8."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from extractor.store.sealed.algid import AlgId
from extractor.store.sealed.keys import Passphrase, keyfile_passphrase, read_identities


class Report(StrEnum):
    """What ``/verify`` tells."""

    SUMMARY = "summary"
    ALL = "all"
    FAILURE_ONLY = "failureonly"
    CATALOG = "catalog"


@dataclass(frozen=True, slots=True)
class Unlock:
    """``/decrypt`` and what opens the store; the files are read when they are asked for."""

    algid: AlgId | None
    """As it was named; it changes nothing."""
    key: Passphrase | None = None
    keyfile: Path | None = None
    identity: Path | None = None

    def passphrase(self) -> Passphrase | None:
        """Return the passphrase; raise UnreadableKeyError (33)."""
        return self.key if self.keyfile is None else keyfile_passphrase(self.keyfile)

    def identities(self) -> tuple[object, ...]:
        """Return the identities; raise UnreadableKeyError (33) and UsageError (11)."""
        return () if self.identity is None else read_identities(self.identity)


@dataclass(frozen=True, slots=True)
class ListAlgorithms:
    """``/ec``."""


@dataclass(frozen=True, slots=True)
class RemoveStore:
    """``/rd``."""

    store: Path
    yes: bool
    """``/y``: do not ask."""


@dataclass(frozen=True, slots=True)
class VerifyStore:
    """``/verify``."""

    store: Path
    report: Report
    unlock: Unlock | None
    log: Path | None
    verbosity: int


@dataclass(frozen=True, slots=True)
class ExtractStore:
    """``/extract``."""

    store: Path
    destination: Path
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    overwrite: bool
    unlock: Unlock | None
    log: Path | None
    verbosity: int


Command = ListAlgorithms | RemoveStore | VerifyStore | ExtractStore
