"""Elements of a rule file with their place: tags in the schema's spelling, warnings with ``file:line``."""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from typing import TYPE_CHECKING

from extractor.xmlfile import place

if TYPE_CHECKING:
    from lxml import etree

CONDITIONS = frozenset({"condition", "conditions", "detect", "detects", "detection"})
"""Elements that gate their parent."""

_TAGS = """
    migration component namedElements library _locDefinition displayName manufacturer version
    description icon paths extensions extension environment variable text role rules include exclude
    unconditionalExclude includeAttributes excludeAttributes merge locationModify contentModify
    destinationCleanup windowsObjects addObjects externalProcess processing objectSet pattern script
    content supportedComponents condition conditions detect detects detection
"""
_SPELLING = {tag.lower(): tag for tag in _TAGS.split()}


class Doubt(IntEnum):
    """How far a gate that is not evaluated reaches: what only keeps data applies, what removes data may not."""

    NONE = 0
    COMPONENT = 1
    """The component as a whole: its excludes meet only its own includes; global excludes are dropped."""
    RULES = 2
    """A part of a component: its excludes would meet includes that are not in doubt, and are dropped."""


class RuleFile:
    """The name of a rule file and the warnings met in it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._warnings: dict[str, None] = {}

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was warned of, in order, each once."""
        return tuple(self._warnings)

    def place(self, element: etree._Element) -> str:
        """Return ``file:line`` of an element."""
        return place(element, self.name)

    def warn(self, element: etree._Element, message: str) -> None:
        """Keep a warning, once."""
        self._warnings[f"{self.place(element)}: {message}"] = None

    def unknown(self, element: etree._Element) -> None:
        """Warn of an element that means nothing where it stands."""
        self.warn(element, f"<{self.tag(element)}> is not known here and is ignored")

    def tag(self, element: etree._Element) -> str:
        """Return the element's tag in the schema's spelling; USMT's own files are exact, others are not."""
        given = str(element.tag)
        return _SPELLING.get(given.lower(), given)

    def children(self, element: etree._Element) -> Iterator[tuple[str, etree._Element]]:
        """Yield the child elements with their tags; a tag in other letter case is taken, with a warning."""
        for child in element:
            tag = self.tag(child)
            if tag != child.tag and tag.lower() == str(child.tag).lower():
                self.warn(child, f"<{child.tag}> is read as <{tag}>")
            yield tag, child
