"""A small store with people and rules in it, made from a FakeFilesystem."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from extractor.gather.files import FileGatherer
from extractor.model import Instruction, Reparse, Times
from extractor.report.ledger import Ledger
from extractor.store.directory import DirectoryStore
from extractor.testing import FakeFile, FakeFilesystem
from tests.restore.people.test_users import HEADER
from tests.store.build import BOB, add, selections

WHEN = 132_000_000_000_000_000
UNIX = (WHEN - 116_444_736_000_000_000) * 100
TIMES = Times(WHEN, WHEN + 10, WHEN + 20, WHEN + 30)


def times(modified: int = WHEN) -> Times:
    return Times(modified, modified, modified, modified)


FILES: Mapping[str, bytes | FakeFile | None] = {
    "Users\\bob": FakeFile(directory=True, times=times()),
    "Users\\bob\\Documents\\a.txt": FakeFile(
        b"alpha", streams={"Zone.Identifier": b"[ZoneTransfer]"}, times=times()
    ),
    "Users\\bob\\Documents\\second": FakeFile(link_to="Users\\bob\\Documents\\a.txt"),
    "Users\\bob\\Documents\\report.doc": FakeFile(b"report" * 1000, times=times()),
    "Users\\bob\\AppData\\Roaming\\Mozilla\\Firefox\\profiles.ini": b"[Profile0]",
    "Users\\bob\\CON": b"device",
    "Users\\bob\\junction": FakeFile(
        directory=True, reparse=Reparse(0xA0000003, b"", "C:\\Users\\bob\\Documents")
    ),
    "Users\\eve\\Desktop\\b.doc": b"beta",
    "Data\\c.txt": b"gamma",
    "empty": None,
}


def header(**more: Any) -> dict[str, object]:
    windows = {"computer": "DESK", "path": "C:\\Windows"}
    return {**HEADER, "windows": windows, **more}


def merge(call: str, pattern: str, *, kind: str = "merge", line: int = 1) -> Instruction:
    text = f"MigXmlHelper.{call}" if call else ""
    return Instruction(kind, text, "", "c", f"rules.xml:{line}", (("File", pattern),))


def make_store(
    place: Path,
    files: Mapping[str, bytes | FakeFile | None] = FILES,
    instructions: Sequence[Instruction] = (),
    **more: Any,
) -> Path:
    """Store all of a volume, with the people of ``test_users``; return the store."""
    filesystem = FakeFilesystem(files)
    with DirectoryStore(place) as store:
        ledger = Ledger()
        chosen = selections(filesystem, BOB)
        for item in FileGatherer().gather(chosen, {filesystem.info.id: filesystem}):
            ledger.seen(item.selected.scope, 1, item.selected.metadata.size)
            ledger.ended(add(store, item))
        store.finish(header(**more), ledger.totals(), instructions)
    return place


def tree_of(folder: Path) -> dict[str, bytes | str | None]:
    """Return all below a folder but the journal: content of files, target of links, None for folders."""
    found: dict[str, bytes | str | None] = {}
    for each in sorted(folder.rglob("*")):
        name = each.relative_to(folder).as_posix()
        if name.startswith(".coldstate-restore"):
            continue
        if each.is_symlink():
            found[name] = str(each.readlink())
        else:
            found[name] = each.read_bytes() if each.is_file() else None
    return found
