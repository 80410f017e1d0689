r"""LoadState's spelling -> the words of ``coldstate restore``, and its logs.

``--target`` has no counterpart there: LoadState restores into the Windows that runs it. ``/l`` gets what is printed, in
USMT's format; ``/progress`` USMT's progress log. Source: USMT "LoadState syntax", "Return codes"; usmt.md 1.3, 1.6.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from extractor.cli.heard import reported
from extractor.cli.loadstate_words import Given, sort_words, store_of
from extractor.cli.requests import STOCK
from extractor.cli.restore import run_restore
from extractor.cli.slash import HELP, HelpWanted
from extractor.errors import LogFileError, ProgressLogError, RuleFileError, UsageError

USAGE = r"""usage: coldstate loadstate STORE --target TARGET [options]

Restores a store of this program in LoadState's words; `coldstate restore --help` has all that is possible. Stores of
Microsoft's ScanState cannot be read: nobody has published how. The plan is printed first, and --undo takes all back.

  --target TARGET        the offline Windows, or the folder, that is restored to (required); --windows ID says which
  --dry-run, --json      print the plan and write nothing; print every object as JSON

  /i:FILE                only the rules of these MigXML files count (repeatable); without it those of the scan
  /auto[:FOLDER]         the rules of the scan, or MigDocs.xml and MigApp.xml of FOLDER; /v:5
  /config:FILE           components that do not come, and ProfileControl, in place of the scan's
  /mu:[DOMAIN\]OLD:[DOMAIN\]NEW   a user has another name (repeatable); --user-map CSV can tell SIDs too
  /md:OLDDOMAIN:NEWDOMAIN         the users of a domain are of another (repeatable, * in OLDDOMAIN)
  /lac[:PASSWORD] /lae   make missing local accounts; enable them
  /all /ui:WHO /ue:WHO /uel:WHEN  who comes
  /decrypt[:ALGID]       the store is encrypted; with /key:STRING, /keyfile:FILE or --identity FILE
  /l:FILE /v:LEVEL       log file (default: LoadState.log) and what it holds
  /progress:FILE         USMT's progress log
  /c /r:N /w:N /nocompress /hardlink   taken from scripts, without effect
"""
AUTO_VERBOSITY = "5"
_KIND = "what kind of store it is, is seen from it"
_IDLE = {
    "c": "what cannot be restored is named, and the rest comes, with or without it",
    "r": "a target that cannot be written ends the run; the same words go on with it",
    "w": "a target that cannot be written ends the run; the same words go on with it",
    "all": "everybody in the store comes unless told otherwise",
    "nocompress": _KIND,
    "hardlink": _KIND,
    "sf": "folders of the user are where the target's Windows has them",
    **dict.fromkeys(("targetwindows7", "targetwindows8", "targetvista", "targetxp"), "the target tells its version"),
}  # fmt: skip
"""Switches without effect: why."""


@dataclass(frozen=True, slots=True)
class Translated:
    """What LoadState's words mean."""

    words: tuple[str, ...] = field(repr=False)
    """For ``run_restore``; keys and passwords are in them."""
    log: Path
    verbosity: int
    progress: Path | None
    store: Path
    notes: tuple[str, ...] = ()


def run_loadstate(words: list[str]) -> int:
    """Restore; return the exit code, and raise what ``run_restore`` raises, once the logs have it."""
    meant = translate(words)
    with reported(meant.log, meant.verbosity, meant.progress, meant.store) as reports:
        for note in meant.notes:
            reports.note(note)
        return reports.ended(run_restore(list(meant.words), reports.progress))


def translate(words: Sequence[str], environment: Mapping[str, str] = os.environ) -> Translated:
    """Return what LoadState's words mean.

    Raises UsageError (11) and its kin: 12 for a long argument, 13 and 40 for a log inside the store, 28 for /auto of a
    folder without rules, 36 for offline switches; HelpWanted for ``/?``.
    """
    if any(word.lower() in {*HELP, "--help", "-h"} for word in words):
        raise HelpWanted(USAGE)
    if not words:
        raise UsageError("nothing to do; `coldstate loadstate /?` shows the options")
    given = sort_words(words)
    store = store_of(given)
    target = given.one("--target")
    if target is None:
        raise UsageError("no target is named: --target TARGET")
    return Translated(
        (store, f"--to={target}", *_options(given)),
        _log(given, store, environment),
        int(given.one("v") or (AUTO_VERBOSITY if "auto" in given.options else "0")),
        _progress(given, store),
        Path(store),
        tuple(_notes(given)),
    )


def _options(given: Given) -> Iterator[str]:
    """Yield the options of ``coldstate restore``."""
    for path in _rules(given):
        yield f"--rules={path}"
    for name in ("config", "mu", "md", "ui", "ue", "uel", "key", "keyfile"):
        yield from (f"--{name}={value}" for value in given.options.get(name, ()))
    for name in ("--identity", "--user-map", "--drive", "--windows"):
        yield from (f"{name}={value}" for value in given.options.get(name, ()))
    yield from (name for name in ("--dry-run", "--json") if name in given.options)
    if "lac" in given.options:
        password = given.one("lac")
        yield f"--lac={password}" if password else "--lac"
    if "lae" in given.options:
        yield "--lae"


def _rules(given: Given) -> Sequence[str | Path]:
    folder = given.one("auto")
    if not folder:
        return given.options.get("i", [])
    try:
        there = {each.name.lower(): each for each in Path(folder).iterdir()}
    except OSError as error:
        raise RuleFileError(f"/auto:{folder}: {error.strerror or error}") from error
    found = [there[name] for name in STOCK if name in there]
    if not found:
        raise RuleFileError(f"/auto:{folder}: neither MigDocs.xml nor MigApp.xml is there")
    return found


def _log(given: Given, store: str, environment: Mapping[str, str]) -> Path:
    told = given.one("l")
    path = (
        Path(told) if told else Path(environment.get("USMT_WORKING_DIR") or ".") / "LoadState.log"
    )
    if path.resolve().is_relative_to(Path(store).resolve()):
        raise LogFileError(f"/l:{path} lies inside the store; put it elsewhere")
    return path


def _progress(given: Given, store: str) -> Path | None:
    told = given.one("progress")
    if told and Path(told).resolve().is_relative_to(Path(store).resolve()):
        raise ProgressLogError(f"/progress:{told} lies inside the store; put it elsewhere")
    return Path(told) if told else None


def _notes(given: Given) -> Iterator[str]:
    for name, why in _IDLE.items():
        if name in given.options:
            yield f"/{name} has no effect: {why}"
