"""MD4 (RFC 1320), which Windows makes the hash of a domain user's password with and OpenSSL no longer has."""

from __future__ import annotations

import struct

_START = (0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476)
_ROUNDS = (
    (0, tuple(range(16)), (3, 7, 11, 19)),
    (0x5A827999, (0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15), (3, 5, 9, 13)),
    (0x6ED9EBA1, (0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15), (3, 9, 11, 15)),
)
"""Constant, order of the words, shifts (RFC 1320 3.4)."""
_MASK = 0xFFFFFFFF


def md4(message: bytes) -> bytes:
    """Return the 16 bytes of the hash."""
    padding = b"\x80" + bytes((55 - len(message)) % 64)
    data = message + padding + struct.pack("<Q", 8 * len(message))
    state: tuple[int, ...] = _START
    for at in range(0, len(data), 64):
        state = _block(state, struct.unpack_from("<16I", data, at))
    return struct.pack("<4I", *state)


def _block(state: tuple[int, ...], words: tuple[int, ...]) -> tuple[int, ...]:
    a, b, c, d = state
    for number, (constant, order, shifts) in enumerate(_ROUNDS):
        for step, index in enumerate(order):
            total = (a + _mix(number, b, c, d) + words[index] + constant) & _MASK
            shift = shifts[step % 4]
            a, b, c, d = d, (total << shift | total >> (32 - shift)) & _MASK, b, c
    return tuple((old + new) & _MASK for old, new in zip(state, (a, b, c, d), strict=True))


def _mix(number: int, b: int, c: int, d: int) -> int:
    if number == 0:
        return b & c | ~b & d
    return b & c | b & d | c & d if number == 1 else b ^ c ^ d
