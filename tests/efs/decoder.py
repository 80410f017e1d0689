"""A second opinion: the raw format decoded and decrypted from the specification, without a line of the product.

Source: [MS-EFSR] 2.2.2.1 (metadata), 2.2.3 to 2.2.3.4 (raw format); vectors and DESX as in ntfsprogs' ntfsdecrypt.
Whatever deviates from the text is an assertion that fails.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from tests.efs.people import Person

AES_256, TRIPLE_DES, DESX = 0x6610, 0x6603, 0x6604
SECTOR = 512


@dataclass(frozen=True)
class Segment:
    """One stream data segment."""

    offset: int
    in_size: int
    in_vdl: int
    unit: int
    blocks: tuple[int, ...]
    sparse: bool
    data: bytes


@dataclass(frozen=True)
class Raw:
    """A raw file taken apart."""

    metadata: bytes
    encrypted: dict[str, list[Segment]]
    plain: dict[str, bytes]


def take_apart(raw: bytes) -> Raw:
    assert raw[:4] == bytes([0, 1, 0, 0])
    assert raw[4:12].decode("utf-16-le") == "ROBS"
    assert raw[12:20] == bytes(8)
    position, found = 20, Raw(b"", {}, {})
    metadata = b""
    while position < len(raw):
        length, flag, name, position = _stream_header(raw, position)
        segments = []
        while position < len(raw) and raw[position + 4 : position + 12] == "GURE".encode(
            "utf-16-le"
        ):
            size, reserved = struct.unpack_from("<I8xI", raw, position)
            assert reserved == 0
            assert size >= 16
            assert position + size <= len(raw)
            segments.append(raw[position + 16 : position + size])
            position += size
        if length == 2:
            assert name == b"\x10\x19"
            (metadata,) = segments
        elif flag == 0:
            found.encrypted[_name(name)] = [_segment(each) for each in segments]
        else:
            assert flag == 1
            found.plain[_name(name)] = b"".join(segments)
    assert position == len(raw)
    return Raw(metadata, found.encrypted, found.plain)


def _stream_header(raw: bytes, at: int) -> tuple[int, int, bytes, int]:
    size, magic, flag, reserved, length = struct.unpack_from("<I8sIQI", raw, at)
    assert magic.decode("utf-16-le") == "NTFS"
    assert reserved == 0
    assert size == 28 + length
    return length, flag, raw[at + 28 : at + size], at + size


def _name(raw: bytes) -> str:
    text = raw.decode("utf-16-le")
    assert text.startswith(":")
    assert text.endswith(":$DATA")
    return text[1 : -len(":$DATA")]


def _segment(content: bytes) -> Segment:
    offset, length, in_size, in_vdl, zero, unit, chunk, cluster, one, count = struct.unpack_from(
        "<QIIIHBBBBH", content
    )
    assert (zero, one) == (0, 1)
    assert chunk == unit
    assert cluster == 12
    sizes = struct.unpack_from(f"<{count}I", content, 28)
    at = 28 + 4 * count
    extended, size, flags, reserved = struct.unpack_from("<4sIII", content, at)
    assert (extended, size, reserved) == (b"EXTD", 16, 0)
    assert not any(content[at + 16 : length])
    data = content[length:]
    assert sum(sizes) == len(data)
    return Segment(offset, in_size, in_vdl, 1 << unit, sizes, bool(flags), data)


def decode(raw: bytes, person: Person) -> dict[str, bytes]:
    """Return the content of each stream, as its owner would read it."""
    apart = take_apart(raw)
    algorithm, key = open_fek(apart.metadata, person)
    decoded = {
        name: b"".join(_decrypt(each, algorithm, key) for each in segments)
        for name, segments in apart.encrypted.items()
    }
    return decoded | apart.plain


def open_fek(metadata: bytes, person: Person) -> tuple[int, bytes]:
    users, agents = struct.unpack_from("<II", metadata, 64)
    for start in filter(None, (users, agents)):
        (count,) = struct.unpack_from("<I", metadata, start)
        at = start + 4
        for _ in range(count):
            length, _, size, place, _ = struct.unpack_from("<IIIII", metadata, at)
            entry = metadata[at : at + length]
            if bytes.fromhex(person.thumbprint) in entry:
                block = entry[place : place + size][::-1]
                plain = person.key.decrypt(block, padding.PKCS1v15())
                size, _, algorithm, _ = struct.unpack_from("<IIII", plain)
                return algorithm, plain[16 : 16 + size]
            at += length
    raise AssertionError("the person is not in the metadata")


def _decrypt(segment: Segment, algorithm: int, key: bytes) -> bytes:
    out, taken = b"", 0
    for index, size in enumerate(segment.blocks):
        last = index == len(segment.blocks) - 1
        room = (
            -(-(segment.in_size - index * segment.unit) // SECTOR) * SECTOR
            if last
            else segment.unit
        )
        start = segment.offset + index * segment.unit
        out += (
            sectors(segment.data[taken : taken + size], start, algorithm, key)
            if size
            else bytes(room)
        )
        taken += size
    return out[: segment.in_vdl].ljust(segment.in_size, b"\0")


def sectors(
    data: bytes, offset: int, algorithm: int, key: bytes, *, encrypt: bool = False
) -> bytes:
    """Encrypt or decrypt whole sectors, one by one, each block after the other."""
    parts = (data[at : at + SECTOR] for at in range(0, len(data), SECTOR))
    return b"".join(
        _sector(part, offset + n * SECTOR, algorithm, key, encrypt) for n, part in enumerate(parts)
    )


def _sector(data: bytes, offset: int, algorithm: int, key: bytes, encrypt: bool) -> bytes:
    if algorithm == AES_256:
        words = (0x5816657BE9161312 + offset, 0x1989ADBE44918961 + offset)
        vector = struct.pack("<QQ", *(word % 2**64 for word in words))
        cipher = Cipher(algorithms.AES(key), modes.CBC(vector))
        turn = cipher.encryptor() if encrypt else cipher.decryptor()
        return turn.update(data) + turn.finalize()
    vector = struct.pack("<Q", (0x169119629891AD13 + offset) % 2**64)
    if algorithm == TRIPLE_DES:
        des = Cipher(TripleDES(key), modes.CBC(vector))
        turn = des.encryptor() if encrypt else des.decryptor()
        return turn.update(data) + turn.finalize()
    assert algorithm == DESX
    return _desx(data, vector, key, encrypt)


def _desx(data: bytes, before: bytes, key: bytes, encrypt: bool) -> bytes:
    mixed = hashlib.md5(key + b"Dan Simon  \0").digest()
    des = bytes(
        a ^ b for a, b in zip(mixed[:4] + mixed[8:12], mixed[4:8] + mixed[12:], strict=True)
    )
    white = hashlib.md5(key + b"Scott Field\0").digest()
    outer, inner = white[:8], white[8:]
    single = Cipher(TripleDES(des * 3), modes.ECB())
    out = b""
    for at in range(0, len(data), 8):
        block = data[at : at + 8]
        if encrypt:  # Windows encrypts with what DES calls decryption
            locked = _xor(single.decryptor().update(_xor(block, inner, before)), outer)
            out, before = out + locked, locked
        else:
            out += _xor(single.encryptor().update(_xor(block, outer)), inner, before)
            before = block
    return out


def _xor(*parts: bytes) -> bytes:
    return bytes(
        a ^ b ^ c for a, b, c in zip(*parts, *([bytes(8)] * (3 - len(parts))), strict=True)
    )
