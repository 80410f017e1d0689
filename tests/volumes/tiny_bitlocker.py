"""BitLocker volumes made here, byte by byte, with ciphers that the product does not use for them.

The layout is that of Windows 7 and later: the plain volume is followed by three metadata blocks and by the place to
which its first 16 sectors are moved. Windows never made these; libbde and dissect.fve open them, which a test proves.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from functools import cache
from uuid import UUID

from Crypto.Cipher import AES
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

SECTOR = 512
MOVED = 16
"""Sectors at the start of a volume that lie elsewhere."""
BLOCK = 1 << 16
TIME = 132_000_000_000_000_000
MAPPED = UUID("92a84d3b-dd80-4d0e-9e4e-b1e3284eaed8")
VMK = bytes(range(32))
FVEK = bytes(range(100, 132))
VOLUME = UUID("b17f10c8-0000-4000-8000-000000000001")
IDS = {
    "clear": UUID("b17f10c8-0000-4000-8000-0000000000c1"),
    "password": UUID("b17f10c8-0000-4000-8000-0000000000c2"),
    "recovery": UUID("b17f10c8-0000-4000-8000-0000000000c3"),
    "second": UUID("b17f10c8-0000-4000-8000-0000000000c4"),
    "startup": UUID("b17f10c8-0000-4000-8000-0000000000c5"),
    "tpm": UUID("b17f10c8-0000-4000-8000-0000000000c6"),
    "automatic": UUID("b17f10c8-0000-4000-8000-0000000000c7"),
}
PASSWORD = "correct horse staple"
RECOVERY = "110011-220022-330033-440044-550055-660066-711117-011011"
SECOND = "111111-222222-333333-444444-555555-666666-700007-123453"
STARTUP = hashlib.sha256(b"startup key").digest()
AUTOMATIC = hashlib.sha256(b"automatic unlocking").digest()
"""The key that a system volume keeps, locked, for the entries of its registry."""


def datum(role: int, kind: int, body: bytes) -> bytes:
    return struct.pack("<4H", 8 + len(body), role, kind, 1) + body


def key(kind: int, raw: bytes) -> bytes:
    return datum(0, 1, struct.pack("<HH", kind, 0) + raw)


def sealed(lock: bytes, content: bytes, number: int, role: int = 0) -> bytes:
    nonce = struct.pack("<QI", TIME, number)
    cipher = AES.new(lock, AES.MODE_CCM, nonce=nonce, mac_len=16)
    hidden, tag = cipher.encrypt_and_digest(content)
    return datum(role, 5, nonce + tag + hidden)


@cache
def stretched(password: bytes, salt: bytes) -> bytes:
    last = bytes(32)
    for number in range(1 << 20):
        last = hashlib.sha256(last + password + salt + struct.pack("<Q", number)).digest()
    return last


def _protector(name: str, kind: int, *parts: bytes) -> bytes:
    head = IDS[name].bytes_le + struct.pack("<QHH", TIME, 0, kind)
    return datum(2, 8, head + b"".join(parts))


def clear(vmk: bytes = VMK) -> bytes:
    """The protector of a suspended volume: lock and key side by side."""
    open_key = hashlib.sha256(b"clear").digest()
    return _protector("clear", 0, key(0x2000, open_key), sealed(open_key, key(0x2003, vmk), 1))


def _stretching(name: str, kind: int, hashed: bytes, vmk: bytes) -> bytes:
    salt = hashlib.md5(name.encode()).digest()
    lock = stretched(hashed, salt)
    salted = datum(0, 3, struct.pack("<HH", 0x1000, 0) + salt)
    return _protector(name, kind, salted, sealed(lock, key(0x2003, vmk), 2))


def password(vmk: bytes = VMK) -> bytes:
    twice = hashlib.sha256(hashlib.sha256(PASSWORD.encode("utf-16-le")).digest()).digest()
    return _stretching("password", 0x2000, twice, vmk)


def recovery(name: str = "recovery", digits: str = RECOVERY, vmk: bytes = VMK) -> bytes:
    halves = [struct.pack("<H", int(group) // 11) for group in digits.split("-")]
    return _stretching(name, 0x0800, hashlib.sha256(b"".join(halves)).digest(), vmk)


def startup(name: str = "startup", raw: bytes = STARTUP, vmk: bytes = VMK) -> bytes:
    use = datum(0, 4, struct.pack("<HH", 0x2002, 0) + sealed(vmk, key(0x2002, raw), 3))
    named = datum(0, 2, "ExternalKey\0".encode("utf-16-le"))
    return _protector(name, 0x0200, named, use, sealed(raw, key(0x2003, vmk), 4))


def tpm() -> bytes:
    return _protector("tpm", 0x0100, datum(0, 6, struct.pack("<I", 0) + bytes(128)))


def auto_unlock(vmk: bytes = VMK) -> bytes:
    """What makes a system volume able to unlock others."""
    return sealed(vmk, key(0x2003, AUTOMATIC), 9, role=0x0B)


def registry_entry(raw: bytes, name: str = "automatic") -> bytes:
    """The value ``Data`` below FVEAutoUnlock: 112 bytes, as on real machines."""
    body = IDS[name].bytes_le + struct.pack("<Q", TIME) + sealed(AUTOMATIC, key(0x2003, raw), 5)
    return struct.pack("<4H", 8 + len(body), 0, 9, 0) + body


def bek(raw: bytes = STARTUP, name: str = "startup") -> bytes:
    """A startup key file."""
    named = datum(0, 2, "ExternalKey\0".encode("utf-16-le"))
    entry = datum(6, 9, IDS[name].bytes_le + struct.pack("<Q", TIME) + named + key(0x2002, raw))
    return _dataset(IDS[name], 1, 0, entry) + entry


def _dataset(identifier: UUID, counter: int, method: int, content: bytes) -> bytes:
    size = 48 + len(content)
    return struct.pack("<4I", size, 1, 48, size) + identifier.bytes_le + struct.pack(
        "<IHHQ", counter, method, 0x8004 if method else 0, TIME
    )  # fmt: skip


def build(
    plain: bytes,
    *protectors: bytes,
    vmk: bytes = VMK,
    fvek: bytes = FVEK,
    volume: UUID = VOLUME,
    watermark: int = 0,
    chunks: str = "",
) -> bytes:
    """Return a volume, AES-XTS 128, that holds ``plain`` and opens with the protectors.

    With a ``watermark`` only what lies before it is encrypted, as while Windows 7 is still at it; with ``chunks`` (a 0
    or 1 for each 64 KiB from the volume's start) what they say, as while Windows 8 is at it, which keeps a map.
    """
    start = -(-len(plain) // BLOCK) * BLOCK
    offsets, moved_to = [start + number * BLOCK for number in range(3)], start + 3 * BLOCK
    size = moved_to + BLOCK
    content = bytearray(plain.ljust(size, b"\0"))
    refill(content, plain, fvek, moved_to)
    if watermark:
        content[watermark : len(plain)] = plain[watermark:]
        content[moved_to : moved_to + MOVED * SECTOR] = plain[: MOVED * SECTOR]
    for number in (number for number, bit in enumerate(chunks) if bit == "0"):
        place = number * BLOCK
        content[place : place + BLOCK] = plain[place : place + BLOCK]
    state = (5, watermark) if watermark else (4, size)
    block = _metadata(b"".join(protectors), (vmk, fvek), volume, [*offsets, moved_to], state)
    for offset in offsets:
        content[offset : offset + BLOCK] = block.ljust(BLOCK, b"\0")
    content[:SECTOR] = _boot(plain, offsets)
    if chunks:
        content += _map(chunks.ljust(size // BLOCK, "1"), len(content))
        content[160:216] = MAPPED.bytes_le + struct.pack("<5Q", *offsets, size, size)
    return bytes(content)


def _map(chunks: str, place: int) -> bytes:
    """Return what says which chunks are encrypted: a header, a bitmap, and two records, the older one out of date."""
    bits = bytes(int(chunks[at : at + 8][::-1], 2) for at in range(0, len(chunks), 8))
    size = 36 + len(bits)
    records = [_record(bits, 7, len(chunks)), _record(bytes(len(bits)), 6, len(chunks))]
    bitmap = b"FVE-EOWBM\0" + struct.pack(
        "<HIIQQQ3I", 60, 60 + 2 * size, 0, 0, len(chunks) * BLOCK, place + (2 << 16), 60, 60 + size, size
    )  # fmt: skip
    head = b"FVE-EOW\0" + struct.pack("<HH6I", 56, 64, SECTOR, 0, BLOCK, BLOCK, 0, 1)
    tail = struct.pack("<3Q", place, place, place + BLOCK)
    parts = (
        _checked(head, tail),
        _checked(bitmap, b"") + b"".join(records),
        b"",
    )
    return b"".join(each.ljust(BLOCK, b"\0") for each in parts)


def _record(bits: bytes, number: int, count: int) -> bytes:
    head = b"FVE-EOWBR\0" + struct.pack("<HIIQI", 36, 36 + len(bits), count, number, 0)
    return _checked(head, bits)


def _checked(head: bytes, tail: bytes) -> bytes:
    return head + struct.pack("<I", zlib.crc32(head + bytes(4) + tail)) + tail


def refill(envelope: bytearray, plain: bytes, fvek: bytes, moved_to: int) -> None:
    """Encrypt a plain volume into an envelope; what the volume does not reach stays as it is."""
    head = MOVED * SECTOR
    envelope[head : len(plain)] = encrypted(plain[head:], fvek, MOVED)
    envelope[moved_to : moved_to + head] = encrypted(plain[:head], fvek, moved_to // SECTOR)


def encrypted(plain: bytes, fvek: bytes, sector: int) -> bytes:
    cipher, out = algorithms.AES(fvek), []
    for start in range(0, len(plain), SECTOR):
        tweak = (sector + start // SECTOR).to_bytes(16, "little")
        part = Cipher(cipher, modes.XTS(tweak)).encryptor()
        out.append(part.update(plain[start : start + SECTOR]))
    return b"".join(out)


def _boot(plain: bytes, offsets: list[int]) -> bytes:
    boot = bytearray(plain[:SECTOR])
    boot[:11] = b"\xeb\x58\x90-FVE-FS-"
    boot[160:200] = UUID("4967d63b-2e29-4ad8-8399-f6a339e3d001").bytes_le + struct.pack(
        "<3Q", *offsets
    )
    boot[510:] = b"\x55\xaa"
    return bytes(boot)


def _metadata(
    protectors: bytes,
    keys: tuple[bytes, bytes],
    volume: UUID,
    places: list[int],
    state: tuple[int, int],
) -> bytes:
    (vmk, fvek), method, moved_to = keys, 0x8004, places[-1]
    full = sealed(vmk, key(method, fvek), 6, role=3)
    moved = datum(15, 15, struct.pack("<QQ", moved_to, MOVED * SECTOR))
    content = b"".join((protectors, full, moved))
    dataset = _dataset(volume, 10, method, content)
    length = -(-(64 + len(dataset) + len(content)) // 16) * 16
    head = b"-FVE-FS-" + struct.pack(
        "<4HQII4Q", length >> 4, 2, state[0], state[0], state[1], 0, MOVED, *places
    )
    block = (head + dataset + content).ljust(length, b"\0")
    check = sealed(vmk, key(0x2005, hashlib.sha256(block).digest()), 7)
    return block + struct.pack("<HHI", 8 + len(check), 2, zlib.crc32(block)) + check
