r"""Hive files -> Hive, and the hives of one Windows -> Registry (HKLM, HKU, HKCU, HKCR, CurrentControlSet).

Words defined here: a *hive* is one file, read by path from its root; the *registry* is all hives of one Windows mounted
where that Windows mounts them.
"""

from __future__ import annotations

from extractor.registry.hive import open_hive
from extractor.registry.view import Registry

__all__ = ["Registry", "open_hive"]
