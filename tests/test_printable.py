"""Names that reach a person cannot act on his terminal."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractor.model import printable

ANY = st.text(
    st.one_of(
        st.characters(), st.sampled_from("\x1b\x07\x9b\x7f\n\r\u202e\u2066\ud800\udfff\u200b")
    )
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é 文字 😀", "plain é 文字 😀"),
        ("\x1b]0;HACK\x07", "\\x1b]0;HACK\\x07"),
        ("a\nb\r\t", "a\\x0ab\\x0d\\x09"),
        ("\x9b31m", "\\x9b31m"),
        ("\u202ecod.exe", "\\u202ecod.exe"),
        ("zero\u200bwidth\ufeff", "zero\\u200bwidth\\ufeff"),
        ("lone \ud834", "lone \\ud834"),
        ("tag \U000e0041", "tag \\U000e0041"),
    ],
)
def test_what_is_invisible_or_moves_the_cursor_is_shown(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(ANY)
def test_nothing_printable_is_a_control_of_any_kind(text: str) -> None:
    shown = printable(text)
    shown.encode("utf-8")
    assert not [each for each in shown if unicodedata.category(each) in {"Cc", "Cs", "Zl", "Zp"}]
    assert not [each for each in shown if unicodedata.bidirectional(each) in
                {"LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI", "BN"}
                and unicodedata.category(each) == "Cf"]  # fmt: skip


@given(ANY)
def test_printing_twice_changes_nothing(text: str) -> None:
    assert printable(printable(text)) == printable(text)
