"""Who decides that a run goes on past an object that cannot be read: usmt.md 1.2 (/c, /efs) and 5.4 (ErrorControl)."""

from __future__ import annotations

import pytest

from extractor.errors import DamagedError, EncryptedError, SourceError, UnsupportedError
from extractor.evaluate import Profile, Scene
from extractor.gather.policy import Efs, Policy, error_controls
from extractor.model import ObjectKind, User, WinPath
from extractor.registry import Registry
from extractor.rules.config import Config, parse_config
from extractor.testing import FakeHive
from extractor.windows.namespace import Namespace
from extractor.xmlfile import parse_xml

SID = "S-1-5-21-1-2-3-1001"
USER = User(SID, "bob", "DESK", WinPath.parse(r"C:\Users\bob"), "ok")
SYSTEM = FakeHive({"Select": {"Current": 1}, "ControlSet001\\Control": {}})
SCENE = Scene(
    Namespace([]),
    (Profile(USER, {}),),
    {"PROFILESFOLDER": r"C:\Users", "ODD": r"C:\a[1]"},
    Registry({"HKLM\\SYSTEM": lambda: SYSTEM}),
)

FILE = ObjectKind.FILE
BOB = WinPath("C:", ("Users", "bob", "a.txt"))
DAMAGED, ENCRYPTED, UNSUPPORTED = (
    DamagedError("bad sector"),
    EncryptedError("EFS"),
    UnsupportedError("in a cloud"),
)


def config(files: str = "", keys: str = "") -> Config:
    text = f"""<Configuration><Policies><ErrorControl><fileError>{files}</fileError>
        <registryError>{keys}</registryError></ErrorControl></Policies></Configuration>"""
    return parse_config(parse_xml(text.encode(), name="c.xml"), "c.xml")


def policy(files: str = "", keys: str = "", *, go_on: bool = False, efs: Efs = Efs.ABORT) -> Policy:
    notes: list[str] = []
    controls = error_controls(config(files, keys), SCENE, lambda _, message: notes.append(message))
    assert notes == []
    return Policy(go_on, efs, controls)


@pytest.mark.parametrize(
    ("rules", "goes_on_without_c", "goes_on_with_c"),
    [
        ("", False, True),
        ("<nonFatal>* [*]</nonFatal>", True, True),
        ("<fatal>* [*]</fatal>", False, False),
        ("<nonFatal errorCode='any'>*[*]</nonFatal>", True, True),
        (r"<nonFatal>c:\users\* [*]</nonFatal><fatal>* [*]</fatal>", True, True),
        (r"<fatal>* [*]</fatal><nonFatal>c:\users\* [*]</nonFatal>", False, False),
        (r"<nonFatal>C:\Users\bob [a.txt]</nonFatal>", True, True),
        (r"<nonFatal>%ProfilesFolder%\* [*.txt]</nonFatal>", True, True),
        (r"<nonFatal>D:\* [*]</nonFatal>", False, True),
        (r"<fatal>C:\Users\bob [b.txt]</fatal>", False, True),
        ("<nonFatal errorCode='23'>* [*]</nonFatal>", True, True),
        ("<nonFatal errorCode='1117'>* [*]</nonFatal>", True, True),
        ("<nonFatal errorCode='33'>* [*]</nonFatal>", False, True),
        (
            "<nonFatal errorCode='33'>* [*]</nonFatal><fatal errorCode='23'>* [*]</fatal>",
            False,
            False,
        ),
    ],
)
def test_5_4_the_first_rule_that_matches_decides_before_c(
    rules: str, goes_on_without_c: bool, goes_on_with_c: bool
) -> None:
    assert policy(rules).goes_on(DAMAGED, BOB, FILE) is goes_on_without_c
    assert policy(rules, go_on=True).goes_on(DAMAGED, BOB, FILE) is goes_on_with_c


@pytest.mark.parametrize(
    ("error", "code"),
    [(DAMAGED, 23), (DAMAGED, 1117), (ENCRYPTED, 5), (UNSUPPORTED, 13), (SourceError("x"), 1117)],
)
def test_5_4_an_error_has_the_number_that_windows_gives_it(error: SourceError, code: int) -> None:
    rule = f"<nonFatal errorCode='{code}'>* [*]</nonFatal>"
    assert policy(rule).goes_on(error, BOB, FILE)
    assert not policy(rule.replace(str(code), "2")).goes_on(error, BOB, FILE)


