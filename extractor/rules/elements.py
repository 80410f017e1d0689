"""Elements of a rule file with their place: the schema's names, what was met (the census), warnings with their line.

A Reader goes through one file. Whoever understands an element or an attribute takes it from the Reader, which counts
it there; what nobody takes is warned of. So the census can be compared with any other count of the same file.
Source: USMT "XML elements library", and the schema's grammar in usmt.md 3.2.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from extractor.errors import RuleFileError
from extractor.rules.patterns import LONGEST
from extractor.xmlfile import DEEPEST, MOST_ELEMENTS, place

if TYPE_CHECKING:
    from lxml import etree

_GRAMMAR = """
    migration urlid · library prefix · _locDefinition · _locDefault _loc · _locTag _loc · namedElements name
    component type context defaultSupported hidden · displayName _locID · manufacturer _locID · version
    description _locID · icon · paths · path type · extensions · extension · environment name context
    variable name remap · text · script · role role · supportedComponents · supportedComponent id rules
    plugin file classId · detects name context · detect name context · detection name context
    conditions name operation · condition negation · rules name context · include filter · exclude filter
    unconditionalExclude filter · windowsObjects filter · includeAttributes attributes
    excludeAttributes attributes · merge script · locationModify script · contentModify script
    destinationCleanup filter · addObjects · object · location type · attributes · bytes string expand
    externalProcess when · commandLine · processing when · objectSet · pattern type · content filter
