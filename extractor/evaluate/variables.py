"""Environments -> the variables of a component: later definitions that succeed override earlier ones (usmt.md 3.5)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from extractor.errors import RuleFileError, SourceError
from extractor.evaluate import strings
from extractor.evaluate.active import Remap
from extractor.evaluate.frames import Meant, View, unescape
from extractor.evaluate.gates import holds, patterns_of, unused
from extractor.model import upcase
from extractor.rules.model import Call, Environment, Script, Variable
from extractor.rules.patterns import PatternError, escape

MOST_GROWN = 1 << 20
"""Characters that all definitions around an element may come to: each may double an earlier one, in each context."""
_LEAST = 256  # what a definition counts at least, so that there are 4096 at most
_TREE = re.compile(r"\\\*\s*\[\*\]\s*$")


def defined(environments: Iterable[Environment], view: View) -> View:
    """Return the view with the variables of environments, in order; raise RuleFileError when they are a bomb."""
    for environment in environments:
        inner = view.within(environment.context, environment.source)
        active = view.holds(environment.context) and holds(environment.gate, inner) is not False
        for variable in environment.variables:
            value = _value(variable, replace(view, width=inner.width)) if active else None
            view = _with(view, variable, value)
    return view


def _with(view: View, variable: Variable, value: str | None) -> View:
    name = upcase(variable.name)
    view = replace(view, grown=view.grown + max(len(value or ""), _LEAST))
    if view.grown > MOST_GROWN:
        raise RuleFileError(
            f"{variable.source}: with this one, the variables of a component come to more than {MOST_GROWN:,} "
            "characters"
        )
    if value is None:
        return view if name in view.variables else replace(view, unset=view.unset | {name})
    remaps = view.remaps
    if variable.remap:
        made = Remap(variable.name, unescape(value), view.frame.scope, variable.source)
        remaps = (*remaps, made)
    variables = {**view.variables, name: value}
    return replace(view, variables=variables, remaps=remaps)


def _value(variable: Variable, view: View) -> str | None:
    """Return the value of a definition as pattern text, None when it yields none."""
    value = variable.value
    if isinstance(value, str):
        return _text(variable, value, view)
    if isinstance(value, Script):
        return _string(variable.name, value, view)
    found = map(_location, patterns_of(value, view))
    return next((location for location in found if location is not None), None)


def _text(variable: Variable, text: str, view: View) -> str | None:
    try:
        return view.expand(text)
    except PatternError as error:
        view.fail(variable.source, text, f"%{variable.name}% is not set: {error}")
        return None


def _string(name: str, script: Script, view: View) -> str | None:
    """Return what GetStringContent reads; NULL leaves the earlier value and is nothing to tell of."""
    written = " ".join(each or "" for each in script.call.arguments)
    try:
        call = _expanded(script.call, view)
        key = ("getstringcontent", *call.arguments)
        frame = view.frame
        # Data of the machine is expanded with the machine's own variables: those of a component are not known there.
        plain = replace(view, variables=frame.variables).plain
        found = view.recall(key, lambda: strings.string_content(call, frame.facts, plain))
    except (PatternError, SourceError) as error:
        view.fail(script.source, written, f"%{name}% is not set: {error}")
        return None
    return None if found is None else escape(found)


def _expanded(call: Call, view: View) -> Call:
    """Return a call of GetStringContent that can be asked; its second argument is a location."""
    if call.function.lower() != "getstringcontent":
        raise PatternError(f"{call} does not make text")
    given = [
        each if each is None else view.expand(each) if index == 1 else view.expand_plain(each)
        for index, each in enumerate(call.arguments)
    ]
    return replace(call, arguments=tuple(given))


def _location(meant: Meant) -> str | None:
    """Return a location as text: the first object of a written pattern; of a tree that a function made, its path."""
    if meant.made:
        return _TREE.sub("", meant.text).rstrip()
    facts = meant.view.frame.facts
    try:
        found = next(iter(facts.objects(meant.kind, meant.text)), None)
    except (PatternError, SourceError) as error:
        unused(meant, error)
        return None
    return found.location if found else None
