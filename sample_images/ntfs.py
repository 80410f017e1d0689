"""Volume -> a file that holds that NTFS volume, filled through ntfs-3g.

Every feature has its own extended attribute there (`system.ntfs_*`) or its own spelling
(`file:stream`); what has neither is edited into the records afterwards (records.py).
"""

from __future__ import annotations

import os
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from time import sleep

from sample_images import reparse
from sample_images.contents import Contents, Entry, Recipe, Times, Volume, WinPath
from sample_images.machine import hive_of
from sample_images.payload import LARGEST, check, generated
from sample_images.records import Edit, edit_records, marked, renamed, shortened, smuggled
from sample_images.run import BuildError, run
from sample_images.security import descriptor, inherited_sddl
from sample_images.stamps import stamped

OPTIONS = "efs_raw,compression,streams_interface=windows,permissions,no_detach"
ATTRIBUTES = {  # attrib(1)'s letters -> FILE_ATTRIBUTE_* [MS-FSCC 2.6]
    "R": 0x1, "H": 0x2, "S": 0x4, "A": 0x20, "T": 0x100, "C": 0x800, "O": 0x1000, "I": 0x2000,
    "P": 0x80000, "U": 0x100000,
}  # fmt: skip
RECALL_ON_DATA_ACCESS = 0x400000
EVERYBODY = "O:BAG:SYD:(A;OICI;FA;;;WD)"  # where contents.toml says nothing
GARBAGE = b"beyond the valid data length: nobody may ever read this. "


@dataclass(slots=True)
class Filling:
    """A mounted volume while it is being filled."""

    root: Path
    volume: Volume
    contents: Contents
    edits: list[Edit] = field(default_factory=list)

    def host(self, path: WinPath) -> Path:
        """Where the object of that NTFS path is, or will be, under the mount point."""
        return self.root.joinpath(*map(smuggled, path))


def make_ntfs(volume: Volume, contents: Contents, out: Path) -> None:
    """Write to `out` the NTFS volume that contents.toml tells of."""
    out.unlink(missing_ok=True)
    with out.open("wb") as file:
        file.truncate(volume.size)
    geometry = ["-p", "0", "-H", "255", "-S", "63", "-s", str(volume.sector), "-c", "4096"]
    run("mkntfs", "-Q", "-F", "-q", "-T", "-L", volume.label, *geometry, str(out))
    _set_serial(out, volume)
    with _mounted(out) as root:
        filling = Filling(root, volume, contents)
        for entry in sorted(volume.entries, key=lambda entry: entry.kind == "hardlink"):
            _add(filling, entry)
        _protect(filling)
        names = {name for entry in volume.entries for name in entry.path}
        filling.edits += [renamed(name) for name in sorted(names) if smuggled(name) != name]
        filling.edits.append(stamped(_times(filling)))
    edit_records(out, filling.edits)


@contextmanager
def _mounted(image: Path) -> Iterator[Path]:
    """Mounts an NTFS file; leaving waits until ntfs-3g has written its last byte."""
    with TemporaryDirectory() as folder:
        command = ["ntfs-3g", str(image), folder, "-o", OPTIONS]
        with subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        ) as driver:
            _wait_for_mount(driver, folder)
            try:
                yield Path(folder)
            finally:
                run("umount", folder)
                driver.communicate(timeout=60)


def _wait_for_mount(driver: subprocess.Popen[str], folder: str) -> None:
    while not Path(folder).is_mount():
        if driver.poll() is not None:
            raise BuildError(f"ntfs-3g cannot mount: {driver.communicate()[1].strip()}")
        sleep(0.02)


def _set_serial(image: Path, volume: Volume) -> None:
    """Set what mkntfs draws at random; it stands in the boot sector and in its copy at the end."""
    serial = struct.pack("<Q", int(volume.serial.replace("-", ""), 16))
    with image.open("r+b") as file:
        for sector in (0, volume.size - volume.sector):
            file.seek(sector + 0x48)
            file.write(serial)


def _add(filling: Filling, entry: Entry) -> None:
    host = filling.host(entry.path)
    host.parent.mkdir(parents=True, exist_ok=True)
    if entry.kind == "hardlink":
        host.hardlink_to(filling.host(tuple(entry.target.split("\\"))))
        return
    _make(filling, entry, host)
    _decorate(filling, entry, host)


