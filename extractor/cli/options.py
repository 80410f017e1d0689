"""Words -> Request: argparse built from the switch table, and USMT's rules about what may stand together.

Every mistake is a UsageError (exit 11, 12 ...) before anything is read; nothing here touches the images. Source: USMT
"ScanState syntax", incompatible command-line options.
"""

from __future__ import annotations

import argparse
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Never

from extractor.cli.slash import HelpWanted, to_options
from extractor.cli.switches import SWITCHES, State, Switch, Takes
from extractor.errors import ArgumentTooLongError, LogFileError, ProgressLogError, UsageError
from extractor.filetime import to_filetime
from extractor.gather.policy import parse_efs
from extractor.report.main_log import parse_verbosity
from extractor.scan import Request
from extractor.select.users import parse_last_used

LONGEST = 256
"""Characters that ScanState takes in one argument."""
DESCRIPTION = """Write the user state of an offline Windows into STORE/USMT.
LoadState can NOT read this store: Microsoft's catalog format is not public."""
COMPRESSED = "without /nocompress, too, the uncompressed layout is written: the compressed store is not built yet"
USAGES = {
    "scan": "coldstate scan IMAGE... --store STORE [options]",
    "scanstate": "coldstate scanstate STORE /i:RULES.xml /offline:Offline.xml --image IMAGE [options]",
}
ARCHITECTURES = {"": "", "32": "x86", "64": "x64"}
SCREENS = ("auto", "rich", "plain", "json", "none")


@dataclass(frozen=True, slots=True)
class Parsed:
    """A request, and what the words said about output and about themselves."""

    request: Request
    screen: str
    notes: tuple[str, ...]


class _Parser(argparse.ArgumentParser):
    """An argparse that raises our errors instead of leaving the process."""

    def error(self, message: str) -> Never:
        raise UsageError(f"{message}; see `{self.prog} --help`")


class _Once(argparse.Action):
    """An option that may be given once: USMT calls a repeat ambiguous (code 11)."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,  # noqa: ANN401 (argparse's own signature)
        option_string: str | None = None,
    ) -> None:
        if getattr(namespace, self.dest) is not None:
            parser.error(f"{option_string} is given twice")
        setattr(namespace, self.dest, True if self.nargs == 0 else values)


class _Help(argparse.Action):
    """``--help`` and ``/?``."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        raise HelpWanted(parser.format_help())


def words_parser(
    command: str, description: str, usage: str | None = None
) -> argparse.ArgumentParser:
    """Return an empty parser for a command, with ``--help`` and our way of saying errors."""
    parser = _Parser(
        prog=f"coldstate {command}",
        usage=usage,
        allow_abbrev=False,
        add_help=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=description,
    )
    parser.add_argument("-h", "--help", nargs=0, action=_Help, help="show this help (also /?)")
    return parser


def scan_parser(command: str) -> argparse.ArgumentParser:
    """Return the parser of ``scan`` or ``scanstate``: the same switches, other positional words."""
    parser = words_parser(command, DESCRIPTION, USAGES[command])
    if command == "scan":
        parser.add_argument(
            "images", nargs="*", metavar="IMAGE", help="disk image, or all of one machine's"
        )
        parser.add_argument(
            "--store", dest="store", metavar="STORE", help="folder that receives USMT/"
        )
    else:
        parser.add_argument("store", nargs="?", metavar="STORE", help="folder that receives USMT/")
        parser.add_argument(
            "--image",
            dest="images",
            action="append",
            metavar="IMAGE",
            help="disk image (repeatable)",
        )
    groups = {
        name: parser.add_argument_group(name) for name in dict.fromkeys(s.group for s in SWITCHES)
    }
    for switch in SWITCHES:
        _add(groups[switch.group], switch)
    return parser


def _add(group: argparse._ArgumentGroup, switch: Switch) -> None:
    words = [f"--{switch.long}"]
    spelled = f"{switch.help} [/{switch.slash}]" if switch.slash else switch.help
    text = argparse.SUPPRESS if switch.state is State.REFUSED else spelled.replace("%", "%%")
    metavar = switch.long.split("-")[-1].upper()
    if switch.repeatable:
        group.add_argument(*words, dest=switch.field, action="append", metavar=metavar, help=text)
    elif switch.takes is Takes.NOTHING:
        group.add_argument(*words, dest=switch.field, nargs=0, action=_Once, help=text)
    else:
        group.add_argument(*words, dest=switch.field, action=_Once, metavar=metavar, help=text)


