"""BitLocker's keys: how a password becomes a key, and how one key unlocks the next.

A protector's key opens the volume master key (VMK), that one the full volume encryption key (FVEK), which sectors are
encrypted with. Each lock is AES-CCM, so a wrong key is always known to be wrong. Source: libyal, "BDE format", 5.
"""

from __future__ import annotations

import hashlib
import os
from typing import Protocol

from extractor.volumes.fve import KEY, SEALED, VMK, VMK_ROLE, datum, parse_datums

ROUNDS = 0x100000
XTS_128, XTS_256 = 0x8004, 0x8005
KEY_SIZES = {0x8000: 64, 0x8001: 64, 0x8002: 16, 0x8003: 32, XTS_128: 32, XTS_256: 64}
"""Encryption method -> bytes of its FVEK: AES-CBC with diffuser (both sizes keep room for 2 x 32), AES-CBC, AES-XTS."""
_NONCE, _TAG = 12, 16


class Decryptor(Protocol):
    """Decrypts whole sectors."""

    def decrypt(self, data: bytes, sector: int, /) -> bytes: ...


def unseal(sealed: bytes, key: bytes) -> bytes | None:
    """Return the key locked inside a sealed datum's body, None when ``key`` is not the one."""
    plain = _open(sealed, key)
    found = next(parse_datums(plain), None) if plain else None
    return found.body[4:] if found and found.kind == KEY else None


def _open(sealed: bytes, key: bytes) -> bytes | None:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESCCM

    nonce, tag = sealed[:_NONCE], sealed[_NONCE : _NONCE + _TAG]
    try:
        return AESCCM(key).decrypt(nonce, sealed[_NONCE + _TAG :] + tag, None)
    except (InvalidTag, ValueError):  # ValueError: a nonce, tag or key of no possible length
        return None


def seal(key: bytes, content: bytes, nonce: bytes) -> bytes:
    """Return the body of a sealed datum."""
    from cryptography.hazmat.primitives.ciphers.aead import AESCCM

    locked = AESCCM(key).encrypt(nonce, content, None)
    return nonce + locked[-_TAG:] + locked[:-_TAG]


def recovery_key(password: str) -> bytes:
    """Return the hash of a recovery password of 8 x 6 digits, each a multiple of 11."""
    groups = (password[start : start + 6] for start in range(0, 48, 6))
    return hashlib.sha256(
        b"".join((int(each) // 11).to_bytes(2, "little") for each in groups)
    ).digest()


def password_key(password: str) -> bytes:
    """Return the hash of a password."""
    return hashlib.sha256(hashlib.sha256(password.encode("utf-16-le")).digest()).digest()


def stretch(key: bytes, salt: bytes) -> bytes:
    """Return the key that a million rounds of SHA-256 make of a hash: about a second."""
    tail, last, sha256 = key + salt, bytes(32), hashlib.sha256
    for number in range(ROUNDS):
        last = sha256(last + tail + number.to_bytes(8, "little")).digest()
    return last


def clear_key_datums(method: int, fvek: bytes) -> tuple[bytes, bytes]:
    """Return (VMK datum, FVEK datum) for a volume that opens without any secret: made for a library, never written."""
    clear, vmk = os.urandom(32), os.urandom(32)
    inner = datum(0, KEY, (0x2000).to_bytes(4, "little") + clear)
    lock = datum(
        0, SEALED, seal(clear, datum(0, KEY, (0x2003).to_bytes(4, "little") + vmk), bytes(12))
    )
    master = datum(VMK_ROLE, VMK, bytes(16 + 8 + 4) + inner + lock)
    sealed = seal(vmk, datum(0, KEY, method.to_bytes(4, "little") + fvek), bytes(11) + b"\1")
    return master, datum(3, SEALED, sealed)


def sector_cipher(method: int, fvek: bytes, sector_size: int) -> Decryptor | None:
    """Return what decrypts sectors of AES-CBC and AES-XTS; None for the diffuser of Windows Vista and 7."""
    if method in (XTS_128, XTS_256):
        return _Xts(fvek, sector_size)
    return _Cbc(fvek, sector_size) if method in (0x8002, 0x8003) else None


class _Xts:
    """AES-XTS; the tweak is the number of the sector."""

    def __init__(self, key: bytes, sector_size: int) -> None:
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

        self._cipher, self._mode, self._size = Cipher, modes.XTS, sector_size
        self._key = algorithms.AES(key)

    def decrypt(self, data: bytes, sector: int) -> bytes:
        out = []
        for start in range(0, len(data), self._size):
            tweak = (sector + start // self._size).to_bytes(16, "little")
            part = self._cipher(self._key, self._mode(tweak)).decryptor()
            out.append(part.update(data[start : start + self._size]))
        return b"".join(out)


class _Cbc:
    """AES-CBC; the first vector is the sector's place in bytes, encrypted."""

    def __init__(self, key: bytes, sector_size: int) -> None:
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

        self._cipher, self._mode, self._size = Cipher, modes.CBC, sector_size
        self._key = algorithms.AES(key)
        self._vectors = Cipher(self._key, modes.ECB()).encryptor()  # noqa: S305 (one block, as the format has it)

    def decrypt(self, data: bytes, sector: int) -> bytes:
        out = []
        for start in range(0, len(data), self._size):
            place = (sector * self._size + start).to_bytes(16, "little")
            part = self._cipher(self._key, self._mode(self._vectors.update(place))).decryptor()
            out.append(part.update(data[start : start + self._size]))
        return b"".join(out)
