r"""Where the files of a hive lie on a volume: the hive, its transaction logs beside it, its copy in ``RegBack``."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from extractor.filesystems import find
from extractor.model import Entry
from extractor.registry.ladder import HiveFiles, Opener
from extractor.seams import Filesystem

LOGS = ("LOG1", "LOG2", "LOG")
"""Vista and later keep two, and an empty third; XP keeps one."""
BACKUP = "RegBack"


def hive_files(
    filesystem: Filesystem, directory: Entry | None, entry: Entry, shown: str
) -> HiveFiles:
    """Return the files of the hive that an entry is; ``directory`` is where it lies, ``shown`` how messages call it."""
    backup = find(filesystem, (BACKUP, entry.name), directory) if directory else None
    return HiveFiles(
        shown,
        partial(filesystem.open, entry),
        tuple(_logs(filesystem, directory, entry)),
        (f"{BACKUP}\\{backup.name}", partial(filesystem.open, backup))
        if backup and not backup.directory
        else None,
    )


def _logs(
    filesystem: Filesystem, directory: Entry | None, entry: Entry
) -> Iterator[tuple[str, Opener]]:
    for ending in LOGS if directory else ():
        log = find(filesystem, (f"{entry.name}.{ending}",), directory)
        if log and not log.directory:
            yield log.name, partial(filesystem.open, log)
