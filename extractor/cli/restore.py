r"""``coldstate restore``: a store into an offline Windows or a folder; the plan first, then the work, and back.

The words of LoadState for users are taken in its spelling too (``/mu:bob:NEW\robert``).
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from extractor.cli.arguments import words_parser
from extractor.cli.screen import open_screen
from extractor.cli.store_opening import add_store, keys_of, open_named, parse_words
from extractor.cli.user_words import SLASHED, add_users, long_words, user_words
from extractor.errors import CanceledError, UsageError
from extractor.events import (
    BytesCopied,
    Event,
    ItemDone,
    Noted,
    Observer,
    Phase,
    PhaseStarted,
    TotalsKnown,
    broadcast,
)
from extractor.filetime import to_filetime
from extractor.model import OutcomeKind, WinPath, printable
from extractor.restore.layout import Layout
from extractor.restore.mapping import Wish
from extractor.restore.plan import needed, rooms
from extractor.restore.restoring import LOST, Restore, planned
from extractor.restore.runs import undo
from extractor.restore.target import open_target
from extractor.restore.tasks import WRITES, Deed, End, Task
from extractor.restore.telling import by_deed, plan_lines, registry_line
from extractor.select.users import parse_last_used

TEXT = r"""Put a store where it belongs. TARGET is an offline Windows that is not the evidence - a disk image (raw, VHD,
VHDX, QCOW2, VMDK), a block device, the root of a volume mounted by ntfs-3g - or a folder for looking. The plan is
printed first; nothing is overwritten but where a rule of the store says so, and then kept for --undo, in
.coldstate-restore on the target's system drive beside the journal. A run that was stopped goes on when it is called
again. In a Windows access lists, times, short names, streams and links come back as they were, with the users' SIDs as
they are now; registry values are merged into its hives; a user who never logged on gets a profile begun with its
default one; --lac makes local accounts, disabled and without a password.
Exit code 0: all is restored or kept; 3: something is not, and is named; 72: there is no room."""
USAGE = r"""coldstate restore STORE --to TARGET [--windows ID] [--dry-run] [--json] [--layout windows|linux]
                         [--mu [DOMAIN\]OLD:[DOMAIN\]NEW]... [--md OLD:NEW]... [--user-map CSV] [--lac] [--lae]
                         [--ui PATTERN]... [--ue PATTERN]... [--drive D:=C:\FOLDER]...
                         [--key STRING | --keyfile FILE | --identity FILE]
       coldstate restore --to TARGET --undo"""
WORDS = SLASHED | {"uel", "config"}
"""Words that may be spelled with a slash."""
_DRIVE = re.compile(r"([A-Za-z]):\\?=([A-Za-z]:\\.*)")


def silent(_: Event) -> None:
    """Hear nothing."""


def run_restore(words: list[str], listener: Observer = silent) -> int:
    """Plan and restore; 0, 3 when something is not restored or not whole. ``listener`` hears how far it is."""
    given = parse_words(_parser(), list(long_words(words, WORDS)))
    if given.undo:
        return _undo(given)
    if given.store is None:
        raise UsageError("no store is named; `coldstate restore --help` shows the options")
    wish = _wish(given)
    with (
        open_named(given.store, keys_of(given)) as store,
        open_target(
            given.to,
            windows=given.windows,
            write=not given.dry_run,
            store=store.path,
            header=store.header,
        ) as target,
        planned(store, target, wish, dry=given.dry_run) as restore,
    ):
        if not given.json:
            _print_plan(restore)
        code = _dry_code(restore) if given.dry_run else _apply(restore, given.progress, listener)
        if given.json:
            _print_json(restore)
        elif not given.dry_run:
            _print_result(restore)
    return code


def _apply(restore: Restore, progress: str, listener: Observer) -> int:
    try:
        with open_screen(progress) as screen:
            return restore.apply(_Told(restore, broadcast(screen, listener)))
    except KeyboardInterrupt as error:
        raise CanceledError(
            "stopped; the same command goes on where it was, and --undo takes back what was done"
        ) from error


def _parser() -> argparse.ArgumentParser:
    parser = words_parser("restore", TEXT, USAGE)
    add_store(parser)
    _store_may_be_missing(parser)
    add = parser.add_argument
    add("--to", type=Path, metavar="TARGET", required=True, help="an offline Windows, or a folder")
    add("--windows", default="", metavar="ID", help="which Windows of the target, by id or path")
    add("--layout", choices=[each.value for each in Layout], default=Layout.WINDOWS.value,
        help="linux: homes with Documents, Pictures, browser profiles")  # fmt: skip
    add("--dry-run", action="store_true", help="print the plan, write nothing")
    add("--json", action="store_true", help="every object, with its end, as one JSON object a line")
    add("--progress", choices=("auto", "plain", "json", "none"), default="auto", help="on stderr")
    add("--undo", action="store_true", help="take the last restore into TARGET back")
    users = add_users(
        parser, lac="make local accounts that are missing", lae="they are to be enabled"
    )
    users.add_argument("--uel", metavar="WHEN", help="these by last use: DAYS or YYYY/MM/DD [/uel]")
    add("--rules", type=Path, action="append", default=[], metavar="FILE",
        help="only the rules of these MigXML files count (default: those of the scan) [/i]")  # fmt: skip
    add("--config", type=Path, metavar="FILE", help="a Config.xml in place of the scan's [/config]")
    add("--drive", action="append", default=[], metavar=r"D:=C:\FOLDER",
        help="where the content of a drive goes (default: the same folders of the system drive)")  # fmt: skip
    return parser


def _store_may_be_missing(parser: argparse.ArgumentParser) -> None:
    """Have STORE be left out, as --undo needs none."""
    for action in parser._actions:  # noqa: SLF001 (argparse tells it nowhere else)
        if action.dest == "store":
            action.nargs = "?"
            action.required = False


def _wish(given: argparse.Namespace) -> Wish:
    users = user_words(given)
    if given.uel:
        since = parse_last_used(given.uel, to_filetime(datetime.now(UTC)))
        users = replace(users, last_used=given.uel, since=since)
    drives = dict(map(_drive, given.drive))
    return Wish(Layout(given.layout), users, drives, tuple(given.rules), given.config)


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
            "setting": printable(str(task.spot)) if task.spot else "", "why": task.why, "conflict": task.conflict,
            "bytes": task.size, "end": task.state.value, "detail": task.detail,
        }  # fmt: skip
        print(json.dumps(row))
    for note in restore.notes:
        print(json.dumps({"note": note}))
    if not restore.target.install:
        print(json.dumps({"settings": registry_line(restore.store)}))


def _dry_code(restore: Restore) -> int:
    """Return 3 when the plan says of an object that it cannot be restored; raise StoreError (72) without room."""
    restore.target.refuse_lack_of_room(rooms(restore.journal))
    return LOST if Deed.REFUSE in by_deed(restore) else 0


def _print_result(restore: Restore) -> None:
    for task in restore.journal.tasks("detail != ''"):
        word = "failed" if task.state is End.FAILED else "not whole"
        say(f"{word}: {task.source}: {task.detail}")
    counts = restore.ledger()
    asked = sum(counts.values())
    told = ", ".join(f"{count} {end.value}" for end, count in counts.items())
    say(f"{restore.target.shown}: {asked} objects = {told}")
    say(f"to take it back: coldstate restore --to {restore.target.shown} --undo")


def _undo(given: argparse.Namespace) -> int:
    with open_target(given.to, windows=given.windows) as target:
        left = undo(target)
    for each in left:
        say(f"left: {each}")
    say(f"{given.to}: the last restore is taken back")
    return LOST if left else 0


def say(text: str) -> None:
    """Print a line in which nothing hides."""
    print(printable(text))


class _Told:
    """Tells a screen how far a restore is."""

    def __init__(self, restore: Restore, screen: Observer) -> None:
        self._screen = screen
        size, objects = needed(restore.journal)
        screen(PhaseStarted(Phase.APPLYING))
        screen(TotalsKnown(objects, size))

    def __call__(self, task: Task, end: End) -> None:
        if task.deed not in WRITES:
            return
        path = WinPath("", task.target)
        if end is End.FAILED:
            self._screen(
                Noted("warning", f"not restored: {task.source}: {task.detail or task.conflict}")
            )
        self._screen(BytesCopied("", task.size))
        self._screen(ItemDone("", path, OutcomeKind.STORED, task.size))
