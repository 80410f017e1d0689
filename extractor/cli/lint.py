"""``coldstate lint``: rule files -> warnings with their lines, as compilers print them, or as JSON; no image is needed.

The JSON is a contract for scripts: fields are added, never renamed.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from extractor.cli.arguments import words_parser
from extractor.errors import RuleFileError, UsageError
from extractor.model import printable
from extractor.rules.lint import Linted, lint_files
from extractor.rules.model import Context
from extractor.windows.names import MACHINE_NAMES, USER_NAMES

WARNED = 3
"""Exit code when the files can be used, and there is something to say of them."""
BUILT_IN = {
    **dict.fromkeys(MACHINE_NAMES, Context.BOTH),
    **dict.fromkeys(USER_NAMES, Context.USER),
}


def run_lint(words: list[str]) -> int:
    """Print warnings about rule files; 0 when there is none, 3 when there are, 28 when a file cannot be used."""
    given = _parse(words)
    found = list(lint_files([Path(name) for name in given.rules], BUILT_IN))
    if given.json:
        print(json.dumps({"files": [_as_json(each) for each in found]}, indent=2))
    else:
        _print(found)
    if any(each.refused for each in found):
        return RuleFileError.exit_code
    return WARNED if any(each.remarks for each in found) else 0


def _parse(words: list[str]) -> argparse.Namespace:
    text = "Check MigXML rule files without any image: warnings as `file:line: message`."
    parser = words_parser("lint", text)
    parser.add_argument("rules", nargs="+", metavar="RULES", help="MigXML rule file")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    if not words:
        raise UsageError("no rule file is named; `coldstate lint --help` shows the options")
    return parser.parse_intermixed_args(words)


def _as_json(each: Linted) -> dict[str, object]:
    remarks = [{**asdict(one), "message": printable(one.message)} for one in each.remarks]
    return {
        "file": printable(each.name),
        "usable": not each.refused,
        "error": printable(each.refused),
        "warnings": remarks,
    }


def _print(found: Sequence[Linted]) -> None:
    for each in found:
        if each.refused:
            print(printable(each.refused))
        for remark in each.remarks:
            print(printable(f"{each.name}:{remark.line}: {remark.message}"))
    warnings = sum(len(each.remarks) for each in found)
    refused = sum(bool(each.refused) for each in found)
    said = f"{len(found)} file(s), {warnings} warning(s)"
    print(f"{said}, {refused} cannot be used" if refused else said, file=sys.stderr)
