"""The effective selection table: who comes, by which switch, and what the disk says of each one's last use."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from extractor.cli.tables import date_of, lined_table
from extractor.events import Activated, Event, UserDetected
from extractor.model import printable

DEFAULT = "everybody comes"
"""Stands where no switch decided (usmt.md 4.3)."""


class SelectionTable:
    """Collects the users of one Windows and prints them when all are known (an Observer)."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._users: list[UserDetected] = []

    def __call__(self, event: Event) -> None:
        """Keep a user; the rules have met the Windows when all of its users are told."""
        if isinstance(event, UserDetected):
            self._users.append(event)
        elif isinstance(event, Activated):
            self._show()

    def _show(self) -> None:
        table = lined_table("user", "SID", "migrates", "decided by", "last use (UTC)")
        for each in self._users:
            comes, why = "yes" if each.included else "no", each.reason or DEFAULT
            used = [Text(f"{date_of(time)} {source}") for source, time in each.last_used]
            cells = (each.account, each.scope, comes, why)
            table.add_row(*(Text(printable(cell)) for cell in cells), Text("\n").join(used))
        if self._users:
            self._console.print(table)
        self._users.clear()
