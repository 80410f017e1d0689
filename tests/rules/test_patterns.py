from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractor.model import WinPath, upcase
from extractor.rules.patterns import (
    LONGEST,
    Glob,
    PatternError,
    check_location,
    ending,
    escape,
    expand,
    node_part,
    node_text,
    parse_location,
)
from tests.select.forms import FORMS
from tests.select.machine import thing


def takes(pattern: str, text: str) -> bool:
    """Tell whether a pattern takes an object, written as in ``forms``."""
    location, wanted = parse_location(pattern), thing(text)
    if not location.node.matches(upcase(wanted.node) + "\\"):
        return False
    return location.takes_nodes if wanted.leaf is None else location.takes_leaf(upcase(wanted.leaf))


@pytest.mark.parametrize(("pattern", "text", "expected"), FORMS)
def test_3_6_a_pattern_takes_what_its_form_says(pattern: str, text: str, expected: bool) -> None:
    assert takes(pattern, text) is expected


TREES = [
    (r"C:\Dir\* [*]", True, True),
    (r"C:\*\Pics\* [*]", True, True),
    (r"C:\Foo* [*]", True, True),
    (r"* [*]", True, True),
    (r"C:\Dir\*", True, False),
    (r"C:\Dir", True, False),
    (r"C:\Dir\ [*]", False, False),
    (r"C:\Dir\* [*.*]", False, False),
    (r"C:\Dir\*\x [*]", False, False),
]


@pytest.mark.parametrize(("pattern", "nodes", "trees"), TREES)
def test_3_6_a_folder_is_an_object_of_the_tree_and_node_forms_only(
    pattern: str, nodes: bool, trees: bool
) -> None:
    location = parse_location(pattern)
    assert (location.takes_nodes, location.takes_trees) == (nodes, trees)


@pytest.mark.parametrize(
    "text",
    ["", "   ", "[x]", r"\ [x]", r"C:\D [x", r"C:\D x]", r"C:\D [x] y", r"C:\D [a[b]", "C:\\D\0"],
)
def test_what_is_no_pattern_is_refused(text: str) -> None:
    with pytest.raises(PatternError):
        parse_location(text)


@given(st.text(r"C\ []^*$x" + "\0\n", max_size=12))
def test_a_text_is_refused_by_the_quick_check_as_by_the_parser(text: str) -> None:
    def refused(read: Callable[[str], object]) -> str:
        try:
            read(text)
        except PatternError as error:
            return str(error)
        return ""

    assert refused(check_location) == refused(parse_location)


def test_names_with_lone_surrogates_match() -> None:
    assert takes("C:\\D\\* [*.t\ud800]", "C:\\D\\x\udfff [a.t\ud800]")


def test_a_backslash_inside_a_posix_name_is_no_separator() -> None:
    location = parse_location(r"C:\Users\bob\* [*]")
    assert not location.node.matches("C:\\" + node_part(r"Users\bob"))


def test_variables_are_expanded_whatever_their_case() -> None:
    assert expand(r"%Csidl_X%\* [*]", {"CSIDL_X": r"C:\x"}) == r"C:\x\* [*]"


def test_an_unknown_variable_makes_the_pattern_unusable() -> None:
    with pytest.raises(PatternError, match="%NOPE% is not defined"):
        expand(r"%NOPE%\* [*]", {})


def test_a_percent_that_closes_no_name_is_a_percent() -> None:
    assert expand(r"C:\50% off\100%\x [*]", {}) == r"C:\50% off\100%\x [*]"


def test_a_pattern_longer_than_any_path_is_refused() -> None:
    with pytest.raises(PatternError, match="longer than"):
        parse_location("C:\\" + "x" * LONGEST)


def test_variables_that_double_each_other_end() -> None:
    with pytest.raises(PatternError, match="longer than"):
        expand("%A%%A%", {"A": "x" * LONGEST})


@given(st.text(min_size=1).filter(lambda name: "\0" not in name and "\\" not in name))
def test_an_escaped_path_matches_itself_and_nothing_else(name: str) -> None:
    text = expand(r"%P% [f]", {"P": escape(f"C:\\a{name}z")})
    location = parse_location(text)
    assert location.node.exact
    assert location.node.matches(node_text(WinPath("C:", (f"a{name}z",))))


@given(
    st.lists(st.text("AB\\", max_size=3), min_size=1, max_size=5),
    st.text("AB\\", max_size=12),
)
def test_a_glob_agrees_with_a_regular_expression(pieces: list[str], text: str) -> None:
    glob = Glob(tuple(pieces))
    expression = ".*".join(map(re.escape, pieces))
    assert glob.matches(text) is bool(re.fullmatch(expression, text, re.DOTALL))


