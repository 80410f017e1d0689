r"""Hive files -> Hive, and the hives of one Windows -> Registry (HKLM, HKU, HKCU, HKCR, CurrentControlSet).

Words defined here: a *hive* is one file, read by path from its root; its *logs* hold what was not yet written into it;
the *registry* is all hives of one Windows mounted where that Windows mounts them.
"""

from __future__ import annotations

from extractor.registry.files import hive_files
from extractor.registry.hive import open_hive
from extractor.registry.ladder import HiveFiles, open_hive_files
from extractor.registry.view import Registry

__all__ = ["HiveFiles", "Registry", "hive_files", "open_hive", "open_hive_files"]
