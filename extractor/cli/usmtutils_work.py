"""``coldstate usmtutils /verify`` and ``/extract`` at work: to stdout, and to the log of ``/l``.

The log holds the report whatever ``/v`` says, in USMT's line format; what goes wrong is there too.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from extractor.cli.screen import open_screen
from extractor.cli.store_extract import print_extraction, tell_others
from extractor.cli.store_opening import Keys, open_named, tell_unmatched
from extractor.cli.usmtutils import run_usmtutils
from extractor.cli.usmtutils_commands import ExtractStore, Unlock, VerifyStore
from extractor.cli.usmtutils_verify import print_state, report_store
from extractor.errors import ColdstateError
from extractor.events import Event, ItemDone, ObjectFailed
from extractor.report.main_log import VERBOSE, MainLog, UsmtFormatter
from extractor.store.extract import extract_store

log = logging.getLogger(__name__)


def run(words: Sequence[str]) -> int:
    """Run a command of UsmtUtils; 0, 11, 27, 33, 37, 42 and what else it documents."""
    return run_usmtutils(words, verify=_verify, extract=_extract)


def _keys(unlock: Unlock | None) -> Keys:
    return Keys(unlock.passphrase(), unlock.identities()) if unlock else Keys()


def _verify(command: VerifyStore) -> int:
    with _logging(command), open_screen("none") as screen:
        found = report_store(
            command.store, _keys(command.unlock), command.report, _tell_state, screen
        )
        found.check(command.store)
    return 0


def _extract(command: ExtractStore) -> int:
    with _logging(command) as tell, open_named(command.store, _keys(command.unlock)) as store:
        found = extract_store(
            store, command.destination, command.include, command.exclude, tell,
            overwrite=command.overwrite,
        )  # fmt: skip
        print_extraction(found, command.destination, _say)
        tell_others(found)
        for each in found.unmatched:
            log.warning("%s takes nothing in this store", each)
    return found.exit_code or tell_unmatched(found.unmatched)


def _tell_state(name: str, state: str) -> None:
    print_state(name, state)
    log.info("%s", name, extra={"state": state})


def _say(line: str) -> None:
    print(line)
    log.info("%s", line)


@contextmanager
def _logging(command: VerifyStore | ExtractStore) -> Iterator[Callable[[Event], None]]:
    """Keep the log of ``/l``, an error that ends the command in it too; yield its observer."""
    if command.log is None:
        yield _silence
        return
    with MainLog(command.log, command.store, command.verbosity | VERBOSE) as main_log:
        main_log.setFormatter(_ReportFormatter())
        try:
            yield partial(_heard, main_log)
        except ColdstateError as error:
            log.error("%s", error)  # noqa: TRY400  a sentence for people, not a trace
            raise


def _heard(main_log: MainLog, event: Event) -> None:
    """Tell the log of single objects only: totals and bytes are for a screen."""
    if isinstance(event, ItemDone | ObjectFailed):
        main_log.tell(event)


def _silence(_: Event) -> None:
    """Tell nobody."""


class _ReportFormatter(UsmtFormatter):
    """The line of a report keeps its tab, which would be shown escaped in a name."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        state = getattr(record, "state", None)
        return super().format(record) + (f"\t{state}" if state else "")
