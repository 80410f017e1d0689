"""Missed -> the part of the page that says what is not in the store, why, and what can be done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lxml import etree

from extractor.report.page.html import Node, count, folded, h, path, prose, size, table
from extractor.report.page.missed import Exclusion, Loss, Missed
from extractor.report.page.whose import Whose


def draw_losses(missed: Missed, whose: Whose) -> list[etree._Element]:
    """Return what was chosen and could not be taken."""
    if not missed.losses:
        return [
            h("p", "Nothing: every object that the rules chose is in the store.", class_="good-box")
        ]
    return [_loss(each, whose) for each in missed.losses]


def _loss(loss: Loss, whose: Whose) -> etree._Element:
    what = f"{count(loss.tally.objects, 'object')}, {size(loss.tally.bytes)}"
    said = sorted(loss.said.items(), key=lambda each: (-each[1], each[0]))
    return h(
        "article",
        h(
            "h4",
            loss.reason.title,
            " ",
            h("span", what, class_="badge"),
            id=f"loss-{loss.reason.key}",
        ),
        h("p", loss.reason.meaning),
        h("p", h("strong", "What can be done: "), *prose(loss.reason.remedy)),
        h("p", h("strong", "Whose: "), whose.said(loss.people)),
        _examples(loss, whose),
        *(
            [h("p", f"and {count(loss.more)} more, all of them in the manifest", class_="quiet")]
            if loss.more
            else []
        ),
        folded(
            "The program's own words",
            h("ul", *(h("li", f"{sentence} ({count(number)})") for sentence, number in said[:12])),
        ),
        class_="card loss",
    )


def _examples(loss: Loss, whose: Whose) -> etree._Element:
    rows: Iterator[Sequence[Node]] = (
        [path(each.path), whose.mark(each.sid), size(each.size)] for each in loss.examples
    )
    title = "All of them" if not loss.more else "The largest of them"
    return table(title, ("Name", "Whose", "Size"), rows, numeric=(2,))


def draw_exclusions(missed: Missed) -> Iterator[etree._Element]:
    """Yield what was left out on purpose."""
    if not missed.exclusions:
        yield h("p", "Nothing was left out by a rule.", class_="quiet")
        return
    yield h(
        "p",
        "Caches, programs, Windows itself and what the rules say is not wanted. A folder that is left out whole counts "
        "as one object here, and what lies in it has no size in these numbers.",
    )
    heads = ("Left out", "By", "Objects", "Size")
    yield table("Left out on purpose", heads, map(_exclusion, missed.exclusions), numeric=(2, 3))
    rest = missed.more_exclusions
    if rest.objects:
        more = f"Other rules left out {count(rest.objects, 'object')} of {size(rest.bytes)}; the manifest names them."
        yield h("p", more, class_="quiet")


def _exclusion(each: Exclusion) -> list[Node]:
    return [each.what, path(each.by), count(each.tally.objects), size(each.tally.bytes)]


def draw_links(missed: Missed, whose: Whose) -> Iterator[etree._Element]:
    """Yield links that lead nowhere in the store."""
    if not missed.links:
        return
    rows = ([path(each.path), path(each.target), whose.mark(each.sid)] for each in missed.links)
    more = f" {count(missed.more_links)} more are in the manifest." if missed.more_links else ""
    yield h(
        "article",
        h("h4", "Links whose target is not here"),
        h("p", f"Junctions and symbolic links are kept, what they lead to was not taken.{more}"),
        table("Links", ("Link", "Leads to", "Whose"), rows),
        class_="card",
    )
