"""What the commands that only look (explain, coverage) have in common: words -> Request, warnings on stderr."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence

from extractor.cli.arguments import add_switch, words_parser
from extractor.cli.requests import refuse_conflicts, request_of
from extractor.cli.slash import to_options
from extractor.cli.switches import SWITCHES
from extractor.errors import UsageError
from extractor.events import Event, Noted
from extractor.model import printable
from extractor.opening import Request

FIELDS = frozenset(
    {"bitlocker_key", "keychain", "shadows", "offline", "win_dir", "win_old", "all_windows", "rules", "config", "auto",
     "user_include", "user_exclude", "last_used", "reference_time"}
)  # fmt: skip
"""Switches that decide which Windows, by which keys, whose state, and by which rules."""

Words = Callable[[argparse.Namespace], None]
"""Changes what was given before a Request is made of it: takes out words that are no images."""


def looking_parser(command: str, description: str, usage: str) -> argparse.ArgumentParser:
    """Return a parser with the images, the switches of FIELDS, and ``--json``."""
    parser = words_parser(command, description, usage)
    parser.add_argument(
        "images", nargs="*", metavar="IMAGE", help="disk image, or all of a machine's"
    )
    switches = [each for each in SWITCHES if each.field in FIELDS]
    groups = {
        name: parser.add_argument_group(name) for name in dict.fromkeys(s.group for s in switches)
    }
    for switch in switches:
        add_switch(groups[switch.group], switch)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def parse_looking(
    parser: argparse.ArgumentParser, words: Sequence[str], prepare: Words
) -> tuple[argparse.Namespace, Request]:
    """Return what was given, and the request in it; raise UsageError and its kin."""
    if not words:
        raise UsageError(f"nothing to do; `{parser.prog} --help` shows the options")
    given = parser.parse_intermixed_args(list(to_options(words)))
    prepare(given)
    refuse_conflicts(given)
    return given, request_of(given, words, os.environ)


def tell_warnings(event: Event) -> None:
    """Print warnings for people (an Observer)."""
    if isinstance(event, Noted) and event.level == "warning":
        print(f"warning: {printable(event.message)}", file=sys.stderr)
