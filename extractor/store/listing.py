r"""An opened store -> its objects by path: patterns, rows for a listing, a tree, and the one object that a path names.

A *pattern* is a path of the offline machine with ``*`` (any run of characters, across folders too) and ``?`` (one
character); case does not count, ``/`` is ``\``. With a separator it is held against the whole path (``\Users\…`` on
any drive) and takes what lies below a match too; without one, against the last name only. What a listing shows escaped
(``\u202e``) may be written so. Source: usmt.md 1.4 (UsmtUtils ``/i``, ``/e``).
"""

from __future__ import annotations

import io
import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from typing import BinaryIO

from extractor.errors import CorruptStoreError, UsageError
from extractor.model import ObjectKind, OutcomeKind, WinPath, printable, upcase
from extractor.store.columns import StoredObject, StoredStream, path_of, uint64
from extractor.store.opened import OpenStore

FILES = frozenset({ObjectKind.FILE, ObjectKind.DIRECTORY, ObjectKind.LINK})
"""What lies in file systems; keys, values and accounts do not."""
BATCH = 500
"""Objects asked for at a time, by number."""
MOST_NAMED = 10
"""Names that a message lists when a path names several objects."""

_SEPARATOR = r"[\\/]"
_QUOTED = re.compile(r'\s*(?:"([^"]*)"|([^,;"]+))\s*(?:[,;]|\Z)')
_ROWS = """
SELECT id, kind, path_utf16, name_lengths, user, outcome, reason, rule, size, sha256, attributes, si_modified,
    reparse_target_utf16
FROM objects {where} ORDER BY sort_key, exact_key, kind, volume, record, sequence, id
"""
_NAMED = """
SELECT object, name_utf16, size, sha256, stored_as FROM streams WHERE length(name_utf16) > 0
ORDER BY object, name_utf16, id
"""
_AT = "SELECT id, exact_key FROM objects WHERE sort_key = ?"


# --- patterns -------------------------------------------------------------------------------------


def split_patterns(text: str) -> tuple[str, ...]:
    """Return the patterns of a list as UsmtUtils takes it: commas or semicolons between them, quotes around any.

    Raises UsageError for a quote without its other half.
    """
    found, at = [], 0
    while at < len(text):
        match = _QUOTED.match(text, at)
        if match is None:
            if text[at] not in ",; ":
                raise UsageError(f"{text!r} is no list of patterns: a quote is missing")
            at += 1
            continue
        found.append((match[1] or match[2] or "").strip())
        at = match.end()
    return tuple(each for each in found if each)


def matches(patterns: Iterable[str], path: WinPath) -> bool:
    """Tell whether any of the patterns takes a path; raise UsageError for an empty pattern."""
    return _matches([_compiled(each) for each in patterns], path)


def takes(include: Sequence[str], exclude: Sequence[str], path: WinPath) -> bool:
    """Tell whether a path is asked for: an include beats an exclude; without any, all that is not excluded is."""
    return matches(include, path) if include else not matches(exclude, path)


@dataclass(frozen=True, slots=True)
class _Pattern:
    whole: bool
    """False when it speaks of the last name only."""
    regex: re.Pattern[str]


def _matches(patterns: Iterable[_Pattern], path: WinPath) -> bool:
    texts: dict[bool, tuple[str, ...]] = {}
    for each in patterns:
        if each.whole not in texts:
            texts[each.whole] = _spellings(str(path) if each.whole else path.name)
        if any(map(each.regex.match, texts[each.whole])):
            return True
    return False


def _spellings(text: str) -> tuple[str, ...]:
    shown = printable(text)
    return (upcase(text),) if shown == text else (upcase(text), upcase(shown))


@lru_cache(maxsize=1024)
def _compiled(text: str, *, below: bool = True) -> _Pattern:
    text = text.strip().replace("/", "\\")
    if not text:
        raise UsageError("a pattern is empty")
    whole = "\\" in text or text[1:] == ":"
    text = text.rstrip("\\") or "*"
    first, *rest = (_literal(piece) for piece in re.split(r"\*+", text))
    if whole and text.startswith("\\"):
        first = r"[^\\]*" + first
    middle = "".join(f"(?>.*?{piece})" for piece in rest[:-1])
    last = f".*{rest[-1]}" if rest else ""
    tail = r"(?:\\.*)?\Z" if whole and below else r"\\?\Z" if whole else r"\Z"
    return _Pattern(whole, re.compile(first + middle + last + tail, re.DOTALL))


