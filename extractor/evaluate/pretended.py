"""addObjects -> objects that are taken for ones that the machine has (usmt.md 3.3).

The specification is silent on text for types that are not text: here a DWORD or QWORD is a number (0x for hexadecimal),
a MULTISTRING its texts joined by ``;`` (as in 3.8, DoesStringContentEqual), a file UTF-8 [INF].
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from extractor.evaluate.active import Pretended
from extractor.evaluate.compiling import Compiler
from extractor.evaluate.frames import View
from extractor.model import (
    FILE_ATTRIBUTE_ARCHIVE,
    FILE_ATTRIBUTE_HIDDEN,
    FILE_ATTRIBUTE_READONLY,
    upcase,
)
from extractor.rules.model import PretendedObject
from extractor.rules.patterns import PatternError, PatternKind, parse_location

_NONE, _SZ, _EXPAND_SZ, _BINARY, _DWORD, _BIG_ENDIAN, _LINK, _MULTI_SZ, _QWORD = (*range(8), 11)
_TYPES: Mapping[str, int] = {
    "NONE": _NONE,
    "STRING": _SZ,
    "SZ": _SZ,
    "EXPANDSTRING": _EXPAND_SZ,
    "EXPAND_SZ": _EXPAND_SZ,
    "BINARY": _BINARY,
    "DWORD": _DWORD,
    "DWORD_LITTLE_ENDIAN": _DWORD,
    "DWORD_BIG_ENDIAN": _BIG_ENDIAN,
    "LINK": _LINK,
    "MULTISTRING": _MULTI_SZ,
    "MULTI_SZ": _MULTI_SZ,
    "QWORD": _QWORD,
    "QWORD_LITTLE_ENDIAN": _QWORD,
}
"""Names of MigXML and, without ``REG_``, of the registry -> REG_* numbers."""
_FLAGS: Mapping[str, int] = {
    "ARCHIVE": FILE_ATTRIBUTE_ARCHIVE,
    "READ-ONLY": FILE_ATTRIBUTE_READONLY,
    "SYSTEM": 0x4,
    "HIDDEN": FILE_ATTRIBUTE_HIDDEN,
}
_NUMBERS = {_DWORD: (4, "little"), _BIG_ENDIAN: (4, "big"), _QWORD: (8, "little")}


def pretended(given: PretendedObject, view: View, compiler: Compiler) -> Iterator[Pretended]:
    """Yield the object in a view; none, and a note, when it cannot be used."""
    try:
        location = view.expand(given.location).strip()
        text = compiler.texts(given.kind, location, view.frame.scope)[-1]
        is_leaf = _is_leaf(text)
        number = _type(given) if is_leaf else _NONE
        data = _data(given, number, view) if is_leaf else b""
    except PatternError as error:
        written = f"{given.location} {given.data or ''}"
        view.fail(given.source, written, f"{given.location} is not added: {error}")
        return
    yield Pretended(given.kind, text, number, data, view.frame.scope, given.source)


def _is_leaf(text: str) -> bool:
    """Tell whether a location names a file or value: a key or directory has neither type nor content."""
    location = parse_location(text)
    leaf = location.leaf
    if not location.node.exact or (leaf and not leaf.exact):
        raise PatternError("an object has no wildcards")
    return leaf is not None


def _type(given: PretendedObject) -> int:
    """Return the REG_* number of a value; of a file the FILE_ATTRIBUTE_* bits."""
    names = [upcase(each.strip()) for each in given.attributes.split(",") if each.strip()]
    if given.kind is PatternKind.INI:
        return _SZ
    if given.kind is PatternKind.FILE:
        return sum({_known(name, _FLAGS) for name in names})
    if len(names) > 1:
        raise PatternError("a registry value has one type")
    return _known(names[0].removeprefix("REG_"), _TYPES) if names else _NONE


def _known(name: str, names: Mapping[str, int]) -> int:
    if name not in names:
        raise PatternError(f"{name!r} is none of {', '.join(names)}")
    return names[name]


def _data(given: PretendedObject, number: int, view: View) -> bytes:
    data = given.data or ""
    text = view.expand_plain(data) if given.expand else data
    if not given.is_text:
        return _hexadecimal(text)
    if given.kind is PatternKind.FILE:
        return text.encode("utf-8", "surrogatepass")
    return _typed(text, number)


def _hexadecimal(text: str) -> bytes:
    try:
        return bytes.fromhex(text.replace(",", " "))
    except ValueError as error:
        raise PatternError(f"{text!r} is not made of hexadecimal pairs") from error


def _typed(text: str, number: int) -> bytes:
    """Return text as the data of a registry value of a type."""
    if number in _NUMBERS:
        return _as_number(text, number)
    if number == _MULTI_SZ:
        text = "".join(f"{each}\0" for each in text.split(";") if each)
    closing = "\0" if number in {_SZ, _EXPAND_SZ, _LINK, _MULTI_SZ} else ""
    return (text + closing).encode("utf-16-le", "surrogatepass")


def _as_number(text: str, number: int) -> bytes:
    size, order = _NUMBERS[number]
    try:
        return int(text.strip() or "0", 0).to_bytes(size, "big" if order == "big" else "little")
    except (ValueError, OverflowError) as error:
        raise PatternError(f"{text!r} is no number of {size} bytes") from error
