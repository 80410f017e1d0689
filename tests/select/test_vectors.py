"""Which objects the rules take: the vectors of usmt.md 4.2 and the sentences of 4.1, from XML to rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import pytest

from extractor.rules.model import RuleSet
from extractor.rules.patterns import PatternKind
from tests.select.machine import machine, thing
from tests.select.material import chosen, component, rows, rule_set, said, selection, user, wrapped

BOB, ANNA = user("bob", 1001), user("anna", 1002)


class Vector(NamedTuple):
    """Components (include, exclude, unconditionalExclude), what of a machine they take, and what they leave."""

    number: int
    components: Sequence[tuple[str, str, str]]
    taken: Sequence[str]
    left: Sequence[str]


VECTORS = [
    Vector(
        1,
        [(r"C:\Dir1\* [*]", r"C:\* [*.txt]", "")],
        [r"C:\Dir1 [a.txt]", r"C:\Dir1\sub [b.txt]", r"C:\Dir1 [c.doc]"],
        [r"C: [a.txt]", r"C:\Other [c.doc]"],
    ),
    Vector(
        2,
        [(r"C:\Dir1\* [*]", r"C:\Dir1\Dir2\* [*.txt]", "")],
        [r"C:\Dir1 [a.txt]", r"C:\Dir1\Dir2 [b.doc]"],
        [r"C:\Dir1\Dir2 [a.txt]", r"C:\Dir1\Dir2\sub [a.txt]"],
    ),
    Vector(
        3,
        [(r"C:\Dir1\* [*]", r"C:\Dir1\* [*.txt]", "")],
        [r"C:\Dir1 [a.doc]", r"C:\Dir1\sub [a.doc]"],
        [r"C:\Dir1 [a.txt]", r"C:\Dir1\sub [a.txt]"],
    ),
    Vector(
        4,
        [(r"C:\Dir1\Dir2\* [*.txt]", r"C:\Dir1\Dir2\* [*.txt]", "")],
        [],
        [r"C:\Dir1\Dir2 [a.txt]", r"C:\Dir1\Dir2\sub [a.txt]"],
    ),
    Vector(
        5,
        [(r"C:\Dir1\* [*.txt]", r"C:\Dir1\Dir2\* [*]", "")],
        [r"C:\Dir1 [a.txt]", r"C:\Dir1\sub [a.txt]"],
        [r"C:\Dir1\Dir2 [a.txt]", r"C:\Dir1\Dir2\sub [a.txt]", r"C:\Dir1 [a.doc]"],
    ),
    Vector(
        6,  # the table of the documentation contradicts #1; usmt.md 9 #3: the narrower include wins
        [(r"C:\Dir1\Dir2\* [*]", r"C:\Dir1\* [*.txt]", "")],
        [r"C:\Dir1\Dir2 [a.txt]", r"C:\Dir1\Dir2\sub [a.txt]"],
        [r"C:\Dir1 [a.txt]", r"C:\Dir1 [a.doc]"],
    ),
    Vector(
        7,
        [(r"C:\Data\* [*]", r"C:\* [*.mp3]", "")],
        [r"C:\Data [a.mp3]", r"C:\Data\x [a.mp3]"],
        [r"C:\Other [a.mp3]"],
    ),
    Vector(
        8,
        [(r"C:\E\* [*]", r"C:\E\ [*]", "")],
        [r"C:\E\sub [a]", r"C:\E\sub\deep [a]"],
        [r"C:\E [a]"],
    ),
    Vector(
        9,
        [(r"C:\E\* [*]", r"C:\E\ [Sample.doc]", "")],
        [r"C:\E\sub [Sample.doc]", r"C:\E [other.doc]"],
        [r"C:\E [Sample.doc]"],
    ),
    Vector(
        10,
        [(r"HKLM\SOFTWARE\K\* [*]", r"HKLM\SOFTWARE\K [DefaultColor]", "")],
        [r"HKLM\SOFTWARE\K [Other]", r"HKLM\SOFTWARE\K\sub [DefaultColor]"],
        [r"HKLM\SOFTWARE\K [DefaultColor]"],
    ),
    Vector(
        11,
        [(r"HKLM\SOFTWARE\K [DefaultColor]", r"HKLM\SOFTWARE\K\* [*]", "")],
        [r"HKLM\SOFTWARE\K [DefaultColor]"],
        [r"HKLM\SOFTWARE\K [Other]", r"HKLM\SOFTWARE\K\sub [DefaultColor]"],
    ),
    Vector(
        12,
        [(r"HKLM\SOFTWARE\K [V]", r"HKLM\SOFTWARE\K [V]", "")],
        [],
        [r"HKLM\SOFTWARE\K [V]"],
    ),
    Vector(13, [(r"C:\D\* [*]", "", ""), ("", r"C:\D\* [*]", "")], [r"C:\D [a]"], []),
    Vector(14, [(r"C:\D\* [*]", "", ""), ("", "", r"C:\D\* [*]")], [], [r"C:\D [a]"]),
    Vector(
        14,  # it beats a narrower include too
        [(r"C:\D\ [a]", "", ""), ("", "", r"C:\* [*]")],
        [],
        [r"C:\D [a]"],
    ),
]
"""Vectors 15 and 16 need more than components of literal patterns; they have tests of their own."""


def other(text: str) -> str:
    """Say the same of the registry that is said of files, or the other way round: the language is one."""
    if text.startswith("HK"):
        return text.replace(r"HKLM\SOFTWARE", "C:")
    return text.replace("C:", r"HKLM\SOFTWARE")


def translated(vector: Vector) -> Vector:
    return Vector(
        vector.number,
        [(other(inc), other(exc), other(never)) for inc, exc, never in vector.components],
        list(map(other, vector.taken)),
        list(map(other, vector.left)),
    )


def one(pattern: str) -> list[str]:
    return [pattern] if pattern else []


def shown(vector: Vector) -> str:
    return f"{vector.number} {thing((*vector.taken, *vector.left)[0]).kind}"


@pytest.mark.parametrize("vector", [*VECTORS, *map(translated, VECTORS)], ids=shown)
def test_4_2_the_documented_conflicts_end_as_documented(vector: Vector) -> None:
    things = [*map(thing, vector.taken), *map(thing, vector.left)]
    body = "".join(
        component(one(include), one(exclude), one(never), kind=things[0].kind)
        for include, exclude, never in vector.components
    )
    mounts, hives = machine(*vector.taken, *vector.left)
    found = chosen(selection(body, mounts, hives=hives))
    assert found & {each.path for each in things} == {thing(each).path for each in vector.taken}


@pytest.mark.parametrize(
    ("exclude", "taken"),
    [(r"c:\* [*.txt]", {r"C:\data\a.txt"}), (r"c:\data\* [*.txt]", set())],
)
def test_4_2_vector_15_rules_of_one_component_meet(exclude: str, taken: set[str]) -> None:
    body = wrapped(said("include", r"c:\data\* [*]"), said("exclude", exclude))
    mounts, _ = machine(r"C:\data [a.txt]", r"C: [b.txt]")
    assert chosen(selection(body, mounts)) == {r"C:\data", *taken}


def test_4_2_vector_16_text_files_of_all_drives_but_not_those_of_profiles() -> None:
    drives = '<script>MigXmlHelper.GenerateDrivePatterns ("* [*.txt]", "Fixed")</script>'
    never = said("exclude", r"%PROFILESFOLDER%\* [*]", r"%WINDIR%\* [*]", r"%PROGRAMFILES%\* [*]")
    body = wrapped(f"<include><objectSet>{drives}</objectSet></include>{never}", context="System")
    mounts, _ = machine(
        r"C: [a.txt]", r"C:\any\deep [b.txt]", r"C:\any [c.doc]", r"D:\x [d.txt]", r"D:\Users\bob [e.txt]",
        r"C:\Users\bob [f.txt]", r"C:\Windows\System32 [g.txt]", r"C:\Program Files\App [h.txt]",
    )  # fmt: skip
    assert chosen(selection(body, mounts)) == {
        r"C:\a.txt", r"C:\any\deep\b.txt", r"D:\x\d.txt", r"D:\Users\bob\e.txt",
    }  # fmt: skip


def test_4_2_all_sixteen_vectors_are_here() -> None:
    assert {vector.number for vector in VECTORS} | {15, 16} == set(range(1, 17))


# --- 4.1 ------------------------------------------------------------------------------------------

FILES = (r"C:\D [a.txt]", r"C:\D [b.doc]", r"C:\D\sub [c.txt]", r"C:\Other [d.txt]")


def takes(body: str | RuleSet) -> set[str]:
    """Return the files that rules take of a small machine."""
    mounts, _ = machine(*FILES)
    return chosen(selection(body, mounts)) & {thing(each).path for each in FILES}


INTERACTIONS = [
    # usmt.md 4.1: sentence, the rules, the files they take
    ("2 no include of another component protects", [([r"C:\D\* [*]"], [r"C:\D\* [*.txt]"]),
     ([r"C:\D\ [nothing]"], [])], {r"C:\D\b.doc"}),
    ("2 no exclude of another component harms", [([r"C:\D\* [*.txt]"], []), ([r"C:\Other\* [*]"], [r"C:\D\* [*]"])],
     {r"C:\D\a.txt", r"C:\D\sub\c.txt", r"C:\Other\d.txt"}),
    ("3 an equal exclude wins", [([r"C:\D\* [*.txt]"], [r"c:\d\*[*.TXT]"])], set()),
    ("3 the best include counts", [([r"C:\* [*]", r"C:\D\sub\* [*]"], [r"C:\D\* [*]"])],
     {r"C:\D\sub\c.txt", r"C:\Other\d.txt"}),
    ("3 a wider exclude does not", [([r"C:\D\* [*]"], [r"C:\* [*]"])],
     {r"C:\D\a.txt", r"C:\D\b.doc", r"C:\D\sub\c.txt"}),
    ("4 excludes alone do nothing", [([], [r"C:\D\* [*]"])], set()),
    ("5 a union over components", [([r"C:\D\* [*.txt]"], [r"C:\D\sub\* [*]"]), ([r"C:\D\sub\* [*]"], [])],
     {r"C:\D\a.txt", r"C:\D\sub\c.txt"}),
]  # fmt: skip


@pytest.mark.parametrize(("sentence", "components", "taken"), INTERACTIONS)
def test_4_1_rules_interact_inside_a_component(
    sentence: str, components: list[tuple[list[str], list[str]]], taken: set[str]
) -> None:
    forwards = [component(include, exclude) for include, exclude in components]
    assert takes("".join(forwards)) == taken, sentence
    assert takes("".join(reversed(forwards))) == taken, "4.1.1: the order of components"


def test_4_1_1_neither_the_order_of_files_nor_that_of_include_and_exclude_matters() -> None:
    include, exclude = said("include", r"C:\D\* [*]"), said("exclude", r"C:\D\* [*.txt]")
    assert takes(wrapped(include + exclude)) == takes(wrapped(exclude + include)) == {r"C:\D\b.doc"}
    one, other = rule_set(component([r"C:\* [*]"])), rule_set(component(never=[r"C:\D\* [*]"]))
    assert takes(one + other) == takes(other + one) == {r"C:\Other\d.txt"}


@pytest.mark.parametrize("context", ["User", "System", "UserAndSystem"])
def test_4_1_5_an_unconditional_exclude_of_any_file_and_context_beats_every_component(
    context: str,
) -> None:
    rules = rule_set(component([r"C:\D\ [a.txt]", r"%USERPROFILE%\* [*]"]), "a.xml", "urn:a")
    never = [r"C:\D\* [*]", r"C:\Users\bob\* [*.tmp]"]
    rules += rule_set(component(never=never, context=context), "b.xml", "urn:b")
    mounts, _ = machine(r"C:\D [a.txt]", r"C:\Users\bob [x.tmp]", r"C:\Users\bob [x.doc]")
    told = rows(selection(rules, mounts, [BOB]))
    assert chosen(told.values()) == {r"C:\Users\bob", r"C:\Users\bob\x.doc"}
    assert told[r"C:\D"].reason == r"excluded everywhere by C:\D\* [*]"
    assert told[r"C:\D"].rule == "b.xml:1"


def test_4_1_5_an_unconditional_exclude_of_the_registry_leaves_files_of_that_name_alone() -> None:
    body = component([r"C:\* [*]"]) + component(never=[r"HKLM\SOFTWARE\* [*]"], kind="Registry")
    body += component([r"HKLM\SOFTWARE\* [*]"], kind="Registry")
    mounts, hives = machine(r"C:\D [a]", r"HKLM\SOFTWARE\D [a]")
    assert chosen(selection(body, mounts, hives=hives)) == {"C:\\", r"C:\D", r"C:\D\a"}


def test_4_1_5_one_that_is_not_active_excludes_nothing() -> None:
    gate = "<conditions><condition>MigXmlHelper.IsUpgrade()</condition></conditions>"
    never = wrapped(gate + said("unconditionalExclude", r"C:\D\* [*]"))
    assert takes(component([r"C:\D\ [a.txt]"]) + never) == {r"C:\D\a.txt"}


@pytest.mark.parametrize("kind", [PatternKind.FILE, PatternKind.REGISTRY, PatternKind.INI])
def test_4_1_7_what_several_components_and_users_include_is_told_once(kind: PatternKind) -> None:
    text = {
        PatternKind.FILE: r"C:\D [a]",
        PatternKind.REGISTRY: r"HKLM\SOFTWARE\K [v]",
        PatternKind.INI: r"C:\D\a.ini|S[k]",
    }[kind]
    body = component([text], kind=kind) + component([text], kind=kind, context="User", name="d")
    mounts, hives = machine(text)
    found = [row for row in selection(body, mounts, [ANNA, BOB], hives=hives) if row.rule]
    assert [str(row.path) for row in found] == [thing(text).path]
    assert found[0].scope == BOB.sid, "of several users the one with the lowest SID"
