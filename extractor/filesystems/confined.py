"""The inside of a worker process: it gives up its rights, then answers requests until its parent is gone.

Libraries read hostile bytes here, so the process may open no file, write none and take little memory; the bytes of the
volume come from the parent. What runs in it is a Reader: one class of ``tsk_worker.py`` or ``dissect_worker.py``.
"""

from __future__ import annotations

import hashlib
import resource
import socket
import struct
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

from extractor.filesystems.worker_protocol import receive, send

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

MEMORY = 2 << 30
"""Bytes of address space, Python and libraries included."""
PIECE = 1 << 20
"""Bytes read and hashed at a time."""
PULSE = 8 << 20
"""Bytes after which a long hash gives a sign of life."""
FAILURES = (
    OSError, EOFError, MemoryError, StopIteration, AttributeError, TypeError, LookupError, RuntimeError, ValueError,
    ArithmeticError, struct.error,
)  # fmt: skip
"""What libraries raise on bytes that are not what they should be."""


class Reader(Protocol):
    """What answers a worker's requests."""

    def answer(self, operation: str, arguments: list[Any], /) -> None:
        """Carry out one request; its answer ends with a message that says ``done``."""
        ...


def fetch(channel: socket.socket, offset: int, length: int) -> bytes:
    """Return bytes of the volume from the parent: fewer where they cannot be had."""
    send(channel, {"ask": [offset, length]})
    return receive(channel)[1]


def send_digests(
    channel: socket.socket, wanted: Iterable[list[Any]], digest: Callable[..., str]
) -> None:
    """Send, for each of ``wanted``, what ``digest`` makes of it, or why that fails."""
    for each in wanted:
        try:
            answer = {"digest": digest(*each)}
        except FAILURES as error:
            answer = {"failed": first_line(error)}
        send(channel, answer)
    send(channel, {"done": True})


def sha256(channel: socket.socket, pieces: Iterable[bytes], size: int) -> str:
    """Return the SHA-256 of a stream of ``size`` bytes; raise OSError when there are more or fewer."""
    digest, done, told = hashlib.sha256(), 0, 0
    for piece in pieces:
        digest.update(piece)
        done += len(piece)
        if done - told >= PULSE:
            send(channel, {"bytes": done - told})
            told = done
    if done != size:
        raise OSError(f"it gives {done} of {size} bytes")
    return digest.hexdigest()


def first_line(error: Exception) -> str:
    """Return what an error says, as one line."""
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def confine() -> None:
    """Give up what reading a volume does not need: files, memory without end, core dumps."""
    for limit, value in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 0),
    ):
        resource.setrlimit(limit, (value, value))


def serve(channel: socket.socket, make: Callable[[socket.socket, int], Reader]) -> None:
    """Answer requests until the parent is gone; an error of the library is an answer too."""
    header, _ = receive(channel)
    reader: Reader | None = None
    while True:
        try:
            if reader is None:
                reader = make(channel, header["size"])
                send(channel, {"done": True})
            else:
                reader.answer(header["op"], header.get("arguments", []))
        except FAILURES as error:
            send(channel, {"error": first_line(error)})
        header, _ = receive(channel)


def run(make: Callable[[socket.socket, int], Reader]) -> None:
    """Serve on the socket whose number is the process's first argument."""
    with socket.socket(fileno=int(sys.argv[1])) as channel:
        confine()
        with suppress(EOFError, OSError):  # the parent closed the socket: the work is done
            serve(channel, make)
