"""Stored keys and values are there again as ``.reg`` and hives, proved by the store itself."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from extractor.gather.values import ValueGatherer
from extractor.model import (
    Entry,
    Metadata,
    ObjectKind,
    RegistryValue,
    Selected,
    StreamInfo,
    Times,
    WinPath,
)
from extractor.registry import open_hive
from extractor.seams import Hive
from extractor.store.directory import DirectoryStore
from extractor.store.manifest import manifest_path
from extractor.store.records import excluded
from extractor.store.verify import verify_store
from tests.registry.readers import by_hivex, by_us, hive_keys
from tests.store.build import add

BOB = "S-1-5-21-1-2-3-1001"
TIME = 132_000_000_000_000_000


def win_path(path: str) -> WinPath:
    drive, *parts = path.split("\\")
    return WinPath(drive, tuple(parts))


def key(path: str, written: int = TIME) -> Selected:
    return selected(ObjectKind.KEY, win_path(path), Metadata(0, Times(modified=written)))


def value(path: str, name: str, data: bytes | str = "x", kind: int = 1) -> Selected:
    raw = (data + "\0").encode("utf-16-le", "surrogatepass") if isinstance(data, str) else data
    size = StreamInfo("", len(raw), valid=len(raw), resident=True)
    found = selected(
        ObjectKind.VALUE, win_path(path) / f"[{name}]", Metadata(0, Times(), streams=(size,))
    )
    return replace(found, value=RegistryValue(name, kind, raw))


def selected(kind: ObjectKind, path: WinPath, metadata: Metadata) -> Selected:
    entry = Entry(0, 0, -1, path.name, directory=False)
    return Selected(kind, path, "V", entry, metadata, BOB, chosen=True, rule="r.xml:1")


def store_of(place: Path, chosen: Iterable[Selected], left_out: Iterable[Selected] = ()) -> Path:
    with DirectoryStore(place) as store:
        for item in ValueGatherer().gather(chosen, {}):
            add(store, item, lambda _: None)
        for each in left_out:
            store.note(excluded(each))
        store.finish({}, {})
    return place / "USMT/open-catalog"


def hive(store: Path, name: str) -> Hive:
    return open_hive((store / "registry" / name).read_bytes(), name)


def reg(store: Path, name: str) -> list[str]:
    raw = (store / "registry" / name).read_bytes()
    return raw.decode("utf-16", "surrogatepass").split("\r\n")


def names(store: Path) -> list[str]:
    return sorted(each.name for each in (store / "registry").iterdir())


CHOSEN = [
    key(rf"HKU\{BOB}"),
    key(rf"HKU\{BOB}\Software\A", TIME + 1),
    value(rf"HKU\{BOB}\Software\A", "", "default"),
    value(rf"HKU\{BOB}\Software\A", "back\\slash", b"\1\0\0\0", 4),
    key(rf"HKU\{BOB}\Software\A B", TIME + 2),
    value(rf"HKU\{BOB}\Software\A\C", "deep", "d"),
    key(rf"HKU\{BOB}\Software\Classes\.acme", TIME + 3),
    value(rf"HKU\{BOB}\Software\Ключ", "lone\ud800", "l"),
    value(r"HKLM\SOFTWARE\Acme", "Big", bytes(2_000_000), 3),
    value(r"HKLM\SYSTEM\CurrentControlSet\Services\x", "Start", b"\2\0\0\0", 4),
    value(r"HKU\.DEFAULT\Console", "Font", "f"),
    value(r"C:\Windows\win.ini|Mail", "MAPI", "1"),
]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return store_of(tmp_path, CHOSEN, [value(r"HKLM\SAM\SAM", "secret")])


def test_there_is_a_reg_and_a_hive_for_each_user_and_a_hive_for_each_of_the_machine(
    store: Path,
) -> None:
    assert names(store) == sorted(
        [f"{BOB}.dat", f"{BOB}.reg", "DEFAULT.dat", "SOFTWARE.dat", "SYSTEM.dat", "machine.reg"]
    )


def test_a_users_hive_is_his_hkcu_with_his_classes_in_it(store: Path) -> None:
    found = hive(store, f"{BOB}.dat")
    assert [key.path for key in hive_keys(found)] == [
        (), ("Software",), ("Software", "A"), ("Software", "A", "C"), ("Software", "A B"),
        ("Software", "Classes"), ("Software", "Classes", ".acme"), ("Software", "Ключ"),
    ]  # fmt: skip
    assert [found.last_written(each) for each in ("", "Software", r"Software\A", r"Software\Classes\.acme")] == [
        TIME, 0, TIME + 1, TIME + 3,
    ]  # fmt: skip
    assert found.value(r"Software\A", "back\\slash") == RegistryValue("back\\slash", 4, b"\1\0\0\0")
    assert found.value(r"Software\Ключ", "lone\ud800") is not None


def test_a_users_reg_is_for_that_user_and_the_machines_for_the_machine(store: Path) -> None:
    bobs = reg(store, f"{BOB}.reg")
    assert [line for line in bobs if line.startswith("[")] == [
        "[HKEY_CURRENT_USER]",
        "[HKEY_CURRENT_USER\\Software]",
        "[HKEY_CURRENT_USER\\Software\\A]",
        "[HKEY_CURRENT_USER\\Software\\A\\C]",
        "[HKEY_CURRENT_USER\\Software\\A B]",
        "[HKEY_CURRENT_USER\\Software\\Classes]",
        "[HKEY_CURRENT_USER\\Software\\Classes\\.acme]",
        "[HKEY_CURRENT_USER\\Software\\Ключ]",
    ]
    assert {'@="default"', '"back\\\\slash"=dword:00000001', '"lone\ud800"="l"'} <= set(bobs)
    machine = reg(store, "machine.reg")
    assert [line for line in machine if line.startswith("[")] == [
        "[HKEY_LOCAL_MACHINE\\SOFTWARE]",
        "[HKEY_LOCAL_MACHINE\\SOFTWARE\\Acme]",
        "[HKEY_LOCAL_MACHINE\\SYSTEM]",
        "[HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet]",
        "[HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services]",
        "[HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\x]",
        "[HKEY_USERS\\.DEFAULT]",
        "[HKEY_USERS\\.DEFAULT\\Console]",
    ]
    assert not any("MAPI" in line or "secret" in line for line in machine)


def test_the_hives_open_in_hivex(store: Path) -> None:
    for name in ("SOFTWARE.dat", "SYSTEM.dat", "DEFAULT.dat"):
        assert by_hivex(store / "registry" / name) == by_us(store / "registry" / name)
    assert hive(store, "SOFTWARE.dat").value("Acme", "Big") == RegistryValue(
        "Big", 3, bytes(2_000_000)
    )


def test_the_control_set_in_use_is_the_one_that_select_names(store: Path, tmp_path: Path) -> None:
    system = hive(store, "SYSTEM.dat")
    assert system.value(r"ControlSet001\Services\x", "Start")
    told = {each.name: each.integer for each in system.values("Select")}
    assert told == {"Current": 1, "Default": 1, "Failed": 0, "LastKnownGood": 1}

    current = value(r"HKLM\SYSTEM\CurrentControlSet\x", "a")
    select = value(r"HKLM\SYSTEM\Select", "Current", b"\3\0\0\0", 4)
    given = hive(store_of(tmp_path / "given", [current, select]), "SYSTEM.dat")
    assert given.subkeys() == ["ControlSet003", "Select"]
    assert [each.name for each in given.values("Select")] == ["Current"]
    other = value(r"HKLM\SYSTEM\ControlSet001\x", "b")
    default = value(r"HKLM\SYSTEM\Select", "Default", b"\1\0\0\0", 4)
    free = hive(store_of(tmp_path / "free", [other, current, default]), "SYSTEM.dat")
    assert free.subkeys() == ["ControlSet001", "ControlSet002", "Select"]
    assert {each.name: each.integer for each in free.values("Select")} == {
        "Default": 1,
        "Current": 2,
    }


def test_rows_in_another_order_give_the_same_files(store: Path, tmp_path: Path) -> None:
    shuffled = random.Random(3).sample(CHOSEN, len(CHOSEN))
    other = store_of(tmp_path / "other", shuffled)
    for name in names(store):
        assert (store / "registry" / name).read_bytes() == (other / "registry" / name).read_bytes()


def test_without_registry_rows_there_are_no_exports(tmp_path: Path) -> None:
    store = store_of(tmp_path, [value(r"C:\Windows\win.ini|Mail", "MAPI", "1")])
    assert not (store / "registry").exists()
    assert "documents" not in json.loads(manifest_path(tmp_path).read_text().splitlines()[0])


def test_the_exports_are_in_the_header_and_in_the_sums_and_verified(store: Path) -> None:
    place = store.parent.parent
    assert verify_store(place, lambda _: None).intact
    lines = (store / "SHA256SUMS").read_text().splitlines()
    sums = {line[66:]: line[:64] for line in lines}
    told = json.loads(manifest_path(place).read_text("utf-8").splitlines()[0])["documents"]
    for name in names(store):
        digest = hashlib.sha256((store / "registry" / name).read_bytes()).hexdigest()
        assert sums[f"registry/{name}"] == told[f"registry/{name}"] == digest


@pytest.mark.parametrize("name", [f"{BOB}.reg", "SYSTEM.dat"])
def test_an_export_that_changed_is_gone_or_is_new_is_found(store: Path, name: str) -> None:
    path, place = store / "registry" / name, store.parent.parent
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert verify_store(place, lambda _: None).changed == (f"open-catalog/registry/{name}",)
    path.unlink()
    assert verify_store(place, lambda _: None).missing == (f"open-catalog/registry/{name}",)
    path.write_bytes(whole)
    (store / "registry" / "new.reg").write_bytes(b"")
    assert verify_store(place, lambda _: None).extra == ("open-catalog/registry/new.reg",)


def test_hostile_names_of_hives_get_safe_files_and_no_line_of_their_own(tmp_path: Path) -> None:
    evil = "x]\r\n[HKEY_LOCAL_MACHINE\\..\\/etc"
    chosen = [
        replace(value("HKU", "v"), path=WinPath("HKU", (evil, "k", "[v]"))),
        replace(value("HKU", "v"), path=WinPath("HKU", ("machine", "[v]"))),
        replace(value("HKLM", "v"), path=WinPath("HKLM", (BOB, "[v]"))),
        value("HKLM", "no hive"),
        value(r"HKU\S-1-5-21-99999999999\k", "v"),
    ]
    store = store_of(tmp_path, chosen)
    assert names(store) == sorted([
        f"HKLM-{BOB}.dat",
        "HKU-MACHINE.dat",
        "HKU-S-1-5-21-99999999999.dat",
        "HKU-X]%0D%0A[HKEY_LOCAL_MACHINE%5C..%5C%2FETC.dat",
        "machine.reg",
    ])  # fmt: skip
    lines = reg(store, "machine.reg")
    assert [line for line in lines if line.startswith("[")] == [
        "[HKEY_LOCAL_MACHINE]",
        f"[HKEY_LOCAL_MACHINE\\{BOB}]",
        "[HKEY_USERS\\machine]",
        "[HKEY_USERS\\S-1-5-21-99999999999]",
        "[HKEY_USERS\\S-1-5-21-99999999999\\k]",
    ]
    assert '"no hive"="x"' in lines
    assert verify_store(tmp_path, lambda _: None).intact


def test_what_no_hive_holds_is_in_the_reg_only(tmp_path: Path) -> None:
    long = value(rf"HKU\{BOB}\{'a' * 300}", "v")
    chosen = [long, value(rf"HKU\{BOB}\k", "v" * 16384), value(rf"HKU\{BOB}\k", "w")]
    store = store_of(tmp_path, chosen)
    found = {
        key.path: [each.name for each in key.values] for key in hive_keys(hive(store, f"{BOB}.dat"))
    }
    assert found == {(): [], ("k",): ["w"]}
    assert f"[HKEY_CURRENT_USER\\{'a' * 300}]" in reg(store, f"{BOB}.reg")


def test_keys_and_values_that_windows_takes_for_one_are_one(tmp_path: Path) -> None:
    chosen = [
        value(rf"HKU\{BOB}\KEY", "V", "first"),
        key(rf"HKU\{BOB}\Key"),
        value(rf"HKU\{BOB}\key\nul" + "\0", "w"),
        value(rf"HKU\{BOB}\Key", "v", "second"),
        value(rf"HKU\{BOB}\key\nul", "w"),
    ]
    found = hive(store_of(tmp_path, chosen), f"{BOB}.dat")
    assert [each.path for each in hive_keys(found)] == [
        (),
        ("Key",),
        ("Key", "nul"),
        ("Key", "nul\0"),
    ]
    assert found.last_written("Key") == TIME
    assert [each.text for each in found.values("Key")] == ["first"]
