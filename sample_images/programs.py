"""Version strings -> the smallest PE32+ program with a version resource, byte for byte.

[PE format] headers and `.rsrc` section; the three levels of a resource directory are type, name, language.
VS_VERSIONINFO is documented with the Windows SDK: every block has its length, the length of its
value, its kind, a name, and begins on four bytes.
"""

from __future__ import annotations

import struct

RT_VERSION, ENGLISH, UNICODE = 16, 0x0409, 1200
SECTION_AT, SECTION_RVA = 0x200, 0x1000
DIRECTORY = 0x80000000  # of an offset that leads to a further directory
LEAF_AT = 3 * 24 + 16  # three directories of one row each, then the description of the data


def program(strings: dict[str, str]) -> bytes:
    """Return a program that carries these version strings (FileVersion, ProductName ...)."""
    data = version_info(strings)
    section = _directories() + struct.pack("<4I", SECTION_RVA + LEAF_AT, len(data), UNICODE, 0)
    section += data
    room = -(-len(section) // 0x200) * 0x200
    return _headers(len(section), room).ljust(SECTION_AT, b"\0") + section.ljust(room, b"\0")


def version_info(strings: dict[str, str]) -> bytes:
    """Return the VS_VERSIONINFO block: fixed numbers, the strings in English, their code page."""
    texts = b"".join(
        _aligned(_block(name, _text(value), 1, len(value) + 1)) for name, value in strings.items()
    )
    table = _block("StringFileInfo", _block(f"{ENGLISH:04X}{UNICODE:04X}", texts, 1, 0), 1, 0)
    language = struct.pack("<HH", ENGLISH, UNICODE)
    var = _block("VarFileInfo", _block("Translation", language, 0, len(language)), 1, 0)
    fixed = _fixed(strings.get("FileVersion", "0"), strings.get("ProductVersion", "0"))
    return _block("VS_VERSION_INFO", fixed + _aligned(table) + var, 0, len(fixed))


def _block(name: str, body: bytes, kind: int, value_length: int) -> bytes:
    """Kind 1 is text, whose length counts characters; kind 0 is binary."""
    head = _aligned(b"\0" * 6 + _text(name))[6:]
    return struct.pack("<HHH", 6 + len(head) + len(body), value_length, kind) + head + body


def _fixed(file_version: str, product_version: str) -> bytes:
    numbers = (*_number(file_version), *_number(product_version))
    flags = (0x3F, 0, 0x40004, 1, 0, 0, 0)  # mask, flags, Windows NT, an application, no date
    return struct.pack("<13I", 0xFEEF04BD, 0x10000, *numbers, *flags)


def _number(version: str) -> tuple[int, int]:
    major, minor, build, revision = [*map(int, version.split(".")), 0, 0, 0][:4]
    return major << 16 | minor, build << 16 | revision


def _directories() -> bytes:
    """Type, name and language of the one resource; each directory is 16 bytes and a row of 8."""
    rows = ((RT_VERSION, DIRECTORY | 24), (1, DIRECTORY | 48), (ENGLISH, 72))
    return b"".join(struct.pack("<IIHHHHII", 0, 0, 0, 0, 0, 1, *row) for row in rows)


def _headers(size: int, room: int) -> bytes:
    dos = b"MZ".ljust(60, b"\0") + struct.pack("<I", 64)
    optional = struct.pack("<HBBIIIII", 0x20B, 14, 0, 0, room, 0, 0, 0)
    optional += struct.pack("<QII6HI", 0x140000000, 0x1000, 0x200, 6, 0, 0, 0, 6, 0, 0)
    optional += struct.pack("<IIIHH4QII", 0x3000, SECTION_AT, 0, 2, 0, 1, 1, 1, 1, 0, 16)
    tables = bytearray(16 * 8)
    struct.pack_into("<II", tables, 2 * 8, SECTION_RVA, size)  # the third is the resource table
    optional += tables
    coff = struct.pack("<HHIIIHH", 0x8664, 1, 0x5E0B1234, 0, 0, len(optional), 0x0022)
    section = struct.pack(
        "<8s6IHHI", b".rsrc", size, SECTION_RVA, room, SECTION_AT, 0, 0, 0, 0, 0x40000040
    )
    return dos + b"PE\0\0" + coff + optional + section


def _aligned(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)


def _text(value: str) -> bytes:
    return value.encode("utf-16-le") + b"\0\0"
