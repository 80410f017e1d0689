"""Hive + transaction logs -> the hive as Windows would have made it at its next start, in memory.

New logs (Windows 8.1 on) are applied by python-registry's RegistryLog, whose result is that of Windows 10 byte for
byte; which log comes first, which is stale, and what the library does not survive is decided here. Old ones: ``dirt``.
Source: "Windows registry file format specification" (M. Suhanov), dirty state of a hive, multiple transaction logs.
"""

# python-registry has no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from extractor.errors import DamagedError
from extractor.registry import dirt
from extractor.registry.base_block import (
    FIRST_BIN,
    NEW_LOG,
    OLD_LOGS,
    PRIMARY,
    SECTOR,
    as_clean_primary,
    bins_size,
    check_base_block,
    file_type,
    is_dirty,
    is_whole,
    sequences,
)
from extractor.seams import HiveNote

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer
    from Registry.RegistryLog import RegistryLog

LARGEST_LOG = 64 << 20
"""Bytes of a log that we are willing to check the hashes of; Windows ends one long before."""


@dataclass(frozen=True, slots=True)
class Log:
    """A transaction log: how it is called, and its bytes."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Replay:
    """A hive after its logs: its bytes, whether a log changed them, and what is to be said of it."""

    content: bytes
    is_replayed: bool = False
    notes: tuple[HiveNote, ...] = ()


def replay(content: bytes, logs: Sequence[Log], name: str) -> Replay:
    """Return a hive with its logs applied; one that is clean, or has no log that fits, as it lies.

    Never raises: a log that cannot be used is a note.
    """
    if len(content) < FIRST_BIN or not is_dirty(content):
        return Replay(content)
    notes: list[HiveNote] = []
    usable = [log for log in logs if _is_log(log, notes)]
    new = [log for log in usable if file_type(log.content) == NEW_LOG]
    made = _new_replay(content, new, notes) or _old_replay(content, usable, notes)
    if made is None:
        said = "it was not written back in full and no log of it can be used: it is read as it lies"
        return Replay(content, notes=(*notes, HiveNote("warning", f"{name}: {said}")))
    whole, told = made
    try:
        check_base_block(whole, name)
    except DamagedError as error:
        return Replay(content, notes=(*notes, HiveNote("warning", f"{error} after its logs")))
    told = f"{name}: it was not written back in full; {told}"
    return Replay(whole, is_replayed=True, notes=(HiveNote("info", told), *notes))


def _is_log(log: Log, notes: list[HiveNote]) -> bool:
    """Tell whether a file can be a log at all; an empty one is usual and not worth a word."""
    fault = ""
    if not log.content.strip(b"\0"):
        return False
    if len(log.content) > LARGEST_LOG:
        fault = f"a log of {len(log.content)} bytes is larger than {LARGEST_LOG >> 20} MiB"
    elif len(log.content) < SECTOR or log.content[:4] != b"regf":
        fault = "it is no transaction log"
    elif file_type(log.content) == PRIMARY:
        fault = "it is a hive, not a log"
    elif file_type(log.content) not in {NEW_LOG, *OLD_LOGS}:
        fault = f"it is of the unknown kind {file_type(log.content)}"
    if fault:
        notes.append(_unused(log, fault))
    return not fault


def _unused(log: Log, why: str, level: str = "warning") -> HiveNote:
    return HiveNote(level, f"{log.name} is not used: {why}")


# --- old format -----------------------------------------------------------------------------------


def _old_replay(
    content: bytes, logs: Sequence[Log], notes: list[HiveNote]
) -> tuple[bytes, str] | None:
    """Return the hive after the one old log that fits, and what to say; None when none does."""
    for log in logs:
        if file_type(log.content) == NEW_LOG:
            continue
        why = dirt.refusal(content, log.content)
        if why:
            notes.append(_unused(log, why))
            continue
        whole, count, fault = dirt.replayed(content, log.content)
        if fault:
            notes.append(HiveNote("warning", f"{log.name} is used in part: {fault}"))
        if count:
            return whole, f"{count} pages were replayed from {log.name}"
    return None


# --- new format -----------------------------------------------------------------------------------


def _new_replay(
    content: bytes, logs: Sequence[Log], notes: list[HiveNote]
) -> tuple[bytes, str] | None:
    """Return the hive after its new logs, and what to say; None when none of them fits.

    With a damaged base block nothing tells a stale log from a current one but the other log: when the later does not
    go on where the earlier ends, the later alone is right.
    """
    fitting = _in_order([log for log in logs if _fits(content, log, notes)])
    while fitting:
        chain = _Chain(content, sum(len(log.content) for log in fitting))
        applied = chain.apply_all(fitting)
        if is_whole(content) or applied == len(fitting):
            notes += chain.notes
            return (chain.hive(), chain.told) if applied else None
        notes.append(
            _unused(fitting[0], "a later log begins anew, or it holds no whole entry", "info")
        )
        fitting = fitting[1:]
    return None


def _fits(content: bytes, log: Log, notes: list[HiveNote]) -> bool:
    """Tell whether a log speaks of this state of the hive or a later one."""
    first, second = sequences(log.content)
    if not is_whole(log.content) or first != second:
        notes.append(_unused(log, "its own base block is damaged (Windows would heal the hive)"))
        return False
    if is_whole(content) and _comes_before(second, sequences(content)[1]):
        why = f"it is stale (it begins at {second}, the hive is at {sequences(content)[1]})"
        notes.append(_unused(log, why, "info"))
        return False
    return True


def _in_order(logs: Sequence[Log]) -> list[Log]:
    """Return logs in the order of their first entries; there are two at most that count."""
    ordered: list[Log] = []
    for log in logs:
        mine = sequences(log.content)[1]
        at = sum(not _comes_before(mine, sequences(each.content)[1]) for each in ordered)
        ordered.insert(at, log)
    return ordered


def _comes_before(number: int, other: int) -> bool:
    """Compare sequence numbers, which begin again after 2**32."""
    return 0 < (other - number) & 0xFFFFFFFF < 0x80000000


class _Chain:
    """A hive in memory to which logs are applied one after another."""

    def __init__(self, content: bytes, room: int) -> None:
        self._file = _Memory(_recoverable(content), room)
        self.notes: list[HiveNote] = []
        self._parts: list[str] = []
        self._last = -1

    @property
    def told(self) -> str:
        """What was applied, in words."""
        return f"log entries {' and '.join(self._parts)} were replayed"

    def apply_all(self, logs: Sequence[Log]) -> int:
        """Apply logs until one does not go on where the one before ended; return how many were."""
        for count, log in enumerate(logs):
            if not self._apply(log):
                return count
        return len(logs)

    def _apply(self, log: Log) -> bool:
        """Apply a log's entries; return False when it has none that come next. The file is then as it was."""
        before = self._file.getvalue()
        first = sequences(log.content)[1]
        try:
            last = self._recovered(log)
        except _failures() as error:
            why = (
                str(error)
                if isinstance(error, _TooMuchError)
                else "it holds no whole entry that comes next"
            )
            self.notes.append(_unused(log, why))
            last = None
        else:
            if last is None:
                why = f"it begins at {first} where {self._last + 1} comes next"
                self.notes.append(_unused(log, why))
        if last is None:
            self._file.put(before)
            return False
        self._parts.append(f"{first} to {last} of {log.name}")
        self._last = last
        return True

    def hive(self) -> bytes:
        """Return the hive, as long as its last entry says."""
        content = self._file.getvalue()
        size = FIRST_BIN + bins_size(content)
        if len(content) < size <= len(content) + self._file.room:
            content = content.ljust(size, b"\0")
        return as_clean_primary(content, self._last)

    def _recovered(self, log: Log) -> int | None:
        library = _opened(self._file, log)
        if self._last < 0:
            return _number(library.recover_hive())
        library.reload_primary_regf()
        return _number(library.recover_hive_continue((self._last + 1) & 0xFFFFFFFF))


