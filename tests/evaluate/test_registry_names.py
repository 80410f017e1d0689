r"""The many names of a registry key -> the one below ``HKLM`` or ``HKU\<SID>`` (usmt.md 3.4, 3.6)."""

from __future__ import annotations

import pytest

from extractor.errors import DamagedError
from extractor.evaluate.registry_names import canonical_location, split_brackets
from extractor.model import RegistryValue
from extractor.registry import Registry
from extractor.rules.patterns import PatternError
from extractor.testing import FakeHive

SID = "S-1-5-21-1-2-3-1001"
SYSTEM = FakeHive({"Select": {"Current": 2}, "ControlSet002": {}, "ControlSet001": {}})
REGISTRY = Registry({r"HKLM\SYSTEM": lambda: SYSTEM})


class BrokenHive(FakeHive):
    """A hive of which nothing can be read."""

    def value(self, key: str, name: str = "") -> RegistryValue | None:
        raise DamagedError(f"bad block at {key}")


NAMES = {
    "3.6 HKLM": (r"HKLM\Software\X [v]", "", [r"HKLM\Software\X [v]"]),
    "3.6 the long name": (r"HKEY_LOCAL_MACHINE\Software", "", [r"HKLM\Software"]),
    "3.6 in any letter case": (r"hkey_Local_Machine\Software", "", [r"HKLM\Software"]),
    "3.6 the root alone": ("HKLM", "", ["HKLM"]),
    "3.6 HKCU is the user's": (r"HKCU\Software [v]", SID, [rf"HKU\{SID}\Software [v]"]),
    "3.6 HKEY_CURRENT_USER": (r"HKEY_CURRENT_USER\X []", SID, [rf"HKU\{SID}\X []"]),
    "3.6 HKU": (rf"HKU\{SID}\X", "", [rf"HKU\{SID}\X"]),
    "3.6 HKU .DEFAULT": (r"HKU\.DEFAULT\X", "", [r"HKU\.DEFAULT\X"]),
    "3.6 HKEY_USERS": (r"HKEY_USERS\.DEFAULT\X", "", [r"HKU\.DEFAULT\X"]),
    "2.5 a _Classes hive is Software\\Classes": (
        rf"HKU\{SID}_Classes\.txt", "", [rf"HKU\{SID}\Software\Classes\.txt"],
    ),
    "2.5 HKCR of the machine": (r"HKCR\.txt []", "", [r"HKLM\SOFTWARE\Classes\.txt []"]),
    "2.5 HKCR of a user: the user's own first": (
        r"HKCR\.txt []", SID, [rf"HKU\{SID}\Software\Classes\.txt []", r"HKLM\SOFTWARE\Classes\.txt []"],
    ),
    "2.5 the control set in use": (r"HKLM\SYSTEM\ControlSet002\X", "", [r"HKLM\SYSTEM\CurrentControlSet\X"]),
    "2.5 the control set in use itself": (r"HKLM\SYSTEM\ControlSet002", "", [r"HKLM\SYSTEM\CurrentControlSet"]),
    "2.5 CurrentControlSet": (r"HKLM\SYSTEM\CurrentControlSet\X", "", [r"HKLM\SYSTEM\CurrentControlSet\X"]),
    "2.5 another control set": (r"HKLM\SYSTEM\ControlSet001\X", "", [r"HKLM\SYSTEM\ControlSet001\X"]),
    "2.5 all control sets": (
        r"HKLM\SYSTEM\ControlSet*\X", "", [r"HKLM\SYSTEM\ControlSet*\X", r"HKLM\SYSTEM\CurrentControlSet*\X"],
    ),
    "2.5 a star that takes the other name too": (r"HKLM\SYSTEM\C*\X", "", [r"HKLM\SYSTEM\C*\X"]),
    "2.5 no other key has two names": (r"HKLM\Software\ControlSet002", "", [r"HKLM\Software\ControlSet002"]),
    "3.6 double backslashes": (r"HKLM\\Software\\X", "", [r"HKLM\Software\X"]),
    "3.6 blanks around": (r"  HKLM\Software [v]  ", "", [r"HKLM\Software [v]"]),
    "3.6 stars stay": (r"HKCU\A\*\B\* [*]", SID, [rf"HKU\{SID}\A\*\B\* [*]"]),
    "3.6 escapes stay": (r"HKLM\a^[b^] [c^*]", "", [r"HKLM\a^[b^] [c^*]"]),
}  # fmt: skip


@pytest.mark.parametrize(("text", "sid", "expected"), NAMES.values(), ids=NAMES.keys())
def test_a_name_of_a_key_has_canonical_forms(text: str, sid: str, expected: list[str]) -> None:
    assert list(canonical_location(text, sid, REGISTRY)) == expected


@pytest.mark.parametrize(("text", "sid", "expected"), NAMES.values(), ids=NAMES.keys())
def test_what_is_canonical_stays_as_it_is(text: str, sid: str, expected: list[str]) -> None:
    """Else a pattern that a function made of another would mean something else."""
    for each in expected:
        assert each in canonical_location(each, sid, REGISTRY)


UNUSABLE = {
    "3.4 HKCU in System context": (r"HKCU\Software", "", "HKCU is invalid in the system context"),
    "3.4 an unknown root": (r"HK_USERS\X", SID, "'HK_USERS' is no root of the registry"),
    "3.4 HKCC": (r"HKCC\X", SID, "'HKCC' is no root"),
    "3.4 a path": (r"C:\X", SID, "'C:' is no root"),
    "3.6 a star for the root": (r"*\Software [*]", SID, "cannot be a wildcard"),
    "3.6 a root by wildcard": (r"HK*\Software [*]", SID, "cannot be a wildcard"),
}


@pytest.mark.parametrize(("text", "sid", "why"), UNUSABLE.values(), ids=UNUSABLE.keys())
def test_what_means_no_key_here_is_refused_in_words(text: str, sid: str, why: str) -> None:
    with pytest.raises(PatternError, match=why):
        canonical_location(text, sid, REGISTRY)


@pytest.mark.parametrize(
    "registry",
    [Registry({}), Registry({r"HKLM\SYSTEM": lambda: BrokenHive({})})],
    ids=["none", "broken"],
)
def test_where_the_control_set_in_use_is_not_known_names_stay(registry: Registry) -> None:
    text = r"HKLM\SYSTEM\ControlSet002\X"
    assert canonical_location(text, "", registry) == (text,)


BRACKETS = {
    "3.6 a value": (r"HKLM\X [v]", (r"HKLM\X", "[v]")),
    "3.6 a key": (r"HKLM\X", (r"HKLM\X", "")),
    "3.6 the default value": (r"HKLM\X []", (r"HKLM\X", "[]")),
    "3.6 no blank before": (r"HKLM\X[v]", (r"HKLM\X", "[v]")),
    "3.6 an escaped bracket": (r"HKLM\a^[b^] [v^]]", (r"HKLM\a^[b^]", "[v^]]")),
    "3.6 blanks around": ("  x  [v]  ", ("x", "[v]")),
}


@pytest.mark.parametrize(("text", "expected"), BRACKETS.values(), ids=BRACKETS.keys())
def test_a_location_is_a_node_and_a_leaf(text: str, expected: tuple[str, str]) -> None:
    assert split_brackets(text) == expected
