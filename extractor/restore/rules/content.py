r"""A registry value and ``contentModify`` -> the value that is written at the target.

A value that cannot be converted becomes the default of the call, ``0`` without one. What a function makes of the value
that is there already (MergeMultiSzContent, MergeDelimitedContent) takes that as ``there``; it makes nothing of data
that are no text, which would be spoilt as a list. Source: USMT "XML elements library" (contentModify).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from extractor.errors import UnsupportedError
from extractor.evaluate.strings import string_form, texts
from extractor.model import RegistryValue
from extractor.rules.model import Call

REG_SZ, REG_EXPAND_SZ, REG_BINARY, REG_DWORD, REG_MULTI_SZ, REG_QWORD = 1, 2, 3, 4, 7, 11
REG_DWORD_BIG_ENDIAN = 5
_TEXTS = frozenset({REG_SZ, REG_EXPAND_SZ})
_LISTS = _TEXTS | {REG_MULTI_SZ}
_WIDTHS = {REG_DWORD: 4, REG_DWORD_BIG_ENDIAN: 4, REG_QWORD: 8}
LONGEST_NUMBER = 40
"""Characters of a text that is read as a number: 64 bits in any notation, with signs and blanks."""
ATTRIBUTES = {
    "A": 0x20, "C": 0x800, "E": 0x4000, "H": 0x2, "I": 0x2000, "O": 0x1000, "R": 0x1, "S": 0x4, "T": 0x100,
}  # fmt: skip
"""Letters of ``KeepExisting('FileAttrib:…')`` -> FILE_ATTRIBUTE_*."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What a file that is replaced hands on to the one that comes (KeepExisting)."""

    security: bool = False
    times: bool = False
    attributes: int = 0
    """FILE_ATTRIBUTE_* that are those of the file that was there."""


def kept(call: Call | None) -> Kept:
    """Return what ``KeepExisting`` says; of several words of one kind the last counts."""
    if call is None or call.function != "KeepExisting":
        return Kept()
    said: dict[str, str] = {}
    for argument in call.arguments:
        kind, _, letters = (argument or "").strip().partition(":")
        said[kind.upper()] = letters.upper()
    letters = said.get("FILEATTRIB", "")
    bits = sum({ATTRIBUTES[each] for each in letters if each in ATTRIBUTES})
    return Kept("SECURITY" in said, "TIMEFIELDS" in said, bits)


def modified(
    call: Call | None, value: RegistryValue, there: RegistryValue | None = None
) -> RegistryValue | None:
    """Return the value to be written; None when the call says that nothing is.

    Raises UnsupportedError, naming the function, for one that this version cannot do, or not with such a value.
    """
    if call is None:
        return value
    work = _FUNCTIONS.get(call.function)
    if work is None:
        raise UnsupportedError(f"{call.function} is not done by this version")
    return work(call, value, there)


def _to_dword(call: Call, value: RegistryValue, _: RegistryValue | None) -> RegistryValue:
    number = number_of(value)
    if number is None or not 0 <= number < 1 << 32:
        number = _parsed(call.argument(0, "0")) or 0
    return _like(value, REG_DWORD, (number & 0xFFFFFFFF).to_bytes(4, "little"))


def _to_string(call: Call, value: RegistryValue, _: RegistryValue | None) -> RegistryValue:
    text = _string(value)
    return _like(value, REG_SZ, _utf16(call.argument(0, "0") if text is None else text))


def _to_binary(_call: Call, value: RegistryValue, _: RegistryValue | None) -> RegistryValue:
    return _like(value, REG_BINARY, value.data)


def _offset(call: Call, value: RegistryValue, _: RegistryValue | None) -> RegistryValue:
    """Add to a number, which goes round where it passes its width; what is no number stays."""
    number, by = number_of(value), _parsed(call.argument(0))
    if number is None or by is None:
        return value
    if value.type in _TEXTS:
        return _like(value, value.type, _utf16(str(number + by)))
    width = _WIDTHS.get(value.type, len(value.data))
    total = (number + by) % (1 << 8 * width)
    return _like(value, value.type, total.to_bytes(width, _order(value.type)))


def _by_table(call: Call, value: RegistryValue, _: RegistryValue | None) -> RegistryValue | None:
    """Look the value up in one list and take its neighbour of the other; None when the default is NULL."""
    sources, targets = (_cells(call.argument(index)) for index in (0, 1))
    own = {form.lower() for form in _forms(value)}
    index = next((n for n, each in enumerate(sources) if each.lower() in own), len(targets))
    if index < len(targets):
        return _as(value, targets[index])
    default = call.arguments[2] if len(call.arguments) > 2 else None
    return None if default is None else _as(value, default)


