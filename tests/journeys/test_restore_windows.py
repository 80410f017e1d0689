"""The way back: a disk is scanned, its store restored into another Windows, and that one scanned by the same rules."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfile, copyfileobj
from typing import Any

import pytest
import pytsk3
from dissect.ntfs import NTFS

import sample_images
from extractor.cli.main import main
from extractor.filesystems import walk
from extractor.restore.host import SETTABLE
from extractor.restore.journal import FOLDER
from extractor.store.safe_name import safe_name
from tests.conftest import need_mounting, need_tool
from tests.journeys.applied import facts
from tests.journeys.applied import opened as volumes_of
from tests.journeys.journey import Manifest, Row, exact_path, manifest_of, scan
from tests.registry.readers import by_dissect, by_hivex, by_python_registry, by_regipy, by_us
from tests.restore.settings.sam_hive import MACHINE
from tests.restore.windows_target import ROBERT, windows_disk

MARIA = "S-1-5-21-2718281828-3141592653-1618033988-1001"
ZHANNA = "S-1-5-21-1414213562-1732050807-2236067977-1105"
ANNA, BORIS, ZOE = (f"S-1-5-21-1004336348-1177238915-682003330-{rid}" for rid in (1001, 1002, 1003))
EXPLORER = r"Software\Microsoft\Windows\CurrentVersion\Explorer"
_SET = r"HKLM\SYSTEM\CurrentControlSet"
RECORDED = (
    rf"{_SET}\Control\ComputerName\ComputerName\[ComputerName]", rf"{_SET}\Services\Tcpip\Parameters\[Hostname]",
)  # fmt: skip
Names = Mapping[str, str]


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A disk with a Windows into which nothing was restored yet."""
    need_tool("ntfs-3g", "losetup", "qemu-img", "qemu-nbd", "nbdfuse", "ntfsfix")
    need_mounting(loops=True)
    return windows_disk(tmp_path_factory.mktemp("target") / "new.raw")


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """What a scan of two sample disks stored."""
    found = {name: tmp_path_factory.mktemp(name) / "store" for name in ("desk", "solo")}
    for name, store in found.items():
        scan(store, sample_images.unpack(name), "/c")
    return found


@dataclass(frozen=True)
class Way:
    """A sample disk, the words of its restore, and what has another name afterwards."""

    disk: str
    words: tuple[str, ...]
    paths: Names
    sids: Names
    renamed: Names
    """Last names of files that differ by case only, and what the second is called."""
    relocated: tuple[str, ...] = ()
    """Values that hold a path, which leads elsewhere now."""

    @property
    def other(self) -> set[str]:
        """Values that are not the same: relocated, or of NeverRestore, so that the target keeps its own."""
        return {*self.relocated, *RECORDED}


