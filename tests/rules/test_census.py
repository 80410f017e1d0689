"""What our parser understood of rule files, against counts by xmllint, which knows nothing of rules (bench.census)."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bench.census import Count, census, differences, main
from extractor import rules
from extractor.rules.elements import ATTRIBUTES
from extractor.rules.functions import FUNCTIONS
from tests.conftest import need_tool
from tests.rules.corpus_machine import FILES

SHIPPED = sorted(Path(rules.__file__).parent.glob("*/*.xml"))
RULES = (
    '<migration urlid="u"><component type="System"><displayName>c</displayName><role role="Data"><rules>'
    "{}</rules></role></component></migration>"
)


@pytest.fixture(autouse=True)
def _xmllint() -> None:
    need_tool("xmllint")


@pytest.mark.parametrize(
    "path", [*FILES, *SHIPPED], ids=lambda path: f"{path.parent.name}-{path.stem}"
)
def test_all_that_xmllint_counts_in_a_file_was_understood(path: Path) -> None:
    counts = census(path)
    assert differences(counts) == []
    assert Count("migration", 1, 1) in counts


def test_the_corpus_is_counted_whole() -> None:
    """A count that finds nothing would agree with everything."""
    found = {each.word for path in FILES for each in census(path) if each.xmllint}
    pairs = {f"@{tag}@{name}" for tag, names in ATTRIBUTES.items() for name in names}
    assert found == {*ATTRIBUTES, *pairs, *(f"{each.name}()" for each in FUNCTIONS.values())}


STRAY = {
    "an element where it means nothing": ("<pattern>a</pattern>", Count("pattern", 1, 0)),
    "what lies in an unknown element": ("<madeUp><condition/></madeUp>", Count("condition", 1, 0)),
    "an attribute of an element that is left aside": (
        "<madeUp><condition negation='Yes'/></madeUp>",
        Count("@condition@negation", 1, 0),
    ),
    "a call that cannot be read": (
        "<include filter=\"MigXmlHelper.AnswerNo(\"><objectSet/></include>",
        Count("AnswerNo()", 1, 0),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("body", "difference"), STRAY.values(), ids=STRAY.keys())
def test_what_was_not_understood_is_a_difference(
    tmp_path: Path, body: str, difference: Count
) -> None:
    path = tmp_path / "a.xml"
    path.write_text(RULES.format(body), "utf-8")
    assert difference in differences(census(path))


SAME = {
    "letter case": ("<Include FILTER='migxmlhelper.answerno()'><objectset/></Include>", "AnswerNo()"),
    "blanks": ("<include filter=' MigXmlHelper . AnswerNo ( )'><objectSet/></include>", "AnswerNo()"),
    "names that end alike": (
        "<locationModify script='MigXmlHelper.ExactMove(\"a\")'/><locationModify script='MigXmlHelper.Move(\"a\")'/>",
        "Move()",
    ),
    "a name in an argument": (
        "<conditions><condition>MigXmlHelper.DoesOSMatch('NT','Move(')</condition></conditions>", "DoesOSMatch()",
    ),
    "a comment in a call": (
        "<conditions><condition>MigXmlHelper.<!-- -->IsUpgrade()</condition></conditions>", "IsUpgrade()",
    ),
    "quotes as entities": (
        '<include filter="MigXmlHelper.CompareStringContent(&quot;a&quot;)"/>', "CompareStringContent()",
    ),
    "the children of a reference by name, which are ignored": (
        "<conditions name='a'><condition negation='1'>MigXmlHelper.IsUpgrade()</condition><madeUp/></conditions>",
        "IsUpgrade()",
    ),
    "filters in what is left aside": (
        "<rules name='a'><include filter='MigXmlHelper.AnswerNo()'/></rules>", "AnswerNo()",
    ),
    "scripts in what is left aside": (
        "<rules name='a'><addObjects><script>MigXmlHelper.GenerateDocPatterns()</script></addObjects></rules>",
        "GenerateDocPatterns()",
    ),
    "what is no call in what is left aside": (
        "<rules name='a'><include filter='x'/><merge script=''/></rules>", "@merge@script",
    ),
    "no text at all in what is left aside": (
        "<rules name='a'><conditions><condition><!-- --></condition></conditions></rules>", "condition",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("body", "word"), SAME.values(), ids=SAME.keys())
def test_the_two_counts_agree_however_a_thing_is_written(
    tmp_path: Path, body: str, word: str
) -> None:
    path = tmp_path / "a.xml"
    path.write_text(RULES.format(body), "utf-8")
    counts = census(path)
    assert differences(counts) == []
    assert Count(word, 1, 1) in counts


def run(monkeypatch: pytest.MonkeyPatch, *paths: Path) -> int:
    monkeypatch.setattr(sys, "argv", ["bench.census", *map(str, paths)])
    return main()


def test_the_command_prints_a_table_and_ends_with_0_where_nothing_differs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, FILES[0], FILES[1]) == 0
    said = capsys.readouterr().out
    assert str(FILES[1]) in said
    assert [each.split() for each in said.splitlines() if each.startswith("migration")] == [
        ["migration", "1", "1"]
    ] * 2
    assert said.endswith("0 differences\n")


def test_the_command_marks_what_differs_and_ends_with_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.xml"
    path.write_text(RULES.format("<pattern>a</pattern>"), "utf-8")
    assert run(monkeypatch, path) == 1
    said = capsys.readouterr().out
    assert ["pattern", "1", "0", "differs"] in map(str.split, said.splitlines())
    assert said.endswith("1 differences\n")


@pytest.mark.parametrize("text", ["<migration>", "<offline/>"])
def test_the_command_ends_with_1_for_what_is_no_rule_file(
    tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.xml"
    path.write_text(text, "utf-8")
    assert run(monkeypatch, path) == 1
    assert capsys.readouterr().err.startswith(f"{path} cannot be counted: ")
