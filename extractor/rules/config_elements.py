"""Elements of a Config.xml with their place: names compare without letter case, what nobody knows is a warning."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extractor.xmlfile import place

if TYPE_CHECKING:
    from lxml import etree

MOST_WARNINGS = 1_000
"""Warnings kept of one file: a file that is nothing but mistakes is not listed whole."""
YES = frozenset({"yes", "true", "1"})
NO = frozenset({"no", "false", "0"})
_SHOWN = 80


class Elements:
    """The Config.xml that is being read: its name, and the warnings and notes met in it, each once."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._warnings: dict[str, None] = {}
        self._notes: dict[str, None] = {}

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a person should correct."""
        return tuple(self._warnings)

    @property
    def notes(self) -> tuple[str, ...]:
        """What has no effect on an image."""
        return tuple(self._notes)

    def place(self, element: etree._Element) -> str:
        """Return ``file:line`` of an element."""
        return place(element, self.name)

    def warn(self, element: etree._Element, message: str) -> None:
        """Keep a warning."""
        if len(self._warnings) < MOST_WARNINGS:
            self._warnings[f"{self.place(element)}: {message}"] = None

    def note(self, element: etree._Element, message: str) -> None:
        """Keep a note."""
        self._notes[f"{self.place(element)}: {message}"] = None

    def unknown(self, element: etree._Element) -> None:
        """Warn of an element that means nothing where it stands."""
        self.warn(element, f"<{str(element.tag)[:_SHOWN]}> is not known here and is ignored")

    def yes(self, element: etree._Element, name: str) -> bool:
        """Return a yes-or-no attribute; yes when it is missing or cannot be understood."""
        text = attribute(element, name).lower()
        if text and text not in YES | NO:
            self.warn(element, f"{name}={text[:_SHOWN]!r} is neither yes nor no; yes is taken")
        return text not in NO


def tag(element: etree._Element) -> str:
    """Return an element's name in lower case."""
    return str(element.tag).lower()


def attribute(element: etree._Element, name: str) -> str:
    """Return an attribute, trimmed, empty when it is missing."""
    found = (text for key, text in element.attrib.items() if str(key).lower() == name.lower())
    return str(next(found, "")).strip()
