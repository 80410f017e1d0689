"""What ``--to`` names -> folders that can be written: of a folder, a mounted volume, a disk image or device.

Words defined here: a *target* is where a restore goes; its *system drive* is the root of all names, its other *drives*
are volumes that the Windows on it has letters for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

from extractor.errors import ColdstateError, StoreLocationError
from extractor.model import VolumeInfo
from extractor.restore.evidence import evidence_of, refuse_disk, refuse_target
from extractor.restore.host import Host
from extractor.restore.target.attached import mounted_volumes
from extractor.restore.target.disks import claimed, disk_of, is_disk, lock
from extractor.restore.target.finding import (
    choose_target,
    find_windows,
    mounted_survey,
    refuse_asleep,
)
from extractor.restore.target.host_filesystem import HostFilesystem
from extractor.restore.target.place import Target
from extractor.restore.target.tools import CONTAINERS, VOLUMES, refuse_missing, refuse_no_root
from extractor.store.tree import open_tree
from extractor.windows import locate, open_install, survey

__all__ = ["Target", "open_target"]

NOTHING: Mapping[str, Any] = MappingProxyType({})
MOUNTED = VolumeInfo("mounted", 0, 0, 0, 0, 512, "ntfs")
"""The volume of a folder that somebody else has mounted."""


@contextmanager
def open_target(
    path: Path,
    *,
    windows: str = "",
    write: bool = True,
    store: Path | None = None,
    header: Mapping[str, Any] = NOTHING,
) -> Iterator[Target]:
    """Yield a target that is open; a disk is mounted as long, read-only unless ``write``.

    ``windows`` (an id or a path) says which Windows of a disk with several; ``store`` and its ``header`` are what is
    restored, None where nothing is (an undo). Raises UsageError (11) for what must not be written, is in use, or needs
    a tool or root; StoreLocationError (27) for what cannot be a target; StoreError (72), at the end, when what was
    written may not all have reached the disk.
    """
    opened = _disk(path, windows, store, header, write=write) if is_disk(path) else None
    with opened or _folder(path, windows, store, header) as target:
        yield target


# --- a folder -------------------------------------------------------------------------------------


@contextmanager
def _folder(
    path: Path, windows: str, store: Path | None, header: Mapping[str, Any]
) -> Iterator[Target]:
    evidence = refuse_target(path, store, header) if store else evidence_of(header)
    with ExitStack() as stack:
        if not _is_ntfs(path):
            if windows:
                raise StoreLocationError(f"{path} holds no Windows: it is no mounted NTFS volume")
            yield Target(str(path), path, evidence)
            return
        filesystem = HostFilesystem(path, MOUNTED)
        stack.callback(filesystem.close)
        candidates = locate([filesystem])
        if not windows and not any(each.valid for each in candidates):
            yield Target(str(path), path, evidence)
            return
        refuse_asleep(filesystem, "the volume", str(path))
        seen = survey(candidates, [MOUNTED], {MOUNTED.id: filesystem})
        candidate = choose_target(seen, windows, str(path))
        try:
            install = open_install(seen, candidate)
        except ColdstateError as error:
            raise StoreLocationError(f"{path} is no target: {error}") from error
        root = path.joinpath(*candidate.path[:-1])
        system = install.system_root.drive
        yield Target(str(path), root, evidence, install=install, system=system)


def _is_ntfs(path: Path) -> bool:
    try:
        with open_tree(path) as tree:
            return Host(tree.root).ntfs
    except FileNotFoundError:
        return False
    except OSError as error:
        raise StoreLocationError(f"{path} cannot be used: {error.strerror}") from error


# --- a disk ---------------------------------------------------------------------------------------


@contextmanager
def _disk(
    path: Path, windows: str, store: Path | None, header: Mapping[str, Any], *, write: bool
) -> Iterator[Target]:
    """Yield a disk's volumes, mounted.

    Which Windows is meant is read from the disk itself, before it is mounted: our readers find every Windows, wherever
    it lies, and need no right. What is asked of that Windows from then on is read through the mount, which alone knows
    what was written meanwhile.
    """
    try:
        evidence = refuse_disk(path, store, header)
    except OSError as error:
        raise StoreLocationError(f"{path} cannot be used: {error.strerror}") from error
    refuse_no_root(str(path))
    with claimed(path, write=write) as descriptor, ExitStack() as stack:
        found = find_windows(path, windows)
        disk = disk_of(path, found.image)
        if not disk.driver:  # else QEMU locks it
            lock(descriptor)
        refuse_missing((*VOLUMES, *CONTAINERS) if disk.driver else VOLUMES, str(path))
        folders = stack.enter_context(mounted_volumes(disk, found.volumes, write=write))
        filesystems = []
        for letter, folder in folders.items():
            filesystem = HostFilesystem(folder, found.volumes[letter])
            stack.callback(filesystem.close)
            filesystems.append(filesystem)
        seen, candidate = mounted_survey(found, filesystems)
        install = open_install(seen, candidate)
        yield Target(
            shown=str(path),
            root=folders[found.system].joinpath(*found.candidate.path[:-1]),
            evidence=evidence,
            drives={name: each for name, each in folders.items() if name != found.system},
            install=install,
            system=found.system,
            notes=found.notes,
            disk=disk,
        )
