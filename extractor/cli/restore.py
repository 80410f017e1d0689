r"""``coldstate restore``: a store into a folder or a mounted Windows volume; the plan first, then the work, and back.

The words of LoadState for users are taken in its spelling too (``/mu:bob:NEW\robert``).
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from extractor.cli.arguments import words_parser
from extractor.cli.screen import human_size
from extractor.cli.store_opening import add_store, keys_of, open_named, parse_words
from extractor.errors import CanceledError, UsageError
from extractor.model import WinPath, printable
from extractor.redact import remember
from extractor.restore.evidence import refuse_lack_of_room
from extractor.restore.layout import Layout
from extractor.restore.plan import needed
from extractor.restore.restoring import LOST, Restore, Wish, planned
from extractor.restore.runs import undo
from extractor.restore.tasks import WRITES, Deed, End, Task
from extractor.restore.telling import by_deed, plan_lines, registry_line
from extractor.restore.words import UserWords, parse_md, parse_mu, read_user_map

TEXT = r"""Put the files of a store where they belong: below DIR, which is an empty folder, a folder of a person, or
the root of a mounted Windows volume (ntfs-3g) that is not the evidence. The plan is printed first; nothing is
overwritten but where a rule of the store says so, and then kept for --undo, in DIR/.coldstate-restore beside the
journal. A run that was stopped goes on when it is called again. On an NTFS volume access lists, times, short names,
streams and links come back as they were, with the SIDs of the users as they are now. Registry values are not restored
by this version.
Exit code 0: all is restored or kept; 3: something is not, and is named; 72: there is no room."""
USAGE = r"""coldstate restore STORE --to DIR [--dry-run] [--json] [--layout windows|linux]
                         [--mu [DOMAIN\]OLD:[DOMAIN\]NEW]... [--md OLD:NEW]... [--user-map CSV] [--lac] [--lae]
                         [--ui PATTERN]... [--ue PATTERN]... [--drive D:=C:\FOLDER]...
                         [--key STRING | --keyfile FILE | --identity FILE]
       coldstate restore --to DIR --undo"""
SLASHED = frozenset({"mu", "md", "lac", "lae", "ui", "ue"})
EVERY = 3.0
"""Seconds between two lines of progress."""
_DRIVE = re.compile(r"([A-Za-z]):\\?=([A-Za-z]:\\.*)")


def run_restore(words: list[str]) -> int:
    """Plan and restore; 0, 3 when something is not restored or not whole."""
    given = parse_words(_parser(), list(_long(words)))
    if given.undo:
        return _undo(given)
    if given.store is None:
        raise UsageError("no store is named; `coldstate restore --help` shows the options")
    wish = _wish(given)
    with (
        open_named(given.store, keys_of(given)) as store,
        planned(store, wish, dry=given.dry_run) as restore,
    ):
        if not given.json:
            _print_plan(restore)
        code = _dry_code(restore) if given.dry_run else _apply(restore)
        if given.json:
            _print_json(restore)
        elif not given.dry_run:
            _print_result(restore)
    return code


def _apply(restore: Restore) -> int:
    try:
        return restore.apply(_Progress(restore))
    except KeyboardInterrupt as error:
        raise CanceledError(
            "stopped; the same command goes on where it was, and --undo takes back what was done"
        ) from error


def _parser() -> argparse.ArgumentParser:
    parser = words_parser("restore", TEXT, USAGE)
    add_store(parser)
    _store_may_be_missing(parser)
    add = parser.add_argument
    add("--to", type=Path, metavar="DIR", required=True, help="the target")
    add("--layout", choices=[each.value for each in Layout], default=Layout.WINDOWS.value,
        help="linux: homes with Documents, Pictures, browser profiles")  # fmt: skip
    add("--dry-run", action="store_true", help="print the plan, write nothing")
    add("--json", action="store_true", help="every object, with its end, as one JSON object a line")
    add("--undo", action="store_true", help="take the last restore into DIR back")
    users = parser.add_argument_group("users, in LoadState's words")
    for name, metavar, text in (
        ("mu", "OLD:NEW", "a user has another name"),
        ("md", "OLD:NEW", "the users of a domain are of another"),
        ("ui", "PATTERN", "these users come, whatever --ue says"),
        ("ue", "PATTERN", "these users do not come"),
    ):
        users.add_argument(
            f"--{name}", action="append", metavar=metavar, default=[], help=f"{text} [/{name}]"
        )
    users.add_argument("--user-map", type=Path, metavar="CSV", help="rows old,new[,sid[,profile]]")
    users.add_argument("--lac", action="store_true", help="name the local accounts to be made [/lac]")  # fmt: skip
    users.add_argument("--lae", action="store_true", help="they are to be enabled [/lae]")
    add("--drive", action="append", default=[], metavar=r"D:=C:\FOLDER",
        help="where the content of a drive goes (default: the same folders of the system drive)")  # fmt: skip
    return parser


def _store_may_be_missing(parser: argparse.ArgumentParser) -> None:
    """Have STORE be left out, as --undo needs none."""
    for action in parser._actions:  # noqa: SLF001 (argparse tells it nowhere else)
        if action.dest == "store":
            action.nargs = "?"
            action.required = False


def _long(words: Iterable[str]) -> Iterator[str]:
    """Yield the words with LoadState's spelling made long; the password of ``/lac`` is hidden and dropped."""
    for word in words:
        name, colon, value = word.partition(":") if word.startswith("/") else word.partition("=")
        known = name.lstrip("/-").lower()
        if known == "lac" and name[:1] in {"/", "-"}:
            remember(value)
            yield "--lac"
        elif word.startswith("/") and known in SLASHED:
            yield f"--{known}={value}" if colon else f"--{known}"
        else:
            yield word


