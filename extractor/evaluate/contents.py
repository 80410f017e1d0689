r"""A registry or INI value -> File patterns of what it names: the filter functions of ``content`` (usmt.md 3.8).

The pattern text that comes out means the file or directory as it is called on the disk: names escaped, short (8.3)
names replaced. A value that names nothing that is there yields nothing.
"""

from __future__ import annotations

import ntpath
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice

from extractor.evaluate.facts import Facts, Found
from extractor.evaluate.ini import decode_ansi
from extractor.evaluate.lookup import directory_text
from extractor.evaluate.strings import expand_data
from extractor.model import WinPath
from extractor.rules.model import Call
from extractor.rules.patterns import LONGEST

MOST_ENDS = 32
"""Separators in one text that are tried as the end of the path before it; a path may hold commas of its own."""

_ABSOLUTE = re.compile(r"[A-Za-z]:[\\/]")
_Content = Callable[[Call, Found, Facts, Mapping[str, str]], Iterator[str]]


def content_patterns(
    call: Call, found: Found, facts: Facts, variables: Mapping[str, str]
) -> Iterator[str]:
    """Return the File patterns that a content function makes of an object that was found.

    ``variables`` are plain text; ``%NAME%`` in the data and in hints is replaced. A function that is not known is told
    of and yields nothing.
    """
    function = _FUNCTIONS.get(call.function.lower())
    if function is None:
        facts.warn(f"{call}: not a function that makes patterns of content: nothing is taken")
        return iter(())
    return function(call, found, facts, variables)


def _single_file(
    call: Call, found: Found, facts: Facts, variables: Mapping[str, str]
) -> Iterator[str]:
    """Yield the file that a value names; of a REG_MULTI_SZ the first text counts."""
    for text in facts.texts(found)[:1]:
        expanded = expand_data(text, variables)
        hints = _hints(call.argument(1), variables)
        ends = _ended(expanded, call.argument(0))
        yield from islice((each for end in ends for each in _files(end, hints, facts)), 1)


def _multiple_files(
    call: Call, found: Found, facts: Facts, variables: Mapping[str, str]
) -> Iterator[str]:
    """Yield all files that a value names: the texts of a REG_MULTI_SZ, each cut at every separator."""
    hints = _hints(call.argument(1), variables)
    for text in facts.texts(found):
        for part in _split(expand_data(text, variables), call.argument(0)):
            yield from islice(_files(_unquoted(part), hints, facts), 1)


def _directory(
    call: Call, found: Found, facts: Facts, variables: Mapping[str, str]
) -> Iterator[str]:
    r"""Yield the directory that a value names, so many levels up, with a suffix: ``C:\App`` and ``\* [*]``."""
    levels = call.argument(1, "0").strip() or "0"
    if not re.fullmatch(r"[0-9]{1,4}", levels):
        facts.warn(f"{call}: {levels!r} is no number of levels to trim: nothing is taken")
        return
    for text in facts.texts(found):
        ends = _ended(expand_data(text, variables), call.argument(0))
        trimmed = (_trimmed(end, int(levels)) for end in ends)
        directories = (each for path in trimmed if path for each in _directories(path, facts))
        yield from (directory + call.argument(2) for directory in islice(directories, 1))


def _single_ansi(
    _call: Call, found: Found, facts: Facts, variables: Mapping[str, str]
) -> Iterator[str]:
    """Yield the file that a REG_BINARY names in the ANSI code page (MAPI properties 001e…)."""
    text = decode_ansi(facts.data(found)[:LONGEST].split(b"\0", 1)[0])
    yield from islice(_files(expand_data(text, variables), (), facts), 1)


def _single_unicode(
    _call: Call, found: Found, facts: Facts, variables: Mapping[str, str]
) -> Iterator[str]:
    """Yield the file that a REG_BINARY names in UTF-16 (MAPI properties 001f…)."""
    raw = facts.data(found)[: 2 * LONGEST]
    text = raw[: len(raw) & ~1].decode("utf-16-le", "surrogatepass").split("\0", 1)[0]
    yield from islice(_files(expand_data(text, variables), (), facts), 1)


_FUNCTIONS: Mapping[str, _Content] = {
    "extractsinglefile": _single_file,
    "extractmultiplefiles": _multiple_files,
    "extractdirectory": _directory,
    "extractsinglefileansibin": _single_ansi,
    "extractsinglefileunicodebin": _single_unicode,
}


# --- paths in data --------------------------------------------------------------------------------


def _ended(text: str, separators: str) -> Iterator[str]:
    r"""Yield what may be the path at the start of a text: quoted, or up to a separator, the nearest first.

    USMT cuts at the first separator; ``C:\Data, old\x.exe,-2`` is told from ``C:\x.exe,-2`` by which one is there.
    """
    if text.lstrip().startswith('"'):
        yield text.lstrip()[1:].partition('"')[0]
        return
    ends = [at for at, character in enumerate(text[:LONGEST]) if character in separators]
    yield from (text[:at] for at in ends[:MOST_ENDS])
    yield text


def _split(text: str, separators: str) -> list[str]:
    return re.split(f"[{re.escape(separators)}]", text) if separators else [text]


def _unquoted(text: str) -> str:
    return text.strip().strip('"')


def _hints(text: str, variables: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(each.strip() for each in expand_data(text, variables).split(";") if each.strip())


def _files(text: str, hints: Iterable[str], facts: Facts) -> Iterator[str]:
    """Yield the pattern of the file that a text names, absolute or below one of the hints."""
    paths = [text] if _ABSOLUTE.match(_plain(text)) else [f"{each}\\{text}" for each in hints]
    for path in map(_absolute, paths):
        for place in facts.at(path) if path else ():
            if not place.entry.directory:
                yield place.found.location


def _directories(path: WinPath, facts: Facts) -> Iterator[str]:
    r"""Yield the pattern text of a directory, without a closing ``\``, for a suffix begins with one."""
    for place in facts.at(path):
        if place.entry.directory:
            yield directory_text(place.path)


def _trimmed(text: str, levels: int) -> WinPath | None:
    path = _absolute(text)
    if path is None or levels > len(path.parts):
        return None
    return WinPath(path.drive, path.parts[: len(path.parts) - levels])


def _absolute(text: str) -> WinPath | None:
    """Return the path with a drive letter that a text names, ``.`` and ``..`` resolved; None when it names none."""
    text = _plain(text)
    if not _ABSOLUTE.match(text) or len(text) > LONGEST or "\0" in text:
        return None
    return WinPath.parse(ntpath.normpath(text))


def _plain(text: str) -> str:
    r"""Return a path without the prefix that switches off its parsing: ``\\?\D:\x`` is ``D:\x`` ("Naming files")."""
    return text.strip().removeprefix("\\\\?\\").removeprefix("\\??\\")
