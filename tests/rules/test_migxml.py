"""Rule files -> RuleSet: what the parser keeps, what it warns of, which files it refuses (usmt.md 3.1 to 3.3, 3.7).

``test_corpus`` has a row for each element and function of the language; here are the ways in which a file may stray.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from extractor.errors import ConfigAsRulesError, RuleFileError
from extractor.rules import builtin_rules, load_rules
from extractor.rules.calls import CallError, parse_call
from extractor.rules.elements import MOST_STARS, MOST_WARNINGS
from extractor.rules.migxml import parse_migxml
from extractor.rules.model import (
    Component,
    Condition,
    Context,
    Exists,
    Gate,
    Group,
    Pattern,
    Role,
    Rule,
    Rules,
    RuleSet,
    Script,
    Verb,
)
from extractor.rules.patterns import PatternKind
from extractor.xmlfile import parse_xml

OBJECTS = r'<objectSet><pattern type="File">C:\A\* [*]</pattern></objectSet>'
INCLUDE = f"<include>{OBJECTS}</include>"
EXCLUDE = f"<exclude>{OBJECTS}</exclude>"
TRUE = "<condition>MigXmlHelper.IsNative64Bit()</condition>"
ODD = TRUE.replace("<condition>", '<condition negation="maybe">')


def parsed(body: str) -> RuleSet:
    """Read the inside of a <migration>."""
    text = f'<migration urlid="u">{body}</migration>'
    tree = parse_xml(text.encode(), name="f.xml", error=RuleFileError)
    return parse_migxml(tree, "f.xml")[1]


def in_component(body: str) -> RuleSet:
    """Read the inside of one <component> that has a name."""
    return parsed(f'<component type="System"><displayName>c</displayName>{body}</component>')


def in_role(body: str) -> RuleSet:
    """Read the inside of one <role>."""
    return in_component(f'<role role="Data">{body}</role>')


def in_rules(body: str) -> RuleSet:
    """Read the inside of one <rules>."""
    return in_role(f"<rules>{body}</rules>")


def only(rules: RuleSet) -> Component:
    (component,) = rules.components
    return component


def only_role(rules: RuleSet) -> Role:
    (role,) = only(rules).roles
    return role


def only_rules(rules: RuleSet) -> Rules:
    (found,) = only_role(rules).rules
    return found


def verbs(rules: RuleSet) -> list[str]:
    """Return the verbs of all rules, in order, nested ones after those around them."""
    waiting = [
        found
        for part in rules.components
        for component in part.tree()
        for role in component.roles
        for found in role.rules
    ]
    told = []
    while waiting:
        found = waiting.pop(0)
        told += [rule.verb.value for rule in found.rules]
        waiting = [*found.nested, *waiting]
    return told


def items(rule: Rule) -> list[object]:
    return [item for found in rule.sets for item in found.items]


# --- what is kept ---------------------------------------------------------------------------------


def test_a_component_keeps_what_the_file_says_with_its_lines() -> None:
    rules = parsed(
        '\n<component type="Documents" context="User">\n<displayName>My files</displayName>\n<role role="Data">'
        '\n<rules context="UserAndSystem">\n<include>\n<objectSet>\n<pattern type="File"> %X%\\* [*] </pattern>'
        "\n</objectSet></include></rules></role></component>"
    )
    component, role, found = only(rules), only_role(rules), only_rules(rules)
    (rule,) = found.rules
    told = (component.name, component.kind, component.source, component.context)
    assert told == ("My files", "Documents", "f.xml:2", Context.USER)
    assert (role.kind, role.source) == ("Data", "f.xml:4")
    assert (rule.verb, rule.source) == (Verb.INCLUDE, "f.xml:6")
    assert items(rule) == [Pattern(PatternKind.FILE, r"%X%\* [*]", "f.xml:8")]
    assert rules.warnings == ()


def test_contexts_are_kept_as_written_and_judged_where_rules_meet_a_machine() -> None:
    rules = parsed(
        '<component type="System" context="User"><displayName>c</displayName><role role="Data">'
        '<rules context="System"/><rules/></role></component>'
    )
    assert [each.context for each in only_role(rules).rules] == [Context.SYSTEM, Context.BOTH]
    assert rules.warnings == ()


LETTER_CASES = {
    "3.1 context": ('<rules context="USER"/>', '<rules context="User"/>'),
    "3.1 type": (INCLUDE.replace('"File"', '"file"'), INCLUDE),
    "3.1 negation": (
        f"<conditions>{ODD.replace('maybe', '1')}</conditions>",
        f"<conditions>{ODD.replace('maybe', 'Yes')}</conditions>",
    ),
    "3.1 operation": (
        f'<conditions operation="or">{TRUE}</conditions>',
        f'<conditions operation="OR">{TRUE}</conditions>',
    ),
    "3.2 attributes": (
        f'<includeAttributes attributes=" SECURITY , timefields ">{OBJECTS}</includeAttributes>',
        f'<includeAttributes attributes="Security,TimeFields">{OBJECTS}</includeAttributes>',
    ),
    "3.2 when": ('<processing when="PRE-SCAN"/>', '<processing when="pre-scan"/>'),
    "3.7 function and prefix": (
        f"<conditions>{TRUE.replace('MigXmlHelper.IsNative64Bit', 'MIGXMLHELPER.isnative64bit')}</conditions>",
        f"<conditions>{TRUE}</conditions>",
    ),
    "3.7 quotes and blanks": (
        "<include filter=\"MigXmlHelper . NeverRestore ( )\"><objectSet/></include>",
        "<include filter='MigXmlHelper.NeverRestore()'><objectSet/></include>",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("written", "schema"), LETTER_CASES.values(), ids=LETTER_CASES.keys())
def test_values_mean_the_same_in_any_letter_case(written: str, schema: str) -> None:
    rules = in_rules(written)
    assert rules.components == in_rules(schema).components
    assert rules.warnings == ()


@pytest.mark.parametrize(
    "word", ["1", "TRUE", "true", "Yes", "YES", "0", "FALSE", "False", "No", "no"]
)
def test_truth_is_said_in_three_ways(word: str) -> None:
    """3.2: 1/TRUE/Yes, 0/FALSE/No, in any letter case."""
    rules = parsed(
        f'<component type="System" hidden="{word}"><displayName>c</displayName></component>'
    )
    assert only(rules).hidden is (word.lower() in {"1", "true", "yes"})
    assert rules.warnings == ()


def test_components_keep_their_place_in_containers_and_rules_in_rules() -> None:
    environment = '<environment><variable name="V"><text>1</text></variable></environment>'
    nested = f"<rules>{INCLUDE}<rules>{EXCLUDE}</rules></rules>"
    inner = f'<displayName>b</displayName><role role="Data">{nested}</role>'
    rules = in_component(
        f'{environment}<role role="Container"><component type="System" context="User">{inner}</component></role>'
    )
    outer, inside = only(rules).tree()
    assert [(each.name, each.context) for each in (outer, inside)] == [
        ("c", Context.BOTH),
        ("b", Context.USER),
    ]
    assert [variable.name for variable in outer.environments[0].variables] == ["V"]
    assert inside.environments == ()
    assert verbs(rules) == ["include", "exclude"]
    assert rules.warnings == ()


def test_several_gates_of_a_role_are_one_or_group_and_those_of_rules_one_and_group() -> None:
    """3.3: detections in a role are OR; in rules, conditions hold and one of the detects."""
    detections = f"<detection><conditions>{TRUE}</conditions></detection>" * 2
    detects = f"<detects><detect>{TRUE}</detect></detects>"
    role = only_role(
        in_role(f"{detections}<rules>{detects}<conditions>{TRUE}</conditions></rules>")
    )
    assert shape(role.gate) == "OR(AND(AND(IsNative64Bit)), AND(AND(IsNative64Bit)))"
    (rules,) = role.rules
    assert shape(rules.gate) == "AND(AND(OR(IsNative64Bit)), AND(IsNative64Bit))"


def shape(gate: Gate | None) -> str:
    """Spell a gate as an expression."""
    if isinstance(gate, Group):
        return f"{gate.operation}({', '.join(map(shape, gate.members))})"
    if isinstance(gate, Exists):
        return "exists"
    return gate.call.function if isinstance(gate, Condition) else "absent"


def test_a_definition_is_one_value_wherever_it_is_referred_to() -> None:
    named = f'<namedElements><detection name="It"><conditions>{TRUE}</conditions></detection></namedElements>'
    uses = "".join(
        f'<component type="System"><displayName>{name}</displayName><role role="Data"><detection name="it"/>'
        "</role></component>"
        for name in "ab"
    )
    rules = parsed(uses + named)  # the order in the file does not matter
    first, second = (component.roles[0].gate for component in rules.components)
    assert first is second is not None
    assert rules.warnings == ()


NARROWED = {
    "3.3 neither says anything": ("", "", Context.BOTH),
    "3.3 the definition": ('context="User"', "", Context.USER),
    "3.3 who refers to it": ("", 'context="System"', Context.SYSTEM),
    "3.3 both the same": ('context="User"', 'context="User"', Context.USER),
    "3.3 each another: it is met nowhere": ('context="User"', 'context="System"', Context.NONE),
}


@pytest.mark.parametrize(
    ("definition", "reference", "expected"), NARROWED.values(), ids=NARROWED.keys()
)
def test_the_context_of_a_reference_narrows_that_of_its_definition(
    definition: str, reference: str, expected: Context
) -> None:
    named = f'<namedElements><rules name="R" {definition}/></namedElements>'
    role = f'<role role="Data"><rules name="R" {reference}/></role>'
    rules = parsed(
        f'{named}<component type="System"><displayName>c</displayName>{role}</component>'
    )
    assert only_rules(rules).context is expected
    assert rules.warnings == ()


def test_an_extension_is_an_include_on_all_fixed_drives() -> None:
    rules = in_component(
        "<extensions><extension>doc</extension><extension>*.xls</extension></extensions>"
    )
    scripts = [item for rule in only_rules(rules).rules for item in items(rule)]
    assert [each.call.arguments for each in scripts if isinstance(each, Script)] == [
        ("* [*.doc]", "Fixed"),
        ("* [*.xls]", "Fixed"),
    ]
    assert rules.warnings == ()


# --- what is warned of ----------------------------------------------------------------------------

STRAY = {
    "3.1 an element that nobody knows": ("<madeUp/>", "<madeUp> is not known here"),
    "3.1 an element in the wrong place": ("<pattern type='File'>C:\\a</pattern>", "<pattern> is not"),
    "3.1 an attribute that nobody knows": ("<rules colour='red'/>", "attribute colour of <rules> is not"),
    "3.1 an attribute in other letter case": ("<rules Context='User'/>", "is read as context"),
    "9, 26 an element in other letter case": (EXCLUDE.replace("exclude", "Exclude"), "<Exclude> is read as <exclude>"),
    "3.1 text between elements": (f"{INCLUDE} and ", "text has no meaning here and is ignored: 'and'"),
    "3.2 an unknown context": ("<rules context='Bob'/>", "context 'Bob' is not User, System"),
    "3.2 an unknown truth value": (
        f"<conditions>{ODD}</conditions>",
        "negation 'maybe' is neither Yes nor No; No is taken",
    ),
    "3.2 an unknown operation": (f"<conditions operation='XOR'>{TRUE}</conditions>", "'XOR' is none of AND, OR"),
    "3.2 an unknown type of pattern": (INCLUDE.replace('"File"', '"Files"'), "'Files' is not File, Registry or Ini"),
    "3.2 unknown attributes": (
        f"<includeAttributes attributes='Colour'>{OBJECTS}</includeAttributes>",
        "'Colour' is neither Security nor TimeFields",
    ),
    "3.2 a moment that is none": ("<processing when='never'/>", "when 'never' is none of pre-scan"),
    "3.6 an open bracket": (INCLUDE.replace("[*]", "[*"), "the pattern is not used: a pattern ends with one [leaf]"),
    "3.6 a closing bracket alone": (INCLUDE.replace("[*]", "*]"), "the pattern is not used: a ] has no ["),
    "3.6 a pattern of two lines": (INCLUDE.replace(" [", "\n["), "a pattern stands on one line"),
    "3.6 an empty pattern": (INCLUDE.replace(r"C:\A\* [*]", ""), "the pattern is not used: the pattern is empty"),
    "3.6 an Ini pattern without a bar": (
        INCLUDE.replace("File", "Ini").replace(r"C:\A\* [*]", r"C:\a.ini[K]"),
        r"an Ini pattern is path\file.ini|Section[Key]",
    ),
    "3.7 text that is no call": ("<include filter='keep it'/>", "'keep it' is not a call like"),
    "3.7 arguments that are none": (
        "<include filter='MigXmlHelper.AnswerNo(a b)'/>",
        "the arguments cannot be read from 'a b' on",
    ),
    "3.7 an unknown function": ("<include filter='MigXmlHelper.Keep()'/>", "the function 'Keep' is not known"),
    "3.7 an unknown prefix": (
        "<include filter='Mine.AnswerNo()'/>",
        "'Mine' is no known prefix; MigXmlHelper is meant",
    ),
    "3.8 a function in the wrong place": (
        "<merge script='MigXmlHelper.AnswerNo()'/>",
        "AnswerNo does not belong here, but in the filter of an include or exclude",
    ),
    "3.8 too few arguments": ("<locationModify script='MigXmlHelper.Move()'/>", "Move needs at least 1 arguments"),
    "3.8 too many arguments": (
        "<include filter='MigXmlHelper.AnswerNo(1)'/>",
        "AnswerNo takes at most 0 arguments",
    ),
    "3.3 a name that is not defined": ("<rules name='elsewhere'/>", "no rules 'elsewhere' is defined"),
    "3.3 an object without a location": (
        "<addObjects><object><attributes>DWORD</attributes></object></addObjects>",
        "an object without a location is ignored",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("body", "message"), STRAY.values(), ids=STRAY.keys())
def test_what_is_not_understood_is_one_warning_with_its_line(body: str, message: str) -> None:
    (warning,) = in_rules(f"\n{body}").warnings
    assert warning.startswith("f.xml:2: ")
    assert message in warning


EMPTY = '<component type="System"><displayName>{}</displayName></component>'
ENVIRONMENT = '<namedElements><environment name="e">{}</environment></namedElements>'
NOT_USED = {
    "3.2 an unknown type": INCLUDE.replace('"File"', '"Files"'),
    "3.6 an open bracket": INCLUDE.replace("[*]", "[*"),
    "3.6 two lines": INCLUDE.replace(" [", "\n["),
    "3.6 nothing": INCLUDE.replace(r"C:\A\* [*]", ""),
}


@pytest.mark.parametrize("body", NOT_USED.values(), ids=NOT_USED.keys())
def test_a_pattern_that_can_mean_nothing_is_left_out(body: str) -> None:
    assert items(only_rules(in_rules(body)).rules[0]) == []


OBJECT = r"<addObjects><object>{}<attributes>DWORD</attributes></object></addObjects>"
NO_OBJECT = {
    "3.2 no location": OBJECT.format(""),
    "3.2 an unknown type": OBJECT.format(r'<location type="Key">HKLM\X [v]</location>'),
    "3.6 a location that is none": OBJECT.format('<location type="Registry">[v]</location>'),
}


@pytest.mark.parametrize("body", NO_OBJECT.values(), ids=NO_OBJECT.keys())
def test_an_object_that_can_mean_nothing_is_left_out(body: str) -> None:
    rules = in_rules(body)
    assert only_rules(rules).add[0].objects == ()
    assert rules.warnings[-1] == "f.xml:1: an object without a location is ignored"


STRAY_OUTSIDE = {
    "3.2 a component without a type": (
        "<component><displayName>c</displayName></component>",
        "type '' is none of Application, Documents, System, Device",
    ),
    "3.2 a role without a role": (
        "<component type='System'><displayName>c</displayName><role/></component>",
        "role '' is none of Container, Binaries, Settings, Data",
    ),
    "3.2 an extension without text": (
        "<component type='System'><displayName>c</displayName><extensions><extension/></extensions></component>",
        "an extension without text is ignored",
    ),
    "3.2 two components of one name": (
        EMPTY.format("c") + EMPTY.format("C"),
        "f.xml:1 has a component 'C' too",
    ),
    "3.3 a definition without a name": (
        "<namedElements><conditions/></namedElements>",
        "a conditions without a name cannot be referred to",
    ),
    "3.3 two definitions of one name": (
        "<namedElements><conditions name='a'/><conditions name='A'/></namedElements>",
        "a second conditions 'A' cannot be referred to",
    ),
    "3.3 a definition that nobody uses is read too": (
        "<namedElements><rules name='a'><madeUp/></rules></namedElements>",
        "<madeUp> is not known here",
    ),
    "3.5 a variable without a name": (
        ENVIRONMENT.format("<variable><text>a</text></variable>"),
        "a variable has no name and is ignored",
    ),
    "3.5 a variable without a value": (
        ENVIRONMENT.format("<variable name='v'/>"),
        "%v% has no value and is ignored",
    ),
    "3.5 a variable with two values": (
        ENVIRONMENT.format("<variable name='v'><text>a</text><text>b</text></variable>"),
        "%v% has 2 values; the first one is taken",
    ),
}


@pytest.mark.parametrize(("body", "message"), STRAY_OUTSIDE.values(), ids=STRAY_OUTSIDE.keys())
def test_what_is_not_understood_outside_rules_is_one_warning(body: str, message: str) -> None:
    (warning,) = parsed(body).warnings
    assert warning.startswith("f.xml:")
    assert message in warning


def test_definitions_that_refer_to_themselves_are_not_used() -> None:
    named = (
        '<namedElements><conditions name="a"><conditions name="b"/></conditions>'
        '<conditions name="b"><conditions name="a"/></conditions></namedElements>'
    )
    rules = parsed(
        named + '<component type="System"><displayName>c</displayName><role role="Data"><detection>'
        '<conditions name="a"/></detection></role></component>'
    )
    assert shape(rules.components[0].roles[0].gate) == "AND()"
    assert [" is defined by itself and not used" in each for each in rules.warnings] == [True] * 2


def test_a_pattern_may_have_so_many_wildcards_and_no_more() -> None:
    stars = f"C:\\{'*a' * MOST_STARS}"
    assert in_rules(INCLUDE.replace(r"C:\A\* [*]", stars)).warnings == ()
    with pytest.raises(RuleFileError, match=r"^f\.xml:1: the text has more than 64 wildcards"):
        in_rules(INCLUDE.replace(r"C:\A\* [*]", f"{stars}*"))


def is_too_deep(levels: int, siblings: int) -> bool:
    """Tell whether so many definitions, each referring to the one before, are refused; others stand beside."""
    first = f'<conditions name="n0">{TRUE}</conditions>'
    named = "".join(
        f'<conditions name="n{n}"><conditions name="n{n - 1}"/></conditions>'
        for n in range(1, levels)
    )
    beside = f"<detection><conditions>{TRUE}</conditions></detection>" * siblings
    try:
        parsed(
            f"<namedElements>{first}{named}</namedElements>"
            f'<component type="System"><displayName>c</displayName><role role="Data">{beside}<detection>'
            f'<conditions name="n{levels - 1}"/></detection></role></component>'
        )
    except RuleFileError as error:
        return "nested deeper than 64 levels" in str(error)
    return False


def test_how_deep_references_go_does_not_depend_on_what_stands_beside_them() -> None:
    deepest = next(levels for levels in range(1, 100) if is_too_deep(levels, 0))
    assert 50 < deepest <= 64
    assert not is_too_deep(deepest - 1, 50)
    assert is_too_deep(deepest, 50)


def test_only_so_many_warnings_are_kept_and_the_rest_is_counted() -> None:
    rules = in_rules("\n".join(["<madeUp/>"] * (MOST_WARNINGS + 7)))
    assert len(rules.warnings) == MOST_WARNINGS + 1
    assert rules.warnings[-1] == "f.xml:1: 7 more warnings are not shown"


def test_a_warning_quotes_no_more_than_a_line_of_text() -> None:
    (warning,) = in_rules("a  b\n" * 10_000).warnings
    assert warning == f"f.xml:1: text has no meaning here and is ignored: '{'a b ' * 20}…'"


QUIET = {
    "3.1 a stray schema location": (
        "<rules xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' xsi:noNamespaceSchemaLocation='a.xsd'/>"
    ),
    "3.1 an empty objectSet": "<include><objectSet/></include>",
    "3.8 merge": f"<merge script='MigXmlHelper.DestinationPriority()'>{OBJECTS}</merge>",
    "3.8 locationModify": "<locationModify script='MigXmlHelper.Move(\"C:\\\")'/>",
    "3.8 contentModify": "<contentModify script='MigXmlHelper.ConvertToDWORD()'/>",
    "3.3 destinationCleanup": f"<destinationCleanup>{OBJECTS}</destinationCleanup>",
    "3.8 filters that are constant at scan": (
        f"<include filter='MigXmlHelper.IgnoreIrrelevantLinks()'>{OBJECTS}</include>"
    ),
    "3.3 externalProcess": (
        "<externalProcess when='pre-apply'><commandLine>a.exe /x</commandLine></externalProcess>"
    ),
    "3.3 windowsObjects": f"<windowsObjects>{OBJECTS}</windowsObjects>",
}


@pytest.mark.parametrize("body", QUIET.values(), ids=QUIET.keys())
def test_what_is_right_needs_no_warning(body: str) -> None:
    assert in_rules(body).warnings == ()


def test_a_destination_cleanup_under_role_is_taken_as_stock_rules_have_it() -> None:
    """3.1: against the schema, so validation must never be fatal."""
    rules = in_role(f"<destinationCleanup>{OBJECTS}</destinationCleanup>")
    assert [each.element for each in only_rules(rules).load] == ["destinationCleanup"]
    assert rules.warnings == ()


# --- helper calls ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "function", "arguments"),
    [
        ("MigXmlHelper.AnswerNo()", "AnswerNo", ()),
        (" migxmlhelper . F ( 'a' , \"b's\" ) ", "F", ("a", "b's")),
        ("MigXmlHelper.doesOBJECTexist('File','C:')", "DoesObjectExist", ("File", "C:")),
        ("M.F('a',NULL,'NULL',7)", "F", ("a", None, None, "7")),
        ("M.F('\"','\\')", "F", ('"', "\\")),
        ("M.F('a,b)','')", "F", ("a,b)", "")),
        ("M.F(,'a')", "F", (None, "a")),
        ("M.F('a',)", "F", ("a", None)),
        ("M.F(\n'a',\r\n\t'b'\n)", "F", ("a", "b")),
        ("M.F('  a  ')", "F", ("  a  ",)),
    ],
)
def test_a_helper_call_is_read(text: str, function: str, arguments: tuple[str | None, ...]) -> None:
    call = parse_call(text)
    assert (call.function, call.arguments) == (function, arguments)


@pytest.mark.parametrize(
    "text",
    ["", "F('a')", "M.F('a", "M.F('a' 'b')", "M.F(a b)", "M.F() x", "M.F(a(b))", "M.F('a\\'')"],
)
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


NAMED = (
    '<migration{}><component type="System"><displayName>{}</displayName></component></migration>'
)


def test_a_second_file_with_the_same_urlid_is_not_processed(tmp_path: Path) -> None:
    """3.1: compared without letter case, and without blanks around it."""
    first = write(tmp_path / "a.xml", NAMED.format(' urlid="http://x/Y"', "first"))
    second = write(tmp_path / "b.xml", NAMED.format(' urlid=" HTTP://X/y"', "second"))
    rules = load_rules([first, second, first])
    assert own(rules) == ["first"]
    assert rules.warnings == (
        f"{second}:1: not processed, because {first} has the same urlid 'HTTP://X/y'",
        f"{first}:1: not processed, because {first} has the same urlid 'http://x/Y'",
    )


def test_files_without_urlid_are_all_processed_with_a_warning(tmp_path: Path) -> None:
    files = [write(tmp_path / f"{name}.xml", NAMED.format("", name)) for name in "ab"]
    rules = load_rules(files)
    assert own(rules) == ["a", "b"]
    assert [each.split(":1: ")[1][:27] for each in rules.warnings] == [
        "<migration> has no urlid, so"[:27]
    ] * 2


BAD_FILES = {
    "3.1 a tag that is not closed": (
        "<migration>\n<component></migration>",
        ":2:24: Opening and ending tag mismatch: component line 2 and migration",
    ),
    "3.1 an ampersand alone": (
        "<migration>\n <component>A & B</component>\n</migration>",
        ":2:16: xmlParseEntityRef: no name",
    ),
    "3.1 a less-than sign in a pattern": (
        '<migration>\n<pattern type="File">C:\\a < b</pattern></migration>',
        ":2:28: StartTag: invalid element name",
    ),
    "3.1 quotes inside quotes": (
        '<migration>\n<include filter="MigXmlHelper.F("a")"/></migration>',
        ":2:34: attributes construct error",
    ),
    "3.1 an entity of HTML": ("<migration>&nbsp;</migration>", ":1:18: Entity 'nbsp' not defined"),
    "3.1 a file that ends in the middle": (
        "<migration>\n<component>\n",
        ":3:1: Premature end of data in tag component line 2",
    ),
    "3.1 something behind the end": ("<migration/>\nx", ":2:1: Extra content at the end of the document"),
    "3.1 no XML": ("not xml", ":1:1: Start tag expected, '<' not found"),
    "3.1 nothing": ("", ":1:1: Document is empty"),
    "3.1 a DOCTYPE": (
        '<!DOCTYPE a [<!ENTITY b "c">]><migration/>',
        ":1:13: a DOCTYPE is not allowed here; remove it",
    ),
    "3.1 another root": ("\n<offline/>", ":2: a MigXML file begins with <migration>, not <offline>"),
    "3.1 a namespace": (
        '<migration xmlns="urn:x"/>',
        ":1: a MigXML file begins with <migration>, not <{urn:x}migration>",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "message"), BAD_FILES.values(), ids=BAD_FILES.keys())
def test_a_bad_file_is_one_sentence_with_line_and_column(
    tmp_path: Path, text: str, message: str
) -> None:
    """1.6: code 28."""
    path = write(tmp_path / "x.xml", text)
    with pytest.raises(RuleFileError) as caught:
        load_rules([path])
    assert str(caught.value) == f"{path}{message}"
    assert caught.value.exit_code == 28
    assert not isinstance(caught.value, ConfigAsRulesError)


CONFIGS = {
    "5.1 as documented": "<Configuration>\n<Applications/>\n</Configuration>",
    "5.1 with declaration, BOM and comment": '\ufeff<?xml version="1.0" encoding="UTF-8"?><!-- x --><Configuration/>',
    "5.1 in other letter case": "<configuration><Applications/></configuration>",
}


@pytest.mark.parametrize("text", CONFIGS.values(), ids=CONFIGS.keys())
def test_a_config_xml_given_as_rules_says_so(tmp_path: Path, text: str) -> None:
    """1.6: code 26."""
    path = write(tmp_path / "Config.xml", text)
    with pytest.raises(ConfigAsRulesError) as caught:
        load_rules([path])
    assert (
        str(caught.value)
        == f"{path}:1: this is a Config.xml, not rules; give it with /config, not /i"
    )
    assert caught.value.exit_code == 26


def test_a_missing_file_is_a_rule_file_error(tmp_path: Path) -> None:
    with pytest.raises(RuleFileError, match=r"none\.xml: .*No such file") as caught:
        load_rules([tmp_path / "none.xml"])
    assert caught.value.exit_code == 28


def test_a_file_as_windows_editors_write_it_is_read(tmp_path: Path) -> None:
    """3.1: byte order mark, CRLF and a missing declaration occur."""
    text = NAMED.format(' urlid="u"', "Müller").replace("><", ">\r\n<")
    path = tmp_path / "a.xml"
    path.write_bytes(text.encode("utf-8-sig"))
    rules = load_rules([path])
    assert (own(rules), rules.components[0].source) == (["Müller"], f"{path}:2")
    assert rules.warnings == ()


def test_the_builtin_rules_are_read_without_a_warning() -> None:
    rules = builtin_rules()
    assert rules.warnings == ()
    assert "Never taken" in {each.name for each in rules.components}
    assert len({file.urlid for file in rules.files}) == len(rules.files) > 10


def test_what_is_never_taken_holds_with_any_rule_file(tmp_path: Path) -> None:
    file = write(tmp_path / "a.xml", '<migration urlid="a"/>')
    assert [each.name for each in load_rules([file]).components] == ["Never taken"]
