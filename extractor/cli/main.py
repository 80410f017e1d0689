"""The commands, and the only place where an unexpected exception becomes a sentence.

Results go to stdout, everything for a person's eye to stderr.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from importlib.metadata import version

from extractor.cli.slash import HELP, HelpWanted
from extractor.cli.streams import ReaderGoneError, prepare_streams, refuse_narrow_names
from extractor.errors import ColdstateError, UsageError
from extractor.redact import redacted

READER_GONE = 128 + signal.SIGPIPE
"""What a shell says of a program whose reader went away: no code of USMT's."""

USAGE = """coldstate {version}: an offline ScanState for Linux.

  coldstate inspect IMAGE... [--json]            disks, volumes, every Windows, its users
  coldstate scan IMAGE... --store STORE [...]    write the user state into STORE/USMT
  coldstate scanstate STORE /i:RULES.xml /offline:Offline.xml --image IMAGE [...]
                                                 the same in ScanState's spelling
  coldstate explain IMAGE... PATH|KEY... [...]   why a file or registry value is taken, or not
  coldstate coverage IMAGE... [...]              rules without effect, and what no rule takes
  coldstate lint RULES...                        check rule files, without any image
  coldstate store ACTION STORE [...]             verify, manifest, ls, tree, cat, extract, diff, export,
                                                 mount, repair
  coldstate usmtutils /verify[:all] STORE [...]  UsmtUtils' commands: /verify, /extract, /rd, /ec
  coldstate handoff IMAGE... OUT                 the disk as VHDX and a command sheet, for genuine ScanState
  coldstate restore STORE --to TARGET [...]      put a store into an offline Windows, or a folder; --dry-run, --undo
  coldstate loadstate STORE --target TARGET [/i:RULES.xml] [/mu:OLD:NEW] [...]
                                                 the same in LoadState's spelling
  coldstate kit STORE OUT [...]                  a folder with which a Windows restores the store by itself
  coldstate custody verify STORE                 prove the custody record beside a store
  coldstate report STORE [--output FILE]         one HTML page: found, taken, what will be missed
  coldstate hive FILE [--log FILE...] [--json|--reg|--count]
                                                 one registry hive as a scan would read it
  coldstate plugins                              readers, locators, gatherers and stores found
  coldstate doctor                               is this computer fit to run coldstate?

`coldstate scan --help` lists the options. Exit codes are USMT's (README).
The store follows the published layout of USMT's uncompressed store. LoadState can NOT read it:
Microsoft has not published the catalog that LoadState requires.
"""

COLLECTIONS = (100_000, 50, 100)
"""Python's own look for circles every 700 objects took a tenth of a scan, whose objects are many and have none."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that the words name and return its exit code; never raises."""
    if argv is None:
        prepare_streams()
        gc.set_threshold(*COLLECTIONS)
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        return _answer(words)
    except ColdstateError as error:
        _say(error)
        return error.exit_code
    except KeyboardInterrupt:
        print("coldstate: stopped; no store was completed", file=sys.stderr)
        return 2
    except ReaderGoneError:
        return READER_GONE
    except Exception as error:  # noqa: BLE001 (the one place: a defect of ours must not look like a crash of the evidence)
        print(f"coldstate: internal error: {type(error).__name__}", file=sys.stderr)
        if os.environ.get("COLDSTATE_DEBUG"):
            print(redacted("".join(traceback.format_exception(error))), end="", file=sys.stderr)
        else:
            print("Please report it; COLDSTATE_DEBUG=1 shows where it happened.", file=sys.stderr)
        return 71


def _answer(words: list[str]) -> int:
    try:
        code = _run(words)
    except HelpWanted as help_text:
        print(help_text, end="")
        code = _help_code(words)
    sys.stdout.flush()
    return code


def _help_code(words: list[str]) -> int:
    """USMT ends with 1 after ``/?``; ``--help`` ends with 0, as everywhere on Linux."""
    return 1 if any(word.lower() in HELP for word in words) else 0