@given(
    st.lists(st.text("AB", max_size=2), min_size=1, max_size=4),
    st.text("AB", max_size=8),
    st.integers(0, 8),
)
def test_a_glob_that_matches_was_reachable_from_every_beginning(
    pieces: list[str], text: str, cut: int
) -> None:
    glob = Glob(tuple(pieces))
    if glob.matches(text):
        assert glob.reaches_below(text[:cut])


@given(st.lists(st.text("A.", max_size=2), min_size=1, max_size=3), st.text("A.", max_size=6))
def test_every_match_of_a_glob_has_its_ending(pieces: list[str], text: str) -> None:
    glob = Glob(tuple(pieces))
    if glob.matches(text) and glob.ending is not None:
        assert ending(text) == glob.ending


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.txt", "txt"),
        ("a.tar.gz", "gz"),
        (".profile", "profile"),
        ("a.", ""),
        ("a", None),
        ("", None),
    ],
)
def test_an_extension_is_what_follows_the_last_dot(name: str, expected: str | None) -> None:
    assert ending(name) == expected
    assert Glob(("", f"x{name}")).ending == ending(f"x{name}")


def test_a_bomb_of_stars_is_linear() -> None:
    stars = parse_location(rf"C:\{'*' * 15_000} [{'*a' * 8_000}]")
    assert stars.node.pieces == ("C:\\", "")
    begin = time.perf_counter()
    assert not stars.takes_leaf("A" * 7_999 + "B" * 20_000)
    assert stars.takes_leaf("A" * 16_000)
    assert time.perf_counter() - begin < 1


RANKED = [
    # usmt.md 4.2: the first pattern is narrower than the second.
    # 1 a longer literal beginning of the node, whatever the leaf
    (r"C:\Dir1\* [*]", r"C:\* [*.txt]"),
    (r"C:\Dir1\Dir2\* [*]", r"C:\Dir1\* [exact.txt]"),
    (r"C:\Dir\* [*]", r"C:\Di* [*]"),
    (r"C:\a [*]", r"* [*.iso]"),
    (r"C:\Dir\* [*]", r"C:\*\a\very\long\way\* [exact.txt]"),
    # 2 the same beginning: not recursive; then more literal text after wildcards
    (r"C:\E\ [*]", r"C:\E\* [*]"),
    (r"C:\E\ [*]", r"C:\E\* [exact]"),
    (r"C:\*\Pics [*]", r"C:\*\Pics\* [*]"),
    (r"C:\*\Pics [*]", r"C:\*\a\longer\way\* [*]"),
    (r"C:\*\Pics\* [*]", r"C:\* [*]"),
    (r"C:\*\Pics\* [*]", r"C:\*\P*s\* [exact]"),
    # 3 the same node: an exact leaf, then more literal characters
    (r"C:\E\* [*.txt]", r"C:\E\* [*]"),
    (r"C:\E\* [*.txt]", r"C:\E\* [*.t*]"),
    (r"C:\E\* [exact]", r"C:\E\* [*.longer-than-exact]"),
    (r"C:\E\* []", r"C:\E\* [*a]"),
    (r"HKLM\K [DefaultColor]", r"HKLM\K\* [*]"),
    (r"C:\a.ini|Mail[MAPI]", r"C:\a.ini|Mail[*]"),
    (r"C:\a.ini|Mail[*]", r"C:\a.ini|*[MAPI]"),
]
EQUAL = [
    # 4 otherwise equal, whatever their letter case; and so are patterns that differ in nothing that counts
    (r"c:\dir [*.TXT]", r"C:\DIR [*.txt]"),
    (r"C:\Dir\ [a]", r"C:\Dir [a]"),
    (r"C:\Dir\** [*]", r"C:\Dir\* [**]"),
    (r"C:\A\* [*.txt]", r"C:\B\* [*.doc]"),
]


@pytest.mark.parametrize(("narrow", "wide"), RANKED)
def test_4_2_the_narrower_pattern_ranks_higher(narrow: str, wide: str) -> None:
    assert parse_location(narrow).specificity > parse_location(wide).specificity


@pytest.mark.parametrize(("one", "other"), EQUAL)
def test_4_2_other_patterns_are_equal(one: str, other: str) -> None:
    assert parse_location(one).specificity == parse_location(other).specificity
