"""Taken -> the part of the page that says what is in the store, with charts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from lxml import etree

from extractor.report.page.book import Tally
from extractor.report.page.html import Node, count, folded, h, path, size, table
from extractor.report.page.svg import Slice, bar, shade, stacked, treemap
from extractor.report.page.taken import Application, Taken
from extractor.report.page.whose import Whose

SHOWN = 12
"""Applications that are shown at once; the others are folded."""
LISTED = 400
"""Applications that are listed at all."""
SMALLEST = 0.0005
"""Share of the whole below which a kind of file is in the table alone."""
PEOPLE = 40
"""People with a line of their own in the chart."""


def draw_taken(taken: Taken, whose: Whose) -> list[etree._Element]:
    """Return the content of the section."""
    if not taken.shares:
        return [h("p", "Nothing was stored.", class_="quiet")]
    return [
        h("h3", "By person"),
        *_people(taken, whose),
        h("h3", "By kind of folder"),
        *_folders(taken.folders, whose),
        h("h3", "By kind of file"),
        *_types(taken.types),
        h("h3", "By application"),
        *_applications(taken.applications, whose),
        h("h3", "Largest files"),
        _largest(taken, whose),
    ]


def _people(taken: Taken, whose: Whose) -> Iterator[etree._Element]:
    largest = max((each.files.bytes for each in taken.shares.values()), default=0)
    sids = whose.ordered(taken.shares)
    shares = [taken.shares[sid] for sid in sids[:PEOPLE]]
    rows: list[Sequence[Node]] = [
        [
            whose.mark(each.sid),
            bar(each.files.bytes, largest, whose.shade(each.sid)),
            size(each.files.bytes),
            count(each.files.objects),
            count(each.settings),
        ]
        for each in shares
    ]
    heads = ("Person", "Share", "Size", "Files", "Settings")
    yield table("What each person has in the store", heads, rows, numeric=(2, 3, 4), look="chart")
    if len(sids) > PEOPLE:
        yield h("p", f"and {count(len(sids) - PEOPLE)} more", class_="quiet")
    yield h(
        "p",
        "Settings are keys and values of the registry and of INI files. What belongs to no person is This Computer's.",
        class_="quiet",
    )


def _folders(folders: Mapping[str, Mapping[str, Tally]], whose: Whose) -> Iterator[etree._Element]:
    sums = {name: _sum(tallies) for name, tallies in folders.items()}
    largest = max((each.bytes for each in sums.values()), default=0)
    ordered = sorted(sums, key=lambda name: (-sums[name].bytes, name))
    rows: list[Sequence[Node]] = [
        [
            name,
            stacked(whose.slices(folders[name]), largest),
            size(sums[name].bytes),
            count(sums[name].objects),
        ]
        for name in ordered
    ]
    people = whose.ordered({sid for tallies in folders.values() for sid in tallies})[:PEOPLE]
    names = (
        h("li", h("span", class_=f"swatch {whose.shade(sid)}"), whose.mark(sid)) for sid in people
    )
    yield h("ul", *names, class_="legend")
    heads = ("Folder", "Share", "Size", "Files")
    yield table(
        "Kinds of folders, wherever the user had moved them",
        heads,
        rows,
        numeric=(2, 3),
        look="chart",
    )


def _sum(tallies: Mapping[str, Tally]) -> Tally:
    found = Tally()
    for each in tallies.values():
        found.add(each.objects, each.bytes)
    return found


def _types(types: Mapping[str, Tally]) -> Iterator[etree._Element]:
    ordered = sorted(types, key=lambda name: (-types[name].bytes, name))
    least = sum(each.bytes for each in types.values()) * SMALLEST
    parts = [
        Slice(
            name,
            types[name].bytes,
            shade(number),
            f"{size(types[name].bytes)}, {count(types[name].objects, 'file')}",
        )
        for number, name in enumerate(ordered)
        if types[name].bytes > least
    ]
    title = "Stored bytes by kind of file"
    if parts:
        yield h("div", treemap("types-wide", title, parts, 760, 300), class_="wide")
        yield h("div", treemap("types-narrow", title, parts, 360, 340), class_="narrow")
    rows = ([name, count(types[name].objects), size(types[name].bytes)] for name in ordered)
    yield folded(
        f"The numbers: {count(len(ordered), 'kind')} of files",
        table(
            "Kinds of files, by the extension of their names",
            ("Kind", "Files", "Size"),
            rows,
            numeric=(1, 2),
        ),
    )


def _applications(applications: Sequence[Application], whose: Whose) -> Iterator[etree._Element]:
    if not applications:
        yield h("p", "No application's data were chosen.", class_="quiet")
        return
    groups: dict[str, list[Application]] = {}
    for each in applications[:LISTED]:
        groups.setdefault(each.origin.group, []).append(each)
    largest = max(each.files.bytes for each in applications)
    for name in sorted(groups, key=lambda name: (_RANK.get(name, 9), name)):
        listed = [_application(each, largest, whose) for each in groups[name]]
        heads = ("Application", "Share", "Size", "Files", "Settings", "Whose")
        yield h("h4", name)
        yield table(
            f"{name}, by stored bytes", heads, listed[:SHOWN], numeric=(2, 3, 4), look="chart bare"
        )
        if listed[SHOWN:]:
            more = table(
                f"{name}, the smaller ones",
                heads,
                listed[SHOWN:],
                numeric=(2, 3, 4),
                look="chart bare",
            )
            yield folded(f"{count(len(listed) - SHOWN)} more", more)
    if len(applications) > LISTED:
        yield h("p", f"and {count(len(applications) - LISTED)} more", class_="quiet")


_RANK = {
    "Applications": 0, "Other program data": 1, "Settings of Windows": 2, "Keys, certificates and passwords": 3,
    "Other rules": 4,
}  # fmt: skip


def _application(each: Application, largest: int, whose: Whose) -> Sequence[Node]:
    people = whose.ordered(each.people)
    names = ", ".join(map(whose.name, people[:4])) + (
        f" and {len(people) - 4} more" if people[4:] else ""
    )
    return [
        each.origin.name,
        bar(each.files.bytes, largest),
        size(each.files.bytes),
        count(each.files.objects),
        count(each.settings),
        h("bdi", names),
    ]


def _largest(taken: Taken, whose: Whose) -> etree._Element:
    rows: Iterator[Sequence[Node]] = (
        [path(each.path), whose.mark(each.sid), size(each.size)] for each in taken.largest
    )
    return table("The largest files in the store", ("File", "Whose", "Size"), rows, numeric=(2,))
