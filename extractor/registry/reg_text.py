r"""Keys -> a ``.reg`` file as regedit writes it: UTF-16LE, ``Windows Registry Editor Version 5.00``, ``hex(n):``.

Text is written as text only where the data is exactly text with one NUL at its end, and nothing in it that ends a line;
everything else is ``hex(n):``, so that what is imported has the same bytes. A name is the one thing that cannot be
written otherwise: a key or value whose name holds a line break or a NUL, or a key whose name holds a backslash, is a
comment, for its name could be made to look like lines of the file. An importer may end text data that has no NUL with
one (wine does). Source: "How to add, modify, or delete registry
subkeys and values by using a .reg file" (Microsoft), and what regedit exports.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from extractor.model import RegistryValue, printable
from extractor.registry.key import Key, with_parents

REG_SZ, REG_BINARY, REG_DWORD = 1, 3, 4
_END = "\r\n"
HEADER = f"\ufeffWindows Registry Editor Version 5.00{_END}".encode("utf-16-le")
"""The byte order mark and the first line."""
_WIDTH = 80
"""Columns of a line of hexadecimal, its backslash included."""
_INDENT = "  "
_A_LINE = (_WIDTH - len(_INDENT) - 1) // 3
"""Bytes in one line of hexadecimal that follows another."""
_SLICE = 1 << 16
"""Bytes of data that become hexadecimal at a time."""

_NO_NAME = re.compile("[\0\n\r]")
_NO_TEXT = re.compile("[\0-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")
"""What does not survive every editor and importer as text."""


def reg_text(keys: Iterable[Key], root: str) -> Iterator[bytes]:
    r"""Yield the file piece by piece; ``root`` is where the keys lie (``HKEY_CURRENT_USER``, ``HKEY_…\SYSTEM``).

    Keys come parents first, and those missing on the way to another are written too, for importers that need them.
    """
    yield HEADER
    yield from reg_keys(keys, root)


def reg_keys(keys: Iterable[Key], root: str) -> Iterator[bytes]:
    """Yield what comes after ``HEADER``, so that keys of several roots share one file."""
    for key in with_parents(keys):
        if not key.path and key.values == ():  # the root is there, whoever imports
            continue
        path = "\\".join((root, *key.path))
        if any(_NO_NAME.search(name) or "\\" in name for name in key.path):
            yield _raw(_END + _comment("key", path))
            continue
        yield _raw(f"{_END}[{path}]{_END}")
        yield from _values(key.values)


def _values(values: Iterable[RegistryValue]) -> Iterator[bytes]:
    """Yield the lines of a key's values; for hivexregedit, a comment ends the key, so comments come last."""
    nameless: list[str] = []
    for value in values:
        if _NO_NAME.search(value.name):
            nameless.append(_comment("value", value.name))
        else:
            yield from _value(value)
    yield from map(_raw, nameless)


def _value(value: RegistryValue) -> Iterator[bytes]:
    name = f'"{_quoted(value.name)}"=' if value.name else "@="
    text = _text(value)
    if text is not None:
        yield _raw(f'{name}"{_quoted(text)}"{_END}')
    elif value.type == REG_DWORD and len(value.data) == 4:
        yield _raw(f"{name}dword:{value.integer:08x}{_END}")
    else:
        kind = "hex:" if value.type == REG_BINARY else f"hex({value.type:x}):"
        yield from _hex(name + kind, value.data)


def _text(value: RegistryValue) -> str | None:
    """Return what a REG_SZ says where saying it keeps every byte, else None."""
    if value.type != REG_SZ or len(value.data) % 2 or value.data[-2:] != b"\0\0":
        return None
    text = value.data[:-2].decode("utf-16-le", "surrogatepass")
    return None if _NO_TEXT.search(text) else text


def _hex(start: str, data: bytes) -> Iterator[bytes]:
    """Yield data as hexadecimal, broken as regedit breaks it: a line that goes on ends with a backslash."""
    first = max(1, (_WIDTH - 1 - len(start)) // 3)
    yield _raw(start + data[:first].hex(","))
    step = _SLICE // _A_LINE * _A_LINE
    for at in range(first, len(data), step):
        yield _raw("".join(_lines(data[at : at + step])))
    yield _raw(_END)


def _lines(data: bytes) -> Iterator[str]:
    for at in range(0, len(data), _A_LINE):
        yield f",\\{_END}{_INDENT}{data[at : at + _A_LINE].hex(',')}"


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _comment(what: str, name: str) -> str:
    return f"; no .reg can hold the name of this {what}: '{printable(name)}'{_END}"


def _raw(text: str) -> bytes:
    return text.encode("utf-16-le", "surrogatepass")
