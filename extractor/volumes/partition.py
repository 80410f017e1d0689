"""The two values that a partition table is made of, and the types that more than one stage asks for."""

from __future__ import annotations

from dataclasses import dataclass

EFI_SYSTEM = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
MSR = "e3c9e316-0b5c-4db8-817d-f92df00215ae"
"""Microsoft reserved."""
RECOVERY = "de94bba4-06d1-4d40-a16a-bfd50179d6ac"
"""Windows recovery environment."""


@dataclass(frozen=True, slots=True)
class Partition:
    """One partition as its table gives it; offset and size in bytes."""

    number: int
    offset: int
    size: int
    type: str
    """GPT type GUID in lower case, or the MBR type as ``0x07``."""
    guid: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A partition table: its partitions, and a note when it is not whole; the signature is an MBR's."""

    sector_size: int
    partitions: tuple[Partition, ...]
    disk_signature: int = 0
    note: str = ""
