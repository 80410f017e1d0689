r"""Words of a person -> the objects they mean on one Windows: ``C:\Users\ann\x.txt``, ``HKCU\Software\X [Name]``.

A path is meant literally: no character in it is a wildcard. ``HKCU`` and ``HKCR`` are asked for each user who comes; an
INI value is ``C:\Windows\win.ini|Section[Key]``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from extractor.errors import UsageError
from extractor.evaluate.registry_names import canonical
from extractor.model import ObjectKind, WinPath
from extractor.registry import Registry
from extractor.rules.patterns import PatternError, PatternKind, escape

_FILE = re.compile(r"[A-Za-z]:([\\/].*)?", re.DOTALL)
_KEY = re.compile(r"(HK[A-Z_]+)(\\.*)?", re.DOTALL | re.IGNORECASE)
_VALUE = re.compile(r"(.*?)\\*\s*\[(.*)\]", re.DOTALL)
_ESCAPED = re.compile(r"\^(.)")


@dataclass(frozen=True, slots=True)
class Object:
    """One object that was asked for, by its canonical name; ``scope`` is the user for whom HKCU was read."""

    asked: str
    kind: PatternKind
    path: WinPath
    is_leaf: bool | None
    """True for a value; None for a path of files, of which the disk knows more."""
    scope: str = ""


def is_object(word: str) -> bool:
    """Tell whether a word of the command line names an object of Windows, not a file of this computer."""
    return bool(_FILE.fullmatch(word) or _KEY.fullmatch(word))


def objects(word: str, registry: Registry, sids: Sequence[str]) -> Iterator[Object]:
    """Yield the objects that a word means; ``sids`` are the users who come. Raises UsageError (11)."""
    if _FILE.fullmatch(word):
        yield _of_files(word)
    elif _KEY.fullmatch(word):
        yield from _of_registry(word, registry, sids)
    else:
        raise UsageError(f"{word} is no path such as C:\\Users and no key such as HKCU\\Software")


def _of_files(word: str) -> Object:
    path, bar, rest = word.partition("|")
    if not bar:
        return Object(word, PatternKind.FILE, WinPath.parse(word), is_leaf=None)
    value = _VALUE.fullmatch(rest)
    if not value:
        raise UsageError(f"{word}: an INI value is C:\\Windows\\win.ini|Section[Key]")
    file = WinPath.parse(path)
    section = WinPath(file.drive, (*file.parts[:-1], f"{file.name}|{value[1].strip()}"))
    return Object(word, PatternKind.INI, section / f"[{value[2]}]", is_leaf=True)


def _of_registry(word: str, registry: Registry, sids: Sequence[str]) -> Iterator[Object]:
    value = _VALUE.fullmatch(word)
    key = (value[1] if value else word).strip().rstrip("\\")
    whose = _whose(key, sids)
    for sid in whose:
        for name in _canonical(word, key, sid, registry):
            root, *parts = re.split(r"\\+", name)
            path = WinPath(root, tuple(_ESCAPED.sub(r"\1", part) for part in parts))
            if value:
                path /= f"[{value[2]}]"
            yield Object(word, PatternKind.REGISTRY, path, bool(value), sid)
    if not whose:
        raise UsageError(f"{word}: no user comes, so there is no HKCU")


def _whose(key: str, sids: Sequence[str]) -> Sequence[str]:
    """Return for whom a key is asked: HKCU is each user's, HKCR the machine's where nobody comes."""
    if re.match(r"HKCU|HKEY_CURRENT_USER", key, re.IGNORECASE):
        return sids
    return sids or [""] if re.match(r"HKCR|HKEY_CLASSES_ROOT", key, re.IGNORECASE) else [""]


def _canonical(word: str, key: str, sid: str, registry: Registry) -> tuple[str, ...]:
    try:
        return canonical(escape(key), sid, registry)
    except PatternError as error:
        raise UsageError(f"{word}: {error}") from error


def kind_of_missing(asked: Object) -> ObjectKind:
    """Return what an object would most likely be that is not there."""
    if asked.kind is PatternKind.FILE:
        return ObjectKind.FILE
    return ObjectKind.VALUE if asked.is_leaf else ObjectKind.KEY
