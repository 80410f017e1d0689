"""Keys and sectors."""

from __future__ import annotations

from pathlib import Path

import pytest

from extractor.efs.ciphers import Fek, decrypt_sectors, expand_desx, load_pfx, parse_fek
from extractor.efs.keyring import Keyring, open_keyring
from extractor.efs.metadata import Metadata, parse_metadata
from extractor.errors import EncryptedError, UsageError
from tests.efs.decoder import AES_256, DESX, TRIPLE_DES, sectors
from tests.efs.people import agent, anna, efs, fek
from tests.efs.secret_files import KEYS, noise


@pytest.mark.parametrize("algorithm", [AES_256, TRIPLE_DES, DESX])
def test_a_sector_goes_by_its_place_in_the_stream(algorithm: int) -> None:
    plain, key = noise(2048), KEYS[algorithm]
    for offset in (0, 512, 1 << 32, (1 << 63) - 512):
        locked = sectors(plain, offset, algorithm, key, encrypt=True)
        assert decrypt_sectors(Fek(algorithm, key), offset, locked) == plain


def test_the_published_vector_of_desx_key_expansion_holds() -> None:
    found = expand_desx(bytes.fromhex("a1f9e0b253239e8f0f9145d98e20ec30"))
    assert [each.hex() for each in found] == [
        "27d19309cb78931f",
        "edda4c476049db8d",
        "75f6a01ac0ca281e",
    ]


@pytest.mark.parametrize(
    ("plain", "says"),
    [
        (b"", "does not open"),
        (b"short", "does not open"),
        (fek(0x6801, bytes(16)), "unknown cipher"),
        (fek(AES_256, bytes(31)), "does not open"),
        (fek(AES_256, bytes(32))[:40], "does not open"),
    ],
)
def test_what_is_no_key_of_a_file_is_refused(plain: bytes, says: str) -> None:
    with pytest.raises(EncryptedError, match=says):
        parse_fek(plain)


def test_a_pfx_opens_the_file_and_shows_no_key() -> None:
    key = load_pfx(anna().pfx(b"pw"), b"pw", "anna.pfx")
    assert key.thumbprint == anna().thumbprint
    metadata = parse_metadata(efs(fek(AES_256, KEYS[AES_256]), [anna()], [agent()]))
    found = Keyring([key]).open(metadata)
    assert found == Fek(AES_256, KEYS[AES_256])
    assert KEYS[AES_256].hex() not in repr(found)
    assert "RSA" not in repr(key)


@pytest.mark.parametrize("password", [None, b"", b"other"])
def test_a_wrong_password_of_a_pfx_is_one_sentence_without_it(password: bytes | None) -> None:
    with pytest.raises(UsageError, match=r"^anna\.pfx: no PFX file, or its password is another$"):
        load_pfx(anna().pfx(b"pw"), password, "anna.pfx")


def test_a_file_that_is_no_pfx_or_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "x.pfx").write_bytes(b"\0" * 100)
    with pytest.raises(UsageError, match="no PFX file"):
        open_keyring([tmp_path / "x.pfx"], b"pw")
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        open_keyring([tmp_path / "y.pfx"], b"pw")


def test_who_could_open_a_file_is_named_when_no_key_fits() -> None:
    metadata = parse_metadata(efs(fek(AES_256, KEYS[AES_256]), [anna()], [agent()]))
    with pytest.raises(EncryptedError) as caught:
        Keyring().open(metadata)
    assert str(caught.value) == (
        f"no key that was given opens it; wanted: anna(anna@DESK) {anna().thumbprint},"
        f" Administrator (recovery agent) {agent().thumbprint}"
    )
    with pytest.raises(EncryptedError, match="version 4, which names nobody"):
        Keyring().open(Metadata(4, ()))


def test_a_key_that_does_not_fit_its_own_entry_is_told() -> None:
    value = bytearray(efs(fek(AES_256, KEYS[AES_256]), [anna()]))
    value[-1] ^= 0x10
    value[-60] ^= 0xFF
    key = load_pfx(anna().pfx(b"pw"), b"pw", "anna.pfx")
    with pytest.raises(EncryptedError, match=r"does not open|unknown cipher"):
        Keyring([key]).open(parse_metadata(bytes(value)))
