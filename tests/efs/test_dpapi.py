"""DPAPI and private key files, read back from what an independent writer made."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractor.efs.dpapi import blobs_in, open_master_key, parse_blob, pre_keys
from extractor.efs.key_files import parse_private_key, private_key_in
from extractor.efs.md4 import md4
from extractor.errors import DamagedError, EncryptedError
from tests.efs.keychains import MASTER, PASSWORD, key_file
from tests.efs.locked import MASTER_KEY, NEW, OLD, Suite, blob, capi_key, cng_key, master_key_file
from tests.efs.people import ANNA_SID, anna


@pytest.mark.parametrize(
    ("message", "digest"),
    [  # RFC 1320, A.5
        (b"", "31d6cfe0d16ae931b73c59d7e0c089c0"),
        (b"a", "bde52cb31de33e46245e05fbdbd6fb24"),
        (b"message digest", "d9130a8164549fe818874806e1c7014b"),
        (b"1234567890" * 8, "e33b4ddc9c38f2199c3e7b164fcc0536"),
    ],
)
def test_md4_is_that_of_rfc_1320(message: bytes, digest: str) -> None:
    assert md4(message).hex() == digest


@pytest.mark.parametrize("suite", [NEW, OLD])
def test_a_password_opens_its_master_key_and_no_other_does(suite: Suite) -> None:
    content = master_key_file(MASTER, PASSWORD, ANNA_SID, suite=suite)
    assert open_master_key(content, pre_keys(PASSWORD, ANNA_SID)[0]) == MASTER_KEY
    for other in (*pre_keys("other", ANNA_SID), *pre_keys(PASSWORD, ANNA_SID + "1")):
        with pytest.raises(EncryptedError, match="does not open the master key"):
            open_master_key(content, other)


@pytest.mark.parametrize("suite", [NEW, OLD])
@pytest.mark.parametrize("entropy", [b"", b"more\0"])
def test_a_blob_opens_with_its_master_key_and_entropy_alone(suite: Suite, entropy: bytes) -> None:
    found = parse_blob(blob(b"what is protected", MASTER, suite=suite, entropy=entropy))
    assert found.master == str(MASTER)
    assert found.open(MASTER_KEY, entropy) == b"what is protected"
    assert found.open(MASTER_KEY, entropy + b"x") is None
    assert found.open(bytes(64), entropy) is None


def test_both_kinds_of_private_keys_are_read() -> None:
    numbers = anna().key.private_numbers()
    for plain in (capi_key(anna().key), cng_key(anna().key)):
        found = parse_private_key(plain)
        assert found is not None
        assert (found.exponent, found.first, found.second) == (65537, numbers.p, numbers.q)
        assert found.key("T").open is not None
    assert parse_private_key(b"RSA2") is None
    assert parse_private_key(b"DSS2" + bytes(100)) is None


def test_a_key_file_is_opened_by_the_blob_that_holds_the_key() -> None:
    for cng in (False, True):
        content = key_file(anna(), cng=cng)
        assert len(list(blobs_in(content))) == 2
        assert private_key_in(content, lambda _: MASTER_KEY) is not None
        assert private_key_in(content, lambda _: None) is None
        assert private_key_in(content, lambda _: bytes(64)) is None


def test_rounds_without_end_are_refused() -> None:
    content = bytearray(master_key_file(uuid4(), PASSWORD, ANNA_SID))
    content[148:152] = b"\xff\xff\xff\x7f"
    with pytest.raises(DamagedError, match="rounds"):
        open_master_key(bytes(content), bytes(20))


FILE = master_key_file(MASTER, PASSWORD, ANNA_SID, rounds=2)
KEY = key_file(anna())
changes = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=6)


@given(changes)
def test_any_changed_bytes_open_or_are_refused(edits: list[tuple[int, int]]) -> None:
    content, key = bytearray(FILE), bytearray(KEY)
    for place, byte in edits:
        content[place % len(content)] = byte
        key[place % len(key)] = byte
    content[148:152] = b"\2\0\0\0"
    with suppress(DamagedError, EncryptedError):
        open_master_key(bytes(content), hashlib.sha1(b"x").digest())
    private_key_in(bytes(key), lambda _: MASTER_KEY)
