"""XML files that a person gives us, read safely: no DTD, no entity, no network, no huge tree.

Every problem is one sentence that begins with ``file:line:``, so that an editor can jump to it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, cast

from extractor.errors import UsageError

if TYPE_CHECKING:
    from lxml import etree

LARGEST = 64 << 20
"""Bytes an XML file may have; the stock rule files stay below one MiB."""


def parse_xml(
    source: Path | bytes, *, name: str = "", error: type[UsageError] = UsageError
) -> etree._ElementTree:
    """Return the tree of an XML file, comments and processing instructions removed.

    ``source`` is a path, or the bytes themselves with the ``name`` to use in messages. Raises ``error`` when the file
    cannot be read, is not well-formed, or has a DOCTYPE (a DTD can only attack here: MigXML, Config.xml and
    Offline.xml have none).
    """
    from lxml import etree

    label = name or (str(source) if isinstance(source, Path) else "XML")
    content = source if isinstance(source, bytes) else _content(source, label, error)
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False,
        remove_comments=True, remove_pis=True,
    )  # fmt: skip
    try:
        tree = etree.ElementTree(etree.fromstring(content, parser))
    except etree.XMLSyntaxError as problem:
        line = problem.lineno or 1
        raise error(f"{label}:{line}: {_message(problem.msg)}") from problem
    _refuse_doctype(tree, content, label, error)
    return tree


def place(element: etree._Element, name: str) -> str:
    """Return ``file:line`` of an element, for messages and for the ledger."""
    line = cast("int | None", element.sourceline)  # the stubs give it no type
    return f"{name}:{line or 1}"


def _content(path: Path, label: str, error: type[UsageError]) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as problem:
        reason = problem.strerror or str(problem)
        raise error(f"{label}: the XML file cannot be read: {reason}") from problem
    if len(content) > LARGEST:
        raise error(f"{label}: the XML file is larger than {LARGEST >> 20} MiB")
    return content


def _message(text: str | None) -> str:
    """Return lxml's message without the place, which is said once, in front."""
    said = re.sub(r", line \d+, column \d+.*$", "", text or "the file is not XML", flags=re.DOTALL)
    return said.strip()


def _refuse_doctype(
    tree: etree._ElementTree, content: bytes, label: str, error: type[UsageError]
) -> None:
    if tree.docinfo.internalDTD is None:
        return
    text = content.decode(tree.docinfo.encoding or "utf-8", "replace")
    line = text[: max(text.find("<!DOCTYPE"), 0)].count("\n") + 1
    raise error(f"{label}:{line}: a DOCTYPE is not allowed here; remove it")
