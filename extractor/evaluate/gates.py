"""Gates and object sets: is an element there, and which patterns does it speak of.

A gate is true, false or absent (None); an absent one gates nothing. AND and OR go over the members that are there, and
a group without any is absent (usmt.md 3.3, 3.4). Gates hold object sets (``detect``) and object sets hold gates, so
both are here. Nothing is asked beyond the member that decides; which members that are depends on the rule alone.
"""

from __future__ import annotations

from collections.abc import Iterator

from extractor.errors import SourceError
from extractor.evaluate import contents
from extractor.evaluate.conditions import answer, exists
from extractor.evaluate.frames import Meant, View
from extractor.evaluate.generators import generated
from extractor.rules.functions import FUNCTIONS, Use
from extractor.rules.model import (
    Condition,
    Content,
    Exists,
    Gate,
    Group,
    ObjectSet,
    Operation,
    Pattern,
    Script,
)
from extractor.rules.patterns import PatternError, PatternKind


def holds(gate: Gate | None, view: View) -> bool | None:
    """Tell whether a gate is true in a view; None when it is absent."""
    if gate is None:
        return None
    if isinstance(gate, Condition):
        return answer(gate, view)
    if isinstance(gate, Exists):
        return _any_exists(gate, view)
    return _joined(gate, view) if view.holds(gate.context) else None


def _joined(group: Group, view: View) -> bool | None:
    inner = view.within(group.context, group.source)
    decides = group.operation is Operation.OR
    absent = True
    for member in group.members:
        said = holds(member, inner)
        if said is decides:
            return decides
        absent = absent and said is None
    return None if absent else not decides


def _any_exists(gate: Exists, view: View) -> bool:
    for meant in patterns_of(gate.objects, view):
        try:
            if _is_there(meant):
                return True
        except (PatternError, SourceError) as error:
            unused(meant, error)
    return False


def _is_there(meant: Meant) -> bool:
    frame = meant.view.frame
    key = ("doesobjectexist", meant.kind, meant.text)
    return meant.view.recall(key, lambda: exists(frame, meant.kind, meant.text))


def patterns_of(objects: ObjectSet, view: View) -> Iterator[Meant]:
    """Yield the patterns of an object set, variables replaced; none where its gate is false."""
    if objects.gate and holds(objects.gate, view) is False:
        return
    for item in objects.items:
        if isinstance(item, Pattern):
            yield from _written(item, view)
        elif isinstance(item, Script):
            yield from generated(item, view)
        else:
            yield from _contained(item, view)


def _written(pattern: Pattern, view: View) -> Iterator[Meant]:
    try:
        expanded = view.expand(pattern.text)
    except PatternError as error:
        view.fail(pattern.source, pattern.text, f"{pattern.text} is not used: {error}")
        return
    yield Meant(pattern.kind, expanded, pattern.text, pattern.source, view)


def _contained(content: Content, view: View) -> Iterator[Meant]:
    """Yield the patterns that a content function makes of each object of the inner sets, each once."""
    known = FUNCTIONS.get(content.call.function.lower())
    if known is None or not known.uses & Use.CONTENT:
        view.fail(content.source, "", f"{content.call} does not make patterns of content")
        return
    made: set[str] = set()
    inner = view.within(view.width, content.source)
    for meant in (each for objects in content.sets for each in patterns_of(objects, inner)):
        for text in _made_of(content, meant):
            if text not in made:
                made.add(text)
                yield Meant(PatternKind.FILE, text, text, content.source, meant.view, made=True)


def _made_of(content: Content, meant: Meant) -> Iterator[str]:
    view, facts = meant.view, meant.view.frame.facts
    try:
        for found in facts.objects(meant.kind, meant.text):
            view.frame.budget.spend(content.source)
            yield from contents.content_patterns(content.call, found, facts, view.plain)
    except (PatternError, SourceError) as error:
        unused(meant, error)


def unused(meant: Meant, error: Exception) -> None:
    """Tell of a pattern that cannot be used."""
    meant.view.fail(meant.source, meant.written, f"{meant.written} is not used: {error}")
