r"""What speaks for a directory being a Windows: its hives, its kernel, and what the hives say of it.

Valid means: ``System32\config\SOFTWARE`` and ``SYSTEM`` are hives that parse, and SOFTWARE has
``Microsoft\Windows NT\CurrentVersion``. Names are shown as the image has them: they are hostile text.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime

from extractor.errors import SourceError
from extractor.filesystems import find
from extractor.filetime import to_datetime
from extractor.model import Candidate, Entry, Evidence, upcase
from extractor.registry import HiveFiles, Registry, hive_files, open_hive_files
from extractor.seams import Filesystem, Hive, Stream
from windows_locators.directories import is_old, parent_of

VERSION = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion"
CONTROL = r"HKLM\SYSTEM\CurrentControlSet\Control"
HIVES = ("SOFTWARE", "SYSTEM", "SAM", "SECURITY", "DEFAULT")
MACHINES = {0x14C: "x86", 0x8664: "x64", 0xAA64: "arm64"}
PROCESSORS = {"X86": "x86", "AMD64": "x64", "ARM64": "arm64"}
FIRST_BUILD_OF_11 = 22000

OpenHive = Callable[[HiveFiles], Hive]


def examine(
    filesystem: Filesystem,
    directory: Entry,
    path: tuple[str, ...],
    open_hive: OpenHive = open_hive_files,
) -> Candidate:
    """Return the candidate for a directory: what it is, whether it is valid, and every fact that says so."""
    hives, faults = _open_hives(filesystem, directory, open_hive)
    registry = Registry({rf"HKLM\{name}": _always(hive) for name, hive in hives.items()})
    facts, doubts = _read_facts(registry)
    kernel = _kernel(filesystem, directory)
    reason = _reason(registry, path, faults)
    parent = parent_of(filesystem, directory) or filesystem.root
    return Candidate(
        volume=filesystem.info.id,
        record=directory.record,
        path=path,
        kind="windows.old" if is_old(path) else "windows",
        root=parent.record,
        valid=not reason,
        reason=reason,
        product=_corrected(facts),
        version=facts["version"],
        build=facts["build"],
        edition=facts["edition"],
        arch=kernel if kernel in MACHINES.values() else PROCESSORS.get(upcase(facts["cpu"]), ""),
        computer=facts["computer"],
        last_shutdown=int(facts["last shutdown"] or 0),
        evidence=(
            *_hive_evidence(hives, faults),
            Evidence("kernel", kernel),
            *_fact_evidence(facts),
            *doubts,
        ),
    )


def _open_hives(
    filesystem: Filesystem, directory: Entry, open_hive: OpenHive
) -> tuple[dict[str, Hive], dict[str, str]]:
    """Return the hives that open, and of the others why they do not."""
    hives: dict[str, Hive] = {}
    faults: dict[str, str] = {}
    for name in HIVES:
        entry = find(filesystem, ("System32", "config", name), directory)
        if entry is None or entry.directory:
            faults[name] = f"System32\\config\\{name} is missing"
            continue
        config = find(filesystem, ("System32", "config"), directory)
        try:
            hives[name] = open_hive(
                hive_files(filesystem, config, entry, rf"System32\config\{name}")
            )
        except SourceError as error:
            faults[name] = str(error)
    return hives, faults


def _always(hive: Hive) -> Callable[[], Hive]:
    return lambda: hive


def _reason(registry: Registry, path: tuple[str, ...], faults: Mapping[str, str]) -> str:
    """Return why the directory is not a valid Windows, empty when it is one."""
    if "BASEIMAGES" in map(upcase, path) and "CONTAINERS" in map(upcase, path):
        return "the base image of Windows containers, not an installation"
    for name in ("SOFTWARE", "SYSTEM"):
        if name in faults:
            return faults[name]
    try:
        known = registry.exists(VERSION)
    except SourceError as error:
        return str(error)
    return "" if known else r"SOFTWARE has no key Microsoft\Windows NT\CurrentVersion"


# --- facts ----------------------------------------------------------------------------------------


def _read_facts(registry: Registry) -> tuple[dict[str, str], list[Evidence]]:
    """Return every fact (empty where the hive has none), and what could not be read."""
    facts: dict[str, str] = {}
    doubts: list[Evidence] = []
    for name, read in FACTS.items():
        try:
            facts[name] = read(registry)
        except SourceError as error:
            facts[name] = ""
            doubts.append(Evidence(name, f"unreadable: {error}"))
    return facts, doubts


def _text(key: str, *names: str) -> Callable[[Registry], str]:
    """Return a reader of the first of these values that is there."""
    return lambda registry: next(filter(None, (registry.text(key, name) for name in names)), "")


def _version(registry: Registry) -> str:
    """Return ``10.0`` or ``6.1``: from Windows 10 on CurrentVersion stays at 6.3 and two numbers tell."""
    major = registry.number(VERSION, "CurrentMajorVersionNumber")
    if major:
        return f"{major}.{registry.number(VERSION, 'CurrentMinorVersionNumber')}"
    return registry.text(VERSION, "CurrentVersion")


def _update(registry: Registry) -> str:
    return str(registry.number(VERSION, "UBR") or "")


def _installed(registry: Registry) -> str:
    seconds = registry.number(VERSION, "InstallDate")
    return (
        f"{datetime.fromtimestamp(seconds & 0xFFFFFFFF, UTC):%Y-%m-%d %H:%M:%S} UTC"
        if seconds
        else ""
    )


def _last_shutdown(registry: Registry) -> str:
    return str(registry.number(rf"{CONTROL}\Windows", "ShutdownTime") or "")


def _profiles(registry: Registry) -> str:
    names = registry.subkeys(rf"{VERSION}\ProfileList")
    people = [name for name in names if upcase(name).startswith(("S-1-5-21-", "S-1-12-1-"))]
    return str(len(people)) if names else ""


FACTS: Mapping[str, Callable[[Registry], str]] = {
    "product": _text(VERSION, "ProductName"),
    "version": _version,
    # XP keeps junk in CurrentBuild ("Obsolete data - do not use"), so CurrentBuildNumber is asked first.
    "build": _text(VERSION, "CurrentBuildNumber", "CurrentBuild"),
    "update": _update,
    "release": _text(VERSION, "DisplayVersion", "ReleaseId", "CSDVersion"),
    "edition": _text(VERSION, "EditionID"),
    "system root": _text(VERSION, "SystemRoot"),
    "installed": _installed,
    "cpu": _text(rf"{CONTROL}\Session Manager\Environment", "PROCESSOR_ARCHITECTURE"),
    "computer": _text(rf"{CONTROL}\ComputerName\ComputerName", "ComputerName"),
    "last shutdown": _last_shutdown,
    "profiles": _profiles,
}


def _corrected(facts: Mapping[str, str]) -> str:
    """Return the product's name; Windows 11 still calls itself Windows 10 in ProductName."""
    name, build = facts["product"], facts["build"]
    if name.startswith("Windows 10") and build.isdecimal() and int(build[:9]) >= FIRST_BUILD_OF_11:
        return f"Windows 11{name[len('Windows 10') :]}"
    return name


