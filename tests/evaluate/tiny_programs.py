"""Programs of a few hundred bytes: PE headers, one section of resources, VS_VERSIONINFO built block by block."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping

SECTION_AT, SECTION_RVA = 0x200, 0x1000
VERSION_TYPE = 16
NEUTRAL = "000004B0"


def program(resource: bytes | None, *, wide: bool = False, at: int = SECTION_AT) -> bytes:
    """Build a program (PE32, or PE32+ when ``wide``) whose section of resources lies ``at`` a file offset."""
    section = resource or b""
    size = 112 if wide else 96
    optional = bytearray(struct.pack("<H", 0x20B if wide else 0x10B).ljust(size, b"\0"))
    struct.pack_into("<II", optional, 32, 0x1000, 0x200)  # alignment of sections, of the file
    struct.pack_into("<I", optional, size - 4, 16)
    directories = bytearray(16 * 8)
    if resource is not None:
        struct.pack_into("<II", directories, 2 * 8, SECTION_RVA, len(section))
    optional += directories
    machine = 0x8664 if wide else 0x14C
    header = struct.pack("<4sHHIIIHH", b"PE\0\0", machine, 1, 0, 0, 0, len(optional), 0x2102)
    table = struct.pack("<8sIIII", b".rsrc", len(section), SECTION_RVA, len(section), at)
    head = b"MZ".ljust(60, b"\0") + struct.pack("<I", 64) + header + bytes(optional)
    return (head + table.ljust(40, b"\0")).ljust(at, b"\0") + section


def resources(*versions: bytes, kind: int = VERSION_TYPE) -> bytes:
    """Build the tree of a section of resources: one type, one name, a language for each version resource."""
    languages = 48
    entries = languages + 16 + 8 * len(versions)
    at = entries + 16 * len(versions)
    tree = directory((kind, 24 | 1 << 31)) + directory((1, languages | 1 << 31))
    tree += directory(*((0x409 + n, entries + 16 * n) for n in range(len(versions))))
    content = b""
    for each in versions:
        tree += struct.pack("<4I", SECTION_RVA + at + len(content), len(each), 0, 0)
        content += padded(each)
    return tree + content


def directory(*entries: tuple[int, int]) -> bytes:
    """Build a directory of resources from (id, offset)."""
    return struct.pack("<12xHH", 0, len(entries)) + b"".join(
        struct.pack("<2I", *each) for each in entries
    )


def version_info(
    tables: Mapping[str, Mapping[str, str]], translations: Iterable[tuple[int, int]] = ()
) -> bytes:
    """Build a VS_VERSIONINFO of string tables, and the languages that it lists."""
    made = [
        block(name, children=[string(tag, text) for tag, text in strings.items()])
        for name, strings in tables.items()
    ]
    parts = [block("StringFileInfo", children=made)]
    listed = b"".join(struct.pack("<2H", *each) for each in translations)
    if listed:
        parts.append(block("VarFileInfo", children=[block("Translation", listed)]))
    fixed = struct.pack("<I", 0xFEEF04BD).ljust(52, b"\0")
    return block("VS_VERSION_INFO", fixed, children=parts)


def string(tag: str, text: str) -> bytes:
    """Build one string; its length counts characters, as the format says."""
    return block(tag, f"{text}\0".encode("utf-16-le"), text=True)


def block(
    key: str, value: bytes = b"", *, text: bool = False, children: Iterable[bytes] = ()
) -> bytes:
    """Build one block: header, key, value, and the blocks inside."""
    content = padded(b"\0" * 6 + f"{key}\0".encode("utf-16-le")) + value
    for each in children:
        content = padded(content) + each
    length = len(value) // 2 if text else len(value)
    return struct.pack("<3H", len(content) & 0xFFFF, length, text) + content[6:]


def padded(content: bytes) -> bytes:
    """Fill up to a multiple of four bytes."""
    return content + b"\0" * (-len(content) % 4)


def simple(**strings: str) -> bytes:
    """Build a program with one language."""
    return program(resources(version_info({NEUTRAL: strings})))
