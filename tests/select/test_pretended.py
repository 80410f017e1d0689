"""Objects of addObjects: taken as if they were there, where a rule includes them (usmt.md 3.3)."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from extractor.model import (
    FILE_ATTRIBUTE_DIRECTORY,
    FILE_ATTRIBUTE_HIDDEN,
    RegistryValue,
    Selected,
    User,
    WinPath,
)
from extractor.rules.model import RuleSet
from extractor.select import Selection
from tests.select.machine import machine
from tests.select.material import (
    Row,
    chosen,
    component,
    disk,
    rows,
    rule_set,
    said,
    selection,
    user,
    wrapped,
)

BOB, ANNA = user("bob", 1001), user("anna", 1002)
V = r"HKLM\SOFTWARE\V"


def added(kind: str, location: str, attributes: str = "", data: str = "") -> str:
    """Spell an object; ``data`` is a bytes element."""
    where = f'<location type="{kind}">{location}</location>'
    return f"<addObjects><object>{where}<attributes>{attributes}</attributes>{data}</object></addObjects>"


def text(data: str) -> str:
    return f'<bytes string="Yes">{data}</bytes>'


def made(rules: str | RuleSet, *things: str) -> Selection:
    mounts, hives = machine(*things)
    return selection(rules, mounts, [BOB], [ANNA], hives=hives)


def told(rules: str | RuleSet, *things: str) -> dict[str, Row]:
    """Return the rows of objects that are not there."""
    found = rows(made(rules, *things))
    return {path: row for path, row in found.items() if isinstance(row, Selected) and row.pretended}


KINDS = [
    # an include, the object, its path and kind, its content
    (rf"{V}\* [*]", ("Registry", rf"{V} [n]", "DWORD", "<bytes>01 00 00 00</bytes>"),
     (rf"{V}\[n]", "value"), RegistryValue("n", 4, b"\1\0\0\0")),
    (rf"{V}\* [*]", ("Registry", rf"{V} []", "STRING", text("a")),
     (rf"{V}\[]", "value"), RegistryValue("", 1, b"a\0\0\0")),
    (rf"{V}\* [*]", ("Registry", rf"{V}\K"), (rf"{V}\K", "key"), None),
    (rf"{V}\K [n*]", ("Registry", rf"{V}\\K\ [n]", "BINARY", "<bytes>00ff</bytes>"),
     (rf"{V}\K\[n]", "value"), RegistryValue("n", 3, b"\0\xff")),
    (r"HKLM\SYSTEM\CurrentControlSet\* [*]", ("Registry", r"HKLM\SYSTEM\ControlSet002\S [n]", "STRING"),
     (r"HKLM\SYSTEM\CurrentControlSet\S\[n]", "value"), RegistryValue("n", 1, b"")),
    (r"C:\D\a.ini|M[*]", ("Ini", r"C:\D\a.ini|M[n]", "", text("a")),
     (r"C:\D\a.ini|M\[n]", "value"), RegistryValue("n", 1, b"a\0\0\0")),
    (r"C:\D\* [*]", ("File", r"C:\D\E [f.txt]", "HIDDEN", text("a")),
     (r"C:\D\E\f.txt", "file"), RegistryValue("", 0, b"a")),
    (r"C:\D\* [*.txt]", ("File", r"C:\D\E\ [f.TXT]", "", text("a")),
     (r"C:\D\E\f.TXT", "file"), RegistryValue("", 0, b"a")),
    (r"C:\D\* [*]", ("File", r"C:\D\E"), (r"C:\D\E", "directory"), None),
    (r"C:\D^[1^]\* [*]", ("File", r"C:\D^[1^]\E [a^[]", "", text("a")),
     (r"C:\D[1]\E\a[", "file"), RegistryValue("", 0, b"a")),
]  # fmt: skip
SOMETHING = (r"C:\x [x]", r"HKLM\SYSTEM\CurrentControlSet\x [x]", r"HKLM\SOFTWARE\x [x]")


@pytest.mark.parametrize(("include", "given", "expected", "value"), KINDS)
def test_an_object_of_each_kind_is_taken_with_its_content(
    include: str, given: tuple[str, ...], expected: tuple[str, str], value: RegistryValue | None
) -> None:
    rules = wrapped(said("include", include, kind=given[0]) + added(*given))
    (row,) = told(rules, *SOMETHING).values()
    assert isinstance(row, Selected)
    assert (str(row.path), row.kind.value, row.value) == (*expected, value)
    assert (row.chosen, row.rule) == (True, "test.xml:1")


SIZES = [
    # the object, its path, its attributes and size
    (added("File", r"C:\D [f]", "HIDDEN", text("abc")), r"C:\D\f", FILE_ATTRIBUTE_HIDDEN, 3),
    (added("File", r"C:\D"), r"C:\D", FILE_ATTRIBUTE_DIRECTORY, 0),
    (added("Registry", f"{V} [n]", "STRING", text("abc")), rf"{V}\[n]", 0, 8),
    (added("Registry", V), V, 0, 0),
    (added("Ini", r"C:\a.ini|S[k]", "", text("abc")), r"C:\a.ini|S\[k]", 0, 8),
]


@pytest.mark.parametrize(("given", "path", "attributes", "size"), SIZES)
def test_an_object_has_the_attributes_and_the_size_it_is_said_to_have(
    given: str, path: str, attributes: int, size: int
) -> None:
    rules = said("include", r"C:\D\* [*]") + said("include", rf"{V}\* [*]", kind="Registry")
    row = told(wrapped(rules + said("include", r"C:\a.ini|*[*]", kind="Ini") + given))[path]
    assert isinstance(row, Selected)
    assert (row.metadata.attributes, row.metadata.size) == (attributes, size)
    assert bool(row.metadata.streams) is (row.value is not None)


VOLUMES = [
    (r"C:\D [f]", "VOLC"),
    (r"D:\D [f]", "VOLD"),
    (r"C:\Mounted\E [f]", "VOLE"),
    (r"Q:\D [f]", ""),
    (rf"HKU\{BOB.sid}\K [f]", "VOLD"),
]


@pytest.mark.parametrize(("where", "volume"), VOLUMES)
def test_the_volume_of_an_object_is_the_one_where_it_would_lie(where: str, volume: str) -> None:
    bob = user("bob", 1001, profile=r"D:\bob")
    folder = replace(disk({"x": b""}, "E:"), at=WinPath("C:", ("Mounted",)))
    mounts = [disk({"x": b""}), disk({r"bob\x": b""}, "D:"), folder]
    kind = "Registry" if where.startswith("HK") else "File"
    include = said("include", r"HKU\* [f]" if kind == "Registry" else "* [f]", kind=kind)
    made = selection(wrapped(include + added(kind, where), context="System"), mounts, [bob])
    assert [row.volume for row in made if row.path.name.strip("[]") == "f"] == [volume]


NOT_TAKEN = [
    # rules beside the object HKLM\SOFTWARE\V [n], what is there, why it is not taken
    ("", (), None),
    (said("include", rf"{V} [other]", kind="Registry"), (), None),
    (said("include", r"C:\* [*]"), (), None),
    (said("include", rf"{V}\* [*]", kind="Registry"), (rf"{V} [N]",), None),
    (said("include", rf"{V}\* [*]", kind="Registry") + said("exclude", rf"{V} [n]", kind="Registry"), (),
     rf"excluded by {V} [n]"),
    (said("include", rf"{V}\* [*]", kind="Registry") + said("unconditionalExclude", rf"{V}\* [*]", kind="Registry"), (),
     rf"excluded everywhere by {V}\* [*]"),
]  # fmt: skip


@pytest.mark.parametrize(("rules", "things", "reason"), NOT_TAKEN)
def test_an_object_needs_an_include_and_to_be_absent(
    rules: str, things: tuple[str, ...], reason: str | None
) -> None:
    found = told(wrapped(rules + added("Registry", f"{V} [n]", "STRING", text("a"))), *things)
    assert {path: row.reason for path, row in found.items()} == (
        {rf"{V}\[n]": reason} if reason else {}
    )


def test_an_include_of_another_component_takes_it_too() -> None:
    rules = component([rf"{V}\* [*]"], kind="Registry") + wrapped(
        added("Registry", f"{V} [n]", "STRING"), name="d"
    )
    assert set(told(rules)) == {rf"{V}\[n]"}


def test_a_filter_looks_at_what_is_pretended() -> None:
    equal = "filter=\"MigXmlHelper.CompareStringContent('yes','Equal')\""
    include = said("include", rf"{V}\* [*]", kind="Registry", more=equal)
    both = [
        added("Registry", f"{V} [{name}]", "STRING", text(data))
        for name, data in (("a", "Yes"), ("b", "no"))
    ]
    assert set(told(wrapped(include + "".join(both)))) == {rf"{V}\[a]"}
    large = "filter=\"MigXmlHelper.FileProperties('filesize','gt','2')\""
    include = said("include", r"C:\D\* [*]", more=large)
    both = [added("File", rf"C:\D [{data}]", "", text(data)) for data in ("ab", "abc")]
    assert set(told(wrapped(include + "".join(both)))) == {r"C:\D\abc"}


def test_an_object_of_a_user_belongs_to_that_user_and_is_there_for_those_who_come() -> None:
    rules = wrapped(
        said("include", r"HKCU\K\* [*]", kind="Registry")
        + said("include", r"%USERPROFILE%\* [*]")
        + added("Registry", r"HKCU\K [n]", "STRING", text("%USERNAME%"))
        + added("File", r"%USERPROFILE%\D [f]", "", text("%USERNAME%")),
        context="User",
    )
    found = told(rules, rf"HKU\{BOB.sid}\x [x]")
    assert {path: row.scope for path, row in found.items()} == {
        rf"HKU\{BOB.sid}\K\[n]": BOB.sid,
        r"C:\Users\bob\D\f": BOB.sid,
    }
    file = found[r"C:\Users\bob\D\f"]
    assert isinstance(file, Selected)
    assert file.value == RegistryValue("", 0, b"bob")
    assert file.volume == "VOLC"


def test_an_object_in_the_profile_of_a_user_who_does_not_come_is_not_taken() -> None:
    rules = wrapped(
        said("include", r"C:\Users\* [*]") + added("File", r"C:\Users\anna [f]"), context="System"
    )
    row = told(rules)[r"C:\Users\anna\f"]
    assert row.reason == "user not selected (/ue:anna)"


@pytest.mark.parametrize(
    ("who", "reason"), [(BOB, ""), (ANNA, "user not selected (/ue:anna)")], ids=["bob", "anna"]
)
def test_an_object_in_a_hive_belongs_to_its_user_whoever_asks(who: User, reason: str) -> None:
    key = rf"HKU\{who.sid}\K"
    rules = said("include", rf"{key}\* [*]", kind="Registry") + added("Registry", f"{key} [n]")
    row = told(wrapped(rules, context="System"))[rf"{key}\[n]"]
    assert (row.scope, row.reason) == (who.sid, reason)


def test_objects_are_told_by_kind_and_path() -> None:
    include = said("include", r"C:\D\* [*]") + said("include", rf"{V}\* [*]", kind="Registry")
    places = (
        ("Registry", f"{V} [b]"),
        ("File", r"C:\D [Z]"),
        ("Registry", f"{V} [a]"),
        ("File", r"C:\D [y]"),
    )
    several = "".join(added(kind, where) for kind, where in places)
    assert list(told(wrapped(include + several))) == [
        r"C:\D\y",
        r"C:\D\Z",
        rf"{V}\[a]",
        rf"{V}\[b]",
    ]


def test_of_several_objects_for_one_path_one_is_taken_whatever_the_order_of_the_files() -> None:
    parts = [
        wrapped(said("include", rf"{V}\* [*]", kind="Registry"), name="a"),
        *(wrapped(added("Registry", f"{V} [{name}]", "STRING", text(data)), name=data) for name, data in
          (("n", "one"), ("N", "two"), ("n", "three"))),
    ]  # fmt: skip
    results = []
    for order in itertools.permutations(enumerate(parts)):
        files = [rule_set(body, f"{number}.xml", f"urn:{number}") for number, body in order]
        results.append(told(sum(files, RuleSet(()))))
    assert all(found == results[0] for found in results)
    assert len(results[0]) == 1


def test_an_object_that_is_not_active_is_not_there() -> None:
    gate = "<conditions><condition>MigXmlHelper.IsUpgrade()</condition></conditions>"
    rules = component([rf"{V}\* [*]"], kind="Registry") + wrapped(
        gate + added("Registry", f"{V} [n]"), name="d"
    )
    assert chosen(made(rules)) == set()
