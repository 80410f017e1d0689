"""Names that a host may be asked to create."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractor.model import upcase
from extractor.store.safe_name import LONGEST, original_name, safe_name, twin_name

NASTY = st.text(
    st.one_of(
        st.sampled_from(
            './\\%~:*?"<>| \x00\x1b\x7f\x85\u202e\ud800\udfffCONnulaA0123456789abcdefu'
        ),
        st.characters(),
    ),
    max_size=300,
)


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("report.docx", "report.docx"),
        ("100% done.txt", "100% done.txt"),
        ("a%20b", "a%2520b"),
        ("%u00e9", "%25u00e9"),
        (".", "%2E"),
        ("..", ".%2E"),
        ("...", "..%2E"),
        ("trailing ", "trailing%20"),
        ("a/b\\c:d", "a%2Fb%5Cc%3Ad"),
        ("nul", "%6Eul"),
        ("CON.tar.gz", "%43ON.tar.gz"),
        ("COM¹", "%43OM¹"),
        ("CONSOLE", "CONSOLE"),
        ("line\nbreak\x1b[31m", "line%0Abreak%1B[31m"),
        ("lone \ud834 surrogate", "lone %uD834 surrogate"),
        ("\u202ecod.exe", "%u202Ecod.exe"),
        ("PROGRA~1", "PROGRA~1"),
        ("draft~0123456789abcdef.txt", "draft%7E0123456789abcdef.txt"),
        ("Ünïcödé 文字 😀", "Ünïcödé 文字 😀"),
    ],
)
def test_only_what_is_unsafe_changes_and_comes_back(name: str, safe: str) -> None:
    assert safe_name(name) == safe
    assert original_name(safe) == name


def test_the_empty_name_gets_a_name() -> None:
    assert safe_name("") == "~e3b0c44298fc1c14"
    assert safe_name("~e3b0c44298fc1c14") != safe_name("")


def test_a_long_name_is_cut_keeps_its_extension_and_tells_of_its_whole_self() -> None:
    one, other = "é" * 200 + "1.docx", "é" * 200 + "2.docx"
    assert len(safe_name(one).encode()) <= LONGEST
    assert safe_name(one).endswith(".docx")
    assert safe_name(one) != safe_name(other)


def test_nfc_and_nfd_stay_two_names() -> None:
    assert safe_name("caf\u00e9") == "caf\u00e9"
    assert safe_name("cafe\u0301") == "cafe\u0301"


@given(NASTY)
def test_a_safe_name_can_be_created_anywhere(name: str) -> None:
    safe = safe_name(name)
    assert safe not in {"", ".", ".."}
    assert len(safe.encode()) <= LONGEST
    assert not re.search(r'[\x00-\x1f\x7f-\x9f"*/:<>?\\|\u202a-\u202e\u2066-\u2069]', safe)
    assert not safe.endswith((".", " "))
    assert safe.split(".")[0].rstrip().upper() not in {"CON", "NUL", "PRN", "AUX", "COM1", "LPT9"}


@given(NASTY)
def test_what_is_not_cut_can_be_undone(name: str) -> None:
    safe = safe_name(name)
    if name and not re.search(r"~[0-9a-f]{16}(\.|\Z)", safe):
        assert original_name(safe) == name


@given(NASTY, NASTY)
def test_two_names_never_become_one(one: str, other: str) -> None:
    if one != other:
        assert safe_name(one) != safe_name(other)
    if upcase(one) != upcase(other) and max(len(one), len(other)) < 60:
        assert upcase(safe_name(one)) != upcase(safe_name(other))


@given(NASTY, NASTY)
def test_the_name_of_a_twin_is_no_plain_name(one: str, other: str) -> None:
    twin = twin_name(safe_name(one), b"identity")
    assert twin != safe_name(other)
    assert len(twin.encode()) <= LONGEST
