r"""Every function that works at load (usmt.md 3.8), on files, through ``coldstate restore`` onto an NTFS volume.

A case has a folder of its own, ``C:\Rows\N``, which ``{}`` stands for in its rules; one store holds them all, and one
restore does. Registry and INI values have a table of the same shape in ``test_restore_settings``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from extractor.cli.main import main
from extractor.model import Instruction
from extractor.rules.functions import FUNCTIONS, Use
from extractor.testing import FakeFile
from sample_images.programs import program
from tests.filesystems import torture
from tests.restore.build import make_store, times, tree_of
from tests.restore.people.test_users import BOB
from tests.restore.rules.test_cleanup import shortcut
from tests.restore.rules.test_file_content import library, read

MIB = 1 << 20
EARLIER = 1_000_000_000 * 10**9
"""Nanoseconds since 1970 that each file at the target has before, in 2001; those of the store are of 2019."""
HIDDEN = 0x2
Content = Mapping[str, bytes | None]
"""Name below the folder of a case -> content, None for an empty folder."""


@dataclass(frozen=True)
class Rule:
    """One instruction of the catalog; ``pattern`` and ``call`` hold ``{}`` for the folder of the case."""

    kind: str
    call: str
    pattern: str = r"{}\* [*]"
    component: str = "a"
    scope: str = ""

    def instruction(self, folder: str, number: int) -> Instruction:
        text = self.call.replace("{}", folder)
        if self.kind not in {"skipped", "remap"}:
            text = f"MigXmlHelper.{text}" if text else ""
        place = self.pattern.replace("{}", folder)
        patterns = (("File", place),) if self.pattern else ()
        source = f"rules.xml:{number + 1}"
        return Instruction(
            self.kind, text, self.scope, f"u/{self.component}/data", source, patterns
        )


@dataclass(frozen=True)
class Case:
    function: str
    rules: Sequence[Rule]
    source: Content
    before: Content
    after: Content
    said: str = ""
    """Words that the plan or the result says of this case."""
    keeps: frozenset[str] = field(default_factory=frozenset)
    """What of the file that was there the new one has: times, hidden."""


def merge(call: str, pattern: str = r"{}\* [*]") -> Rule:
    return Rule("merge", call, pattern)


def move(call: str, component: str = "a", scope: str = "") -> Rule:
    return Rule("locationModify", call, r"{}\Old\* [*]", component, scope)


def change(call: str) -> Rule:
    return Rule("contentModify", call)


def clean(filter_: str, pattern: str = r"{}\Old\* [*]") -> Rule:
    return Rule("destinationCleanup", filter_, pattern)


def include(filter_: str, pattern: str = r"{}\* [*]") -> Rule:
    return Rule("include", filter_, pattern)


def script(call: str) -> Rule:
    return Rule("skipped", f"<processing> (post-apply) MigXmlHelper.{call}", "")


OURS, THEIRS = {"a.txt": b"ours"}, {"a.txt": b"theirs"}
OLD: Content = {"Old/in/a.txt": b"a"}
REPLACED = merge("SourcePriority()")
NEWER, OLDER = (program({"FileVersion": each}) for each in ("2.0.0.0", "1.0.0.0"))
LIBRARY, OTHER = library(r"C:\One"), library(r"C:\Two")

CASES: Sequence[Case] = (
    # --- merge
    Case("", (), OURS, THEIRS, {"a.txt": b"theirs", "a(1).txt": b"ours"}, "the name is taken"),
    Case("SourcePriority", (REPLACED,), OURS, THEIRS, OURS, "SourcePriority"),
    Case("DestinationPriority", (merge("DestinationPriority()"),), OURS, THEIRS, THEIRS, "DestinationPriority"),
    Case("FindFilePlaceByPattern", (merge("FindFilePlaceByPattern('<F> (<N>).<E>')"),), OURS, THEIRS,
         {"a.txt": b"theirs", "a (1).txt": b"ours"}, "FindFilePlaceByPattern"),
    Case("LeafPattern", (merge("LeafPattern('x')"),), OURS, THEIRS, {"a.txt": b"theirs", "a(1).txt": b"ours"},
         "says nothing of files"),
    Case("NewestVersion", (merge("NewestVersion('FileVersion')"),), {"a.exe": NEWER}, {"a.exe": OLDER},
         {"a.exe": NEWER}, "2.0.0.0 comes"),
    Case("NewestVersion", (merge("NewestVersion('FileVersion')"),), {"a.exe": OLDER}, {"a.exe": NEWER},
         {"a.exe": NEWER}, "2.0.0.0 is there"),
    Case("HigherValue", (merge("HigherValue()"),), OURS, THEIRS, {"a.txt": b"theirs", "a(1).txt": b"ours"},
         "says nothing of files"),
    Case("LowerValue", (merge("LowerValue()"),), OURS, THEIRS, {"a.txt": b"theirs", "a(1).txt": b"ours"},
         "says nothing of files"),
    Case("DestinationPriority", (REPLACED, merge("DestinationPriority()", r"{}\ [a.*]")),
         {**OURS, "b.txt": b"ours"}, {**THEIRS, "b.txt": b"theirs"}, {"a.txt": b"theirs", "b.txt": b"ours"}),
    # --- locationModify
    Case("ExactMove", (move(r"ExactMove('{}\New')"),), OLD, {}, {"New/a.txt": b"a"}, "ExactMove"),
    Case("ExactMove", (move(r"ExactMove('{}\New [b.txt]')"),), OLD, {}, {"New/b.txt": b"a"}, "ExactMove"),
    Case("RelativeMove", (move(r"RelativeMove('{}\Old','{}\New')"),), OLD, {}, {"New/in/a.txt": b"a"}, "RelativeMove"),
    Case("RelativeMove", (move(r"RelativeMove('{}\Else','{}\New')"),), OLD, {}, OLD),
    Case("Move", (move(r"Move('{}\New')"),), OLD, {}, {"New/Rows/{}/Old/in/a.txt": b"a"}, "Move"),
    Case("RelativeMove", (include("", r"{}\Old\* [*]"), move(r"RelativeMove('{}\Old','{}\New')", "b")), OLD, {},
         {**OLD, "New/in/a.txt": b"a"}, "RelativeMove"),
    # --- contentModify
    Case("KeepExisting", (REPLACED,), OURS, THEIRS, OURS),
    Case("KeepExisting", (REPLACED, change("KeepExisting('TimeFields')")), OURS, THEIRS, OURS,
         keeps=frozenset({"times"})),
    Case("KeepExisting", (REPLACED, change("KeepExisting('FileAttrib:H')")), OURS, THEIRS, OURS,
         keeps=frozenset({"hidden"})),
    Case("KeepExisting", (REPLACED, change("KeepExisting('TimeFields','FileAttrib:H','FileAttrib:R')")), OURS,
         THEIRS, OURS, keeps=frozenset({"times"})),
    Case("MergeShellLibraries", (change("MergeShellLibraries('TRUE','TRUE')"),), {"D.library-ms": LIBRARY},
         {"D.library-ms": OTHER}, {"D.library-ms": b"One, Two"}, "MergeShellLibraries"),
    Case("MergeShellLibraries", (change("MergeShellLibraries('TRUE','TRUE')"),), {"D.library-ms": LIBRARY}, {},
         {"D.library-ms": b"One"}),
    Case("MergeShellLibraries", (change("MergeShellLibraries('TRUE','TRUE')"),), OURS, THEIRS, OURS,
         "describes no library|is not XML|Start tag expected"),
    *(Case(each, (REPLACED, change(f"{each}('a','b','c')")), OURS, THEIRS, OURS, f"{each} says nothing of files")
      for each in ("ConvertToDWORD", "ConvertToString", "ConvertToBinary", "OffsetValue", "SetValueByTable",
                   "MergeMultiSzContent", "MergeDelimitedContent", "ConvertToOfficeLangID", "SetPstPathInMapiStruct",
                   "UpdateMvBinaryMapiStruct")),
    # --- destinationCleanup and filters
    Case("", (clean(""),), {}, OLD, {}, "destinationCleanup"),
    Case("AnswerNo", (clean("AnswerNo()"),), {}, OLD, OLD),
    Case("NeverRestore", (clean("NeverRestore()"),), {}, OLD, OLD),
    Case("NeverRestore", (include("NeverRestore()", r"{}\ [a.txt]"),), {**OURS, "b.txt": b"b"}, {}, {"b.txt": b"b"},
         "NeverRestore"),
    Case("NeverRestore", (include("NeverRestore()", r"{}\ [a.txt]"), include("")), OURS, {}, OURS),
    Case("IgnoreIrrelevantLinks", (include("IgnoreIrrelevantLinks()"),),
         {"dead.lnk": shortcut(r"C:\no\where"), "b.txt": b"b"}, {}, {"b.txt": b"b"}, "is not at the target"),
    Case("IgnoreIrrelevantLinks", (clean("IgnoreIrrelevantLinks()", r"{}\ [*.lnk]"),), {},
         {"dead.lnk": shortcut(r"C:\no\where"), "live.lnk": shortcut(r"C:\Rows")},
         {"dead.lnk": shortcut(r"C:\no\where")}),
    Case("FileProperties", (clean("FileProperties('filesize','gt','3')"),), {}, {"Old/a": b"four", "Old/b": b"b"},
         {"Old/b": b"b"}, "FileProperties"),
    Case("FileProperties", (clean("FileProperties('dateModified','lt','2002/01/01')"),), {}, OLD, {"Old/in": None},
         "FileProperties"),
    Case("CompareStringContent", (clean("CompareStringContent('a')"),), {}, OLD, OLD, "its filter is not done"),
    Case("SameRegContent", (clean("SameRegContent()"),), {}, OLD, OLD, "USMT names this filter"),
    # --- processing and variables
    Case("RemoveEmptyDirectories", (script(r"RemoveEmptyDirectories('{}\*')"),),
         {"full/a.txt": b"a", "came/in": None}, {"there/in": None}, {"full/a.txt": b"a"}, "RemoveEmptyDirectories"),
    *(Case(each, (script(f"{each}('x')"),), OURS, {}, OURS, f"{each}('x') is not run")
      for each in ("AskForLogoff", "ConvertToShortFileName", "KillExplorer", "RegisterFonts", "RestartExplorer",
                   "StartService", "StopService", "SyncSCM")),
    Case("remap", (Rule("remap", r"DOCS={}", "", scope=BOB),), OURS, {}, OURS, "a variable with remap"),
)  # fmt: skip
"""A restore is not asked for what reads the version of a program that is no program: that is test_restoring's."""


