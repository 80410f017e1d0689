"""XML files that a person gives us, read safely: no DTD, no entity, no network, no huge tree.

Every problem is one sentence that begins with ``file:line:``, so that an editor can jump to it; a file that is not
well-formed is told with ``file:line:column:``. Two parsers read each file: expat, which builds nothing, stands guard
and stops at the first thing that can only attack; then libxml2 builds the tree, whose elements know their lines.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, cast
from xml.parsers import expat

from extractor.errors import UsageError

if TYPE_CHECKING:
    from lxml import etree

LARGEST = 16 << 20
"""Bytes an XML file may have; the stock rule files stay below one MiB."""

DEEPEST = 64
"""Levels of elements; the stock rule files have twelve. Whoever reads the tree may go down it by recursion."""

MOST_ELEMENTS = 250_000
"""Elements of one file; a rule file with all that Windows programs ever wrote has some ten thousand."""

LONGEST_ATTRIBUTE = 32_767
"""Characters; no Windows path is longer."""

LONGEST_TEXT = 1 << 20
"""Characters between two tags; only what rules pretend a file to hold (``bytes``) is more than a line."""

LONGEST_TAG = 1 << 20
"""Bytes of a tag with its attributes, or of a comment: expat holds the whole of it before it says a word of it."""

_AT_ONCE = 64 << 10
_LONGEST_MESSAGE = 300  # libxml2 quotes names, and a name may be of any length


def read_xml(path: Path, *, error: type[UsageError] = UsageError) -> bytes:
    """Return the bytes of an XML file; raise ``error`` when it cannot be read or is larger than LARGEST."""
    try:
        with path.open("rb") as file:
            _refuse_size(os.fstat(file.fileno()).st_size, str(path), error)
            # What is no regular file has no size, and a file may grow.
            content = file.read(LARGEST + 1)
    except OSError as problem:
        reason = problem.strerror or str(problem)
        raise error(f"{path}: the XML file cannot be read: {reason}") from problem
    return content


def parse_xml(
    source: Path | bytes, *, name: str = "", error: type[UsageError] = UsageError
) -> etree._ElementTree:
    """Return the tree of an XML file, comments and processing instructions removed.

    ``source`` is a path, or the bytes themselves with the ``name`` to use in messages. Raises ``error`` when the file
    cannot be read, is not well-formed, is larger, deeper or longer than the limits of this module, or has a DOCTYPE
    (a DTD can only attack here: MigXML, Config.xml and Offline.xml have none).
    """
    label = name or (str(source) if isinstance(source, Path) else "XML")
    content = source if isinstance(source, bytes) else read_xml(source, error=error)
    _refuse_size(len(content), label, error)
    flaw = _guard(content, label, error)
    if flaw is not None:
        raise error(f"{label}:{_worded(content, flaw)}")
    return _tree(content, label, error)


def place(element: etree._Element, name: str) -> str:
    """Return ``file:line`` of an element, for messages and for the ledger."""
    line = cast("int | None", element.sourceline)  # the stubs give it no type
    return f"{name}:{line or 1}"


def _refuse_size(size: int, label: str, error: type[UsageError]) -> None:
    if size > LARGEST:
        raise error(f"{label}:1: the XML file is larger than {LARGEST >> 20} MiB")


class _Complaint(Protocol):
    """An entry of libxml2's log, which the stubs do not know."""

    line: int
    column: int
    message: str


def _parser() -> etree.XMLParser:
    from lxml import etree

    return etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False,
        remove_comments=True, remove_pis=True,
    )  # fmt: skip


def _tree(content: bytes, label: str, error: type[UsageError]) -> etree._ElementTree:
    from lxml import etree

    parser = _parser()
    try:
        return etree.ElementTree(etree.fromstring(content, parser))
    except etree.XMLSyntaxError as problem:
        told = _first(cast("Any", parser).error_log) or "1:1: the file is not XML"
        raise error(f"{label}:{told}") from problem


