"""The manifest's header -> what was found: disks, volumes, Windows, people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from extractor.filetime import to_datetime
from extractor.report.page.book import Book, Json, mapping, mappings, number, sequence, text

LISTED = 200
"""Images, volumes and people that are listed; a machine has fewer."""
_STATES = {
    "missing": "the profile folder is gone from the disk",
    "temporary": "a temporary profile, which Windows makes when the real one does not load",
    "backup": "a profile that Windows had set aside (.bak)",
    "duplicate-sid": "a second profile of the same account",
    "no-hive": "the profile has no registry file (NTUSER.DAT)",
    "unreadable-hive": "the registry file of the profile (NTUSER.DAT) cannot be read",
}


@dataclass(frozen=True, slots=True)
class Disk:
    """An image that was read."""

    path: str
    format: str
    size: int
    sector: int
    segments: int
    hashes: tuple[tuple[str, str], ...]
    """As the container states them: algorithm, hexadecimal digest."""


@dataclass(frozen=True, slots=True)
class VolumeFact:
    """A volume of an image."""

    id: str
    disk: int
    offset: int
    size: int
    letter: str
    label: str
    filesystem: str
    encryption: str
    """In words; empty when there is none."""
    locked: bool
    note: str


@dataclass(frozen=True, slots=True)
class Person:
    """A profile, or a local account without one."""

    sid: str
    account: str
    profile: str
    comes: bool
    why: str
    """Why this person does not come, in words; of one who comes what is odd about the profile."""
    last_used: str
    groups: tuple[str, ...]
    shown_as: str
    """Name in charts: short, and unlike that of any other person."""


@dataclass(frozen=True, slots=True)
class Found:
    """What the run found."""

    tool: str
    computer: str
    windows: tuple[tuple[str, str], ...]
    """What is known of the Windows that was read: label, value."""
    other_windows: tuple[str, ...]
    """Folders of other Windows that the run saw and left out."""
    disks: tuple[Disk, ...]
    volumes: tuple[VolumeFact, ...]
    people: tuple[Person, ...]
    without_profile: tuple[str, ...]
    """Local accounts that never had a profile on these disks."""
    rule_files: tuple[tuple[str, str], ...]


def found(book: Book) -> Found:
    """Return what the header tells."""
    header = book.header
    image, windows = mapping(header.get("image")), mapping(header.get("windows"))
    tool = mapping(header.get("tool"))
    return Found(
        f"{text(tool.get('name'))} {text(tool.get('version'))}".strip(),
        text(windows.get("computer")),
        tuple(_windows(windows, text(header.get("machine_sid")))),
        tuple(_other_windows(book)),
        tuple(map(_disk, mappings(image.get("images"))[:LISTED])),
        tuple(map(_volume, mappings(image.get("volumes"))[:LISTED])),
        tuple(_people(mappings(header.get("users"))[:LISTED])),
        tuple(_without_profile(book)),
        tuple((str(name), text(digest)) for name, digest in _rule_files(header)),
    )


def _rule_files(header: Json) -> Iterator[tuple[object, object]]:
    yield from mapping(header.get("rule_files")).items()
    yield from mapping(header.get("config")).items()


def _windows(windows: Json, machine: str) -> Iterator[tuple[str, str]]:
    product, edition = text(windows.get("product")), text(windows.get("edition"))
    release = product or edition
    build = " build ".join(filter(None, (text(windows.get("version")), text(windows.get("build")))))
    pairs = (
        ("Computer name", text(windows.get("computer"))),
        ("Windows", release),
        ("Version", build),
        ("Architecture", text(windows.get("arch"))),
        ("Folder", text(windows.get("path"))),
        ("Kind", "an earlier installation (Windows.old)" if windows.get("kind") == "windows-old" else ""),
        ("Machine SID", machine),
    )  # fmt: skip
    return ((label, value) for label, value in pairs if value)


def _other_windows(book: Book) -> Iterator[str]:
    sql = (
        "SELECT DISTINCT path FROM objects WHERE kind = 'directory' AND outcome = 'excluded'"
        " AND path LIKE '_:\\Windows.old%' AND path NOT LIKE '_:\\%\\%' ORDER BY path LIMIT 20"
    )
    return (text(path) for (path,) in book.rows(sql))


def _disk(image: Json) -> Disk:
    hashes = mapping(image.get("stored_hashes"))
    return Disk(
        text(image.get("path")),
        text(image.get("format")),
        number(image.get("size")),
        number(image.get("sector_size")),
        len(sequence(image.get("segments"))),
        tuple((str(name).upper(), text(digest)) for name, digest in sorted(hashes.items())),
    )


def _volume(volume: Json) -> VolumeFact:
    lock = mapping(volume.get("encryption"))
    return VolumeFact(
        text(volume.get("id")),
        number(volume.get("image")),
        number(volume.get("offset")),
        number(volume.get("size")),
        text(volume.get("letter")),
        text(volume.get("label")),
        text(volume.get("filesystem")),
        _encryption(lock),
        bool(lock) and not lock.get("unlocked"),
        text(volume.get("note")),
    )


def _encryption(lock: Json) -> str:
    if not lock:
        return ""
    kind = {"bitlocker": "BitLocker", "luks": "LUKS"}.get(
        text(lock.get("kind")), text(lock.get("kind"))
    )
    if lock.get("unlocked"):
        by = text(lock.get("opened_by"))
        return f"{kind}, opened with {by}" if by else f"{kind}, open"
    protectors = ", ".join(map(text, sequence(lock.get("protectors"))))
    return f"{kind}, locked" + (f" (a key would be: {protectors})" if protectors else "")


def _people(users: list[Json]) -> Iterator[Person]:
    names = [text(user.get("name")) or text(user.get("sid")) for user in users]
    holders = Counter(
        name
        for _, name in {
            (text(each.get("sid")), name) for each, name in zip(users, names, strict=True)
        }
    )
    for user, name in zip(users, names, strict=True):
        domain = text(user.get("domain"))
        account = f"{domain}\\{name}" if domain else name
        comes = user.get("selected") is True
        yield Person(
            text(user.get("sid")),
            account,
            text(user.get("profile")),
            comes,
            _why(user, comes=comes),
            _last_used(mapping(user.get("last_used"))),
            tuple(map(text, sequence(user.get("groups")))),
            account if holders[name] > 1 else name,
        )


def _why(user: Json, *, comes: bool) -> str:
    state = _STATES.get(text(user.get("state")), "")
    if comes:
        return state
    switch = text(user.get("switch"))
    if switch.startswith("/"):
        return f"left out by {switch}"
    return state or switch or "not selected"


def _last_used(times: Json) -> str:
    latest = max(map(number, times.values()), default=0)
    if not latest:
        return ""
    try:
        return f"{to_datetime(latest):%Y-%m-%d}"
    except OverflowError:
        return "beyond the year 9999"


def _without_profile(book: Book) -> Iterator[str]:
    sql = (
        "SELECT path FROM objects WHERE kind = 'account' AND outcome = 'excluded'"
        " AND reason = 'this account has no profile here' ORDER BY sort_key LIMIT ?"
    )
    return (text(path).partition("\\")[2] for (path,) in book.rows(sql, LISTED))