def _wish(given: argparse.Namespace) -> Wish:
    rows = read_user_map(given.user_map) if given.user_map else ()
    users = UserWords(
        (*rows, *map(parse_mu, given.mu)), tuple(map(parse_md, given.md)),
        given.lac, given.lae, tuple(given.ui), tuple(given.ue),
    )  # fmt: skip
    return Wish(given.to, Layout(given.layout), users, dict(map(_drive, given.drive)))


def _drive(text: str) -> tuple[str, WinPath]:
    found = _DRIVE.fullmatch(text)
    path = WinPath.parse(found[2]) if found else None
    if not found or not path or ".." in path.parts:
        raise UsageError(rf"--drive {text}: write --drive D:=C:\FOLDER")
    return f"{found[1].upper()}:", path


# --- what is said ---------------------------------------------------------------------------------


def _print_plan(restore: Restore) -> None:
    for line in plan_lines(restore):
        say(line)
    for note in restore.notes:
        print(f"note: {printable(note)}", file=sys.stderr)


def _print_json(restore: Restore) -> None:
    for task in restore.journal.tasks():
        row = {
            "deed": task.deed.value, "kind": task.kind, "from": task.source, "to": "/".join(task.target),
            "why": task.why, "conflict": task.conflict, "bytes": task.size, "end": task.state.value,
            "detail": task.detail,
        }  # fmt: skip
        print(json.dumps(row))
    for note in restore.notes:
        print(json.dumps({"note": note}))
    print(json.dumps({"registry": registry_line(restore.store)}))


def _dry_code(restore: Restore) -> int:
    """Return 3 when the plan says of an object that it cannot be restored; raise StoreError (72) without room."""
    refuse_lack_of_room(restore.wish.target, *needed(restore.journal))
    return LOST if Deed.REFUSE in by_deed(restore) else 0


def _print_result(restore: Restore) -> None:
    for task in restore.journal.tasks("detail != ''"):
        word = "failed" if task.state is End.FAILED else "not whole"
        say(f"{word}: {task.source}: {task.detail}")
    counts = restore.ledger()
    asked = sum(counts.values())
    told = ", ".join(f"{count} {end.value}" for end, count in counts.items())
    say(f"{restore.wish.target}: {asked} objects = {told}")
    say(f"to take it back: coldstate restore --to {restore.wish.target} --undo")


def _undo(given: argparse.Namespace) -> int:
    left = undo(given.to)
    for each in left:
        say(f"left: {each}")
    say(f"{given.to}: the last restore is taken back")
    return LOST if left else 0


def say(text: str) -> None:
    """Print a line in which nothing hides."""
    print(printable(text))


class _Progress:
    """A line every few seconds for whoever watches a terminal."""

    def __init__(self, restore: Restore) -> None:
        self._objects, self._bytes = needed(restore.journal)[::-1]
        self._done = self._written = 0
        self._said = time.monotonic()
        self._watched = sys.stderr.isatty()

    def __call__(self, task: Task, _: End) -> None:
        if task.deed in WRITES:
            self._done += 1
            self._written += task.size
        if self._watched and time.monotonic() - self._said >= EVERY:
            self._said = time.monotonic()
            print(
                f"{self._done:,} of {self._objects:,} objects,"
                f" {human_size(self._written)} of {human_size(self._bytes)}",
                file=sys.stderr,
            )
