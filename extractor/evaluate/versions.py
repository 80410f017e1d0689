"""Bytes of a program -> the strings of its version resource (CompanyName, FileVersion …), and their order.

pefile reads the headers and says where an address lies in the file. The way to the one resource, and the resource, are
read here: pefile's own reader copies the rest of the resource for every string and takes minutes on 64 KiB made for it;
this one reads a few KiB of a file of any size. Source: "PE Format" (the .rsrc section), VS_VERSIONINFO, VerQueryValue.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest

from extractor.model import upcase
from extractor.seams import Stream

ORDERABLE = frozenset({"FILEVERSION", "PRODUCTVERSION"})
"""The tags that IsFileVersionAbove and IsFileVersionBelow can compare (usmt.md 3.8)."""

HEADERS = 64 << 10
"""Bytes from the start of a file in which its headers and section table must lie."""
LARGEST_BLOCK = 0xFFFF
"""A version resource says its own length in 16 bits."""
MOST_TYPES = 4096
"""Types of resources that we look at for the version; a program has a dozen."""
MOST_EACH = 16
"""Names, and languages of each, of version resources that we look at; a program has one or a few."""

RESOURCE_DIRECTORY = 2
RT_VERSION = 16
SUBDIRECTORY = 0x80000000

_NUMBERS = re.compile(r"\s*[0-9]{1,9}(?:\s*[.,]\s*[0-9]{1,9})*")

_Read = Callable[[int, int], bytes]
"""(address in memory, length) -> bytes, fewer where the file ends."""


def version_strings(stream: Stream) -> Mapping[str, str]:
    """Return the version strings of a program by tag in upper case; empty for what is no program or has none.

    Of several languages the one that the resource lists first is taken, then what only others have. Raises what reading
    the stream raises.
    """
    read, start = _opened(stream)
    if read is None:
        return {}
    try:
        for block in _version_resources(read, start):
            found = _strings(block)
            if found:
                return found
    except (struct.error, ValueError):  # cut short, or an address that lies nowhere
        return {}
    return {}


def compared(tag: str, one: str, other: str) -> int | None:
    """Return -1, 0 or 1 as one version is below, equal to or above another; None where they have no order.

    The numbers at the start count, between dots or commas: ``9, 0, 0, 1`` and ``9.0.0.1 (built by x)`` are equal.
    """
    mine, theirs = _numbers(one), _numbers(other)
    if upcase(tag) not in ORDERABLE or not mine or not theirs:
        return None
    pairs = list(zip_longest(mine, theirs, fillvalue=0))
    left, right = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    return (left > right) - (left < right)


def _numbers(version: str) -> list[int]:
    found = _NUMBERS.match(version)
    return [int(each) for each in re.findall(r"[0-9]+", found[0])] if found else []


# --- where the resource lies ----------------------------------------------------------------------


def _opened(stream: Stream) -> tuple[_Read | None, int]:
    """Return what reads a program by address, and the address of its resources; None when it is no program."""
    from pefile import PE, PEFormatError

    head = stream.read_at(0, min(stream.size, HEADERS))
    if not head.startswith(b"MZ"):
        return None, 0
    try:
        program = PE(data=head, fast_load=True)
        start = program.OPTIONAL_HEADER.DATA_DIRECTORY[RESOURCE_DIRECTORY].VirtualAddress
    except (PEFormatError, AttributeError, LookupError, ValueError, ArithmeticError, struct.error):
        return None, 0

    def read(address: int, length: int) -> bytes:
        try:
            offset = program.get_offset_from_rva(address)
        except (PEFormatError, TypeError) as error:
            raise ValueError(f"no section holds {address:#x}") from error
        return stream.read_at(offset, length) if 0 <= offset < stream.size else b""

    return (read, start) if start else (None, 0)


def _version_resources(read: _Read, start: int) -> Iterator[bytes]:
    """Yield the version resources: of type, name and language, each a level of the tree."""
    types = _directory(read, start, SUBDIRECTORY, MOST_TYPES)
    names = next((offset for kind, offset in types if kind == RT_VERSION), 0)
    for _, languages in _directory(read, start, names, MOST_EACH):
        for _, data in _directory(read, start, languages, MOST_EACH):
            address, size = struct.unpack("<2I", read(start + data, 8))
            yield read(address, min(size, LARGEST_BLOCK))


def _directory(read: _Read, start: int, offset: int, most: int) -> Iterator[tuple[int, int]]:
    """Yield (id or name, offset) of the entries of a directory; nothing where the offset is that of data."""
    if not offset & SUBDIRECTORY:
        return
    at = start + (offset & ~SUBDIRECTORY)
    named, numbered = struct.unpack("<12xHH", read(at, 16))
    table = read(at + 16, 8 * min(named + numbered, most))
    yield from struct.iter_unpack("<2I", table[: len(table) & ~7])


# --- the resource ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Block:
    """One of the nested blocks that a version resource is made of: a key, a value, and blocks inside."""

    key: str
    data: bytes
    """The whole resource."""
    value: int
    """Where the value begins."""
    length: int
    """Length of the value as the block says it, in bytes, or in characters when it is text."""
    end: int

    @property
    def text(self) -> str:
        """The value as text; its length is not believed, for compilers count it in bytes or in characters."""
        raw = self.data[self.value : self.end]
        return raw[: len(raw) & ~1].decode("utf-16-le", "surrogatepass").split("\0", 1)[0]

    def blocks(self, skip: int = 0) -> Iterator[_Block]:
        """Yield the blocks inside, which begin behind ``skip`` bytes of value, up to one that is none."""
        at = _aligned(self.value + skip)
        while block := _block(self.data, at, self.end):
            yield block
            at = _aligned(block.end)


def _block(data: bytes, at: int, end: int) -> _Block | None:
    """Return the block at an offset: its length, length of value, type, key, padding; None where there is none."""
    if at + 6 > end:
        return None
    length, value_length, _ = struct.unpack_from("<3H", data, at)
    stop = min(at + length, end)
    if length < 6:
        return None
    raw = data[at + 6 : stop]
    key = raw[: len(raw) & ~1].decode("utf-16-le", "surrogatepass").split("\0", 1)[0]
    behind = at + 6 + len(key.encode("utf-16-le", "surrogatepass")) + 2
    return _Block(key, data, min(_aligned(behind), stop), value_length, stop)


def _aligned(offset: int) -> int:
    return (offset + 3) & ~3


def _strings(data: bytes) -> dict[str, str]:
    """Return the strings of a version resource by tag in upper case."""
    root = _block(data, 0, len(data))
    tables: dict[str, _Block] = {}
    order: list[str] = []
    for part in root.blocks(root.length) if root else ():
        if part.key == "StringFileInfo":
            for table in part.blocks():
                tables.setdefault(upcase(table.key), table)
        elif part.key == "VarFileInfo":
            order += [each for var in part.blocks() for each in _translations(var)]
    found: dict[str, str] = {}
    for name in dict.fromkeys([*order, *tables]):
        for string in tables[name].blocks() if name in tables else ():
            found.setdefault(upcase(string.key), string.text)
    return found


def _translations(var: _Block) -> Iterator[str]:
    """Yield the languages and code pages of a Translation as the keys of their string tables: ``040904B0``."""
    raw = var.data[var.value : min(var.value + var.length, var.end)]
    for language, page in struct.iter_unpack("<2H", raw[: len(raw) & ~3]):
        yield f"{language:04X}{page:04X}"