def _opened(file: _Memory, log: Log) -> RegistryLog:
    from Registry.RegistryLog import RegistryLog

    file.seek(0)
    return RegistryLog(file, io.BytesIO(log.content))


def _number(last: object) -> int | None:
    return last if isinstance(last, int) else None


def _failures() -> tuple[type[Exception], ...]:
    """Return what RegistryLog raises on logs that do not fit (a NameError when no entry is whole)."""
    from Registry.RegistryParse import RegistryException

    return (
        RegistryException, struct.error, ValueError, LookupError, AttributeError, NameError, TypeError, _TooMuchError
    )  # fmt: skip


def _recoverable(content: bytes) -> bytes:
    """Return a hive whose base block the library opens: it asks for a sign before it repairs a checksum."""
    return content if content[:4] == b"regf" else b"regf" + content[4:]


class _TooMuchError(Exception):
    """A log that writes more than it holds: only a crafted one does."""


class _Memory(io.BytesIO):
    """A hive that a log may write to, but not without end: ``room`` bytes in all, and as many beyond the end."""

    def __init__(self, content: bytes, room: int) -> None:
        super().__init__(content)
        self.room = room
        self._end = len(content) + room
        self._left = 2 * room

    def write(self, data: ReadableBuffer, /) -> int:
        length = len(memoryview(data))
        self._left -= length
        if self._left < 0 or self.tell() + length > self._end:
            raise _TooMuchError("its entries write more than the log holds")
        return super().write(data)

    def put(self, content: bytes) -> None:
        """Have this content again."""
        self.seek(0)
        self.truncate()
        super().write(content)