WAYS = {
    "a user who is there and one who is not": Way(
        "desk",
        ("/mu:maria:robert",),
        {r"C:\Users\maria": r"C:\Users\robert", "D:": "C:", MARIA: ROBERT},
        {MARIA: ROBERT},
        {"план.txt": "план(1).txt"},
        (rf"HKU\{ROBERT}\{EXPLORER}\User Shell Folders\[Personal]",),
    ),
    "accounts that are made": Way(
        "solo",
        ("/lac", "/mu:anna:ann"),
        {r"C:\Users\anna": r"C:\Users\ann", ANNA: f"{MACHINE}-1002", BORIS: f"{MACHINE}-1003", ZOE: f"{MACHINE}-1004"},
        {ANNA: f"{MACHINE}-1002", BORIS: f"{MACHINE}-1003", ZOE: f"{MACHINE}-1004"},
        {"Readme.txt": "Readme(1).txt", "readme.txt": "readme(2).txt"},
    ),
}  # fmt: skip
VOLUME = 96 << 20
"""Bytes of the volume of that disk."""
SAME = Way("", (), {}, {}, {})
KILLS = int(os.environ.get("RESTORE_KILLS", "4"))
"""How often a restore is killed; more by hand."""
UNDO_KILLS = max(2, KILLS // 4)
DIRECTORY = 0x10
FORMATS = {"raw": "raw", "vpc": "vhd", "vhdx": "vhdx"}
TIMES = ("created", "modified", "accessed")
"""ntfs-3g sets that of the last change of the record itself, as Windows does."""
_THERE = (
    "ProgramData",
    r"Users\Public",
    r"Users\Public\Documents",
    r"Users\robert",
    r"Users\robert\Documents",
)
HIVES = re.compile(r"\\(NTUSER\.DAT|UsrClass\.dat|config\\SYSTEM)$")
"""Files of the old machine's registry: never restored as files."""
NEW_FOLDER = "\\Links"
"""Of the default profile, made anew: it has times of its own."""
OWN = {"C:\\", *(rf"C:\{each}" for each in _THERE)}
"""Folders that the target had: they keep their own metadata."""


def as_disk(raw: Path, kind: str, folder: Path) -> Path:
    """Return a copy of a disk in a format of qemu-img."""
    folder.mkdir(exist_ok=True)
    disk = folder / f"target.{FORMATS[kind]}"
    if kind == "raw":
        copyfile(raw, disk)
    else:
        subprocess.run(
            ["qemu-img", "convert", "-f", "raw", "-O", kind, str(raw), str(disk)], check=True
        )
    return disk


def mapped(text: str, names: Names) -> str:
    """Return a path or SDDL of the old machine in the words of the new one."""
    for old, new in names.items():
        text = text.replace(old, new)
    return text


def target_path(row: Row, way: Way) -> str:
    """Return where a row of the old manifest is in the new one; names that no Windows can open are escaped."""
    path = mapped(exact_path(row), way.paths)
    if way == SAME or row["kind"] not in {"file", "directory", "link"}:
        return path
    drive, *names = path.split("\\") if "\\..\\" not in path else _odd(path)
    twin = row["kind"] == "file" and names[-1] in way.renamed and "Documents" in names
    last = way.renamed[names[-1]] if twin else names[-1]
    return "\\".join((drive, *(safe_name(each) if each else each for each in (*names[:-1], last))))


def _odd(path: str) -> list[str]:
    r"""Split a path whose last name is ``..\..\up.txt``."""
    above, dots, name = path.partition("..\\")
    return [*above.rstrip("\\").split("\\"), dots + name]


def differences(
    before: Manifest, after: Manifest, way: Way
) -> dict[str, dict[str, tuple[object, object]]]:
    """Return path -> what differs, of all that the first manifest has stored."""
    there = {(row["kind"], exact_path(row)): row for row in after.rows}
    found = {}
    for row in before.rows:
        if row["outcome"] == "stored" and row["kind"] != "account":
            path = target_path(row, way)
            if HIVES.search(path) or (way == SAME and NEW_FOLDER in path):
                continue
            found[path] = dict(_differing(row, there.get((row["kind"], path)), path, way))
    return {path: what for path, what in found.items() if what}


def _differing(
    old: Row, new: Row | None, path: str, way: Way
) -> Iterator[tuple[str, tuple[object, object]]]:
    if new is None:
        yield "there", (True, False)
        return
    told = {name: old[name] for name in ("outcome", "sha256", "size", "streams")}
    told["links"] = sorted(mapped(each, way.paths) for each in old["links"])
    got = {**{name: new[name] for name in told}, "links": sorted(new["links"])}
    if old["kind"] in {"file", "directory", "link"} and path not in OWN:
        told |= {name: old["times"][name] for name in TIMES} | {
            "sddl": mapped(old["sddl"], way.sids)
        }
        told["attributes"] = old["attributes"] & SETTABLE
        got |= {name: new["times"][name] for name in TIMES} | {"sddl": new["sddl"]}
        got["attributes"] = new["attributes"] & SETTABLE
    yield from ((name, (told[name], got[name])) for name in told if told[name] != got[name])


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_store_goes_into_another_windows_and_a_scan_finds_it_all_but_for_names_and_sids(
    way: Way, kind: str, empty: Path, stores: Mapping[str, Path], tmp_path: Path
) -> None:
    disk = as_disk(empty, kind, tmp_path)
    assert main(["restore", str(stores[way.disk]), "--to", str(disk), *way.words]) == 0
    assert scan(tmp_path / "store", disk, "/c") == 0
    found = differences(manifest_of(stores[way.disk]), manifest_of(tmp_path / "store"), way)
    assert {path: what for path, what in found.items() if path not in way.other} == {}
    assert set(found) == way.other


RESTORE = "import sys; from extractor.cli.main import main; sys.exit(main(sys.argv[1:]))"


def killed_after(seconds: float, disk: Path, *words: str) -> bool:
    """Restore in a process that is killed after a while; return whether it was still at work."""
    command = [sys.executable, "-c", RESTORE, "restore", "--to", str(disk), *words]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        with suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
        process.kill()
    deadline = time.monotonic() + 60
    while is_held(disk):
        assert time.monotonic() < deadline, "the disk stays attached"
        time.sleep(0.05)
    return process.returncode == -signal.SIGKILL


def is_held(disk: Path) -> bool:
    """Tell whether a program, or the kernel for a loop device, has a disk open still."""
    attached = subprocess.run(["losetup", "-j", str(disk)], capture_output=True, check=True).stdout
    return bool(attached) or any(_names(each, disk) for each in Path("/proc").glob("[0-9]*"))


def _names(process: Path, disk: Path) -> bool:
    try:
        return os.fsencode(disk) in (process / "cmdline").read_bytes()
    except OSError:  # it has ended
        return False


def everything(disk: Path) -> dict[tuple[str, ...], tuple[object, ...]]:
    """Return all that a disk's Windows holds but what a restore keeps for its undo: content, streams, metadata."""
    with volumes_of(disk) as applied:
        ((_, found),) = applied.values()
        there = {found.path(each): facts(found, each) for each in walk(found, found.root)}
    own = {
        path: each
        for path, each in there.items()
        if path and path[0] != FOLDER and path[0][0] != "$"
    }
    return {
        path: (
            each.streams,
            each.attributes,
            each.created,
            each.modified,
            each.security,
            each.short_name,
        )
        if each.attributes & DIRECTORY == 0
        else (each.streams, each.attributes, each.created, each.security)
        for path, each in own.items()
    }


def undo_all(disk: Path) -> None:
    """Take every restore back: one that was killed at its very end is followed by another."""
    assert main(["restore", "--to", str(disk), "--undo"]) == 0
    while main(["restore", "--to", str(disk), "--undo"]) == 0:
        pass


@pytest.mark.parametrize("kind", ["raw", "vpc"])
def test_a_restore_killed_at_any_moment_goes_on_and_an_undo_gives_the_windows_back(
    kind: str, empty: Path, stores: Mapping[str, Path], tmp_path: Path
) -> None:
    words = WAYS["a user who is there and one who is not"].words
    plain, disk = (as_disk(empty, kind, tmp_path / name) for name in ("plain", "killed"))
    before = everything(empty)
    begun = time.monotonic()
    assert main(["restore", str(stores["desk"]), "--to", str(plain), *words]) == 0
    whole = time.monotonic() - begun
    moments, kills, rounds = random.Random(7), 0, 0
    while kills < KILLS:
        rounds += 1
        assert rounds < 20 * KILLS, "hardly a process was still at work when it was killed"
        if killed_after(moments.uniform(0.3, whole + 0.7), disk, str(stores["desk"]), *words):
            kills += 1
        else:
            undo_all(disk)
            assert everything(disk) == before
    assert main(["restore", str(stores["desk"]), "--to", str(disk), *words]) in {0, 3}
    for name, each in (("plain", plain), ("killed", disk)):
        assert scan(tmp_path / name / "store", each, "/c") == 0
    undisturbed, resumed = (manifest_of(tmp_path / name / "store") for name in ("plain", "killed"))
    assert differences(undisturbed, resumed, SAME) == {}
    for _ in range(UNDO_KILLS):
        killed_after(moments.uniform(0.3, whole + 0.3), disk, "--undo")
    while main(["restore", "--to", str(disk), "--undo"]) == 0:
        pass
    assert everything(disk) == before


@pytest.fixture(scope="module")
def restored(
    empty: Path, stores: Mapping[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A disk into whose Windows three users were restored, each with a new account."""
    disk = as_disk(empty, "raw", tmp_path_factory.mktemp("restored"))
    assert main(["restore", str(stores["solo"]), "--to", str(disk), "/lac"]) == 0
    return disk


HIVE_FILES = [
    *(("Users", name, "NTUSER.DAT") for name in ("anna", "boris", "zoe")),
    *(("Windows", "System32", "config", name) for name in ("SOFTWARE", "SAM")),
]


def test_hives_that_were_written_load_in_every_reader(restored: Path, tmp_path: Path) -> None:
    need_tool("hivexml")
    with volumes_of(restored) as found:
        ((_, filesystem),) = found.values()
        there = {filesystem.path(each): each for each in walk(filesystem, filesystem.root)}
        for place in HIVE_FILES:
            stream = filesystem.open(there[place])
            file = tmp_path / "-".join(place)
            file.write_bytes(stream.read_at(0, stream.size))
            ours = by_us(file)
            assert len(ours) > 3
            assert by_hivex(file) == by_dissect(file) == ours
            names = {key: set(values) for key, values in ours.items()}
            for read in (by_python_registry, by_regipy):  # which decode values in their own ways
                told = {key: set(map(_named, values)) for key, values in read(file).items()}
                assert told == names, (place, read.__name__)
            assert subprocess.run(["hivexml", file], capture_output=True, check=True).stdout


def _named(value: str) -> str:
    return "" if value == "(default)" else value


def test_a_volume_that_was_written_is_whole_for_ntfsfix_and_for_two_other_readers(
    restored: Path, tmp_path: Path
) -> None:
    volume = tmp_path / "volume.raw"
    with restored.open("rb") as disk, volume.open("wb") as out:
        disk.seek(1 << 20)
        copyfileobj(disk, out)
        out.truncate(VOLUME)
    done = subprocess.run(
        ["ntfsfix", "--no-action", volume], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    assert "was processed successfully" in done.stdout
    with volumes_of(restored) as found:
        ((_, filesystem),) = found.values()
        there = {filesystem.path(each): each for each in walk(filesystem, filesystem.root)}
    short = {(*path[:-1], each.short_name) for path, each in there.items() if each.short_name}
    ours = {path for path in there if path and not path[0].startswith("$")}
    assert len(ours) > 150
    assert by_dissect_ntfs(volume) - short == ours
    assert by_the_sleuth_kit(volume) == ours


def by_dissect_ntfs(volume: Path) -> set[tuple[str, ...]]:
    with volume.open("rb") as file:
        mft = NTFS(file).mft
        assert mft
        root = mft.get("\\")
        return {path for path in _below_dissect(root, ()) if not path[0].startswith("$")}


def _below_dissect(folder: Any, above: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for name, entry in folder.listdir().items():
        if name != ".":
            yield (*above, name)
            found = entry.dereference()
            if found.is_dir() and not found.is_reparse_point():
                yield from _below_dissect(found, (*above, name))


def by_the_sleuth_kit(volume: Path) -> set[tuple[str, ...]]:
    filesystem = pytsk3.FS_Info(pytsk3.Img_Info(str(volume)))
    return {
        path for path in _below_tsk(filesystem.open_dir("/"), ()) if not path[0].startswith("$")
    }


def _below_tsk(folder: Any, above: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for entry in folder:
        name = entry.info.name.name.decode("utf-8")
        allocated = entry.info.name.flags & pytsk3.TSK_FS_NAME_FLAG_ALLOC
        if name in {".", ".."} or not allocated or ":" in name or entry.info.meta is None:
            continue
        yield (*above, name)
        if entry.info.meta.type == pytsk3.TSK_FS_META_TYPE_DIR and entry.info.meta.addr != 11:
            yield from _below_tsk(entry.as_directory(), (*above, name))
