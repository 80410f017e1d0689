"""argparse in this program's manner: our errors, ``/?``, options made from the switch table."""

from __future__ import annotations

import argparse
from typing import Any, Never

from extractor.cli.slash import HelpWanted
from extractor.cli.switches import State, Switch, Takes
from extractor.errors import UsageError


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


def add_switch(group: argparse._ActionsContainer, switch: Switch) -> None:
    """Add the long option of a switch; the help names its slash spelling too."""
    words = [f"-{switch.short}"] if switch.short else []
    words.append(f"--{switch.long}")
    spelled = f"{switch.help} [/{switch.slash}]" if switch.slash else switch.help
    text = argparse.SUPPRESS if switch.state is State.REFUSED else spelled.replace("%", "%%")
    metavar = switch.long.split("-")[-1].upper()
    if switch.repeatable:
        group.add_argument(*words, dest=switch.field, action="append", metavar=metavar, help=text)
    elif switch.takes is Takes.NOTHING:
        group.add_argument(*words, dest=switch.field, nargs=0, action=_Once, help=text)
    else:
        group.add_argument(*words, dest=switch.field, action=_Once, metavar=metavar, help=text)
