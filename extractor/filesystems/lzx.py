"""A second decoder of LZX, in Python and slow: it checks what libfwnt makes of files of the Windows Overlay Filter.

The variant of WIM: windows of 32 KiB, one chunk a stream of its own, calls (E8) translated always. Source: [MS-PATCH]
LZX DELTA and the LZX section of Microsoft's cabinet SDK; what WIM changes is documented in the sources of wimlib.
"""

from __future__ import annotations

import struct

WINDOW = 32768
SLOTS = 30
"""Position slots of that window."""
MAIN, LENGTHS, ALIGNED, PRE = 256 + 8 * SLOTS, 249, 8, 20
"""Symbols of the four codes."""
VERBATIM, ALIGNED_BLOCK, UNCOMPRESSED = 1, 2, 3
FILE_SIZE = 12_000_000
"""What translated calls count with in place of the size of the file."""
EXTRA = (0, 0, 0, 0, *(slot // 2 - 1 for slot in range(4, SLOTS)))
"""Bits that follow a position slot."""
BASE = tuple(sum(1 << bits for bits in EXTRA[:slot]) - 2 for slot in range(SLOTS))
"""Distance that a slot begins with."""


class _Bits:
    """Bits from the high end of 16-bit little-endian words; behind the end there are a few zeros."""

    def __init__(self, data: bytes) -> None:
        self._data = data + bytes(-len(data) % 2) + bytes(8)
        self._at = self._held = self._count = 0

    def _fill(self, count: int) -> None:
        while self._count < count:
            if self._at + 2 > len(self._data):
                raise ValueError("LZX data end early")
            word = self._data[self._at] | self._data[self._at + 1] << 8
            self._held = (self._held << 16 | word) & 0xFFFFFFFF
            self._count += 16
            self._at += 2

    def peek(self, count: int) -> int:
        self._fill(count)
        return self._held >> (self._count - count) & (1 << count) - 1

    def take(self, count: int) -> int:
        value = self.peek(count) if count else 0
        self._count -= count
        return value

    def aligned_bytes(self, count: int) -> bytes:
        """Return bytes that begin at the next whole word (after one that is begun, or one of padding)."""
        self._fill(1)
        self._at -= (self._count - 1) // 16 * 2
        self._count = 0
        return self.bytes(count)

    def bytes(self, count: int) -> bytes:
        found = self._data[self._at : self._at + count]
        if len(found) != count:
            raise ValueError("LZX data end early")
        self._at += count
        return found


class _Code:
    """A canonical Huffman code as a table of all its bits; a code without symbols decodes nothing."""

    def __init__(self, lengths: list[int]) -> None:
        self._bits = max(lengths, default=0)
        self._table: list[tuple[int, int]] = []
        for bits in range(1, self._bits + 1):
            for symbol, length in enumerate(lengths):
                if length == bits:
                    self._table += [(symbol, bits)] * (1 << self._bits - bits)
        if len(self._table) > 1 << self._bits:
            raise ValueError("an LZX code has too many symbols")

    def read(self, bits: _Bits) -> int:
        found = bits.peek(self._bits) if self._bits else 0
        if found >= len(self._table):
            raise ValueError("LZX data hold no symbol")
        symbol, length = self._table[found]
        bits.take(length)
        return symbol


class _Decoder:
    """What is kept from block to block of one chunk."""

    def __init__(self, data: bytes, size: int) -> None:
        self.out = bytearray()
        self._size = size
        self._bits = _Bits(data)
        self._recent = [1, 1, 1]
        self._main = [0] * MAIN
        self._lengths = [0] * LENGTHS

    def block(self) -> None:
        """Decode one block."""
        kind = self._bits.take(3)
        size = WINDOW if self._bits.take(1) else self._bits.take(16)
        end = len(self.out) + size
        if not len(self.out) < end <= self._size:
            raise ValueError("an LZX block is too long")
        if kind == UNCOMPRESSED:
            self._recent = list(struct.unpack("<3I", self._bits.aligned_bytes(12)))
            self.out += self._bits.bytes(size)
            self._bits.bytes(size % 2)
        elif kind in (VERBATIM, ALIGNED_BLOCK):
            self._coded(end, aligned=kind == ALIGNED_BLOCK)
        else:
            raise ValueError(f"an LZX block is of kind {kind}")

    def _coded(self, end: int, *, aligned: bool) -> None:
        lengths = [self._bits.take(3) for _ in range(ALIGNED if aligned else 0)]
        self._update(self._main, 0, 256)
        self._update(self._main, 256, MAIN)
        self._update(self._lengths, 0, LENGTHS)
        main, long = _Code(self._main), _Code(self._lengths)
        low = _Code(lengths) if aligned else None
        while len(self.out) < end:
            symbol = main.read(self._bits)
            if symbol < 256:
                self.out.append(symbol)
            else:
                slot, length = divmod(symbol - 256, 8)
                length += 2 + (long.read(self._bits) if length == 7 else 0)
                self._copy(self._distance(slot, low), length, end)

    def _update(self, lengths: list[int], start: int, end: int) -> None:
        """Read how the lengths of a code's symbols change."""
        pre = _Code([self._bits.take(4) for _ in range(PRE)])
        while start < end:
            symbol, count = pre.read(self._bits), 1
            if symbol == 17:
                count, value = 4 + self._bits.take(4), 0
            elif symbol == 18:
                count, value = 20 + self._bits.take(5), 0
            else:
                if symbol == 19:
                    count, symbol = 4 + self._bits.take(1), pre.read(self._bits)
                value = (lengths[start] - symbol) % 17
            count = min(count, end - start)
            lengths[start : start + count] = [value] * count
            start += count

    def _distance(self, slot: int, low: _Code | None) -> int:
        recent = self._recent
        if slot < 3:
            recent[0], recent[slot] = recent[slot], recent[0]
            return recent[0]
        extra = EXTRA[slot]
        if low and extra >= 3:
            distance = BASE[slot] + (self._bits.take(extra - 3) << 3) + low.read(self._bits)
        else:
            distance = BASE[slot] + self._bits.take(extra)
        self._recent = [distance, *recent[:2]]
        return distance

    def _copy(self, distance: int, length: int, end: int) -> None:
        if not 0 < distance <= len(self.out) or len(self.out) + length > end:
            raise ValueError("an LZX match leads outside")
        if distance >= length:
            self.out += self.out[-distance : len(self.out) - distance + length]
        else:
            self.out += (self.out[-distance:] * (length // distance + 1))[:length]


def decompress(data: bytes, size: int) -> bytes:
    """Return the ``size`` bytes of one chunk; raise ValueError for what is no LZX."""
    decoder = _Decoder(data, size)
    while len(decoder.out) < size:
        decoder.block()
    return _untranslated(decoder.out)


def _untranslated(out: bytearray) -> bytes:
    """Make the targets of x86 calls relative again, in place."""
    at, end = 0, len(out) - 10
    while (at := out.find(0xE8, at, max(end, 0))) >= 0:
        (target,) = struct.unpack_from("<i", out, at + 1)
        if 0 <= target < FILE_SIZE:
            struct.pack_into("<i", out, at + 1, target - at)
        elif -at <= target < 0:
            struct.pack_into("<i", out, at + 1, target + FILE_SIZE)
        at += 5
    return bytes(out)
