"""Each function of merge, on files and on values; without a rule files are renamed and values replaced."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractor.model import Instruction, ObjectKind, RegistryValue
from extractor.restore.rules.asked import Asked, subject_of
from extractor.restore.rules.merge import (
    PATTERN,
    Act,
    NoFreeNameError,
    decide_file,
    decide_value,
    free_name,
)
from extractor.rules.calls import parse_call
from extractor.rules.model import Call
from tests.restore.people.test_users import BOB
from tests.restore.rules.test_locations import record

NONE = ("", "")


def call(text: str) -> Call | None:
    return parse_call(f"MigXmlHelper.{text}") if text else None


@pytest.mark.parametrize(
    ("text", "versions", "act"),
    [
        ("", NONE, Act.RENAME),
        ("SourcePriority()", NONE, Act.REPLACE),
        ("DestinationPriority()", NONE, Act.KEEP),
        ("FindFilePlaceByPattern('<F> (<N>).<E>')", NONE, Act.RENAME),
        ("FindFilePlaceByPattern('same')", NONE, Act.RENAME),
        ("NewestVersion('FileVersion')", ("2.0", "1.9.9"), Act.REPLACE),
        ("NewestVersion('FileVersion')", ("1.9.9", "2.0"), Act.KEEP),
        ("NewestVersion('FileVersion')", ("2.0", "2.0.0"), Act.KEEP),
        ("NewestVersion('FileVersion')", ("2.0", ""), Act.REPLACE),
        ("NewestVersion('FileVersion')", ("", "2.0"), Act.KEEP),
        ("NewestVersion('FileVersion')", NONE, Act.KEEP),
        ("HigherValue()", NONE, Act.RENAME),
        ("LeafPattern('x')", NONE, Act.RENAME),
        ("Unheard('x')", NONE, Act.RENAME),
    ],
)
def test_a_file(text: str, versions: tuple[str, str], act: Act) -> None:
    found = decide_file(call(text), lambda _: versions)
    assert found.act is act
    assert found.why


def dword(number: int) -> RegistryValue:
    return RegistryValue("v", 4, number.to_bytes(4, "little"))


TEXT = RegistryValue("v", 1, "9\0".encode("utf-16-le"))


@pytest.mark.parametrize(
    ("text", "ours", "theirs", "act"),
    [
        ("", dword(1), dword(2), Act.REPLACE),
        ("SourcePriority()", dword(1), dword(2), Act.REPLACE),
        ("DestinationPriority()", dword(1), dword(2), Act.KEEP),
        ("HigherValue()", dword(3), dword(2), Act.REPLACE),
        ("HigherValue()", dword(1), dword(2), Act.KEEP),
        ("HigherValue()", dword(2), dword(2), Act.KEEP),
        ("LowerValue()", dword(1), dword(2), Act.REPLACE),
        ("LowerValue()", dword(3), dword(2), Act.KEEP),
        ("HigherValue()", TEXT, dword(2), Act.REPLACE),
        ("NewestVersion('FileVersion')", dword(1), dword(2), Act.REPLACE),
        ("FindFilePlaceByPattern('<F>(<N>)')", dword(1), dword(2), Act.REPLACE),
    ],
)
def test_a_value(text: str, ours: RegistryValue, theirs: RegistryValue, act: Act) -> None:
    assert decide_value(call(text), ours, theirs).act is act


@pytest.mark.parametrize(
    ("name", "pattern", "taken", "expected"),
    [
        ("a.txt", PATTERN, {"a.txt"}, "a(1).txt"),
        ("a.txt", "<F> (<N>).<E>", {"a (1).txt", "a (2).txt"}, "a (3).txt"),
        ("a.tar.gz", PATTERN, set(), "a.tar(1).gz"),
        ("README", PATTERN, set(), "README(1)"),
        (".profile", PATTERN, set(), ".profile(1)"),
        ("<N>.<E>", PATTERN, set(), "<N>(1).<E>"),
        ("a.txt", "<f>_<n>.<e>", set(), "a_1.txt"),
    ],
)
def test_the_first_free_name_is_taken(
    name: str, pattern: str, taken: set[str], expected: str
) -> None:
    assert free_name(name, pattern, taken.__contains__) == expected


def test_a_name_that_is_never_free_ends_the_search() -> None:
    with pytest.raises(NoFreeNameError):
        free_name("a.txt", PATTERN, lambda _: True)


@given(st.text(min_size=1, max_size=20), st.sets(st.integers(1, 6)))
def test_any_name_gets_the_lowest_free_number(name: str, numbers: set[int]) -> None:
    stem, dot, extension = name.rpartition(".")
    stem, extension = (stem, extension) if dot and stem else (name, "")
    taken = {f"{stem}({n}).{extension}" if extension else f"{stem}({n})" for n in numbers}
    number = next(n for n in range(1, 9) if n not in numbers)
    found = free_name(name, PATTERN, taken.__contains__)
    assert found.startswith(f"{stem}({number})")


def rule(text: str, pattern: str, kind: str = "File", scope: str = "") -> Instruction:
    return Instruction("merge", f"MigXmlHelper.{text}", scope, "c", "r.xml:1", ((kind, pattern),))


RULES = [
    rule("SourcePriority()", r"C:\* [*]"),
    rule("DestinationPriority()", r"C:\Users\bob\* [*.doc]"),
    rule("FindFilePlaceByPattern('<F>-<N>.<E>')", r"C:\Users\bob\* [*]"),
    rule("SourcePriority()", r"HKCU\Software\* [*]", "Registry", BOB),
    rule("HigherValue()", r"HKEY_CURRENT_USER\Software\Acme [Count]", "Registry", BOB),
    rule("LowerValue()", r"C:\Windows\win.ini|Fonts[*]", "Ini"),
]


@pytest.mark.parametrize(
    ("path", "kind", "function"),
    [
        (r"C:\a.doc", ObjectKind.FILE, "SourcePriority"),
        (r"C:\Users\bob\x\a.DOC", ObjectKind.FILE, "DestinationPriority"),
        (r"C:\Users\bob\a.txt", ObjectKind.FILE, "FindFilePlaceByPattern"),
        (r"D:\a.doc", ObjectKind.FILE, ""),
        (r"C:\Users\bob", ObjectKind.DIRECTORY, "FindFilePlaceByPattern"),
        (rf"HKU\{BOB}\Software\Acme\[Count]", ObjectKind.VALUE, "HigherValue"),
        (rf"HKU\{BOB}\Software\Acme\[Other]", ObjectKind.VALUE, "SourcePriority"),
        (r"HKLM\SOFTWARE\Acme\[Count]", ObjectKind.VALUE, ""),
        (r"C:\Windows\win.ini|Fonts\[Arial]", ObjectKind.VALUE, "LowerValue"),
    ],
)
def test_the_narrowest_pattern_decides(path: str, kind: ObjectKind, function: str) -> None:
    subject = subject_of(record(path, kind))
    assert subject
    for order in (RULES, RULES[::-1]):
        found = Asked(order).narrowest("merge", subject)
        assert (found.call.function if found and found.call else "") == function
