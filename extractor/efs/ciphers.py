"""The ciphers of EFS: the one module of this package that imports ``cryptography``.

Sectors of 512 bytes are encrypted one by one in CBC mode, with an initialisation vector that the sector's place in the
stream gives. Sources: [MS-EFSR] 2.2.2.1 (ALG_ID of the FEK); the vectors and the key expansion of DESX are in no text
of Microsoft's and are as ntfsprogs' ntfsdecrypt documents them.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from extractor.errors import DamagedError, EncryptedError, UsageError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

SECTOR = 512
AES_256, AES_192, AES_128, TRIPLE_DES, DESX = 0x6610, 0x660F, 0x660E, 0x6603, 0x6604
"""ALG_ID of WinCrypt.h."""
KEY_SIZES = {AES_256: 32, AES_192: 24, AES_128: 16, TRIPLE_DES: 24, DESX: 16}

_AES_VECTOR = (0x5816657BE9161312, 0x1989ADBE44918961)
_DES_VECTOR = (0x169119629891AD13,)
_FEK = struct.Struct("<IIII")
_WORD = (1 << 64) - 1

Ecb = Callable[[bytes], bytes]
"""Turns blocks of ciphertext into what CBC then combines with the block before."""


@dataclass(frozen=True, slots=True)
class Fek:
    """A file's key, ready for use; it is never shown."""

    algorithm: int
    key: bytes = field(repr=False)


def parse_fek(plain: bytes) -> Fek:
    """Return the FEK that a decrypted protector holds; raise EncryptedError when it is none: the key was another."""
    if len(plain) < _FEK.size:
        raise EncryptedError("the private key does not open the file's key")
    length, _, algorithm, _ = _FEK.unpack_from(plain)
    key = plain[_FEK.size : _FEK.size + length]
    if algorithm not in KEY_SIZES:
        raise EncryptedError(f"the file's key is for an unknown cipher (0x{algorithm:x})")
    if len(key) != KEY_SIZES[algorithm] or length != len(key):
        raise EncryptedError("the private key does not open the file's key")
    return Fek(algorithm, key)


def decrypt_sectors(fek: Fek, offset: int, data: bytes) -> bytes:
    """Return whole sectors in plain; ``offset`` is the place of the first one in the stream, in bytes."""
    is_des = fek.algorithm in {TRIPLE_DES, DESX}
    block = _ecb(fek)(data)
    before = _chained(data, offset, _DES_VECTOR if is_des else _AES_VECTOR)
    return _xor(block, before)


def _chained(data: bytes, offset: int, vector: tuple[int, ...]) -> bytes:
    """Return what CBC combines each block with: the vector of the sector, then the ciphertext before the block."""
    length = 8 * len(vector)
    parts = []
    for start in range(0, len(data), SECTOR):
        words = ((word + offset + start) & _WORD for word in vector)
        parts += [struct.pack(f"<{len(vector)}Q", *words), data[start : start + SECTOR - length]]
    return b"".join(parts)


def _ecb(fek: Fek) -> Ecb:
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    if fek.algorithm == DESX:
        return _desx(fek.key)
    if fek.algorithm == TRIPLE_DES:
        return _triple_des(fek.key, encrypt=False)
    # S305: block by block, for each sector of CBC has a vector of its own; the chaining is above
    return Cipher(algorithms.AES(fek.key), modes.ECB()).decryptor().update  # noqa: S305


def _triple_des(key: bytes, *, encrypt: bool) -> Ecb:
    from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
    from cryptography.hazmat.primitives.ciphers import Cipher, modes

    cipher = Cipher(TripleDES(key), modes.ECB())  # noqa: S305
    return cipher.encryptor().update if encrypt else cipher.decryptor().update


def expand_desx(key: bytes) -> tuple[bytes, bytes, bytes]:
    """Return DES key, out-whitening and in-whitening (8 bytes each) of a DESX key of 16 bytes."""
    des = hashlib.md5(key + b"Dan Simon  \0", usedforsecurity=False).digest()
    white = hashlib.md5(key + b"Scott Field\0", usedforsecurity=False).digest()
    words = struct.unpack("<4I", des)
    return struct.pack("<2I", words[0] ^ words[1], words[2] ^ words[3]), white[:8], white[8:]