def _literal(piece: str) -> str:
    special = {"?": ".", "\\": _SEPARATOR}
    return "".join(special.get(each) or re.escape(each) for each in upcase(piece))


# --- rows -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NamedStream:
    """A named stream in a listing; ``sha256`` is empty when it is not in the store."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Listed:
    """What a listing tells of an object; times are FILETIME, texts exact."""

    id: int
    kind: ObjectKind
    path: WinPath
    user: str
    outcome: OutcomeKind
    reason: str
    rule: str
    size: int
    sha256: str
    attributes: int | None
    modified: int
    target: str
    streams: tuple[NamedStream, ...] = ()


def listing(
    store: OpenStore, patterns: Sequence[str] = (), *, every: bool = False, streams: bool = False
) -> Iterator[Listed]:
    """Yield the stored objects (``every``: all) that the patterns take, in the order of the manifest.

    ``streams``: their named streams too. Raises CorruptStoreError for a row that no run wrote.
    """
    compiled = [_compiled(each) for each in patterns]
    try:
        named = _named_streams(store) if streams else {}
        for row in _rows(store, "" if every else "WHERE outcome = 'stored'"):
            path = path_of(row["path_utf16"], row["name_lengths"])
            if not compiled or _matches(compiled, path):
                yield _listed(row, path, tuple(named.get(row["id"], ())))
    except (ValueError, TypeError, AttributeError) as error:
        raise CorruptStoreError(
            f"{store.path}: a row of the catalog makes no sense: {error}"
        ) from error


def _rows(store: OpenStore, where: str) -> Iterator[sqlite3.Row]:
    with store.catalog.translated():
        rows = store.catalog.connection.execute(_ROWS.format(where=where))
        for row in rows:  # noqa: UP028  ``yield from`` would close it, whose store may be closed by then
            yield row


def _listed(row: sqlite3.Row, path: WinPath, streams: tuple[NamedStream, ...]) -> Listed:
    target = row["reparse_target_utf16"]
    return Listed(
        row["id"], ObjectKind(row["kind"]), path, row["user"], OutcomeKind(row["outcome"]), row["reason"],
        row["rule"], uint64(row["size"]), row["sha256"], row["attributes"], uint64(row["si_modified"] or 0),
        target.decode("utf-16-le", "surrogatepass") if target else "", streams,
    )  # fmt: skip


def _named_streams(store: OpenStore) -> dict[int, list[NamedStream]]:
    found: dict[int, list[NamedStream]] = {}
    with store.catalog.translated():
        for row in store.catalog.connection.execute(_NAMED):
            stream = NamedStream(
                row["name_utf16"].decode("utf-16-le", "surrogatepass"),
                uint64(row["size"]),
                row["sha256"] if row["stored_as"] else "",
            )
            found.setdefault(row["object"], []).append(stream)
    return found


def objects_of(store: OpenStore, ids: Iterable[int]) -> Iterator[StoredObject]:
    """Yield the objects with these numbers, whole, ``BATCH`` at a time in the order of the manifest."""
    waiting = iter(ids)
    while batch := list(islice(waiting, BATCH)):
        yield from store.objects(f"objects.id IN ({', '.join(map(str, batch))})")


# --- a tree ---------------------------------------------------------------------------------------


@dataclass(slots=True)
class Branch:
    """A name in a tree: what is at it (nothing for a folder that only leads on) and what lies below."""

    name: str
    found: list[Listed] = field(default_factory=list)
    children: dict[str, Branch] = field(default_factory=dict)
    objects: int = 0
    """Objects at it and below it."""
    bytes: int = 0
    """Of their contents and named streams."""

    def sorted_children(self) -> list[Branch]:
        """Return what lies directly below, by name."""
        return sorted(self.children.values(), key=lambda each: (upcase(each.name), each.name))


def tree_of(found: Iterable[Listed]) -> Branch:
    """Return objects as a tree; its root has no name and its children are drives and registry roots."""
    root = Branch("")
    for each in found:
        size = each.size + sum(stream.size for stream in each.streams)
        branch = root
        for name in (each.path.drive, *each.path.parts):
            branch.objects += 1
            branch.bytes += size
            branch = branch.children.setdefault(name, Branch(name))
        branch.objects += 1
        branch.bytes += size
        branch.found.append(each)
    return root


def branch_at(root: Branch, text: str) -> Branch:
    """Return the branch that a path names; raise UsageError when there is none, or several that differ by case."""
    branch = root
    for name in filter(None, text.replace("/", "\\").split("\\")):
        branch = _child(branch, name, text)
    return branch


def _child(branch: Branch, name: str, text: str) -> Branch:
    if name in branch.children:
        return branch.children[name]
    wanted = upcase(name)
    found = [each for key, each in branch.children.items() if wanted in _spellings(key)]
    if len(found) > 1:
        names = ", ".join(printable(each.name) for each in found)
        raise UsageError(f"{text}: names that differ by case are there: {names}")
    if not found:
        raise UsageError(f"{text}: nothing of the store lies there")
    return found[0]


# --- one object -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Content:
    """One stream of one object, or the data of a registry value."""

    object: StoredObject
    stream: StoredStream | None
    """None for a value."""

    @property
    def sha256(self) -> str:
        """The hash that its bytes must have."""
        return self.stream.sha256 if self.stream else self.object.record.sha256

    def open(self, store: OpenStore) -> BinaryIO:
        """Open the bytes; raise CorruptStoreError when they are not there."""
        if self.stream:
            return store.open(self.stream.stored_as)
        value = self.object.record.value
        return io.BytesIO(value.data if value else b"")


def content_at(store: OpenStore, text: str) -> Content:
    r"""Return what ``C:\path``, ``C:\path:stream`` or a registry value's path names.

    The exact name wins over one that differs by case, and a pattern may stand for it. Raises UsageError when nothing,
    or several objects, or what has no bytes in the store, is named.
    """
    for path, stream in _readings(text):
        ids = _ids_at(store, path) or _ids_like(store, path)
        if len(ids) > 1:
            raise UsageError(_several(store, text, ids))
        for found in objects_of(store, ids):
            return _content(found, stream)
    raise UsageError(f"{text}: no object of the store has this path")


def _readings(text: str) -> Iterator[tuple[str, str]]:
    """Yield what a text may mean: (path, stream); a name itself may hold a colon, or ``[`` after a space."""
    text = text.replace("/", "\\")
    yield text, ""
    key, bracket, name = text.partition(" [")
    if bracket and name.endswith("]"):
        yield f"{key}\\[{name}", ""
    plain = text[: -len(":$DATA")] if text.upper().endswith(":$DATA") else text
    path, colon, stream = plain.rpartition(":")
    if colon and len(path) > 1:
        yield path, stream
    elif plain != text:
        yield plain, ""


def _ids_at(store: OpenStore, text: str) -> list[int]:
    """Return the objects at a path: with exactly this name, else with one that differs by case."""
    text = text if text.count("\\") else f"{text}\\"
    key, exact = (each.encode("utf-16-be", "surrogatepass") for each in (upcase(text), text))
    with store.catalog.translated():
        rows = store.catalog.connection.execute(_AT, (key,)).fetchall()
    return [row["id"] for row in rows if row["exact_key"] == exact] or [row["id"] for row in rows]


def _ids_like(store: OpenStore, text: str) -> list[int]:
    pattern = _compiled(text, below=False)
    return [each.id for each in listing(store, every=True) if _matches([pattern], each.path)]


def _several(store: OpenStore, text: str, ids: Sequence[int]) -> str:
    found = objects_of(store, ids[:MOST_NAMED])
    names = "; ".join(printable(str(each.record.path)) for each in found)
    more = f" and {len(ids) - MOST_NAMED} more" if len(ids) > MOST_NAMED else ""
    return f"{text} names {len(ids)} objects, and one is needed: {names}{more}"


def _content(found: StoredObject, name: str) -> Content:
    record = found.record
    path = printable(str(record.path))
    if record.outcome is not OutcomeKind.STORED:
        raise UsageError(f"{path} is not in the store: {record.outcome}: {record.reason}")
    if record.kind is ObjectKind.VALUE and not name:
        return Content(found, None)
    stream = _stream(found, name)
    if stream is None:
        named = ", ".join(
            printable(each.name) for each in found.streams if each.stored_as and each.name
        )
        told = f"; its streams: {named}" if named else ""
        what = f"stream {name!a}" if name else "content"
        raise UsageError(f"{path} is a {record.kind} and has no {what} in the store{told}")
    return Content(found, stream)


def _stream(found: StoredObject, name: str) -> StoredStream | None:
    """Return a stream whose bytes are in the store: that with exactly this name, else one that differs by case."""
    kept = [each for each in found.streams if each.stored_as]
    exact = (each for each in kept if each.name == name)
    like = (each for each in kept if upcase(name) in _spellings(each.name))
    return next(exact, None) or next(like, None)
