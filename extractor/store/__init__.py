"""Captured -> STORE/USMT: the mirror layout, the catalog, the manifest; and its verification.

Words defined here: safe name (what a host may be asked to create), twin (two names a Windows would take for one),
catalog (SQLite, everything), manifest (JSON lines, sorted, deterministic), Verification.
"""

from __future__ import annotations
