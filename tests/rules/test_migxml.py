from __future__ import annotations

from pathlib import Path

import pytest

from extractor.errors import ConfigAsRulesError, RuleFileError
from extractor.rules import builtin_rules, load_rules
from extractor.rules.calls import CallError, parse_call
from extractor.rules.migxml import parse_migxml
from extractor.rules.model import Component, Context, Pattern, RuleSet, Script, Verb
from extractor.rules.patterns import PatternKind
from extractor.xmlfile import parse_xml

INCLUDE = r'<include{}><objectSet><pattern type="File">C:\A\* [*]</pattern></objectSet></include>'
EXCLUDE = r'<exclude{}><objectSet><pattern type="File">C:\A\* [*.t]</pattern></objectSet></exclude>'
NEVER = INCLUDE.replace("include", "unconditionalExclude")


def parsed(body: str) -> RuleSet:
    """Read the inside of a <migration>."""
    text = f'<migration urlid="u">{body}</migration>'
    return parse_migxml(parse_xml(text.encode(), name="f.xml"), "f.xml")[1]


def in_rules(body: str, before: str = "", roles: str = "") -> RuleSet:
    """Read the inside of one <rules>, with what stands before it in its role, and more roles."""
    role = f'<role role="Data">{before}<rules>{body}</rules></role>'
    return parsed(f"<component><displayName>c</displayName>{role}{roles}</component>")


def verbs(rules: RuleSet) -> list[str]:
    """Return the verbs of all rules, in order."""
    every = [part for component in rules.components for part in component.tree()]
    return [
        rule.verb.value
        for part in every
        for role in part.roles
        for each in role.rules
        for rule in each.rules
    ]


def only(rules: RuleSet) -> Component:
    (component,) = rules.components
    return component


def test_a_component_keeps_what_the_file_says_with_its_lines() -> None:
    rules = parsed(
        '\n<component type="Documents" context="User">\n<displayName>My files</displayName>\n<role role="Data">'
        '\n<rules context="UserAndSystem">\n<include>\n<objectSet>\n<pattern type="File"> %X%\\* [*] </pattern>'
        "\n</objectSet></include></rules></role></component>"
    )
    component = only(rules)
    (role,) = component.roles
    (found,) = role.rules
    (rule,) = found.rules
    assert (component.name, component.kind, component.source) == (
        "My files",
        "Documents",
        "f.xml:2",
    )
    assert (role.kind, role.source, found.context) == ("Data", "f.xml:4", Context.USER)
    assert rule.verb is Verb.INCLUDE
    assert rule.sets[0].items == (Pattern(PatternKind.FILE, r"%X%\* [*]", "f.xml:8"),)
    assert rules.warnings == ()


def test_contexts_and_types_are_read_in_any_letter_case() -> None:
    rules = parsed(
        '<component context="USER"><displayName>c</displayName><role role="data"><rules context="user">'
        "<include><objectSet><pattern type='file'>C:\\a [b]</pattern></objectSet></include></rules></role></component>"
    )
    assert only(rules).context is Context.USER
    assert rules.warnings == ()


def test_a_context_outside_the_components_never_applies_and_is_named() -> None:
    rules = parsed(
        '<component context="User"><role role="Data"><rules context="System"/></role></component>'
    )
    assert only(rules).roles[0].rules[0].context == Context(0)
    assert any("never applies" in warning for warning in rules.warnings)


def test_nested_rules_and_containers_are_read() -> None:
    environment = '<environment><variable name="V"><text>1</text></variable></environment>'
    nested = f"<rules>{INCLUDE.format('')}<rules>{EXCLUDE.format('')}</rules></rules>"
    inside = f'<displayName>b</displayName><role role="Data">{nested}</role>'
    rules = parsed(
        f'<component context="User"><displayName>a</displayName>{environment}'
        f'<role role="Container"><component>{inside}</component></role></component>'
    )
    outer, inner = only(rules).tree()
    assert (outer.name, inner.name, inner.context) == ("a", "b", Context.USER)
    assert [variable.name for variable in inner.roles[0].variables] == ["V"]
    assert verbs(rules) == ["include", "exclude"]


