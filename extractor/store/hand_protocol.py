"""Messages between a Crew and its hands: one packet each, JSON and the bytes that belong to it, descriptors beside.

To a hand goes a list of commands; one stream's commands follow each other, and a packet may end between any two::

    ["open", number, holes, name, …]   create a file; the names lead from the root to it, ``holes`` chooses its hash
    ["piece", descriptor, offset, length]   bytes of an open file, by its number in the sender; or zeros
    ["bytes", length]           the next bytes of the packet
    ["close", size, modified]   done: the file's size, its time (ns since 1970) or null
    ["drop"]                    the sender could not read the rest: remove the file
    ["directory", name, …]      make a directory (between two streams)

Each packet is answered by one list: ``[number, bytes so far]``, ``[number, digest]`` or
``[number, "read" or "write", errno, sentence]``; a directory is answered, as number ``NOBODY``, when it fails.
"""

from __future__ import annotations

import json
import socket
import struct
from typing import Any

PAYLOAD = 128 << 10
"""Bytes that one packet brings at most: the kernel takes no packet larger than a socket's buffer."""
LARGEST = 2 * PAYLOAD
DESCRIPTORS = 64
"""Descriptors that one packet brings at most (the kernel takes 253)."""
NOBODY = 0
"""Number of no stream."""
_LENGTH = struct.Struct("<I")

Commands = list[list[Any]]


def send(
    channel: socket.socket,
    commands: Commands,
    payload: bytes = b"",
    descriptors: tuple[int, ...] = (),
) -> None:
    """Send one packet; raise OSError when the other side is gone."""
    text = json.dumps([commands, descriptors], separators=(",", ":")).encode("ascii")
    packet = [_LENGTH.pack(len(text)), text, payload]
    if descriptors:
        socket.send_fds(channel, packet, descriptors)
    else:
        channel.sendmsg(packet)


def receive(channel: socket.socket) -> tuple[Commands, bytes, dict[int, int]]:
    """Return one packet: commands, bytes, and the descriptors it brought by their number in the sender.

    Raises EOFError when the other side is gone.
    """
    packet, brought, _, _ = socket.recv_fds(channel, LARGEST, DESCRIPTORS)
    if not packet:
        raise EOFError("the other side is gone")
    (length,) = _LENGTH.unpack_from(packet)
    start = _LENGTH.size + length
    commands, numbers = json.loads(packet[_LENGTH.size : start])
    return commands, packet[start:], dict(zip(numbers, brought, strict=True))
