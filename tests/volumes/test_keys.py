"""Keys as people have them; no text that comes out of here holds one."""

from __future__ import annotations

from pathlib import Path

import pytest

from extractor.errors import UsageError
from extractor.redact import redacted
from extractor.volumes.keys import KeyKind, parse_keys, read_key_file, read_keychain
from tests.volumes import tiny_bitlocker as tiny

DIGITS = tiny.RECOVERY.replace("-", "")
SAVED = f"""BitLocker Drive Encryption recovery key

To verify that this is the correct recovery key, compare the start of the following identifier.
Identifier:
\t{tiny.IDS["recovery"]}

Recovery Key:
\t{tiny.RECOVERY}
"""


def kinds(content: bytes) -> list[KeyKind]:
    return [each.kind for each in parse_keys(content, "file")]


@pytest.mark.parametrize(
    "content",
    [
        tiny.RECOVERY.encode(),
        b"\xef\xbb\xbf" + tiny.RECOVERY.encode() + b"\r\n",
        f"  {DIGITS}  \n".encode(),
        tiny.RECOVERY.replace("-", " ").encode(),
        SAVED.encode("utf-16"),
        SAVED.replace("\n", "\r\n").encode(),
    ],
)
def test_a_recovery_password_is_read_however_it_was_saved(content: bytes) -> None:
    (key,) = parse_keys(content, "file")
    assert (key.kind, key.secret) == (KeyKind.RECOVERY, DIGITS)


def test_any_other_line_is_a_password_as_it_stands() -> None:
    (key,) = parse_keys(" pass word £ ".encode() + b"\r\n", "file")
    assert (key.kind, key.secret) == (KeyKind.PASSWORD, " pass word £ ")


def test_a_startup_key_is_told_by_its_content() -> None:
    (key,) = parse_keys(tiny.bek(), "stick.txt")
    assert (key.kind, key.secret) == (KeyKind.STARTUP, tiny.STARTUP)
    assert key.identifier == str(tiny.IDS["startup"])


def test_several_lines_are_several_keys() -> None:
    content = f"{tiny.RECOVERY}\n\nfvek:{tiny.FVEK.hex()}\n{tiny.SECOND}\n"
    assert kinds(content.encode()) == [KeyKind.RECOVERY, KeyKind.VOLUME, KeyKind.RECOVERY]
    assert kinds(b"one password\nanother one\n") == [KeyKind.PASSWORD, KeyKind.PASSWORD]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"\r\n \r\n", "empty"),
        (b"\xff\x00\xfe", "neither"),
        (tiny.RECOVERY.replace("220022", "220023").encode(), "typing error in its group 2"),
        (tiny.RECOVERY.replace("711117", "999999").encode(), "typing error in its group 7"),
        (tiny.RECOVERY[:-1].encode(), "48 digits, this one has 47"),
        (b"fvek:0011", "16, 32 or 64 bytes"),
        (b"fvek:not hexadecimal", "not hexadecimal"),
        (tiny.bek()[:100] + bytes(len(tiny.bek()) - 100), "damaged"),
    ],
)
def test_what_is_no_key_is_refused_in_one_sentence_that_repeats_nothing(
    content: bytes, says: str
) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        parse_keys(content, "key.txt")
    assert caught.value.exit_code == 11
    assert "220023" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("word", [tiny.RECOVERY, DIGITS, "hunter2 hunter2", "no-such-file"])
def test_a_key_in_place_of_a_file_is_refused_and_not_repeated(word: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_key_file(Path(word))
    assert word not in str(caught.value)
    assert "file" in str(caught.value)


def test_a_key_never_shows_its_secret() -> None:
    for key in (*parse_keys(tiny.RECOVERY.encode(), "a"), *parse_keys(tiny.bek(), "b")):
        assert repr(key) == str(key)
        assert str(key).endswith((" from a", " from b"))
        told = redacted(f"{key.secret!r} {tiny.RECOVERY} {DIGITS} {tiny.STARTUP.hex()}")
        assert DIGITS not in told
        assert tiny.RECOVERY not in told
        assert tiny.STARTUP.hex() not in told


def chain(folder: Path, text: str | bytes) -> Path:
    path = folder / "keys.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_key_list_is_dissects(tmp_path: Path) -> None:
    (tmp_path / "stick.bek").write_bytes(tiny.bek())
    path = chain(
        tmp_path,
        "# provider,key_type,identifier,value\r\n"
        f"bitlocker,recovery_key,,{tiny.RECOVERY}\r\n"
        "\r\n"
        'bitlocker,passphrase,{B17F10C8-0000-4000-8000-0000000000C2},"a, ""b"" and \'c\'"\r\n'
        ",passphrase,,AnotherTestPassword\r\n"
        f"BitLocker,raw,,{tiny.FVEK.hex()}\r\n"
        "luks,passphrase,,not ours\r\n"
        "bitlocker,file,,stick.bek\r\n",
    )
    found = read_keychain(path)
    names = ["RECOVERY", "PASSWORD", "PASSWORD", "VOLUME", "STARTUP"]
    assert [each.kind.name for each in found] == names
    assert (found[1].secret, found[1].identifier) == ("a, \"b\" and 'c'", str(tiny.IDS["password"]))
    assert [each.source for each in found][:2] == ["keys.csv:2", "keys.csv:4"]
    assert not any(each.required for each in found)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("bitlocker,recovery_key,12345678\n", "keys.csv:1: a row has the columns"),
        ("\nbitlocker,secret_key,,12345678\n", "keys.csv:2: the key_type is none of"),
        ("bitlocker,passphrase,,\n", "keys.csv:1: the value is missing"),
        ("bitlocker,raw,,12345678zz\n", "keys.csv:1: .* not hexadecimal"),
        ("bitlocker,recovery_key,,12345678\n", "keys.csv:1: a recovery password has 48 digits"),
        ("bitlocker,file,,12345678.bek\n", "keys.csv:1: the file that it names is not there"),
        ("bitlocker,file,,keys.csv\n", "keys.csv:1: .* no startup key"),
        (b"bitlocker,passphrase,,\xff\xff12345678\n", "neither"),
        ("bitlocker,passphrase,," + "x" * 200_000 + "\n", "keys.csv:1: it is not CSV"),
    ],
)
def test_a_bad_row_is_named_by_its_line_and_not_repeated(
    tmp_path: Path, text: str | bytes, says: str
) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        read_keychain(chain(tmp_path, text))
    assert "12345678" not in str(caught.value)


def test_a_key_list_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"keys\.csv cannot be read"):
        read_keychain(tmp_path / "keys.csv")