def test_tags_in_other_letter_case_are_taken_with_a_warning() -> None:
    rules = in_rules(EXCLUDE.format("").replace("exclude", "Exclude"))
    assert verbs(rules) == ["exclude"]
    assert rules.warnings == ("f.xml:1: <Exclude> is read as <exclude>",)


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        (INCLUDE.format(" filter=\"MigXmlHelper.FileProperties('filesize','gt','1MB')\""), 1),
        (EXCLUDE.format(" filter=\"MigXmlHelper.FileProperties('filesize','gt','1MB')\""), 0),
        (INCLUDE.format(' filter="no call"'), 1),
        (EXCLUDE.format(' filter="no call"'), 0),
        ("<conditions/>" + INCLUDE.format(""), 1),
        ("<conditions/>" + EXCLUDE.format(""), 0),
        (EXCLUDE.format("").replace("<objectSet>", "<objectSet><condition>x</condition>"), 0),
    ],
)
def test_what_cannot_be_judged_keeps_the_data_and_warns(body: str, kept: int) -> None:
    rules = in_rules(body)
    patterns = [
        item
        for each in only(rules).roles[0].rules
        for rule in each.rules
        for found in rule.sets
        for item in found.items
    ]
    assert len(patterns) == kept
    assert rules.warnings


@pytest.mark.parametrize(
    ("text", "kept"),
    [("IgnoreIrrelevantLinks()", 1), ("NeverRestore()", 1), ("AnswerNo()", 0)],
)
def test_filters_that_are_constant_while_scanning_need_no_warning(text: str, kept: int) -> None:
    rules = in_rules(INCLUDE.format(f' filter="MigXmlHelper.{text}"'))
    assert (len(verbs(rules)), rules.warnings) == (kept, ())


def test_an_undetected_component_is_processed_but_removes_nothing_from_others() -> None:
    rules = in_rules(INCLUDE.format("") + EXCLUDE.format("") + NEVER.format(""), "<detection/>")
    assert verbs(rules) == ["include", "exclude"]
    assert len(rules.warnings) == 2


def test_an_undetected_role_beside_another_removes_nothing_from_it() -> None:
    other = f'<role role="Settings"><rules>{INCLUDE.format("")}</rules></role>'
    rules = in_rules(INCLUDE.format("") + EXCLUDE.format(""), "<detects/>", other)
    assert verbs(rules) == ["include", "include"]


@pytest.mark.parametrize(
    "body",
    [
        "<addObjects/>",
        "<includeAttributes attributes='Security'/>",
        "<externalProcess when='pre-scan'/>",
        "<processing when='pre-scan'/>",
        "<windowsObjects/>",
        "<madeUp/>",
        "<include><pattern type='File'>C:\\a [b]</pattern></include>",
        "<include><objectSet><content filter='x'/></objectSet></include>",
        "<include><objectSet><script>MigXmlHelper.GenerateDocPatterns()</script></objectSet></include>",
        "<include><objectSet><script>rm -rf</script></objectSet></include>",
        "<include><objectSet><pattern type='Files'>C:\\a [b]</pattern></objectSet></include>",
        "<include><objectSet><pattern type='File'>C:\\a [b</pattern></objectSet></include>",
        "<include><objectSet><pattern type='File'>C:\\a\nC:\\b</pattern></objectSet></include>",
        "<include><objectSet><pattern type='File'/></objectSet></include>",
        "<rules name='elsewhere'/>",
    ],
)
def test_nothing_that_is_not_supported_is_silent(body: str) -> None:
    (warning,) = in_rules(body).warnings
    assert warning.startswith("f.xml:1: ")


@pytest.mark.parametrize(
    "body",
    [
        "<merge script='MigXmlHelper.DestinationPriority()'/>",
        "<locationModify script='x'/>",
        "<contentModify script='x'/>",
        "<destinationCleanup/>",
    ],
)
def test_what_acts_at_load_only_needs_no_warning(body: str) -> None:
    assert in_rules(body).warnings == ()


