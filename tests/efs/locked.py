"""DPAPI the other way round: master key files, blobs and private key files as Windows would have made them.

Written apart from the product. The product's reading was held against data of real Windows machines too (the vectors
in impacket's tests: a master key of AES-256 and SHA-512, blobs of 3DES with SHA-1 and of AES-256 with SHA-512).
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from uuid import UUID

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

PROVIDER = UUID("df9d8cd0-1501-11d1-8c7a-00c04fc297eb")
MASTER_KEY = bytes(range(200, 264 - 8)) + bytes(8)
NEW, OLD = (0x6610, "sha512", 0x800E), (0x6603, "sha1", 0x8004)
"""Cipher, hash, ALG_ID of the hash: Windows 7 and later; XP."""
Suite = tuple[int, str, int]


def _encrypt(suite: Suite, key: bytes, vector: bytes, plain: bytes) -> bytes:
    cipher = algorithms.AES(key) if suite[0] == 0x6610 else TripleDES(key)
    turn = Cipher(cipher, modes.CBC(vector)).encryptor()
    return turn.update(plain) + turn.finalize()


def _sizes(suite: Suite) -> tuple[int, int]:
    return (32, 16) if suite[0] == 0x6610 else (24, 8)


def master_key_file(
    guid: UUID, password: str, sid: str, *, suite: Suite = NEW, rounds: int = 50
) -> bytes:
    """Return a file of ``Protect\\<SID>``, locked with the password of a local account."""
    secret = hashlib.sha1(password.encode("utf-16-le")).digest()
    pre_key = hmac.new(secret, (sid + "\0").encode("utf-16-le"), "sha1").digest()
    salt, name, (key, block) = b"salt of 16 bytes", suite[1], _sizes(suite)
    stretched = _stretched(pre_key, salt, rounds, name, key + block)
    inner = b"another 16 bytes"
    mark = hmac.new(hmac.new(pre_key, inner, name).digest(), MASTER_KEY, name).digest()
    plain = inner + mark + MASTER_KEY
    plain = inner + mark + bytes(-len(plain) % block) + MASTER_KEY
    data = _encrypt(suite, stretched[:key], stretched[key:], plain)
    record = struct.pack("<I16sIII", 2, salt, rounds, suite[2], suite[0]) + data
    head = struct.pack("<III", 2, 0, 0) + str(guid).encode("utf-16-le") + struct.pack("<II", 0, 0)
    return head + struct.pack("<IQQQQ", 5, len(record), 0, 0, 0) + record


def _stretched(secret: bytes, salt: bytes, rounds: int, name: str, length: int) -> bytes:
    found, number = b"", 1
    while len(found) < length:
        total = hmac.new(secret, salt + struct.pack(">I", number), name).digest()
        for _ in range(1, rounds):
            more = hmac.new(secret, total, name).digest()
            total = bytes(a ^ b for a, b in zip(total, more, strict=True))
        found, number = found + total, number + 1
    return found[:length]


def blob(plain: bytes, guid: UUID, *, suite: Suite = NEW, entropy: bytes = b"") -> bytes:
    """Return what CryptProtectData makes of bytes."""
    secret, salt, signing = (
        hashlib.sha1(MASTER_KEY).digest(),
        bytes(range(32)),
        bytes(range(32, 64)),
    )
    size, block = _sizes(suite)
    session = _session(suite, secret, salt, entropy)
    if len(session) < size:
        wide = session.ljust(64, b"\0")
        session = b"".join(
            hashlib.sha1(bytes(b ^ pad for b in wide)).digest() for pad in (0x36, 0x5C)
        )
    count = block - len(plain) % block
    data = _encrypt(suite, session[:size], bytes(block), plain + bytes([count]) * count)
    text = "made by a test\0".encode("utf-16-le")
    signed = struct.pack("<I", 1) + guid.bytes_le + struct.pack("<II", 0, len(text)) + text
    signed += struct.pack("<II", suite[0], size * 8) + _counted(salt) + _counted(b"")
    signed += struct.pack("<II", suite[2], 512) + _counted(signing) + _counted(data)
    signature = _session(suite, secret, signing, entropy + signed)
    return struct.pack("<I", 1) + PROVIDER.bytes_le + signed + _counted(signature)


def _session(suite: Suite, secret: bytes, salt: bytes, more: bytes) -> bytes:
    if suite[1] != "sha1":
        return hmac.new(secret, salt + more, suite[1]).digest()
    wide = secret.ljust(64, b"\0")
    inner = hashlib.sha1(bytes(b ^ 0x36 for b in wide) + salt).digest()
    return hashlib.sha1(bytes(b ^ 0x5C for b in wide) + inner + more).digest()


def _counted(data: bytes) -> bytes:
    return struct.pack("<I", len(data)) + data


def capi_key(key: rsa.RSAPrivateKey) -> bytes:
    """Return a private key as CryptoAPI keeps it: numbers in little-endian fields with some room."""
    numbers, room = key.private_numbers(), key.key_size // 8 + 8
    half = room // 2
    fields = [(numbers.public_numbers.n, room)]
    fields += [(each, half) for each in
               (numbers.p, numbers.q, numbers.dmp1, numbers.dmq1, numbers.iqmp)]  # fmt: skip
    head = struct.pack("<4sIIII", b"RSA2", room, key.key_size, room - 9, numbers.public_numbers.e)
    return head + b"".join(
        each.to_bytes(size, "little") for each, size in [*fields, (numbers.d, room)]
    )


def cng_key(key: rsa.RSAPrivateKey) -> bytes:
    """Return a private key as CNG keeps it: a BCRYPT_RSAFULLPRIVATE_BLOB, cut behind the primes."""
    numbers, size = key.private_numbers(), key.key_size // 8
    head = struct.pack("<4sIIIII", b"RSA3", key.key_size, 3, size, size // 2, size // 2)
    public = numbers.public_numbers
    return head + b"".join(
        each.to_bytes(room, "big")
        for each, room in ((public.e, 3), (public.n, size), (numbers.p, size // 2), (numbers.q, size // 2))
    )  # fmt: skip
