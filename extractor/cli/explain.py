"""``coldstate explain``: why is an object taken, or not? Every rule that touches it, and which one decides.

The JSON is a contract for scripts: fields are added, never renamed.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from extractor.cli.looking import looking_parser, parse_looking, tell_warnings
from extractor.cli.screen import open_console
from extractor.errors import UsageError
from extractor.evaluate import ActiveRule
from extractor.explain.answers import Answer, Explainer
from extractor.explain.questions import is_object
from extractor.explain.words import narrowness, shown
from extractor.model import printable
from extractor.opening import Opened, open_windows

TEXT = """Say for each file, folder, registry key, value or INI value which rules touch it, and which one decides.
  C:\\Users\\bob\\x.txt   HKCU\\Software\\X   "HKCU\\Software\\X [Name]"   C:\\Windows\\win.ini|Section[Key]"""
USAGE = "coldstate explain IMAGE... PATH|KEY... [options]"


@dataclass(frozen=True, slots=True)
class _Explained:
    """The answers for one Windows, and who its users are."""

    opened: Opened
    answers: tuple[Answer, ...]

    def account(self, sid: str) -> str:
        """Return a user's name, or what stands for the machine."""
        names = {each.user.sid: each.user.account for each in self.opened.choices}
        return names.get(sid, sid) if sid else "the machine"


def run_explain(words: list[str]) -> int:
    """Print the answers; 0 when every object is taken, else 3."""
    asked: list[str] = []

    def split(given: argparse.Namespace) -> None:
        """Tell paths of Windows from images: both are words without a dash."""
        asked.extend(word for word in given.images if is_object(word))
        given.images = [word for word in given.images if not is_object(word)]

    given, request = parse_looking(looking_parser("explain", TEXT, USAGE), words, split)
    if not asked:
        raise UsageError(
            "name what is to be explained: C:\\Users\\bob\\x.txt, or HKCU\\Software\\X"
        )
    found = []
    with open_windows(request, tell_warnings) as windows:
        for opened in windows:
            explainer = Explainer(opened)
            answers = tuple(each for word in asked for each in explainer.answers(word))
            found.append(_Explained(opened, answers))
    if given.json:
        print(json.dumps({"windows": [_as_json(each) for each in found]}, indent=2))
    else:
        _draw(open_console(sys.stdout), found)
    return 0 if all(answer.taken for each in found for answer in each.answers) else 3


# --- for people -----------------------------------------------------------------------------------


def _draw(console: Console, found: Sequence[_Explained]) -> None:
    for each in found:
        install = each.opened.install
        if len(found) > 1:
            console.print(Text(printable(f"{install.path} [{install.id}]"), style="bold"))
        for answer in each.answers:
            _draw_answer(console, each, answer)


def _draw_answer(console: Console, explained: _Explained, answer: Answer) -> None:
    console.print(Text(printable(str(answer.path)), style="bold"))
    _line(console, 2, _who(answer))
    if answer.remark:
        _line(console, 2, f"note: {answer.remark}")
    said = f"TAKEN by {answer.rule}" if answer.taken else f"NOT TAKEN: {answer.reason}"
    _line(console, 2, said, style="bold")
    for touch in answer.touches:
        mark = ">" if touch.decides else " "
        rule = touch.rule
        _line(console, 2, f"{mark} {rule.verb}  {rule.source}  {_whose(explained, rule)}")
        _line(console, 6, shown(rule), wrap=False)
        _line(console, 6, f"{narrowness(rule)}: {touch.effect}", style="dim")
    for idle in answer.idle:
        _line(console, 2, f"- {idle.rule.verb}  {idle.rule.source}  {_whose(explained, idle.rule)}")
        _line(console, 6, shown(idle.rule), wrap=False)
        _line(console, 6, f"does not count: {idle.why}", style="dim")
    if not answer.touches and not answer.idle:
        _line(console, 2, "no rule touches it")
    console.print()


def _who(answer: Answer) -> str:
    if answer.owner is None:
        return f"a {answer.kind} of the machine"
    comes = "comes" if answer.owner.selected else "does not come"
    why = f" ({answer.owner.switch})" if answer.owner.switch else ""
    return f"a {answer.kind} of {answer.owner.user.account}, who {comes}{why}"


def _whose(explained: _Explained, rule: ActiveRule) -> str:
    return f"{rule.component}, for {explained.account(rule.scope)}"


def _line(console: Console, indent: int, text: str, *, style: str = "", wrap: bool = True) -> None:
    words = Text(printable(text), style=style, overflow="fold", no_wrap=not wrap)
    console.print(Padding(words, (0, 0, 0, indent)))


# --- for scripts ----------------------------------------------------------------------------------


def _as_json(explained: _Explained) -> dict[str, object]:
    install = explained.opened.install
    return {
        "id": install.id,
        "path": printable(str(install.path)),
        "objects": [_answer_as_json(each) for each in explained.answers],
    }


def _answer_as_json(answer: Answer) -> dict[str, object]:
    return {
        "asked": printable(answer.asked.asked),
        "path": printable(str(answer.path)),
        "kind": answer.kind.value,
        "user": answer.owner.user.sid if answer.owner else "",
        "user_selected": answer.owner.selected if answer.owner else None,
        "taken": answer.taken,
        "reason": printable(answer.reason),
        "rule": printable(answer.rule),
        "remark": printable(answer.remark),
        "rules": [
            {**_rule(each.rule), "decides": each.decides, "effect": printable(each.effect)}
            for each in answer.touches
        ],
        "idle_rules": [{**_rule(each.rule), "why": printable(each.why)} for each in answer.idle],
    }


def _rule(rule: ActiveRule) -> dict[str, object]:
    return {
        "verb": rule.verb.value,
        "source": printable(rule.source),
        "component": printable(rule.component),
        "user": rule.scope,
        "written": printable(rule.text),
        "pattern": printable(shown(rule)),
        "specificity": rule.location.specificity._asdict(),
    }
