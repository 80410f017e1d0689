"""contents.toml -> Contents: the truth about one sample image, as values.

A path is a tuple of exact NTFS names. A name that UTF-8 cannot carry (a lone surrogate) is written
in the file as `utf16 = "<hex of UTF-16LE>"`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

Table = dict[str, Any]
WinPath = tuple[str, ...]
Times = tuple[int, int, int, int]

HERE = Path(__file__).parent
NAMES = ("solo", "desk", "three", "hostile", "sector4k", "apps")


@dataclass(frozen=True, slots=True)
class Recipe:
    """How the bytes of a stream are made, and what they hash to; see payload.py."""

    text: str | None = None
    pattern: str | None = None
    seed: str | None = None
    size: int | None = None
    parts: tuple[Recipe, ...] = ()
    islands: tuple[tuple[int, str], ...] = ()  # of a sparse file: offset, text
    hive: str | None = None
    kernel: str | None = None
    program: tuple[tuple[str, str], ...] = ()  # version strings of an executable
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One file, directory or link of a volume, and what a scan by the default rules does with it."""

    kind: str  # file, dir, hardlink, junction, symlink
    path: WinPath
    recipe: Recipe = field(default_factory=Recipe)
    target: str = ""  # of a link: as stored (junction, symlink), or a path of the same volume
    directory: bool = False  # of a symlink: to a directory
    streams: tuple[tuple[str, Recipe], ...] = ()
    attributes: str = ""  # letters of attrib(1), see ntfs.py
    times: Times | None = None  # FILETIME: created, written, accessed, record changed
    security: str = ""  # SDDL
    short_name: str = ""
    wof: str = ""
    valid: int | None = None  # valid data length; what lies beyond reads as zeros
    cloud: bool = False
    expect: str = "stored"
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Volume:
    """One partition: NTFS with entries, FAT32 with files, or an empty reserved one."""

    kind: str  # ntfs, efi, reserved
    letter: str
    label: str
    name: str  # of the partition, GPT only
    size: int  # bytes
    sector: int
    serial: str
    guid: str
    time: int
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class User:
    """One line of ProfileList and what belongs to it."""

    name: str
    sid: str
    profile: str  # the folder on the disk
    image_path: str  # what ProfileList says, in the letters of that Windows
    state: str  # active, missing-folder, backup-key
    full_name: str
    registry: Table
    classes: Table  # of UsrClass.dat


@dataclass(frozen=True, slots=True)
class Windows:
    """One Windows directory of the disk, valid or a decoy."""

    path: str
    kind: str  # windows, windows.old
    valid: bool
    facts: Table
    users: tuple[User, ...]


@dataclass(frozen=True, slots=True)
class Contents:
    """Everything one sample image holds."""

    name: str
    table: str  # none, mbr, gpt
    disk_id: str
    volumes: tuple[Volume, ...]
    windows: tuple[Windows, ...]


def contents_of(name: str) -> Contents:
    """Return what the sample image `name` holds, by its contents.toml."""
    return parse_contents((HERE / name / "contents.toml").read_text("utf-8"))


def parse_contents(text: str) -> Contents:
    """Text of a contents.toml -> Contents; KeyError or ValueError where a field is wrong."""
    table = tomllib.loads(text)
    disk = table["disk"]
    return Contents(
        name=table["name"],
        table=disk["table"],
        disk_id=disk["id"],
        volumes=tuple(_volume(volume, disk.get("sector", 512)) for volume in table["volume"]),
        windows=tuple(_windows(windows) for windows in table.get("windows", [])),
    )


def split(path: str) -> WinPath:
    r"""`Users\anna\a.txt` or `C:\Users\anna` -> the names below the root."""
    return tuple(part for part in path.split("\\") if part and not part.endswith(":"))


def filetime(text: str) -> int:
    """`2026-03-14T09:26:53.5897932` (UTC) -> FILETIME, 100 ns since 1601."""
    seconds, _, fraction = text.partition(".")
    since = datetime.fromisoformat(seconds).replace(tzinfo=UTC) - datetime(1601, 1, 1, tzinfo=UTC)
    return int(since.total_seconds()) * 10_000_000 + int(fraction.ljust(7, "0") or "0")


