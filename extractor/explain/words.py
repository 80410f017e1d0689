"""An active rule in words: its pattern as it was met, and how narrow it is (usmt.md 4.2)."""

from __future__ import annotations

from extractor.evaluate import ActiveRule
from extractor.rules.patterns import Glob, PatternKind

_NODE = {PatternKind.FILE: "folder", PatternKind.REGISTRY: "key", PatternKind.INI: "section"}


def shown(rule: ActiveRule) -> str:
    """Return a rule's pattern with its variables replaced; in upper case where only the compiled one is known."""
    if rule.expanded:
        return rule.expanded
    node, leaf = _glob(rule.location.node), rule.location.leaf
    return f"{node.rstrip(chr(92))} [{_glob(leaf)}]" if leaf else node.rstrip("\\")


def _glob(glob: Glob) -> str:
    return "*".join(glob.pieces)


def narrowness(rule: ActiveRule) -> str:
    """Return how narrow a rule is, in the order in which that counts: the node first, then the leaf."""
    return f"{_of_node(rule)}, {_of_leaf(rule)}"


def _of_node(rule: ActiveRule) -> str:
    node, word = rule.location.node, _NODE[rule.kind]
    literal = f"node {len(node.prefix)} literal characters"
    if node.weight > len(node.prefix):
        literal += f" before its first * ({node.weight} in all)"
    if not node.open_ended:
        return f"{literal}, this {word} only" if node.exact else f"{literal}, no deeper {word}"
    if node.pieces[-2].endswith("\\"):
        return f"{literal}, whole tree"
    return f"{literal}, every {word} that begins so" if node.weight else f"{literal}, everywhere"


def _of_leaf(rule: ActiveRule) -> str:
    leaf = rule.location.leaf
    if leaf is None:
        return f"the {_NODE[rule.kind]} itself"
    if leaf.everything:
        return "any name"
    return "this name" if leaf.exact else f"names with {leaf.weight} literal characters"
