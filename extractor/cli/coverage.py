"""``coldstate coverage``: what the rules come to on this disk, and what would be left behind.

The JSON is a contract for scripts: fields are added, never renamed.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict

from rich.console import Console
from rich.text import Text

from extractor.cli.looking import looking_parser, parse_looking, tell_warnings
from extractor.cli.screen import human_size, open_console
from extractor.cli.tables import add_row, lined_table
from extractor.events import Event, Noted
from extractor.explain.coverage import Coverage, RuleUse, coverage
from extractor.explain.uncollected import Folder
from extractor.model import printable
from extractor.opening import Opened, open_windows

TEXT = """Select as a scan would, store nothing, and say which rules match nothing, which never decide, which variables
nobody knows, and which folders full of user data no rule takes."""
USAGE = "coldstate coverage IMAGE... [options]"
MOST = 20
"""Rows of each table, unless all are asked for."""
KINDS = 3
"""Kinds of data that are named of a folder."""


def run_coverage(words: list[str]) -> int:
    """Print the coverage of each Windows; 0 when nothing that looks like user data is left behind, else 3."""
    parser = looking_parser("coverage", TEXT, USAGE)
    parser.add_argument("--full", action="store_true", help="show every row of the tables")
    given, request = parse_looking(parser, words, _nothing)
    with open_windows(request, _tell) as windows:
        found = [(opened, coverage(opened, _tell)) for opened in windows]
    if given.json:
        told = [_as_json(opened, each) for opened, each in found]
        print(json.dumps({"windows": told}, indent=2))
    else:
        for opened, each in found:
            _draw(open_console(sys.stdout), opened, each, None if given.full else MOST)
    return 3 if any(each.uncollected for _, each in found) else 0


def _nothing(_given: argparse.Namespace) -> None:
    """All words are images."""


def _tell(event: Event) -> None:
    """Print warnings, but those about rules, which have a table of their own (an Observer)."""
    if isinstance(event, Noted) and not _is_of_a_rule(event.message):
        tell_warnings(event)


def _is_of_a_rule(message: str) -> bool:
    return ".xml:" in message.partition(": ")[0]


# --- for people -----------------------------------------------------------------------------------


def _draw(console: Console, opened: Opened, found: Coverage, most: int | None) -> None:
    install = opened.install
    console.print(Text(printable(f"{install.path} [{install.id}]"), style="bold"))
    rules, deciding = len(found.uses), sum(bool(each.decided) for each in found.uses)
    console.print(
        f"{rules:,} rules of components that are here; {deciding:,} of them decide something"
    )
    if found.undetected:
        console.print(Text(printable(f"not on this disk: {', '.join(found.undetected)}")))
    _draw_rules(console, "rules that match nothing", found.without_hits, most)
    _draw_rules(console, "rules that match and never decide", found.shadowed, most)
    _draw_lines(console, "unknown variables", [line for _, line in found.unknown_variables], most)
    _draw_lines(console, "rules that cannot be used", [n.message for n in found.notes], most)
    _draw_folders(console, found.uncollected, most)


def _draw_rules(console: Console, title: str, uses: Sequence[RuleUse], most: int | None) -> None:
    _title(console, title, len(uses))
    table = lined_table("rule", "component", "", "pattern")
    for each in uses[:most]:
        add_row(table, each.source, each.component, each.verb, each.written)
    if uses:
        console.print(table)
    _more(console, len(uses), most)


def _draw_lines(console: Console, title: str, lines: Sequence[str], most: int | None) -> None:
    _title(console, title, len(lines))
    for line in lines[:most]:
        console.print(Text(f"  {printable(line)}"))
    _more(console, len(lines), most)


def _draw_folders(console: Console, folders: Sequence[Folder], most: int | None) -> None:
    _title(console, "folders that no rule takes, and that look like user data", len(folders))
    table = lined_table("folder", "user data", "all of it", "kinds", "largest file")
    for each in folders[:most]:
        where = f"{each.path} (the files in it)" if each.only_itself else str(each.path)
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in each.kinds.most_common(KINDS))
        largest = f"{human_size(each.largest[0])} {each.largest[1].name}" if each.largest else ""
        data = f"{each.data_files:,} / {human_size(each.data_bytes)}"
        add_row(table, where, data, f"{each.files:,} / {human_size(each.bytes)}", kinds, largest)
    if folders:
        console.print(table)
    _more(console, len(folders), most)


def _title(console: Console, title: str, count: int) -> None:
    console.print()
    console.print(Text(f"{title}: {count or 'none'}", style="bold"))


def _more(console: Console, count: int, most: int | None) -> None:
    if most is not None and count > most:
        console.print(f"  ... and {count - most:,} more: --full shows them")


# --- for scripts ----------------------------------------------------------------------------------


def _as_json(opened: Opened, found: Coverage) -> dict[str, object]:
    return {
        "id": opened.install.id,
        "path": printable(str(opened.install.path)),
        "rules": [_use(each) for each in found.uses],
        "undetected": [printable(each) for each in found.undetected],
        "unknown_variables": [
            {"name": printable(name), "note": printable(line)}
            for name, line in found.unknown_variables
        ],
        "notes": [printable(each.message) for each in found.notes],
        "uncollected": [_folder(each) for each in found.uncollected],
    }


def _use(each: RuleUse) -> dict[str, object]:
    return {name: printable(v) if isinstance(v, str) else v for name, v in asdict(each).items()}


def _folder(each: Folder) -> dict[str, object]:
    return {
        "path": printable(str(each.path)),
        "files": each.files,
        "bytes": each.bytes,
        "data_files": each.data_files,
        "data_bytes": each.data_bytes,
        "kinds": dict(each.kinds),
        "largest": printable(str(each.largest[1])) if each.largest else "",
        "only_itself": each.only_itself,
    }
