"""A disk in a container (VHD, VHDX …) -> a flat file of this host: qemu-nbd, seen through nbdfuse; and its end."""

from __future__ import annotations

import time
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType

from extractor.errors import StoreError
from extractor.restore.target.disks import Disk, is_locked
from extractor.restore.target.tools import EVERY, Running, ToolError, asked, uninterrupted

BEGIN = 60.0
"""Seconds in which a driver shows what it opened, and lets go of it once all is flushed."""
LETS_GO = """
trap 'while kill -0 $! && ! fusermount3 -u -z "$0"; do sleep 0.05; done 2>/dev/null' TERM
"$@" &
wait $!; code=$?
while kill -0 $! 2>/dev/null; do wait $!; code=$?; done
exit $code
"""
"""A shell that runs a program; told to end, or when we are no more, it has what the program shows let go of. Once loop
devices do not use that any more the program ends by itself; ended at once it would lose what they still write."""
UNLOCKED = 10.0
"""Seconds in which QEMU lets go of an image that it has closed."""


def flat_file(
    disk: Disk, folder: Path, stack: ExitStack, *, write: bool
) -> tuple[Path, Path | None]:
    """Return a file with the bytes of the disk, and what has to be let go of when loop devices have it."""
    if not disk.driver:
        return disk.path, None
    shown = subfolder(folder / "disk", stack)
    stack.callback(_wait_for_locks, disk)
    file = shown / "disk"
    flags = [] if write else ["--readonly"]
    server = ["qemu-nbd", "--cache=writeback", "--image-opts", disk.options]
    server += [] if write else ["--read-only"]
    with uninterrupted():
        words = ("nbdfuse", *flags, str(file), "--socket-activation", *server)
        shower = Running("sh", "-c", LETS_GO, str(shown), *words, follows_us=True)
        ending = stack.push(_Ending(disk, shower, shown))
    shower.until(file.exists, BEGIN)
    ending.patience = BEGIN
    size = file.stat().st_size
    if size < disk.size:
        raise ToolError(f"qemu-nbd shows {size} bytes of it, and it has {disk.size}")
    return file, shown


class _Ending:
    """The end of nbdfuse, and of qemu-nbd with it: by itself, once nobody has the file any more."""

    def __init__(self, disk: Disk, shower: Running, folder: Path) -> None:
        self._disk, self._shower, self._folder = disk, shower, folder
        self.patience = 0.0
        """Seconds in which it ends by itself; none as long as it shows nothing."""

    def __call__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _: TracebackType | None,
    ) -> bool:
        with uninterrupted():
            asked(
                "fusermount3", "-u", "-z", str(self._folder)
            )  # it is gone already when all went well
            well = self._shower.end(self.patience)
        if not well and error is None:
            raise lost(self._disk, "qemu-nbd")
        return False


def _wait_for_locks(disk: Disk) -> None:
    """Wait until qemu-nbd has let go of the image, for whoever comes next."""
    deadline = time.monotonic() + UNLOCKED
    while is_locked(disk.path) and time.monotonic() < deadline:
        time.sleep(EVERY)


def subfolder(folder: Path, stack: ExitStack) -> Path:
    """Make a folder that is removed with the stack, unless something is left in it."""
    folder.mkdir()
    stack.callback(_remove, folder)
    return folder


def _remove(folder: Path) -> None:
    with suppress(OSError):  # somebody sits in it
        folder.rmdir()


def lost(disk: Disk, tool: str) -> StoreError:
    """Return the error for a disk that may not hold all that was written."""
    return StoreError(
        f"{disk.path}: {tool} ended before its time or could not write: what was written last may not be there;"
        " check the volume, and give the same command again"
    )