def _say(error: ColdstateError) -> None:
    from extractor.model import printable

    print(f"coldstate: {redacted(printable(str(error)))}", file=sys.stderr)
    for note in getattr(error, "__notes__", ()):
        print(f"  {redacted(printable(note))}", file=sys.stderr)


def _run(words: list[str]) -> int:
    if not words:
        raise UsageError("nothing to do; `coldstate --help` shows the commands")
    name, *rest = words
    if name in {"-h", "--help", "help", "/?", "/help"}:
        raise HelpWanted(USAGE.format(version=version("coldstate")))
    if name == "--version":
        print(f"coldstate {version('coldstate')}")
        return 0
    command = COMMANDS.get(name)
    if command is None:
        raise UsageError(f"{name!r} is no command; `coldstate --help` shows them")
    if name in OF_STORES:
        refuse_narrow_names()
    return command(rest if name in SLASHED else _with_long_help(rest))


def _with_long_help(words: list[str]) -> list[str]:
    return ["--help" if word.lower() in HELP else word for word in words]


def _scan(words: list[str]) -> int:
    from extractor.cli.run import run_scan

    return run_scan("scan", words)


def _scanstate(words: list[str]) -> int:
    from extractor.cli.run import run_scan

    return run_scan("scanstate", words)


def _inspect(words: list[str]) -> int:
    from extractor.cli.inspect import run_inspect

    return run_inspect(words)


def _store(words: list[str]) -> int:
    from extractor.cli.stores import run_store

    return run_store(words)


def _usmtutils(words: list[str]) -> int:
    from extractor.cli.usmtutils_work import run

    return run(words)


def _handoff(words: list[str]) -> int:
    from extractor.cli.handoff import run_handoff

    return run_handoff(words)


def _restore(words: list[str]) -> int:
    from extractor.cli.restore import run_restore

    return run_restore(words)


def _loadstate(words: list[str]) -> int:
    from extractor.cli.loadstate import run_loadstate

    return run_loadstate(words)


def _kit(words: list[str]) -> int:
    from extractor.cli.kit import run_kit

    return run_kit(words)


def _custody(words: list[str]) -> int:
    from extractor.cli.custody import run_custody

    return run_custody(words)


def _explain(words: list[str]) -> int:
    from extractor.cli.explain import run_explain

    return run_explain(words)


def _coverage(words: list[str]) -> int:
    from extractor.cli.coverage import run_coverage

    return run_coverage(words)


def _lint(words: list[str]) -> int:
    from extractor.cli.lint import run_lint

    return run_lint(words)


def _report(words: list[str]) -> int:
    from extractor.cli.report import run_report

    return run_report(words)


def _hive(words: list[str]) -> int:
    from extractor.cli.hive import run_hive

    return run_hive(words)


def _plugins(words: list[str]) -> int:
    from extractor.cli.doctor import run_plugins

    return run_plugins(words)


def _doctor(words: list[str]) -> int:
    from extractor.cli.doctor import run_doctor

    return run_doctor(words)


COMMANDS: dict[str, Callable[[list[str]], int]] = {
    "inspect": _inspect,
    "explain": _explain,
    "coverage": _coverage,
    "lint": _lint,
    "scan": _scan,
    "scanstate": _scanstate,
    "store": _store,
    "usmtutils": _usmtutils,
    "handoff": _handoff,
    "restore": _restore,
    "loadstate": _loadstate,
    "kit": _kit,
    "custody": _custody,
    "report": _report,
    "hive": _hive,
    "plugins": _plugins,
    "doctor": _doctor,
}

SLASHED = frozenset({"scan", "scanstate", "explain", "coverage", "usmtutils", "loadstate", "kit"})
"""Commands that translate slash switches themselves."""
OF_STORES = frozenset(
    {"scan", "scanstate", "store", "usmtutils", "custody", "restore", "loadstate"}
)
"""Commands that write or look up file names of the evidence."""
