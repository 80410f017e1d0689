"""Every form of pattern (usmt.md 3.6), from XML to rows: which object of a machine it takes."""

from __future__ import annotations

import pytest

from tests.select.forms import FORMS, Row
from tests.select.machine import machine, thing
from tests.select.material import chosen, component, rows, selection, user, warnings

BOB = user("bob")
SID = BOB.sid


def takes(pattern: str, text: str, context: str = "System") -> bool:
    """Tell whether the one object of a machine is taken by an include of one pattern."""
    wanted = thing(text)
    body = component([pattern], context=context, kind=wanted.kind)
    mounts, hives = machine(text)
    found = chosen(selection(body, mounts, [BOB], hives=hives))
    return wanted.path in found


@pytest.mark.parametrize(("pattern", "text", "expected"), FORMS)
def test_3_6_each_form_takes_what_the_table_says(pattern: str, text: str, expected: bool) -> None:
    assert takes(pattern, text) is expected


@pytest.mark.parametrize(("pattern", "text", "expected"), FORMS)
def test_3_6_each_form_excludes_what_it_would_take(pattern: str, text: str, expected: bool) -> None:
    wanted = thing(text)
    everything = {"File": "* [*]", "Registry": r"HK{}\* [*]", "Ini": "*|*[*]"}[wanted.kind]
    wide = [everything.format("LM"), everything.format("U")]
    body = component(wide, context="System", kind=wanted.kind)
    body += component(never=[pattern], context="System", kind=wanted.kind, name="never")
    mounts, hives = machine(text)
    assert (wanted.path in chosen(selection(body, mounts, hives=hives))) is not expected


OWN, OWN_CLASSES = rf"HKU\{SID}", rf"HKU\{SID}\Software\Classes"
NAMES: list[tuple[str, *Row]] = [
    # the names of the registry: context, pattern, object, taken?
    ("User", r"HKCU\Software\K\* [*]", rf"{OWN}\Software\K [v]", True),
    ("User", r"HKEY_CURRENT_USER\Software\K [v]", rf"{OWN}\Software\K [v]", True),
    ("User", rf"HKU\{SID}\Software\K [v]", rf"{OWN}\Software\K [v]", True),
    ("System", rf"HKEY_USERS\{SID}\Software\K [v]", rf"{OWN}\Software\K [v]", True),
    ("System", r"HKU\*\Software\K [v]", rf"{OWN}\Software\K [v]", True),
    ("System", r"HKCU\Software\K [v]", rf"{OWN}\Software\K [v]", False),
    ("User", r"HKCU\* [*]", rf"{OWN}", True),
    ("System", r"HKEY_LOCAL_MACHINE\SOFTWARE\K [v]", r"HKLM\SOFTWARE\K [v]", True),
    ("User", r"HKLM\SOFTWARE\K [v]", r"HKLM\SOFTWARE\K [v]", True),
    ("System", r"HKEY_USERS\.Default\Software\K [v]", r"HKU\.DEFAULT\Software\K [v]", True),
    ("User", r"HKCU\Software\K [v]", r"HKU\.DEFAULT\Software\K [v]", False),
    # HKCR is the classes of the machine and, for a user, the user's own before them
    ("System", r"HKCR\.txt []", r"HKLM\SOFTWARE\Classes\.txt []", True),
    ("System", r"HKEY_CLASSES_ROOT\.txt\* [*]", r"HKLM\SOFTWARE\Classes\.txt\x [v]", True),
    ("System", r"HKCR\.txt [v]", rf"{OWN_CLASSES}\.txt [v]", False),
    ("User", r"HKCR\.txt [v]", rf"{OWN_CLASSES}\.txt [v]", True),
    ("User", r"HKCR\.txt [v]", r"HKLM\SOFTWARE\Classes\.txt [v]", True),
    ("User", r"HKCU\Software\Classes\.txt [v]", rf"{OWN_CLASSES}\.txt [v]", True),
    ("User", r"HKCU\Software\* [*]", rf"{OWN_CLASSES}\.txt [v]", True),
    ("System", rf"HKU\{SID}_Classes\.txt\* [*]", rf"{OWN_CLASSES}\.txt [v]", True),
    # the control set in use has two names
    ("System", r"HKLM\SYSTEM\ControlSet002\S [v]", r"HKLM\SYSTEM\CurrentControlSet\S [v]", True),
    ("System", r"HKLM\SYSTEM\ControlSet001\S [v]", r"HKLM\SYSTEM\CurrentControlSet\S [v]", False),
    ("System", r"HKLM\SYSTEM\ControlSet*\S [v]", r"HKLM\SYSTEM\CurrentControlSet\S [v]", True),
    ("System", r"HKLM\SYSTEM\ControlSet*\S [v]", r"HKLM\SYSTEM\ControlSet001\S [v]", True),
    ("System", r"HKLM\SYSTEM\Control* [v]", r"HKLM\SYSTEM\CurrentControlSet\S [v]", True),
    ("User", r"HKLM\System\currentcontrolset\S\* [*]", r"HKLM\SYSTEM\CurrentControlSet\S [v]", True),
]  # fmt: skip


