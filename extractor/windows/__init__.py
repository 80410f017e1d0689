"""Filesystem… -> Candidate… -> WindowsInstall: every Windows on the disks, the one to migrate, and all it knows.

Words defined here: the *machine's letters* are those of the best valid Windows; a *namespace* is one Windows's own
paths; a *survey* is everything found, named in the machine's letters; an *install* is a Windows that was chosen.
Locators only find; ``offline_xml`` and ``choose`` choose.
"""

from __future__ import annotations

from extractor.windows.choose import Choice, choose
from extractor.windows.environment import system_variables, unreachable, user_variables
from extractor.windows.install import WindowsInstall, open_install
from extractor.windows.locate import locate
from extractor.windows.offline_xml import OfflineRequest, request_for
from extractor.windows.strays import stray_profiles
from extractor.windows.survey import Survey, survey

__all__ = [
    "Choice",
    "OfflineRequest",
    "Survey",
    "WindowsInstall",
    "choose",
    "locate",
    "open_install",
    "request_for",
    "stray_profiles",
    "survey",
    "system_variables",
    "unreachable",
    "user_variables",
]
