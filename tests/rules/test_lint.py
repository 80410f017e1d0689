"""One row per warning of lint: a rule file with one mistake, the line and the words that tell of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from extractor.cli.lint import BUILT_IN
from extractor.model import WinPath
from extractor.registry import Registry
from extractor.rules.lint import Linted, lint_files
from extractor.windows.names import MACHINE_NAMES, USER_NAMES
from extractor.windows.variables import base_variables, machine_variables, profile_variables

RULES = """<?xml version="1.0" encoding="UTF-8"?>
<migration urlid="http://example.org/lint">
<component type="Documents" context="{context}"><displayName>One</displayName>
<environment><variable name="Own"><text>HKLM\\Software</text></variable></environment>
<role role="Data"><rules>
{rules}
</rules></role></component>
</migration>"""
FIRST = 6
"""The line on which the rules begin."""


def include(pattern: str, kind: str = "File") -> str:
    return f'<include><objectSet><pattern type="{kind}">{pattern}</pattern></objectSet></include>'


def exclude(pattern: str, kind: str = "File") -> str:
    return include(pattern, kind).replace("include>", "exclude>")


def when(call: str) -> str:
    return f"<conditions><condition>MigXmlHelper.{call}</condition></conditions>{FINE}"


def made(call: str) -> str:
    return f"<include><objectSet><script>MigXmlHelper.{call}</script></objectSet></include>"


FINE = include(r"%CSIDL_PERSONAL%\* [*]")


COPY = (
    '<component type="Documents"><displayName>One</displayName><role role="Data"><rules>'
    f"{FINE}</rules></role></component>"
)


def linted(tmp_path: Path, text: str) -> Linted:
    path = tmp_path / "rules.xml"
    path.write_text(text, "utf-8")
    return next(lint_files([path], BUILT_IN))


def said(tmp_path: Path, text: str) -> list[tuple[int, str]]:
    found = linted(tmp_path, text)
    assert not found.refused
    return [(each.line, each.message) for each in found.remarks]


def in_rules(rules: str, context: str = "User") -> str:
    return RULES.format(rules=rules, context=context)


PATTERNS = [
    (r"CSIDL_APPDATA\X\* [*]", "File", r"begins with no drive, .*is %CSIDL_APPDATA% meant\?"),
    (r"Own%\X\* [*]", "Registry", r"Own% is no root of the registry: is %Own% meant\?"),
    (r"%CSIDL_PPROFILE%\* [*]", "File", r"%CSIDL_PPROFILE% is a variable of no table .*%CSIDL_PROFILE%"),
    (r"%Nowhere%\* [*]", "File", "%Nowhere% is a variable of no table"),
    (r"Users\* [*]", "File", "begins with no drive"),
    (r"\Users\* [*]", "File", "begins with no drive"),
    (r"C:Users\* [*]", "File", "begins with no drive"),
    (r"\\server\share\* [*]", "File", "lies on a server"),
    (r"HKCU\Software\* [*]", "File", r'is type="Registry" meant\?'),
    (r"C:\Users\* [*]", "Registry", r'C: is no root of the registry: is type="File" meant\?'),
    (r"HKCC\Software\* [*]", "Registry", "HKCC is no root of the registry"),
    (r"HK_USERS\Software\* [*]", "Registry", "HK_USERS is no root of the registry"),
    (r"%CSIDL_APPDATA%\* [*]", "Registry", "%CSIDL_APPDATA% is no key"),
    (r"C:\Data\* [*.do?]", "File", r"no file name holds \?: it is no wildcard"),
    (r"C:/Data\* [*]", "File", r"no file name holds /: write"),
    (r"C:\Data [a&lt;b]", "File", "no file name holds <"),
    (r"C:\Data [sub\a.txt]", "File", "what stands in brackets is one name"),
    (r"C:\Data\100% [*]", "File", "a % has no partner"),
    (r"C:\Data [a.txt", "File", "not used.*ends with one"),
    (r"C:\Data a.txt]", "File", "not used"),
    ("C:\\Data\n\\More [*]", "File", "(?i)(one|several) lines?"),
    (r"C:\Windows\win.ini[Key]", "Ini", r"(?i)ini.*\|"),
]  # fmt: skip


@pytest.mark.parametrize(("pattern", "kind", "words"), PATTERNS, ids=lambda each: each[:24])
def test_a_pattern_that_cannot_match_is_told(
    tmp_path: Path, pattern: str, kind: str, words: str
) -> None:
    found = said(tmp_path, in_rules(FINE + "\n" + include(pattern, kind)))
    assert {line for line, _ in found} == {FIRST + 1}
    assert any(re.search(words, message) for _, message in found), found


RULE_ROWS = [
    (exclude(r"C:\Data\* [*]"), 3, "excludes without an include"),
    (f"{FINE}\n{FINE}", 7, "the same include stands at .*rules.xml:6 already"),
    (f"{FINE}\n{FINE.replace('include>', 'exclude>')}", 6, "the exclude at .*:7 is its equal and wins"),
    (f"<include></include>\n{FINE}", 6, "<include> names no objects"),
    (when('DoesObjectExist("File","%Nope%\\a.exe")'), 6, "%Nope% is a variable of no table"),
    (when('DoesObjectExist("Registry","HKLM\\Software\\X [a")'), 6, "is not used"),
    (when('DoesObjectExist("Folder","C:\\X")'), 6, "type 'Folder' is none of File, Registry, Ini"),
    (when('IsSameObject("File","C:\\X","Y\\Z")'), 6, "begins with no drive"),
    (when('NoSuchFunction("a")'), 6, "NoSuchFunction"),
    (when('DoesObjectExist("File")'), 6, "(?i)argument"),
    (made('GenerateDrivePatterns("%WINDIR%\\* [*]","Fixed")'), 6, "takes no variables"),
    (f'<rules context="System">\n{FINE}</rules>', 6, "lies outside the one around it"),
    (f'<detection name="Nobody"/>{FINE}', 6, "no detection 'Nobody' is defined"),
]  # fmt: skip


@pytest.mark.parametrize(("rules", "line", "words"), RULE_ROWS, ids=lambda each: str(each)[:40])
def test_a_rule_that_changes_nothing_is_told(
    tmp_path: Path, rules: str, line: int, words: str
) -> None:
    found = said(tmp_path, in_rules(rules))
    assert any(at == line and re.search(words, message) for at, message in found), found


FILE_ROWS = [
    (in_rules(FINE).replace("<displayName>One</displayName>", ""), 3, "no displayName"),
    (in_rules(FINE).replace('<role role="Data">', '<x>').replace("</role>", "</x>"), 3, "no <role>"),
    (in_rules("").replace("<rules>", "").replace("</rules>", ""), 5, "the role has no <rules>"),
    (in_rules(FINE).replace("</component>", "</component>\n" + COPY), 8, "rules.xml:3 has a component 'One' too"),
    (in_rules(include(r"%CSIDL_PERSONAL%\* [*]"), "System"), 6, "has a value for users only.* System context"),
    (in_rules(include(r"HKCU\Software\* [*]", "Registry"), "System"), 6, "HKCU is nobody's"),
    (in_rules(FINE).replace("<text>HKLM", "<text>%Later%"), 4, "%Later% is a variable of no table"),
    (in_rules(FINE).replace("<environment>", '<environment context="System">'), 4, "never counts"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line", "words"), FILE_ROWS, ids=lambda each: str(each)[-40:])
def test_an_element_that_is_not_whole_is_told(
    tmp_path: Path, text: str, line: int, words: str
) -> None:
    found = said(tmp_path, text)
    assert any(at == line and re.search(words, message) for at, message in found), found


def test_no_mistake_is_told_twice(tmp_path: Path) -> None:
    found = said(tmp_path, in_rules(FINE).replace("</component>", "</component>\n" + COPY))
    assert [line for line, _ in found] == [8]


def test_rules_without_a_mistake_say_nothing(tmp_path: Path) -> None:
    fine = (
        FINE
        + include(r"%Own%\Acme\* [*]", "Registry")
        + include("* [*.iso]")
        + exclude(r"c:\* [~$*]")
    )
    fine += include(r"%CSIDL_APPDATA%\a.ini|Section[*]", "Ini") + include(
        "HKCU\\MIME\\text/html [?]", "Registry"
    )
    assert said(tmp_path, in_rules(fine)) == []


def test_what_a_variable_of_one_context_means_elsewhere_is_no_mistake(tmp_path: Path) -> None:
    assert (
        said(tmp_path, in_rules(FINE + include(r"HKCU\X\* [*]", "Registry"), "UserAndSystem")) == []
    )


def test_patterns_for_every_user_may_name_a_user_in_system_context(tmp_path: Path) -> None:
    call = r'MigXmlHelper.GenerateUserPatterns("File","%CSIDL_PERSONAL%\* [*]","TRUE")'
    rule = f"<include><objectSet><script>{call}</script></objectSet></include>"
    assert said(tmp_path, in_rules(rule, "System")) == []


def test_a_guarded_exclude_does_not_beat_its_equal_always(tmp_path: Path) -> None:
    guarded = exclude(r"%CSIDL_PERSONAL%\* [*]").replace(
        "<exclude>", "<exclude filter='MigXmlHelper.AnswerNo()'>"
    )
    assert said(tmp_path, in_rules(FINE + guarded)) == []


def test_a_config_xml_given_as_rules_is_named(tmp_path: Path) -> None:
    found = linted(tmp_path, "<Configuration>\n<Applications/>\n</Configuration>")
    assert re.search(r"rules.xml:1: this is a Config.xml", found.refused)


def test_malformed_xml_gives_its_line(tmp_path: Path) -> None:
    assert re.search(
        r"rules.xml:3:", linted(tmp_path, "<migration>\n<component>\n</migration>").refused
    )


def test_a_urlid_that_another_file_has_is_told_of_the_second(tmp_path: Path) -> None:
    paths = [tmp_path / "one.xml", tmp_path / "two.xml"]
    for path in paths:
        path.write_text(in_rules(FINE), "utf-8")
    one, two = lint_files(paths, BUILT_IN)
    assert one.remarks == ()
    assert [(each.line, each.message) for each in two.remarks] == [
        (1, f"{paths[0]} has the same urlid: given together, this file is not read")
    ]


def test_the_names_known_to_lint_are_those_that_a_machine_defines() -> None:
    registry = Registry({})
    root = WinPath("C:", ("Windows",))
    for version in ("10.0", "6.1", "5.1"):
        machine = machine_variables(registry, base_variables(root), version)
        profile = profile_variables(registry, machine, root / "ann", "S-1-5-21-1", version)
        assert set(machine) <= MACHINE_NAMES
        assert set(profile) - set(machine) <= USER_NAMES
