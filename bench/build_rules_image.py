"""An image of 100,000 files and three users, to measure how rules scale: real NTFS through ntfs-3g.

``python -m bench.build_rules_image`` prints where it lies: a temporary folder, where it stays for the next run. Needs
root, /dev/fuse, and the tools of ``sample_images`` (sample_images/README.md); building takes ten minutes.

The mix is that of a used machine: programs and Windows that no rule takes, and in each profile folders of many
applications, documents by year and browser caches. Names are counted, not drawn: the same image every time.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from sample_images.build import build_contents
from sample_images.contents import Contents, Entry, Recipe, User, Volume, Windows
from sample_images.machine import hive_of
from sample_images.payload import generated

USERS = ("ann", "ben", "cam")
MACHINE = "S-1-5-21-111111111-222222222-333333333"
DISK = "5eed0000-0000-4000-8000-0000000000be"
PARTITION = "5eed0000-0000-4000-8000-0000000000bc"
TIME = 133_700_000_000_000_000
VENDORS, APPS = 25, 8
EXTENSIONS = (
    "txt", "doc", "docx", "xls", "xlsx", "pdf", "jpg", "png", "mp3", "ini", "xml", "dat", "db", "log", "tmp", "json",
)  # fmt: skip
FACTS = {
    "product": "Windows 10 Pro",
    "version": "10.0",
    "build": 19045,
    "ubr": 1,
    "display": "22H2",
    "edition": "Professional",
    "arch": "x64",
    "computer": "BENCH",
    "machine_sid": MACHINE,
    "installed": "2024-01-01T00:00:00",
    "shutdown": "2026-01-01T00:00:00",
    "letters": {"C": PARTITION},
}


def image_path() -> Path:
    """Return where the image lies, or will lie."""
    return Path(tempfile.gettempdir(), "coldstate-bench", "rules.raw")


def rules_image() -> Path:
    """Return the image, built if it is not there yet."""
    path = image_path()
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".part")
        build_contents(_contents(), fresh)
        fresh.replace(path)
    return path


def file_names() -> Iterator[tuple[str, ...]]:
    """Yield the path of every file but the hives: 100,000."""
    for user in USERS:
        for path in _profile():
            yield ("Users", user, *path)
    for folder in range(200):
        yield from _many(("Windows", "System32", f"component{folder:03}"), 50)
    for vendor in range(VENDORS):
        for app in range(APPS):
            yield from _many(("Program Files", f"Vendor{vendor:02}", f"App{app}"), 50)
    for project in range(64):
        yield from _many(("Projects", f"project {project:02}", "drawings"), 50)


def _profile() -> Iterator[tuple[str, ...]]:
    """Yield what one user has: 25,600 files."""
    for vendor in range(VENDORS):
        for app in range(APPS):
            own = (f"Vendor{vendor:02}", f"App{app}")
            yield from _many(("AppData", "Roaming", *own), 16)
            yield from _many(("AppData", "Roaming", *own, "profiles", "default"), 24)
            yield from _many(("AppData", "Local", *own, "data"), 20)
    for year in range(40):
        for month in range(8):
            yield from _many(("Documents", f"year {year:02}", f"month {month}"), 25)
    for folder in range(32):
        yield from _many(("Pictures", f"album {folder:02}"), 50)
    for folder in range(80):
        browser = ("AppData", "Local", "Browser", "User Data", "Default", "Cache")
        yield from _many((*browser, f"{folder:02x}"), 50)


def _many(folder: tuple[str, ...], count: int) -> Iterator[tuple[str, ...]]:
    for n in range(count):
        yield (*folder, f"file {n:03}.{EXTENSIONS[n % len(EXTENSIONS)]}")


def _contents() -> Contents:
    windows = Windows(r"C:\Windows", "windows", True, FACTS, tuple(map(_user, range(3))))
    bare = Contents("rules", "gpt", DISK, (), (windows,))
    plain = (_file(path, Recipe(text="\\".join(path))) for path in file_names())
    entries = (*_hives(bare), *plain)
    volume = Volume(
        "ntfs", "C", "Bench", "Basic data partition", 640 << 20, 512,
        "5EED-00BE-C0FF-EEBE", PARTITION, TIME, entries,
    )  # fmt: skip
    return Contents("rules", "gpt", DISK, (volume,), (windows,))


def _hives(contents: Contents) -> Iterator[Entry]:
    config = ("Windows", "System32", "config")
    kinds: dict[tuple[str, ...], str] = {
        (*config, kind): kind for kind in ("SOFTWARE", "SYSTEM", "SAM")
    }
    kinds |= {("Users", user, "NTUSER.DAT"): "NTUSER" for user in USERS}
    for path, kind in kinds.items():
        digest = hashlib.sha256(hive_of(contents, "C", path, kind)).hexdigest()
        yield Entry("file", path, Recipe(hive=kind, sha256=digest))
    kernel = Recipe(kernel="x64")
    yield _file(("Windows", "System32", "ntoskrnl.exe"), kernel)


def _file(path: tuple[str, ...], recipe: Recipe) -> Entry:
    digest = hashlib.sha256(generated(recipe)).hexdigest()
    return Entry("file", path, replace(recipe, sha256=digest))


def _user(number: int) -> User:
    name = USERS[number]
    return User(
        name, f"{MACHINE}-{1001 + number}", rf"C:\Users\{name}", rf"C:\Users\{name}",
        "active", "", _registry(), {},
    )  # fmt: skip


def _registry() -> dict[str, dict[str, object]]:
    """Return the settings of every application: 400 keys, 3,200 values."""
    keys: dict[str, dict[str, object]] = {}
    for vendor in range(VENDORS):
        for app in range(APPS):
            key = rf"Software\Vendor{vendor:02}\App{app}"
            keys[key] = {f"Setting{n}": n for n in range(8)}
            keys[rf"{key}\Window"] = {f"Place{n}": str(n) for n in range(8)}
    return keys


if __name__ == "__main__":
    print(rules_image())
