from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractor.model import WinPath, upcase
from extractor.rules.patterns import (
    LONGEST,
    Glob,
    PatternError,
    ending,
    escape,
    expand,
    node_part,
    node_text,
    parse_location,
)


def takes(pattern: str, path: str, *, directory: bool = False) -> bool:
    """Tell whether a pattern takes the object at a path."""
    location = parse_location(pattern)
    where = WinPath.parse(path)
    if directory:
        return location.takes_nodes and location.node.matches(node_text(where))
    return location.node.matches(node_text(where.parent)) and location.takes_leaf(
        upcase(where.name)
    )


FILES = [
    # The forms of the table "Locations and patterns": pattern, a path, taken?
    (r"C:\Dir [f.txt]", r"C:\Dir\f.txt", True),
    (r"C:\Dir\ [f.txt]", r"C:\Dir\f.txt", True),
    (r"C:\Dir\ [f.txt]", r"C:\Dir\g.txt", False),
    (r"C:\Dir\ [f.txt]", r"C:\Dir\sub\f.txt", False),
    (r"C:\Dir[f.txt]", r"c:\dir\F.TXT", True),
    (r"C:\Dir\ [*]", r"C:\Dir\a", True),
    (r"C:\Dir\ [*]", r"C:\Dir\sub\a", False),
    (r"C:\Dir\* [*]", r"C:\Dir\a", True),
    (r"C:\Dir\* [*]", r"C:\Dir\sub\deep\a", True),
    (r"C:\Dir\* [*]", r"C:\Directory\a", False),
    (r"C:\Dir\* [*.doc]", r"C:\Dir\a.doc", True),
    (r"C:\Dir\* [*.doc]", r"C:\Dir\sub\a.DOC", True),
    (r"C:\Dir\* [*.doc]", r"C:\Dir\a.docx", False),
    (r"C:\Dir", r"C:\Dir\a", False),
    (r"C:\Dir\*", r"C:\Dir\a", False),
    (r"C:\*\Pics\* [*]", r"C:\a\Pics\p.jpg", True),
    (r"C:\*\Pics\* [*]", r"C:\a\b\Pics\c\p.jpg", True),
    (r"C:\*\Pics\* [*]", r"C:\Pics\p.jpg", False),
    (r"C:\Foo* [x]", r"C:\Foo\x", True),
    (r"C:\Foo* [x]", r"C:\Foobar\deep\x", True),
    (r"C:\Foo* [x]", r"C:\Fo\x", False),
    (r"* [*.iso]", r"D:\any\where\disc.iso", True),
    (r"*[*.library-ms]", r"C:\Users\bob\Docs.library-ms", True),
    (r"c:* [*.doc]", r"C:\a.doc", True),
    (r"c:* [*.doc]", r"C:\x\y\a.doc", True),
    (r"c:* [*.doc]", r"D:\a.doc", False),
    (r"C:*\Requests\* [*]", r"C:\Requests\a", True),
    (r"C:*\Requests\* [*]", r"C:\x\Requests\y\a", True),
    (r"C:\ [*]", r"C:\a", True),
    (r"C: [*]", r"C:\a", True),
    (r"C:\ [*]", r"C:\x\a", False),
    (r"C:\\Dir\\sub [a]", r"C:\Dir\sub\a", True),
    (r"  C:\Dir [a]  ", r"C:\Dir\a", True),
    (r"C:\A\*\B [v]", r"C:\A\x\y\B\v", True),
    (r"C:\A\*\B [v]", r"C:\A\B\v", False),
    (r"C:\D [file^].txt]", r"C:\D\file].txt", True),
    (r"C:\D^[1^]\* [*]", r"C:\D[1]\x", True),
    (r"C:\D [a^*]", r"C:\D\abc", False),
    (r"C:\D [a?c]", r"C:\D\abc", False),
    (r"C:\D [~$*]", r"C:\D\~$x.doc", True),
    (r"C:\$Recycle.Bin\* [*]", r"C:\$Recycle.Bin\S-1\a", True),
    (r"C:\D [*.tar.gz]", r"C:\D\a.tar.gz", True),
    (r"C:\D [ab*ba]", r"C:\D\aba", False),
    (r"C:\D []", r"C:\D\x", False),
    (r"C:\Straße\* [*]", r"C:\STRAßE\x", True),
    (r"C:\Straße\* [*]", r"C:\STRASSE\x", False),
]

