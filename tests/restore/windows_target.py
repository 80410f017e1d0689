"""A small disk with a Windows of its own to restore into: other names, SIDs and drives than any sample disk has."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from extractor.model import Candidate, Instruction, LocalAccount, User, WinPath
from extractor.registry import Registry, open_hive
from extractor.restore.layout import Layout, Places
from extractor.restore.people.accounts import settle
from extractor.restore.people.users import map_users
from extractor.restore.people.words import UserWords
from extractor.restore.rules.asked import Asked
from extractor.restore.rules.locations import Locations
from extractor.restore.settings.merging import Merging
from extractor.restore.settings.moves import merging_of
from extractor.restore.view import View
from extractor.store.tree import Tree, open_tree
from extractor.windows import WindowsInstall
from extractor.windows.namespace import Namespace
from extractor.windows.sam import Sam
from sample_images.build import build_contents
from sample_images.contents import Contents, filetime, parse_contents
from sample_images.hives import hive
from sample_images.ntfs import _mounted, data_of
from sample_images.run import run
from sample_images.tables import Partition, write_gpt
from tests.registry.tiny_hive import tiny_hive
from tests.restore.people.test_users import BOB, HEADER
from tests.restore.settings.sam_hive import MACHINE, Described, sam_hive

ROBERT = f"{MACHINE}-1001"
"""A user who has logged on."""
SYSTEM_DRIVE, DATA_DRIVE = (
    "5eed0000-0000-4000-8000-0000000000ca",
    "5eed0000-0000-4000-8000-0000000000da",
)
"""GUIDs of the partitions that are C: and D:."""
Prepare = Callable[[Path], None]
"""What is done to a volume while it is mounted."""
SERIAL = "5EED-00AA-C0FF-EE0A"
_CONTENTS = """
name = "new"

[disk]
table = "none"
id = "5eed0000-0000-4000-8000-00000000000a"

[[windows]]
path = 'C:\\Windows'
product = "Windows 10 Pro"
version = "10.0"
build = 22631
ubr = 1
display = "23H2"
edition = "Professional"
arch = "x64"
computer = "NEW-PC"
machine_sid = "{machine}"
installed = "2026-10-01T10:00:00"
shutdown = "2026-10-02T10:00:00"
letters = {{ {letters} }}

[[windows.user]]
name = "robert"
sid = "{robert}"
profile = 'C:\\Users\\robert'

[windows.user.registry.'Software\\Example\\Editor']
Theme = "light"
Own = "of the target"

[[volume]]
kind = "ntfs"
letter = "C"
label = "New"
mib = {mib}
serial = "{serial}"
guid = "5eed0000-0000-4000-8000-0000000000ca"
dirs = ['Program Files', 'ProgramData', 'Users\\Public\\Documents', 'Users\\robert\\Documents']
expect = [['\\', "stored", ""]]

[[volume.many]]
under = 'Windows\\System32\\config'
files = [{hives}]

[[volume.many]]
under = 'Windows\\System32'
files = [{{ name = "ntoskrnl.exe", kernel = "x64" }}]

[[volume.entry]]
file = 'Users\\robert\\NTUSER.DAT'
hive = "NTUSER"
attributes = "HA"

