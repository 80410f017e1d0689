"""What tables of all commands have in common: lines, safe cells, dates."""

from __future__ import annotations

from rich import box
from rich.table import Table
from rich.text import Text

from extractor.filetime import to_datetime
from extractor.model import printable


def lined_table(*columns: str) -> Table:
    """Return an empty table, lines above and below; a cell that is too wide is folded, never cut."""
    table = Table(box=box.SIMPLE, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def add_row(table: Table, *cells: str) -> None:
    """Add a row of plain text, each cell printable."""
    table.add_row(*(Text(printable(cell)) for cell in cells))


def date_of(filetime: int) -> str:
    """Return a FILETIME as a person reads it (UTC), ``-`` for never; what no calendar holds stays a number."""
    try:
        moment = to_datetime(filetime)
    except OverflowError:
        return str(filetime)
    return f"{moment:%Y-%m-%d %H:%M}" if filetime else "-"
