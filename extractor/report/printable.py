"""The one gate that names from an image pass before they reach a terminal, a log, a report.

It is defined beside the values (``extractor.model``), because the manifest shows names the same way.
"""

from __future__ import annotations

from extractor.model import printable

__all__ = ["printable"]
