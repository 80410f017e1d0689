"""A disk image or device, and volumes on it -> folders of this host, by ntfs-3g over loop devices; and back.

A container (VHD, VHDX …) is first shown as a flat file: qemu-nbd, seen through nbdfuse. ntfs-3g would write 4 KiB at a
time to that file, so it gets a loop device there too. Loop devices are gone when nobody has them open, and once all
stands the flat file is let go of: the kernel keeps it while somebody uses it. So the end of ntfs-3g alone takes
everything else with it, in the right order, even when nobody is left to do it.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from extractor.errors import StoreLocationError
from extractor.model import VolumeInfo
from extractor.restore.target.disks import Disk
from extractor.restore.target.flat_file import BEGIN, flat_file, lost, subfolder
from extractor.restore.target.loops import attach
from extractor.restore.target.tools import (
    Running,
    ToolError,
    asked,
    run,
    uninterrupted,
)

OPTIONS = "no_detach,norecover,big_writes,noatime,nosuid,nodev,noexec,streams_interface=windows"
"""``norecover``: what Windows left unfinished is Windows' to finish, not to be thrown away."""
FLUSH = 900.0
"""Seconds in which all that is still in memory reaches the disk."""
LEFT = 3.0
"""Seconds for what is in use when it should end."""
REFUSALS = {
    12: "is no NTFS volume",
    13: "is damaged: let Windows check it (chkdsk /f)",
    14: "holds a Windows that hibernates: start it and shut it down fully (shutdown /s /t 0, no fast startup)",
    15: "was not unmounted cleanly: let Windows do it, or call ntfsfix",
    16: "is in use",
    17: "is part of a RAID",
}
"""Answers of ntfs-3g.probe (ntfs-3g.probe(8))."""


@dataclass(frozen=True, slots=True)
class _Loop:
    node: str
    descriptor: int
    """Of the node, open as long as it is ours: it hears of every write that failed."""


@contextmanager
def mounted_volumes(
    disk: Disk, volumes: Mapping[str, VolumeInfo], *, write: bool
) -> Iterator[Mapping[str, Path]]:
    """Yield a folder for each volume, which is gone afterwards; keys are the caller's.

    Whatever is open in the folders must be closed by then. Raises StoreLocationError (27) for a volume that cannot be
    mounted so, StoreError (72) when what was written may not all be on the disk.
    """
    with ExitStack() as stack:
        try:
            folder = stack.enter_context(_new_folder())
            file, letting_go = flat_file(disk, folder, stack, write=write)
            loops = {
                name: _attach(file, volume, stack, write=write) for name, volume in volumes.items()
            }
            mounted = {
                name: _mount(disk, loop, folder / f"volume-{number}", stack, write=write)
                for number, (name, loop) in enumerate(loops.items())
            }
            _let_go(letting_go)
        except ToolError as error:
            raise StoreLocationError(f"{disk.path} cannot be attached: {error}") from error
        except OSError as error:
            raise StoreLocationError(f"{disk.path} cannot be attached: {error.strerror}") from error
        yield mounted


@contextmanager
def _new_folder() -> Iterator[Path]:
    """Yield a folder that nobody else enters; it is removed only when it is empty, for disks were mounted in it."""
    folder = Path(tempfile.mkdtemp(prefix="coldstate-"))
    try:
        yield folder
    finally:
        with suppress(OSError):
            folder.rmdir()


# --- volumes --------------------------------------------------------------------------------------


def _attach(file: Path, volume: VolumeInfo, stack: ExitStack, *, write: bool) -> _Loop:
    with uninterrupted():
        node, descriptor = attach(file, volume.offset, volume.size, write=write)
        stack.callback(os.close, descriptor)
    return _Loop(node, descriptor)


def _mount(disk: Disk, loop: _Loop, folder: Path, stack: ExitStack, *, write: bool) -> Path:
    if write:
        code, said = asked("ntfs-3g.probe", "--readwrite", loop.node)
        if code:
            raise _refusal(disk, code, said)
    subfolder(folder, stack)
    options = OPTIONS if write else f"{OPTIONS},ro"
    with uninterrupted():
        driver = Running("ntfs-3g", "-o", options, loop.node, str(folder), follows_us=True)
        stack.push(_Unmounting(disk, driver, loop, folder, write=write))
    try:
        driver.until(lambda: os.path.ismount(folder), BEGIN)
    except ToolError as error:
        raise _refusal(disk, error.code, str(error)) from error
    if write and os.statvfs(folder).f_flag & os.ST_RDONLY:
        raise ToolError("ntfs-3g does not mount it for writing")
    return folder


def _refusal(disk: Disk, code: int, said: str) -> StoreLocationError:
    """Return why ntfs-3g mounts no volume, in words that help."""
    why = REFUSALS.get(code, f"cannot be mounted: {said or code}")
    return StoreLocationError(f"{disk.path}: a volume {why}")


class _Unmounting:
    """The end of a mount: all is written, ntfs-3g has ended, and what failed on the way is told."""

    def __init__(
        self, disk: Disk, driver: Running, loop: _Loop, folder: Path, *, write: bool
    ) -> None:
        self._disk, self._driver, self._loop = disk, driver, loop
        self._folder, self._write = folder, write

    def __call__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _: TracebackType | None,
    ) -> bool:
        with uninterrupted():
            well = self._ended()
        if not well and error is None:
            raise lost(self._disk, "ntfs-3g")
        return False

    def _ended(self) -> bool:
        lived = self._driver.lives
        patience = 0.0
        if not lived or os.path.ismount(self._folder):  # where it died, looking is an error
            code, _ = asked("umount", str(self._folder))
            patience = LEFT if code else FLUSH
            if code:  # something in it is open still, ours or a stranger's
                asked("umount", "--lazy", str(self._folder))
        ended = self._driver.end(patience) and lived
        return self._synced() and ended if self._write else ended

    def _synced(self) -> bool:
        try:
            os.fsync(self._loop.descriptor)
        except OSError:
            return False
        return True


def _let_go(shown: Path | None) -> None:
    """Have the flat file end with whoever uses it, as loop devices do."""
    if shown is not None:
        with uninterrupted():
            run("fusermount3", "-u", "-z", str(shown))