def folder_of(number: int) -> str:
    return rf"C:\Rows\{number}"


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    """All cases restored at once: what is in the folder of each, and all that was said."""
    work = tmp_path_factory.mktemp("functions")
    store = make_store(work / "s" / "store", _sources(), list(_instructions()))
    with torture.made(work / "disk.img", 64 * MIB) as root:
        _prepare(root)
        before = tree_of(root)
        said = work / "said"
        code = _restored(store, root, said)
        found = {number: _found(root / "Rows" / str(number)) for number in range(len(CASES))}
        kept = {number: _kept(root / "Rows" / str(number)) for number in range(len(CASES))}
        assert main(["restore", "--to", str(root), "--undo"]) == 0
        is_undone = tree_of(root) == before
    rows = [json.loads(line) for line in said.read_text().splitlines() if line.startswith("{")]
    return {"found": found, "kept": kept, "rows": rows, "code": code, "undone": is_undone}


def _sources() -> dict[str, bytes | FakeFile | None]:
    files: dict[str, bytes | FakeFile | None] = {}
    for number, case in enumerate(CASES):
        for name, content in case.source.items():
            path = f"Rows\\{number}\\{name}".replace("/", "\\")
            folder = content is None
            files[path] = FakeFile(content or b"", directory=folder, times=times())
    return files


