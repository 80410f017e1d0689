"""What a file or device lies on, what it is only another way to, and who uses it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from extractor import block_devices
from extractor.block_devices import Sources, faces_of, identity_of, lies_on, used_by


def place(root: Path, name: str, number: str, *, partition: bool = False) -> Path:
    """Add a device to a sysfs below ``root``; return its folder."""
    folder = root / "devices" / name
    folder.mkdir(parents=True)
    (folder / "dev").write_text(f"{number}\n")
    if partition:
        (folder / "partition").write_text("1\n")
    block = root / "dev" / "block"
    block.mkdir(parents=True, exist_ok=True)
    (block / number).symlink_to(folder)
    return folder


def put_on(upper: Path, lower: Path) -> None:
    """Have one device lie on another."""
    for folder, name, other in ((upper, "slaves", lower), (lower, "holders", upper)):
        (folder / name).mkdir(exist_ok=True)
        (folder / name / other.name).symlink_to(other)


def number_of(path: Path) -> str:
    device = path.stat().st_dev
    return f"{os.major(device)}:{os.minor(device)}"


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    """A host where a folder is on a partition of disk 259:7, which is mapped onto 8:16, a loop device."""
    sys = tmp_path / "sys"
    disk = place(sys, "disk", "259:7")
    place(sys, "disk/part", number_of(tmp_path), partition=True)
    lower = place(sys, "lower", "8:16")
    put_on(disk, lower)
    (sys / "block").mkdir()
    (sys / "block" / "loop5").symlink_to(lower)
    return Sources(sys, tmp_path / "mountinfo", tmp_path / "swaps")


def backed_by(sources: Sources, image: Path) -> Path:
    (sources.sys / "devices/lower/loop").mkdir()
    (sources.sys / "devices/lower/loop/backing_file").write_text(f"{image}\n")
    image.write_bytes(b"x")
    return image


def test_a_folder_lies_on_its_partition_its_disk_and_what_is_below(
    sources: Sources, tmp_path: Path
) -> None:
    image = backed_by(sources, tmp_path / "image")
    device = tmp_path.stat().st_dev
    assert lies_on(tmp_path, sources) == {
        identity_of(tmp_path),
        ("device", os.major(device), os.minor(device)),
        ("device", 259, 7),
        ("device", 8, 16),
        identity_of(image),
    }


def test_a_mount_is_what_it_was_mounted_from(tmp_path: Path) -> None:
    image = tmp_path / "an image"
    image.write_bytes(b"x")
    mounts = tmp_path / "mountinfo"
    told = str(image).replace(" ", "\\040")
    mounts.write_text(
        f"garbage\n1 2 {number_of(tmp_path)} / /mnt rw shared:1 - fuseblk {told} rw\n"
    )
    alone = Sources(tmp_path / "no sys", mounts, tmp_path / "no swaps")
    assert lies_on(tmp_path, alone) == {identity_of(tmp_path), identity_of(image)}


@pytest.mark.parametrize("source", ["/gone", "tmpfs", "\\000", "/\\000x"])
def test_a_mount_whose_source_leads_nowhere_is_left_out(tmp_path: Path, source: str) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"1 2 {number_of(tmp_path)} / /mnt rw - fuse {source} rw\n")
    alone = Sources(tmp_path / "no sys", mounts, tmp_path / "no swaps")
    assert lies_on(tmp_path, alone) == {identity_of(tmp_path)}


def test_what_is_not_there_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        lies_on(tmp_path / "none")


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A path that is the node of the mapped disk 259:7."""
    found = tmp_path / "node"
    found.write_bytes(b"")
    real = block_devices.identity_of
    device = ("device", 259, 7)
    monkeypatch.setattr(
        block_devices, "identity_of", lambda path: device if path == found else real(path)
    )
    return found


def test_a_device_has_the_face_of_its_slaves_and_their_file(
    sources: Sources, node: Path, tmp_path: Path
) -> None:
    image = backed_by(sources, tmp_path / "image")
    assert faces_of(node, sources) == {
        ("device", 259, 7), ("device", 8, 16), identity_of(image),
    }  # fmt: skip
    assert faces_of(image, sources) == {identity_of(image)}


def test_a_partition_lies_on_its_disk_but_is_not_another_face_of_it(
    sources: Sources, node: Path
) -> None:
    (sources.sys / "devices/disk/partition").write_text("1\n")  # of its parent, which gets a number
    (sources.sys / "devices/dev").write_text("259:0\n")
    assert ("device", 259, 0) not in faces_of(node, sources)
    assert ("device", 259, 0) in lies_on(node, sources)


@pytest.mark.parametrize(
    ("mounts", "swaps", "told"),
    [
        ("1 2 259:7 / /mnt rw - ext4 /dev/x rw\n", "", "it is mounted at /mnt"),
        ("1 2 0:99 / /mnt\\040x rw - fuse {node} rw\n", "", "it is mounted at /mnt x"),
        ("", "Filename Type\n{node} partition 1 0\n", "this host swaps to it"),
        ("1 2 8:1 / /mnt rw - ext4 /dev/sda1 rw\n", "Filename Type\n/none file 1 0\n", ""),
    ],
)
def test_what_is_mounted_or_swapped_to_is_used(
    sources: Sources, node: Path, mounts: str, swaps: str, told: str
) -> None:
    sources.mounts.write_text(mounts.format(node=node))
    sources.swaps.write_text(swaps.format(node=node))
    assert used_by(node, sources) == told


def test_a_disk_is_used_when_its_partition_is_mounted(
    sources: Sources, node: Path, tmp_path: Path
) -> None:
    sources.mounts.write_text(f"1 2 {number_of(tmp_path)} / /part rw - ntfs /dev/x rw\n")
    assert used_by(node, sources) == "it is mounted at /part"


def test_a_disk_is_used_when_something_is_mapped_onto_it(sources: Sources, node: Path) -> None:
    put_on(place(sources.sys, "raid", "9:0"), sources.sys / "devices/disk")
    assert used_by(node, sources) == "device raid lies on it"


def test_a_file_is_used_when_a_loop_device_has_it(sources: Sources, tmp_path: Path) -> None:
    image = backed_by(sources, tmp_path / "image")
    assert used_by(image, sources) == "it is attached as loop5"
    assert used_by(tmp_path, sources) == ""
