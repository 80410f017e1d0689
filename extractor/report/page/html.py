"""Texts and elements -> HTML. Everything is built as a tree, so that no text can become markup.

Words defined here: Node (an element or a text), ``h`` (makes an element), ``shown`` (what of a text a page can hold).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from lxml import etree

from extractor.model import printable

if TYPE_CHECKING:
    from lxml.etree import _Element

Node: TypeAlias = "_Element | str"

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_BREAKS = re.compile(r"(?<=[\\/_.@-])(?=[^\\/_.@-])")
SHORT = 24
"""Characters of a name that is not broken."""
_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB")


def shown(text: str) -> str:
    r"""Return text that a page can hold: what is invisible, turns text around or is no character as ``\x1b``."""
    return _NO_XML.sub(lambda found: f"\\u{ord(found[0]):04x}", printable(text))


def h(tag: str, *content: Node, **attributes: str) -> etree._Element:
    """Return an element; ``class_`` is class and ``aria_label`` is aria-label. Texts are made fit for a page."""
    names = {name.rstrip("_").replace("_", "-"): shown(value) for name, value in attributes.items()}
    element = etree.Element(tag, names)
    for node in content:
        if isinstance(node, str):
            _append_text(element, shown(node))
        else:
            element.append(node)
    return element


def _append_text(element: etree._Element, text: str) -> None:
    if len(element):
        element[-1].tail = (element[-1].tail or "") + text
    else:
        element.text = (element.text or "") + text


def path(text: str) -> etree._Element:
    """Return a path or another exact name: in a fixed font, in its own direction, broken where names end."""
    pieces = _BREAKS.split(shown(text))
    element = h("bdi", pieces[0], class_="path")
    for piece in pieces[1:]:
        element.append(h("wbr"))
        _append_text(element, piece)
    return element


def called(text: str) -> etree._Element:
    """Return a name of somebody or something, in its own direction; a short one stays in one line."""
    return h("bdi", text, class_="short" if len(text) <= SHORT else "long")


def code(text: str) -> etree._Element:
    """Return a command or a switch."""
    return h("code", text)


def prose(text: str) -> list[Node]:
    """Return a sentence of ours whose words between backquotes are commands."""
    return [code(part) if number % 2 else part for number, part in enumerate(text.split("`"))]


def table(
    caption: str,
    heads: Sequence[str],
    rows: Iterable[Sequence[Node]],
    *,
    numeric: Iterable[int] = (),
    look: str = "",
) -> etree._Element:
    """Return a table; the first cell of a row heads it, columns ``numeric`` hold numbers.

    Every cell carries its column's name, which stands before it where the screen is too narrow for columns; there rows
    are blocks, so the roles say that it is a table all the same. A column in which nothing stands is left out.
    """
    listed = list(rows)
    kept = [n for n in range(len(heads)) if not n or any(not is_empty(row[n]) for row in listed)]
    kinds = ["num" if n in set(numeric) else "txt" for n in kept]
    names = [heads[n] for n in kept]
    head = h("tr", *map(_head, names, kinds), role="row")
    body = h(
        "tbody", *(_row([row[n] for n in kept], names, kinds) for row in listed), role="rowgroup"
    )
    parts = (h("caption", caption), h("thead", head, role="rowgroup"), body)
    return h("table", *parts, role="table", class_=f"data {look}".rstrip())


def is_empty(node: Node) -> bool:
    """Tell whether there is nothing to see."""
    return not node if isinstance(node, str) else not node.text and not len(node)


def _head(name: str, kind: str) -> etree._Element:
    return h("th", name, scope="col", role="columnheader", class_=kind)


def _row(row: Sequence[Node], heads: Sequence[str], kinds: Sequence[str]) -> etree._Element:
    first = h("th", row[0], scope="row", role="rowheader", class_=kinds[0])
    cells = (
        h(
            "td",
            h("span", cell),
            role="cell",
            class_=f"{kind} none" if is_empty(cell) else kind,
            data_label=name,
        )
        for cell, kind, name in zip(row[1:], kinds[1:], heads[1:], strict=True)
    )
    return h("tr", first, *cells, role="row")


def facts_list(pairs: Iterable[tuple[str, Node]]) -> etree._Element:
    """Return labels with values."""
    return h(
        "dl", *(h("div", h("dt", label), h("dd", value)) for label, value in pairs), class_="facts"
    )


def folded(summary: str, *content: Node, open_: bool = False) -> etree._Element:
    """Return what is unfolded by a click or a key; on paper it is open."""
    marks = {"open": ""} if open_ else {}
    return h("details", h("summary", summary), *content, **marks)


def size(count: int) -> str:
    """Return bytes as a person reads them: ``12.3 MiB``."""
    if count < 1024:
        return f"{count} {'byte' if count == 1 else 'bytes'}"
    amount, unit = float(count), 0
    while amount >= 1024 and unit < len(_UNITS) - 1:
        amount, unit = amount / 1024, unit + 1
    return f"{amount:.1f} {_UNITS[unit]}"


def count(number: int, one: str = "", many: str = "") -> str:
    """Return a number with its thousands marked, and its noun."""
    noun = one if number == 1 else many or f"{one}s"
    return f"{number:,} {noun}" if one else f"{number:,}"


def joined(nodes: Iterable[Node], separator: str = ", ") -> etree._Element:
    """Return nodes in one line."""
    span = h("span")
    for number, node in enumerate(nodes):
        if number:
            _append_text(span, separator)
        if isinstance(node, str):
            _append_text(span, shown(node))
        else:
            span.append(node)
    return span
