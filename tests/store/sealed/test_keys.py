"""Keys as they are given: taken as USMT and age say, refused in one sentence, shown nowhere."""

from __future__ import annotations

from pathlib import Path

import pyrage
import pytest

from extractor.errors import ArgumentTooLongError, UnreadableKeyError, UsageError
from extractor.redact import redacted
from extractor.store.sealed.algid import NAMES, parse_algid
from extractor.store.sealed.keys import (
    Passphrase,
    key_passphrase,
    keyfile_passphrase,
    parse_identities,
    read_identities,
    recipient_keys,
)
from tests.store.sealed.build import IDENTITY, PASSPHRASE, with_passphrase


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"secret one", "secret one"),
        (b"secret one\n", "secret one"),
        (b"secret one\r\n", "secret one"),
        (b" secret one \n", " secret one "),
        (b"\xef\xbb\xbfsecret \xc3\xa4\r\n", "secret ä"),
        (b"\xff\xfes\0e\0c\0\r\0\n\0", "sec"),
        (b"\xfe\xff\0s\0e\0c", "sec"),
    ],
)
def test_a_key_file_is_the_key_without_one_line_break(
    tmp_path: Path, content: bytes, expected: str
) -> None:
    (tmp_path / "key").write_bytes(content)
    assert keyfile_passphrase(tmp_path / "key") == Passphrase(expected)


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"\r\n", b"\xef\xbb\xbf\n", b"\xff\xfe", b"\xff\0x", b"x" * 70_000]
)
def test_a_key_file_without_a_key_is_code_33(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "key").write_bytes(content)
    with pytest.raises(UnreadableKeyError) as caught:
        keyfile_passphrase(tmp_path / "key")
    assert caught.value.exit_code == 33


def test_a_key_file_that_is_not_there_is_code_33(tmp_path: Path) -> None:
    with pytest.raises(UnreadableKeyError, match="No such file"):
        keyfile_passphrase(tmp_path / "key")


@pytest.mark.parametrize("text", ["two lines\nhere", "two\n\n", "half \ud800", "nul\0"])
def test_a_key_is_one_line_of_text(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        key_passphrase(text)
    assert text not in str(caught.value)


def test_a_key_has_256_characters_at_most() -> None:
    assert key_passphrase("k" * 256) == Passphrase("k" * 256)
    with pytest.raises(ArgumentTooLongError):
        key_passphrase("k" * 257)
    with pytest.raises(UnreadableKeyError):
        key_passphrase("")


def test_a_key_is_shown_nowhere() -> None:
    passphrase = key_passphrase("opensesame-7")
    assert repr(passphrase) == f"{passphrase}" == "Passphrase(***)"
    assert redacted("the key opensesame-7 was typed") == "the key *** was typed"
    keys = with_passphrase()
    assert keys.identity_file is not None
    assert "recipients" not in repr(keys)
    assert "identity_file" not in repr(keys)


def test_the_identity_is_sealed_with_the_passphrase() -> None:
    content = pyrage.passphrase.decrypt(with_passphrase().identity_file, PASSPHRASE.text)
    assert content.startswith(b"AGE-SECRET-KEY-1")
    assert len(parse_identities(content, "x")) == 1


def test_recipients_are_named_once_each() -> None:
    public = str(IDENTITY.to_public())
    assert recipient_keys([public, f" {public}\n"]).public == (public,)


@pytest.mark.parametrize("word", ["", "age1xyz", "ssh-ed25519 AAAA", "age1yubikey1q", "bob"])
def test_what_is_no_recipient_is_refused(word: str) -> None:
    with pytest.raises(UsageError, match="is no recipient"):
        recipient_keys([word])


def test_a_secret_key_is_no_recipient_and_is_not_repeated() -> None:
    with pytest.raises(UsageError, match="secret key") as caught:
        recipient_keys([str(IDENTITY)])
    assert str(IDENTITY) not in str(caught.value)


def test_no_recipient_is_refused() -> None:
    with pytest.raises(UsageError, match="needs a value"):
        recipient_keys([])


def test_identities_are_read_with_remarks(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"# created today\n\n{IDENTITY}\n")
    assert len(read_identities(tmp_path / "key")) == 1
    assert str(IDENTITY) not in redacted(f"a {IDENTITY} b")


@pytest.mark.parametrize(
    "content",
    [b"", b"# none", b"AGE-SECRET-KEY-1QQ", b"\xff", b"-----BEGIN OPENSSH PRIVATE KEY-----"],
)
def test_what_is_no_identity_is_refused(content: bytes) -> None:
    with pytest.raises(UsageError, match="holds no identity"):
        parse_identities(content, "--identity x")


def test_an_identity_with_a_passphrase_is_named() -> None:
    with pytest.raises(UsageError, match="sealed with a passphrase"):
        parse_identities(with_passphrase().identity_file or b"", "--identity x")


@pytest.mark.parametrize("name", NAMES)
def test_usmt_names_are_taken_in_any_case_and_answered_with_the_truth(name: str) -> None:
    found = parse_algid(name.lower())
    assert found.name == name
    assert "not USMT encryption" in found.sentence
    assert "ChaCha20-Poly1305" in found.sentence


def test_no_name_is_usmts_default() -> None:
    assert parse_algid("").name == "3DES"


def test_another_name_is_refused() -> None:
    with pytest.raises(UsageError, match="/decrypt:RC4: takes AES, AES_128"):
        parse_algid("RC4", "/decrypt")