NODES = [
    (r"C:\Dir\* [*]", r"C:\Dir", True),
    (r"C:\Dir\* [*]", r"C:\Dir\sub", True),
    (r"C:\Dir\* [*]", r"C:", False),
    (r"C:\* [*]", r"C:", True),
    (r"C:\Dir\ [*]", r"C:\Dir", False),
    (r"C:\Dir\ [*]", r"C:\Dir\sub", False),
    (r"C:\Dir\* [*.doc]", r"C:\Dir\sub", False),
    (r"C:\Dir [f.txt]", r"C:\Dir\f.txt", False),
    (r"C:\Dir", r"C:\Dir", True),
    (r"C:\Dir\ ", r"C:\Dir", True),
    (r"C:\Dir", r"C:\Dir\sub", False),
    (r"C:\Dir\*", r"C:\Dir\sub\deep", True),
    (r"C:\*\Pics\* [*]", r"C:\a\Pics", True),
    (r"C:\Foo* [*]", r"C:\Foobar", True),
]


@pytest.mark.parametrize(("pattern", "path", "expected"), FILES)
def test_a_file_is_taken_by_the_documented_forms(pattern: str, path: str, expected: bool) -> None:
    assert takes(pattern, path) is expected


@pytest.mark.parametrize(("pattern", "path", "expected"), NODES)
def test_a_directory_is_an_object_of_the_tree_and_node_forms_only(
    pattern: str, path: str, expected: bool
) -> None:
    assert takes(pattern, path, directory=True) is expected


@pytest.mark.parametrize(
    ("pattern", "key", "value", "expected"),
    [
        (r"HKCU\Key\* [*]", r"HKCU\Key\sub", "v", True),
        (r"HKCU\Key [*]", r"HKCU\Key", "v", True),
        (r"HKCU\Key\ [*]", r"HKCU\Key\sub", "v", False),
        (r"HKCU\Key []", r"HKCU\Key", "", True),
        (r"HKCU\Key []", r"HKCU\Key", "v", False),
        (r"HKCU\A\*\B [v]", r"HKCU\A\x\y\B", "v", True),
        (r"HKLM\K\* [name*]", r"HKLM\K\deep", "Name of it", True),
    ],
)
def test_registry_patterns_are_the_same_language(
    pattern: str, key: str, value: str, expected: bool
) -> None:
    location = parse_location(pattern)
    node = upcase(key) + "\\"
    assert (location.node.matches(node) and location.takes_leaf(upcase(value))) is expected


@pytest.mark.parametrize(
    "text",
    ["", "   ", "[x]", r"\ [x]", r"C:\D [x", r"C:\D x]", r"C:\D [x] y", r"C:\D [a[b]", "C:\\D\0"],
)
def test_what_is_no_pattern_is_refused(text: str) -> None:
    with pytest.raises(PatternError):
        parse_location(text)


def test_names_with_lone_surrogates_match() -> None:
    assert takes("C:\\D\\* [*.t\ud800]", "C:\\D\\x\udfff\\a.t\ud800")


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


def test_a_bomb_of_stars_is_linear() -> None:
    stars = parse_location(rf"C:\{'*' * 15_000} [{'*a' * 8_000}]")
    assert stars.node.pieces == ("C:\\", "")
    begin = time.perf_counter()
    assert not stars.takes_leaf("A" * 7_999 + "B" * 20_000)
    assert stars.takes_leaf("A" * 16_000)
    assert time.perf_counter() - begin < 1


RANKED = [
    # Each pattern is narrower than the next one ("Conflicts and precedence").
    (r"C:\Dir1\* [*]", r"C:\* [*.txt]"),
    (r"C:\Dir1\Dir2\* [*]", r"C:\Dir1\* [exact.txt]"),
    (r"C:\E\ [*]", r"C:\E\* [*]"),
    (r"C:\E\ [*]", r"C:\E\* [exact]"),
    (r"C:\E\* [*.txt]", r"C:\E\* [*]"),
    (r"C:\E\* [exact]", r"C:\E\* [*.longer-than-exact]"),
    (r"C:\*\Pics\* [*]", r"C:\* [*]"),
    (r"C:\Dir\* [*]", r"C:\Di* [*]"),
    (r"C:\a [*]", r"* [*.iso]"),
]


@pytest.mark.parametrize(("narrow", "wide"), RANKED)
def test_the_narrower_pattern_ranks_higher(narrow: str, wide: str) -> None:
    assert parse_location(narrow).specificity > parse_location(wide).specificity


def test_letter_case_does_not_change_the_rank() -> None:
    assert parse_location(r"c:\dir [*.TXT]") == parse_location(r"C:\DIR [*.txt]")
