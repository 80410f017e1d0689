"""``coldstate plugins`` and ``coldstate doctor``: what is installed, and whether it works here."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Iterator, Sequence
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version

from rich.text import Text

from extractor.cli.arguments import words_parser
from extractor.cli.screen import human_size, open_console
from extractor.cli.tables import lined_table
from extractor.restore.target.tools import CONTAINERS, VOLUMES, missing_tools
from extractor.seams import registered

SEAMS = ("images", "locators", "gatherers", "stores")
LIBRARIES = {
    "deflate": "deflate",
    "dissect.hypervisor": "dissect.hypervisor",
    "dissect.ntfs": "dissect.ntfs",
    "dissect.util": "dissect.util",
    "dissect.fve": "dissect.fve.bde",
    "libbde-python": "pybde",
    "libewf-python": "pyewf",
    "libfwnt-python": "pyfwnt",
    "libvshadow-python": "pyvshadow",
    "numpy": "numpy",
    "pytsk3": "pytsk3",
    "pefile": "pefile",
    "python-registry": "Registry",
    "lxml": "lxml.etree",
    "rich": "rich",
}
ROOM_WANTED = 250 << 20
"""Bytes that USMT wants free in the working directory."""


def run_plugins(words: list[str]) -> int:
    """Print every registered plug-in; exit code 0."""
    words_parser("plugins", "List the plug-ins that are installed.").parse_args(words)
    table = lined_table("seam", "name", "distribution", "version", "class")
    for seam in SEAMS:
        for plugin in registered(seam):
            row = (
                f"extractor.{seam}",
                plugin.name,
                plugin.distribution,
                plugin.version,
                plugin.point.value,
            )
            table.add_row(*map(Text, row))
    open_console(sys.stdout).print(table)
    return 0


def run_doctor(words: list[str]) -> int:
    """Print a row for each thing that a run needs; exit code 0 when all are fit, else 71."""
    words_parser("doctor", "Tell whether this computer is fit for a run.").parse_args(words)
    findings = list(_findings())
    table = lined_table("", "what", "found")
    for fit, what, found in findings:
        table.add_row(Text("ok" if fit else "BAD"), Text(what), Text(found))
    open_console(sys.stdout).print(table)
    return 0 if all(fit for fit, _, _ in findings) else 71


def _findings() -> Iterator[tuple[bool, str, str]]:
    yield sys.version_info >= (3, 11), "Python", platform.python_version()
    for distribution, module in LIBRARIES.items():
        yield _try_import(distribution, module)
    for seam in SEAMS:
        names = [plugin.name for plugin in registered(seam)]
        yield (
            bool(names),
            f"plug-ins extractor.{seam}",
            ", ".join(names) or "none: the installation is broken",
        )
    yield True, "restore into a raw disk or device", _tools(VOLUMES)
    yield True, "restore into a VHD, VHDX or QCOW2", _tools((*VOLUMES, *CONTAINERS))
    free = shutil.disk_usage(".").free
    yield free >= ROOM_WANTED, "room in the working directory", human_size(free)
    yield os.access(".", os.W_OK), "working directory can be written", str(os.access(".", os.W_OK))


def _tools(names: Sequence[str]) -> str:
    """Return whether tools are here that only some restores need: without them this computer is still fit."""
    missing = missing_tools(names)
    if not missing:
        return ", ".join(names)
    packages = " ".join(dict.fromkeys(missing.values()))
    return f"not here: {', '.join(missing)} (apt install {packages})"


def _try_import(distribution: str, module: str) -> tuple[bool, str, str]:
    try:
        import_module(module)
        return True, distribution, version(distribution)
    except (ImportError, PackageNotFoundError) as error:
        return False, distribution, str(error)
