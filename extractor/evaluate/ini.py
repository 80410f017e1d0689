"""Bytes of an INI file -> IniFile, read as GetPrivateProfileString reads it.

Names of sections and keys compare case-insensitively and the first of several wins; a line that begins with ``;`` is a
comment, one without ``=`` says nothing; a pair of quotes around a value is dropped. Source: Win32
"GetPrivateProfileString function".
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from dataclasses import dataclass

from extractor.errors import UnsupportedError
from extractor.model import upcase
from extractor.seams import Stream

LARGEST = 4 << 20
"""Bytes of an INI file that we read; the functions of Windows were made for 64 KiB."""

_BOMS = {
    codecs.BOM_UTF8: ("utf-8", "replace"),
    codecs.BOM_UTF16_LE: ("utf-16-le", "surrogatepass"),
    codecs.BOM_UTF16_BE: ("utf-16-be", "surrogatepass"),
}
_ANSI = "".join(bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in range(256))
_QUOTED = re.compile(r"""(["'])(.*)\1""", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Section:
    """One section: its name and its keys in order, upper-case name -> (name as written, value)."""

    name: str
    entries: Mapping[str, tuple[str, str]]


@dataclass(frozen=True, slots=True)
class IniFile:
    """The sections of a file in order, by their names in upper case."""

    by_name: Mapping[str, Section]

    @property
    def sections(self) -> tuple[Section, ...]:
        """All sections in the order of the file."""
        return tuple(self.by_name.values())

    def value(self, section: str, key: str) -> str | None:
        """Return a value, None when there is none."""
        found = self.by_name.get(upcase(section))
        entry = found.entries.get(upcase(key)) if found else None
        return entry[1] if entry else None


def open_ini(stream: Stream, name: str) -> IniFile:
    """Read a whole INI file; ``name`` is used in messages.

    Raises UnsupportedError when it is larger than any INI file is, and what reading the stream raises.
    """
    if stream.size > LARGEST:
        raise UnsupportedError(
            f"{name}: {stream.size} bytes are more than the {LARGEST} read of an INI file"
        )
    return read_ini(stream.read_at(0, stream.size))


def read_ini(content: bytes) -> IniFile:
    """Return what the bytes of an INI file say, whatever they are; nothing beyond LARGEST is looked at."""
    found: dict[str, tuple[str, dict[str, tuple[str, str]]]] = {}
    entries: dict[
        str, tuple[str, str]
    ] = {}  # what stands before the first section cannot be asked for
    for line in re.split(r"[\r\n]+", decode_ansi(content[:LARGEST])):
        text = line.strip(" \t\0")
        if text.startswith("[") and "]" in text:
            name = text[1 : text.rindex("]")].strip()
            entries = {}
            found.setdefault(upcase(name), (name, entries))
        elif "=" in text and not text.startswith(";"):
            key, _, value = text.partition("=")
            entries.setdefault(upcase(key.rstrip()), (key.rstrip(), _unquoted(value.strip())))
    return IniFile({key: Section(name, entries) for key, (name, entries) in found.items()})


def decode_ansi(content: bytes) -> str:
    """Return text by its byte order mark, without one as windows-1252.

    The code page of the offline Windows is not asked for: 1252 is that of western Europe and the Americas, and agrees
    with all others in ASCII. As in Windows, the five bytes that it does not define stay the control codes they are.
    """
    for bom, (encoding, errors) in _BOMS.items():
        if content.startswith(bom):
            rest = content[len(bom) :]
            even = len(rest) - len(rest) % 2 if encoding != "utf-8" else len(rest)
            return rest[:even].decode(encoding, errors)
    return codecs.charmap_decode(content, "strict", _ANSI)[0]


def _unquoted(value: str) -> str:
    found = _QUOTED.fullmatch(value)
    return found[2] if found else value
