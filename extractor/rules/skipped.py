"""externalProcess, processing, plugin, windowsObjects -> Skipped: what is never done on an offline disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extractor.rules.calls import read_call
from extractor.rules.elements import Reader
from extractor.rules.enumerations import one_of
from extractor.rules.functions import Use
from extractor.rules.ignored import pass_over
from extractor.rules.model import Skipped

if TYPE_CHECKING:
    from lxml import etree

SKIPPED = frozenset({"externalProcess", "processing", "plugin", "windowsObjects"})
"""Elements that ``skipped`` reads."""

_MOMENTS = (
    "pre-scan", "scan-success", "post-scan", "pre-apply", "apply-success", "post-apply",
)  # fmt: skip


def skipped(file: Reader, tag: str, element: etree._Element) -> Skipped:
    """Return what one of these elements would do, and when."""
    place = file.place(element)
    if tag == "externalProcess":
        when = one_of(file, element, "when", _MOMENTS)
        lines = [file.text(child) for _, child in file.children(element, ("commandLine",))]
        return Skipped(tag, when, "\n".join(lines), place)
    if tag == "processing":
        when = one_of(file, element, "when", _MOMENTS)
        lines = [script_text(file, child) for _, child in file.children(element, ("script",))]
        return Skipped(tag, when, "\n".join(lines), place)
    pass_over(file, element)
    return Skipped(tag, "", str(element.get("file", "")), place)


def script_text(file: Reader, element: etree._Element) -> str:
    """Return the text of a script that is not run, its call checked like any other."""
    text = file.text(element)
    read_call(file, element, text, Use.PROCESSING | Use.GENERATOR)
    return text