def test_an_extension_is_an_include_on_all_fixed_drives() -> None:
    rules = parsed(
        "<component><displayName>c</displayName><extensions><extension>doc</extension>"
        "<extension>*.xls</extension></extensions></component>"
    )
    scripts = [
        item
        for each in only(rules).roles[0].rules
        for rule in each.rules
        for found in rule.sets
        for item in found.items
    ]
    assert all(isinstance(script, Script) for script in scripts)
    assert [s.call.argument(0) for s in scripts if isinstance(s, Script)] == [
        "* [*.doc]",
        "* [*.xls]",
    ]


def test_elements_nested_without_end_are_refused() -> None:
    deep = "<rules>" * 100 + "</rules>" * 100
    with pytest.raises(RuleFileError, match="nested deeper"):
        in_rules(deep)


@pytest.mark.parametrize(
    ("text", "function", "arguments"),
    [
        ("MigXmlHelper.AnswerNo()", "AnswerNo", ()),
        (" migxmlhelper . F ( 'a' , \"b's\" ) ", "F", ("a", "b's")),
        ("M.F('a',NULL,'NULL',7)", "F", ("a", None, None, "7")),
        ("M.F('\"','\\')", "F", ('"', "\\")),
        ("M.F('a,b)','')", "F", ("a,b)", "")),
    ],
)
def test_a_helper_call_is_read(text: str, function: str, arguments: tuple[str | None, ...]) -> None:
    call = parse_call(text)
    assert (call.function, call.arguments) == (function, arguments)


@pytest.mark.parametrize("text", ["", "F('a')", "M.F('a", "M.F('a' 'b')", "M.F(a b)", "M.F() x"])
def test_what_is_no_helper_call_is_refused(text: str) -> None:
    with pytest.raises(CallError):
        parse_call(text)


# --- files ----------------------------------------------------------------------------------------


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def own(rules: RuleSet) -> list[str]:
    """Return the components that do not always hold."""
    return [each.name for each in rules.components if not each.source.startswith("builtin/")]


def test_a_second_file_with_the_same_urlid_is_not_processed(tmp_path: Path) -> None:
    body = '<migration urlid="{}"><component><displayName>{}</displayName></component></migration>'
    first = write(tmp_path / "a.xml", body.format("http://x/Y", "first"))
    second = write(tmp_path / "b.xml", body.format(" HTTP://X/y", "second"))
    rules = load_rules([first, second, first])
    assert own(rules) == ["first"]
    assert [warning.split(": ")[0] for warning in rules.warnings] == [f"{second}:1", f"{first}:1"]


def test_files_without_urlid_are_all_processed(tmp_path: Path) -> None:
    body = "<migration><component><displayName>{}</displayName></component></migration>"
    files = [write(tmp_path / f"{name}.xml", body.format(name)) for name in "ab"]
    assert own(load_rules(files)) == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "error", "code", "words"),
    [
        ("<migration>\n<component></migration>", RuleFileError, 28, "x.xml:2:"),
        ("not xml", RuleFileError, 28, "x.xml:1:"),
        ("", RuleFileError, 28, "x.xml"),
        ("<offline/>", RuleFileError, 28, "x.xml:1: a MigXML file begins with <migration>"),
        ("<Configuration/>", ConfigAsRulesError, 26, "/config"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><migration/>', RuleFileError, 28, "DOCTYPE"),
    ],
)
def test_a_bad_file_is_one_sentence_with_its_line(
    tmp_path: Path, text: str, error: type[RuleFileError], code: int, words: str
) -> None:
    with pytest.raises(error) as caught:
        load_rules([write(tmp_path / "x.xml", text)])
    assert caught.value.exit_code == code
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_a_rule_file_error(tmp_path: Path) -> None:
    with pytest.raises(RuleFileError, match=r"none\.xml"):
        load_rules([tmp_path / "none.xml"])


def test_the_builtin_rules_are_read_without_a_warning() -> None:
    rules = builtin_rules()
    assert rules.warnings == ()
    assert {each.name for each in rules.components} >= {
        "User profile",
        "Public profile",
        "Never taken",
    }


def test_what_is_never_taken_holds_with_any_rule_file(tmp_path: Path) -> None:
    file = write(tmp_path / "a.xml", '<migration urlid="a"/>')
    assert [each.name for each in load_rules([file]).components] == ["Never taken"]