@pytest.mark.parametrize(
    ("path", "kind", "pattern", "expected"),
    [
        (r"C:\Users\bob", ObjectKind.DIRECTORY, r"C:\Users\* [*]", True),
        (r"C:\Users\bob", ObjectKind.DIRECTORY, r"C:\Users\bob", True),
        (r"C:\Users\bob", ObjectKind.DIRECTORY, r"C:\Users [bob]", False),
        (r"C:\Users\bob", ObjectKind.LINK, r"C:\Users [bob]", True),
        (r"C:\Users\bob", ObjectKind.LINK, r"C:\Users\bob", True),
        (r"C:\Users\bob", ObjectKind.FILE, r"C:\Users\bob", False),
        (r"C:\Windows\win.ini|Mail\[Key]", ObjectKind.VALUE, r"C:\Windows [win.ini]", True),
        (r"C:\Windows\win.ini|Mail\[Key]", ObjectKind.VALUE, r"C:\Windows [Key]", False),
    ],
)
def test_5_4_a_pattern_of_file_error_means_files_folders_and_ini_files(
    path: str, kind: ObjectKind, pattern: str, expected: bool
) -> None:
    found = policy(f"<nonFatal>{pattern}</nonFatal>")
    assert found.goes_on(DAMAGED, WinPath.parse(path), kind) is expected


@pytest.mark.parametrize(
    ("pattern", "code", "expected"),
    [
        ("* [*]", "any", True),
        (r"HKCU\Software\* [*]", "any", True),
        (r"HKEY_CURRENT_USER\Software\* [*]", "1015", True),
        (rf"HKU\{SID}\Software\X [V]", "23", True),
        (r"HKLM\* [*]", "any", False),
        (r"HKCU\Software\* [*]", "5", False),
    ],
)
def test_5_4_a_pattern_of_registry_error_means_the_hives_of_all_users(
    pattern: str, code: str, expected: bool
) -> None:
    value = WinPath("HKU", (SID, "Software", "X", "[V]"))
    found = policy(keys=f"<nonFatal errorCode='{code}'>{pattern}</nonFatal>")
    assert found.goes_on(DAMAGED, value, ObjectKind.VALUE) is expected
    assert not policy(f"<nonFatal>{pattern}</nonFatal>").goes_on(DAMAGED, value, ObjectKind.VALUE)


def test_5_4_a_key_of_the_control_set_in_use_has_one_name() -> None:
    key = WinPath("HKLM", ("SYSTEM", "CurrentControlSet", "Control"))
    found = policy(keys=r"<nonFatal>HKLM\SYSTEM\ControlSet001\* [*]</nonFatal>")
    assert found.goes_on(DAMAGED, key, ObjectKind.KEY)


@pytest.mark.parametrize(
    ("rules", "efs", "expected"),
    [
        ("", Efs.ABORT, False),
        ("", Efs.SKIP, True),
        ("<nonFatal errorCode='5'>* [*]</nonFatal>", Efs.ABORT, True),
        ("<fatal>* [*]</fatal>", Efs.SKIP, True),
    ],
)
def test_c_does_not_speak_of_efs_but_error_control_may(
    rules: str, efs: Efs, expected: bool
) -> None:
    assert policy(rules, go_on=True, efs=efs).goes_on(ENCRYPTED, BOB, FILE) is expected


@pytest.mark.parametrize(("efs", "expected"), [(Efs.ABORT, False), (Efs.DECRYPTCOPY, True)])
def test_c_goes_past_a_file_that_decryptcopy_has_no_key_for(efs: Efs, expected: bool) -> None:
    assert policy(go_on=True, efs=efs).goes_on(ENCRYPTED, BOB, FILE) is expected
    assert not policy(efs=efs).goes_on(ENCRYPTED, BOB, FILE)


def test_the_end_of_a_run_says_what_would_have_let_it_go_on() -> None:
    assert policy().advice(DAMAGED, BOB, FILE) == "/c goes on past it"
    advice = "/efs:copyraw stores such files as they are, /efs:skip leaves them out"
    assert policy().advice(ENCRYPTED, BOB, FILE) == advice
    fatal = policy("\n<fatal>* [*]</fatal>")
    assert fatal.advice(DAMAGED, BOB, FILE) == "c.xml:2 says that this is fatal"


@pytest.mark.parametrize(
    ("files", "keys", "says"),
    [
        ("<fatal>%NOSUCH%\\* [*]</fatal>", "", "%NOSUCH% is not defined"),
        ("", "<fatal>HK_USERS\\* [*]</fatal>", "is no root of the registry"),
    ],
)
def test_a_rule_that_cannot_be_used_is_a_warning_with_its_line(
    files: str, keys: str, says: str
) -> None:
    notes: list[tuple[str, str]] = []
    found = error_controls(config(files, keys), SCENE, lambda *note: notes.append(note))
    assert found == ()
    assert [level for level, _ in notes] == ["warning"]
    assert notes[0][1].startswith("c.xml:")
    assert says in notes[0][1]


def test_a_variable_of_the_source_is_text_not_a_pattern() -> None:
    found = policy("<nonFatal>%ODD% [*]</nonFatal>")
    assert found.goes_on(DAMAGED, WinPath("C:", ("a[1]", "x")), FILE)
