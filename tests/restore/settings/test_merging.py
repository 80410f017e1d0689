"""Where a key or value goes and what becomes of it there; the plan and the work ask alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from extractor.errors import SourceError
from extractor.model import Instruction, Record, RegistryValue, WinPath
from extractor.restore.people.words import UserWords, parse_mu
from extractor.restore.rules.locations import Placed
from extractor.restore.settings.holders import NowhereError
from extractor.restore.settings.merging import THERE, Aim, Merging, spot_key
from extractor.restore.settings.values import SAME
from extractor.restore.tasks import Deed, Spot
from tests.registry.tiny_hive import tiny_hive
from tests.restore.people.test_users import BOB, EVE
from tests.restore.settings.test_writing import row, sz
from tests.restore.windows_target import merging_at, plain_folder, plain_windows

INI = b'[S]\r\nk="there"\r\n'


def nothing(_: Spot) -> RegistryValue | None:
    """Say that nothing is to be written yet."""


def aim(merging: Merging, record: Record) -> Aim:
    return merging.aim(record, Placed(record.path, "why"))


def said(kind: str, call: str, pattern: str) -> Instruction:
    of = "Registry" if pattern.startswith("HK") else "Ini"
    return Instruction(kind, f"MigXmlHelper.{call}", BOB, "u/a/data", "r.xml:1", ((of, pattern),))


@pytest.mark.parametrize(
    ("path", "shown", "spot"),
    [
        (r"HKLM\SOFTWARE\Acme", r"HKLM\SOFTWARE", Spot(("Acme",))),
        (r"HKLM\SOFTWARE\Acme [v]", r"HKLM\SOFTWARE", Spot(("Acme",), "v")),
        (r"HKLM\SOFTWARE\Acme []", r"HKLM\SOFTWARE", Spot(("Acme",), "")),
        (rf"HKU\{BOB}\Software\A [a\b]", rf"HKU\{BOB}", Spot(("Software", "A"), r"a\b")),
        (r"C:\Dir\a.ini|S [k]", r"C:\Dir\a.ini", Spot(("S",), "k")),
        (r"C:\a.ini| [k]", r"C:\a.ini", Spot(("",), "k")),
        (r"C:\a.ini|S|T [k]", r"C:\a.ini", Spot(("S|T",), "k")),
    ],
)
def test_a_setting_has_a_file_and_a_place_in_it(
    tmp_path: Path, path: str, shown: str, spot: Spot
) -> None:
    with merging_at(plain_folder(tmp_path)) as (_, merging):
        record = row(path, None if spot.value is None else sz("x"))
        found = aim(merging, record)
        assert (found.holder.shown, found.spot, found.why) == (shown, spot, "why")


def test_what_goes_nowhere_is_said(tmp_path: Path) -> None:
    with merging_at(plain_folder(tmp_path)) as (_, merging):
        record = row(r"HKLM\SOFTWARE\Acme [v]", sz("x"))
        with pytest.raises(NowhereError, match=r"r\.xml:1: flat"):
            merging.aim(record, Placed(record.path, "r.xml:1", "flat"))
        for path in (r"C:\a.txt [k]", r"HKCC\x [k]", rf"HKU\{EVE}0\x [k]"):
            with pytest.raises(NowhereError):
                aim(merging, row(path, sz("x")))


@pytest.mark.parametrize(
    ("path", "value", "deed", "why"),
    [
        (r"HKLM\SOFTWARE\acme", None, Deed.KEEP, THERE),
        (r"HKLM\SOFTWARE\Acme\New", None, Deed.MAKE, ""),
        (r"HKLM\SOFTWARE\Acme [new]", sz("x"), Deed.MAKE, ""),
        (r"HKLM\SOFTWARE\ACME [V]", sz("there"), Deed.KEEP, SAME),
        (r"HKLM\SOFTWARE\Acme [v]", sz("x"), Deed.REPLACE, "the value of the store counts"),
        (r"C:\a.ini|s [K]", sz("there"), Deed.KEEP, SAME),
        (r"C:\a.ini|S [k]", sz("x"), Deed.REPLACE, "the value of the store counts"),
        (r"C:\a.ini|T [k]", sz("x"), Deed.MAKE, ""),
        (r"C:\none.ini|S [k]", sz("x"), Deed.MAKE, ""),
    ],
)
def test_what_becomes_of_a_setting_depends_on_what_is_there(
    tmp_path: Path, path: str, value: RegistryValue | None, deed: Deed, why: str
) -> None:
    with merging_at(plain_folder(tmp_path, {"a.ini": INI})) as (_, merging):
        record = row(path, value)
        ruling = merging.ruled(record, aim(merging, record), nothing)
        assert ruling.deed is deed
        assert why in ruling.conflict
        assert bool(ruling.value) == (value is not None and deed is not Deed.KEEP)


def test_a_value_without_data_is_refused(tmp_path: Path) -> None:
    with merging_at(plain_folder(tmp_path)) as (_, merging):
        record = replace(row(r"HKLM\SOFTWARE\Acme [v]", sz("x")), value=None)
        assert merging.ruled(record, aim(merging, record), nothing).deed is Deed.REFUSE


@pytest.mark.parametrize(
    ("rules", "path", "ours", "expected"),
    [
        ([("merge", "DestinationPriority()")], rf"HKU\{BOB}\Software\Acme [v]", "x", (Deed.KEEP, "")),
        ([("contentModify", "MergeDelimitedContent(';','Add','z')")], rf"HKU\{BOB}\Software\Acme [v]", "x",
         (Deed.REPLACE, "bob's;x;z")),
        ([("contentModify", "SetValueByTable('a','b',NULL)")], rf"HKU\{BOB}\Software\Acme [new]", "x", (Deed.SKIP, "")),
    ],
)  # fmt: skip
def test_the_narrowest_rules_decide(
    tmp_path: Path, rules: Sequence[tuple[str, str]], path: str, ours: str, expected: tuple[Deed, str]
) -> None:  # fmt: skip
    instructions = [said(kind, call, r"HKCU\Software\Acme [*]") for kind, call in rules]
    with merging_at(plain_folder(tmp_path), instructions=instructions) as (_, merging):
        record = row(path, sz(ours))
        ruling = merging.ruled(record, aim(merging, record), nothing)
        assert (ruling.deed, ruling.value.text if ruling.value else "") == expected


def test_rules_see_the_paths_of_the_new_machine_and_the_name_of_the_new_place(
    tmp_path: Path,
) -> None:
    words = UserWords((parse_mu("bob:robert"),))
    install = plain_windows({BOB: r"DESK\robert|C:\Users\robert"}, {BOB: "robert"})
    files = {"Users/robert/NTUSER.DAT": tiny_hive({"Software": {"other": r"C:\Users\robert\x"}})}
    with merging_at(plain_folder(tmp_path, files), install, words=words) as (_, merging):
        record = row(rf"HKU\{BOB}\Software [v]", sz(r"C:\Users\bob\x"))
        placed = Placed(WinPath("HKU", (BOB, "Software", "[other]")))
        ruling = merging.ruled(record, merging.aim(record, placed), nothing)
        assert ruling.conflict == SAME
        fresh = Placed(WinPath("HKU", (BOB, "Software", "[fresh]")))
        made = merging.ruled(record, merging.aim(record, fresh), nothing).value
        assert made is not None
        assert (made.name, made.text) == ("fresh", r"C:\Users\robert\x")


def test_what_is_to_be_written_counts_as_there(tmp_path: Path) -> None:
    with merging_at(plain_folder(tmp_path)) as (_, merging):
        record = row(r"HKLM\SOFTWARE\Acme [v]", sz("x"))
        ruling = merging.ruled(record, aim(merging, record), lambda _: sz("x"))
        assert ruling.conflict == SAME


@pytest.mark.parametrize(
    ("gone", "path", "is_gone"),
    [
        (Spot(("ACME",), "V"), r"HKLM\SOFTWARE\Acme [v]", True),
        (Spot(("Acme",), "n"), r"HKLM\SOFTWARE\Acme [v]", False),
        (Spot(("acme",)), r"HKLM\SOFTWARE\Acme [v]", True),
        (Spot(("Acme",)), r"HKLM\SOFTWARE\Acme\Sub", True),
        (Spot(("Acme", "Sub")), r"HKLM\SOFTWARE\Acme [v]", False),
        (Spot(("Acme", "Su")), r"HKLM\SOFTWARE\Acme\Sub", False),
        (Spot(()), r"HKLM\SOFTWARE\Acme\Sub", True),
        (Spot(("s",), "k"), r"C:\a.ini|S [K]", True),
        (Spot(("s",), "kk"), r"C:\a.ini|S [K]", False),
    ],
)
def test_what_a_clean_up_takes_is_not_there(
    tmp_path: Path, gone: Spot, path: str, *, is_gone: bool
) -> None:
    with merging_at(plain_folder(tmp_path, {"a.ini": INI})) as (_, merging):
        record = row(path, sz("there") if "[" in path else None)
        found = aim(merging, record)
        merging.remove(found.holder, gone)
        ruling = merging.ruled(record, found, nothing)
        assert ruling.deed is (Deed.MAKE if is_gone else Deed.KEEP)


def test_places_compare_as_windows_compares_them(tmp_path: Path) -> None:
    with merging_at(plain_folder(tmp_path)) as (_, merging):
        holder = merging.holders.machine(r"HKLM\SOFTWARE")
        other = merging.holders.machine(r"HKLM\SYSTEM")
        assert spot_key(holder, Spot(("Ärger",), "É")) == spot_key(holder, Spot(("äRGER",), "é"))
        distinct = [Spot(("a",)), Spot(("a",), ""), Spot(("a",), "b"), Spot(("a", "b"))]
        assert len({spot_key(each, spot) for each in (holder, other) for spot in distinct}) == 8


def test_an_ini_file_is_no_larger_than_a_person_would_write(tmp_path: Path) -> None:
    with merging_at(plain_folder(tmp_path, {"a.ini": b"[S]\r\n" + b";" * (4 << 20)})) as (_, merging):  # fmt: skip
        record = row(r"C:\a.ini|S [k]", sz("x"))
        with pytest.raises(SourceError, match="is larger than"):
            merging.ruled(record, aim(merging, record), nothing)