@pytest.mark.parametrize(("context", "pattern", "text", "expected"), NAMES)
def test_3_6_and_2_5_keys_go_by_all_their_names(
    context: str, pattern: str, text: str, expected: bool
) -> None:
    assert takes(pattern, text, context) is expected


def test_2_5_a_users_class_and_the_machines_of_the_same_name_are_two_objects() -> None:
    texts = (r"HKLM\SOFTWARE\Classes\.txt [v]", rf"{OWN_CLASSES}\.txt [v]")
    mounts, hives = machine(*texts)
    body = component([r"HKCR\.txt [v]"], context="User", kind="Registry")
    told = rows(selection(body, mounts, [BOB], hives=hives))
    assert {path: row.scope for path, row in told.items()} == {
        rf"{OWN_CLASSES}\.txt\[v]": SID,
        r"HKLM\SOFTWARE\Classes\.txt\[v]": SID,
    }


UNUSABLE = [
    # kind, pattern, words of the warning
    ("File", "C:\\D\n\\sub [a]", "one line"),
    ("File", "C:\\D [a]\nC:\\E [b]", "one line"),
    ("File", r"C:\D [a", "one [leaf]"),
    ("File", r"C:\D a]", "no [ before it"),
    ("File", r"C:\D [a] [b]", "one [leaf]"),
    ("File", r"\ [a]", "no directory"),
    ("File", r"%NOPE%\* [*]", "%NOPE% is not defined"),
    ("File", r"%CSIDL_PPROFILE%\* [*]", "%CSIDL_PPROFILE% is not defined"),
    ("File", r"Z:\D [a]", "on no volume"),
    ("File", r"CSIDL_APPDATA\D [a]", "on no volume"),
    ("Registry", r"HK_USERS\x [v]", "no root of the registry"),
    ("Registry", r"*\Software\K [v]", "cannot be a wildcard"),
    ("Registry", r"HKCU\Software\K [v]", "invalid in the system context"),
    ("Registry", r"HklmWowSoftware%\K [v]", "no root of the registry"),
    ("Ini", r"C:\a.ini [k]", "file|section[key]"),
    ("Ini", r"C:\a.ini|S", "file|section[key]"),
]


@pytest.mark.parametrize(("kind", "pattern", "words"), UNUSABLE)
def test_3_6_what_is_no_pattern_is_a_warning_with_its_line_and_takes_nothing(
    kind: str, pattern: str, words: str
) -> None:
    mounts, hives = machine(r"C:\D [a]", r"HKLM\SOFTWARE\K [v]", r"C:\a.ini|S[k]")
    made = selection(component([pattern], context="System", kind=kind), mounts, hives=hives)
    assert list(made) == []
    assert any(words in said and said.startswith("test.xml:1: ") for said in warnings(made))
