"""The plan that ``fault.c`` follows, in memory that the processes of a trial share."""

from __future__ import annotations

import ctypes
import mmap
import os
import subprocess
from collections import Counter
from enum import IntEnum
from pathlib import Path

SOURCE = Path(__file__).with_name("fault.c")
VARIABLE = "FAULT_STATE"
KINDS = 1 << 16
NAMES = {
    "w": "write",
    "p": "pwrite",
    "v": "pwritev",
    "c": "copy",
    "s": "sync",
    "t": "truncate",
    "o": "create",
    "m": "mkdir",
    "u": "unlink",
    "r": "rename",
    "l": "link",
}
"""What the letters in the state stand for."""
HALVED = frozenset("wpvc")
"""Kinds of call that can write less than they were asked to."""


class Action(IntEnum):
    """What happens at the call; ``fault.c`` has the same numbers."""

    COUNT = 0xC0
    """Nothing but counting."""
    KILL = 1
    """The process that calls dies."""
    KILL_ALL = 2
    """So does the one that hired it."""
    TORN = 3
    """It dies when half is written."""
    FAIL = 4
    FAIL_ON = 5
    """This call and all that follow fail."""
    SHORT = 6
    SHORT_ON = 7
    INTERRUPT = 8
    """Ctrl+C."""


class State(ctypes.Structure):
    """``struct state``."""

    _fields_ = (
        ("action", ctypes.c_int),
        ("code", ctypes.c_int),
        ("lazy", ctypes.c_int),
        ("parent", ctypes.c_int),
        ("at", ctypes.c_int),
        ("count", ctypes.c_int),
        ("fired", ctypes.c_int),
        ("unused", ctypes.c_int),
        ("below", ctypes.c_char * 1024),
        ("kinds", ctypes.c_char * KINDS),
    )

    def arm(self, below: Path, action: Action, at: int, code: int) -> None:
        """Begin to count what this process, and those it hires, do below a directory."""
        self.action = 0
        self.code, self.at, self.count, self.fired = code, at, 0, 0
        self.parent, self.below = os.getpid(), bytes(below)
        self.action = int(action)

    def disarm(self) -> str:
        """End that, and return the letters of the calls."""
        self.action = 0
        kinds = ctypes.string_at(ctypes.addressof(self) + State.kinds.offset, self.count)
        return kinds[:KINDS].decode("ascii")


def shared_state(path: Path) -> State:
    """Return the state in a file, which is made large enough for it."""
    with path.open("a+b") as file:
        file.truncate(ctypes.sizeof(State))
        return State.from_buffer(mmap.mmap(file.fileno(), ctypes.sizeof(State)))


def build_library(folder: Path) -> Path:
    """Compile ``fault.c`` into ``folder``."""
    library = folder / "fault.so"
    flags = ["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror"]
    subprocess.run(["cc", *flags, "-o", library, SOURCE, "-ldl"], check=True)
    return library


def in_words(kinds: str) -> str:
    """Return how many calls of each kind there were."""
    return ", ".join(f"{count} {NAMES[kind]}" for kind, count in Counter(kinds).most_common())