def _make(filling: Filling, entry: Entry, host: Path) -> None:
    """Make the bare object with its data; its reparse point, if any, comes last."""
    if entry.kind in {"dir", "junction"} or entry.directory:
        host.mkdir(exist_ok=True)
    elif entry.recipe.islands:
        _write_islands(host, entry.recipe)
    elif entry.kind == "file":
        _write_data(filling, entry, host)
    else:
        host.touch()


def _write_data(filling: Filling, entry: Entry, host: Path) -> None:
    data = check(str(entry.path), data_of(filling.contents, filling.volume, entry), entry.recipe)
    if entry.wof:
        Path(f"{host}:WofCompressedData").write_bytes(reparse.wof_stream(data, entry.wof))
        os.truncate(host, len(data))
    elif entry.valid is not None:
        garbage = GARBAGE * (len(data) // len(GARBAGE) + 1)
        host.write_bytes(data[: entry.valid] + garbage[: len(data) - entry.valid])
        filling.edits.append(shortened(host.stat().st_ino, entry.valid))
    else:
        host.write_bytes(data)


def data_of(contents: Contents, volume: Volume, entry: Entry) -> bytes:
    """Return the bytes that Windows reads from the unnamed stream of a file entry."""
    if entry.recipe.hive is not None:
        return hive_of(contents, volume.letter, entry.path, entry.recipe.hive)
    data = generated(entry.recipe)
    return data if entry.valid is None else data[: entry.valid].ljust(len(data), b"\0")


def _write_islands(host: Path, recipe: Recipe) -> None:
    if recipe.sha256 is not None and (recipe.size or 0) <= LARGEST:
        check(host.name, generated(recipe), recipe)
    with host.open("wb") as file:
        for offset, text in recipe.islands:
            file.seek(offset)
            file.write(text.encode())
        file.truncate(recipe.size)


def _decorate(filling: Filling, entry: Entry, host: Path) -> None:
    """Streams and metadata, in the order in which ntfs-3g accepts them."""
    for name, recipe in entry.streams:
        what = f"{entry.path}:{name}"
        Path(f"{host}:{name}").write_bytes(check(what, generated(recipe), recipe))
    if entry.short_name:
        _set(host, "ntfs_dos_name", entry.short_name.encode())
    if entry.attributes:
        bits = sum(ATTRIBUTES[letter] for letter in entry.attributes)
        _set(host, "ntfs_attrib_be", struct.pack(">I", bits))
    if entry.cloud:
        filling.edits.append(marked(host.stat().st_ino, RECALL_ON_DATA_ACCESS))
    buffer = _reparse_buffer(entry)
    if buffer:
        _set(host, "ntfs_reparse_data", buffer)


def _reparse_buffer(entry: Entry) -> bytes:
    if entry.kind == "junction":
        return reparse.junction(entry.target)
    if entry.kind == "symlink":
        return reparse.symlink(entry.target)
    if entry.wof:
        return reparse.wof(entry.wof)
    return reparse.cloud() if entry.cloud else b""


def _times(filling: Filling) -> dict[int, Times]:
    """Return the times of every object, by record: nothing of the day of building is left."""
    time = filling.volume.time
    usual = (time, time, time, time)
    times = {path.lstat().st_ino: usual for path in _all(filling.root)}
    for entry in filling.volume.entries:
        if entry.times:
            times[filling.host(entry.path).lstat().st_ino] = entry.times
    return times


def _protect(filling: Filling) -> None:
    """Give every object its own descriptor, or what it inherits from the folder above."""
    own = {filling.host(e.path): e.security for e in filling.volume.entries if e.security}
    given = {filling.root: own.get(filling.root, EVERYBODY)}
    for path in _all(filling.root):
        directory = path.is_dir() and not path.is_symlink()
        given[path] = own.get(path) or inherited_sddl(given[path.parent], directory=directory)
    for path, sddl in given.items():
        _set(path, "ntfs_acl", descriptor(sddl))


def _all(root: Path) -> Iterator[Path]:
    """Everything below the mount point, folders before what they hold."""
    for folder, folders, files in os.walk(root):
        yield from (Path(folder, name) for name in (*folders, *files))


def _set(host: Path, name: str, value: bytes) -> None:
    os.setxattr(host, f"system.{name}", value, follow_symlinks=False)
