"""``coldstate scan`` and ``scanstate``: words -> a run with its screen and its log files -> exit code."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.metadata import version

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from extractor.cli.custody import scan_in_custody
from extractor.cli.options import Parsed, parse
from extractor.cli.screen import human_size, open_console, open_screen
from extractor.errors import CanceledError, ColdstateError, EstimateFileError
from extractor.events import Finished, Noted, Observer, broadcast
from extractor.generate import generate
from extractor.model import printable
from extractor.report.custody import RECORD
from extractor.report.custody_sums import FOLDER
from extractor.report.diagnostic import Diagnostic
from extractor.report.ledger import Sum
from extractor.report.list_file import ListFile
from extractor.report.main_log import MainLog
from extractor.report.progress_log import ProgressLog
from extractor.report.summary import Row, Summary
from extractor.scan import Request, Result, Run

LISTED = 20
"""Disagreements of a cross-check that the screen shows; all are in the log."""


def run_scan(command: str, words: list[str]) -> int:
    """Run one request and return its exit code; its errors are logged, and raised for the caller to say."""
    parsed = parse(command, words)
    with open_screen(parsed.screen) as screen:
        try:
            result = _report(parsed, command, screen)
        except ColdstateError as error:
            screen(Finished(error.exit_code, message=str(error)))
            if parsed.screen != "json":
                raise
            return error.exit_code  # every line of stderr is JSON: the last event has said it
    if parsed.screen not in {"json", "none"}:
        console = open_console(sys.stderr)
        for path, verified in result.verified.items():
            console.print(Text(printable(f"{path}: {verified.verdict}: {verified.sentence}")))
        for run in result.runs:
            _draw(console, run)
        if result.seal:
            where = f"{parsed.request.store}/{FOLDER}/{RECORD}"
            console.print(Text(printable(f"custody record: {where}")))
            console.print(Text(f"  SHA-256 {result.seal}; note it where nobody can change it"))
    return result.exit_code


def _report(parsed: Parsed, command: str, screen: Observer) -> Result:
    """Run with every report that was asked for; each is told how the run ended."""
    with _open_reports(parsed.request) as reports:
        observer = broadcast(screen, *reports)
        observer(
            Noted(
                "info",
                f"coldstate {version('coldstate')}: {' '.join((command, *parsed.request.command))}",
            )
        )
        for note in parsed.notes:
            observer(Noted("warning", note))
        return _run(parsed, command, observer, broadcast(*reports))


def _run(parsed: Parsed, command: str, observer: Observer, reports: Observer) -> Result:
    try:
        result = _run_request(parsed.request, command, observer)
    except ColdstateError as error:
        reports(Finished(error.exit_code, message=str(error)))
        raise
    except KeyboardInterrupt as error:
        reports(Finished(CanceledError.exit_code, message="Ctrl+C"))
        raise CanceledError("stopped by Ctrl+C; no store was completed") from error
    failures = sum(run.failures for run in result.runs)
    observer(Finished(result.exit_code, failures))
    return result


def _run_request(request: Request, command: str, observer: Observer) -> Result:
    if not (request.genconfig or request.genmigxml):
        return scan_in_custody(request, command, observer)
    generate(request, observer)
    return Result((), {})


@contextmanager
def _open_reports(request: Request) -> Iterator[list[Observer]]:
    """Yield the observers that write the files asked for; each bad name is found before a byte is read."""
    with ExitStack() as stack:
        observers: list[Observer] = []
        if request.estimate and request.estimate.exists():
            raise EstimateFileError(
                f"{request.estimate} exists already; an estimate never overwrites"
            )
        if request.log:
            log = MainLog(request.log, request.store, request.verbosity)
            observers.append(stack.enter_context(log).tell)
        if request.progress_log:
            observers.append(stack.enter_context(ProgressLog(request.progress_log, request.store)))
        if request.diagnostic:
            diagnostic = Diagnostic(request.diagnostic, request.store)
            observers.append(stack.enter_context(diagnostic))
        if request.list_files:
            observers.append(stack.enter_context(ListFile(request.list_files, request.store)))
        yield observers


def _draw(console: Console, run: Run) -> None:
    """Print what was stored, and last what was not: nobody may miss it."""
    install = run.install
    where = f"{run.store}/USMT" if run.store else "nowhere (dry run)"
    what = f"{install.path}: {install.candidate.product} {install.candidate.build}".rstrip()
    console.print()
    console.print(Text(printable(f"{what} ({install.candidate.computer}) -> {where}")))
    table = Table(box=box.SIMPLE, pad_edge=False, show_footer=True)
    for title, footer in zip(
        ("user", "seen", "stored", "excluded", "not stored"), _cells(run.summary.all), strict=True
    ):
        table.add_column(title, footer=Text(footer), justify="left" if title == "user" else "right")
    for row in run.summary.rows:
        table.add_row(*map(Text, _cells(row)))
    console.print(table)
    if run.summary.all.not_stored.objects:
        _draw_losses(console, run.summary)
    else:
        console.print("Nothing that the rules selected was lost.")
    if run.checked:
        console.print(Text(run.checked.sentence))
        for each in run.checked.rows[:LISTED]:
            console.print(Text(f"  {printable(str(each))}"))


def _cells(row: Row) -> tuple[str, ...]:
    sums = (row.seen, row.stored, row.excluded, row.not_stored)
    return (printable(row.account), *map(_cell, sums))


def _cell(each: Sum) -> str:
    return f"{each.objects:,} / {human_size(each.bytes)}" if each.objects else "-"


def _draw_losses(console: Console, found: Summary) -> None:
    console.print(f"NOT STORED, {found.all.not_stored.objects} objects:")
    for each in found.not_stored:
        console.print(Text(f"  {printable(str(each.path))}: {printable(each.reason)}"))
    if found.more:
        console.print(f"  ... and {found.more} more: see the manifest")
