"""A stretch of a file -> a loop device that is gone as soon as nobody has it open, however we end.

``losetup`` cannot do this: between its end and the first that opens the device nothing holds it, and one that was
killed there would leave a disk attached. Source: loop(4), linux/loop.h (LOOP_CONFIGURE, since Linux 5.8).
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from pathlib import Path

from extractor.errors import StoreLocationError

CONTROL = "/dev/loop-control"
GET_FREE, CONFIGURE = 0x4C82, 0x4C0A
READ_ONLY, AUTOCLEAR = 1, 4
_CONFIG = struct.Struct("=II 5Q 4I 64s 64x 32x 16x 64x")
"""loop_config: descriptor, size of a block, then loop_info64 (device, inode, rdevice, offset, limit; number, three of
encryption, flags; name)."""
TRIES = 50
"""Others take free devices too."""


def attach(file: Path, offset: int, size: int, *, write: bool) -> tuple[str, int]:
    """Return the node of a loop device over ``size`` bytes of a file, and a descriptor that holds it; raise OSError."""
    with file.open("r+b" if write else "rb", buffering=0) as backing:
        flags = AUTOCLEAR if write else AUTOCLEAR | READ_ONLY
        config = _CONFIG.pack(
            backing.fileno(), 0, 0, 0, 0, offset, size, 0, 0, 0, flags, os.fsencode(file)[-63:]
        )
        for _ in range(TRIES):
            node = _free()
            descriptor = os.open(node, (os.O_RDWR if write else os.O_RDONLY) | os.O_CLOEXEC)
            try:
                fcntl.ioctl(descriptor, CONFIGURE, config)
            except OSError as error:
                os.close(descriptor)
                if error.errno != errno.EBUSY:
                    raise
            else:
                return node, descriptor
    raise StoreLocationError(f"{file} cannot be attached: no loop device is free")


def _free() -> str:
    control = os.open(CONTROL, os.O_RDWR | os.O_CLOEXEC)
    try:
        return f"/dev/loop{fcntl.ioctl(control, GET_FREE)}"
    finally:
        os.close(control)