def parse(
    command: str, words: Sequence[str], environment: Mapping[str, str] = os.environ
) -> Parsed:
    """Return the request that the words of ``scan`` or ``scanstate`` make.

    Raises UsageError and its kin, and HelpWanted for ``/?``.
    """
    if not words:
        raise UsageError(f"nothing to do; `coldstate {command} /?` shows the options")
    if command == "scanstate":
        _refuse_long_words(words)
    given = scan_parser(command).parse_intermixed_args(list(to_options(words)))
    notes = tuple(_judge_states(given))
    _refuse_conflicts(given)
    _refuse_bad_values(given)
    _refuse_reports_in_store(given)
    request = _request(given, words, environment)
    if command == "scanstate" and request.log is None:
        request = replace(request, log=_default_log(environment))
    return Parsed(request, given.progress or "auto", notes)


def _refuse_long_words(words: Sequence[str]) -> None:
    for word in words:
        if len(word) > LONGEST:
            raise ArgumentTooLongError(
                f"an argument has {len(word)} characters, at most {LONGEST} are taken: {word[:40]}..."
            )


def _judge_states(given: argparse.Namespace) -> list[str]:
    """Refuse what we cannot give; return a note for each switch that has no effect."""
    notes = []
    for switch in SWITCHES:
        if getattr(given, switch.field, None) is None:
            continue
        spelled = f"/{switch.slash} (--{switch.long})" if switch.slash else f"--{switch.long}"
        if switch.state is State.REFUSED:
            raise UsageError(f"{spelled}: {switch.why}")
        if switch.state is State.ACCEPTED:
            notes.append(f"{spelled} has no effect: {switch.why}")
    if given.store and given.no_compress is None:
        notes.append(COMPRESSED)
    return notes


# Pairs that may not stand together: USMT "ScanState syntax", incompatible command-line options.
CONFLICTS = (
    ("offline", "win_dir"),
    ("offline", "win_old"),
    ("win_dir", "win_old"),
    ("all_users", "user_include"),
    ("all_users", "user_exclude"),
    ("all_users", "last_used"),
    ("list_files", "estimate"),
    ("all_windows", "offline"),
    ("all_windows", "win_dir"),
    ("all_windows", "win_old"),
)


def _refuse_conflicts(given: argparse.Namespace) -> None:
    names = {
        switch.field: f"/{switch.slash}" if switch.slash else f"--{switch.long}"
        for switch in SWITCHES
    }
    for first, second in CONFLICTS:
        if getattr(given, first) is not None and getattr(given, second) is not None:
            raise UsageError(f"{names[first]} and {names[second]} cannot be given together")
    if given.estimate == "" and given.no_compress is None:
        raise UsageError("/p without a file name needs /nocompress; name a file: /p:estimate.xml")


def _refuse_bad_values(given: argparse.Namespace) -> None:
    _refuse_empty_values(given)
    _whole_number("/r", given.retries)
    _whole_number("/w", given.wait)
    _whole_number("--sparse-limit", given.sparse_limit)
    if given.verbosity is not None:
        parse_verbosity(given.verbosity)
    if given.efs is not None:
        parse_efs(given.efs)
    if given.progress is not None and given.progress not in SCREENS:
        raise UsageError(f"--progress {given.progress}: takes {', '.join(SCREENS)}")
    if given.last_used is not None:
        parse_last_used(given.last_used, 0)
    if re.match(r"[A-Za-z]:[\\/]|\\\\", given.store or ""):
        raise UsageError(f"{given.store} is a path of Windows; name a folder of this computer")


def _refuse_empty_values(given: argparse.Namespace) -> None:
    """``/offlineWinDir:$DIR`` with DIR unset must not mean that the switch was not given."""
    for switch in SWITCHES:
        value = getattr(given, switch.field, None)
        if switch.takes is Takes.VALUE and (
            value == "" or (isinstance(value, list) and "" in value)
        ):
            raise UsageError(
                f"{'/' + switch.slash if switch.slash else '--' + switch.long} needs a value"
            )


