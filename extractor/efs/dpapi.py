r"""DPAPI offline: password -> master key (``Protect\<SID>\<GUID>``) -> what a blob protects.

Microsoft documents what DPAPI does ("Windows data protection") and not its bytes; these are as public research on it
has them (E. Bursztein, J.-M. Picod, "Recovering Windows secrets and EFS certificates offline", 2010).
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

from extractor.efs.ciphers import cbc_decrypt, key_and_block
from extractor.efs.md4 import md4
from extractor.errors import DamagedError, EncryptedError

PROVIDER = UUID("df9d8cd0-1501-11d1-8c7a-00c04fc297eb").bytes_le
HASHES = {0x8004: "sha1", 0x8009: "sha1", 0x800C: "sha256", 0x800D: "sha384", 0x800E: "sha512"}
"""ALG_ID -> hashlib's name; 0x8009 is HMAC, which is of SHA-1 here."""
MOST_ROUNDS = 2_000_000
LARGEST = 1 << 20

_FILE = struct.Struct("<I8x72s8xIQQQQ")
_MASTER = struct.Struct("<I16sIII")


def pre_keys(password: str, sid: str) -> tuple[bytes, ...]:
    """Return what a password may be for a master key: of a local account, of a domain account, of a protected one."""
    text, who = password.encode("utf-16-le", "surrogatepass"), sid.encode("utf-16-le")
    local = hashlib.sha1(text, usedforsecurity=False).digest()
    domain = md4(text)
    once = hashlib.pbkdf2_hmac("sha256", domain, who, 10_000)
    strong = hashlib.pbkdf2_hmac("sha256", once, who, 1, 16)
    return tuple(hmac.digest(each, who + b"\0\0", "sha1") for each in (local, domain, strong))


def open_master_key(content: bytes, pre_key: bytes) -> bytes:
    """Return the 64 bytes of a master key; raise DamagedError, or EncryptedError when the pre-key is another."""
    if len(content) < _FILE.size:
        raise DamagedError("a master key file is too short")
    _, _, _, length, *_ = _FILE.unpack_from(content)
    record = content[_FILE.size : _FILE.size + min(length, LARGEST)]
    if len(record) < _MASTER.size:
        raise DamagedError("a master key file holds no master key")
    _, salt, rounds, digest, cipher = _MASTER.unpack_from(record)
    name = _hash(digest)
    if not 0 < rounds <= MOST_ROUNDS:
        raise DamagedError(f"a master key claims {rounds} rounds")
    key, block = key_and_block(cipher)
    derived = _stretch(pre_key, salt, rounds, name, key + block)
    plain = cbc_decrypt(cipher, derived[:key], derived[key:], record[_MASTER.size :])
    return _checked(plain, pre_key, name)


def _checked(plain: bytes, pre_key: bytes, name: str) -> bytes:
    """Return the key behind its salt and HMAC, when that is right."""
    size = hashlib.new(name).digest_size
    salt, mark, key = plain[:16], plain[16 : 16 + size], plain[-64:]
    wanted = hmac.digest(hmac.digest(pre_key, salt, name), key, name)
    if not hmac.compare_digest(mark, wanted):
        raise EncryptedError("the password does not open the master key")
    return key


def _stretch(secret: bytes, salt: bytes, rounds: int, name: str, length: int) -> bytes:
    """Return Windows' own kind of PBKDF2: each round hashes what the rounds before it added up to."""
    found = b""
    for number in range(1, 2 + length // hashlib.new(name).digest_size):
        total = hmac.digest(secret, salt + struct.pack(">I", number), name)
        for _ in range(rounds - 1):
            more = hmac.digest(secret, total, name)
            value = int.from_bytes(total, "big") ^ int.from_bytes(more, "big")
            total = value.to_bytes(len(total), "big")
        found += total
    return found[:length]


@dataclass(frozen=True, slots=True)
class Blob:
    """A DPAPI blob: which master key it needs, and how it is locked."""

    master: str
    """GUID of the master key."""
    cipher: int
    salt: bytes
    digest: int
    signing: bytes
    data: bytes
    signed: bytes
    signature: bytes

    def open(self, master_key: bytes, entropy: bytes = b"") -> bytes | None:
        """Return what is protected; None when the entropy (or the key) is another."""
        name, secret = _hash(self.digest), hashlib.sha1(master_key, usedforsecurity=False).digest()
        size, block = key_and_block(self.cipher)
        for session, sign in zip(
            _sessions(secret, self.salt, entropy, b"", name),
            _sessions(secret, self.signing, entropy, self.signed, name),
            strict=True,
        ):
            if hmac.compare_digest(sign, self.signature):
                key = _derive(session, name, size)
                return _unpadded(cbc_decrypt(self.cipher, key, bytes(block), self.data), block)
        return None


def blobs_in(content: bytes) -> Iterator[Blob]:
    """Yield the DPAPI blobs that lie anywhere in a file; what only looks like one is passed over."""
    at = content.find(PROVIDER)
    while at >= 0:
        with suppress(DamagedError):  # the bytes of the provider alone make no blob
            yield parse_blob(content[max(at - 4, 0) :])
        at = content.find(PROVIDER, at + 16)


def parse_blob(content: bytes) -> Blob:
    """Return the blob at the beginning of bytes; raise DamagedError."""
    reader = _Reader(content, 24)
    master = str(UUID(bytes_le=reader.take(16)))
    reader.take(4)
    reader.counted()
    cipher, _ = reader.number(), reader.number()
    salt, _ = reader.counted(), reader.counted()
    digest, _ = reader.number(), reader.number()
    signing, data = reader.counted(), reader.counted()
    signed = content[20 : reader.at]
    return Blob(master, cipher, salt, digest, signing, data, signed, reader.counted())


@dataclass
class _Reader:
    """Fields one behind the other."""

    content: bytes
    at: int

    def take(self, length: int) -> bytes:
        if self.at + length > len(self.content):
            raise DamagedError("a DPAPI blob is cut short")
        self.at += length
        return self.content[self.at - length : self.at]

    def number(self) -> int:
        return int.from_bytes(self.take(4), "little")

    def counted(self) -> bytes:
        return self.take(self.number())


def _sessions(
    secret: bytes, salt: bytes, entropy: bytes, more: bytes, name: str
) -> tuple[bytes, bytes]:
    """Return the session key as Windows 7 and later make it, and as those before did."""
    block = hashlib.new(name).block_size
    padded = secret.ljust(block, b"\0")
    inner = hashlib.new(name, bytes(byte ^ 0x36 for byte in padded) + salt).digest()
    outer = bytes(byte ^ 0x5C for byte in padded)
    return (
        hmac.digest(secret, salt + entropy + more, name),
        hashlib.new(name, outer + inner + entropy + more).digest(),
    )


def _derive(session: bytes, name: str, size: int) -> bytes:
    """Return CryptDeriveKey's key: the session key, or two hashes of it where it is too short."""
    if len(session) >= size:
        return session[:size]
    padded = session.ljust(hashlib.new(name).block_size, b"\0")
    halves = (hashlib.new(name, bytes(byte ^ pad for byte in padded)) for pad in (0x36, 0x5C))
    return b"".join(half.digest() for half in halves)[:size]


def _unpadded(plain: bytes, block: int) -> bytes:
    count = plain[-1] if plain else 0
    return plain[:-count] if 0 < count <= block else plain


def _hash(algorithm: int) -> str:
    if algorithm not in HASHES:
        raise DamagedError(f"DPAPI data asks for an unknown hash (0x{algorithm:x})")
    return HASHES[algorithm]