"""

_ROWS = [row.split() for row in _GRAMMAR.replace("\n", "·").split("·") if row.strip()]
ATTRIBUTES: Mapping[str, frozenset[str]] = {tag: frozenset(names) for tag, *names in _ROWS}
"""Every element of the language with the attributes that it may have."""

_SPELLING = {tag.lower(): tag for tag in ATTRIBUTES}
_SCHEMA_INSTANCE = "{http://www.w3.org/2001/XMLSchema-instance}"

MOST_STARS = 64
"""Wildcards of one pattern; the stock files have two. More is an attack on whoever has to match it."""

MOST_WARNINGS = 1_000
"""Warnings kept of one file; the rest are counted."""

_SHOWN = 80


def shown(text: str) -> str:
    """Return text of a rule file as messages quote it: at most 80 characters, on one line."""
    text = text.strip()
    start = " ".join(text[: 4 * _SHOWN].split())  # the rest may be a MiB of single letters
    is_whole = len(text) <= 4 * _SHOWN and len(start) <= _SHOWN
    return repr(start if is_whole else start[:_SHOWN] + "…")


@dataclass(slots=True, eq=False)
class Definition:
    """A child of namedElements, read when something refers to it: then it has a value."""

    element: etree._Element
    value: object = None
    weight: int = 0
    """Elements in it, with those of the definitions that it refers to."""
    levels: int = 0
    """How deep it goes, likewise."""
    is_circular: bool = False


class Reader:
    """The rule file that is being read: its name, what was met in it, and the warnings."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.prefixes: set[str] = set()
        """Prefixes of helper functions that ``library`` elements declare, in lower case."""
        self.definitions: dict[tuple[str, str], Definition] = {}
        """Children of namedElements by tag and name, the name in lower case."""
        self.reading: list[Definition] = []
        """Definitions that are being read, each referred to by the one before."""
        self.met = 0
        """Elements met so far; a definition counts each time that something refers to it."""
        self.level = 0
        """Levels of elements above the one at hand, definitions referred to included."""
        self.deepest = 0
        self._census: Counter[str] = Counter()
        self._warnings: dict[str, None] = {}
        self._unheard = 0

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was warned of, in order, each once."""
        more = f"{self.name}:1: {self._unheard} more warnings are not shown"
        return (*self._warnings, *([more] if self._unheard else ()))

    @property
    def census(self) -> dict[str, int]:
        """Counts of all that was understood, as ``model.RuleFile`` keys them."""
        return dict(sorted(self._census.items()))

    def place(self, element: etree._Element) -> str:
        """Return ``file:line`` of an element."""
        return place(element, self.name)

    def warn(self, element: etree._Element, message: str) -> None:
        """Keep a warning, once."""
        self.warn_at(self.place(element), message)

    def warn_at(self, source: str, message: str) -> None:
        """Keep a warning about a value that was read before."""
        said = f"{source}: {message}"
        if len(self._warnings) < MOST_WARNINGS:
            self._warnings[said] = None
        elif said not in self._warnings:
            self._unheard += 1

    def refuse(self, element: etree._Element, message: str) -> RuleFileError:
        """Return the error for an element that no rule file has for a good reason."""
        return RuleFileError(f"{self.place(element)}: {message}")

    def tag(self, element: etree._Element) -> str:
        """Return the element's tag in the schema's spelling; USMT's own files are exact, others are not."""
        given = str(element.tag)
        return given if given in ATTRIBUTES else _SPELLING.get(given.lower(), given)

    def take(self, element: etree._Element, tag: str) -> None:
        """Count an element as understood, and warn of attributes that it cannot have."""
        self._census[tag] += 1
        self.weigh(element, 1)
        if tag != element.tag:
            self.warn(element, f"<{element.tag}> is read as <{tag}>")
        for given in element.attrib:
            name = str(given)
            if name not in ATTRIBUTES[tag] and not name.startswith(_SCHEMA_INSTANCE):
                self._odd_attribute(element, tag, name)

    def children(
        self, element: etree._Element, known: Container[str]
    ) -> Iterator[tuple[str, etree._Element]]:
        """Yield the child elements of these tags, which the caller understands; warn of any other, and of text."""
        self._warn_of_text(element, element.text)
        self.level += 1
        self.descend(element, 0)
        for child in element:
            tag = self.tag(child)
            if tag in known:
                self.take(child, tag)
                yield tag, child
            else:
                self.unknown(child)
            self._warn_of_text(child, child.tail)
        self.level -= 1

    def attribute(self, element: etree._Element, name: str, default: str = "") -> str:
        """Return an attribute, trimmed, and count it as understood; in other letter case it is taken too."""
        value = element.get(name)
        if value is None:
            same = (
                each for key, each in element.attrib.items() if str(key).lower() == name.lower()
            )
            value = next(map(str, same), None)
        if value is None:
            return default
        self._census[f"@{self.tag(element)}@{name}"] += 1
        return value.strip()

    def text(self, element: etree._Element, longest: int = LONGEST) -> str:
        """Return the text of an element that holds nothing else, trimmed; raise RuleFileError when it is too long."""
        for child in element:
            self.unknown(child)
        return self.bounded(element, (element.text or "").strip(), longest)

    def bounded(self, element: etree._Element, text: str, longest: int = LONGEST) -> str:
        """Return text that an element has; raise RuleFileError when it is longer than any rule needs."""
        if len(text) > longest:
            raise self.refuse(element, f"the text is longer than {longest:,} characters")
        return text

    def pattern_text(self, element: etree._Element, text: str) -> str:
        """Return text with patterns in it; raise RuleFileError when its wildcards are a bomb."""
        if text.count("*") > MOST_STARS:
            raise self.refuse(element, f"the text has more than {MOST_STARS} wildcards (*)")
        return self.bounded(element, text)

    def called(self, function: str) -> None:
        """Count a call of a helper function as understood."""
        self._census[f"{function}()"] += 1

    def weigh(self, element: etree._Element, elements: int) -> None:
        """Count elements that the rules consist of here; raise RuleFileError when references multiply them."""
        self.met += elements
        if self.met > MOST_ELEMENTS:
            raise self.refuse(element, f"the rules consist of more than {MOST_ELEMENTS:,} elements")

    def descend(self, element: etree._Element, levels: int) -> None:
        """Go down inside an element; raise RuleFileError when references stack up deeper than any file may be."""
        self.deepest = max(self.deepest, self.level + levels)
        if self.deepest > DEEPEST:
            raise self.refuse(element, f"the rules are nested deeper than {DEEPEST} levels")

    def unknown(self, element: etree._Element) -> None:
        """Warn of an element that means nothing where it stands."""
        name = self.tag(element)[:_SHOWN]
        self.warn(element, f"<{name}> is not known here and is ignored")

    def _odd_attribute(self, element: etree._Element, tag: str, name: str) -> None:
        same = next((each for each in ATTRIBUTES[tag] if each.lower() == name.lower()), "")
        what = f"is read as {same}" if same else "is not known here and is ignored"
        self.warn(element, f"attribute {name[:_SHOWN]} of <{tag}> {what}")

    def _warn_of_text(self, element: etree._Element, text: str | None) -> None:
        if text and not text.isspace():
            self.warn(element, f"text has no meaning here and is ignored: {shown(text)}")
