"""Words -> Request, as far as all commands share it: images, which Windows, rules, users, and what may stand together.

Source: USMT "ScanState syntax", incompatible command-line options.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from extractor.cli.slash import to_options
from extractor.cli.switches import SWITCHES, Switch, Takes
from extractor.cli.unlocking import bitlocker_keys
from extractor.errors import RuleFileError, UsageError
from extractor.filetime import to_filetime
from extractor.redact import HIDDEN, redacted
from extractor.scan import Request
from extractor.select.users import parse_last_used
from extractor.volumes.shadows import parse_wanted

STOCK = ("migdocs.xml", "migapp.xml")
"""What ``/auto:FOLDER`` stands for (usmt.md 1.2), in lower case."""
ARCHITECTURES = {"": "", "32": "x86", "64": "x64"}

CONFLICTS = (
    ("offline", "win_dir"),
    ("offline", "win_old"),
    ("win_dir", "win_old"),
    ("all_users", "user_include"),
    ("all_users", "user_exclude"),
    ("all_users", "last_used"),
    ("list_files", "estimate"),
    ("no_compress", "compression"),
    ("no_compress", "encrypt"),
    ("resume", "encrypt"),
    *(("retry_failed", each) for each in ("resume", "encrypt", "dry_run", "estimate", "all_windows")),
    ("key", "keyfile"),
    ("key", "recipient"),
    ("keyfile", "recipient"),
    ("resume", "estimate"),
    ("resume", "dry_run"),
    ("resume", "all_windows"),
    ("cross_check", "estimate"),
    ("cross_check", "dry_run"),
    ("all_windows", "offline"),
    ("all_windows", "win_dir"),
    ("all_windows", "win_old"),
    *(("auto", each) for each in ("all_users", "user_include", "user_exclude", "verbosity", "rules")),
    *((made, each) for made in ("genconfig", "genmigxml") for each in (
        "list_files", "progress_log", "continue_on_error", "config", "efs", "estimate", "dry_run", "user_include",
        "user_exclude", "last_used", "all_windows", "retries", "wait", "local_only", "cross_check",
    )),
)  # fmt: skip
"""Pairs that may not stand together."""


def spelled(switch: Switch) -> str:
    """Return how messages name a switch."""
    return f"/{switch.slash}" if switch.slash else f"--{switch.long}"


def refuse_conflicts(given: argparse.Namespace) -> None:
    """Raise UsageError for switches that may not stand together, and for those without their value."""
    names = {switch.field: spelled(switch) for switch in SWITCHES}
    there = {field for field in names if getattr(given, field, None) is not None}
    for first, second in CONFLICTS:
        if first in there and second in there:
            raise UsageError(f"{names[first]} and {names[second]} cannot be given together")
    _refuse_empty_values(given)
    if "last_used" in there:
        parse_last_used(given.last_used, 0)


def _refuse_empty_values(given: argparse.Namespace) -> None:
    """``/offlineWinDir:$DIR`` with DIR unset must not mean that the switch was not given."""
    for switch in SWITCHES:
        value = getattr(given, switch.field, None)
        if switch.takes is Takes.VALUE and (
            value == "" or (isinstance(value, list) and "" in value)
        ):
            raise UsageError(f"{spelled(switch)} needs a value")


def request_of(
    given: argparse.Namespace, words: Sequence[str], environment: Mapping[str, str]
) -> Request:
    """Return what was said of images, Windows, rules and users; raise UsageError and its kin."""
    _refuse_bad_images(given.images or ())
    return Request(
        images=tuple(map(Path, given.images)),
        keys=bitlocker_keys(given, environment),
        shadows=tuple(map(parse_wanted, given.shadows or ())),
        rules=_rules(given),
        config=path_of(given.config),
        offline=path_of(given.offline),
        win_dir=given.win_dir or "",
        win_old=given.win_old or "",
        all_windows=bool(given.all_windows),
        user_include=tuple(given.user_include or ()),
        user_exclude=tuple(given.user_exclude or ()),
        last_used=given.last_used or "",
        reference_time=_reference_time(given.reference_time),
        arch=_arch(environment.get("MIG_OFFLINE_PLATFORM_ARCH", "")),
        fail_on_profile_error=_is_on(environment, "MIG_FAIL_ON_PROFILE_ERROR", "1"),
        ignore_missing_profiles=_is_on(environment, "MIG_IGNORE_PROFILE_MISSING", "0"),
        command=tuple(without_secrets(words)),
    )


def without_secrets(words: Iterable[str]) -> Iterator[str]:
    """Yield the words of a command line as they may be shown: the value of a switch for secrets is hidden."""
    secret = {f"--{each.long}" for each in SWITCHES if each.secret}
    follows = False  # the word is the value of the switch before it
    for word in words:
        name, equals, value = next(to_options([word])).partition("=")
        if follows or name not in secret:
            yield HIDDEN if follows else redacted(word)
            follows = False
        else:
            yield word.removesuffix(value) + HIDDEN if equals else word
            follows = not equals


def _refuse_bad_images(images: Sequence[str]) -> None:
    twice = [path for path, count in Counter(images).items() if count > 1]
    if twice:
        raise UsageError(f"{twice[0]} is named twice")
    for word in images:
        if _looks_like_a_switch(word):
            raise UsageError(f"{word} is neither a switch nor a file; `--help` shows the switches")
    if not images:
        raise UsageError("no disk image is named (scan IMAGE..., or scanstate --image IMAGE)")


def path_of(text: str | None) -> Path | None:
    """Return a path that was given."""
    return Path(text) if text else None


def _rules(given: argparse.Namespace) -> tuple[Path, ...]:
    """Return the rule files; none for the built-in pack, which takes the place of Microsoft's own with ``/auto``."""
    if not given.auto:
        return tuple(map(Path, given.rules or ()))
    folder = Path(given.auto)
    try:
        there = {each.name.lower(): each for each in folder.iterdir()}
    except OSError as error:
        raise RuleFileError(f"/auto:{folder}: {error.strerror or error}") from error
    found = tuple(there[name] for name in STOCK if name in there)
    if not found:
        raise RuleFileError(f"/auto:{folder}: neither MigDocs.xml nor MigApp.xml is there")
    return found


def _arch(text: str) -> str:
    """Return what MIG_OFFLINE_PLATFORM_ARCH (usmt.md 1.7) says of the offline Windows; empty when it is not set."""
    if text not in ARCHITECTURES:
        raise UsageError(f"MIG_OFFLINE_PLATFORM_ARCH is 32 or 64, not {text}")
    return ARCHITECTURES[text]


def _is_on(environment: Mapping[str, str], name: str, default: str) -> bool:
    """Return what a variable that is 0 or 1 says (usmt.md 1.7); unset or empty it has its default."""
    text = environment.get(name, "").strip() or default
    if text not in {"0", "1"}:
        raise UsageError(f"{name} is 0 or 1, not {text}")
    return text == "1"


def _looks_like_a_switch(word: str) -> bool:
    """Tell whether a word such as ``/bogus`` or ``/bogus:x`` names nothing that is there."""
    return (
        word.startswith("/") and "/" not in word.partition(":")[0][1:] and not Path(word).exists()
    )


def _reference_time(text: str | None) -> int:
    """Return the FILETIME of a day (its first moment, UTC), or of now."""
    try:
        day = datetime.strptime(text, "%Y/%m/%d").replace(tzinfo=UTC) if text else datetime.now(UTC)
    except ValueError as error:
        raise UsageError(f"--reference-time {text}: takes YYYY/MM/DD") from error
    return to_filetime(day.replace(microsecond=0))
