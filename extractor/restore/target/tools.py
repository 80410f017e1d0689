"""Programs of this host -> what they say, in one sentence: called by name, apart from the terminal, and always ended.

A Ctrl+C reaches all that belongs to a terminal: a driver that ended under our hands would lose what was written, so
each is a session of its own. It is told to end when we do not live to end it (setpriv, ``PR_SET_PDEATHSIG``).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from signal import SIG_BLOCK, SIG_SETMASK, SIGINT, SIGKILL, pthread_sigmask
from typing import IO

from extractor.errors import UsageError
from extractor.model import printable

PACKAGES = {
    "ntfs-3g": "ntfs-3g",
    "ntfs-3g.probe": "ntfs-3g",
    "umount": "mount",
    "setpriv": "util-linux",
    "qemu-nbd": "qemu-utils",
    "nbdfuse": "libnbd-bin",
    "fusermount3": "fuse3",
}
"""Tool -> the package of Debian that has it."""
VOLUMES = ("ntfs-3g", "ntfs-3g.probe", "umount", "setpriv")
"""What any disk needs."""
CONTAINERS = ("qemu-nbd", "nbdfuse", "fusermount3")
"""What a disk in a container needs besides."""
GRACE = 60.0
"""Seconds for a program that is told to end, before it is killed."""
EVERY = 0.01
"""Seconds between two looks at something that is to happen."""


class ToolError(Exception):
    """A program of this host did not do what it was told; its text is what it said first of that."""

    def __init__(self, said: str, code: int = -1) -> None:
        super().__init__(said)
        self.code = code
        """How it ended."""


def missing_tools(names: Sequence[str]) -> dict[str, str]:
    """Return tool -> package of Debian for those that are not here."""
    return {name: PACKAGES[name] for name in names if not _found(name)}


def refuse_missing(names: Sequence[str], shown: str) -> None:
    """Raise UsageError (11) that names the packages to install when a tool is missing."""
    missing = missing_tools(names)
    if missing:
        packages = " ".join(dict.fromkeys(missing.values()))
        raise UsageError(
            f"{shown}: a disk is written with {', '.join(missing)}, which this host lacks: apt install {packages}"
        )


def refuse_no_root(shown: str) -> None:
    """Raise UsageError (11) unless this is root, who alone attaches and mounts disks."""
    if os.geteuid():
        raise UsageError(f"{shown}: only root attaches and mounts a disk; call this with sudo")


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Let a Ctrl+C wait: between what is made and the note of how it is taken back, and while it is."""
    before = pthread_sigmask(SIG_BLOCK, {SIGINT})
    try:
        yield
    finally:
        pthread_sigmask(SIG_SETMASK, before)


def run(*words: str) -> str:
    """Run a program to its end and return what it printed; raise ToolError."""
    code, printed = asked(*words)
    if code:
        raise ToolError(_first(printed) or f"{words[0]} ended with {code}", code)
    return printed


def asked(*words: str) -> tuple[int, str]:
    """Run a program to its end; return its exit code and what it printed, errors too."""
    done = subprocess.run(
        [_found(words[0]) or words[0], *words[1:]],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=_environment(),
        start_new_session=True,
        check=False,
    )
    return done.returncode, done.stdout.decode("utf-8", "replace").strip()


class Running:
    """A program that goes on until it is told to end, or what it serves is gone."""

    def __init__(self, *words: str, follows_us: bool = False) -> None:
        """Start it; with ``follows_us`` it is asked to end when this thread ends."""
        self.name = words[0]
        self._said: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (closed by ``end``)
        leash = [_found("setpriv") or "setpriv", "--pdeathsig", "TERM"] if follows_us else []
        self._process = subprocess.Popen(
            [*leash, _found(words[0]) or words[0], *words[1:]],
            stdin=subprocess.DEVNULL,
            stdout=self._said,
            stderr=self._said,
            env=_environment(),
            start_new_session=True,
        )

    @property
    def lives(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    @property
    def said(self) -> str:
        """The first line of what it printed."""
        self._said.seek(0)
        return _first(self._said.read().decode("utf-8", "replace"))

    def until(self, happened: Callable[[], bool], seconds: float) -> None:
        """Wait for something that it does; raise ToolError when it ends before, or takes longer."""
        deadline = time.monotonic() + seconds
        while not happened():
            if not self.lives:
                code = self._process.returncode
                raise ToolError(self.said or f"{self.name} ended with {code}", code)
            if time.monotonic() > deadline:
                raise ToolError(f"{self.name} did not begin within {seconds:.0f} seconds")
            time.sleep(EVERY)

    def end(self, seconds: float) -> bool:
        """Wait for its end, and bring it about after so many seconds; return whether it ended well, by itself."""
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            code = -1
            self._process.terminate()
            try:
                self._process.wait(GRACE)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, SIGKILL)  # it is a session of its own
                self._process.wait()
        self._said.close()
        return code == 0


def _found(name: str) -> str | None:
    return shutil.which(name, path=_environment()["PATH"])


def _environment() -> dict[str, str]:
    """Return an environment with the folders of a system's tools, and words in English."""
    path = os.environ.get("PATH", os.defpath)
    return {**os.environ, "PATH": f"{path}:/usr/sbin:/sbin", "LC_ALL": "C.UTF-8"}


def _first(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return printable(lines[0]) if lines else ""
