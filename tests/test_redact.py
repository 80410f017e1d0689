"""Texts leave without secrets, whoever wrote them."""

from __future__ import annotations

import pytest

from extractor.redact import redacted, remember

GROUPS = ["110011", "220022", "330033", "440044", "550055", "660066", "711117", "011011"]


@pytest.mark.parametrize("between", ["-", " ", "", "\u2010", "_", ":"])
def test_a_recovery_password_is_hidden_though_nobody_remembered_it(between: str) -> None:
    assert redacted(f"key={between.join(GROUPS)}, ok") == "key=***, ok"


def test_what_only_resembles_one_stays() -> None:
    for text in ("1" * 49, "-".join(GROUPS[:7]), "11001-1220022", "S-1-5-21-1000000001-2000000001"):
        assert redacted(text) == text


def test_a_secret_is_hidden_as_text_and_in_hexadecimal() -> None:
    remember("a remembered word")
    remember(b"\xde\xad\xbe\xef" * 4)
    text = f"a remembered word, {'deadbeef' * 4}, {'DEADBEEF' * 4}"
    assert redacted(text) == "***, ***, ***"


def test_a_word_too_short_for_a_password_does_not_blot_out_the_log() -> None:
    remember("Users")
    assert redacted("C:\\Users") == "C:\\Users"
