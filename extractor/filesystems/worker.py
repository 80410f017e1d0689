"""A reader of volumes in a process of its own: it crashes, hangs or runs out of memory alone; here that is one error.

The process reads no file: the bytes of the volume come from here, when it asks for them (``confined.py``).
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from extractor.errors import DamagedError
from extractor.filesystems.worker_protocol import receive, send

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extractor.seams import Volume

SILENCE = 60.0
"""Seconds that a worker may be silent before it counts as hung."""
LARGEST = 8 << 20
"""Bytes that a worker is given at a time."""
SECTOR = 512


class Worker:
    """One process with one volume; requests from several threads wait for each other.

    ``module`` is what runs in it, ``reader`` is what messages call it.
    """

    def __init__(self, volume: Volume, module: str, reader: str) -> None:
        self.reader = reader
        self._volume = volume
        self._lock = threading.Lock()
        self.problem = ""
        """Why bytes that the worker asked for last could not be had."""
        self._channel, theirs = socket.socketpair()
        self._channel.settimeout(SILENCE)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", f"extractor.filesystems.{module}", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=_environment(),
            )

    def open(self) -> None:
        """Have the worker open the volume; raise DamagedError."""
        list(self.ask({"op": "open", "size": self._volume.size}))

    @property
    def ended(self) -> bool:
        """True when the process is gone: it crashed, hung or was closed."""
        return self._process.poll() is not None

    def ask(self, request: dict[str, Any]) -> Iterator[tuple[dict[str, Any], bytes]]:
        """Yield the worker's messages that answer one request, serving its wish for bytes meanwhile.

        Raises DamagedError when the reader cannot do it, or when the worker crashed or hung.
        """
        with self._lock:
            self.problem = ""
            try:
                send(self._channel, request)
                while True:
                    header, payload = receive(self._channel)
                    if "ask" in header:
                        self._serve(*header["ask"])
                        continue
                    if "error" in header:
                        raise DamagedError(f"{self.reader} cannot read it: {header['error']}")
                    yield header, payload
                    if header.get("done"):
                        return
            except (EOFError, OSError, ValueError, TypeError) as error:
                self.close()
                raise DamagedError(
                    f"{self.reader} failed on volume {self._volume.info.id}: {_ended(error)}"
                ) from error

    def _serve(self, offset: int, length: int) -> None:
        """Answer the worker's wish for bytes; what follows a bad sector is left out."""
        length = min(length, LARGEST)
        try:
            data = self._volume.read_at(offset, length)
        except DamagedError as error:
            self.problem = str(error)
            data = b"".join(self._before_damage(offset, length))
        send(self._channel, {}, data)

    def _before_damage(self, offset: int, length: int) -> Iterator[bytes]:
        for start in range(offset, offset + length, SECTOR):
            try:
                yield self._volume.read_at(start, min(SECTOR, offset + length - start))
            except DamagedError:
                return

    def close(self) -> None:
        """End the worker."""
        self._channel.close()
        with suppress(ProcessLookupError):
            self._process.kill()
        self._process.wait()


def _ended(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"it gave no sign for {SILENCE:.0f} seconds and was stopped"
    if isinstance(error, OSError | EOFError):
        return "it crashed, or was stopped before"
    return f"it answered nonsense ({error})"


def _environment() -> dict[str, str]:
    """Return the worker's whole environment. TZ keeps FAT's local times as they are written."""
    home = Path(__file__).resolve().parents[2]
    return {
        "PYTHONPATH": str(home),
        "PATH": os.defpath,
        "TZ": "UTC",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