def _merge_multi(call: Call, value: RegistryValue, there: RegistryValue | None) -> RegistryValue:
    _check_text(call, value)
    parts = [*_elements(there), *_elements(value)]
    found = list(_edited(parts, call.arguments))
    return _like(value, REG_MULTI_SZ, b"".join(map(_utf16, found)) + b"\0\0")


def _merge_delimited(
    call: Call, value: RegistryValue, there: RegistryValue | None
) -> RegistryValue:
    _check_text(call, value)
    marks = call.argument(0, ";") or ";"
    parts = [*_split(there, marks), *_split(value, marks)]
    found = _edited(parts, call.arguments[1:])
    kind = value.type if value.type in _TEXTS else REG_SZ
    return _like(value, kind, _utf16(marks[0].join(found)))


_FUNCTIONS: dict[str, Callable[[Call, RegistryValue, RegistryValue | None], RegistryValue | None]] = {
    "ConvertToDWORD": _to_dword,
    "ConvertToString": _to_string,
    "ConvertToBinary": _to_binary,
    "OffsetValue": _offset,
    "SetValueByTable": _by_table,
    "MergeMultiSzContent": _merge_multi,
    "MergeDelimitedContent": _merge_delimited,
    "KeepExisting": lambda _call, value, _there: value,
}  # fmt: skip


def _edited(parts: Sequence[str], words: Sequence[str | None]) -> Iterator[str]:
    """Yield the elements once each after all ``Add`` and ``Remove`` of the words; case does not count."""
    found = {each.lower(): each for each in reversed(parts) if each}
    order = {each.lower(): None for each in parts if each}
    for verb, text in zip(words[::2], words[1::2], strict=False):
        key = (text or "").lower()
        if (verb or "").lower() == "add" and key:
            found.setdefault(key, text or "")
            order.setdefault(key)
        elif (verb or "").lower() == "remove":
            order.pop(key, None)
            found.pop(key, None)
    return (found[key] for key in order)


def _check_text(call: Call, value: RegistryValue) -> None:
    if value.type not in _LISTS:
        raise UnsupportedError(f"{call.function} makes nothing of a value of type {value.type}")


def _elements(value: RegistryValue | None) -> tuple[str, ...]:
    return texts(value) if value and value.type in _LISTS else ()


def _split(value: RegistryValue | None, marks: str) -> list[str]:
    text = (_string(value) or "") if value and value.type in _LISTS else ""
    for mark in marks[1:]:
        text = text.replace(mark, marks[0])
    return text.split(marks[0])


def number_of(value: RegistryValue) -> int | None:
    """Return what a value is as a number: of a number, of text that spells one, of 1 to 8 bytes; else None."""
    if value.type in _TEXTS:
        return _parsed(value.text)
    if value.type in _WIDTHS:
        return _integer(value) if len(value.data) >= _WIDTHS[value.type] else None
    if value.type == REG_BINARY and 0 < len(value.data) <= 8:
        return int.from_bytes(value.data, "little")
    return None


def _integer(value: RegistryValue) -> int:
    return int.from_bytes(value.data[: _WIDTHS[value.type]], _order(value.type))


def _order(kind: int) -> Literal["big", "little"]:
    return "big" if kind == REG_DWORD_BIG_ENDIAN else "little"


def _parsed(text: str) -> int | None:
    """Return a number written in decimal, or in hexadecimal with ``0x``."""
    if len(text) > LONGEST_NUMBER or not text.isascii() or "_" in text:
        return None
    try:
        return int(text.strip(), 16 if "0x" in text.lower() else 10)
    except ValueError:
        return None


def _string(value: RegistryValue) -> str | None:
    if value.type in _TEXTS:
        return value.text
    if value.type in _WIDTHS:
        return str(_integer(value))
    return ";".join(_elements(value)) if value.type == REG_MULTI_SZ else None


def _forms(value: RegistryValue) -> Iterator[str]:
    """Yield the ways in which a table may spell a value: a number in decimal and as ``0x00000001``."""
    text = _string(value)
    yield value.data.hex() if text is None else text
    if value.type in _WIDTHS:
        yield string_form(value)
        yield hex(_integer(value))


def _as(value: RegistryValue, text: str) -> RegistryValue:
    """Return text as a value of the same type; of what has no text, as REG_SZ."""
    number = _parsed(text)
    if value.type in _WIDTHS and number is not None:
        width = _WIDTHS[value.type]
        data = (number % (1 << 8 * width)).to_bytes(width, _order(value.type))
        return _like(value, value.type, data)
    return _like(value, value.type if value.type in _TEXTS else REG_SZ, _utf16(text))


def _cells(text: str) -> list[str]:
    return [each.strip() for each in text.split(",")]


def _utf16(text: str) -> bytes:
    return (text + "\0").encode("utf-16-le", "surrogatepass")


def _like(value: RegistryValue, kind: int, data: bytes) -> RegistryValue:
    return RegistryValue(value.name, kind, data, value.provenance)
