"""Words -> Request: argparse built from the switch table, and USMT's rules about what may stand together.

Every mistake is a UsageError (exit 11, 12 ...) before anything is read; nothing here touches the images. Source: USMT
"ScanState syntax", incompatible command-line options.
"""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from extractor.cli.arguments import add_switch, words_parser
from extractor.cli.requests import path_of, refuse_conflicts, request_of
from extractor.cli.secrets import efs_secret, efs_user_secret
from extractor.cli.slash import to_options
from extractor.cli.switches import SWITCHES, State
from extractor.errors import (
    ArgumentTooLongError,
    LogFileError,
    ProgressLogError,
    UsageError,
)
from extractor.gather.policy import Efs, parse_efs
from extractor.report.main_log import parse_verbosity
from extractor.scan import Request
from extractor.store.sealed.algid import parse_algid

if TYPE_CHECKING:
    from extractor.store.sealed.keys import SealingKeys

LONGEST = 256
"""Characters that ScanState takes in one argument."""
DESCRIPTION = """Write the user state of an offline Windows into STORE/USMT.
LoadState can NOT read this store: Microsoft's catalog format is not public."""
USAGES = {
    "scan": "coldstate scan IMAGE... --store STORE [options]",
    "scanstate": "coldstate scanstate STORE /i:RULES.xml /offline:Offline.xml --image IMAGE [options]",
}
AUTO_VERBOSITY = 5
CROSS_CHECK = "--cross-check"
COMPRESSIONS = ("xpress", "lzx", "none")
SCREENS = ("auto", "rich", "plain", "json", "none")


@dataclass(frozen=True, slots=True)
class Parsed:
    """A request, and what the words said about output and about themselves."""

    request: Request
    screen: str
    notes: tuple[str, ...]


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
        add_switch(groups[switch.group], switch)
    return parser


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
    # Without a value argparse would take the next word for it.
    bare = {CROSS_CHECK: f"{CROSS_CHECK}=100%"}
    options = [bare.get(word, word) for word in to_options(words)]
    given = scan_parser(command).parse_intermixed_args(options)
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
    if given.encrypt is not None:
        notes.append(parse_algid(given.encrypt).sentence)
    if given.dry_run is not None or given.estimate is not None:
        names = [each for each in ("case", "evidence", "operator") if getattr(given, each)]
        notes += [
            f"--{each} has no effect: without a store there is no custody record" for each in names
        ]
    return notes


def _refuse_bad_values(given: argparse.Namespace) -> None:
    _whole_number("/r", given.retries)
    _whole_number("/w", given.wait)
    _whole_number("--sparse-limit", given.sparse_limit)
    if given.verbosity is not None:
        parse_verbosity(given.verbosity)
    if given.efs is not None:
        parse_efs(given.efs)
    _refuse_idle_keys(given)
    if given.compression is not None and given.compression not in COMPRESSIONS:
        raise UsageError(f"--compression {given.compression}: takes {', '.join(COMPRESSIONS)}")
    if given.progress is not None and given.progress not in SCREENS:
        raise UsageError(f"--progress {given.progress}: takes {', '.join(SCREENS)}")
    if re.match(r"[A-Za-z]:[\\/]|\\\\", given.store or ""):
        raise UsageError(f"{given.store} is a path of Windows; name a folder of this computer")


def _refuse_idle_keys(given: argparse.Namespace) -> None:
    decrypts = parse_efs(given.efs or "abort") is Efs.DECRYPTCOPY
    for option, value in (("pfx", given.efs_pfx), ("user-password", given.efs_user_password)):
        if value and not decrypts:
            raise UsageError(f"--efs-{option} needs /efs:decryptcopy")
    if [given.efs_password, given.efs_user_password].count("-") > 1:
        raise UsageError("standard input gives one secret only: put the other one in a file")
    if given.efs_password and not given.efs_pfx:
        raise UsageError("--efs-password needs --efs-pfx")