def _whole_number(spelled: str, text: str | None) -> None:
    if text is not None and not (text.isascii() and text.isdigit()):
        raise UsageError(f"{spelled}:{text}: takes a whole number")


def _refuse_reports_in_store(given: argparse.Namespace) -> None:
    """USMT forbids logs inside the store path: they would be part of what is being proved."""
    if not given.store:
        return
    store = Path(given.store).resolve()
    reports = (("/l", given.log, LogFileError), ("/progress", given.progress_log, ProgressLogError),
               ("/listfiles", given.list_files, UsageError), ("/p", given.estimate, UsageError))  # fmt: skip
    for spelled, path, error in reports:
        if path and Path(path).resolve().is_relative_to(store):
            raise error(f"{spelled}:{path} lies inside the store; put it elsewhere")


def _request(
    given: argparse.Namespace, words: Sequence[str], environment: Mapping[str, str]
) -> Request:
    twice = [path for path, count in Counter(given.images or ()).items() if count > 1]
    if twice:
        raise UsageError(f"{twice[0]} is named twice")
    for word in given.images or ():
        if _looks_like_a_switch(word):
            raise UsageError(f"{word} is neither a switch nor a file; `--help` shows the switches")
    if not given.images:
        raise UsageError("no disk image is named (scan IMAGE..., or scanstate --image IMAGE)")
    no_store = given.dry_run is not None or given.estimate is not None
    if not given.store and not no_store:
        raise UsageError("no store is named (--store STORE)")
    return Request(
        images=tuple(map(Path, given.images)),
        store=Path(given.store) if given.store else None,
        rules=tuple(map(Path, given.rules or ())),
        offline=Path(given.offline) if given.offline else None,
        win_dir=given.win_dir or "",
        win_old=given.win_old or "",
        all_windows=bool(given.all_windows),
        user_include=tuple(given.user_include or ()),
        user_exclude=tuple(given.user_exclude or ()),
        last_used=given.last_used or "",
        reference_time=_reference_time(given.reference_time),
        overwrite=bool(given.overwrite),
        continue_on_error=bool(given.continue_on_error),
        efs=(given.efs or "abort").lower(),
        dry_run=no_store,
        estimate=Path(given.estimate) if given.estimate else None,
        list_files=Path(given.list_files) if given.list_files else None,
        log=Path(given.log) if given.log else None,
        verbosity=int(given.verbosity or 0),
        progress_log=Path(given.progress_log) if given.progress_log else None,
        sparse_limit=int(given.sparse_limit or 64) << 30,
        verify_image=bool(given.verify_image),
        arch=_arch(environment.get("MIG_OFFLINE_PLATFORM_ARCH", "")),
        command=tuple(words),
    )


def _arch(text: str) -> str:
    """Return what MIG_OFFLINE_PLATFORM_ARCH (usmt.md 1.7) says of the offline Windows; empty when it is not set."""
    if text not in ARCHITECTURES:
        raise UsageError(f"MIG_OFFLINE_PLATFORM_ARCH is 32 or 64, not {text}")
    return ARCHITECTURES[text]


def _looks_like_a_switch(word: str) -> bool:
    """Tell whether a word such as ``/bogus`` or ``/bogus:x`` names nothing that is there."""
    return (
        word.startswith("/") and "/" not in word.partition(":")[0][1:] and not Path(word).exists()
    )


def _default_log(environment: Mapping[str, str]) -> Path:
    """ScanState's own default: ``ScanState.log`` in the working directory, or in USMT_WORKING_DIR."""
    return Path(environment.get("USMT_WORKING_DIR") or ".") / "ScanState.log"


def _reference_time(text: str | None) -> int:
    """Return the FILETIME of a day (its first moment, UTC), or of now."""
    try:
        day = datetime.strptime(text, "%Y/%m/%d").replace(tzinfo=UTC) if text else datetime.now(UTC)
    except ValueError as error:
        raise UsageError(f"--reference-time {text}: takes YYYY/MM/DD") from error
    return to_filetime(day.replace(microsecond=0))
