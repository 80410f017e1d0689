"""The descriptor of a VMDK: a text that names the extents of the disk and its parent."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from extractor.errors import ImageError

EXTENT = re.compile(
    r'(?:RW|RDONLY|NOACCESS)\s+(\d{1,15})\s+([A-Z]+)(?:\s+"([^"]*)"(?:\s+(\d{1,15}))?)?.*'
)
SETTING = re.compile(r'([A-Za-z]+)\s*=\s*"?([^"]*)"?')
NO_PARENT = "ffffffff"
MAX_EXTENTS = 4096


@dataclass(frozen=True, slots=True)
class Extent:
    """A part of the disk: ``start`` is where it begins in its file; both numbers in sectors of 512 bytes."""

    sectors: int
    kind: str
    name: str = ""
    start: int = 0


@dataclass(frozen=True, slots=True)
class Descriptor:
    """The extents in order; ``child`` when the disk holds only what differs from ``parent``."""

    extents: tuple[Extent, ...]
    child: bool
    parent: str


def parse_descriptor(path: Path, raw: bytes) -> Descriptor:
    """Parse a descriptor, up to its first NUL; raise ImageError."""
    extents, settings = [], {}
    for line in raw.split(b"\0", 1)[0].decode("utf-8", "replace").splitlines():
        if match := EXTENT.fullmatch(line.strip()):
            sectors, kind, name, start = match.groups()
            extents.append(Extent(int(sectors), kind, name or "", int(start or 0)))
        elif match := SETTING.fullmatch(line.strip()):
            settings[match[1]] = match[2]
    if len(extents) > MAX_EXTENTS:
        raise ImageError(f"{path} is damaged: it names {len(extents)} extents")
    parent = settings.get("parentFileNameHint", "")
    child = settings.get("parentCID", NO_PARENT).lower() != NO_PARENT
    return Descriptor(tuple(extents), child, parent)