def _fact_evidence(facts: Mapping[str, str]) -> Iterator[Evidence]:
    for name, value in facts.items():
        if value:
            yield Evidence(name, _shown_time(int(value)) if name == "last shutdown" else value)
    if _corrected(facts) != facts["product"]:
        said = f"ProductName says {facts['product']}, build {facts['build']} is Windows 11"
        yield Evidence("product corrected", said)


def _shown_time(filetime: int) -> str:
    try:
        time = to_datetime(filetime)
    except OverflowError:
        return f"FILETIME {filetime:#x}, beyond the year 9999"
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"


def _hive_evidence(hives: Mapping[str, Hive], faults: Mapping[str, str]) -> Iterator[Evidence]:
    for name in HIVES:
        if name in faults:
            yield Evidence(name, faults[name])
        else:
            dirty = "; its logs hold newer data" if hives[name].dirty else ""
            said = "".join(f"; {note.message}" for note in hives[name].notes)
            yield Evidence(name, f"parses{dirty}{said}")


# --- kernel ---------------------------------------------------------------------------------------


def _kernel(filesystem: Filesystem, directory: Entry) -> str:
    """Return the architecture that the kernel is built for, or what is wrong with it."""
    entry = find(filesystem, ("System32", "ntoskrnl.exe"), directory)
    if entry is None or entry.directory:
        return r"System32\ntoskrnl.exe is missing"
    try:
        machine = _pe_machine(filesystem.open(entry))
    except SourceError as error:
        return str(error)
    return MACHINES.get(machine, f"PE machine {machine:#x}") if machine else "not a PE file"


def _pe_machine(stream: Stream) -> int:
    """Return the Machine field of a PE header ("PE Format", COFF File Header), 0 when it is none."""
    head = stream.read_at(0, 64)
    if len(head) < 64 or head[:2] != b"MZ":
        return 0
    header = stream.read_at(struct.unpack_from("<I", head, 0x3C)[0], 6)
    if len(header) < 6 or header[:4] != b"PE\0\0":
        return 0
    return int(struct.unpack_from("<H", header, 4)[0])
