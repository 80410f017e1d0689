r"""The diagnostic log of MIG_ENABLE_DIAG: which patterns met whom, and what each unit stored (usmt.md 6.9).

Patterns are written when they are known. Operations come in the order of the disk and are written by user and unit, so
they wait in a database on disk, never in memory. MigUnitList and Perform are known from samples; the elements around
them are ours.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple, Self
from xml.sax.saxutils import quoteattr

from extractor.errors import LogFileError
from extractor.events import Activated, Event, ItemDone, MigUnit, Started, UserDetected
from extractor.model import ObjectKind, OutcomeKind, WinPath, printable
from extractor.report.output import open_report
from extractor.rules.patterns import escape

VARIABLE = "MIG_ENABLE_DIAG"
_AGENT = "CMXEAgent"
_NO_XML = re.compile("[\ufffe\uffff]")
_LEAVES = frozenset({ObjectKind.FILE, ObjectKind.VALUE})


class _Operation(NamedTuple):
    """What was done to one object, for which user, by which unit; all as it is written."""

    user: str
    unit: str
    type: str
    path: str
    simulated: str
    success: str


class _Spool:
    """Operations that wait until they can be written in order; SQLite keeps them in a file without a name."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("")
        self._database.execute(f"CREATE TABLE operation ({', '.join(_Operation._fields)})")

    def add(self, operation: _Operation) -> None:
        """Keep an operation; raise LogFileError where temporary files find no room."""
        try:
            self._database.execute("INSERT INTO operation VALUES (?, ?, ?, ?, ?, ?)", operation)
        except sqlite3.Error as error:
            raise LogFileError(f"{VARIABLE}: operations cannot be kept: {error}") from error

    def drain(self) -> Iterator[_Operation]:
        """Yield all by user, unit, type and path (a folder before what is in it), and forget them."""
        rows = self._database.execute("SELECT * FROM operation ORDER BY user, unit, type, path")
        yield from map(_Operation._make, rows)
        self._database.execute("DELETE FROM operation")

    def close(self) -> None:
        self._database.close()