def _whole_number(spelled: str, text: str | None) -> None:
    if text is not None and not (text.isascii() and text.isdigit()):
        raise UsageError(f"{spelled}:{text}: takes a whole number")


def _share(text: str) -> float:
    """Return ``10%`` (or ``10``) as 0.1."""
    found = re.fullmatch(r"(\d{1,3}(?:\.\d{1,6})?)%?", text, re.ASCII)
    share = float(found[1]) / 100 if found else 0.0
    if not 0 < share <= 1:
        raise UsageError(f"{CROSS_CHECK}={text}: takes a percentage above 0, at most 100%")
    return share


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


def _refuse_conflicts(given: argparse.Namespace) -> None:
    refuse_conflicts(given)
    for made, switch in (("genconfig", "/genconfig"), ("genmigxml", "/genmigxml")):
        if getattr(given, made) is not None and given.store:
            raise UsageError(f"{switch} writes no store; leave {given.store} out")
    if given.estimate == "" and given.no_compress is None:
        raise UsageError("/p without a file name needs /nocompress; name a file: /p:estimate.xml")


def _request(
    given: argparse.Namespace, words: Sequence[str], environment: Mapping[str, str]
) -> Request:
    asked = request_of(given, words, environment)
    no_store = given.dry_run is not None or given.estimate is not None
    generates = given.genconfig is not None or given.genmigxml is not None
    if not given.store and not no_store and not generates:
        raise UsageError("no store is named (--store STORE)")
    return replace(
        asked,
        store=path_of(given.store),
        genconfig=path_of(given.genconfig),
        genmigxml=path_of(given.genmigxml),
        overwrite=bool(given.overwrite),
        resume=bool(given.resume),
        retry_failed=bool(given.retry_failed),
        sealing=_sealing(given),
        compression="" if given.no_compress else given.compression or COMPRESSIONS[0],
        continue_on_error=bool(given.continue_on_error),
        efs=(given.efs or "abort").lower(),
        efs_pfx=tuple(map(Path, given.efs_pfx or ())),
        efs_secret=efs_secret(given.efs_password, environment) if given.efs_pfx else b"",
        efs_user_secret=efs_user_secret(given.efs_user_password, environment),
        dry_run=no_store,
        estimate=path_of(given.estimate),
        list_files=path_of(given.list_files),
        log=path_of(given.log),
        verbosity=int(given.verbosity or (0 if given.auto is None else AUTO_VERBOSITY)),
        progress_log=path_of(given.progress_log),
        sparse_limit=int(given.sparse_limit or 64) << 30,
        verify_image=bool(given.verify_image),
        cross_check=_share(given.cross_check) if given.cross_check is not None else 0.0,
        case=given.case or "",
        evidence=given.evidence or "",
        operator=given.operator or "",
        diagnostic=path_of(environment.get("MIG_ENABLE_DIAG")),
    )


def _sealing(given: argparse.Namespace) -> SealingKeys | None:
    """Return whom an encrypted store is sealed to; None for a plain one."""
    keys = [each for each in ("key", "keyfile", "recipient") if getattr(given, each) is not None]
    if given.encrypt is None:
        if keys:
            raise UsageError(f"--{keys[0]} needs /encrypt")
        return None
    if not keys:
        raise UsageError("/encrypt needs /key, /keyfile or --recipient")
    from extractor.store.sealed import keys as sealed

    if given.recipient:
        return sealed.recipient_keys(given.recipient)
    if given.key:
        return sealed.passphrase_keys(sealed.key_passphrase(given.key))
    return sealed.passphrase_keys(sealed.keyfile_passphrase(Path(given.keyfile)))


def _default_log(environment: Mapping[str, str]) -> Path:
    """ScanState's own default: ``ScanState.log`` in the working directory, or in USMT_WORKING_DIR."""
    return Path(environment.get("USMT_WORKING_DIR") or ".") / "ScanState.log"
