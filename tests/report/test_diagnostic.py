"""The diagnostic log as an XML reader sees it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from extractor.errors import LogFileError
from extractor.events import Activated, Event, Finished, ItemDone, MigUnit, Started, UserDetected
from extractor.model import ObjectKind, OutcomeKind, WinPath
from extractor.report.diagnostic import Diagnostic

ANN = "S-1-5-21-1-2-3-1001"
PROJECT = MigUnit(
    "Projects", "", "Applications", "UserData", present=True, selected=True,
    patterns={"Exclude": (("File", r"c:\proj\tmp\ [*]"),), "Include": (("File", r"c:\proj\* [*]"),)},
    sources=frozenset({"my.xml:7", "my.xml:9"}),
)  # fmt: skip
NOTES = MigUnit("Notes", ANN, "Documents", "Settings", present=False, selected=False)
STORED = OutcomeKind.STORED


def done(path: WinPath, kind: ObjectKind = ObjectKind.FILE, scope: str = "") -> ItemDone:
    return ItemDone(scope, path, STORED, 1, kind=kind, rule="my.xml:7")


def written(tmp_path: Path, events: Iterable[Event]) -> ET.Element:
    path = tmp_path / "diag.xml"
    with Diagnostic(path) as log:
        for event in events:
            log(event)
    return ET.parse(path).getroot()


def begun(*units: MigUnit) -> list[Event]:
    user = UserDetected(ANN, "PC\\ann", included=True)
    return [Started((), "PC"), user, Activated(lambda: units)]


def test_a_unit_lists_its_patterns_as_usmt_shows_them(tmp_path: Path) -> None:
    root = written(tmp_path, begun(PROJECT, NOTES))
    first, second = root.findall("Machine/MigUnitList/MigUnit")
    assert first.attrib == {
        "Name": "<System>\\Projects (CMXEAgent)", "Context": "System", "ConfidenceLevel": "100",
        "Group": "Applications", "Role": "UserData", "Agent": "CMXEAgent", "Selected": "true",
        "Supported": "true",
    }  # fmt: skip
    assert [
        (patterns.get("Type"), each.get("Type"), each.get("Path"))
        for patterns in first
        for each in patterns
    ] == [("Exclude", "File", "C:\\proj\\tmp [*]"), ("Include", "File", "C:\\proj\\* [*]")]
    assert second.get("Name") == "PC\\ann\\Notes (CMXEAgent)"
    assert (second.get("Selected"), second.get("Context")) == ("false", "User")


def test_operations_stand_by_user_and_unit_a_folder_before_its_files(tmp_path: Path) -> None:
    folder = WinPath("C:", ("proj",))
    events = [
        *begun(PROJECT),
        done(folder / "b.txt"),
        done(folder / "ann.txt", scope=ANN),
        done(folder / "a[1].txt"),
        done(folder, ObjectKind.DIRECTORY),
        Finished(0),
    ]
    root = written(tmp_path, events)
    performed = [
        (perform.get("User"), unit.get("Name"), [each.get("Path") for each in unit])
        for perform in root.findall("Machine/Perform")
        for unit in perform
    ]
    name = "<System>\\Projects (CMXEAgent)"
    paths = ["C:\\proj", "C:\\proj [a^[1^].txt]", "C:\\proj [b.txt]"]
    assert performed == [
        ("PC\\ann", name, ["C:\\proj [ann.txt]"]),
        ("System", name, paths),
    ]


def test_registry_and_ini_values_are_told_apart(tmp_path: Path) -> None:
    value = WinPath("HKLM", ("SOFTWARE", "X", "[Name]"))
    ini = WinPath("C:", ("Windows", "win.ini|Acme", "[Last]"))
    key = WinPath("HKLM", ("SOFTWARE", "X"))
    events = [
        *begun(PROJECT),
        done(value, ObjectKind.VALUE),
        done(ini, ObjectKind.VALUE),
        done(key, ObjectKind.KEY),
    ]
    found = [
        (each.get("Type"), each.get("Path")) for each in written(tmp_path, events).iter("Operation")
    ]
    assert found == [
        ("Ini", "C:\\Windows\\win.ini|Acme [Last]"),
        ("Registry", "HKLM\\SOFTWARE\\X"),
        ("Registry", "HKLM\\SOFTWARE\\X [Name]"),
    ]


def test_a_loss_is_no_success_and_what_is_excluded_is_no_operation(tmp_path: Path) -> None:
    path = WinPath("C:", ("lost.txt",))
    events = [
        *begun(PROJECT),
        ItemDone("", path, OutcomeKind.NOT_STORED, 0, "bad sector"),
        ItemDone("", path, OutcomeKind.EXCLUDED, 0, "excluded"),
    ]
    assert [each.get("Success") for each in written(tmp_path, events).iter("Operation")] == [
        "false"
    ]


def test_hostile_names_leave_well_formed_xml(tmp_path: Path) -> None:
    name = 'a"<&>\x1b\ud800\uffff.txt'
    root = written(tmp_path, [*begun(PROJECT), done(WinPath("C:", (name,)))])
    (operation,) = root.iter("Operation")
    assert operation.get("Path") == 'C: [a"<&>\\x1b\\ud800\\uffff.txt]'


def test_a_run_that_breaks_off_leaves_well_formed_xml(tmp_path: Path) -> None:
    def broken_off() -> Iterator[Event]:
        yield from [*begun(PROJECT), done(WinPath("C:", ("a.txt",)))]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        written(tmp_path, broken_off())
    assert len(list(ET.parse(tmp_path / "diag.xml").getroot().iter("Operation"))) == 1


def test_several_windows_stand_side_by_side(tmp_path: Path) -> None:
    one = done(WinPath("C:", ("a.txt",)))
    root = written(tmp_path, [*begun(PROJECT), one, *begun(PROJECT), one, Finished(0)])
    assert [len(list(each.iter("Operation"))) for each in root.findall("Machine")] == [1, 1]


@pytest.mark.parametrize("path", ["missing/diag.xml", "store/diag.xml"])
def test_a_bad_path_is_refused_before_anything_is_read(tmp_path: Path, path: str) -> None:
    (tmp_path / "store").mkdir()
    with pytest.raises(LogFileError, match=r"diag\.xml"):
        Diagnostic(tmp_path / path, tmp_path / "store")