def _desx(key: bytes) -> Ecb:
    """Return Windows' DESX: it decrypts with what DES calls encryption."""
    des, outer, inner = expand_desx(key)
    single = _triple_des(des * 3, encrypt=True)

    def decrypt(data: bytes) -> bytes:
        count = len(data) // 8
        return _xor(single(_xor(data, outer * count)), inner * count)

    return decrypt


def _xor(first: bytes, second: bytes) -> bytes:
    value = int.from_bytes(first, "little") ^ int.from_bytes(second, "little")
    return value.to_bytes(len(first), "little")


def key_and_block(algorithm: int) -> tuple[int, int]:
    """Return the sizes of key and block of a cipher (ALG_ID); raise DamagedError for an unknown one."""
    if algorithm not in KEY_SIZES or algorithm == DESX:
        raise DamagedError(f"DPAPI data asks for an unknown cipher (0x{algorithm:x})")
    return KEY_SIZES[algorithm], 8 if algorithm == TRIPLE_DES else 16


def cbc_decrypt(algorithm: int, key: bytes, vector: bytes, data: bytes) -> bytes:
    """Return data decrypted in CBC mode, padding and all; raise DamagedError when it is no whole number of blocks."""
    from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    if len(data) % len(vector):
        raise DamagedError("DPAPI data is no whole number of blocks")
    cipher = TripleDES(key) if algorithm == TRIPLE_DES else algorithms.AES(key)
    return Cipher(cipher, modes.CBC(vector)).decryptor().update(data)


# --- private keys ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """A private key and the certificate it belongs to."""

    thumbprint: str
    """SHA-1 of the certificate, hexadecimal, upper case."""
    _rsa: RSAPrivateKey = field(repr=False)

    def open(self, fek: bytes) -> Fek:
        """Return the FEK that a protector holds (RSA PKCS #1 v1.5, little-endian); raise EncryptedError."""
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

        if len(fek) * 8 < self._rsa.key_size:
            raise EncryptedError(
                "the file's key is shorter than the private key that should open it"
            )
        try:
            plain = self._rsa.decrypt(fek[::-1], PKCS1v15())
        except ValueError as error:
            raise EncryptedError("the private key does not open the file's key") from error
        return parse_fek(plain)


def load_pfx(content: bytes, password: bytes | None, name: str) -> PrivateKey:
    """Return the key of a PFX file (PKCS #12); ``name`` is what messages call it.

    Raises UsageError (11) when it is none, the password is wrong, or it holds no RSA key with its certificate.
    """
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.hashes import SHA1
    from cryptography.hazmat.primitives.serialization import pkcs12

    try:
        key, certificate, _ = pkcs12.load_key_and_certificates(content, password)
    except (ValueError, TypeError) as error:
        raise UsageError(f"{name}: no PFX file, or its password is another") from error
    if not isinstance(key, RSAPrivateKey) or certificate is None:
        raise UsageError(f"{name}: holds no RSA private key with its certificate")
    thumbprint = certificate.fingerprint(SHA1()).hex().upper()  # noqa: S303 - the name Windows uses
    return PrivateKey(thumbprint, key)


@dataclass(frozen=True, slots=True)
class RsaNumbers:
    """What makes an RSA private key: public exponent and the two primes."""

    exponent: int
    first: int = field(repr=False)
    second: int = field(repr=False)

    def key(self, thumbprint: str) -> PrivateKey:
        """Return the key for a certificate; raise DamagedError when the numbers make none."""
        from cryptography.hazmat.primitives.asymmetric import rsa

        try:
            p, q, e = self.first, self.second, self.exponent
            d = pow(e, -1, (p - 1) * (q - 1))
            public = rsa.RSAPublicNumbers(e, p * q)
            parts = (rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q))
            numbers = rsa.RSAPrivateNumbers(p, q, d, *parts, public)
            return PrivateKey(thumbprint, numbers.private_key())
        except (ValueError, ZeroDivisionError) as error:
            raise DamagedError("a private key file holds numbers that make no key") from error