class Diagnostic:
    """Writes the log (an Observer, and a context manager); raises LogFileError (13) when it cannot."""

    def __init__(self, path: Path, store: Path | None = None) -> None:
        self._path = path
        self._file = open_report(path, store, LogFileError, mark=False)
        self._spool = _Spool()
        self._names: dict[str, str] = {}
        self._units: dict[tuple[str, str], str] = {}
        self._is_in_machine = False
        self._write('<?xml version="1.0" encoding="UTF-8"?>', "<Diagnostics>")

    def __call__(self, event: Event) -> None:
        """Write what the event tells, or keep it until its machine ends."""
        if isinstance(event, Started):
            self._end_machine()
            self._write(_tag("Machine", 0, ComputerName=event.computer))
            self._is_in_machine = True
        elif isinstance(event, UserDetected):
            self._names[event.scope] = event.account
            included = _word(event.included)
            self._write(_tag("User/", 1, Name=event.account, Sid=event.scope, Selected=included))
        elif isinstance(event, Activated):
            self._list(event.units())
        elif isinstance(event, ItemDone) and event.outcome is not OutcomeKind.EXCLUDED:
            self._keep(event)

    def _list(self, units: Iterable[MigUnit]) -> None:
        self._write(" <MigUnitList>")
        for unit in units:
            name = f"{self._owner(unit.scope)}\\{unit.component} ({_AGENT})"
            self._units.update(((source, unit.scope), name) for source in unit.sources)
            self._write(_unit_tag(unit, name))
            for kind, patterns in unit.patterns.items():
                self._write(_tag("Patterns", 3, Type=kind))
                for each in patterns:
                    self._write(_tag("Pattern/", 4, Type=each[0], Path=_normal(each[1])))
                self._write("   </Patterns>")
            self._write("  </MigUnit>")
        self._write(" </MigUnitList>")

    def _owner(self, scope: str) -> str:
        return self._names.get(scope, scope) if scope else "<System>"

    def _keep(self, event: ItemDone) -> None:
        """Keep an operation; a user's object may have been chosen by a rule of the machine."""
        places = ((event.rule, event.scope), (event.rule, ""))
        unit = next((self._units[each] for each in places if each in self._units), "")
        self._spool.add(
            _Operation(
                user=self._owner(event.scope).strip("<>"),
                unit=unit or f"{self._owner(event.scope)}\\({_AGENT})",
                type=_type(event),
                path=printable(_encoded(event.path, event.kind)),
                simulated=_word(event.pretended),
                success=_word(event.outcome is OutcomeKind.STORED),
            )
        )

    def _end_machine(self) -> None:
        if not self._is_in_machine:
            return
        for user, own in groupby(self._spool.drain(), itemgetter(0)):
            self._write(_tag("Perform", 1, Name="Gather", User=user))
            for unit, operations in groupby(own, itemgetter(1)):
                self._write(_tag("MigUnit", 2, Name=unit))
                for each in operations:
                    self._write(_operation_tag(each))
                self._write("  </MigUnit>")
            self._write(" </Perform>")
        self._write("</Machine>")
        self._is_in_machine = False
        self._names.clear()
        self._units.clear()

    def _write(self, *lines: str) -> None:
        try:
            self._file.writelines(f"{line}\n" for line in lines)
        except OSError as error:
            raise self._failed(error) from error

    def _failed(self, error: OSError) -> LogFileError:
        reason = error.strerror or error
        return LogFileError(f"{VARIABLE}: {self._path} cannot be written: {reason}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        """Write what waits, whatever ended the run, and close."""
        try:
            self._end_machine()
            self._write("</Diagnostics>")
            self._file.close()
        except OSError as error:
            raise self._failed(error) from error
        finally:
            self._spool.close()


def _unit_tag(unit: MigUnit, name: str) -> str:
    return _tag(
        "MigUnit", 2, Name=name, Context="User" if unit.scope else "System",
        ConfidenceLevel="100" if unit.present else "0", Group=unit.group, Role=unit.role,
        Agent=_AGENT, Selected=_word(unit.selected), Supported=_word(unit.present),
    )  # fmt: skip


def _operation_tag(each: _Operation) -> str:
    return _tag(
        "Operation/", 3, Name="Store", Type=each.type, Path=each.path,
        SimObj=each.simulated, Success=each.success,
    )  # fmt: skip


def _tag(name: str, depth: int, /, **attributes: str) -> str:
    """Return a line with an opening tag, or with an empty element whose name ends with a slash."""
    name, slash, _ = name.partition("/")
    told = "".join(f" {key}={_quoted(value)}" for key, value in attributes.items())
    return f"{' ' * depth}<{name}{told}{slash}>"


def _quoted(text: str) -> str:
    """Names of the evidence may hold what XML does not."""
    return quoteattr(_NO_XML.sub(lambda found: f"\\u{ord(found[0]):04x}", printable(text)))


def _word(value: bool) -> str:
    return "true" if value else "false"


def _type(event: ItemDone) -> str:
    if event.kind in {ObjectKind.KEY, ObjectKind.VALUE}:
        return "Registry" if event.path.drive.startswith("HK") else "Ini"
    return "File"


def _encoded(path: WinPath, kind: ObjectKind) -> str:
    """Return a path as an encoded location: a file or value in brackets (usmt.md 3.6)."""
    if kind not in _LEAVES:
        return escape(str(path)).rstrip("\\")
    name = path.name[1:-1] if kind is ObjectKind.VALUE else path.name
    return f"{escape(str(path.parent)).rstrip(chr(92))} [{escape(name)}]"


def _normal(text: str) -> str:
    r"""Return a pattern as the log shows it: ``c:\x\ [*]`` as ``C:\x [*]``."""
    node, bracket, leaf = text.partition("[")
    node = node.rstrip().rstrip("\\")
    return f"{node[:1].upper()}{node[1:]}{' [' * bool(bracket)}{leaf}"