def _volume(table: Table, sector: int) -> Volume:
    entries = (_entry(entry, expects(table)) for entry in _entry_tables(table))
    return Volume(
        kind=table["kind"],
        letter=table.get("letter", ""),
        label=table.get("label", ""),
        name=table.get("name", "Basic data partition"),
        size=table["mib"] << 20,
        sector=sector,
        serial=table.get("serial", ""),
        guid=table.get("guid", ""),
        time=filetime(table.get("time", "2026-03-14T09:26:53.5897932")),
        entries=tuple(entries),
    )


def expects(table: Table) -> list[tuple[WinPath, str, str]]:
    """Return the `expect` rows of a volume: what a scan does with all that lies below a path."""
    return [(split(row[0]), row[1], row[2]) for row in table.get("expect", [])]


def _entry_tables(volume: Table) -> Iterator[Table]:
    yield from volume.get("entry", [])
    yield from ({"dir": path} for path in volume.get("dirs", []))
    for many in volume.get("many", []):
        yield from _many(many)


def _many(many: Table) -> Iterator[Table]:
    """Yield the entries a `many` table stands for: plain files of one folder."""
    shared = {key: value for key, value in many.items() if key not in {"under", "files", "why"}}
    for row in many["files"]:
        yield {"file": many["under"], **shared, **row}


def _entry(table: Table, rows: list[tuple[WinPath, str, str]]) -> Entry:
    kind = next(
        kind for kind in ("file", "dir", "hardlink", "junction", "symlink") if kind in table
    )
    entry = Entry(
        kind=kind,
        path=split(table[kind]) + _own_name(table),
        recipe=_recipe(table),
        target=table.get("target", ""),
        directory=table.get("directory", False),
        streams=tuple((name, _recipe(value)) for name, value in table.get("streams", {}).items()),
        attributes=table.get("attributes", ""),
        times=_times(table["times"]) if "times" in table else None,
        security=table.get("security", ""),
        short_name=table.get("short_name", ""),
        wof=table.get("wof", ""),
        valid=table.get("valid"),
        cloud=table.get("cloud", False),
    )
    expect, reason = _expected(entry.path, table, rows)
    return replace(entry, expect=expect, reason=reason)


def _times(texts: list[str]) -> Times:
    created, written, accessed, changed = map(filetime, texts)
    return created, written, accessed, changed


def _own_name(table: Table) -> WinPath:
    """Return the names below the path in text: a folder many times over, an exact last name."""
    name, times = table.get("folders", ("", 0))
    folders = (str(name),) * int(times)
    if "utf16" in table:
        return (*folders, bytes.fromhex(table["utf16"]).decode("utf-16-le", "surrogatepass"))
    return (*folders, table["name"]) if "name" in table else folders


def _expected(path: WinPath, table: Table, rows: list[tuple[WinPath, str, str]]) -> tuple[str, str]:
    """Return the entry's own words, else the longest `expect` row above it, else stored."""
    if "expect" in table:
        return table["expect"], table.get("reason", "")
    above = [row for row in rows if path[: len(row[0])] == row[0]]
    _, expect, reason = max(above, key=lambda row: len(row[0]), default=((), "stored", ""))
    return expect, reason


def _recipe(table: Table) -> Recipe:
    return Recipe(
        text=table.get("text"),
        pattern=table.get("pattern"),
        seed=table.get("seed"),
        size=table.get("size"),
        parts=tuple(_recipe(part) for part in table.get("parts", [])),
        islands=tuple((offset, text) for offset, text in table.get("islands", [])),
        hive=table.get("hive"),
        kernel=table.get("kernel"),
        program=tuple(table.get("program", {}).items()),
        sha256=table.get("sha256"),
    )


def _windows(table: Table) -> Windows:
    return Windows(
        path=table["path"],
        kind=table.get("kind", "windows"),
        valid=table.get("valid", True),
        facts={key: value for key, value in table.items() if key != "user"},
        users=tuple(_user(user) for user in table.get("user", [])),
    )


def _user(table: Table) -> User:
    return User(
        name=table["name"],
        sid=table["sid"],
        profile=table["profile"],
        image_path=str(table.get("image_path", table["profile"])),
        state=table.get("state", "active"),
        full_name=table.get("full_name", ""),
        registry=table.get("registry", {}),
        classes=table.get("classes", {}),
    )
