"""A path -> Disk: an image or a block device that can be written here, that nobody uses, and that is no evidence."""

from __future__ import annotations

import fcntl
import os
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from extractor.block_devices import used_by
from extractor.errors import StoreLocationError, UsageError
from extractor.model import ImageInfo

DRIVERS = {
    "raw": "",
    "vhd-fixed": "",  # the raw disk, and a footer behind it
    "vhd-dynamic": "vpc,force_size_calc=current_size",
    "vhdx-fixed": "vhdx",
    "vhdx-dynamic": "vhdx",
    "qcow2": "qcow2",
    "vdi": "vdi",
    "vmdk": "vmdk",
}
"""Format -> QEMU's driver with its options (qemu-nbd(8), "Disk image formats"); empty where the file is the disk.

A VHD has two sizes; ours is that of the footer, QEMU's that of the geometry for creators that it does not know.
"""
_BLKROGET = 0x125E
"""Asks a block device whether it is read-only (linux/fs.h)."""
_LOCK = struct.Struct("hhqqi4x")
"""struct flock: type, whence, start, length, process (fcntl(2))."""


@dataclass(frozen=True, slots=True)
class Disk:
    """A disk that is going to be a target."""

    path: Path
    driver: str = ""
    """How QEMU opens it; empty where it needs no QEMU."""
    size: int = 0
    """Bytes of the disk inside."""

    @property
    def options(self) -> str:
        """What QEMU is told (``--image-opts``), where a comma in a name is written twice."""
        name = str(self.path.resolve()).replace(",", ",,")
        return f"driver={self.driver},file.driver=file,file.filename={name}"

    @property
    def grows(self) -> bool:
        """Whether what is written takes room on this host: the image has holes, or grows."""
        about = self.path.stat()
        whole = about.st_blocks * 512 >= about.st_size
        return stat.S_ISREG(about.st_mode) and bool(self.driver or not whole)


def is_disk(path: Path) -> bool:
    """Tell whether a path is a file or a block device, not a folder."""
    return path.is_file() or path.is_block_device()


def disk_of(path: Path, info: ImageInfo) -> Disk:
    """Return the disk that an image is; raise StoreLocationError (27) for a format that cannot be written here."""
    if info.format not in DRIVERS or tuple(info.segments) != (info.path,):
        raise StoreLocationError(
            f"{path} cannot be written: it is {_told(info)}; make one file of it with qemu-img convert -O vhdx"
        )
    return Disk(path, DRIVERS[info.format], info.size)


def _told(info: ImageInfo) -> str:
    return f"{info.format} of {len(info.segments)} files" if len(info.segments) > 1 else info.format


@contextmanager
def claimed(path: Path, *, write: bool) -> Iterator[int]:
    """Keep a block device from being used by others, and yield a descriptor that can be locked.

    Raises UsageError (11) when the disk is used already, StoreLocationError (27) when it is write-protected and is to
    be written.
    """
    used = used_by(path)
    if not used and is_locked(path):
        used = "another program has locked it: a virtual machine that runs?"
    if used:
        raise UsageError(f"{path} is in use: {used}")
    try:
        # O_EXCL: a block device, its disk, its partitions are neither mounted nor mapped, nor will be (open(2)).
        flags = (os.O_RDWR if write else os.O_RDONLY) | os.O_CLOEXEC
        is_device = path.is_block_device()
        descriptor = os.open(path, flags | (os.O_EXCL if is_device else 0))
    except OSError as error:
        raise UsageError(f"{path} is in use or cannot be opened: {error.strerror}") from error
    try:
        if write and is_device and _is_read_only(descriptor):
            raise StoreLocationError(f"{path} is write-protected")
        yield descriptor
    finally:
        os.close(descriptor)


def _is_read_only(device: int) -> bool:
    answer = fcntl.ioctl(device, _BLKROGET, bytes(4))
    return any(answer)


def lock(descriptor: int) -> None:
    """Keep a virtual machine, or another restore, from opening an image for writing, as long as it is open here."""
    with suppress(OSError):  # a file system without locks
        wanted = _LOCK.pack(fcntl.F_RDLCK, os.SEEK_SET, 0, 0, 0)
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, wanted)


def is_locked(path: Path) -> bool:
    """Tell whether a program has a lock on a file, as QEMU does while it has an image open."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        wanted = _LOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        found = fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, wanted)
        return bool(_LOCK.unpack(found)[0] != fcntl.F_UNLCK)
    except OSError:  # a file system without locks
        return False
    finally:
        os.close(descriptor)
