"""``coldstate custody verify``, and the custody record of a scan: what of a run it is told, also when it fails."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from extractor.cli.arguments import words_parser
from extractor.errors import ColdstateError, StoreError, StoreLocationError, UsageError
from extractor.events import (
    Event,
    Noted,
    ObjectFailed,
    Observer,
    TotalsKnown,
    UserDetected,
    broadcast,
)
from extractor.model import WinPath, printable
from extractor.report.custody import RECORD, Custody, End, Particulars
from extractor.report.custody_check import check_custody
from extractor.report.exit_code import exit_code
from extractor.scan import Request, Result, Run, scan
from extractor.store.failures import preparing
from extractor.store.place import refuse_microsoft


def scan_in_custody(request: Request, command: str, observer: Observer) -> Result:
    """Run ``scan``; where it writes a store, a custody record lies beside it in the end.

    Raises the errors of ``scan``, StoreLocationError (27) and StoreError (72) when the record cannot be written.
    """
    if request.store is None or request.dry_run:
        return scan(request, observer)
    with _open_custody(_particulars(request, request.store, command)) as custody:
        told = _discreet(custody) if request.sealing else custody
        result = scan(request, broadcast(observer, told), custody.evidence)
        windows = [_windows(each, request.store) for each in result.runs]
        seal = custody.end(End(result.exit_code, "", windows, result.verified))
    where = custody.folder / RECORD
    observer(Noted("info", f"custody record {where}, SHA-256 {seal}"))
    return replace(result, seal=seal)


WITHHELD = "withheld: the store is encrypted, and this log is not"


def _discreet(observer: Observer) -> Observer:
    """Return an observer that is told no name of what an encrypted store holds."""

    def tell(event: Event) -> None:
        if isinstance(event, ObjectFailed):
            event = replace(event, path=WinPath(""), scope="", reason=WITHHELD)
        elif isinstance(event, Noted):
            event = replace(event, message=WITHHELD)
        elif isinstance(event, UserDetected):
            event = replace(event, scope="", account=WITHHELD)
        elif isinstance(event, TotalsKnown):
            event = replace(event, scopes={})
        observer(event)

    return tell


def _particulars(request: Request, store: Path, command: str) -> Particulars:
    words = ("coldstate", command, *request.command)
    asked = (request.case, request.evidence, request.operator)
    return Particulars(store, words, request.all_windows, *asked, environment=os.environ)


@contextmanager
def _open_custody(particulars: Particulars) -> Iterator[Custody]:
    custody = Custody(particulars, _refuse)
    try:
        yield custody
    except BaseException as error:
        try:
            custody.end(End(exit_code(0, error), _sentence(error)))
        except StoreError as problem:  # the run's own end is what counts
            error.add_note(str(problem))
        raise


def _refuse(store: Path) -> None:
    """Raise StoreLocationError (27) for a place in which no store, and so no record, may be begun."""
    with preparing(store):
        is_there = store.exists()
        if is_there and not store.is_dir():
            raise StoreLocationError(f"{store} is a file; a store needs a folder")
    if is_there:
        refuse_microsoft(store)


def _sentence(error: BaseException) -> str:
    if isinstance(error, ColdstateError):
        return str(error)
    if isinstance(error, KeyboardInterrupt):
        return "stopped by Ctrl+C; no store was completed"
    return f"internal error: {type(error).__name__}"


def _windows(run: Run, store: Path) -> dict[str, object]:
    install, row = run.install, run.summary.all
    sums = {"seen": row.seen, "stored": row.stored, "excluded": row.excluded,
            "not_stored": row.not_stored}  # fmt: skip
    return {
        "id": install.id,
        "path": str(install.path),
        "computer": install.candidate.computer,
        "product": install.candidate.product,
        "build": install.candidate.build,
        "machine_sid": install.sam.machine_sid,
        "store": f"../{(run.store / 'USMT').relative_to(store)}" if run.store else None,
        "objects": {name: each.as_dict() for name, each in sums.items()},
        "failures": run.failures,
        "cross_check": run.checked.sentence if run.checked else None,
    }


def run_custody(words: list[str]) -> int:
    """Run ``custody verify``; 0, 27 where there is no custody record, 42 for one that does not hold together."""
    parser = words_parser("custody", "Prove the custody record of a store: log, records, sums.")
    parser.add_argument("action", choices=("verify",), help="what to do")
    parser.add_argument("store", type=Path, metavar="STORE", help="the folder that holds custody/")
    if not words:
        raise UsageError("nothing to do; `coldstate custody --help` shows the commands")
    given = parser.parse_args(words)
    found = check_custody(given.store)
    for word, sentences in (("problem", found.problems), ("note", found.notes)):
        for sentence in sentences:
            print(f"{word}: {printable(sentence)}")
    found.check(given.store)
    print(f"intact: {found.runs} runs, {found.lines} lines of log, {found.sums} sums")
    print(f"{found.seal}  {RECORD}")
    return 0
