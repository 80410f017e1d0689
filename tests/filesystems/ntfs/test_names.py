"""Names made from columns are those that a plain reading of the same records gives: any tangle of them."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from extractor.filesystems.tree import Tree, is_link
from extractor.model import Entry
from tests.filesystems.ntfs.made import (
    DOS,
    WIN32,
    file_name,
    opened,
    record,
    resident,
    standard,
    volume_of,
)

ROOT, FIRST = 5, 24
JUNCTION, WOF, CLOUD = 0xA0000003, 0x80000017, 0x9000001A


@dataclass(frozen=True)
class Name:
    parent: int
    sequence: int
    namespace: int
    text: str


@dataclass(frozen=True)
class Made:
    directory: bool
    sequence: int
    tag: int
    names: tuple[Name, ...]


NAMES = st.builds(
    Name,
    st.one_of(st.just(ROOT), st.integers(FIRST, FIRST + 9), st.integers(0, 60)),
    st.sampled_from([1, 1, 1, 2, 0, 5]),
    st.integers(0, 3),
    st.sampled_from(["a", "A", "b", "ß", "ſ", "s", "\ud800x", "I", "ı", "long name"]),
)
FILES = st.builds(
    Made,
    st.booleans(),
    st.sampled_from([1, 1, 1, 2]),
    st.sampled_from([0, 0, 0, 0, JUNCTION, WOF, CLOUD]),
    st.lists(NAMES, min_size=1, max_size=3).map(tuple),
)


def raw(file: Made) -> bytes:
    names = [file_name(n.text, n.parent | n.sequence << 48, n.namespace) for n in file.names]
    tag = [resident(0xC0, struct.pack("<IHH", file.tag, 0, 0))] if file.tag else []
    return record(
        standard(), *names, *tag, directory=file.directory, sequence=file.sequence, size=1024
    )


def entries_of(number: int, file: Made) -> list[tuple[Entry, Name]]:
    """Return the entries of a file by the rules of the file system, one name after another."""
    found = []
    for name in file.names:
        same = [
            each
            for each in file.names
            if (each.parent, each.sequence) == (name.parent, name.sequence)
        ]
        if name.namespace == DOS and any(each.namespace == WIN32 for each in same):
            continue
        short = [each.text for each in same if each.namespace == DOS]
        alias = short[-1] if short and name.namespace == WIN32 else ""
        tag = 0 if file.tag == WOF else file.tag
        entry = Entry(number, file.sequence, name.parent, name.text, file.directory, alias, tag)
        found.append((entry, name))
    return found


def reference(files: dict[int, Made]) -> Tree:
    pairs = [pair for number, file in files.items() for pair in entries_of(number, file)]
    links = {entry.record for entry, _ in pairs if is_link(entry)}
    adopted = {(entry, name) for entry, name in pairs if adopts(name, files, links)}
    # An entry may have equals (two names in one directory): each is judged by its own reference.
    verdicts = iter([(entry, name) in adopted for entry, name in pairs])
    root = Entry(ROOT, ROOT, ROOT, "", directory=True)
    return Tree(root, [entry for entry, _ in pairs], lambda _: next(verdicts))


def adopts(name: Name, files: dict[int, Made], links: set[int]) -> bool:
    if name.parent == ROOT:
        return True
    parent = files.get(name.parent)
    if parent is None or name.parent in links:
        return False
    return parent.directory and name.sequence in (0, parent.sequence)


@settings(max_examples=400, deadline=None)
@given(st.lists(FILES, min_size=1, max_size=10))
def test_any_tangle_of_names_is_planted_as_by_hand(made: list[Made]) -> None:
    files = dict(enumerate(made, FIRST))
    wanted = reference(files)
    whole = volume_of({number: raw(file) for number, file in files.items()}, size=1024)
    filesystem = opened(whole)
    assert filesystem.orphans == wanted.orphans
    for number in (ROOT, *files):
        assert list(filesystem.names(number)) == list(wanted.names(number))
        children = [each for each in filesystem._names.children(number) if each.record]
        assert children == list(wanted.children(number))
        for entry in wanted.names(number):
            assert filesystem.path(entry) == wanted.path(entry)
            named = [each for each in filesystem.named(entry.name) if each.record >= FIRST]
            assert named == [each for each in wanted.named(entry.name) if each.record >= FIRST]
