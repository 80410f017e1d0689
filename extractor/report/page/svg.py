"""Numbers -> charts as inline SVG: bars, a strip, a treemap. Colours are classes, texts are texts.

A chart that says what no text beside it says has a title and a description; any other is hidden from screen readers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lxml import etree

from extractor.report.page.html import count, h, size

NAMESPACE = "http://www.w3.org/2000/svg"
SHADES = 8
"""Colours of a chart: classes c0 to c7, after which they begin anew."""
GREY = "c6"
"""What belongs to no person."""
_CHARACTER = 8.2
"""Width of a character of a treemap's texts, in its units."""


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of a chart: what it stands for, how much, and its colour."""

    label: str
    amount: int
    shade: str
    detail: str = ""


def shade(number: int) -> str:
    """Return the class of a colour by its number."""
    return f"c{number % SHADES}"


def _svg(*content: etree._Element, **attributes: str) -> etree._Element:
    """Return an image; ``viewbox`` and ``preserve`` are spelled as SVG wants them."""
    spelled = {"viewbox": "viewBox", "preserve": "preserveAspectRatio"}
    element = h("svg", *content, xmlns=NAMESPACE, focusable="false")
    for name, value in attributes.items():
        element.set(spelled.get(name, name.rstrip("_").replace("_", "-")), value)
    return element


def bar(amount: int, largest: int, shade_: str = "c0") -> etree._Element:
    """Return a bar whose length is a share of the largest one; what is not nothing can be seen."""
    width = max(100 * amount / largest, 0.6) if amount and largest else 0.0
    return _svg(
        h("rect", x="0", y="0", width="100", height="10", class_="track"),
        h("rect", x="0", y="0", width=f"{width:.2f}", height="10", class_=shade_),
        viewbox="0 0 100 10", preserve="none", class_="bar", aria_hidden="true",
    )  # fmt: skip


def stacked(parts: Sequence[Slice], largest: int) -> etree._Element:
    """Return a bar made of parts; it is as long as their sum, measured by the largest one."""
    rects, at = [h("rect", x="0", y="0", width="100", height="10", class_="track")], 0.0
    for each in parts:
        if not each.amount:
            continue
        width = max(100 * each.amount / (largest or 1), 0.6)
        told = h("title", f"{each.label}: {each.detail or count(each.amount)}")
        rects.append(
            h(
                "rect",
                told,
                x=f"{at:.2f}",
                y="0",
                width=f"{width:.2f}",
                height="10",
                class_=each.shade,
            )
        )
        at += width
    return _svg(*rects, viewbox="0 0 100 10", preserve="none", class_="bar", aria_hidden="true")


def strip(identity: str, title: str, parts: Sequence[Slice], least: float = 0.8) -> etree._Element:
    """Return parts of a whole beside each other; each is at least ``least`` of a hundred wide."""
    seen = [each for each in parts if each.amount]
    whole = sum(each.amount for each in seen) or 1
    widths = [max(100 * each.amount / whole, least) for each in seen]
    scale = 100 / (sum(widths) or 1)
    rects, at = [], 0.0
    for each, width in zip(seen, widths, strict=True):
        told = h("title", f"{each.label}: {each.detail or count(each.amount)}")
        rects.append(
            h("rect", told, x=f"{at:.3f}", y="0", width=f"{width * scale:.3f}", height="10", class_=each.shade)
        )  # fmt: skip
        at += width * scale
    return _titled(
        identity, title, seen, rects, viewbox="0 0 100 10", preserve="none", class_="strip"
    )


def _titled(
    identity: str,
    title: str,
    parts: Iterable[Slice],
    drawn: Iterable[etree._Element],
    **attributes: str,
) -> etree._Element:
    said = "; ".join(f"{each.label}: {each.detail or count(each.amount)}" for each in parts)
    return _svg(
        h("title", title, id=f"{identity}-title"),
        h("desc", said, id=f"{identity}-desc"),
        *drawn,
        role="img", aria_labelledby=f"{identity}-title {identity}-desc", **attributes,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle."""

    x: float
    y: float
    width: float
    height: float


def squarified(amounts: Sequence[float], box: Box) -> list[Box]:
    """Return a rectangle for each amount, largest first, near to squares (Bruls, Huizing, van Wijk 2000)."""
    left, boxes, room = list(amounts), [], box
    scale = box.width * box.height / (sum(amounts) or 1)
    while left:
        row: list[float] = []
        side = max(min(room.width, room.height), 1e-9)
        while left and (not row or _worst([*row, left[0] * scale], side) <= _worst(row, side)):
            row.append(left.pop(0) * scale)
        placed, room = _row(row, room)
        boxes += placed
    return boxes


def _worst(row: Sequence[float], side: float) -> float:
    whole = sum(row) or 1e-9
    return max(
        max(side**2 * each / whole**2, whole**2 / (side**2 * max(each, 1e-9))) for each in row
    )


def _row(row: Sequence[float], room: Box) -> tuple[list[Box], Box]:
    """Lay a row along the shorter side of the room; return it and what room is left."""
    whole = sum(row)
    if room.width >= room.height:
        thick, at, boxes = whole / max(room.height, 1e-9), room.y, []
        for each in row:
            tall = each / max(thick, 1e-9)
            boxes.append(Box(room.x, at, thick, tall))
            at += tall
        return boxes, Box(room.x + thick, room.y, max(room.width - thick, 0), room.height)
    thick, at, boxes = whole / max(room.width, 1e-9), room.x, []
    for each in row:
        wide = each / max(thick, 1e-9)
        boxes.append(Box(at, room.y, wide, thick))
        at += wide
    return boxes, Box(room.x, room.y + thick, room.width, max(room.height - thick, 0))


def treemap(
    identity: str, title: str, parts: Sequence[Slice], width: int, height: int
) -> etree._Element:
    """Return a treemap; a part too small for its name is told by its title and by the table beside it."""
    boxes = squarified([each.amount for each in parts], Box(0, 0, width, height))
    cells = [_cell(each, box) for each, box in zip(parts, boxes, strict=True)]
    return _titled(identity, title, parts, cells, viewbox=f"0 0 {width} {height}", class_="treemap")


def _cell(part: Slice, box: Box) -> etree._Element:
    amount = part.detail or size(part.amount)
    inner = (max(box.width - 2, 0.5), max(box.height - 2, 0.5))
    cell = h(
        "g",
        h("title", f"{part.label}: {amount}"),
        h(
            "rect", x=f"{box.x + 1:.1f}", y=f"{box.y + 1:.1f}", width=f"{inner[0]:.1f}", height=f"{inner[1]:.1f}",
            rx="3", class_=part.shade,
        ),
    )  # fmt: skip
    names = _wrapped(part.label, int((box.width - 18) / _CHARACTER))
    if names and box.height >= 16 + 17 * len(names):
        lines = [(name, "name") for name in names]
        if (
            box.height >= 16 + 17 * (len(names) + 1)
            and len(size(part.amount)) * _CHARACTER <= box.width - 18
        ):
            lines.append((size(part.amount), "amount"))
        for number, (said, name) in enumerate(lines):
            x, y = f"{box.x + 10:.1f}", f"{box.y + 21 + 17 * number:.1f}"
            cell.append(h("text", said, x=x, y=y, class_=name))
    return cell


def _wrapped(text: str, room: int) -> list[str]:
    """Return the words of a text in lines of so many characters; none when a word is longer."""
    lines: list[str] = []
    for word in text.split():
        if len(word) > room:
            return []
        if lines and len(lines[-1]) + 1 + len(word) <= room:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines
