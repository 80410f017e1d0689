"""RuleSet x Scene -> Activation: all that the rules mean for the machine and for each user who comes.

From the component down: where a context does not hold the frame's, where a gate is false, or where Config.xml says no,
the element is gone with all inside it; a definition that is referred to by name is met with the variables of whoever
refers to it. Sources: usmt.md 3.2 to 3.9, 4.1, 5.3. The specification is silent on what to say; here every pattern,
condition or variable that cannot be resolved leaves a note with its line (``frames`` says at which level), and no order
of files or components changes the set of rules or notes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from extractor.evaluate.active import (
    Activation,
    ActiveLoadRule,
    ActiveRule,
    Filter,
    Meeting,
    Pretended,
    Remap,
)
from extractor.evaluate.compiling import Compiler
from extractor.evaluate.filters import filter_of
from extractor.evaluate.frames import Budget, Meant, Notes, View, frames_of
from extractor.evaluate.gates import holds, patterns_of, unused
from extractor.evaluate.pretended import pretended
from extractor.evaluate.scene import Scene
from extractor.evaluate.variables import defined
from extractor.model import User
from extractor.rules.model import (
    Call,
    Component,
    LoadRule,
    Role,
    Rule,
    Rules,
    RuleSet,
    Skipped,
    Verb,
)
from extractor.rules.patterns import Location, PatternError


class Choice(Protocol):
    """What is asked of a Config.xml (``rules.config.Config``)."""

    def migrates(self, component: Component, role: Role) -> bool:
        """Tell whether a role of a component migrates."""
        ...


class _Everything:
    def migrates(self, _component: Component, _role: Role) -> bool:
        return True


def activate(
    rules: RuleSet, scene: Scene, users: Sequence[User], config: Choice | None = None
) -> Activation:
    """Bring rules to one Windows: to its machine, and to each of ``users``.

    Raises RuleFileError for definitions that refer to each other by name without an end in sight, and for variables
    that grow like that; everything else that cannot be used is told of in ``Activation.notes``, the warnings of the
    rule files among them.
    """
    meeting = _Activating(scene, config or _Everything())
    for warning in rules.warnings:
        meeting.notes.add("warning", warning)
    for frame in frames_of(scene, users, meeting.notes, Budget()):
        view = View(frame, frame.variables, meeting.notes)
        for component in rules.components:
            meeting.meet(component, view, present=True, migrates=True)
    return meeting.result()


@dataclass(frozen=True, slots=True)
class _Place:
    """The role that rules stand in, and the number of its component in this frame."""

    component: Component
    role: Role
    instance: int


class _Activating:
    """The results of an activation while they come together."""

    def __init__(self, scene: Scene, config: Choice) -> None:
        self.notes = Notes()
        self._config = config
        self._compiler = Compiler(scene)
        self._instances = 0
        self._rules: list[ActiveRule] = []
        self._meetings: list[Meeting] = []
        self._load_rules: list[ActiveLoadRule] = []
        self._pretended: list[Pretended] = []
        self._remaps: dict[Remap, None] = {}
        self._skipped: dict[str, None] = {}

    def result(self) -> Activation:
        """Return all that was found."""
        return Activation(
            tuple(self._rules),
            tuple(self._meetings),
            tuple(self._load_rules),
            tuple(self._pretended),
            tuple(self._remaps),
            tuple(self._skipped),
            self.notes.in_order(),
        )

    def meet(self, component: Component, around: View, *, present: bool, migrates: bool) -> None:
        """Bring a component to a frame; ``present`` and ``migrates`` are what holds for those around it.

        Excludes alone do nothing, except the unconditional ones (usmt.md 4.1). Of what Config.xml removes nothing is
        told, only whether it is there.
        """
        if not around.holds(component.context):
            return
        self._instances += 1
        instance = self._instances
        coming = [migrates and self._config.migrates(component, role) for role in component.roles]
        view = around.within(component.context, component.source)
        if not any(coming):
            view = view.muted()
        if present:
            view = defined(component.environments, view)
        rules: list[ActiveRule] = []
        for role, comes in zip(component.roles, coming, strict=True):
            place = _Place(component, role, instance)
            rules += self._role(place, view, present=present, migrates=comes)
        included = any(rule.verb is Verb.INCLUDE for rule in rules)
        self._rules += (
            rule for rule in rules if included or rule.verb is Verb.UNCONDITIONAL_EXCLUDE
        )

    def _role(
        self, place: _Place, view: View, *, present: bool, migrates: bool
    ) -> Iterator[ActiveRule]:
        role = place.role
        if not migrates:
            view = view.muted()
        if present:
            view = defined(role.environments, view)
            present = holds(role.gate, view) is not False
        self._meetings.append(
            Meeting(place.component, role, view.frame.scope, present=present, migrates=migrates)
        )
        for inner in role.components:
            self.meet(inner, view, present=present, migrates=migrates)
        if present and migrates:
            self._remaps.update(dict.fromkeys(view.remaps))
            for rules in role.rules:
                yield from self._met(rules, place, view)

    def _met(self, rules: Rules, place: _Place, around: View) -> Iterator[ActiveRule]:
        """Yield what a ``rules`` element and those nested in it mean; keep what has no effect on the scan."""
        if not around.holds(rules.context):
            return
        view = around.within(rules.context, rules.source)
        if holds(rules.gate, view) is False:
            return
        for rule in rules.rules:
            yield from self._active(rule, place, view)
        for load in rules.load:
            self._load_rules.append(_for_restore(load, place, replace(view, mild=True)))
        for add in rules.add:
            if holds(add.gate, view) is not False:
                for given in add.objects:
                    self._pretended += pretended(given, view, self._compiler)
        for skipped in rules.skipped:
            self._skipped[_line(skipped)] = None
        for nested in rules.nested:
            yield from self._met(nested, place, view)

    def _active(self, rule: Rule, place: _Place, view: View) -> Iterator[ActiveRule]:
        made = _filter(rule, view)
        for meant in (each for objects in rule.sets for each in patterns_of(objects, view)):
            for location in self._compiled(meant, rule.verb):
                yield ActiveRule(
                    rule.verb,
                    location,
                    place.instance,
                    view.frame.scope,
                    meant.source,
                    meant.written,
                    meant.kind,
                    place.component.name,
                    made,
                    str(rule.filter or ""),
                    rule.attributes,
                    place.component.id_of(place.role),
                    meant.text,
                )

    def _compiled(self, meant: Meant, verb: Verb) -> Iterator[Location]:
        try:
            for location in self._compiler.locations(meant):
                if verb is Verb.INCLUDE and not self._compiler.is_in_reach(meant.kind, location):
                    message = f"{meant.written} is {meant.text}, on no volume of these images"
                    meant.view.note("warning", meant.source, message)
                yield location
        except PatternError as error:
            unused(meant, error)


def _filter(rule: Rule, view: View) -> Filter | None:
    """Return the filter of a rule; one that cannot be resolved takes nothing away from the user's data."""
    call = rule.filter
    if call is None:
        return None
    try:
        call = _expanded(call, view)
    except PatternError as error:
        view.fail(rule.source, str(call), f"the filter {call} is not used: {error}")
        keeps = rule.verb not in {Verb.EXCLUDE, Verb.UNCONDITIONAL_EXCLUDE}
        return lambda _object: keeps
    return filter_of(call, rule.verb, lambda level, message: view.note(level, rule.source, message))


def _for_restore(load: LoadRule, place: _Place, view: View) -> ActiveLoadRule:
    call = load.call
    try:
        call = _expanded(call, view) if call else None
    except PatternError as error:
        view.fail(load.source, str(call), f"{call} is kept as it is: {error}")
    patterns = (each for objects in load.sets for each in patterns_of(objects, view))
    return ActiveLoadRule(
        load.element,
        str(call or ""),
        tuple((meant.kind, meant.text) for meant in patterns),
        place.component.id_of(place.role),
        view.frame.scope,
        load.source,
    )


def _expanded(call: Call, view: View) -> Call:
    given = (each if each is None else view.expand_plain(each) for each in call.arguments)
    return replace(call, arguments=tuple(given))


def _line(skipped: Skipped) -> str:
    when = f" ({skipped.when})" if skipped.when else ""
    return f"{skipped.source}: <{skipped.element}>{when} {'; '.join(skipped.text.splitlines())}"
