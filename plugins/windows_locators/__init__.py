"""Locators shipped with Coldstate: filesystems -> candidates (every Windows and Windows.old, with evidence)."""

from __future__ import annotations
