"""Messages between a reader's worker process and its parent: a length, a JSON header, then raw bytes. Never pickle.

Either side may be lied to by the other, so every length is bounded before anything is read.
"""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import socket

LARGEST = 16 << 20
"""Bytes of a header or a payload that are believed: a bound for what the other side claims."""
_LENGTHS = struct.Struct(">II")


def send(channel: socket.socket, header: dict[str, Any], payload: bytes = b"") -> None:
    """Send one message; raise OSError when the other side is gone or does not read in time."""
    text = json.dumps(header).encode("ascii")
    channel.sendall(_LENGTHS.pack(len(text), len(payload)) + text + payload)


def receive(channel: socket.socket) -> tuple[dict[str, Any], bytes]:
    """Return one message; raise EOFError, OSError (also on time-out) or ValueError for what is no message."""
    text_length, payload_length = _LENGTHS.unpack(_exactly(channel, _LENGTHS.size))
    if max(text_length, payload_length) > LARGEST:
        raise ValueError("a message is longer than any should be")
    header = json.loads(_exactly(channel, text_length))
    if not isinstance(header, dict):
        raise ValueError("a message has no header")  # noqa: TRY004  one kind of error for the caller
    return header, _exactly(channel, payload_length)


def _exactly(channel: socket.socket, length: int) -> bytes:
    parts = []
    while length:
        part = channel.recv(min(length, 1 << 20))
        if not part:
            raise EOFError("the other side is gone")
        parts.append(part)
        length -= len(part)
    return b"".join(parts)
