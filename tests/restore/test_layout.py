"""Homes of a Linux desktop, known folders that were moved to another drive, and what a target lies on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from extractor.errors import UsageError
from extractor.model import ObjectKind, OutcomeKind, Record, RegistryValue, WinPath
from extractor.restore import evidence
from extractor.restore.evidence import refuse_target
from extractor.restore.folders import SHELL_FOLDERS, known_folders
from extractor.restore.layout import Layout, Places
from extractor.restore.locations import Locations
from extractor.restore.users import map_users
from extractor.restore.words import Renaming, UserWords, parse_mu
from extractor.store.directory import DirectoryStore
from extractor.store.opened import open_store
from tests.restore.build import header
from tests.restore.test_users import BOB, HEADER

PEOPLE = map_users(HEADER, UserWords((parse_mu("bob:rob"),)))


def redirected(store: Path, value: str, data: str) -> Path:
    path = WinPath("HKU", (BOB, *SHELL_FOLDERS, f"[{value}]"))
    found = RegistryValue(value, 2, (data + "\0").encode("utf-16-le"))
    with DirectoryStore(store) as writer:
        writer.note(Record(ObjectKind.VALUE, path, "v", BOB, OutcomeKind.STORED, value=found))
        writer.finish(header(), {})
    return store


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (r"D:\Docs", r"D:\Docs"),
        (r"%USERPROFILE%\Papers", r"C:\Users\bob\Papers"),
        (r"%UNKNOWN%\x", r"C:\Users\bob\Documents"),
        (r"D:\..\x", r"C:\Users\bob\Documents"),
        (r"\\server\bob", r"C:\Users\bob\Documents"),
    ],
)
def test_a_known_folder_is_where_the_user_had_it(tmp_path: Path, data: str, expected: str) -> None:
    with open_store(redirected(tmp_path / "store", "Personal", data)) as store:
        folders = known_folders(store, PEOPLE)
    assert str(folders[BOB]["Documents"]) == expected


@pytest.mark.parametrize(
    ("path", "names"),
    [
        (r"C:\Users\bob\Documents\a.txt", "rob/Documents/a.txt"),
        (r"D:\Docs\a.txt", "rob/Documents/a.txt"),
        (r"C:\Users\bob\My Documents\My Pictures\a.jpg", "rob/Pictures/a.jpg"),
        (r"C:\Users\bob\AppData\Local\Google\Chrome\User Data\Default\Bookmarks",
         "rob/.config/google-chrome/Default/Bookmarks"),
        (r"C:\Users\bob\AppData\Roaming\Acme\x", "rob/AppData/Roaming/Acme/x"),
        (r"C:\Users\anna.CONTOSO\Desktop\x", "anna/Desktop/x"),
        (r"C:\Users\Public\x", "C/Users/Public/x"),
        (r"E:\Data\x", "C/Data/x"),
    ],
)  # fmt: skip
def test_a_linux_desktop_finds_things_where_it_looks(path: str, names: str) -> None:
    folders = {BOB: {"Documents": WinPath("D:", ("Docs",))}}
    locations = Locations(PEOPLE)
    places = Places(Layout.LINUX, PEOPLE, locations, folders)
    assert "/".join(places.of(locations.renamed(WinPath.parse(path)))) == names


def test_two_of_one_name_have_two_homes() -> None:
    profile = WinPath("C:", ("Users", "bob.CONTOSO"))
    renaming = Renaming(r"CONTOSO\anna", None, "bob", "map.csv:1", profile=profile)
    people = map_users(HEADER, UserWords((renaming,)))
    places = Places(Layout.LINUX, people, Locations(people), {})
    homes = [places.of(each.profile) for each in people.persons]
    assert homes == [("bob.DESK",), ("eve",), ("bob.CONTOSO",)]


@pytest.fixture
def sys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A /sys/dev/block where 259:1 is a partition of disk 259:0, and 253:0 is mapped onto it."""
    for name, device in (("disk", "259:0"), ("disk/part", "259:1"), ("mapped", "253:0")):
        (tmp_path / "devices" / name).mkdir(parents=True, exist_ok=True)
        (tmp_path / "devices" / name / "dev").write_text(device)
    (tmp_path / "devices/disk/part/partition").write_text("1")
    (tmp_path / "devices/mapped/slaves").mkdir()
    (tmp_path / "devices/mapped/slaves/part").symlink_to(tmp_path / "devices/disk/part")
    block = tmp_path / "block"
    block.mkdir()
    for name, device in (("disk", "259:0"), ("disk/part", "259:1"), ("mapped", "253:0")):
        (block / device).symlink_to(tmp_path / "devices" / name)
    monkeypatch.setattr(evidence, "BLOCK_DEVICES", block)
    return tmp_path


def test_what_lies_beneath_a_mapped_device_is_found(sys: Path) -> None:
    found = set(evidence._of_device("253:0"))
    assert found == {("device", 253, 0), ("device", 259, 1), ("device", 259, 0)}
    assert sys.exists()


def test_a_loop_device_is_its_file(sys: Path) -> None:
    image = sys / "image"
    image.write_bytes(b"x")
    (sys / "devices/disk/loop").mkdir()
    (sys / "devices/disk/loop/backing_file").write_text(f"{image}\n")
    about = image.stat()
    assert ("file", about.st_dev, about.st_ino) in set(evidence._of_device("259:1"))


def test_a_mount_is_what_it_was_mounted_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = tmp_path / "an image"
    image.write_bytes(b"x")
    target = tmp_path / "target"
    target.mkdir()
    device = target.stat().st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    mounts = tmp_path / "mountinfo"
    told = str(image).replace(" ", "\\040")
    mounts.write_text(f"garbage\n1 2 {number} / /mnt rw - fuseblk {told} rw\n")
    monkeypatch.setattr(evidence, "MOUNTS", mounts)
    made_of = {"image": {"images": [{"path": str(image)}]}}
    with pytest.raises(UsageError, match="is the evidence"):
        refuse_target(target, tmp_path / "store", made_of)
    other = {"image": {"images": [{"path": str(tmp_path / "none"), "segments": ["\0"]}]}}
    assert refuse_target(target, tmp_path / "store", other) == frozenset()
