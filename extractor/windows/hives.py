r"""Where the hive files of one Windows lie: ``System32\config`` for the machine, the profile for a user.

Each is opened with the transaction logs that lie beside it, and with its copy in ``RegBack`` where there is one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from extractor.filesystems import find
from extractor.model import Entry, WinPath
from extractor.registry import hive_files, open_hive_files
from extractor.registry.view import Mounts
from extractor.seams import Filesystem, Hive
from extractor.windows.namespace import Namespace

MACHINE = {
    "HKLM\\SOFTWARE": "SOFTWARE",
    "HKLM\\SYSTEM": "SYSTEM",
    "HKLM\\SAM": "SAM",
    "HKLM\\SECURITY": "SECURITY",
    "HKU\\.DEFAULT": "DEFAULT",
}
CLASSES = (
    r"AppData\Local\Microsoft\Windows\UsrClass.dat",
    r"Local Settings\Application Data\Microsoft\Windows\UsrClass.dat",
)
"""Where a user's classes lie: Vista and later, XP."""


def machine_hives(filesystem: Filesystem, directory: Entry) -> Mounts:
    """Return what opens the hives of the machine whose Windows directory this is."""
    config = find(filesystem, ("System32", "config"), directory)
    return {
        mount: _opener(filesystem, config, entry, f"System32\\config\\{name}")
        for mount, name in MACHINE.items()
        if config and (entry := find(filesystem, (name,), config))
    }


def user_hives(namespace: Namespace, sid: str, profile: WinPath) -> Mounts:
    """Return what opens the hives of a user: NTUSER.DAT, and UsrClass.dat where there is one."""
    found: dict[str, Callable[[], Hive | None]] = {}
    for mount, path in _user_paths(sid, profile):
        place = namespace.resolve(path)
        if place and not place[1].directory:
            filesystem, entry = place
            folder = namespace.resolve(path.parent)
            directory = folder[1] if folder and folder[0] is filesystem else None
            found.setdefault(mount.upper(), _opener(filesystem, directory, entry, str(path)))
    return found


def _user_paths(sid: str, profile: WinPath) -> Iterator[tuple[str, WinPath]]:
    yield f"HKU\\{sid}", profile / "NTUSER.DAT"
    for path in CLASSES:
        yield f"HKU\\{sid}_CLASSES", WinPath(profile.drive, (*profile.parts, *path.split("\\")))


def _opener(
    filesystem: Filesystem, directory: Entry | None, entry: Entry, name: str
) -> Callable[[], Hive]:
    return lambda: open_hive_files(hive_files(filesystem, directory, entry, name))
