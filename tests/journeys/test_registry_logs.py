"""Dirty and dead hives from a disk to a store: logs are replayed, copies and cells asked, and each value says so."""

from __future__ import annotations

import lzma
import sqlite3
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.journeys.journey import Manifest, manifest_of, scan
from tests.journeys.test_accounts import made_disk
from tests.plugins.disks import windows
from tests.registry.damage import keys_of, parented, without
from tests.registry.logs import changed_pages, new_log, old_log
from tests.registry.tiny_hive import Keys, tiny_hive
from tests.windows.machines import people, sam, system

BOB = "S-1-5-21-11-22-33-1001"
RULES = r"""<migration urlid="urn:test">
<component type="Application" context="UserAndSystem"><displayName>All</displayName>
<role role="Settings">
<rules context="User"><include><objectSet><pattern type="Registry">HKCU\* [*]</pattern></objectSet></include></rules>
<rules context="System"><include><objectSet><pattern type="Registry">HKLM\SOFTWARE\App\* [*]</pattern></objectSet>
</include></rules></role></component></migration>"""

BEFORE = tiny_hive({r"Software\App": {"v": "before", "kept": 1}}, sequences=(9, 8))
AFTER = tiny_hive({r"Software\App": {"v": "after!", "kept": 1, "new": 2}}, sequences=(9, 9))
LOG = new_log(AFTER, 8, [(AFTER, changed_pages(BEFORE, AFTER))])
ALL: Keys = {
    **people({BOB: {"ProfileImagePath": r"C:\Users\bob"}}),
    "App": {"v": "now"},
    r"App\Deep": {"w": "text of today"},
}


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "rules.xml"
    path.write_text(RULES)
    return path


def machine(hives: Mapping[str, bytes], user: Mapping[str, bytes]) -> dict[str, bytes]:
    files = dict(windows("Windows", ALL, system({})))
    config = r"Windows\System32\config"
    files[rf"{config}\SAM"] = tiny_hive(sam({1001: "bob"}))
    files |= {rf"{config}\{name}": content for name, content in hives.items()}
    return files | {rf"Users\bob\{name}": content for name, content in user.items()}


def stored(store: Path) -> dict[str, tuple[bytes, str]]:
    """Return the values of a store: path -> data, provenance."""
    catalog = store / "USMT" / "open-catalog" / "catalog.sqlite"
    with sqlite3.connect(catalog) as database:
        rows = database.execute(
            'SELECT path, data, provenance FROM "values" JOIN objects ON objects.id = object'
        ).fetchall()
    database.close()
    return {path: (data, provenance) for path, data, provenance in rows}


def lost(manifest: Manifest) -> dict[str, str]:
    return {row["path"]: row["reason"] for row in manifest.rows if row["outcome"] == "not-stored"}


@pytest.mark.parametrize(
    "logs",
    [
        {"NTUSER.DAT.LOG1": b"", "ntuser.dat.LOG2": LOG},
        {"NTUSER.DAT.LOG": old_log(BEFORE, AFTER, 9)},
    ],
    ids=["new", "old"],
)
def test_a_dirty_hive_of_a_user_is_stored_as_its_logs_make_it(
    tmp_path: Path, rules: Path, logs: Mapping[str, bytes]
) -> None:
    disk = made_disk(tmp_path, machine({}, {"NTUSER.DAT": BEFORE, **logs}))
    whole = disk.read_bytes()
    log = tmp_path / "scan.log"
    assert scan(tmp_path / "store", disk, f"/i:{rules}", f"/l:{log}", "/v:13") == 0
    values = stored(tmp_path / "store")
    key = rf"HKU\{BOB}\Software\App"
    assert values[rf"{key}\[v]"] == ("after!\0".encode("utf-16-le"), "replayed")
    assert values[rf"{key}\[new]"][0] == b"\2\0\0\0"
    assert values[r"HKLM\SOFTWARE\App\[v]"][1] == "live"
    assert "were replayed" in log.read_text("utf-8-sig", "replace")
    assert disk.read_bytes() == whole


def test_a_dirty_hive_without_its_logs_is_read_as_it_lies_with_a_warning(
    tmp_path: Path, rules: Path
) -> None:
    disk = made_disk(tmp_path, machine({}, {"NTUSER.DAT": BEFORE}))
    log = tmp_path / "scan.log"
    assert scan(tmp_path / "store", disk, f"/i:{rules}", f"/l:{log}") == 0
    assert stored(tmp_path / "store")[rf"HKU\{BOB}\Software\App\[v]"][1] == "live"
    assert "it is read as it lies" in log.read_text("utf-8-sig", "replace")


def rootless(keys: Keys) -> bytes:
    whole = parented(tiny_hive(keys))
    return without(whole, keys_of(whole)[""].place)


@pytest.mark.parametrize(
    ("hives", "origin"),
    [
        ({"SOFTWARE": rootless(ALL)}, "salvaged"),
        ({"SOFTWARE": rootless(ALL), r"RegBack\SOFTWARE": tiny_hive(ALL)}, "regback"),
    ],
)
def test_a_machine_hive_without_a_root_still_yields_users_and_values(
    tmp_path: Path,
    rules: Path,
    hives: Mapping[str, bytes],
    origin: str,
) -> None:
    disk = made_disk(tmp_path, machine(hives, {"NTUSER.DAT": AFTER}))
    log = tmp_path / "scan.log"
    assert scan(tmp_path / "store", disk, f"/i:{rules}", "/c", f"/l:{log}") == 3
    values = stored(tmp_path / "store")
    assert values[r"HKLM\SOFTWARE\App\Deep\[w]"] == ("text of today\0".encode("utf-16-le"), origin)
    assert values[rf"HKU\{BOB}\Software\App\[v]"][1] == "live"
    assert r"HKLM\SOFTWARE" in lost(manifest_of(tmp_path / "store"))
    assert "it is read from" in log.read_text("utf-8-sig", "replace")


def test_a_real_dirty_hive_is_stored_to_the_last_value(
    tmp_path: Path, rules: Path, data: Path
) -> None:
    folder = data / "hives" / "win10-dirty"
    names = (
        "transactions_NTUSER.DAT",
        "transactions_ntuser.dat.log1",
        "transactions_ntuser.dat.log2",
    )
    hive, *logs = (lzma.decompress((folder / f"{name}.xz").read_bytes()) for name in names)
    user = {"NTUSER.DAT": hive, "NTUSER.DAT.LOG1": logs[0], "NTUSER.DAT.LOG2": logs[1]}
    disk = made_disk(tmp_path, machine({}, user))
    assert scan(tmp_path / "store", disk, f"/i:{rules}") == 0
    found = stored(tmp_path / "store")
    origins = Counter(
        origin for path, (_, origin) in found.items() if path.startswith(rf"HKU\{BOB}")
    )
    assert origins.total() == 4695
    assert origins["replayed"] > 500
