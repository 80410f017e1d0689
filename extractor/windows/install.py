"""Candidate -> WindowsInstall: one chosen Windows, its letters, namespace, registry and users."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from extractor.errors import DriveMapError, NoWindowsError, SourceError
from extractor.model import Candidate, Entry, User, VolumeInfo, WinPath, printable, upcase
from extractor.registry import Registry
from extractor.registry.view import Mounts
from extractor.seams import Hive
from extractor.windows.accounts import Accounts
from extractor.windows.drives import MAPPING, DriveLetter, drive_letters, system_drive
from extractor.windows.hives import MACHINE, user_hives
from extractor.windows.namespace import Mount, Namespace
from extractor.windows.offline_xml import DriveMapping
from extractor.windows.sam import Sam
from extractor.windows.survey import Survey, directory_of, system_root
from extractor.windows.users import Profile, find_users, foremost, profiles
from extractor.windows.variables import DEFAULT_PROFILE, base_variables, machine_variables


@dataclass(frozen=True, slots=True)
class WindowsInstall:
    """One Windows, opened; paths are its own unless said otherwise."""

    id: str
    """Good for a folder: ``C-Windows``, ``C-Windows.old``; unique among all that the survey found."""
    path: WinPath
    """The Windows directory in the machine's letters."""
    candidate: Candidate
    system_root: WinPath
    arch: str
    """x64, x86, arm64 or empty: what was found, unless it was given."""
    letters: tuple[DriveLetter, ...]
    namespace: Namespace
    registry: Registry = field(repr=False)
    users: tuple[User, ...]
    default_profile: WinPath
    warnings: tuple[str, ...] = ()
    sam: Sam = field(default_factory=Sam)
    """The machine's SID, local accounts and local groups."""
    member_names: Mapping[str, str] = field(default_factory=dict)
    """SID of a member of a local group -> how to show it."""


def open_install(
    found: Survey,
    candidate: Candidate,
    mappings: Sequence[DriveMapping] = (),
    arch: str = "",
) -> WindowsInstall:
    """Open a Windows that the survey found; ``arch`` (x86, x64, arm64) overrides what was found.

    Raises DriveMapError (29) when a mapping names no place of these disks, NoWindowsError (26) when the hives that the
    locator could open cannot be read now.
    """
    try:
        return _open(found, candidate, mappings, arch or candidate.arch)
    except SourceError as error:
        path = printable(str(found.path_of(candidate)))
        raise NoWindowsError(f"{path} cannot be used: {printable(str(error))}") from error


def _open(
    found: Survey, candidate: Candidate, mappings: Sequence[DriveMapping], arch: str
) -> WindowsInstall:
    machine = found.registry_of(candidate)
    root = system_root(machine, candidate)
    warnings: list[str] = []
    drives, mapped = _mapped(found, mappings, warnings)
    letters = _letters(found, candidate, root, drives)
    warnings += _overruled(drives, letters)
    namespace = Namespace(_mounts(found, candidate, root, letters, mapped))
    base = base_variables(root)
    known = machine_variables(machine, base, candidate.version)
    default_profile = WinPath.parse(known["DEFAULTUSERPROFILE"])
    listed = list(profiles(machine, base, namespace))
    first = foremost(listed, namespace)
    registry = Registry(_all_hives(machine, namespace, first, default_profile))
    folders = {each.sid: first[upcase(each.sid)].path.name for each in listed}
    accounts = Accounts(registry, candidate.computer, folders)
    users = tuple(find_users(listed, registry, namespace, accounts))
    return WindowsInstall(
        id=found.id_of(candidate),
        path=found.path_of(candidate),
        candidate=candidate,
        system_root=root,
        arch=arch,
        letters=letters,
        namespace=namespace,
        registry=registry,
        users=users,
        default_profile=default_profile,
        warnings=(*warnings, *accounts.doubts),
        sam=accounts.sam,
        member_names=_member_names(accounts),
    )


def _member_names(accounts: Accounts) -> dict[str, str]:
    members = (sid for group in accounts.sam.groups for sid in group.members)
    return {sid: accounts.name_of(sid) for sid in members}


def _letters(
    found: Survey, candidate: Candidate, root: WinPath, drives: Sequence[DriveLetter]
) -> tuple[DriveLetter, ...]:
    """Return the letters this Windows knew; a copy of another machine's disk in a folder gets none by rule."""
    volume = _volume(found, candidate.volume)
    claim = system_drive(found.registry_of(candidate), root.drive, volume)
    own_disk = candidate.kind == "windows.old" or len(candidate.path) == 1
    return drive_letters(
        found.registry_of(candidate), found.volumes, [claim, *drives], by_rule=own_disk
    )


