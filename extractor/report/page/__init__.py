"""A finished store -> one HTML page: what was found, what was taken, what will be missed, how to go on.

Words defined here: Book (the store as the page reads it), Facts (what the page says, bounded whatever the store's
size), Page. Everything in a store is evidence: it reaches the page as text of an element, never as markup.
"""

from __future__ import annotations

from extractor.report.page.book import Book
from extractor.report.page.facts import Facts, gather_facts
from extractor.report.page.page import page_of

__all__ = ["Book", "Facts", "gather_facts", "page_of"]
