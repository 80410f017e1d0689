r"""The bytes of an INI file -> IniFile, which gives values, takes others, and gives the bytes back.

What is not changed stays byte for byte: comments, order, blank lines, line ends, and letters of whatever code page.
Without a byte order mark a byte is a character, by the same table by which the scan read it (``decode_ansi``), so what
comes from a file of a code page goes into one of that code page as it was. A new file has CRLF, and is UTF-16LE with a
byte order mark when it holds more than ASCII; so does a file of nothing but ASCII become when it is to hold what no
byte stands for.

Names of sections and keys compare without case, of two sections or keys of one name the first counts, blanks around a
value and one pair of quotes are not part of it. Source: Win32 "GetPrivateProfileString function",
"WritePrivateProfileString function".
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, field

from extractor.errors import UnsupportedError
from extractor.evaluate.ini import decode_ansi
from extractor.model import RegistryValue, upcase

REG_SZ = 1
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|\Z)")
_QUOTED = re.compile(r"""(["'])(.*)\1""", re.DOTALL)
_NO_LINE = re.compile(r"[\r\n\0]")
_UTF8 = "utf-8"
_ENCODINGS = {
    codecs.BOM_UTF8: (_UTF8, "surrogateescape"),
    codecs.BOM_UTF16_LE: ("utf-16-le", "surrogatepass"),
    codecs.BOM_UTF16_BE: ("utf-16-be", "surrogatepass"),
}
"""Byte order mark -> how the rest is read so that it can be written as it was."""
_ANSI = {character: byte for byte, character in enumerate(decode_ansi(bytes(range(256))))}


def ini_value(name: str, text: str) -> RegistryValue:
    """Return an INI value as the catalog has it: of type 1, UTF-16LE with its NUL."""
    data = (text + "\0").encode("utf-16-le", "surrogatepass")
    return RegistryValue(name, REG_SZ, data, "ini")


@dataclass(slots=True)
class _Line:
    body: str
    end: str


@dataclass(slots=True)
class _Section:
    """A section with its lines, the one with its name first; what stands before all sections has none."""

    lines: list[_Line] = field(default_factory=list)
    entries: dict[str, list[_Line]] = field(default_factory=dict)
    """Key in upper case -> its lines, the first of which counts."""

    def add(self, line: _Line) -> None:
        self.lines.append(line)
        found = _entry(line.body)
        if found:
            self.entries.setdefault(upcase(found[0]), []).append(line)


class IniFile:
    """The lines of an INI file; made by :meth:`parse`."""

    def __init__(self, mark: bytes, text: str, tail: bytes) -> None:
        self._mark = mark
        self._tail = tail
        self._is_ascii = not mark and text.isascii()
        self._is_new = not text
        self._sections = [_Section()]
        self._by_name: dict[str, _Section] = {}
        for match in _LINE.finditer(text):
            self._read(match[0])
        ends = (line.end for section in self._sections for line in section.lines if line.end)
        self._end = next(ends, "\r\n")

    @classmethod
    def parse(cls, content: bytes) -> IniFile:
        """Return what the bytes of a file say, whatever they are; no bytes are a new file."""
        for mark, (encoding, errors) in _ENCODINGS.items():
            if content.startswith(mark):
                rest = content[len(mark) :]
                even = len(rest) if encoding == _UTF8 else len(rest) & ~1
                return cls(mark, rest[:even].decode(encoding, errors), rest[even:])
        return cls(b"", decode_ansi(content), b"")

    @property
    def content(self) -> bytes:
        """The bytes of the file as it is now."""
        text = "".join(line.body + line.end for each in self._sections for line in each.lines)
        if self._mark:
            return self._mark + text.encode(*_ENCODINGS[self._mark]) + self._tail
        if text.isascii() or not (self._is_new or self._is_ascii):
            return bytes(map(_ANSI.__getitem__, text))
        if self._is_new or not all(map(_ANSI.__contains__, text)):
            return codecs.BOM_UTF16_LE + text.encode("utf-16-le", "surrogatepass")
        return bytes(map(_ANSI.__getitem__, text))

    def value(self, section: str, key: str) -> str | None:
        """Return a value, None when there is none."""
        found = self._by_name.get(upcase(section))
        lines = found.entries.get(upcase(key)) if found else None
        entry = _entry(lines[0].body) if lines else None
        return self._readable(_unquoted(entry[1])) if entry else None

    def put(self, section: str, key: str, text: str) -> None:
        """Let a key of a section, both made where they are missing, have a value; a key that is there keeps its place.

        Raises UnsupportedError for what an INI file, or this one in its encoding, cannot say.
        """
        found = self._by_name.get(upcase(section))
        lines = found.entries.get(upcase(key)) if found else None
        body = _with_value(lines[0].body if lines else f"{key}=", text)
        entry, header = _entry(body), f"[{section}]"
        is_said = entry is not None and upcase(entry[0]) == upcase(key) and _unquoted(entry[1]) == text  # fmt: skip
        if not is_said or _NO_LINE.search(body + header) or _section_name(header) != section:
            raise UnsupportedError(f"an INI file cannot say {key!a} of {section!a} like that")
        self._check(body + header)
        if lines:
            lines[0].body = body
        else:
            self._insert(found or self._made(header), body, key)

    def remove(self, section: str, key: str) -> None:
        """Take a key out of a section, with all others of its name there."""
        found = self._by_name.get(upcase(section))
        gone = {id(line) for line in found.entries.pop(upcase(key), ())} if found else set()
        if found and gone:
            found.lines = [line for line in found.lines if id(line) not in gone]

    def _read(self, text: str) -> None:
        body = text.rstrip("\r\n")
        if not text:
            return
        line, name = _Line(body, text[len(body) :]), _section_name(body)
        if name is not None:
            self._sections.append(_Section([line]))
            self._by_name.setdefault(upcase(name), self._sections[-1])
        else:
            self._sections[-1].add(line)

    def _made(self, header: str) -> _Section:
        """Return a new section at the end of the file."""
        last = next((each.lines[-1] for each in reversed(self._sections) if each.lines), None)
        if last and not last.end:
            last.end = self._end
        self._read(header + self._end)
        return self._sections[-1]

    def _insert(self, section: _Section, body: str, key: str) -> None:
        """Add a line behind the last one of a section that says something."""
        line, at = _Line(body, self._end), len(section.lines)
        while at > 1 and not section.lines[at - 1].body.strip():
            at -= 1
        before = section.lines[at - 1]
        if not before.end:
            before.end, line.end = self._end, ""
        section.lines.insert(at, line)
        section.entries[upcase(key)] = [line]

    def _check(self, text: str) -> None:
        """Raise UnsupportedError when the encoding of the file has no place for a text."""
        try:
            if self._mark:
                fits = self._readable(text) == text
            else:
                fits = self._is_new or self._is_ascii or all(map(_ANSI.__contains__, text))
        except UnicodeEncodeError:
            fits = False
        if not fits:
            raise UnsupportedError(f"{text!a} does not fit into the encoding of the INI file")

    def _readable(self, text: str) -> str:
        """Return text as it is read: bytes that are no UTF-8 cannot be."""
        if self._mark != codecs.BOM_UTF8:
            return text
        return text.encode(*_ENCODINGS[self._mark]).decode(_UTF8, "replace")


def _section_name(body: str) -> str | None:
    text = body.strip(" \t\0")
    return text[1 : text.rindex("]")].strip() if text.startswith("[") and "]" in text else None


def _entry(body: str) -> tuple[str, str] | None:
    """Return key and value of a line, the value with its quotes; None for a line that has none."""
    text = body.strip(" \t\0")
    if "=" not in text or text.startswith(";") or _section_name(body) is not None:
        return None
    key, _, value = text.partition("=")
    return key.rstrip(), value.strip()


def _unquoted(value: str) -> str:
    found = _QUOTED.fullmatch(value)
    return found[2] if found else value


def _with_value(body: str, text: str) -> str:
    """Return a line with another value: in quotes where the old one has them, or the new one would lose by it."""
    head, _, old = body.partition("=")
    quotes = _QUOTED.fullmatch(old.strip(" \t\0").strip())
    blanks = old[: len(old) - len(old.lstrip(" \t"))] if old.strip(" \t\0") else ""
    mark = quotes[1] if quotes else '"'
    needs = quotes or text != text.strip() or _QUOTED.fullmatch(text)
    return f"{head}={blanks}{mark}{text}{mark}" if needs else f"{head}={blanks}{text}"
