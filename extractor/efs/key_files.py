r"""Private key files of a profile -> RSA keys: CryptoAPI's (``Crypto\RSA``) and CNG's (``Crypto\Keys``).

Each is a head and some DPAPI blobs, one of which protects the key: a PRIVATEKEYBLOB as RSAENH keeps it (numbers in
little-endian fields), or a BCRYPT_RSAKEY_BLOB (big-endian). Source: Microsoft, "BCRYPT_RSAKEY_BLOB"; the rest as in the
research that ``dpapi`` names.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from extractor.efs.ciphers import RsaNumbers
from extractor.efs.dpapi import blobs_in
from extractor.errors import DamagedError

CNG_ENTROPY = b"xT5rZW5qVVbrvpuA\0"
"""What CNG's key storage provider adds to the master key."""

MasterKeys = Callable[[str], bytes | None]
"""GUID -> master key, None when there is none that opens."""


def private_key_in(content: bytes, masters: MasterKeys) -> RsaNumbers | None:
    """Return the RSA key in a private key file, None when none of its blobs opens or holds one."""
    for blob in blobs_in(content):
        master = masters(blob.master)
        for entropy in (b"", CNG_ENTROPY) if master else ():
            try:
                plain = blob.open(master, entropy) if master else None
            except DamagedError:
                continue
            found = parse_private_key(plain) if plain else None
            if found:
                return found
    return None


def parse_private_key(plain: bytes) -> RsaNumbers | None:
    """Return the numbers of an unprotected RSA key, None when it is none."""
    if plain[:4] not in {b"RSA2", b"RSA3"} or len(plain) < 24:
        return None
    head = struct.unpack_from("<5I", plain, 4)
    # BCRYPT_RSAKEY_BLOB: bits, then lengths of exponent, modulus and primes; the other one gives a length, then bits.
    if head[0] == 8 * head[2] and head[3] == head[4]:
        return _big(plain, head[1], head[2], head[3])
    return _little(plain, head[0], head[3])


def _big(plain: bytes, exponent: int, modulus: int, prime: int) -> RsaNumbers | None:
    if len(plain) < 24 + exponent + modulus + 2 * prime:
        return None
    places = (24, 24 + exponent + modulus, 24 + exponent + modulus + prime)
    sizes = (exponent, prime, prime)
    e, p, q = (
        int.from_bytes(plain[at : at + size], "big") for at, size in zip(places, sizes, strict=True)
    )
    return RsaNumbers(e, p, q)


def _little(plain: bytes, length: int, exponent: int) -> RsaNumbers | None:
    """Read magic, length of the modulus' field, bits, size of data, exponent, modulus, two primes ..."""
    half = length // 2
    if len(plain) < 20 + length + 2 * half or not length:
        return None
    first = 20 + length
    p = int.from_bytes(plain[first : first + half], "little")
    q = int.from_bytes(plain[first + half : first + 2 * half], "little")
    return RsaNumbers(exponent, p, q)
