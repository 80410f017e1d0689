"""Those who can open the tests' EFS files: key pairs, certificates, PFX files, and the $EFS that names them.

Written from [MS-EFSR] 2.2.2.1 alone. Keys of 1024 bits: these are tests, and two processors make them.
"""

from __future__ import annotations

import datetime
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

ANNA_SID = "S-1-5-21-1004336348-1177238915-682003330-1001"
AGENT_SID = "S-1-5-21-1004336348-1177238915-682003330-500"
CONTAINER = "0c2f53a5-5b6c-4a10-9d3f-3f8f0c6f7d11"


@dataclass(frozen=True)
class Person:
    sid: str
    display: str
    key: rsa.RSAPrivateKey
    certificate: x509.Certificate
    container: str = CONTAINER

    @property
    def thumbprint(self) -> str:
        return self.certificate.fingerprint(hashes.SHA1()).hex().upper()

    def pfx(self, password: bytes) -> bytes:
        locked = serialization.BestAvailableEncryption(password)
        return pkcs12.serialize_key_and_certificates(
            b"efs", self.key, self.certificate, None, locked
        )


@cache
def anna() -> Person:
    return _person(ANNA_SID, "anna(anna@DESK)")


@cache
def agent() -> Person:
    return _person(AGENT_SID, "Administrator")


def _person(sid: str, display: str) -> Person:
    key = rsa.generate_private_key(65537, 1024)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, display)])
    day = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, day, day.replace(year=2090))
    return Person(sid, display, key, builder.sign(key, hashes.SHA256()))


def fek(algorithm: int, key: bytes) -> bytes:
    """Return a FEK as it is before it is encrypted: key length, entropy, algorithm, reserved, key."""
    return struct.pack("<IIII", len(key), len(key), algorithm, 0) + key


def efs(
    plain_fek: bytes, users: Sequence[Person], agents: Sequence[Person] = (), version: int = 2
) -> bytes:
    """Return the value of $EFS."""
    first = _key_list(plain_fek, users)
    second = _key_list(plain_fek, agents) if agents else b""
    places = (84, 84 + len(first) if agents else 0)
    head = struct.pack("<IIII", 84 + len(first) + len(second), 0, version, 0)
    head += bytes(range(16)) + bytes(32) + struct.pack("<II", *places) + bytes(12)
    assert len(head) == 84
    return head + first + second


def _key_list(plain_fek: bytes, people: Sequence[Person]) -> bytes:
    return struct.pack("<I", len(people)) + b"".join(_entry(plain_fek, each) for each in people)


def _entry(plain_fek: bytes, person: Person) -> bytes:
    public = _public_key_information(person)
    locked = person.certificate.public_key()
    assert isinstance(locked, rsa.RSAPublicKey)
    block = locked.encrypt(plain_fek, padding.PKCS1v15())[::-1]
    at = 20 + len(public)
    return struct.pack("<IIIII", at + len(block), 20, len(block), at, 0) + public + block


def _public_key_information(person: Person) -> bytes:
    sid, data = _sid(person.sid), _certificate_data(person)
    at = 28 + len(sid)
    head = struct.pack("<IIIII", at + len(data), 28, 3, len(data), at) + bytes(8)
    whole = head + sid + data
    return whole + bytes(-len(whole) % 4)


def _certificate_data(person: Person) -> bytes:
    thumbprint = bytes.fromhex(person.thumbprint)
    texts = [each.encode("utf-16-le") + b"\0\0" for each in
             (person.container, "Microsoft Enhanced Cryptographic Provider v1.0", person.display)]  # fmt: skip
    places = [40, 40 + len(texts[0]), 40 + len(texts[0]) + len(texts[1])]
    return struct.pack("<IIIII", 20, 20, *places) + thumbprint + b"".join(texts)


def _sid(text: str) -> bytes:
    revision, authority, *parts = map(int, text.split("-")[1:])
    numbers = b"".join(part.to_bytes(4, "little") for part in parts)
    return bytes([revision, len(parts)]) + authority.to_bytes(6, "big") + numbers
