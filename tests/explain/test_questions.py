"""Words of a person become objects: literally, and of the registry once for each user who comes."""

from __future__ import annotations

import pytest

from extractor.errors import UsageError
from extractor.explain.questions import is_object, kind_of_missing, objects
from extractor.model import ObjectKind
from extractor.registry import Registry
from extractor.rules.patterns import PatternKind
from extractor.testing import FakeHive

BOB, ANNA = "S-1-5-21-1-2-3-1001", "S-1-5-21-1-2-3-1002"
SELECT = FakeHive({"Select": {"Current": 1}, "ControlSet001": {}})
REGISTRY = Registry({r"HKLM\SYSTEM": lambda: SELECT})

ASKED = {
    r"C:\Users\bob\a.txt": [r"C:\Users\bob\a.txt"],
    "c:/Users/bob/": [r"C:\Users\bob"],
    r"C:\a [b]*^c.txt": [r"C:\a [b]*^c.txt"],
    r"HKCU\Software\X": [rf"HKU\{BOB}\Software\X", rf"HKU\{ANNA}\Software\X"],
    r"HKEY_LOCAL_MACHINE\SOFTWARE\X [Name]": [r"HKLM\SOFTWARE\X\[Name]"],
    r"HKLM\SOFTWARE\X []": [r"HKLM\SOFTWARE\X\[]"],
    r"HKLM\SOFTWARE\X\[Name]": [r"HKLM\SOFTWARE\X\[Name]"],
    r"HKLM\SYSTEM\ControlSet001\Y": [r"HKLM\SYSTEM\CurrentControlSet\Y"],
    r"HKLM\SOFTWARE\*literally": [r"HKLM\SOFTWARE\*literally"],
    r"C:\Windows\win.ini|Desktop[Pattern]": [r"C:\Windows\win.ini|Desktop\[Pattern]"],
}


@pytest.mark.parametrize(("word", "paths"), ASKED.items(), ids=ASKED.keys())
def test_a_word_names_these_objects(word: str, paths: list[str]) -> None:
    assert is_object(word)
    assert [str(each.path) for each in objects(word, REGISTRY, [BOB, ANNA])] == paths


def test_classes_are_those_of_each_user_and_of_the_machine() -> None:
    found = {str(each.path) for each in objects(r"HKCR\.txt", REGISTRY, [BOB])}
    assert found == {rf"HKU\{BOB}\Software\Classes\.txt", r"HKLM\SOFTWARE\Classes\.txt"}
    assert len(list(objects(r"HKCR\.txt", REGISTRY, []))) == 1


@pytest.mark.parametrize("word", ["disk.raw", "/mnt/C:/x", "HKEY.raw.E01/x", "./HKCU", "image.E01"])
def test_a_file_of_this_computer_is_no_object(word: str) -> None:
    assert not is_object(word)


@pytest.mark.parametrize("word", [r"HKXX\Software", r"C:\win.ini|Section", r"HKCU\Software"])
def test_what_names_nothing_is_a_usage_error(word: str) -> None:
    with pytest.raises(UsageError):
        list(objects(word, REGISTRY, []))


def test_what_is_not_there_is_taken_for_the_likeliest_kind() -> None:
    words = {
        r"C:\a": ObjectKind.FILE,
        r"HKLM\SOFTWARE\X": ObjectKind.KEY,
        r"HKLM\SOFTWARE\X [v]": ObjectKind.VALUE,
    }
    for word, kind in words.items():
        (asked,) = objects(word, REGISTRY, [])
        assert kind_of_missing(asked) is kind


def test_the_kind_of_pattern_that_speaks_of_it_is_known() -> None:
    kinds = [
        next(objects(word, REGISTRY, [BOB])).kind for word in (r"C:\a", r"HKLM\X", r"C:\a|b[c]")
    ]
    assert kinds == [PatternKind.FILE, PatternKind.REGISTRY, PatternKind.INI]
