r"""What a Windows keeps to unlock its data volumes by itself: ``HKLM\SYSTEM\CurrentControlSet\Control\FVEAutoUnlock``.

One subkey for each volume, named by the volume's identifier; its value ``Data`` is a key, locked with one that only the
system volume's own master key opens. Keys for removable disks lie in users' hives under DPAPI, and are not read.
"""

from __future__ import annotations

from collections.abc import Iterator

from extractor.errors import SourceError
from extractor.model import Candidate
from extractor.registry import Registry
from extractor.seams import Filesystem
from extractor.windows.hives import machine_hives
from extractor.windows.survey import directory_of

KEY = r"HKLM\SYSTEM\CurrentControlSet\Control\FVEAutoUnlock"


def auto_unlock_entries(filesystem: Filesystem, candidate: Candidate) -> list[bytes]:
    """Return the entries of a Windows, still locked; none when its registry cannot be read."""
    try:
        directory = directory_of(filesystem, candidate.record)
        return list(_entries(Registry(machine_hives(filesystem, directory))))
    except SourceError:
        return []  # whoever opens this Windows says what is wrong with its registry


def _entries(registry: Registry) -> Iterator[bytes]:
    for name in registry.subkeys(KEY):
        value = registry.value(f"{KEY}\\{name}", "Data")
        if value:
            yield value.data