def _first(log: Iterable[_Complaint]) -> str:
    """Return the first thing that libxml2 complained of, with its place; empty when there is none."""
    for each in log:
        place = f"{max(each.line, 1)}:{max(each.column, 1)}"
        return f"{place}: {' '.join(each.message[:_LONGEST_MESSAGE].split())}"
    return ""


# --- the guard ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Flaw:
    """What makes a file malformed in expat's eyes, and the byte where it stopped."""

    words: str
    at: int


def _worded(content: bytes, flaw: _Flaw) -> str:
    """Return a flaw with its place, in the words of libxml2, which has better ones.

    It is shown what the guard has seen and a little more, so that what expat takes for a flaw and libxml2 does not
    opens no way around the guard; then expat's own words have to do.
    """
    from lxml import etree

    parser = _parser()
    end = flaw.at + _AT_ONCE
    with suppress(etree.XMLSyntaxError):
        parser.feed(content[:end])
        if end >= len(content):
            parser.close()
    return _first(cast("Any", parser).feed_error_log) or flaw.words


def _guard(content: bytes, label: str, error: type[UsageError]) -> _Flaw | None:
    """Raise for what can only attack; return what makes the file malformed."""
    unreadable = f"{label}:1: this encoding cannot be read; save the file as UTF-8"
    if b"\0\0" in content[:4]:  # UTF-32, which libxml2 reads and expat does not
        raise error(unreadable)
    parser = expat.ParserCreate()
    guard = _Guard(parser, label, error)
    parser.buffer_text = True
    parser.ordered_attributes = True
    parser.StartDoctypeDeclHandler = guard.doctype
    parser.StartElementHandler = guard.start
    parser.CharacterDataHandler = guard.text
    parser.EndElementHandler = guard.end
    view = memoryview(content)
    try:
        for at in range(0, len(content), _AT_ONCE):
            parser.Parse(view[at : at + _AT_ONCE], False)
            guard.pending(at + _AT_ONCE)
        parser.Parse(b"", True)
    except expat.ExpatError as problem:
        words = expat.ErrorString(problem.code)
        where = f"{problem.lineno}:{problem.offset + 1}"
        return _Flaw(f"{where}: {words}", max(parser.ErrorByteIndex, 0))
    except (LookupError, ValueError) as problem:  # from Python's codecs: the guard can see nothing
        raise error(unreadable) from problem
    return None


class _Guard:
    """Limits, counted while expat reads."""

    def __init__(self, parser: expat.XMLParserType, label: str, error: type[UsageError]) -> None:
        self._parser, self._label, self._error = parser, label, error
        self._depth = self._elements = self._text = 0

    def doctype(self, *_: object) -> None:
        self._refuse("a DOCTYPE is not allowed here; remove it")

    def start(self, _: str, attributes: list[str]) -> None:
        self._depth += 1
        self._elements += 1
        self._text = 0
        if self._depth > DEEPEST:
            self._refuse(f"elements are nested deeper than {DEEPEST} levels")
        if self._elements > MOST_ELEMENTS:
            self._refuse(f"there are more than {MOST_ELEMENTS:,} elements")
        if attributes and max(map(len, attributes)) > LONGEST_ATTRIBUTE:
            self._refuse(f"an attribute is longer than {LONGEST_ATTRIBUTE:,} characters")

    def text(self, text: str) -> None:
        self._text += len(text)
        if self._text > LONGEST_TEXT:
            self._refuse(f"a text is longer than {LONGEST_TEXT:,} characters")

    def end(self, _: str) -> None:
        self._depth -= 1
        self._text = 0

    def pending(self, read: int) -> None:
        """Look at what has begun and did not end in the bytes read so far."""
        if read - self._parser.CurrentByteIndex > LONGEST_TAG:
            self._refuse(f"a tag or comment is longer than {LONGEST_TAG:,} bytes")

    def _refuse(self, why: str) -> NoReturn:
        at = self._parser
        place = f"{self._label}:{at.CurrentLineNumber}:{at.CurrentColumnNumber + 1}"
        raise self._error(f"{place}: {why}")
