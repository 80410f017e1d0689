"""The tree of names: orphans, circles, paths."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from extractor.filesystems.tree import Tree
from extractor.model import Entry

ROOT = Entry(5, 5, 5, "", directory=True)
JUNCTION = 0xA0000003


def folder(record: int, parent: int, tag: int = 0) -> Entry:
    return Entry(record, 1, parent, f"d{record}", directory=True, reparse_tag=tag)


def tree(*entries: Entry, strays: frozenset[int] = frozenset()) -> Tree:
    return Tree(ROOT, entries, lambda each: each.record not in strays)


def test_an_orphan_keeps_what_lies_below_it() -> None:
    top, below = folder(70, 99), folder(71, 70)
    found = tree(top, below, strays=frozenset({70}))
    assert found.orphans == (top,)
    assert found.path(top) == ("$OrphanFiles", "99", "d70")
    assert found.path(below) == ("$OrphanFiles", "99", "d70", "d71")


def test_a_circle_of_directories_is_cut_once() -> None:
    found = tree(folder(30, 31), folder(31, 30), folder(32, 31))
    assert [each.record for each in found.orphans] == [31]
    assert found.path(folder(32, 31))[:2] == ("$OrphanFiles", "30")
    assert found.path(folder(30, 31)) == ("$OrphanFiles", "30", "d31", "d30")


def test_hard_links_are_entries_of_one_record() -> None:
    first, second = Entry(64, 1, 5, "a", directory=False), Entry(64, 1, 5, "B", directory=False)
    found = tree(second, first)
    assert list(found.names(64)) == [second, first]
    assert list(found.children(5)) == [first, second]
    assert list(found.named("b")) == [second]


@given(st.lists(st.tuples(st.integers(5, 30), st.integers(5, 30)), max_size=40))
def test_every_entry_of_any_tangle_is_reached_from_the_root_or_an_orphan(
    pairs: list[tuple[int, int]],
) -> None:
    entries = [folder(record, parent) for record, parent in dict(pairs).items() if record != 5]
    known = {5, *(each.record for each in entries)}
    found = Tree(ROOT, entries, lambda each: each.parent in known)
    reached: set[int] = set()
    todo = [ROOT, *found.orphans]
    while todo:
        entry = todo.pop()
        if entry.record not in reached:
            reached.add(entry.record)
            todo += found.children(entry.record)
    assert reached == known
    for entry in entries:
        assert found.path(entry)[-1] == entry.name
