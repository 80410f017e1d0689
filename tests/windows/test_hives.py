"""The files of a hive are found where they lie: logs beside it, a copy in RegBack, whatever the case of their names."""

from __future__ import annotations

import pytest

from extractor.testing import FakeFile
from tests.registry.logs import changed_pages, new_log
from tests.registry.tiny_hive import tiny_hive
from tests.windows.machines import installed, people

BOB = "S-1-5-21-11-22-33-1001"
BEFORE = tiny_hive({r"Software\App": {"v": "before"}}, sequences=(9, 8))
AFTER = tiny_hive({r"Software\App": {"v": "after!"}}, sequences=(9, 9))
LOG = new_log(AFTER, 8, [(AFTER, changed_pages(BEFORE, AFTER))])
PROFILE = people({BOB: {"ProfileImagePath": r"C:\Users\bob"}})


@pytest.mark.parametrize("ending", ["LOG1", "log2", "LOG"])
def test_the_logs_beside_a_hive_are_replayed(ending: str) -> None:
    files: dict[str, bytes | FakeFile | None] = {
        r"Users\bob\ntuser.dat": BEFORE,
        rf"Users\bob\NTUSER.DAT.{ending}": LOG,
    }
    install = installed(files, PROFILE)
    value = install.registry.for_user(BOB).value(r"HKCU\Software\App", "v")
    assert value is not None
    assert (value.text, value.provenance) == ("after!", "replayed")
    assert any("were replayed" in note.message for note in install.registry.notes)


def test_the_logs_of_the_classes_lie_beside_them() -> None:
    folder = r"Users\bob\AppData\Local\Microsoft\Windows"
    files: dict[str, bytes | FakeFile | None] = {
        r"Users\bob\NTUSER.DAT": AFTER,
        rf"{folder}\UsrClass.dat": BEFORE,
        rf"{folder}\UsrClass.dat.LOG1": LOG,
    }
    view = installed(files, PROFILE).registry.for_user(BOB)
    value = view.value(r"HKCU\Software\Classes\Software\App", "v")
    assert value is not None
    assert value.provenance == "replayed"


def test_a_folder_with_the_name_of_a_log_is_none() -> None:
    files: dict[str, bytes | FakeFile | None] = {
        r"Users\bob\NTUSER.DAT": BEFORE,
        r"Users\bob\NTUSER.DAT.LOG1\x": b"",
    }
    install = installed(files, PROFILE)
    assert install.registry.text(rf"HKU\{BOB}\Software\App", "v") == "before"


def test_a_dead_machine_hive_is_read_from_regback() -> None:
    config = r"Windows\System32\config"
    copy = tiny_hive({r"SAM\Domains": {"from": "copy"}})
    files: dict[str, bytes | FakeFile | None] = {rf"{config}\RegBack\SAM": copy}
    install = installed({**files, rf"{config}\SECURITY": b"junk"}, PROFILE)
    assert install.registry.text(r"HKLM\SAM\SAM\Domains", "from") == "", "the hive itself is whole"
    dead = {**files, rf"{config}\DEFAULT": b"junk", rf"{config}\RegBack\DEFAULT": AFTER}
    value = installed(dead, PROFILE).registry.value(r"HKU\.DEFAULT\Software\App", "v")
    assert value is not None
    assert value.provenance == "regback"
