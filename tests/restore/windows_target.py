"""A small disk with a Windows of its own to restore into: other names, SIDs and drives than any sample disk has."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from sample_images.build import build_contents
from sample_images.contents import Contents, filetime, parse_contents
from sample_images.hives import hive
from sample_images.ntfs import _mounted, data_of
from sample_images.tables import Partition, write_gpt
from tests.restore.settings.sam_hive import MACHINE, Described, sam_hive

ROBERT = f"{MACHINE}-1001"
"""A user who has logged on."""
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
letters = {{ C = "5eed0000-0000-4000-8000-0000000000ca" }}

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


def windows_volume(image: Path, mib: int = 96) -> Path:
    """Make a bare NTFS volume with a Windows; needs ntfs-3g and the right to mount."""
    text = _CONTENTS.format(machine=MACHINE, robert=ROBERT, mib=mib, serial=SERIAL, hives=_HIVES)
    build_contents(_hashed(parse_contents(text)), image)
    with _mounted(image) as root:
        (root / "Windows/System32/config/SAM").write_bytes(sam_hive(SAM))
        (root / "Users/Default/Links").mkdir(parents=True)
        (root / "Users/Default/Links/Desktop.lnk").write_bytes(b"of the default profile")
        (root / "Users/Default/NTUSER.DAT").write_bytes(
            hive(DEFAULT, filetime("2026-10-01T10:00:00"))
        )
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


def windows_disk(image: Path, mib: int = 96) -> Path:
    """Make a GPT disk whose one partition is a Windows."""
    volume = windows_volume(image.with_suffix(".volume"), mib)
    part = Partition(
        "ntfs", volume.stat().st_size, "5eed0000-0000-4000-8000-0000000000ca", "New", volume
    )
    write_gpt([part], "5eed0000-0000-4000-8000-00000000000a", image, 512)
    volume.unlink()
    return image
