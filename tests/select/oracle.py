r"""What rules take, worked out from the sentences of usmt.md 3.6, 4.1 and 4.2: every pattern against every object.

Shares no code with the product: patterns are regular expressions here, and nothing is left out early.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from extractor.model import User
from tests.select.machine import Thing

INCLUDE, EXCLUDE, NEVER = "include", "exclude", "unconditionalExclude"


class Rule(NamedTuple):
    """An include, exclude or unconditionalExclude of one pattern; ``kind`` is File, Registry or Ini."""

    verb: str
    kind: str
    text: str


class Component(NamedTuple):
    """Rules that meet, in one context: User, System or UserAndSystem."""

    context: str
    rules: Sequence[Rule]


def taken(
    components: Iterable[Component],
    things: Iterable[Thing],
    coming: Sequence[User],
    absent: Sequence[User],
) -> set[str]:
    """Return the paths of the objects that are taken of a machine."""
    instances = [frame for each in components for frame in _frames(each, coming)]
    return {
        thing.path
        for thing in things
        if not any(_belongs(thing, user) for user in absent) and _is_taken(thing, instances)
    }


def _is_taken(thing: Thing, instances: Iterable[Sequence[Rule]]) -> bool:
    kept = barred = False
    for rules in instances:
        best = {verb: _best(thing, rules, verb) for verb in (INCLUDE, EXCLUDE, NEVER)}
        kept |= best[INCLUDE] > best[EXCLUDE]
        barred |= best[NEVER] > ()
    return kept and not barred


def _best(thing: Thing, rules: Iterable[Rule], verb: str) -> tuple[int, ...]:
    return max(
        (key for rule in rules if rule.verb == verb for key in _keys(thing, rule)), default=()
    )


# --- contexts -------------------------------------------------------------------------------------


def _frames(component: Component, users: Sequence[User]) -> Iterator[list[Rule]]:
    if "System" in component.context:
        yield [rule for rule in component.rules if not re.match("%|HKCU", rule.text)]
    if "User" in component.context:
        for user in users:
            yield [rule._replace(text=_own(rule.text, user)) for rule in component.rules]


def _own(text: str, user: User) -> str:
    values: Mapping[str, str] = {
        "%USERPROFILE%": str(user.profile),
        "HKCU": rf"HKU\{user.sid}",
        "%USERNAME%": user.name,
    }
    return re.sub("|".join(values), lambda found: values[found[0]], text)


def _belongs(thing: Thing, user: User) -> bool:
    """Tell whether an object lies in the profile or the hive of a user."""
    path = thing.path.upper() + "\\"
    return path.startswith((f"{user.profile}\\".upper(), f"HKU\\{user.sid}\\"))


# --- patterns -------------------------------------------------------------------------------------


def _keys(thing: Thing, rule: Rule) -> Iterator[tuple[int, ...]]:
    """Yield how specific a rule's pattern is, when it takes the object (4.2: the prototype's key)."""
    node, bracket, leaf = rule.text.partition("[")
    node, leaf = node.strip().rstrip("\\"), leaf.removesuffix("]")
    node = node if node.endswith("*") else f"{node}\\"
    if thing.kind != rule.kind or not _matches(node, f"{thing.node}\\"):
        return
    if thing.leaf is None:
        takes = not bracket or (leaf == "*" and node.endswith("*"))
    else:
        takes = bool(bracket) and _matches(leaf, thing.leaf)
    if takes:
        literal = [text.replace("*", "") for text in (node, leaf)]
        exact = bool(bracket) and "*" not in leaf
        yield (
            len(node.split("*")[0]), not node.endswith("*"), len(literal[0]), exact, len(literal[1])
        )  # fmt: skip


def _matches(pattern: str, text: str) -> bool:
    expression = ".*".join(re.escape(piece) for piece in pattern.split("*"))
    return bool(re.fullmatch(expression, text, re.IGNORECASE | re.DOTALL))
