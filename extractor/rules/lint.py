"""Rule files -> warnings by line, without any machine: what cannot match, never counts, or stands there twice.

What the parser warns of is told with the rest. ``remarks`` walks the rules, ``doubts`` looks at single patterns,
``interplay`` at patterns that meet in a component.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from extractor.errors import UsageError
from extractor.rules import load_rules
from extractor.rules.model import Context, RuleSet
from extractor.rules.remarks import remarks


@dataclass(frozen=True, slots=True)
class Remark:
    """A warning and the line that it is about; line 1 where it is about the whole file."""

    line: int
    message: str


@dataclass(frozen=True, slots=True)
class Linted:
    """One file: its remarks by line, or why it cannot be used at all."""

    name: str
    remarks: tuple[Remark, ...] = ()
    refused: str = ""
    """The sentence of the error; it begins with ``file:line:`` where a line is to blame."""


def lint_files(paths: Sequence[Path], built_in: Mapping[str, Context]) -> Iterator[Linted]:
    """Yield what is to be said of each file; ``built_in`` are the variables that every rule file may use."""
    urlids: dict[str, str] = {}
    for path in paths:
        try:
            rules = load_rules([path])
        except UsageError as error:
            yield Linted(str(path), refused=str(error))
            continue
        warnings = [*lint(_own(rules, str(path)), built_in), *_twice(rules, str(path), urlids)]
        yield Linted(str(path), _by_line(warnings, str(path)))


def lint(rules: RuleSet, built_in: Mapping[str, Context]) -> tuple[str, ...]:
    """Return all warnings about rules, those of the parser among them; each once, beginning with ``file:line:``."""
    return tuple(dict.fromkeys([*rules.warnings, *remarks(rules, built_in)]))


def _own(rules: RuleSet, name: str) -> RuleSet:
    """Return the rules of one file without the guard that ``load_rules`` always adds."""
    own = tuple(each for each in rules.components if each.source.startswith(f"{name}:"))
    warnings = tuple(each for each in rules.warnings if each.startswith(f"{name}:"))
    return RuleSet(own, warnings, rules.files)


def _twice(rules: RuleSet, name: str, urlids: dict[str, str]) -> Iterator[str]:
    """Warn of a urlid that an earlier file has: a scan with both reads only the first (usmt.md 3.1)."""
    for urlid in {each.urlid.strip().lower() for each in rules.files if each.name == name} - {""}:
        first = urlids.setdefault(urlid, name)
        if first != name:
            yield f"{name}:1: {first} has the same urlid: given together, this file is not read"


def _by_line(warnings: Sequence[str], name: str) -> tuple[Remark, ...]:
    found = []
    for warning in warnings:
        place = re.match(re.escape(name) + r":(\d+): ", warning)
        line, message = (int(place[1]), warning[place.end() :]) if place else (1, warning)
        found.append(Remark(line, message))
    return tuple(sorted(found, key=lambda each: (each.line, each.message)))