def _instructions() -> list[Instruction]:
    return [
        rule.instruction(folder_of(number), number * 10 + position)
        for number, case in enumerate(CASES)
        for position, rule in enumerate(case.rules)
    ]


def _prepare(root: Path) -> None:
    for number, case in enumerate(CASES):
        for name, content in case.before.items():
            place = root / "Rows" / str(number) / name
            (place if content is None else place.parent).mkdir(parents=True, exist_ok=True)
            if content is not None:
                place.write_bytes(content)
                os.setxattr(place, "system.ntfs_attrib_be", HIDDEN.to_bytes(4, "big"))
                os.utime(place, ns=(EARLIER, EARLIER))


def _restored(store: Path, root: Path, said: Path) -> int:
    """Restore, with all that is said as JSON in a file."""
    with said.open("w") as file, pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdout", file)
        return main(["restore", str(store), "--to", str(root), "--json"])


def _found(folder: Path) -> dict[str, bytes | None]:
    """Return files, and folders with nothing in them."""
    every = tree_of(folder) if folder.exists() else {}
    return {
        name: content if isinstance(content, bytes) else None
        for name, content in every.items()
        if isinstance(content, bytes) or not any(each.startswith(f"{name}/") for each in every)
    }


def _kept(folder: Path) -> set[str]:
    place = folder / "a.txt"
    if not place.exists():
        return set()
    attributes = int.from_bytes(os.getxattr(place, "system.ntfs_attrib_be"), "big")
    kept = {"times"} if place.stat().st_mtime_ns == EARLIER else set()
    return kept | ({"hidden"} if attributes & HIDDEN else set())


