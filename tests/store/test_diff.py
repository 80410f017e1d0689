"""Two stores, or a store and a disk: what differs is named, fact by fact, and nothing else is."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from extractor.errors import DamagedError, NoWindowsError
from extractor.events import Noted
from extractor.machine import Machine
from extractor.model import (
    ObjectKind,
    OutcomeKind,
    Record,
    RegistryValue,
    Reparse,
    Times,
    WinPath,
)
from extractor.registry import Registry
from extractor.store.catalog import create_catalog
from extractor.store.diff import Compared, Difference, Side, diff_stores
from extractor.store.opened import DirectoryContainer, OpenStore, open_store
from extractor.store.tree import open_tree
from extractor.storediff import EFS, NO_FILE, ImageCompared, diff_image, windows_of
from extractor.testing import FakeFile, FakeFilesystem, FakeHive, RecordingObserver
from extractor.windows import WindowsInstall
from extractor.windows.namespace import Mount, Namespace
from tests.store.build import make_store

FILES: dict[str, FakeFile] = {
    "Users\\bob": FakeFile(directory=True),
    "Users\\bob\\a.txt": FakeFile(b"alpha", streams={"s": b"one"}, times=Times(5, 6, 7, 8)),
    "Users\\bob\\b.txt": FakeFile(b"beta", sddl="O:BA"),
    "Users\\bob\\README": FakeFile(b"upper"),
    "Users\\bob\\readme": FakeFile(b"lower"),
    "Users\\bob\\to": FakeFile(directory=True, reparse=Reparse(0xA0000003, b"", "C:\\one")),
}
A, B = "Users\\bob\\a.txt", "Users\\bob\\b.txt"


def changed(**files: FakeFile) -> dict[str, FakeFile]:
    """Return FILES with other things under the names ``a`` and ``b``."""
    return FILES | {f"Users\\bob\\{name}.txt": file for name, file in files.items()}


def diff(tmp_path: Path, second: dict[str, FakeFile], *, every: bool = False) -> list[Difference]:
    make_store(tmp_path / "one", FakeFilesystem(FILES))
    make_store(tmp_path / "two", FakeFilesystem(second))
    with open_store(tmp_path / "one") as one, open_store(tmp_path / "two") as two:
        compared = Compared()
        found = list(diff_stores(one, two, compared, every=every))
    assert compared.differences == len(found)
    return found


def facts(found: list[Difference]) -> dict[str, list[str]]:
    return {str(each.path): [change.fact for change in each.changes] for each in found}


def test_equal_stores_do_not_differ(tmp_path: Path) -> None:
    assert diff(tmp_path, dict(FILES)) == []


def test_objects_of_one_store_only_are_named(tmp_path: Path) -> None:
    second = dict(FILES)
    del second[A]
    second["Users\\new\\c.txt"] = FakeFile(b"gamma")
    found = {(each.side, str(each.path)) for each in diff(tmp_path, second)}
    assert found == {
        (Side.ONLY_FIRST, f"C:\\{A}"),
        (Side.ONLY_SECOND, "C:\\Users\\new"),
        (Side.ONLY_SECOND, "C:\\Users\\new\\c.txt"),
    }


@pytest.mark.parametrize(
    ("file", "named"),
    [
        (replace(FILES[A], content=b"ALPHA"), ["content"]),
        (replace(FILES[A], content=b"longer"), ["content", "size"]),
        (replace(FILES[A], streams={"s": b"two"}), ["stream s"]),
        (
            replace(FILES[A], streams={"t": b"one"}),
            ["stream s", "size of stream s", "stream t", "size of stream t"],
        ),
        (replace(FILES[A], attributes=0x22), ["attributes"]),
        (replace(FILES[A], times=Times(5, 66, 7, 88)), ["modified", "accessed"]),
        (replace(FILES[A], sddl="O:SY"), ["sddl"]),
    ],
)
def test_each_fact_that_changed_is_named(tmp_path: Path, file: FakeFile, named: list[str]) -> None:
    assert facts(diff(tmp_path, changed(a=file))) == {f"C:\\{A}": named}


def test_the_target_of_a_link_is_a_fact(tmp_path: Path) -> None:
    other = FakeFile(directory=True, reparse=Reparse(0xA0000003, b"", "C:\\two"))
    found = diff(tmp_path, FILES | {"Users\\bob\\to": other})
    [change] = found[0].changes
    assert (change.fact, change.first, change.second) == ("target", "C:\\one", "C:\\two")


def test_case_twins_are_not_taken_for_each_other(tmp_path: Path) -> None:
    found = diff(tmp_path, FILES | {"Users\\bob\\readme": FakeFile(b"LOWER")})
    assert facts(found) == {"C:\\Users\\bob\\readme": ["content"]}


def test_another_kind_at_the_same_path_is_another_object(tmp_path: Path) -> None:
    found = diff(tmp_path, changed(b=FakeFile(directory=True)))
    assert [(each.side, each.kind) for each in found] == [
        (Side.ONLY_SECOND, ObjectKind.DIRECTORY),
        (Side.ONLY_FIRST, ObjectKind.FILE),
    ]


def store_of(*records: Record) -> OpenStore:
    catalog = create_catalog(":memory:", Path("place"))
    for record in records:
        catalog.add(record, {})
    catalog.settle()
    return OpenStore(Path("place"), catalog, DirectoryContainer(open_tree("/")))


def of(outcome: OutcomeKind, reason: str = "") -> Record:
    return Record(ObjectKind.FILE, WinPath("C:", ("x",)), "FA4E", "", outcome, reason, record=99)


def test_another_outcome_is_a_change_and_what_both_left_out_is_not() -> None:
    stored, lost = of(OutcomeKind.STORED), of(OutcomeKind.NOT_STORED, "bad sector")
    left, right = store_of(stored), store_of(lost)
    [found] = diff_stores(left, right, Compared())
    assert [(c.fact, c.first, c.second) for c in found.changes] == [
        ("outcome", "stored", "not-stored"),
        ("reason", "", "bad sector"),
    ]
    junk = store_of(of(OutcomeKind.EXCLUDED, "junk"))
    trash = store_of(of(OutcomeKind.EXCLUDED, "trash"))
    assert list(diff_stores(junk, trash, Compared())) == []
    assert len(list(diff_stores(junk, trash, Compared(), every=True))) == 1
    for each in (left, right, junk, trash):
        each.close()


def test_a_registry_value_of_another_type_is_a_change() -> None:
    path = WinPath("HKLM", ("SOFTWARE", "[n]"))
    one, two = (
        Record(ObjectKind.VALUE, path, "", "", OutcomeKind.STORED, sha256="ab", value=value)
        for value in (RegistryValue("n", 1, b""), RegistryValue("n", 2, b""))
    )
    left, right = store_of(one), store_of(two)
    assert facts(list(diff_stores(left, right, Compared()))) == {str(path): ["type"]}
    left.close()
    right.close()


# --- with an image --------------------------------------------------------------------------------


def with_disk(
    store: OpenStore, files: dict[str, FakeFile], hives: dict[str, FakeHive] | None = None
) -> tuple[list[Difference], ImageCompared, RecordingObserver]:
    """Compare a store with a disk of these files whose letter is C."""
    disk = FakeFilesystem(files)
    machine = SimpleNamespace(filesystems={disk.info.id: disk})
    mounts = {name: (lambda hive=hive: hive) for name, hive in (hives or {}).items()}
    install = SimpleNamespace(
        namespace=Namespace([Mount(WinPath("C:"), disk, disk.root)]), registry=Registry(mounts)
    )
    compared, observer = ImageCompared(), RecordingObserver()
    found = diff_image(
        store,
        cast("Machine", machine),
        cast("WindowsInstall", install),
        compared,
        observer,
    )
    return list(found), compared, observer


def disk_diff(tmp_path: Path, files: dict[str, FakeFile]) -> list[Difference]:
    make_store(tmp_path, FakeFilesystem(FILES))
    with open_store(tmp_path) as store:
        found, compared, _ = with_disk(store, files)
    assert compared.differences == len(found)
    return found


def test_a_store_and_the_disk_that_it_was_made_of_do_not_differ(tmp_path: Path) -> None:
    assert disk_diff(tmp_path, FILES) == []


def test_what_is_new_on_the_disk_is_named_with_all_below_it(tmp_path: Path) -> None:
    files = FILES | {"Users\\bob\\new\\c.txt": FakeFile(b""), "Users\\bob\\d.txt": FakeFile(b"")}
    assert {(each.side, str(each.path)) for each in disk_diff(tmp_path, files)} == {
        (Side.ONLY_SECOND, "C:\\Users\\bob\\new"),
        (Side.ONLY_SECOND, "C:\\Users\\bob\\new\\c.txt"),
        (Side.ONLY_SECOND, "C:\\Users\\bob\\d.txt"),
    }


def test_what_is_gone_from_the_disk_is_named(tmp_path: Path) -> None:
    files = {name: file for name, file in FILES.items() if name != B}
    [found] = disk_diff(tmp_path, files)
    assert (found.side, str(found.path)) == (Side.ONLY_FIRST, f"C:\\{B}")


def test_a_deleted_twin_is_not_found_again_in_the_other(tmp_path: Path) -> None:
    files = {name: file for name, file in FILES.items() if not name.endswith("readme")}
    [found] = disk_diff(tmp_path, files)
    assert (found.side, found.path.name) == (Side.ONLY_FIRST, "readme")


def test_content_that_changed_on_the_disk_is_named(tmp_path: Path) -> None:
    found = disk_diff(tmp_path, changed(a=replace(FILES[A], content=b"ALPHA")))
    assert facts(found) == {f"C:\\{A}": ["content"]}


def test_a_stream_that_changed_on_the_disk_is_named(tmp_path: Path) -> None:
    found = disk_diff(tmp_path, changed(a=replace(FILES[A], streams={"s": b"two"})))
    assert facts(found) == {f"C:\\{A}": ["stream s"]}


def test_a_name_in_other_letters_case_is_the_same_file(tmp_path: Path) -> None:
    files = {("Users\\bob\\B.TXT" if name == B else name): file for name, file in FILES.items()}
    assert facts(disk_diff(tmp_path, files)) == {f"C:\\{B}": ["path"]}


def test_a_new_twin_of_a_stored_file_is_new(tmp_path: Path) -> None:
    files = FILES | {"Users\\bob\\B.TXT": FakeFile(b"twin")}
    [found] = disk_diff(tmp_path, files)
    assert (found.side, found.path.name) == (Side.ONLY_SECOND, "B.TXT")


def test_what_cannot_be_read_from_the_disk_is_a_change_with_its_reason(tmp_path: Path) -> None:
    bad = replace(FILES[B], error=DamagedError("bad sector 7"))
    [found] = disk_diff(tmp_path, changed(b=bad))
    assert [(c.fact, c.second) for c in found.changes] == [
        ("content", "cannot be read: bad sector 7")
    ]


def test_registry_values_are_asked_of_the_hives() -> None:
    def value(name: str, data: str) -> Record:
        path = WinPath("HKLM", ("SOFTWARE", "Acme", f"[{name}]"))
        raw = FakeHive({"k": {name: data}}).value("k", name)
        assert raw is not None
        digest = hashlib.sha256(raw.data).hexdigest()
        return Record(ObjectKind.VALUE, path, "", "", OutcomeKind.STORED, sha256=digest, value=raw)

    store = store_of(value("same", "x"), value("other", "old"), value("gone", "x"))
    hive = FakeHive({"Acme": {"same": "x", "other": "new"}})
    found, _, observer = with_disk(store, FILES, {"HKLM\\SOFTWARE": hive})
    store.close()
    assert [(each.side, each.path.name) for each in found] == [
        (Side.ONLY_FIRST, "[gone]"),
        (Side.BOTH, "[other]"),
    ]
    assert [each.level for each in observer.of(Noted)] == ["warning"]


def test_what_cannot_be_compared_is_counted() -> None:
    account = Record(ObjectKind.ACCOUNT, WinPath("S-1-5", ("bob",)), "", "", OutcomeKind.STORED)
    ini = Record(ObjectKind.VALUE, WinPath("C:", ("win.ini|x", "[k]")), "", "", OutcomeKind.STORED)
    pretended = replace(of(OutcomeKind.STORED), pretended=True)
    store = store_of(account, ini, pretended)
    found, compared, _ = with_disk(store, FILES)
    store.close()
    assert found == []
    assert compared.uncompared.total() == 3
    assert compared.uncompared[NO_FILE] == 1
    assert EFS not in compared.uncompared


def test_an_image_of_another_windows_is_refused(tmp_path: Path) -> None:
    make_store(tmp_path, FakeFilesystem(FILES))
    machine = SimpleNamespace(candidates=(), volumes=(), filesystems={})
    with (
        open_store(tmp_path) as store,
        pytest.raises(NoWindowsError, match="these images hold: none"),
    ):
        windows_of(store, cast("Machine", machine))