def _volume(found: Survey, identity: str) -> VolumeInfo:
    return next(each for each in found.volumes if each.id == identity)


# --- mappings -------------------------------------------------------------------------------------


def _mapped(
    found: Survey, mappings: Sequence[DriveMapping], warnings: list[str]
) -> tuple[list[DriveLetter], list[Mount]]:
    """Return what Offline.xml maps: whole drives as letters, folders as mounts."""
    drives: list[DriveLetter] = []
    folders: list[Mount] = []
    for mapping in mappings:
        running, offline = _sides(found, mapping, warnings)
        place = found.namespace.resolve(running)
        if place is None or not place[1].directory:
            raise DriveMapError(f"{mapping.source}: {printable(str(running))} is no folder here")
        filesystem, entry = place
        if not running.parts and not offline.parts:
            drives.append(DriveLetter(offline.drive, filesystem.info.id, MAPPING))
        else:
            folders.append(Mount(offline, filesystem, entry))
    return drives, folders


def _sides(found: Survey, mapping: DriveMapping, warnings: list[str]) -> tuple[WinPath, WinPath]:
    """Return a mapping's (running, offline) sides, swapped when only the other side's drive is here.

    Which side is which is not documented; usmt.md 2.2 decides.
    """
    here = {each.letter for each in found.letters}
    running, offline = mapping.running, mapping.offline
    if running.drive in here:
        return running, offline
    if offline.drive not in here:
        raise DriveMapError(
            f"{mapping.source}: neither {running.drive} nor {offline.drive} is a drive of this disk"
            f" (it has {', '.join(sorted(here)) or 'none'})"
        )
    warnings.append(
        f"{mapping.source}: no volume is drive {running.drive}; the mapping is read the other way round"
    )
    return offline, running


def _overruled(drives: Sequence[DriveLetter], letters: Sequence[DriveLetter]) -> Iterator[str]:
    """Yield a warning for each mapping that the letter of the Windows itself, or an earlier mapping, overrules."""
    for drive in drives:
        if not any((each.letter, each.volume) == (drive.letter, drive.volume) for each in letters):
            kept = next(
                (each.letter for each in letters if each.volume == drive.volume), "no letter"
            )
            yield f"the mapping of volume {drive.volume} to {drive.letter} is not used: it is {kept}"


# --- namespace and registry -----------------------------------------------------------------------


def _mounts(
    found: Survey,
    candidate: Candidate,
    root: WinPath,
    letters: Sequence[DriveLetter],
    folders: Sequence[Mount],
) -> list[Mount]:
    """Return the mounts: drives at their roots, but the own drive at what was its ``C:``; then mapped folders."""
    mounts: dict[tuple[str, ...], Mount] = {}
    for each in letters:
        if each.volume in found.filesystems:
            filesystem = found.filesystems[each.volume]
            own = each.volume == candidate.volume
            top = directory_of(filesystem, candidate.root) if own else filesystem.root
            mounts[(each.letter,)] = Mount(WinPath(each.letter), filesystem, top)
    mounts.update({mount.at.key: mount for mount in folders})
    renamed = _renamed(found, candidate, root, Namespace(mounts.values()))
    if renamed:
        mounts[root.key] = renamed
    return list(mounts.values())


def _renamed(
    found: Survey, candidate: Candidate, root: WinPath, namespace: Namespace
) -> Mount | None:
    """Return a mount of the Windows directory under the name it knows itself by, None when it still has it."""
    filesystem = found.filesystems[candidate.volume]
    directory: Entry = directory_of(filesystem, candidate.record)
    place = namespace.resolve(root)
    if place and (place[0].info.id, place[1].record) == (candidate.volume, candidate.record):
        return None
    return Mount(root, filesystem, directory)


def _all_hives(
    machine: Registry, namespace: Namespace, first: Mapping[str, Profile], default: WinPath
) -> Mounts:
    """Return the hives of the machine (its registry holds them), the default user and all others.

    Of a profile and its ``.bak`` twin, which have one SID, that which ``foremost`` chose counts.
    """
    mounts: dict[str, Callable[[], Hive | None]] = {
        mount: partial(machine.hive, mount) for mount in MACHINE
    }
    mounts.update(user_hives(namespace, DEFAULT_PROFILE, default))
    for sid, profile in first.items():
        mounts.update(user_hives(namespace, sid, profile.path))
    return mounts
