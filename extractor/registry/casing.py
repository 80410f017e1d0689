"""How the registry compares names: upper case by the table of Windows, unit by unit of UTF-16.

Python follows the Unicode of the day and folds what Windows keeps apart (dotless and dotted i, micro sign and mu); a
hash or an order made with its ``upper`` would hide such keys from Windows. The table here equals, for all 65,536 units,
the ``$UpCase`` of volumes that Windows made, which is also the table of ``RtlUpcaseUnicodeChar``.
"""

from __future__ import annotations

from functools import cache

PLANE = 0x10000
_LATER = (
    (0x23F, 0x240), (0x252, 0x252), (0x25C, 0x25C), (0x261, 0x261), (0x265, 0x266), (0x26A, 0x26A), (0x26C, 0x26C),
    (0x282, 0x282), (0x287, 0x287), (0x29D, 0x29E), (0x3F3, 0x3F3), (0x525, 0x52F), (0x10D0, 0x10FF), (0x13F8, 0x13FD),
    (0x1D8E, 0x1D8E), (0x2C5F, 0x2C5F), (0x2CEC, 0x2CEE), (0x2CF3, 0x2CF3), (0x2D27, 0x2D2D), (0xA661, 0xA661),
    (0xA699, 0xA69B), (0xA791, 0xA7FF), (0xAB53, 0xAB53), (0xAB70, 0xABBF),
)  # fmt: skip
"""First and last unit of the letters that Unicode gave an upper case after 5.1, where Windows' table stands."""


def registry_upcase(text: str) -> str:
    """Return a name in upper case as the registry compares names; its length never changes."""
    return text.upper() if text.isascii() else text.translate(_table())


def name_order(name: str) -> bytes:
    """Return what names sort by in a list of subkeys: the units of their upper case (UTF-16BE)."""
    return registry_upcase(name).encode("utf-16-be", "surrogatepass")


@cache
def _table() -> dict[int, int]:
    """Return unit -> unit for those that have another upper case; surrogates, and what they make, have none."""
    later = {unit for first, last in _LATER for unit in range(first, last + 1)}
    pairs = ((unit, _upper(chr(unit))) for unit in range(PLANE) if unit not in later)
    return {unit: upper for unit, upper in pairs if upper != unit}


def _upper(character: str) -> int:
    """Return the upper (or title) case that leads back to the character; where there is none, itself."""
    for upper in (character.upper(), character.title()):
        if len(upper) == 1 and ord(upper) < PLANE and upper.lower() == character:
            return ord(upper)
    return ord(character)