NUMBERED = [
    pytest.param(number, case, id=f"{number} {case.function or 'no function'}")
    for number, case in enumerate(CASES)
]


@pytest.mark.parametrize(("number", "case"), NUMBERED)
def test_a_function_does_to_files_what_it_says(
    number: int, case: Case, done: Mapping[str, Any]
) -> None:
    found = done["found"][number]
    for name, content in found.items():
        if name.endswith(".library-ms"):
            folders = [each.rpartition("\\")[2] for each in read(content)[1]]
            found[name] = ", ".join(folders).encode()
    expected = {name.replace("{}", str(number)): content for name, content in case.after.items()}
    assert found == expected
    if case.function == "KeepExisting":
        assert done["kept"][number] == case.keeps


@pytest.mark.parametrize(("number", "case"), NUMBERED)
def test_what_a_function_did_or_could_not_do_is_said(
    number: int, case: Case, done: Mapping[str, Any]
) -> None:
    mark = f"rules.xml:{number * 10 + 1}"
    told = [
        " ".join(map(str, row.values()))
        for row in done["rows"]
        if "note" in row or row.get("from", "").startswith(folder_of(number) + "\\")
    ]
    said = [each for each in told if any(words in each for words in case.said.split("|"))]
    assert said or not case.said, told
    assert case.function != "CompareStringContent" or any(mark in each for each in said)


def test_every_function_of_load_has_a_case_and_what_is_lost_is_told_by_the_exit_code(
    done: Mapping[str, Any],
) -> None:
    of_load = {
        each.name
        for each in FUNCTIONS.values()
        if each.uses & (Use.LOAD | Use.FILTER | Use.PROCESSING)
    }
    internal = {
        each.name for each in FUNCTIONS.values() if Use.PROCESSING | Use.INTERNAL in each.uses
    }
    assert of_load - internal == {case.function for case in CASES} - {"", "remap"}
    assert done["code"] == 3  # some contents could not be changed


def test_an_undo_takes_back_what_all_functions_did(done: Mapping[str, Any]) -> None:
    assert done["undone"]
