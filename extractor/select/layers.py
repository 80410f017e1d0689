"""The rules that match a directory or key, found by the names of what is in it.

A Layer holds what one directory adds; ``above`` it are the rules that match because they match all below some directory
around. So a directory that adds nothing costs nothing, and a name meets only rules that can match it, whatever their
number.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from extractor.evaluate import ActiveRule
from extractor.evaluate.active import Judged
from extractor.rules.model import Verb
from extractor.rules.patterns import Specificity, ending
from extractor.select.precedence import Verdict, verdict

Ranked = tuple[int, ActiveRule]
"""A rule and its place in the order in which rules decide; no two rules have the same."""
Includes = Mapping[int, Specificity]
"""The narrowest include of each component, by ``ActiveRule.instance``."""
Trees = Mapping[int, Ranked]
"""The first exclude of each component that takes all below a directory."""


class Shelf:
    """Rules that one directory adds, by the names of what they may match in it."""

    def __init__(self, rules: Iterable[Ranked]) -> None:
        self.ranks: set[int] = set()
        self.nodes: list[Ranked] = []
        """Those that speak of the directory itself."""
        self.by_name: dict[str, list[Ranked]] = {}
        self.by_ending: dict[str | None, list[Ranked]] = {}
        for each in rules:
            self._add(each)

    def _add(self, each: Ranked) -> None:
        rank, rule = each
        leaf = rule.location.leaf
        self.ranks.add(rank)
        if rule.location.takes_nodes:
            self.nodes.append(each)
        if leaf is not None and leaf.exact:
            self.by_name.setdefault(leaf.prefix, []).append(each)
        elif leaf is not None:
            self.by_ending.setdefault(leaf.ending, []).append(each)


class Layer:
    """Rules whose node matches, on top of those ``above``; alone and empty, the ground on which none does."""

    def __init__(
        self,
        rules: Sequence[Ranked] = (),
        above: Layer | None = None,
        met: set[int] | None = None,
    ) -> None:
        self.met: set[int] = above.met if above else met if met is not None else set()
        """Numbers of all rules that matched anything, in this layer or any other of the same walk."""
        self.shelves: tuple[Shelf, ...] = (Shelf(rules), *(above.shelves if above else ()))
        self.includes: Includes = narrowest(above.includes if above else {}, rules)
        self.trees: Trees = _trees(above.trees if above else {}, rules)
        self.bar: Ranked | None = _bar(above.bar if above else None, rules)
        """What excludes everything here and below, for all components."""
        self.is_open = self.bar is None and _has_unbeaten(self.includes, self.trees)
        """True when an include that matches here is beaten by no exclude of all below."""
        self._shaped: dict[str | None, list[Ranked]] = {}
        self._said: dict[str | None, Verdict | None] = {}
        self._of_node: Verdict | None = None

    def holds(self, each: Ranked) -> bool:
        """Tell whether a rule matches here."""
        return any(each[0] in shelf.ranks for shelf in self.shelves)

    def of_node(self, judged: Judged | None = None) -> Verdict:
        """Return what the rules say of the directory (or key) itself."""
        if self._of_node is not None:
            return self._of_node
        matching = sorted(each for shelf in self.shelves for each in shelf.nodes)
        self.met.update(rank for rank, _ in matching)
        said = verdict((rule for _, rule in matching), judged)
        if not any(rule.filter for _, rule in matching):
            self._of_node = said
        return said

    def of_leaf(self, key: str, judged: Judged | None = None) -> Verdict:
        """Return what the rules say of a file (or value) in it, by its name in upper case."""
        named = [each for shelf in self.shelves for each in shelf.by_name.get(key, ())]
        last = self._known(ending(key))
        said = None if named else self._said.get(last)
        if said is not None:
            return said
        shaped = self._of_ending(last)
        matching = named + [each for each in shaped if each[1].location.takes_leaf(key)]
        self.met.update(rank for rank, _ in matching)
        said = verdict((rule for _, rule in sorted(matching)), judged)
        if not named and last not in self._said:
            self._said[last] = said if all(map(_is_plain, shaped)) else None
        return said

    def _known(self, last: str | None) -> str | None:
        """Return an extension that some rule names; of all others the rules say the same."""
        return last if any(last in shelf.by_ending for shelf in self.shelves) else None

    def _of_ending(self, last: str | None) -> list[Ranked]:
        """Return the rules that may match names of an extension and are no single name."""
        if last not in self._shaped:
            self._shaped[last] = [
                each
                for shelf in self.shelves
                for which in {None, last}
                for each in shelf.by_ending.get(which, ())
            ]
        return self._shaped[last]


def narrowest(known: Includes, rules: Iterable[Ranked]) -> Includes:
    """Return the narrowest includes of each component, with more rules than those already known."""
    found: dict[int, Specificity] = {}
    for _, rule in rules:
        if rule.verb is Verb.INCLUDE:
            narrow = rule.location.specificity
            found[rule.instance] = max(narrow, found.get(rule.instance, narrow))
    for instance, narrow in known.items() if found else ():
        found[instance] = max(narrow, found.get(instance, narrow))
    return found or known


def _trees(known: Trees, rules: Iterable[Ranked]) -> Trees:
    """Return the first exclude of each component that takes all below; one with a filter may spare something."""
    trees = [each for each in rules if each[1].verb is Verb.EXCLUDE and _takes_all(each[1])]
    if not trees:
        return known
    found = dict(known)
    for each in trees:
        found[each[1].instance] = min(each, found.get(each[1].instance, each))
    return found


def _bar(known: Ranked | None, rules: Iterable[Ranked]) -> Ranked | None:
    bars = [each for each in rules if each[1].verb is Verb.UNCONDITIONAL_EXCLUDE]
    bars = [each for each in bars if _takes_all(each[1])]
    return min([*bars, known] if known else bars, default=None)


def _takes_all(rule: ActiveRule) -> bool:
    return rule.location.takes_trees and rule.filter is None


def _has_unbeaten(includes: Includes, trees: Trees) -> bool:
    return any(
        instance not in trees or narrow > trees[instance][1].location.specificity
        for instance, narrow in includes.items()
    )


def cutter(layer: Layer, reaching: Iterable[Includes]) -> ActiveRule | None:
    """Return the exclude that leaves nothing to find in a whole directory, None when something may be chosen in it.

    ``reaching`` are the includes that may match in or below it, at least one. An exclude that takes the whole tree
    beats each include of its component that is not narrower.
    """
    if layer.bar:
        return layer.bar[1]
    cuts: list[Ranked] = []
    for includes in reaching:
        if _has_unbeaten(includes, layer.trees):
            return None
        cuts += [layer.trees[instance] for instance in includes]
    return min(cuts)[1] if cuts else None


def _is_plain(each: Ranked) -> bool:
    """Tell whether a rule looks at nothing of a name but its extension, and at nothing else of an object."""
    rule, leaf = each[1], each[1].location.leaf
    if leaf is None or rule.filter:
        return False
    return leaf.everything or leaf.pieces == ("", f".{leaf.ending}")