[[volume.entry]]
file = 'Users\\robert\\Documents\\own.txt'
text = "robert's own"
"""
_HIVES = ", ".join(
    f'{{ name = "{name}", hive = "{name}" }}' for name in ("SOFTWARE", "SYSTEM", "SAM")
)
SAM = Described(
    users={500: ("Administrator", 0x211), 501: ("Guest", 0x215), 1001: ("robert", 0x10)},
    groups={
        544: ("Administrators", (f"{MACHINE}-500", ROBERT)),
        545: ("Users", ("S-1-5-4", "S-1-5-11", ROBERT)),
        546: ("Guests", (f"{MACHINE}-501",)),
        555: ("Remote Desktop Users", ()),
    },
)
DEFAULT: dict[str, dict[str, Any]] = {
    "Software\\Example\\Default": {"Here": "of the default profile"},
    "Environment": {"TEMP": {"expand": "%USERPROFILE%\\AppData\\Local\\Temp"}},
}


def _nothing(_root: Path) -> None:
    """Leave a volume as it is."""


def windows_volume(
    image: Path, mib: int = 96, prepare: Prepare = _nothing, *, knows_data: bool = False
) -> Path:
    """Make a bare NTFS volume with a Windows; needs ntfs-3g and the right to mount.

    ``knows_data``: that Windows has the letter D: for the partition ``DATA_DRIVE``.
    """
    drives = {"C": SYSTEM_DRIVE, **({"D": DATA_DRIVE} if knows_data else {})}
    letters = ", ".join(f'{letter} = "{guid}"' for letter, guid in drives.items())
    text = _CONTENTS.format(
        machine=MACHINE, robert=ROBERT, mib=mib, serial=SERIAL, hives=_HIVES, letters=letters
    )
    build_contents(_hashed(parse_contents(text)), image)
    with _mounted(image) as root:
        (root / "Windows/System32/config/SAM").write_bytes(sam_hive(SAM))
        (root / "Users/Default/Links").mkdir(parents=True)
        (root / "Users/Default/Links/Desktop.lnk").write_bytes(b"of the default profile")
        (root / "Users/Default/NTUSER.DAT").write_bytes(
            hive(DEFAULT, filetime("2026-10-01T10:00:00"))
        )
        prepare(root)
    return image


def data_volume(image: Path, mib: int, prepare: Prepare = _nothing) -> Path:
    """Make a bare NTFS volume without a Windows."""
    with image.open("wb") as file:
        file.truncate(mib << 20)
    run("mkntfs", "-Q", "-F", "-q", "-s", "512", "-p", "0", "-H", "255", "-S", "63", str(image))
    with _mounted(image) as root:
        prepare(root)
    return image


def _hashed(contents: Contents) -> Contents:
    """Return the contents with the hashes that a committed table has to name."""
    [volume] = contents.volumes
    entries = [
        replace(
            each,
            recipe=replace(each.recipe, sha256=sha256(data_of(contents, volume, each)).hexdigest()),
        )
        if each.kind == "file"
        else each
        for each in volume.entries
    ]
    return replace(contents, volumes=(replace(volume, entries=tuple(entries)),))


def windows_disk(image: Path, mib: int = 96, prepare: Prepare = _nothing) -> Path:
    """Make a GPT disk whose one partition is a Windows."""
    return _disk(image, {SYSTEM_DRIVE: windows_volume(image.with_suffix(".volume"), mib, prepare)})


def two_drives(
    image: Path, data_mib: int, prepare: Prepare = _nothing, prepare_data: Prepare = _nothing
) -> Path:
    """Make a GPT disk with a Windows on C: that knows the second partition as D:."""
    system = windows_volume(image.with_suffix(".volume"), 96, prepare, knows_data=True)
    data = data_volume(image.with_suffix(".data"), data_mib, prepare_data)
    return _disk(image, {SYSTEM_DRIVE: system, DATA_DRIVE: data})


def _disk(image: Path, volumes: dict[str, Path]) -> Path:
    parts = [
        Partition("ntfs", file.stat().st_size, guid, "New", file) for guid, file in volumes.items()
    ]
    write_gpt(parts, "5eed0000-0000-4000-8000-00000000000a", image, 512)
    for file in volumes.values():
        file.unlink()
    return image


def plain_windows(
    users: Mapping[str, str] | None = None,
    accounts: Mapping[str, str] | None = None,
    *,
    version: str = "10.0",
    default: str = r"C:\Users\Default",
    hives: Mapping[str, bytes] | None = None,
) -> WindowsInstall:
    r"""Make a Windows of names alone: ``DOMAIN\name|profile`` by SID, local accounts by SID, hives by mount."""
    candidate = Candidate(
        "V", 5, ("Windows",), "windows", 5, valid=True, version=version, computer="NEW-PC"
    )
    sam = Sam(
        MACHINE,
        tuple(
            LocalAccount(sid, int(sid.rpartition("-")[2]), name)
            for sid, name in (accounts or {}).items()
        ),
    )
    return WindowsInstall(
        "C-Windows", WinPath.parse(r"C:\Windows"), candidate, WinPath.parse(r"C:\Windows"), "x64", (), Namespace(()),
        Registry({mount: partial(open_hive, content, mount) for mount, content in (hives or {}).items()}),
        tuple(_user(sid, told) for sid, told in (users or {}).items()), WinPath.parse(default), (), sam,
    )  # fmt: skip


def _user(sid: str, told: str) -> User:
    account, _, profile = told.partition("|")
    domain, _, name = account.rpartition("\\")
    return User(sid, name, domain, WinPath.parse(profile), "ok")


NOBODY = UserWords()
SELECT: Mapping[str, Mapping[str, object]] = {
    "Select": {"Current": 2},
    r"ControlSet002\Control": {"v": "two"},
}
BOB_THERE = plain_windows({BOB: r"DESK\bob|C:\Users\bob"}, {BOB: "bob"})
HIVE_FILES: Mapping[str, bytes] = {
    "Windows/System32/config/SOFTWARE": tiny_hive(
        {"Acme": {"v": "there", "n": 7}, r"Acme\Sub": {}}
    ),
    "Windows/System32/config/SYSTEM": tiny_hive(SELECT),
    "Users/bob/NTUSER.DAT": tiny_hive({r"Software\Acme": {"v": "bob's"}}),
    "Users/Default/NTUSER.DAT": tiny_hive({"Environment": {"TEMP": "default"}}),
}
"""Of a plain folder that stands for a volume with a Windows."""


def plain_folder(root: Path, files: Mapping[str, bytes | None] | None = None) -> Path:
    """Make a folder with the hives of a Windows, and more files, or less (None)."""
    for name, content in {**HIVE_FILES, **(files or {})}.items():
        if content is not None:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(content)
    return root


@contextmanager
def merging_at(
    root: Path,
    install: WindowsInstall = BOB_THERE,
    *,
    words: UserWords = NOBODY,
    instructions: Iterable[Instruction] = (),
) -> Iterator[tuple[Tree, Merging]]:
    """Open a plain folder, and what decides about its settings."""
    people = settle(map_users(HEADER, words), install, None)
    locations = Locations(people, Asked(instructions))
    with open_tree(root) as tree:
        places = Places(Layout.WINDOWS, people, locations, {})
        yield tree, merging_of(tree, View(tree), places, install, locations, ["C:"])
