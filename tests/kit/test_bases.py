"""Paths of the old machine as bases and names, and what a plan says of names that are taken."""

from __future__ import annotations

import pytest

from extractor.kit.bases import Bases, locations_of
from extractor.kit.objects import rule_of
from extractor.model import WinPath
from extractor.restore.people.users import map_users
from extractor.restore.people.words import UserWords, parse_mu
from extractor.restore.rules.asked import Asked
from extractor.rules.calls import parse_call
from tests.restore.people.test_users import ANNA, BOB, HEADER


def bases(system: str = "C:") -> Bases:
    people = map_users(HEADER, UserWords((parse_mu("bob:robert"),)))
    return Bases(locations_of(people, Asked(()), system, {}))


@pytest.mark.parametrize(
    ("path", "base", "names"),
    [
        ("C:\\Users\\bob\\Documents\\a", f"profile:{BOB}", ("Documents", "a")),
        ("c:\\USERS\\Bob\\a", f"profile:{BOB}", ("a",)),
        ("C:\\Users\\bob", f"profile:{BOB}", ()),
        ("C:\\Users\\anna.CONTOSO\\a", f"profile:{ANNA}", ("a",)),
        ("C:\\Users\\bobby\\a", "system", ("Users", "bobby", "a")),
        ("C:\\Data", "system", ("Data",)),
        ("D:\\Data\\x", "drive:D", ("Data", "x")),
        ("\\Lost\\x", "system", ("Lost", "x")),
    ],
)
def test_a_path_is_a_base_that_only_the_other_windows_knows_and_names(
    path: str, base: str, names: tuple[str, ...]
) -> None:
    found = bases()
    token, *rest = found.of(WinPath.parse(path))
    assert (found.base(token), tuple(rest)) == (base, names)


def test_the_root_of_a_drive_is_nothing_to_be_made_and_the_old_system_drive_is_any() -> None:
    assert bases().of(WinPath("D:")) == ()
    found = bases("E:")
    assert found.base(found.of(WinPath("E:", ("x",)))[0]) == "system"
    assert found.base(found.of(WinPath("C:", ("x",)))[0]) == "drive:C"


@pytest.mark.parametrize(
    ("call", "rule", "pattern", "tag"),
    [
        ("", "Rename", "<F>(<N>).<E>", ""),
        ("SourcePriority()", "SourcePriority", "<F>(<N>).<E>", "FileVersion"),
        ("NewestVersion('ProductVersion')", "NewestVersion", "<F>(<N>).<E>", "ProductVersion"),
        ("FindFilePlaceByPattern('<F> <N>.<E>')", "Rename", "<F> <N>.<E>", ""),
        ("FindFilePlaceByPattern('always the same')", "Rename", "<F>(<N>).<E>", ""),
        ("HigherValue()", "Rename", "<F>(<N>).<E>", ""),
    ],
)
def test_a_merge_rule_is_told_so_that_a_script_can_follow_it(
    call: str, rule: str, pattern: str, tag: str
) -> None:
    found = rule_of(parse_call(f"MigXmlHelper.{call}") if call else None)
    assert (found["rule"], found["pattern"]) == (rule, pattern)
    assert tag in {found["tag"], ""}
