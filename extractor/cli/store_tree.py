"""``coldstate store tree``: the stored objects as a tree, however deep."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from extractor.cli.arguments import words_parser
from extractor.cli.screen import human_size
from extractor.cli.store_opening import add_store, open_given, parse_words
from extractor.model import ObjectKind, printable
from extractor.store.listing import Branch, branch_at, listing, tree_of

TEXT = """Draw the stored objects as a tree, all of it or what lies at PATH. What --depth cuts off is counted."""
USAGE = "coldstate store tree STORE [PATH] [--depth N] [--key STRING | --keyfile FILE | --identity FILE]"


def run_tree(words: list[str]) -> int:
    """Print the tree; 0."""
    parser = words_parser("store tree", TEXT, USAGE)
    add_store(parser)
    parser.add_argument("path", nargs="?", default="", metavar="PATH", help="where it begins")
    parser.add_argument("--depth", type=_depth, metavar="N", help="levels that are drawn")
    given = parse_words(parser, words)
    with open_given(given) as store:
        found = listing(store, streams=True)
        root = tree_of(each for each in found if each.kind is not ObjectKind.ACCOUNT)
    top = branch_at(root, given.path)
    print(printable(given.path or str(given.store)))
    for line in lines_of(top, given.depth):
        print(line)
    print(f"\n{top.objects:,} objects, {human_size(top.bytes)}")
    return 0


def _depth(text: str) -> int:
    number = int(text) if text.isascii() and text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of levels")
    return number


def lines_of(top: Branch, depth: int | None) -> Iterator[str]:
    """Yield what is drawn below a branch, printable; ``depth`` is the number of levels, None for all."""
    pending = _children(top, "", 1)
    while pending:
        branch, prefix, last, level = pending.pop()
        below = bool(branch.children)
        cut = below and depth is not None and level >= depth
        yield f"{prefix}{'└── ' if last else '├── '}{_label(branch, cut=cut)}"
        if below and not cut:
            pending += _children(branch, prefix + ("    " if last else "│   "), level + 1)


def _children(branch: Branch, prefix: str, level: int) -> list[tuple[Branch, str, bool, int]]:
    """Return the children, the first one last."""
    found = branch.sorted_children()[::-1]
    return [(child, prefix, number == 0, level) for number, child in enumerate(found)]


def _label(branch: Branch, *, cut: bool) -> str:
    target = next((each.target for each in branch.found if each.target), "")
    told = f"  ({branch.objects:,} objects, {human_size(branch.bytes)})" if cut else ""
    return printable(f"{branch.name}{f' -> {target}' if target else ''}") + told
