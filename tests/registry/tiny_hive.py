"""A hive of a few keys, written byte by byte, so that tests can build real ones and damage them."""

from __future__ import annotations

import struct
from collections.abc import Mapping

from extractor.model import RegistryValue

WRITTEN = 132_000_000_000_000_000
INLINE = 0x80000000
Keys = Mapping[str, Mapping[str, object]]


class _Bin:
    def __init__(self) -> None:
        self.content = bytearray(b"hbin" + bytes(28))

    def add(self, data: bytes) -> int:
        offset = len(self.content)
        size = (4 + len(data) + 7) & ~7
        self.content += struct.pack("<i", -size) + data.ljust(size - 4, b"\0")
        return offset

    def fill(self, offset: int, data: bytes) -> None:
        """Write the data of a cell that was added before."""
        self.content[offset + 4 : offset + 4 + len(data)] = data


def tiny_hive(keys: Keys, *, sequences: tuple[int, int] = (1, 1)) -> bytes:
    r"""Return the bytes of a hive made of ``{"Key\\Sub": {"name": "text" | 7 | b"x" | ["a"] | RegistryValue}}``."""
    tree: dict[str, dict[str, object]] = {"": {}}
    for path, values in keys.items():
        parts = path.split("\\") if path else []
        for depth in range(1, len(parts) + 1):
            tree.setdefault("\\".join(parts[:depth]), {})
        tree["\\".join(parts)].update(values)
    bin_ = _Bin()
    root = bin_.add(bytes(0x4C))  # the first cell, as in every hive that Windows made
    bin_.fill(root, _key(bin_, tree, ""))
    body = bytes(bin_.content).ljust((len(bin_.content) + 0xFFF) & ~0xFFF, b"\0")
    body = body[:8] + struct.pack("<I", len(body)) + body[12:]
    return base_block(root, len(body), sequences) + body


def base_block(root: int, length: int, sequences: tuple[int, int]) -> bytes:
    head = struct.pack(
        "<4s2IQ6I", b"regf", *sequences, WRITTEN, 1, 5, 0, 1, root, length
    ) + struct.pack("<I", 1)
    head = head.ljust(508, b"\0")
    total = 0
    for word in struct.unpack("<127I", head):
        total ^= word
    return (head + struct.pack("<I", total)).ljust(0x1000, b"\0")


def _key(bin_: _Bin, tree: Mapping[str, Mapping[str, object]], path: str) -> bytes:
    prefix = f"{path}\\" if path else ""
    names = [p for p in tree if p and p.startswith(prefix) and "\\" not in p[len(prefix) :]]
    children = [bin_.add(_key(bin_, tree, name)) for name in names]
    subkeys = bin_.add(
        struct.pack("<2sH", b"li", len(children))
        + b"".join(struct.pack("<I", child) for child in children)
    )
    values = [_value(bin_, name, data) for name, data in tree[path].items()]
    listed = bin_.add(b"".join(struct.pack("<I", value) for value in values)) if values else 0
    raw, compressed = _name(path.rpartition("\\")[2])
    return (
        struct.pack(
            "<2sHQ4I6I6I2H", b"nk", 0x20 if compressed else 0, WRITTEN, 0, 0, len(children), 0,
            subkeys, 0xFFFFFFFF, len(values), listed, 0xFFFFFFFF, 0xFFFFFFFF,
            0, 0, 0, 0, 0, 0, len(raw), 0,
        )[:0x48]
        + struct.pack("<2H", len(raw), 0)
        + raw
    )  # fmt: skip


def _value(bin_: _Bin, name: str, data: object) -> int:
    value = data if isinstance(data, RegistryValue) else _typed(name, data)
    raw, compressed = _name(name)
    length = len(value.data)
    if length <= 4:
        place = int.from_bytes(value.data, "little")
        length |= INLINE
    else:
        place = bin_.add(value.data) if length <= 16344 else _big(bin_, value.data)
    return bin_.add(
        struct.pack("<2sH4I2H", b"vk", len(raw), length, place, value.type, compressed, 0, 0)[:20]
        + raw
    )


def _big(bin_: _Bin, data: bytes) -> int:
    segments = [bin_.add(data[at : at + 16344]) for at in range(0, len(data), 16344)]
    listed = bin_.add(b"".join(struct.pack("<I", segment) for segment in segments))
    return bin_.add(struct.pack("<2sHI", b"db", len(segments), listed))


def _typed(name: str, data: object) -> RegistryValue:
    if isinstance(data, int):
        return RegistryValue(name, 4, data.to_bytes(4, "little"))
    if isinstance(data, bytes):
        return RegistryValue(name, 3, data)
    if isinstance(data, list):
        text = "".join(f"{part}\0" for part in data) + "\0"
        return RegistryValue(name, 7, text.encode("utf-16-le"))
    text = str(data)
    return RegistryValue(name, 2 if "%" in text else 1, (text + "\0").encode("utf-16-le"))


def _name(text: str) -> tuple[bytes, bool]:
    if all(ord(character) < 256 for character in text):
        return text.encode("latin-1"), True
    return text.encode("utf-16-le", "surrogatepass"), False
