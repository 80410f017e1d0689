"""Who and what ran: this program to the byte, the libraries and plug-ins that took part, the host, the account."""

from __future__ import annotations

import hashlib
import os
import platform
import pwd
import re
import sqlite3
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from extractor.seams import registered

PROGRAM = "coldstate"
SEAMS = ("images", "locators", "gatherers", "stores")
VARIABLES = (
    "MIG_OFFLINE_PLATFORM_ARCH",
    "MIG_ENABLE_DIAG",
    "MIG_FAIL_ON_PROFILE_ERROR",
    "MIG_IGNORE_PROFILE_MISSING",
    "USMT_WORKING_DIR",
)
"""Variables of the environment that change what a run does, and are no secrets."""


def tool() -> dict[str, object]:
    """Return name, version and the hash of the code: two runs with the same hash ran the same program."""
    return {"name": PROGRAM, "version": version(PROGRAM), "code_sha256": code_sha256()}


def code_sha256() -> str:
    r"""Return one hash of all files of the package ``extractor``.

    In its folder ``find . -type f ! -path '*/__pycache__/*' | LC_ALL=C sort | xargs -d '\n' sha256sum | sha256sum``
    gives the same.
    """
    root = Path(__file__).resolve().parent.parent
    files = (each for each in root.rglob("*") if each.is_file() and not each.is_symlink())
    names = [f"./{each.relative_to(root)}" for each in files if "__pycache__" not in each.parts]
    lines = (
        f"{hashlib.sha256((root / name).read_bytes()).hexdigest()}  {name}\n"
        for name in sorted(names, key=os.fsencode)
    )
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def libraries() -> dict[str, str | None]:
    """Return the version of each library that this program requires; None for one that is not installed."""
    names = [re.split(r"[^\w.-]", each, maxsplit=1)[0] for each in requires(PROGRAM) or ()]
    return {name: _version(name) for name in sorted(names)}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def plug_ins() -> list[dict[str, str]]:
    """Return the plug-ins that are registered, and whose they are."""
    return [
        {
            "seam": each.seam,
            "name": each.name,
            "distribution": each.distribution,
            "version": each.version,
        }
        for seam in SEAMS
        for each in registered(seam)
    ]


def host() -> dict[str, str]:
    """Return the computer that the run is on."""
    return {
        "name": platform.node(),
        "system": platform.system(),
        "kernel": platform.release(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
    }


def account() -> dict[str, object]:
    """Return the account that the run has on this host: a fact, and no claim about who sits there."""
    user = os.getuid()
    try:
        name = pwd.getpwuid(user).pw_name
    except KeyError:
        name = ""
    return {"name": name, "uid": user, "sudo_user": os.environ.get("SUDO_USER")}


def variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of the environment that the run heeds and that are set."""
    return {name: environment[name] for name in VARIABLES if name in environment}
