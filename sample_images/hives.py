r"""Tables of keys and values -> the bytes of a registry hive.

An empty hive is written here; `hivexregedit --merge` fills it. hivex hashes key names that are not
ASCII wrongly, so key names must be ASCII. Values may be anything:

    "text"                REG_SZ            {expand = "%A%"}      REG_EXPAND_SZ
    7                     REG_DWORD         {binary = "00ff"}     REG_BINARY
    ["a", "b"]            REG_MULTI_SZ      {qword = 7}           REG_QWORD
    {filetime = "2026…"}  REG_BINARY        {type = 500, binary = "…"}  any type
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import reduce
from operator import xor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sample_images.contents import filetime
from sample_images.run import BuildError, run
from sample_images.security import descriptor

Keys = dict[str, dict[str, Any]]

NOWHERE = 0xFFFFFFFF
ROOT_SECURITY = "O:BAG:SYD:P(A;CI;0xf003f;;;SY)(A;CI;0xf003f;;;BA)(A;CI;0x20019;;;BU)"
CELL_ROOT, CELL_SECURITY = 0x20, 0x78


def hive(keys: Keys, time: int) -> bytes:
    """Return the hive that holds `keys`; `time` (FILETIME) is when it was last written."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "hive")
        path.write_bytes(empty_hive(time))
        run("hivexregedit", "--merge", str(path), stdin=_reg_text(keys))
        return _stamped(path.read_bytes(), time)


def empty_hive(time: int) -> bytes:
    """Return a hive with a root key and nothing else: base block and one bin of 4 KiB each."""
    security = descriptor(ROOT_SECURITY)
    root = struct.pack("<2sHQI", b"nk", 0x2C, time, 0)
    root += struct.pack("<9I", 0, 0, 0, NOWHERE, NOWHERE, 0, NOWHERE, CELL_SECURITY, NOWHERE)
    root += struct.pack("<5IHH4s", 0, 0, 0, 0, 0, 4, 0, b"ROOT")
    links = struct.pack("<2sHIIII", b"sk", 0, CELL_SECURITY, CELL_SECURITY, 1, len(security))
    cells = _cell(root) + _cell(links + security)
    free = 4096 - 32 - len(cells)
    head = struct.pack("<4sIIQQI", b"hbin", 0, 4096, 0, time, 0)
    return _base_block(4096, time) + head + cells + struct.pack("<i", free).ljust(free, b"\0")


def _base_block(size: int, time: int) -> bytes:
    block = struct.pack("<4sIIQ", b"regf", 1, 1, time)
    block += struct.pack("<7I", 1, 5, 0, 1, CELL_ROOT, size, 1)
    return _with_checksum(block.ljust(4096, b"\0"))


def _with_checksum(block: bytes) -> bytes:
    total = reduce(xor, struct.unpack("<127I", block[:508]))
    return block[:508] + struct.pack("<I", total) + block[512:]


def _stamped(data: bytes, time: int) -> bytes:
    """Return the same hive, its time set (hivex writes the clock's), the checksum right again."""
    block = data[:12] + struct.pack("<Q", time) + data[20:4096]
    return _with_checksum(block) + data[4096:]


def _cell(data: bytes) -> bytes:
    size = (4 + len(data) + 7) // 8 * 8
    return (struct.pack("<i", -size) + data).ljust(size, b"\0")


def _reg_text(keys: Keys) -> str:
    return "\n".join(["Windows Registry Editor Version 5.00", *_reg_lines(keys), ""])


def _reg_lines(keys: Keys) -> Iterator[str]:
    for key in _with_parents(keys):
        if not key.isascii():
            raise BuildError(f"hivex would hash this key name wrongly: {key!a}")
        yield f"\n[\\{key}]"
        for name, value in keys.get(key, {}).items():
            quoted = name.replace("\\", "\\\\").replace('"', '\\"')
            kind, data = _typed(value)
            yield (f'"{quoted}"' if name else "@") + f"=hex({kind:x}):{data.hex(',')}"


def _with_parents(keys: Keys) -> list[str]:
    """Every key once, parents first: hivexregedit does not make them by itself."""
    parts = (key.split("\\") for key in keys)
    return list({"\\".join(key[: n + 1]): None for key in parts for n in range(len(key))})


def _typed(value: Any) -> tuple[int, bytes]:  # noqa: ANN401 (a TOML value is of any type)
    """Return a value of the table above -> registry type and bytes."""
    if isinstance(value, str):
        return 1, _text(value)
    if isinstance(value, int):
        return 4, struct.pack("<I", value)
    return _typed_table({"multi": value} if isinstance(value, list) else value)


def _typed_table(table: dict[str, Any]) -> tuple[int, bytes]:
    match table:
        case {"multi": texts}:
            return 7, b"".join(map(_text, texts)) + b"\0\0"
        case {"expand": text}:
            return 2, _text(text)
        case {"qword": number}:
            return 11, struct.pack("<Q", number)
        case {"filetime": text}:
            return 3, struct.pack("<Q", filetime(text))
        case {"binary": digits}:
            return table.get("type", 3), bytes.fromhex(digits)
    raise BuildError(f"not a registry value: {table!r}")


def _text(value: str) -> bytes:
    return value.encode("utf-16-le", "surrogatepass") + b"\0\0"
