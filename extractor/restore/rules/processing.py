r"""``processing`` and ``externalProcess`` of the rules -> empty folders that go at the end, and the names of the rest.

Of all functions one can be done without a running Windows: RemoveEmptyDirectories(pattern). The catalog keeps scripts
as they were written (kind ``skipped``: ``<processing> (post-apply) call; call``), so their variables are those that the
store tells of; one of a user is asked for each. Source: USMT "XML elements library" (processing, externalProcess).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from extractor.evaluate import Scene
from extractor.model import Instruction, upcase
from extractor.restore.rules.cleanup import Removal
from extractor.restore.rules.cleanup_reach import folders_reached
from extractor.restore.rules.locations import Locations
from extractor.restore.view import View
from extractor.rules.calls import CallError, parse_call
from extractor.rules.model import Call
from extractor.rules.patterns import Glob, PatternError, escape, expand, node_text, parse_location
from extractor.store.tree import Tree

SKIPPED = "skipped"
AT_LOAD = frozenset({"pre-apply", "apply-success", "post-apply", ""})
"""Moments of a restore; the others are of a scan. What says none is done at the end."""
_ROW = re.compile(r"<(\w+)>(?: \(([\w-]+)\))? (.*)", re.DOTALL)
_NOT_RUN = {
    "externalProcess": "commands of rules are never run",
    "plugin": "a plug-in of Windows is never run",
}


@dataclass(frozen=True, slots=True)
class Emptying:
    """A pattern of folders that go when nothing is in them."""

    node: Glob
    why: str


@dataclass(slots=True)
class Processing:
    """What rules want done around a restore."""

    emptyings: list[Emptying] = field(default_factory=list)
    _said: dict[str, None] = field(default_factory=dict)

    @property
    def notes(self) -> list[str]:
        """What is not run, and what cannot be: a sentence each."""
        return list(self._said)

    def note(self, text: str) -> None:
        """Remember a sentence, once."""
        self._said.setdefault(text)


def read_processing(instructions: Iterable[Instruction], scene: Scene) -> Processing:
    """Return what of the scripts is done, and in ``notes`` what is not; ``scene`` is the old machine, rebuilt."""
    found = Processing()
    for each in instructions:
        row = _ROW.fullmatch(each.text) if each.kind == SKIPPED else None
        if row and row[1] == "processing":
            if (row[2] or "") in AT_LOAD:
                _read_scripts(found, each.source, row[3], scene)
        elif row and row[1] in _NOT_RUN:
            found.note(f"{each.source}: <{row[1]}> {row[3]}: {_NOT_RUN[row[1]]}".rstrip())
    return found


def _read_scripts(found: Processing, source: str, text: str, scene: Scene) -> None:
    for script in filter(None, map(str.strip, _scripts(text))):
        try:
            call = parse_call(script)
        except CallError as error:
            found.note(f"{source}: processing: {error}")
            continue
        if call.function != "RemoveEmptyDirectories":
            found.note(f"{source}: {call} is not run: it needs the running Windows")
        else:
            _read_emptying(found, source, call, scene)


def _scripts(text: str) -> Iterator[str]:
    """Yield what semicolons divide, but those in quotes."""
    begun, quote = 0, ""
    for at, sign in enumerate(text):
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "\"'":
            quote = sign
        elif sign == ";":
            yield text[begun:at]
            begun = at + 1
    yield text[begun:]


def _read_emptying(found: Processing, source: str, call: Call, scene: Scene) -> None:
    try:
        for text in _expanded(call.argument(0), scene):
            found.emptyings.append(Emptying(parse_location(text).node, f"{source}: {call}"))
    except PatternError as error:
        found.note(f"{source}: {call}: {error}: no folder is removed")


def _expanded(text: str, scene: Scene) -> Sequence[str]:
    """Return a pattern with its variables replaced: once, or for each user where only users have them.

    Raises PatternError for a variable that nobody has.
    """
    machine = _as_patterns(scene.variables)
    try:
        return [expand(text, machine)]
    except PatternError:
        people = [machine | _as_patterns(each.variables) for each in scene.profiles]
        if not people:
            raise
        return list(dict.fromkeys(expand(text, each) for each in people))


def _as_patterns(variables: Mapping[str, str]) -> dict[str, str]:
    return {upcase(name): escape(value) for name, value in variables.items()}


def empty_folders(
    view: View, tree: Tree, locations: Locations, emptyings: Sequence[Emptying]
) -> Iterator[Removal]:
    """Yield the folders that hold nothing and that a pattern takes, the deepest first; the view is told of each.

    To be asked when all else is done, with a view that knows what is there by then.
    """
    nodes = [each.node for each in emptyings]
    for place, path in reversed(list(folders_reached(view, locations, nodes, tree.roots))):
        text = node_text(path)
        taking = next((each for each in emptyings if each.node.matches(text)), None)
        if taking and not view.names(place):
            view.remove(place)
            yield Removal(place, path, taking.why)
