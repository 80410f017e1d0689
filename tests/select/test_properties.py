"""Selection is a pure function of image and rules, and leaving out folders and keys early changes nothing.

Machines are small and fixed, rules are made up; the oracle tries every pattern on every object (``oracle``).
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from extractor.evaluate import ActiveRule
from extractor.model import Entry, RegistryValue, Selected, upcase
from extractor.registry import Registry
from extractor.rules.model import RuleSet
from extractor.seams import Hive
from extractor.select import Selection
from extractor.select.objects import NO_RULE
from extractor.select.precedence import verdict
from extractor.testing import FakeFilesystem
from extractor.windows.namespace import Mount
from tests.select.machine import Thing, machine, thing, with_all_above
from tests.select.material import Row, chosen, rows, rule_set, said, selection, user, wrapped
from tests.select.oracle import Component, Rule, taken

BOB, ANNA, DORA = user("bob", 1001), user("anna", 1002), user("dora", 1003)
HKU_BOB, HKU_ANNA = rf"HKU\{BOB.sid}\Software", rf"HKU\{ANNA.sid}\Software"
TEXTS = (
    r"C:\Users\bob [a.doc]", r"C:\Users\bob\T [b]", r"C:\Users\bob\T\T [c.ini]", r"C:\Users\anna [c]",
    r"C:\Users\carl [g.doc]", r"C:\Data\bob [d.tmp]", r"C:\Data\anna [e.bak]", r"C:\Data [f.doc]", r"C:\Data\T",
    r"C: [h]", r"D:\Data\x\bob [h.doc]", r"D: [i.ini]",
    r"HKLM\SOFTWARE\V\App [Path]", r"HKLM\SOFTWARE\V\App\Sub [Name]", r"HKLM\SOFTWARE\V []", r"HKLM\SOFTWARE\W\Sub [v]",
    r"HKLM\SOFTWARE\Classes\.t []", r"HKLM\SYSTEM\CurrentControlSet\S\App [v]", r"HKLM\SYSTEM\ControlSet001\S [v]",
    rf"{HKU_BOB}\V\App [Path]", rf"{HKU_BOB}\V [v]", rf"{HKU_BOB}\Classes\.t [x]", rf"{HKU_BOB}\W",
    rf"{HKU_ANNA}\V\App [Path]", rf"{HKU_ANNA}\V\Sub\App [v]", r"HKU\.DEFAULT\Software\V [v]",
    r"C:\Data\a.ini|Mail[MAPI]", r"C:\Data\a.ini|Mail[Name]", r"C:\Data\a.ini|Other[Name]",
    r"C:\Users\bob\T\b.ini|Mail[Path]", r"D:\Data\a.ini|S\T[k]",
)  # fmt: skip
THINGS = with_all_above(map(thing, TEXTS))
MOUNTS, HIVES = machine(*TEXTS)

FILE_PATTERNS = [
    r"C:\* [*]", r"C:\Data\* [*]", r"C:\Data\bob\* [*]", r"C:\Data\ [*]", r"C:* [*.doc]", r"C:\*\bob\* [*]", r"* [h]",
    r"C:\Users\bob\* [*]", r"C:\Users\* [*.doc]", r"C:\Data*[*]", r"C:\Data", r"C:\Users\*", r"C:\Data\*\ [*.*]",
    r"*\T\* [*]", r"%USERPROFILE%\* [*]", r"%USERPROFILE%\*\T [*]", r"C:\Data\%USERNAME%\* [*]", r"C:\Users\anna\* [c]",
    r"*\Data\* [*.ini]", r"C:\Users\b*\T\ [*]",
]  # fmt: skip
REGISTRY_PATTERNS = [
    r"HKLM\SOFTWARE\* [*]", r"HKLM\SOFTWARE\V\* [*]", r"HKLM\SOFTWARE\V\App [Path]", r"HKLM\SOFTWARE\*\Sub [*]",
    r"HKLM\SOFTWARE\V []", r"HKLM\SOFTWARE\V", r"HKLM\SOFTWARE\V\*", r"HKLM\* [v]", r"HKLM\SOFTWARE\V* [N*]",
    r"HKLM\SYSTEM\CurrentControlSet\* [*]", r"HKLM\SYSTEM\*\S\* [v]", r"HKLM\SYSTEM\ControlSet001\* [*]",
    r"HKCU\Software\V\* [*]", r"HKCU\Software\* [Path]", r"HKCU\Software\Classes\* [*]", r"HKCU\Software\*\App\* [*]",
    r"HKCU\Software\V [v]", r"HKU\*\Software\V\* [*]", r"HKU\.DEFAULT\* [*]", r"HKCU\*\W",
]  # fmt: skip
INI_PATTERNS = [
    r"C:\Data\a.ini|Mail[MAPI]", r"C:\Data\a.ini|Mail[*]", r"C:\Data\a.ini|*[Name]", r"*\a.ini|*[*]",
    r"C:\*.ini|Mail[*]", r"%USERPROFILE%\T\b.ini|Mail[Path]", r"%USERPROFILE%\*|*[*]", r"D:\Data\a.ini|S\T[k]",
    r"D:\Data\a.ini|S*[*]",
]  # fmt: skip
VERBS = st.sampled_from(["include", "include", "exclude", "exclude", "unconditionalExclude"])
RULES = st.one_of(
    st.builds(Rule, VERBS, st.just("File"), st.sampled_from(FILE_PATTERNS)),
    st.builds(Rule, VERBS, st.just("Registry"), st.sampled_from(REGISTRY_PATTERNS)),
    st.builds(Rule, VERBS, st.just("Ini"), st.sampled_from(INI_PATTERNS)),
)
CONTEXTS = st.sampled_from(["User", "System", "UserAndSystem"])
COMPONENTS = st.lists(st.builds(Component, CONTEXTS, st.lists(RULES, max_size=5)), max_size=4)
SHUFFLERS = st.randoms(use_true_random=False)


def spelled(component: Component) -> str:
    rules = "".join(said(rule.verb, rule.text, kind=rule.kind) for rule in component.rules)
    return wrapped(rules, context=component.context)


def one_file(components: Sequence[Component]) -> RuleSet:
    return rule_set("".join(map(spelled, components)))


def file_each(components: Sequence[Component], names: Sequence[int]) -> RuleSet:
    """Put each component into a rule file of its own; ``names`` number them."""
    files = (
        rule_set(spelled(component), f"{name}.xml", f"urn:{name}")
        for component, name in zip(components, names, strict=True)
    )
    return sum(files, RuleSet(()))


@settings(max_examples=300, deadline=None)
@given(COMPONENTS, st.booleans(), st.booleans())
def test_leaving_out_folders_and_keys_never_changes_what_is_taken(
    components: list[Component], bob: bool, anna: bool
) -> None:
    coming = [each for each, comes in ((BOB, bob), (ANNA, anna)) if comes]
    absent = [each for each in (BOB, ANNA) if each not in coming]
    made = selection(one_file(components), MOUNTS, coming, absent, hives=HIVES)
    known = {each.path for each in THINGS}
    assert chosen(made) & known == taken(components, THINGS, coming, absent)


@settings(max_examples=150, deadline=None)
@given(COMPONENTS, st.sampled_from(TEXTS))
def test_a_row_does_not_depend_on_what_lies_beside_it(
    components: list[Component], text: str
) -> None:
    rules, path = one_file(components), thing(text).path
    mounts, hives = machine(text)
    alone = rows(selection(rules, mounts, [BOB, ANNA], hives=hives)).get(path)
    beside = rows(selection(rules, MOUNTS, [BOB, ANNA], hives=HIVES)).get(path)
    assert ending(alone) == ending(beside)


def ending(row: Row | None) -> tuple[str, str, str] | None:
    """Return what a row says of the rules."""
    return (row.reason, row.rule, row.scope) if row else None


def matches(rule: ActiveRule, each: Thing) -> bool:
    if not rule.location.node.matches(upcase(each.node) + "\\"):
        return False
    return (
        rule.location.takes_nodes
        if each.leaf is None
        else rule.location.takes_leaf(upcase(each.leaf))
    )


@settings(max_examples=150, deadline=None)
@given(COMPONENTS)
def test_the_rule_that_a_row_names_is_the_one_that_all_rules_together_name(
    components: list[Component],
) -> None:
    rules = file_each(components, range(len(components)))
    made = selection(rules, MOUNTS, [BOB, ANNA], hives=HIVES)
    told = rows(made)
    for each in THINGS:
        if each.leaf is not None and each.path in told:
            row = told[each.path]
            said = verdict(rule for rule in made.rules[each.kind] if matches(rule, each))
            assert row.rule == (said.rule.source if said.rule else "")
            assert is_chosen(row) is said.chosen
            assert said.chosen or row.reason.endswith(said.rule.text if said.rule else NO_RULE)


@settings(max_examples=150, deadline=None)
@given(COMPONENTS)
def test_the_rules_that_met_something_are_those_that_match_a_row_and_none_that_match_nothing(
    components: list[Component],
) -> None:
    made = selection(one_file(components), MOUNTS, [BOB, ANNA], hives=HIVES)
    told = rows(made)
    met = {made.rules[kind][number].text for kind in made.rules for number in made.met[kind]}
    assert {row.reason.partition(" by ")[2] for row in told.values() if row.rule} <= {"", *met}
    for kind, rules in made.rules.items():
        here = [each for each in THINGS if each.kind is kind]
        for number, rule in enumerate(rules):
            paths = {each.path for each in here if matches(rule, each)}
            assert bool(paths) or number not in made.met[kind]
            assert number in made.met[kind] or not any(is_chosen(told.get(path)) for path in paths)


def is_chosen(row: Row | None) -> bool:
    return isinstance(row, Selected) and row.chosen


def everything(made: Selection) -> tuple[Mapping[str, Row], object]:
    """Return all that a selection tells."""
    return rows(made), made.activation.notes


@settings(max_examples=150, deadline=None)
@given(COMPONENTS, SHUFFLERS)
def test_no_order_of_rules_components_files_and_users_changes_a_row(
    components: list[Component], shuffler: random.Random
) -> None:
    users = [BOB, ANNA, DORA]
    numbers = list(range(len(components)))
    plain = everything(selection(file_each(components, numbers), MOUNTS, users, hives=HIVES))
    order = shuffler.sample(numbers, len(numbers))
    turned = [
        each._replace(rules=shuffler.sample(each.rules, len(each.rules))) for each in components
    ]
    files = file_each([turned[number] for number in order], order)
    shuffler.shuffle(users)
    assert everything(selection(files, MOUNTS, users, hives=HIVES)) == plain


class Turned(FakeFilesystem):
    """Lists its directories in another order."""

    shuffler = random.Random()

    def children(self, directory: Entry) -> Sequence[Entry]:
        found = list(super().children(directory))
        self.shuffler.shuffle(found)
        return found


class TurnedHive:
    """Lists keys and values in another order."""

    def __init__(self, hive: Hive, shuffler: random.Random) -> None:
        self._hive = hive
        self._shuffler = shuffler
        self.dirty = hive.dirty
        self.notes = hive.notes
        self.damage = hive.damage
        self.exists = hive.exists
        self.value = hive.value
        self.last_written = hive.last_written

    def subkeys(self, key: str = "") -> Sequence[str]:
        found = self._hive.subkeys(key)
        return self._shuffler.sample(found, len(found))

    def values(self, key: str) -> Sequence[RegistryValue]:
        found = self._hive.values(key)
        return self._shuffler.sample(found, len(found))


def turned(mounts: Sequence[Mount], shuffler: random.Random) -> list[Mount]:
    """Return the same volumes, listed in another order and given in another order."""
    made = []
    for each in mounts:
        assert isinstance(each.filesystem, FakeFilesystem)
        filesystem = Turned({}, each.filesystem.info)
        filesystem.__dict__ |= each.filesystem.__dict__
        filesystem.shuffler = shuffler
        made.append(replace(each, filesystem=filesystem))
    return shuffler.sample(made, len(made))


def turned_hives(hives: Registry, shuffler: random.Random) -> Registry:
    """Return the same hives, listed in another order and mounted in another order."""

    def opened(mount: str) -> Hive:
        hive = hives.hive(mount)
        assert hive is not None
        return TurnedHive(hive, shuffler)

    mounts = shuffler.sample(hives.mounts, len(hives.mounts))
    return Registry({mount: lambda mount=mount: opened(mount) for mount in mounts})  # type: ignore[misc]


@settings(max_examples=100, deadline=None)
@given(COMPONENTS, SHUFFLERS)
def test_no_order_of_volumes_directories_hives_and_keys_changes_a_row(
    components: list[Component], shuffler: random.Random
) -> None:
    rules = one_file(components)
    plain = list(selection(rules, MOUNTS, [BOB, ANNA], hives=HIVES))
    mounts, hives = turned(MOUNTS, shuffler), turned_hives(HIVES, shuffler)
    again = rows(selection(rules, mounts, [BOB, ANNA], hives=hives))
    assert again == rows(plain)


@settings(max_examples=50, deadline=None)
@given(COMPONENTS)
def test_a_selection_may_be_walked_again(components: list[Component]) -> None:
    made = selection(one_file(components), MOUNTS, [BOB], [ANNA], hives=HIVES)
    assert list(made) == list(made)
