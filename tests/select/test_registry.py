"""The walk over the hives: which keys are looked at, what is told of them, and what one that is torn costs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import pytest

from extractor.errors import DamagedError
from extractor.evaluate.registry_names import names_below
from extractor.model import ObjectKind, RegistryValue, Selected, WinPath
from extractor.registry import Registry
from extractor.seams import Hive
from extractor.select import Unreadable
from extractor.select.registry import NO_PATH
from extractor.testing import FakeHive
from tests.select.material import (
    Row,
    chosen,
    component,
    disk,
    registry,
    rows,
    said,
    selection,
    user,
    wrapped,
)

BOB, ANNA = user("bob", 1001), user("anna", 1002)
HKU_BOB, HKU_ANNA = rf"HKU\{BOB.sid}", rf"HKU\{ANNA.sid}"
Keys = Mapping[str, Mapping[str, object]]


class Torn(FakeHive):
    """Keys whose last name begins with ``bad`` cannot be read; what was asked is kept."""

    def __init__(self, keys: Keys) -> None:
        super().__init__(keys)
        self.listed: list[str] = []
        self.read: list[str] = []

    def subkeys(self, key: str = "") -> Sequence[str]:
        self.listed.append(key)
        self._break(key)
        return super().subkeys(key)

    def values(self, key: str) -> Sequence[RegistryValue]:
        self.read.append(key)
        self._break(key)
        return super().values(key)

    def _break(self, key: str) -> None:
        if key.rpartition("\\")[2].startswith("bad"):
            raise DamagedError("its cell is torn")


def lost() -> Hive:
    raise DamagedError("the hive has no header")


def told(
    rules: str,
    hives: Mapping[str, Keys | Hive],
    comes: Sequence[str] = ("bob",),
    broken: Sequence[str] = (),
) -> dict[str, Row]:
    """Return the rows of a machine with these hives; ``broken`` are mounts of hives that cannot be opened."""
    mounts: dict[str, Callable[[], Hive | None]] = {
        mount: (lambda hive=hive: FakeHive(hive) if isinstance(hive, Mapping) else hive)  # type: ignore[misc]
        for mount, hive in hives.items()
    }
    mounts |= dict.fromkeys(broken, lost)
    users = [each for each in (BOB, ANNA) if each.name in comes]
    absent = [each for each in (BOB, ANNA) if each not in users]
    made = selection(rules, [], users, absent, hives=Registry(mounts))
    return rows(made)


def keys(*patterns: str, without: Sequence[str] = (), never: Sequence[str] = ()) -> str:
    return component(patterns, without, never, kind="Registry")


# --- names ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "hives", "expected"),
    [
        (r"HKLM\SYSTEM", {r"HKLM\SYSTEM": {"Select": {"Current": 2}, "ControlSet001": {}, "controlset002": {}}},
         ["Select", "ControlSet001", "CurrentControlSet"]),
        (r"HKLM\SYSTEM", {r"HKLM\SYSTEM": {"ControlSet001": {}, "CurrentControlSet": {}}}, ["CurrentControlSet"]),
        (r"HKLM\SYSTEM", {r"HKLM\SYSTEM": {"Select": {"Current": 9}, "ControlSet001": {}}},
         ["Select", "ControlSet001"]),
        (r"HKLM\SYSTEM\Setup", {r"HKLM\SYSTEM": {r"Setup\ControlSet001": {}}}, ["ControlSet001"]),
        (r"HKLM\SOFTWARE", {r"HKLM\SOFTWARE": {"Classes": {}, "V": {}}}, ["Classes", "V"]),
        (rf"{HKU_BOB}\Software", {HKU_BOB: {r"Software\V": {}, r"Software\Classes": {}}}, ["V"]),
        (rf"{HKU_BOB}\SOFTWARE", {HKU_BOB: {r"Software\V": {}}, rf"{HKU_BOB}_CLASSES": {}}, ["V", "Classes"]),
        (rf"{HKU_BOB}\Software\V", {HKU_BOB: {r"Software\V\Classes": {}}, rf"{HKU_BOB}_CLASSES": {}}, ["Classes"]),
        (rf"{HKU_BOB}\Other", {HKU_BOB: {r"Other\Classes": {}}}, ["Classes"]),
        (r"HKLM\SOFTWARE\Software", {r"HKLM\SOFTWARE": {r"Software\Classes": {}}}, ["Classes"]),
        (r"HKLM\SAM", {}, []),
    ],
)  # fmt: skip
def test_2_5_keys_are_named_as_windows_shows_them(
    key: str, hives: Mapping[str, Keys], expected: list[str]
) -> None:
    root, *parts = key.split("\\")
    assert names_below(registry(hives), WinPath(root, tuple(parts))) == expected


# --- rows -----------------------------------------------------------------------------------------


def test_a_key_has_its_last_write_time_and_a_value_its_data() -> None:
    found = told(keys(r"HKLM\SOFTWARE\V\* [*]"), {r"HKLM\SOFTWARE": {"V": {"": "x", "N": 7}}})
    key, value, default = (found[rf"HKLM\SOFTWARE\V{leaf}"] for leaf in ("", r"\[N]", r"\[]"))
    assert isinstance(key, Selected)
    assert (key.entry.name, key.entry.directory) == ("V", False), "a key is no entry of a volume"
    assert (key.kind, key.value, key.metadata.times.modified) == (
        ObjectKind.KEY, None, 132_000_000_000_000_000,
    )  # fmt: skip
    assert isinstance(value, Selected)
    assert (value.kind, value.value, value.metadata.size) == (
        ObjectKind.VALUE, RegistryValue("N", 4, bytes([7, 0, 0, 0])), 4,
    )  # fmt: skip
    assert isinstance(default, Selected)
    assert default.value is not None
    assert (default.value.name, default.value.text) == ("", "x")


def test_only_what_an_include_matches_is_told() -> None:
    hives = {
        r"HKLM\SOFTWARE": {r"A\B": {"v": "", "w": ""}, "C": {"v": ""}},
        HKU_BOB: {"K": {"x": ""}},
    }
    found = told(keys(r"HKLM\SOFTWARE\A\* [v]"), hives)
    assert list(found) == [r"HKLM\SOFTWARE\A\B\[v]"]


def test_keys_come_in_the_order_of_their_names_hive_by_hive() -> None:
    hives = {
        HKU_BOB: {"K": {"v": ""}},
        r"HKLM\SOFTWARE": {"b": {"2": "", "1": ""}, r"A\z": {"v": ""}, "C": {}},
    }
    found = told(keys(r"HKLM\SOFTWARE\* [*]", r"HKCU\K [v]"), hives)
    assert list(found) == [
        r"HKLM\SOFTWARE", r"HKLM\SOFTWARE\A", r"HKLM\SOFTWARE\A\z", r"HKLM\SOFTWARE\A\z\[v]",
        r"HKLM\SOFTWARE\b", r"HKLM\SOFTWARE\b\[1]", r"HKLM\SOFTWARE\b\[2]", r"HKLM\SOFTWARE\C", rf"{HKU_BOB}\K\[v]",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "name", ["", "a\\b", "a]", "[x", "*", "%V%", "new\nline", "\ud800", "ß", " ", "\0"]
)
def test_hostile_value_names_are_chosen_under_their_exact_name(name: str) -> None:
    hive = {"K": {"x": RegistryValue("x", 1, b"")}}
    odd = FakeHive(hive)
    odd._values[("K",)] = [RegistryValue(name, 3, b"\1")]
    found = told(keys(r"HKLM\SOFTWARE\K\* [*]"), {r"HKLM\SOFTWARE": odd})
    (value,) = [row for row in found.values() if row.kind is ObjectKind.VALUE]
    assert isinstance(value, Selected)
    assert (value.path.parts[-1], value.value) == (f"[{name}]", RegistryValue(name, 3, b"\1"))


class Odd(FakeHive):
    """Its key K holds keys with an empty name and with a backslash in it."""

    def subkeys(self, key: str = "") -> Sequence[str]:
        return ["C", "", "a\\b"] if key == "K" else super().subkeys(key)


@pytest.mark.parametrize("name", ["", "a\\b"])
def test_a_key_to_which_no_path_leads_is_told_and_not_entered(name: str) -> None:
    hives = {r"HKLM\SOFTWARE": Odd({r"K\C": {"v": "x"}})}
    found = told(keys(r"HKLM\SOFTWARE\K\* [*]"), hives)
    row = found[rf"HKLM\SOFTWARE\K\{name}"]
    assert isinstance(row, Unreadable)
    assert (row.kind, row.reason, row.rule) == (ObjectKind.KEY, NO_PATH, "test.xml:1")
    assert r"HKLM\SOFTWARE\K\C\[v]" in chosen(found.values())


def test_a_key_to_which_no_path_leads_is_excluded_where_a_rule_excludes_it() -> None:
    rules = keys(r"HKLM\SOFTWARE\K\* [*]", never=["HKLM\\SOFTWARE\\K\\*\\* [*]"])
    found = told(rules, {r"HKLM\SOFTWARE": Odd({r"K\C": {"v": "x"}})})
    assert {path: type(row) for path, row in found.items()} == {
        r"HKLM\SOFTWARE\K": Selected, "HKLM\\SOFTWARE\\K\\": Selected,
        r"HKLM\SOFTWARE\K\C": Selected, r"HKLM\SOFTWARE\K\a\b": Selected,
    }  # fmt: skip
    assert chosen(found.values()) == {r"HKLM\SOFTWARE\K"}


def test_attributes_of_a_key_may_be_left_out() -> None:
    rules = wrapped(
        said("include", r"HKLM\SOFTWARE\* [*]", kind="Registry")
        + said(
            "excludeAttributes",
            r"HKLM\SOFTWARE\V\* [*]",
            kind="Registry",
            more='attributes="TimeFields"',
        )
    )
    found = told(rules, {r"HKLM\SOFTWARE": {"V": {"v": ""}}})
    row = found[r"HKLM\SOFTWARE\V"]
    assert isinstance(row, Selected)
    assert (row.left_out, row.metadata.times.modified) == ("TimeFields", 0)


# --- what is not entered --------------------------------------------------------------------------


def test_an_excluded_tree_is_one_row_with_its_rule() -> None:
    hive = Torn({r"A\B\C": {"v": ""}, "D": {"v": ""}})
    rules = keys(r"HKLM\SOFTWARE\* [*]", without=[r"HKLM\SOFTWARE\A\* [*]"])
    found = told(rules, {r"HKLM\SOFTWARE": hive})
    row = found[r"HKLM\SOFTWARE\A"]
    assert isinstance(row, Selected)
    assert (row.chosen, row.reason) == (False, r"excluded by HKLM\SOFTWARE\A\* [*]")
    assert [path for path in found if path.startswith(row.path.__str__())] == [str(row.path)]
    assert hive.listed == ["", "D"]


def test_an_excluded_key_is_entered_where_a_narrower_include_reaches() -> None:
    hive = {r"A\B": {"v": "", "w": ""}, r"A\C": {"v": ""}}
    rules = keys(
        r"HKLM\SOFTWARE\* [*]", r"HKLM\SOFTWARE\A\B [v]", without=[r"HKLM\SOFTWARE\A\* [*]"]
    )
    found = told(rules, {r"HKLM\SOFTWARE": hive})
    assert chosen(found.values()) == {r"HKLM\SOFTWARE", r"HKLM\SOFTWARE\A\B\[v]"}
    assert found[r"HKLM\SOFTWARE\A\B\[w]"].reason == r"excluded by HKLM\SOFTWARE\A\* [*]"
    assert r"HKLM\SOFTWARE\A\C\[v]" not in found, "one row, HKLM\\SOFTWARE\\A\\C"


def test_a_whole_hive_that_is_excluded_is_one_row_and_not_opened() -> None:
    rules = keys(r"HKLM\* [*]", never=[r"HKLM\SAM\* [*]"])
    found = told(rules, {r"HKLM\SOFTWARE": {"V": {}}}, broken=[r"HKLM\SAM"])
    assert found[r"HKLM\SAM"].reason == r"excluded everywhere by HKLM\SAM\* [*]"


def test_a_tree_that_is_excluded_above_what_an_include_names_is_one_row() -> None:
    rules = keys(r"HKLM\SOFTWARE\bad\K [v]", never=[r"HKLM\SOFTWARE\bad\* [*]"])
    found = told(rules, {r"HKLM\SOFTWARE": Torn({r"bad\K": {"v": ""}})})
    assert {path: row.reason for path, row in found.items()} == {
        r"HKLM\SOFTWARE\bad": r"excluded everywhere by HKLM\SOFTWARE\bad\* [*]"
    }


def test_hives_that_no_include_reaches_are_not_opened() -> None:
    """Opening one of the broken hives would be told."""
    hives = {r"HKLM\SOFTWARE": {"V": {"v": ""}}}
    broken = [r"HKLM\SYSTEM", r"HKLM\SAM", HKU_BOB, r"HKU\.DEFAULT"]
    assert list(told(keys(r"HKLM\SOFTWARE\V [v]"), hives, broken=broken)) == [
        r"HKLM\SOFTWARE\V\[v]"
    ]


def test_a_user_who_does_not_come_is_one_row_with_the_switch() -> None:
    hives = {HKU_BOB: {"K": {"v": ""}}, rf"{HKU_ANNA}_CLASSES": {".t": {"v": ""}}}
    found = told(keys(r"HKU\*\K\* [*]"), hives, broken=[HKU_ANNA])
    assert [path for path in found if path.startswith(HKU_ANNA)] == [HKU_ANNA]
    row = found[HKU_ANNA]
    assert isinstance(row, Selected)
    assert (row.kind, row.chosen, row.reason) == (
        ObjectKind.KEY,
        False,
        "user not selected (/ue:anna)",
    )
    assert (row.rule, row.scope) == ("", ANNA.sid)
    assert rf"{HKU_BOB}\K\[v]" in chosen(found.values())


def test_of_a_user_who_does_not_come_and_whom_no_rule_names_nothing_is_told() -> None:
    assert told(keys(r"HKLM\SOFTWARE\* [*]"), {}, comes=(), broken=[HKU_BOB, HKU_ANNA]) == {}


def test_hives_of_nobody_known_are_not_walked() -> None:
    hives = {
        r"HKU\S-1-5-18": {"K": {"v": ""}},
        r"HKU\DEFAULT": {"K": {"v": ""}},
        r"HKU\.DEFAULT": {"K": {"v": ""}},
    }
    assert list(told(keys(r"HKU\*\K [v]"), hives)) == [r"HKU\.DEFAULT\K\[v]"]


def test_a_sid_with_two_profiles_is_that_of_the_one_that_comes() -> None:
    twin = replace(BOB, state="backup", profile=WinPath("C:", ("Users", "bob.old")))
    for users, absent in (([BOB], [twin]), ([twin], [BOB])):
        hives = registry({HKU_BOB: {"K": {"v": ""}}})
        made = selection(keys(r"HKCU\K [v]"), [], users, absent, hives=hives)
        assert chosen(made) == {rf"{HKU_BOB}\K\[v]"}


# --- what cannot be read --------------------------------------------------------------------------


def test_a_hive_that_cannot_be_opened_is_one_row_and_the_others_are_walked() -> None:
    hives = {HKU_BOB: {"K": {"v": ""}}}
    found = told(keys(r"HKLM\SOFTWARE\V\* [v]", r"HKCU\K [v]"), hives, broken=[r"HKLM\SOFTWARE"])
    row = found.pop(r"HKLM\SOFTWARE")
    assert isinstance(row, Unreadable)
    assert (row.kind, row.reason, row.scope) == (ObjectKind.KEY, "the hive has no header", "")
    assert list(found) == [rf"{HKU_BOB}\K\[v]"]


def test_a_key_that_cannot_be_read_is_one_row_and_its_neighbours_are_walked() -> None:
    hive = Torn({"A": {"v": ""}, r"bad\sub": {"v": ""}, "C": {"v": ""}})
    found = told(keys(r"HKLM\SOFTWARE\* [*]"), {r"HKLM\SOFTWARE": hive})
    torn = {path: row for path, row in found.items() if isinstance(row, Unreadable)}
    assert {path: (row.reason, row.rule) for path, row in torn.items()} == {
        r"HKLM\SOFTWARE\bad": ("its cell is torn", "test.xml:1")
    }
    assert {r"HKLM\SOFTWARE\A\[v]", r"HKLM\SOFTWARE\C\[v]"} <= chosen(found.values())


def test_a_key_that_is_not_whole_is_told_as_lost_and_what_there_is_of_it_as_found() -> None:
    class Half(FakeHive):
        def damage(self, key: str) -> str:
            return "its list of values is torn" if key == "A" else ""

    found = told(
        keys(r"HKLM\SOFTWARE\A\* [*]"),
        {r"HKLM\SOFTWARE": Half({r"A\B": {"v": ""}, "A": {"w": ""}})},
    )
    row = found[r"HKLM\SOFTWARE\A"]
    assert isinstance(row, Unreadable)
    assert (row.kind, row.reason, row.rule) == (
        ObjectKind.KEY,
        "its list of values is torn",
        "test.xml:1",
    )
    assert chosen(found.values()) == {
        r"HKLM\SOFTWARE\A\[w]", r"HKLM\SOFTWARE\A\B", r"HKLM\SOFTWARE\A\B\[v]",
    }  # fmt: skip


def test_a_torn_key_on_the_way_to_what_is_wanted_is_told_without_a_rule() -> None:
    found = told(keys(r"HKLM\SOFTWARE\bad\K [v]"), {r"HKLM\SOFTWARE": Torn({r"bad\K": {"v": ""}})})
    row = found[r"HKLM\SOFTWARE\bad"]
    assert isinstance(row, Unreadable)
    assert (row.rule, row.reason) == ("", "its cell is torn")


def test_a_torn_key_in_an_excluded_tree_is_not_read() -> None:
    rules = keys(r"HKLM\SOFTWARE\* [*]", without=[r"HKLM\SOFTWARE\bad\* [*]"])
    row = told(rules, {r"HKLM\SOFTWARE": Torn({"bad": {"v": ""}})})[r"HKLM\SOFTWARE\bad"]
    assert isinstance(row, Selected)


@pytest.mark.parametrize("is_broken", [True, False])
def test_the_classes_of_a_user_do_not_need_ntuser_dat(is_broken: bool) -> None:
    hives = {rf"{HKU_BOB}_CLASSES": {".t": {"": "x"}}}
    found = told(keys(r"HKCU\Software\* [*]"), hives, broken=[HKU_BOB] if is_broken else [])
    assert rf"{HKU_BOB}\Software\Classes\.t\[]" in chosen(found.values())
    assert isinstance(found.get(HKU_BOB), Unreadable) is is_broken
    assert found[rf"{HKU_BOB}\Software\Classes\.t\[]"].scope == BOB.sid


def test_the_classes_of_a_user_are_told_once() -> None:
    hives = {HKU_BOB: {r"Software\V": {"v": ""}}, rf"{HKU_BOB}_CLASSES": {".t": {"": "x"}}}
    found = told(keys(r"HKCU\Software\* [*]"), hives)
    assert list(found) == [
        rf"{HKU_BOB}\Software", rf"{HKU_BOB}\Software\Classes", rf"{HKU_BOB}\Software\Classes\.t",
        rf"{HKU_BOB}\Software\Classes\.t\[]", rf"{HKU_BOB}\Software\V", rf"{HKU_BOB}\Software\V\[v]",
    ]  # fmt: skip


def test_classes_that_cannot_be_read_are_one_row() -> None:
    hives = {HKU_BOB: {r"Software\V": {"v": ""}}}
    found = told(keys(r"HKCU\Software\* [*]"), hives, broken=[rf"{HKU_BOB}_CLASSES"])
    assert isinstance(found[rf"{HKU_BOB}\Software\Classes"], Unreadable)
    assert rf"{HKU_BOB}\Software\V\[v]" in chosen(found.values())


def test_a_hive_whose_file_is_not_there_has_no_keys() -> None:
    made = selection(
        keys(r"HKLM\* [*]"), [], hives=registry({r"HKLM\SAM": None, r"HKLM\SYSTEM": None})
    )
    assert list(made) == []


# --- cost -----------------------------------------------------------------------------------------


def test_each_key_is_read_once_whatever_the_number_of_patterns() -> None:
    hive = Torn({rf"V\{number}\x": {"v": ""} for number in range(20)} | {r"W\deep": {"v": ""}})
    patterns = [rf"HKLM\SOFTWARE\V\* [{number}]" for number in range(100)]
    told(keys(*patterns, r"HKLM\SOFTWARE\V\* [*]"), {r"HKLM\SOFTWARE": hive})
    assert len(hive.listed) == len(set(hive.listed)) == 42, "the root, V, and two for each number"
    assert len(hive.read) == len(set(hive.read)) == 41, "no value of the root can be chosen"


def test_a_hive_of_two_thousand_levels_is_walked() -> None:
    class Deep(FakeHive):
        def exists(self, key: str) -> bool:
            return key.count("\\") < 2000

        def subkeys(self, key: str = "") -> Sequence[str]:
            return ["d"] if key.count("\\") < 1999 else []

    assert len(told(keys(r"HKLM\SOFTWARE\* [*]"), {r"HKLM\SOFTWARE": Deep({})})) == 2001


# --- volumes --------------------------------------------------------------------------------------


def test_the_volume_of_a_row_is_that_of_its_hive() -> None:
    away = user("away", 1003, profile=r"D:\Profiles\away")
    lost_one = user("lost", 1004, profile=r"Q:\x")
    mounts = [disk({r"Windows\x": b"", r"Users\bob\x": b""}), disk({r"Profiles\away\x": b""}, "D:")]
    users = (BOB, away, lost_one)
    hives = registry(
        {rf"HKU\{each.sid}": {"K": {"v": ""}} for each in users}
        | {r"HKLM\SOFTWARE": {"K": {"v": ""}}}
    )
    made = selection(keys(r"HKCU\K [v]", r"HKLM\SOFTWARE\K [v]"), mounts, users, hives=hives)
    volumes = {row.scope: row.volume for row in made if row.path.name == "[v]"}
    assert {each.name: volumes[each.sid] for each in users} == {
        "bob": "VOLC",
        "away": "VOLD",
        "lost": "",
    }


def test_of_a_key_that_is_not_whole_the_rest_is_told_and_the_key_itself_is_lost() -> None:
    class Salvaged(FakeHive):
        def damage(self, key: str) -> str:
            return "its list of subkeys is lost" if key == "V" else ""

    hives: Mapping[str, Keys | Hive] = {
        r"HKLM\SOFTWARE": Salvaged({"V": {"a": 1}, r"V\W": {"b": 2}})
    }
    found = told(keys(r"HKLM\SOFTWARE\V\* [*]"), hives)
    lost_key = found[r"HKLM\SOFTWARE\V"]
    assert isinstance(lost_key, Unreadable)
    assert lost_key.reason == "its list of subkeys is lost"
    for path in (r"HKLM\SOFTWARE\V\[a]", r"HKLM\SOFTWARE\V\W", r"HKLM\SOFTWARE\V\W\[b]"):
        assert isinstance(found[path], Selected)
