"""RuleSet -> what is doubtful in it, element by element: each remark begins with ``file:line:``.

The walk knows at each element which contexts are left and which variables have a value there, as evaluation will.
Source: usmt.md 3.2 (structure), 3.3 (contexts), 3.5 (environments), 3.8 (which arguments are locations).
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from extractor.rules.doubts import Known, doubts, variable_doubts
from extractor.rules.interplay import interplay
from extractor.rules.model import (
    Call,
    Component,
    Condition,
    Content,
    Context,
    Environment,
    Exists,
    Gate,
    ObjectSet,
    Pattern,
    Role,
    Rule,
    Rules,
    RuleSet,
    Script,
    Variable,
)
from extractor.rules.patterns import PatternKind

_LOCATIONS: Mapping[str, tuple[tuple[int, int], ...]] = {
    "DoesObjectExist": ((0, 1),),
    "DoesStringContentEqual": ((0, 1),),
    "DoesStringContentContain": ((0, 1),),
    "GetStringContent": ((0, 1),),
    "GenerateUserPatterns": ((0, 1),),
    "IsSameObject": ((0, 1), (0, 2)),
    "IsSameContent": ((0, 1), (2, 3)),
    "IsSameStringContent": ((0, 1), (2, 3)),
}
"""Function -> (argument that is the type, argument that is the location) of each location it takes."""
_KINDS = {kind.value.lower(): kind for kind in PatternKind}


@dataclass(frozen=True, slots=True)
class _Around:
    """What holds where an element stands: the variables, and the contexts in which it is met."""

    known: Known
    context: Context

    def narrowed(self, context: Context) -> _Around:
        return replace(self, context=self.context & context)


def remarks(rules: RuleSet, built_in: Mapping[str, Context]) -> Iterator[str]:
    """Yield what is doubtful in the rules; one that is used in several places may be told several times."""
    for component in rules.components:
        yield from _component(component, _Around(Known(built_in), Context.BOTH))


def _component(component: Component, around: _Around) -> Iterator[str]:
    here = around.narrowed(component.context)
    yield from _absent(component.source, "component", here)
    if not component.named:
        yield f"{component.source}: the component has no displayName: no Config.xml can leave it out"
    if not component.roles:
        yield f"{component.source}: the component has no <role>, so it does nothing"
    here = yield from _environments(component.environments, here)
    for role in component.roles:
        yield from _role(role, here)
    yield from interplay(component)


def _role(role: Role, around: _Around) -> Iterator[str]:
    if not (role.rules or role.components):
        wanted = "component" if role.kind == "Container" else "rules"
        yield f"{role.source}: the role has no <{wanted}>, so it does nothing"
    here = yield from _environments(role.environments, around)
    yield from _gate(role.gate, here)
    for rules in role.rules:
        yield from _rules(rules, here)
    for component in role.components:
        yield from _component(component, here)


def _rules(rules: Rules, around: _Around) -> Iterator[str]:
    here = around.narrowed(rules.context)
    yield from _absent(rules.source, "rules", here)
    yield from _gate(rules.gate, here)
    for rule in rules.rules:
        yield from _rule(rule, here)
    for each in rules.load:
        yield from _sets(each.sets, here)
    for added in rules.add:
        yield from _gate(added.gate, here)
    for nested in rules.nested:
        yield from _rules(nested, here)


def _rule(rule: Rule, here: _Around) -> Iterator[str]:
    if not any(each.items for each in rule.sets):
        yield f"{rule.source}: <{rule.verb}> names no objects, so it does nothing"
    yield from _sets(rule.sets, here)


def _absent(source: str, element: str, here: _Around) -> Iterator[str]:
    if not here.context:
        yield f"{source}: the context of <{element}> lies outside the one around it: it never counts"


# --- variables ------------------------------------------------------------------------------------


def _environments(
    environments: Sequence[Environment], around: _Around
) -> Generator[str, None, _Around]:
    """Yield what is doubtful in environments, in order; return what holds after them."""
    known = around.known
    for environment in environments:
        here = replace(around.narrowed(environment.context), known=known)
        yield from _absent(environment.source, "environment", here)
        yield from _gate(environment.gate, here)
        for variable in environment.variables:
            yield from _variable(variable, replace(here, known=known))
            known = known.with_own(variable.name, here.context)
    return replace(around, known=known)


def _variable(variable: Variable, here: _Around) -> Iterator[str]:
    if isinstance(variable.value, Script):
        yield from _call(variable.value.call, variable.value.source, here)
    elif isinstance(variable.value, ObjectSet):
        yield from _sets([variable.value], here)
    else:
        yield from _at(variable.source, variable_doubts(variable.value, here.context, here.known))


# --- sets and gates -------------------------------------------------------------------------------


def _sets(sets: Sequence[ObjectSet], here: _Around) -> Iterator[str]:
    for each in sets:
        yield from _gate(each.gate, here)
        for item in each.items:
            yield from _item(item, here)


def _item(item: Pattern | Script | Content, here: _Around) -> Iterator[str]:
    if isinstance(item, Pattern):
        yield from _at(item.source, doubts(item, here.context, here.known))
    elif isinstance(item, Script):
        yield from _call(item.call, item.source, here)
    else:
        yield from _sets(item.sets, here)


def _gate(gate: Gate | None, here: _Around) -> Iterator[str]:
    if isinstance(gate, Condition):
        yield from _call(gate.call, gate.source, here)
    elif isinstance(gate, Exists):
        yield from _sets([gate.objects], here)
    elif gate is not None:
        inner = here.narrowed(gate.context)
        yield from _absent(gate.source, "detection", inner)
        for member in gate.members if inner.context else ():
            yield from _gate(member, inner)


def _call(call: Call, source: str, here: _Around) -> Iterator[str]:
    if call.function == "GenerateDrivePatterns" and "%" in call.argument(0):
        yield f"{source}: GenerateDrivePatterns takes no variables: the % stand for themselves"
        return
    if call.function == "GenerateUserPatterns":
        here = replace(here, context=Context.USER)
    locations = _LOCATIONS.get(call.function, ())
    for kind, location in locations:
        yield from _location(call.argument(kind), call.argument(location), source, here)
    own = {each for pair in locations for each in pair}
    for index, text in enumerate(call.arguments):
        if text and index not in own:
            yield from _at(source, variable_doubts(text, here.context, here.known))


def _location(kind: str, text: str, source: str, here: _Around) -> Iterator[str]:
    known = _KINDS.get(kind.strip().lower())
    if known is None:
        yield f"{source}: type {kind!r} is none of {', '.join(PatternKind)}"
    elif text:
        yield from _at(source, doubts(Pattern(known, text, source), here.context, here.known))


def _at(source: str, said: Iterator[str]) -> Iterator[str]:
    return (f"{source}: {each}" for each in said)
