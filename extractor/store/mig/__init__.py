"""Stores of Microsoft's tools: recognised and named, never listed; and an experimental search for files in one.

The bytes of a ``.MIG`` are not documented. What is known is what file(1)'s magic knows of unencrypted Windows Easy
Transfer files (store.md 2.2), from samples of Windows 7; that ``USMT.MIG`` is the same container is likely, not proven.
"""

from __future__ import annotations
