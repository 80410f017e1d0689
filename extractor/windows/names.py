"""The names of all variables that ``environment`` may define, whatever the machine: for looking at rules alone."""

from __future__ import annotations

from collections.abc import Iterable

from extractor.model import WinPath
from extractor.windows.folders import (
    COMMON,
    DEFAULT_USER,
    LEGACY_COMMON,
    LEGACY_USER,
    MACHINE,
    PER_USER,
    PROGRAMS,
    SEVEN_USER,
    SYSTEM_PROFILE,
    Folder,
)
from extractor.windows.variables import base_variables


def _named(*tables: Iterable[Folder]) -> frozenset[str]:
    return frozenset(name for table in tables for folder in table for name in folder.names)


MACHINE_NAMES = (
    frozenset(base_variables(WinPath("C:", ("Windows",))))
    | _named(MACHINE, [SYSTEM_PROFILE], PROGRAMS, COMMON, LEGACY_COMMON)
    | {f"CSIDL_DEFAULT_{name}" for name in DEFAULT_USER}
)
"""Variables of System context, which user context knows too; upper case."""

USER_NAMES = _named(PER_USER, LEGACY_USER, SEVEN_USER) | frozenset(
    ("USERPROFILE", "CSIDL_PROFILE", "USERSID", "USERNAME", "USERDOMAIN", "HOMEPATH")
)
"""Variables of user context only; upper case."""
