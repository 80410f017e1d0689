r"""A registry or INI value with paths of the old machine in it -> the same with those of the new one.

Only text is changed (REG_SZ, REG_EXPAND_SZ, REG_MULTI_SZ), only where an old folder begins a path, and never a byte
beside it: what stands behind the end of a text, odd bytes and missing NULs stay as they are.

*Where a folder begins a path.* Before it is the beginning of the text, a character that is no letter, digit, ``_`` or
backslash, or the ``?\`` that ends ``\\?\`` and ``\??\``. Behind it is the end, a separator, a character that no name
can hold (a wildcard is more of the name), a quote, ``;`` or ``,``. A blank is no end: ``C:\Users\bob smith`` may be the
profile of somebody else, and to leave a path as it was is the smaller fault. Names compare as Windows compares them;
separators may be backslashes, doubled ones (a text within a text) or slashes, and the new path has those of the old.
After ``file:`` names may be written with ``%20``, and the new ones are.

*A whole drive.* ``D:`` is short enough to stand in a text by chance, so a move of a drive counts only where a path may
stand alone: at the beginning of a text, of an element of a ``;`` list, or behind a double or single quote, and only
with a separator or nothing behind it.

Not found: short names (``BOBSMI~1``), ``%SystemDrive%``, and whatever a binary value holds. All of this is our own
choice; USMT does not say how it does it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import quote

from extractor.model import RegistryValue, WinPath, upcase

REG_SZ, REG_EXPAND_SZ, REG_MULTI_SZ = 1, 2, 7
_SEPARATOR = r"(?:\\\\?|/)"
_BEFORE = r"(?:(?<![\w\\])|(?<=\?\\))"
_BEFORE_DRIVE = r"(?:\A|(?<=[;\"'])|(?<=; )|(?<=\A@)|(?<=\A\\\\\?\\)|(?<=\A\\\?\?\\))"
_AFTER = r"(?=[\\/\"';,<>:|\x00-\x1F]|\Z)"
_AFTER_IN_ADDRESS = r"(?=[\\/\"';,<>:|?#\x00-\x1F]|\Z)"
_AFTER_DRIVE = r"(?=[\\/\"';]|\Z)"
_FILE = r"(?:FILE:/{1,3}(?:LOCALHOST/)?)"
_PLAIN = "!$&'()*+,;=:@"
"""What an address may hold as it is, beside letters, digits and ``-._~``."""


class Relocations:
    """Folders and drives of the old machine, and where they are on the new one; the deepest that fits counts."""

    def __init__(self, moves: Sequence[tuple[WinPath, WinPath]]) -> None:
        usable = [(old, new) for old, new in moves if _has_letter(old) and _has_letter(new)]
        self._moves = sorted(usable, key=lambda move: -len(move[0].parts))
        forms = [
            form
            for number, (old, _) in enumerate(self._moves)
            for form in (_in_address(number, old), _as_path(number, old))
        ]
        drives = "".join(sorted({upcase(old.drive[0]) for old, _ in self._moves}))
        begins = (
            f"(?=FILE:|[{re.escape(drives)}]:)"  # asked first, for nearly no place of a text does
        )
        self._pattern = re.compile(f"{begins}(?:{'|'.join(forms)})") if forms else None

    def of(self, value: RegistryValue) -> RegistryValue:
        """Return a value with the new paths; the very same object where it holds no old one. Never raises."""
        if self._pattern is None or value.type not in {REG_SZ, REG_EXPAND_SZ, REG_MULTI_SZ}:
            return value
        even = len(value.data) & ~1
        text = value.data[:even].decode("utf-16-le", "surrogatepass")
        texts = text.split("\0") if value.type == REG_MULTI_SZ else text.split("\0", 1)
        found = [self.text(each) for each in texts]
        if value.type != REG_MULTI_SZ:
            found[1:] = texts[1:]  # what lies behind the NUL is no text any more
        if found == texts:
            return value
        data = "\0".join(found).encode("utf-16-le", "surrogatepass") + value.data[even:]
        return replace(value, data=data)

    def text(self, text: str) -> str:
        """Return a text with the new paths."""
        if self._pattern is None or ":" not in text:
            return text
        parts, at = [], 0
        for match in self._pattern.finditer(upcase(text)):
            group = match.lastgroup or ""
            old, new = self._moves[int(group[1:])]
            start, end = match.span(group)
            written = text[start:end]
            if old.key != new.key:
                written = _written(new, written, _follows(text[end : end + 2]), group[0] == "a")
            parts += [text[at:start], written]
            at = end
        return "".join([*parts, text[at:]])


def _has_letter(path: WinPath) -> bool:
    return len(path.drive) == 2 and path.drive[1] == ":"


def _as_path(number: int, old: WinPath) -> str:
    """Return the expression for a folder or drive as Windows writes it; the group is the path alone."""
    names = [re.escape(upcase(name)) for name in old.parts]
    path = f"(?P<p{number}>{_SEPARATOR.join([re.escape(upcase(old.drive)), *names])})"
    return f"{_BEFORE}{path}{_AFTER}" if names else f"{_BEFORE_DRIVE}{path}{_AFTER_DRIVE}"


def _in_address(number: int, old: WinPath) -> str:
    """Return the expression for it in an address (``file:///C:/Users/b%20c``)."""
    names = ["".join(map(_spelled, name)) for name in old.parts]
    path = f"(?P<a{number}>{_SEPARATOR.join([re.escape(upcase(old.drive)), *names])})"
    if names:
        return f"{_BEFORE}{_FILE}{path}{_AFTER_IN_ADDRESS}"
    return f"{_BEFORE_DRIVE}{_FILE}{path}{_AFTER_DRIVE}"


def _spelled(character: str) -> str:
    """Return the expression for all spellings of a character in an address, in upper case."""
    if character.isascii() and character.isalnum():
        return upcase(character)
    cases = (character, upcase(character), character.lower())
    forms = dict.fromkeys((upcase(character), *(_percent(each).upper() for each in cases)))
    return f"(?:{'|'.join(map(re.escape, forms))})"


def _percent(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode("utf-8", "surrogatepass"))


def _written(new: WinPath, old: str, following: str, is_address: bool) -> str:
    """Return the new path with the separators of the old text; what became a drive gets one where none follows."""
    mark = _mark(old) or following or ("/" if is_address else "\\")
    names = [quote(name, _PLAIN, errors="surrogatepass") if is_address else name for name in new.parts]  # fmt: skip
    whole = mark.join([new.drive, *names])
    return whole + mark if _mark(old) and not names and not following else whole


def _mark(text: str) -> str:
    """Return the first separator in a text, empty when there is none."""
    found = re.search(_SEPARATOR, text)
    return found[0] if found else ""


def _follows(text: str) -> str:
    """Return the separator that a text begins with, empty when it begins with something else."""
    found = re.match(_SEPARATOR, text)
    return found[0] if found else ""
