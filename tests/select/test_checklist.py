"""The acceptance checklist of usmt.md 11, items 3 to 6, from XML to what is taken of one small machine.

Item 2 is in ``test_vectors`` and ``test_forms``, item 7 in ``test_users``; each of these rows has its fine print in the
tests of ``rules`` and ``evaluate``.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from extractor.rules import load_rules
from extractor.rules.model import RuleSet
from extractor.select import Selection
from tests.select.material import (
    chosen,
    component,
    disk,
    registry,
    rule_set,
    said,
    selection,
    user,
    warnings,
    wrapped,
)

BOB = user("bob")
FILES = {r"App\a": b"", r"App\b": b"", r"Users\bob\c": b"", r"Old\d": b""}
HIVES = registry(
    {
        r"HKLM\SOFTWARE": {
            "App": {"Dir": r"C:\App", "Quoted": '"C:\\App\\"', "Exe": r"C:\App\a /x"}
        },
        rf"HKU\{BOB.sid}": {r"Software\K": {"v": "x"}},
    }
)
A, C = said("include", r"C:\App [a]"), said("include", r"%USERPROFILE% [c]")
TRUE = "<condition>MigXmlHelper.IsNative64Bit()</condition>"
FALSE = '<condition negation="Yes">MigXmlHelper.IsNative64Bit()</condition>'


def made(rules: str | RuleSet) -> Selection:
    return selection(rules, [disk(FILES)], [BOB], hives=HIVES)


def takes(rules: str | RuleSet) -> str:
    """Return the last letters of the files and values that are taken."""
    found = (path.rstrip("]")[-1] for path in chosen(made(rules)))
    return "".join(sorted(letter for letter in found if letter in "abcdv"))


def gated(detection: str, rules: str = A) -> str:
    """Spell a component whose role has a detection."""
    return wrapped(rules).replace('<role role="Data">', f'<role role="Data">{detection}')


def group(operation: str, *inside: str) -> str:
    return f'<conditions operation="{operation}">{"".join(inside)}</conditions>'


def detection(*inside: str) -> str:
    return f"<detection><conditions>{''.join(inside)}</conditions></detection>"


def detects(*inside: str) -> str:
    """Spell a detects of a detect for each of these."""
    return f"<detects>{''.join(f'<detect>{each}</detect>' for each in inside)}</detects>"


def environment(*variables: tuple[str, str], more: str = "") -> str:
    lines = "".join(f'<variable name="{name}">{value}</variable>' for name, value in variables)
    return f"<environment {more}>{lines}</environment>"


def text(value: str) -> str:
    return f"<text>{value}</text>"


def script(call: str) -> str:
    return f"<script>MigXmlHelper.{call}</script>"


def of_variable(*environments: str) -> str:
    """Spell a component that includes %Dir%."""
    return wrapped(said("include", "%Dir% [*]"), before="".join(environments))


def nested(inner: str, before: str = "", detection: str = "") -> str:
    """Spell a component in a Container."""
    return (
        f'<component type="Documents" context="System"><displayName>group</displayName>{before}'
        f'<role role="Container">{detection}{inner}</role></component>'
    )


def ruled(context: str, inside: str) -> str:
    """Spell a component for users around rules with a context of their own."""
    return wrapped(inside, context="User").replace("<rules>", f'<rules context="{context}">')


def named(*definitions: str) -> str:
    return f"<namedElements>{''.join(definitions)}</namedElements>"


DIR = said("include", "%Dir% [a]")
HAS_DIR = (
    "<condition>MigXmlHelper.DoesObjectExist('Registry','HKLM\\SOFTWARE\\%Key% [Dir]')</condition>"
)
BY_NAME = named(f'<detection name="Known"><conditions>{HAS_DIR}</conditions></detection>')
KNOWN = '<detection name="Known"/>'


def with_key(key: str) -> str:
    """Spell a component whose detection is known by name, and asks for a variable of the component."""
    return gated(KNOWN).replace("<role", environment(("Key", text(key))) + "<role", 1)


APP, OLD = ("Dir", text(r"C:\App")), ("Dir", text(r"C:\Old"))
READ = "GetStringContent('Registry','HKLM\\SOFTWARE\\App [{}]'{})"
TRIMMED = ("Dir", script(READ.format("Quoted", """,'TRUE','"','"\\'""")))
NEVER = environment(OLD).replace("<variable", f"<conditions>{FALSE}</conditions><variable", 1)
KEY = r"HKCU\Software\K [v]"
WINDIR = said("include", "%WINDIR% [a]")
FOR_USERS = environment(OLD, more='context="User"')

ROWS = [
    # item: the rules, what they take
    ("3 detects is AND of its detect", gated(detects(TRUE, FALSE)), ""),
    ("3 detect is OR of its conditions", gated(detects(FALSE + TRUE)), "a"),
    ("3 several detects are OR", gated(detects(FALSE) + detects(TRUE)), "a"),
    ("3 conditions are AND by default", gated(detection(TRUE, FALSE)), ""),
    ("3 conditions may be OR", gated(detection(group("OR", TRUE, FALSE))), "a"),
    ("3 AND of an OR", gated(detection(TRUE, group("OR", FALSE, TRUE))), "a"),
    ("3 several detection are OR", gated(detection(FALSE) + detection(TRUE)), "a"),
    ("3 a Container gates what is in it", nested(wrapped(A), detection=detection(FALSE)), ""),
    ("3 a Container that is there gates nothing", nested(wrapped(A), detection=detection(TRUE)), "a"),
    ("3 negation", gated(detection(FALSE)) + component([r"C:\App [b]"], name="b"), "b"),
    ("3 a name is met with the caller's variables", BY_NAME + with_key("App"), "a"),
    ("3 and with those of another caller", BY_NAME + with_key("Nothing"), ""),
    ("4 rules outside the component's context are absent", ruled("System", A + C), ""),
    ("4 wider ones are narrowed", ruled("UserAndSystem", C), "c"),
    ("4 HKCU in User context", component([KEY], context="User", kind="Registry"), "v"),
    ("4 HKCU in System context", component([KEY], context="System", kind="Registry"), ""),
    ("4 a user's variable in User context", wrapped(C, context="User"), "c"),
    ("4 a user's variable in System context", wrapped(C, context="System"), ""),
    ("5 the last definition counts", of_variable(environment(OLD, APP)), "ab"),
    ("5 a later environment counts", of_variable(environment(OLD), environment(APP)), "ab"),
    ("5 own definitions beat built-in ones", wrapped(WINDIR, before=environment(("windir", APP[1]))), "a"),
    ("5 a script that yields NULL leaves the text",
     of_variable(environment(OLD, ("Dir", script(READ.format("None", ""))))), "d"),
    ("5 a script that yields text replaces it",
     of_variable(environment(OLD, ("Dir", script(READ.format("Dir", ""))))), "ab"),
    ("5 trim arguments", of_variable(environment(TRIMMED)), "ab"),
    ("5 an environment has conditions", of_variable(environment(APP), NEVER), "ab"),
    ("5 an environment has a context",
     wrapped(said("include", "%Dir% [*]"), context="System", before=environment(APP) + FOR_USERS), "ab"),
    ("5 a component inside inherits", nested(wrapped(DIR), environment(APP)), "a"),
    ("5 one inside overrides", nested(wrapped(DIR, before=environment(APP)), environment(OLD)), "a"),
    ("5 a component beside does not", nested("", environment(APP)) + wrapped(DIR), ""),
]  # fmt: skip


@pytest.mark.parametrize(("item", "rules", "expected"), ROWS, ids=[row[0] for row in ROWS])
def test_11_each_item_of_the_checklist_holds(item: str, rules: str, expected: str) -> None:
    assert takes(rules) == expected, item


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        (component([r"HKCU\Software\K [v]"], context="System", kind="Registry"), "HKCU is invalid"),
        (wrapped(C, context="System"), "%USERPROFILE% is not defined"),
    ],
)
def test_11_4_what_means_nothing_to_the_machine_is_a_warning_with_its_line(
    rules: str, words: str
) -> None:
    (message,) = warnings(made(rules))
    assert message.startswith("test.xml:1: the machine: ")
    assert words in message


# --- item 6, several files ------------------------------------------------------------------------


def written(folder: Path, name: str, urlid: str, body: str) -> Path:
    path = folder / name
    path.write_text(f'<migration urlid="{urlid}">{body}</migration>')
    return path


@pytest.mark.parametrize("urlid", ["urn:a", "URN:A", " urn:a "])
def test_11_6_a_second_file_with_a_urlid_is_not_processed(tmp_path: Path, urlid: str) -> None:
    one = written(tmp_path, "one.xml", "urn:a", component([r"C:\App [a]"]))
    two = written(tmp_path, "two.xml", urlid, component([r"C:\App [b]"]))
    assert takes(load_rules([one, two])) == "a"
    assert any(
        "two.xml:1: not processed" in said for said in warnings(made(load_rules([one, two])))
    )


def test_11_6_files_with_their_own_urlids_are_all_processed_in_any_order(tmp_path: Path) -> None:
    one = written(tmp_path, "one.xml", "urn:a", component([r"C:\App [*]"], [r"C:\App [b]"]))
    two = written(tmp_path, "two.xml", "urn:b", component([r"C:\App\* [b]", r"C:\Old [d]"]))
    never = written(tmp_path, "never.xml", "urn:c", component(never=[r"C:\Old\* [*]"]))
    assert takes(load_rules([one, two])) == "abd"
    assert takes(load_rules([one, two, never])) == takes(load_rules([never, two, one])) == "ab"


def test_11_6_unconditional_excludes_across_files_beat_a_narrower_include() -> None:
    rules = rule_set(component([r"C:\App [a]", r"C:\App [b]"]), "a.xml", "urn:a")
    rules += rule_set(component(never=[r"C:\* [a]"]), "b.xml", "urn:b")
    assert takes(rules) == "b"
