"""The two values that a partition table is made of."""

from __future__ import annotations

from dataclasses import dataclass


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
    """A partition table: its kind (``mbr``, ``gpt``), partitions, and a note when it is not whole."""

    kind: str
    sector_size: int
    partitions: tuple[Partition, ...]
    disk_signature: int = 0
    note: str = ""
