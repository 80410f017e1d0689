from __future__ import annotations

import pytest

from extractor.errors import DamagedError
from extractor.model import RegistryValue
from extractor.registry import Registry
from extractor.seams import Hive, HiveNote
from extractor.testing import FakeHive

SID = "S-1-5-21-1-2-3-1001"
SOFTWARE = FakeHive({r"Classes\.txt": {"": "machine", "only": "here"}, r"Microsoft\Windows": {}})
SYSTEM = FakeHive(
    {"Select": {"Current": 2}, r"ControlSet002\Control": {"Name": "two"}, "ControlSet001": {}}
)
USER = FakeHive({r"Software\App": {"v": 7}})
CLASSES = FakeHive({".txt": {"": "user"}, ".new": {}})


def registry() -> Registry:
    return Registry(
        {
            r"HKLM\SOFTWARE": lambda: SOFTWARE,
            r"HKLM\SYSTEM": lambda: SYSTEM,
            rf"HKU\{SID}": lambda: USER,
            rf"HKU\{SID}_CLASSES": lambda: CLASSES,
        }
    )


@pytest.mark.parametrize("root", ["HKLM", "hklm", "HKEY_LOCAL_MACHINE", "hkey_local_machine"])
def test_roots_have_a_short_and_a_long_name(root: str) -> None:
    assert registry().exists(rf"{root}\software\MICROSOFT\Windows")


def test_current_control_set_is_the_one_that_select_names() -> None:
    assert registry().text(r"HKLM\SYSTEM\CurrentControlSet\Control", "Name") == "two"
    assert registry().exists(r"HKLM\SYSTEM\ControlSet001")


def test_the_current_control_set_has_a_number() -> None:
    assert registry().current_control_set() == 2
    assert Registry({}).current_control_set() == 1


def test_the_mounts_tell_where_hives_are() -> None:
    assert rf"HKU\{SID}_CLASSES" in registry().mounts
    assert registry().for_user(SID).mounts == registry().mounts


def test_hkcu_is_the_hive_of_the_user_and_nothing_for_the_machine() -> None:
    assert not registry().exists(r"HKCU\Software\App")
    value = registry().for_user(SID).value(r"HKCU\Software\App", "v")
    assert value is not None
    assert value.integer == 7


def test_the_classes_of_a_user_are_a_hive_of_their_own() -> None:
    view = registry().for_user(SID)
    assert view.text(r"HKCU\Software\Classes\.txt") == "user"
    assert view.text(rf"HKU\{SID}_Classes\.txt") == "user"


def test_hkcr_shows_the_user_before_the_machine() -> None:
    view = registry().for_user(SID)
    assert registry().text(r"HKCR\.txt") == "machine"
    assert view.text(r"HKCR\.txt") == "user"
    assert view.text(r"HKCR\.txt", "only") == "here"
    assert [value.text for value in view.values(r"HKCR\.txt")] == ["user", "here"]
    assert list(view.subkeys("HKCR")) == [".txt", ".new"]


@pytest.mark.parametrize(
    "path", ["", "HKLM", "HKXX\\a", "HKLM\\NONE\\a", "HKU\\S-1-5-21-9\\a", "\\"]
)
def test_a_path_that_leads_nowhere_has_no_keys(path: str) -> None:
    assert not registry().exists(path)
    assert registry().value(path, "v") is None
    assert registry().last_written(path) == 0


def test_a_hive_is_opened_once_and_only_when_a_path_leads_into_it() -> None:
    opened: list[str] = []

    def opener() -> Hive:
        opened.append("SOFTWARE")
        return SOFTWARE

    view = Registry({r"HKLM\SOFTWARE": opener})
    assert opened == []
    view.exists(r"HKLM\SOFTWARE\Microsoft")
    view.for_user(SID).exists(r"HKCR\.txt")
    assert opened == ["SOFTWARE"]


def test_a_hive_that_cannot_be_read_is_said_at_each_use() -> None:
    def opener() -> Hive:
        raise DamagedError("SOFTWARE: not a registry hive")

    view = Registry({r"HKLM\SOFTWARE": opener})
    for _ in range(2):
        with pytest.raises(DamagedError, match="not a registry hive"):
            view.exists(r"HKLM\SOFTWARE\Microsoft")


def test_what_had_to_be_done_to_read_the_hives_is_told_once() -> None:
    broken = FakeHive({"App": {"v": 1}})
    broken.notes = [HiveNote("warning", "read from its copy")]
    view = Registry({r"HKLM\SOFTWARE": lambda: broken, rf"HKU\{SID}": lambda: broken})
    assert not view.notes
    assert view.exists(r"HKLM\SOFTWARE\App")
    assert view.for_user(SID).exists(r"HKCU\App")
    assert view.notes == (HiveNote("warning", "read from its copy"),)
    assert view.for_user(SID).notes == view.notes


def test_damage_of_a_key_is_told_by_its_full_path() -> None:
    class Damaged(FakeHive):
        def damage(self, key: str) -> str:
            return "its list is lost" if key == "App" else ""

    view = Registry({r"HKLM\SOFTWARE": lambda: Damaged({"App": {}, "Other": {}})})
    assert view.damage(r"HKLM\SOFTWARE\App") == "its list is lost"
    assert view.damage(r"HKLM\SOFTWARE\Other") == ""
    assert view.damage(r"HKLM\NONE") == ""


def link(target: str) -> RegistryValue:
    return RegistryValue("SymbolicLinkValue", 6, target.encode("utf-16-le"))


WOW64 = FakeHive(
    {
        r"Classes\Wow6432Node\CLSID\{1}": {"": "32-bit"},
        r"Wow6432Node\Classes": {"SymbolicLinkValue": link(r"\REGISTRY\MACHINE\SOFTWARE\Classes\Wow6432Node")},
        r"Wow6432Node\Microsoft": {"v": 1},
        "Loop": {"SymbolicLinkValue": link(r"\Registry\Machine\SOFTWARE\Loop\on")},
        "Text": {"SymbolicLinkValue": r"\REGISTRY\MACHINE\SOFTWARE\Wow6432Node"},
        "Elsewhere": {"SymbolicLinkValue": link(r"\Device\x")},
    }
)  # fmt: skip


def test_a_path_through_a_link_leads_to_its_target() -> None:
    view = Registry({r"HKLM\SOFTWARE": lambda: WOW64})
    assert view.text(r"HKLM\SOFTWARE\Wow6432Node\Classes\CLSID\{1}") == "32-bit"
    assert list(view.subkeys(r"HKLM\SOFTWARE\Wow6432Node\Classes\CLSID")) == ["{1}"]
    assert view.number(r"HKLM\SOFTWARE\Wow6432Node\Microsoft", "v") == 1


def test_the_link_itself_is_a_key_or_a_walk_would_meet_everything_twice() -> None:
    view = Registry({r"HKLM\SOFTWARE": lambda: WOW64})
    assert not view.subkeys(r"HKLM\SOFTWARE\Wow6432Node\Classes")
    assert [each.type for each in view.values(r"HKLM\SOFTWARE\Wow6432Node\Classes")] == [6]


@pytest.mark.parametrize("key", ["Loop", "Text", "Elsewhere", r"Elsewhere\deep"])
def test_a_link_that_leads_nowhere_or_to_itself_has_nothing_below(key: str) -> None:
    assert not Registry({r"HKLM\SOFTWARE": lambda: WOW64}).exists(rf"HKLM\SOFTWARE\{key}\Microsoft")
