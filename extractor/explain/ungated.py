"""RuleSet -> the same without detection and conditions: what would count if everything were found.

A comparison with what does count tells why a rule that a person expects is not there. Filters stay, for they look at
objects; and so do the conditions of environments: where each of several would set a variable, the last would win.
"""

from __future__ import annotations

from dataclasses import replace

from extractor.rules.model import (
    Component,
    Content,
    ObjectSet,
    Pattern,
    Role,
    Rule,
    Rules,
    RuleSet,
    Script,
)


def ungated(rules: RuleSet) -> RuleSet:
    """Return rules whose every gate is open; warnings and files stay behind."""
    return RuleSet(tuple(map(_component, rules.components)))


def _component(component: Component) -> Component:
    return replace(
        component,
        roles=tuple(map(_role, component.roles)),
    )


def _role(role: Role) -> Role:
    return replace(
        role,
        gate=None,
        rules=tuple(map(_rules, role.rules)),
        components=tuple(map(_component, role.components)),
    )


def _rules(rules: Rules) -> Rules:
    return replace(
        rules,
        gate=None,
        rules=tuple(map(_rule, rules.rules)),
        load=(),
        add=(),
        skipped=(),
        nested=tuple(map(_rules, rules.nested)),
    )


def _rule(rule: Rule) -> Rule:
    return replace(rule, sets=tuple(map(_set, rule.sets)))


def _set(objects: ObjectSet) -> ObjectSet:
    return replace(objects, gate=None, items=tuple(map(_item, objects.items)))


def _item(item: Pattern | Script | Content) -> Pattern | Script | Content:
    return replace(item, sets=tuple(map(_set, item.sets))) if isinstance(item, Content) else item
