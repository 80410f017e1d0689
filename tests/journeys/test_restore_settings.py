r"""Every function that works at load (usmt.md 3.8), on registry and INI values, through ``coldstate restore``.

A case has a key of its own, ``HKCU\Software\Rows\N`` or ``HKLM\SOFTWARE\Rows\N``, or a folder with an INI file, which
``{}`` stands for in its rules; one store holds them all, and one restore does. Files have a table of the same shape in
``test_load_functions``. Values are written as ``sample_images.hives`` takes them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from extractor.cli.main import main
from extractor.filesystems import find
from extractor.model import (
    Instruction,
    ObjectKind,
    OutcomeKind,
    Record,
    RegistryValue,
    WinPath,
)
from extractor.report.ledger import Ledger
from extractor.rules.functions import FUNCTIONS, Use
from extractor.store.directory import DirectoryStore
from sample_images.hives import _reg_text, _typed
from sample_images.run import run
from tests.conftest import need_tool
from tests.journeys.applied import opened as volumes_of
from tests.registry.logs import changed_pages, marked_dirty, new_log
from tests.registry.readers import by_dissect, by_hivex, by_us
from tests.restore.build import header
from tests.restore.people.test_users import BOB
from tests.restore.target.build import need_disks
from tests.restore.windows_target import ROBERT, windows_disk

Values = Mapping[str, Any]
r"""Name below the key of a case -> value; ``Sub\`` is the key itself, its value is of no account."""
USER, MACHINE = "HKCU\\Software\\Rows", "HKLM\\SOFTWARE\\Rows"
OF_STORE = {USER: ("HKU", (BOB, "Software", "Rows")), MACHINE: ("HKLM", ("SOFTWARE", "Rows"))}
HIVES = {
    USER: (("Users", "robert", "NTUSER.DAT"), "Software\\Rows"),
    MACHINE: (("Windows", "System32", "config", "SOFTWARE"), "Rows"),
}
"""Root of the cases -> the hive at the target, and the key in it."""
KEY = None
"""Of a key without values."""


@dataclass(frozen=True)
class Rule:
    """One instruction of the catalog; ``pattern`` and ``call`` hold ``{}`` for the key of the case."""

    kind: str
    call: str
    pattern: str = r"{}\* [*]"
    component: str = "a"

    def instruction(self, case: Case, number: int, line: int) -> Instruction:
        place = rf"{case.root}\{number}"
        text = self.call.replace("{}", place)
        prefix = "" if "." in text.partition("(")[0] or not text else "MigXmlHelper."
        return Instruction(
            self.kind, prefix + text, BOB if case.root == USER else "", f"u/{self.component}/data",
            f"rules.xml:{line}", (("Registry", self.pattern.replace("{}", place)),),
        )  # fmt: skip


@dataclass(frozen=True)
class Case:
    function: str
    rules: Sequence[Rule]
    source: Values
    before: Values
    after: Values
    said: str = ""
    """Words that the plan or the result says of this case."""
    root: str = USER


def merge(call: str, pattern: str = r"{}\* [*]") -> Rule:
    return Rule("merge", call, pattern)


def move(call: str, component: str = "a") -> Rule:
    return Rule("locationModify", call, r"{}\Old\* [*]", component)


def change(call: str) -> Rule:
    return Rule("contentModify", call)


def clean(call: str, pattern: str = r"{}\Old\* [*]") -> Rule:
    return Rule("destinationCleanup", call, pattern)


def include(call: str, pattern: str = r"{}\* [*]") -> Rule:
    return Rule("include", call, pattern)


def changed(function: str, arguments: str, value: object, after: object, said: str = "") -> Case:
    """A value that nothing is in the way of, changed."""
    return Case(function, (change(f"{function}({arguments})"),), {"v": value}, {}, {"v": after}, said)  # fmt: skip


OURS, THEIRS = {"v": "ours"}, {"v": "theirs"}
OLD: Values = {"Old\\in\\v": "a"}
NOTHING_OF_THESE = "says nothing of these"
AS_STORED = "the value is written as it was stored"

CASES: Sequence[Case] = (
    # --- merge
    Case("", (), OURS, THEIRS, OURS, "no merge rule"),
    Case("", (), {"v": "ours", "w": 1}, {"v": "ours", "x": 2}, {"v": "ours", "w": 1, "x": 2}, "the same value"),
    Case("", (), {"": "ours", "V": "ours"}, {"": 7, "v": "theirs"}, {"": "ours", "v": "ours"}),
    Case("", (), {"Empty\\": KEY, "There\\": KEY}, {"there\\": KEY}, {"Empty\\": KEY, "there\\": KEY},
         "the key is there"),
    Case("SourcePriority", (merge("SourcePriority()"),), OURS, THEIRS, OURS, "SourcePriority"),
    Case("SourcePriority", (merge("SourcePriority()"),), {"v": 5}, {"v": "x"}, {"v": 5}, "SourcePriority", MACHINE),
    Case("DestinationPriority", (merge("DestinationPriority()"),), OURS, THEIRS, THEIRS, "DestinationPriority"),
    Case("DestinationPriority", (merge("DestinationPriority()"),), {"v": 5, "w": 6}, {"v": "x"}, {"v": "x", "w": 6},
         "DestinationPriority", MACHINE),
    Case("DestinationPriority", (merge("SourcePriority()"), merge("DestinationPriority()", "{} [v]")),
         {"v": "ours", "w": "ours"}, {"v": "theirs", "w": "theirs"}, {"v": "theirs", "w": "ours"}),
    Case("HigherValue", (merge("HigherValue()"),), {"v": 5, "w": 5}, {"v": 7, "w": 3}, {"v": 7, "w": 5}, "5 comes, 7"),
    Case("HigherValue", (merge("HigherValue()"),), {"v": "10", "w": "x"}, {"v": "9", "w": "y"},
         {"v": "10", "w": "x"}, NOTHING_OF_THESE),
    Case("LowerValue", (merge("LowerValue()"),), {"v": 5, "w": 5}, {"v": 7, "w": 3}, {"v": 5, "w": 3}, "5 comes, 3"),
    Case("LowerValue", (merge("LowerValue()"),), {"v": {"qword": 5}}, {"v": 7}, {"v": {"qword": 5}}, "5 comes, 7",
         MACHINE),
    *(Case(each.partition("(")[0], (merge(each),), OURS, THEIRS, OURS, NOTHING_OF_THESE)
      for each in ("FindFilePlaceByPattern('<F> (<N>).<E>')", "LeafPattern('x')", "NewestVersion('FileVersion')")),
    Case("", (), {"n" * 16_384: 1, "w": 2}, {}, {"w": 2}, "longer than"),
    Case("", (), {"k" * 256 + "\\v": 1, "w": 2}, {}, {"w": 2}, "longer than"),
    # --- locationModify
    Case("ExactMove", (move(r"ExactMove('{}\New')"),), OLD, {}, {"New\\v": "a"}, "ExactMove"),
    Case("ExactMove", (move(r"ExactMove('{}\New [w]')"),), OLD, {}, {"New\\w": "a"}, "ExactMove", MACHINE),
    Case("RelativeMove", (move(r"RelativeMove('{}\Old','{}\New')"),), {**OLD, "Old\\in\\": KEY}, {},
         {"New\\in\\v": "a"}, "RelativeMove"),
    Case("RelativeMove", (move(r"RelativeMove('{}\Else','{}\New')"),), OLD, {}, OLD),
    Case("RelativeMove", (include("", r"{}\Old\* [*]"), move(r"RelativeMove('{}\Old','{}\New')", "b")), OLD, {},
         {**OLD, "New\\in\\v": "a"}, "RelativeMove"),
    Case("RelativeMove", (move(r"RelativeMove('{}\Old','{}\New')"), merge("DestinationPriority()")), OLD,
         {"New\\in\\v": "b"}, {"New\\in\\v": "b"}, "RelativeMove"),
    Case("Move", (move(r"Move('{}\New')"),), OLD, {}, {r"New\Rows\{}\Old\in\v": "a"}, "Move", MACHINE),
    # --- contentModify
    changed("ConvertToDWORD", "'7'", "42", 42),
    changed("ConvertToDWORD", "'7'", "many", 7),
    changed("ConvertToDWORD", "", "many", 0),
    changed("ConvertToString", "", 42, "42"),
    changed("ConvertToString", "'none'", {"binary": "ff"}, "none"),
    changed("ConvertToBinary", "", "a", {"binary": "61000000"}),
    changed("OffsetValue", "'-2'", 14, 12),
    changed("OffsetValue", "'2'", "8", "10"),
    changed("OffsetValue", "'2'", ["a"], ["a"]),
    changed("SetValueByTable", "'a,b','1,2','9'", "b", "2"),
    changed("SetValueByTable", "'a,b','1,2','9'", "c", "9"),
    changed("SetValueByTable", "'0x00000001,2','7,8',NULL", 1, 7),
    Case("SetValueByTable", (change("SetValueByTable('a','1',NULL)"),), {"v": "c"}, {}, {}, "gives no value"),
    Case("SetValueByTable", (change("SetValueByTable('a','1',NULL)"),), {"v": "c"}, THEIRS, THEIRS, "gives no value"),
    Case("MergeMultiSzContent", (change("MergeMultiSzContent('Add','x','Remove','b')"),), {"v": ["b", "c"]},
         {"v": ["a", "C"]}, {"v": ["a", "C", "x"]}),
    Case("MergeMultiSzContent", (change("MergeMultiSzContent('Add','x')"),), {"v": 5}, {}, {"v": 5}, AS_STORED),
    Case("MergeDelimitedContent", (change("MergeDelimitedContent(';','Add','z')"),), {"v": "a;b"}, {"v": "b;c"},
         {"v": "b;c;a;z"}),
    Case("MergeDelimitedContent", (change("MergeDelimitedContent(',','Remove','b')"),), {"v": {"expand": "a,b"}}, {},
         {"v": {"expand": "a"}}, "", MACHINE),
    Case("KeepExisting", (change("KeepExisting('TimeFields')"),), OURS, THEIRS, OURS),
    Case("MergeShellLibraries", (change("MergeShellLibraries('TRUE','TRUE')"),), OURS, THEIRS, OURS, AS_STORED),
    Case("HigherValue", (change("OffsetValue('5')"), merge("HigherValue()")), {"v": 5}, {"v": 7}, {"v": 10},
         "10 comes, 7"),
    *(Case(each.rpartition(".")[2].partition("(")[0], (change(each),), {"v": {"binary": "01020304"}}, {},
           {"v": {"binary": "01020304"}}, AS_STORED)
      for each in ("MigXmlHelper.SetPstPathInMapiStruct()", "MigXmlHelper.UpdateMvBinaryMapiStruct()",
                   r"MigSysHelper.ConvertToOfficeLangID('Registry','{}\a [b]','{}\c [d]')")),
    # --- destinationCleanup and filters
    Case("", (clean(""),), {}, OLD, {}, "destinationCleanup"),
    Case("", (clean(""),), {}, OLD, {}, "destinationCleanup", MACHINE),
    Case("", (clean("", "{} [v*]"),), {}, {"v": 1, "v2": 2, "w": 3}, {"w": 3}, "destinationCleanup"),
    Case("", (clean(""),), {"Old\\v": 1}, {"Old\\v": 2, "Old\\w": 3}, {"Old\\v": 1}),
    Case("", (clean(""),), {"Old\\v": 1, "Old\\": KEY}, {"Old\\v": 1, "Old\\w": 3}, {"Old\\v": 1}),
    Case("", (clean("", "{} [v]"),), {"v": 1}, {"v": 1}, {"v": 1}),
    Case("DestinationPriority", (clean(""), merge("DestinationPriority()")), {"Old\\v": 1}, {"Old\\v": 2},
         {"Old\\v": 1}),
    Case("MergeMultiSzContent", (clean(""), change("MergeMultiSzContent('Add','x')")), {"Old\\v": ["b"]},
         {"Old\\v": ["a"]}, {"Old\\v": ["b", "x"]}),
    Case("", (clean("", r"{}\Old\* [*]"),), {"Old\\in\\": KEY}, {"Old\\in\\v": 1}, {"Old\\in\\": KEY}),
    Case("AnswerNo", (clean("AnswerNo()"),), {}, OLD, OLD),
    Case("NeverRestore", (clean("NeverRestore()"),), {}, OLD, OLD),
    Case("NeverRestore", (include("NeverRestore()", "{} [v]"),), {"v": 1, "w": 2}, {}, {"w": 2}, "NeverRestore"),
    Case("NeverRestore", (include("NeverRestore()"),), {"v": 1}, {"v": 2}, {"v": 2}, "NeverRestore", MACHINE),
    Case("NeverRestore", (include("NeverRestore()", "{} [v]"), include("")), {"v": 1}, {}, {"v": 1}),
    Case("IgnoreIrrelevantLinks", (include("IgnoreIrrelevantLinks()"),), OURS, {}, OURS),
    Case("FileProperties", (clean("FileProperties('filesize','gt','3')"),), {}, OLD, OLD),
    Case("CompareStringContent", (clean("CompareStringContent('a','Equal')"),), {}, {"Old\\v": "A", "Old\\w": "b"},
         {"Old\\w": "b"}, "destinationCleanup"),
    Case("SameRegContent", (clean("SameRegContent()"),), {}, OLD, OLD, "USMT names this filter"),
)  # fmt: skip


@dataclass(frozen=True)
class IniCase:
    r"""Values of ``C:\Rows\N\a.ini``; rules speak of ``C:\Rows\N\a.ini|*``."""

    rules: Sequence[tuple[str, str]]
    source: Mapping[str, str]
    """``Section\\key`` -> text."""
    before: bytes | None
    after: bytes | None
    said: str = ""


INI = b'; mine\r\n[S]\r\nk = "theirs"\r\nother=1\r\n'
INI_CASES: Sequence[IniCase] = (
    IniCase((), {"S\\k": "ours"}, INI, INI.replace(b"theirs", b"ours"), "no merge rule"),
    IniCase((), {"S\\k": "theirs"}, INI, INI, "the same value"),
    IniCase((), {"T\\k": "ours"}, INI, INI + b"[T]\r\nk=ours\r\n"),
    IniCase((), {"S\\k": "ours", "S\\l": "2"}, None, b"[S]\r\nk=ours\r\nl=2\r\n"),
    IniCase([("merge", "DestinationPriority()")], {"S\\k": "ours"}, INI, INI, "DestinationPriority"),
    IniCase([("merge", "HigherValue()")], {"S\\other": "2"}, INI, INI.replace(b"=1", b"=2"), "2 comes, 1"),
    IniCase([("merge", "LowerValue()")], {"S\\other": "2"}, INI, INI, "2 comes, 1"),
    IniCase([("contentModify", "OffsetValue('3')")], {"S\\n": "4"}, None, b"[S]\r\nn=7\r\n"),
    IniCase([("contentModify", "SetValueByTable('a','z','q')")], {"S\\k": "a"}, INI, INI.replace(b"theirs", b"z")),
    IniCase([("contentModify", "MergeDelimitedContent(',','Add','x')")], {"S\\k": "b"}, INI,
            INI.replace(b"theirs", b"theirs,b,x")),
    IniCase([("include", "NeverRestore()")], {"S\\k": "a"}, None, None, "NeverRestore"),
    IniCase([("destinationCleanup", "")], {}, INI, b"; mine\r\n[S]\r\n", "destinationCleanup"),
    IniCase([("destinationCleanup", "")], {"S\\k": "theirs"}, INI, b"; mine\r\n[S]\r\nk=theirs\r\n"),
    IniCase([("destinationCleanup", ""), ("merge", "DestinationPriority()")], {"S\\k": "ours"}, INI,
            b"; mine\r\n[S]\r\nk=ours\r\n"),
    IniCase([("destinationCleanup", "AnswerNo()")], {}, INI, INI),
    IniCase([("destinationCleanup", "CompareStringContent('1','Equal')")], {}, INI, INI.replace(b"other=1\r\n", b"")),
    IniCase((), {"S\\k": "a\r\n[Evil]\r\nx=1"}, INI, INI, "cannot say"),
)  # fmt: skip


def line_of(number: int, position: int) -> int:
    return number * 10 + position + 1


def ini_folder(number: int) -> str:
    return rf"C:\Rows\ini{number}"


# --- the store ------------------------------------------------------------------------------------


def settings_store(
    place: Path, rows: Sequence[Record], instructions: Sequence[Instruction]
) -> Path:
    """Make a store of nothing but settings, with the people of ``test_users``."""
    ledger = Ledger()
    with DirectoryStore(place) as store:
        for row in rows:
            store.note(row)
            ledger.ended(row)
        store.finish(header(), ledger.totals(), instructions)
    return place


def _records() -> Iterator[Record]:
    for number, case in enumerate(CASES):
        root, top = OF_STORE[case.root]
        for name, value in case.source.items():
            *keys, last = name.split("\\")
            path = WinPath(root, (*top, str(number), *keys))
            yield _key(path) if value is KEY else _value(path, last, *_typed(value))
    for number, each in enumerate(INI_CASES):
        for name, text in each.source.items():
            section, key = name.split("\\")
            path = WinPath("C:", ("Rows", f"ini{number}", f"a.ini|{section}"))
            yield _value(path, key, 1, f"{text}\0".encode("utf-16-le"))


def _user(path: WinPath) -> str:
    return BOB if path.drive == "HKU" else ""


def _key(path: WinPath) -> Record:
    return Record(ObjectKind.KEY, path, "v", _user(path), OutcomeKind.STORED)


def _value(path: WinPath, name: str, kind: int, data: bytes) -> Record:
    found = RegistryValue(name, kind, data)
    return Record(
        ObjectKind.VALUE, path / f"[{name}]", "v", _user(path), OutcomeKind.STORED, value=found
    )


def _instructions() -> Iterator[Instruction]:
    for number, case in enumerate(CASES):
        for position, rule in enumerate(case.rules):
            yield rule.instruction(case, number, line_of(number, position))
    for number, each in enumerate(INI_CASES, len(CASES)):
        pattern = rf"{ini_folder(number - len(CASES))}\a.ini|* [*]"
        for position, (kind, call) in enumerate(each.rules):
            source = f"rules.xml:{line_of(number, position)}"
            text = f"MigXmlHelper.{call}" if call else ""
            yield Instruction(kind, text, "", "u/a/data", source, (("Ini", pattern),))


# --- the target -----------------------------------------------------------------------------------


def prepare(root: Path) -> None:
    """Put what is there before into a mounted volume: hivexregedit merges it into the hives."""
    for place, (file, key) in HIVES.items():
        keys: dict[str, dict[str, Any]] = {key: {}}
        for number, case in enumerate(CASES):
            for name, value in case.before.items() if case.root == place else ():
                above, _, last = name.rpartition("\\")
                values = keys.setdefault("\\".join(filter(None, (key, str(number), above))), {})
                values.update({} if value is KEY else {last: value})
        run("hivexregedit", "--merge", str(root.joinpath(*file)), stdin=_reg_text(keys))
    for number, each in enumerate(INI_CASES):
        folder = root / "Rows" / f"ini{number}"
        folder.mkdir(parents=True)
        if each.before is not None:
            (folder / "a.ini").write_bytes(each.before)


def content_of(disk: Path, *names: str) -> bytes | None:
    """Return what our own reader finds in a file of the only volume."""
    with volumes_of(disk) as found:
        ((_, filesystem),) = found.values()
        entry = find(filesystem, names)
        if entry is None:
            return None
        stream = filesystem.open(entry)
        return stream.read_at(0, stream.size)


def said_by(said: Path, *words: str) -> tuple[int, list[dict[str, Any]]]:
    """Run ``coldstate restore`` with all that it says as JSON; return its exit code, and that."""
    with said.open("w") as file, pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdout", file)
        code = main(["restore", *words, "--json"])
    return code, [json.loads(line) for line in said.read_text().splitlines() if line[:1] == "{"]


@dataclass(frozen=True)
class Done:
    """All cases restored at once."""

    pictures: Mapping[str, Sequence[Mapping[str, Any]]]
    """Root of the cases -> name below it -> value, by each reader."""
    files: Mapping[int, bytes | None]
    rows: Sequence[Mapping[str, Any]]
    code: int
    before: Mapping[str, bytes | None]
    undone: Mapping[str, bytes | None]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    need_disks("hivexregedit")
    need_tool("hivexml")
    work = tmp_path_factory.mktemp("settings")
    store = settings_store(work / "s" / "store", list(_records()), list(_instructions()))
    disk = windows_disk(work / "disk.raw", 64, prepare)
    before = _held(disk)
    words = (str(store), "--to", str(disk), "/mu:bob:robert")
    code, rows = said_by(work / "said", *words)
    pictures = {root: _pictures(disk, root, work) for root in HIVES}
    files = {n: content_of(disk, "Rows", f"ini{n}", "a.ini") for n in range(len(INI_CASES))}
    assert main(["restore", "--to", str(disk), "--undo"]) == 0
    return Done(pictures, files, rows, code, before, _held(disk))


def _held(disk: Path) -> dict[str, bytes | None]:
    hives = {root: content_of(disk, *file) for root, (file, _) in HIVES.items()}
    return hives | {
        str(n): content_of(disk, "Rows", f"ini{n}", "a.ini") for n in range(len(INI_CASES))
    }


def _pictures(disk: Path, root: str, work: Path) -> list[dict[str, Any]]:
    """Return what our reader, hivex and dissect find below the root of the cases."""
    names, key = HIVES[root]
    file = work / names[-1]
    file.write_bytes(content_of(disk, *names) or b"")
    top = tuple(key.split("\\"))
    pictures = []
    for read in (by_us, by_hivex, by_dissect):
        below = {path[len(top) :]: each for path, each in read(file).items() if path[: len(top)] == top}  # fmt: skip
        picture: dict[str, Any] = {}
        for path, values in below.items():
            is_leaf = not any(other[: len(path)] == path for other in below if other != path)
            picture |= {"\\".join((*path, name)): value for name, value in values.items()}
            if not values and is_leaf:
                picture["\\".join((*path, ""))] = KEY
        pictures.append(picture)
    return pictures


NUMBERED = [
    pytest.param(number, case, id=f"{number} {case.function or 'no function'}")
    for number, case in enumerate(CASES)
]
INI_NUMBERED = list(enumerate(INI_CASES))


@pytest.mark.parametrize(("number", "case"), NUMBERED)
def test_a_function_does_to_values_what_it_says(number: int, case: Case, done: Done) -> None:
    top = f"{number}\\"
    expected = {
        top + name.replace("{}", str(number)): value if value is KEY else _typed(value)
        for name, value in case.after.items()
    }
    for picture in done.pictures[case.root]:
        found = {name: value for name, value in picture.items() if name.startswith(top)}
        found.pop(top, None) if found.get(top) is KEY else None
        assert found == expected


@pytest.mark.parametrize(("number", "case"), NUMBERED)
def test_what_a_function_did_to_values_or_could_not_do_is_said(
    number: int, case: Case, done: Done
) -> None:
    root, top = OF_STORE[case.root]
    here = str(WinPath(root, (*top, str(number)))) + "\\"
    at_target = here.replace(BOB, ROBERT)
    told = [
        " ".join(map(str, row.values()))
        for row in done.rows
        if "note" in row or row.get("from", "").startswith((here, at_target))
    ]
    assert not case.said or any(case.said in each for each in told), told


@pytest.mark.parametrize(("number", "case"), INI_NUMBERED)
def test_a_function_does_to_an_ini_file_what_it_says(
    number: int, case: IniCase, done: Done
) -> None:
    assert done.files[number] == case.after
    told = [
        " ".join(map(str, row.values()))
        for row in done.rows
        if row.get("from", "").startswith(ini_folder(number) + "\\")
    ]
    assert not case.said or any(case.said in each for each in told), told


def test_every_function_of_load_has_a_case_on_values(done: Done) -> None:
    of_load = {each.name for each in FUNCTIONS.values() if each.uses & (Use.LOAD | Use.FILTER)}
    internal = {
        each.name for each in FUNCTIONS.values() if Use.PROCESSING | Use.INTERNAL in each.uses
    }
    assert of_load - internal == {case.function for case in CASES} - {""}
    assert done.code == 3  # some contents could not be changed


def test_an_undo_gives_every_hive_and_ini_file_back_to_the_byte(done: Done) -> None:
    assert done.undone == done.before


# --- a hive of which Windows had not written all --------------------------------------------------

PENDING = "Software\\Pending"


def _leave_pending(root: Path) -> None:
    """Leave the user's hive half written, its change in a log that is spelled as Windows 7 and later do."""
    file = root.joinpath(*HIVES[USER][0])
    before = file.read_bytes()
    run("hivexregedit", "--merge", str(file), stdin=_reg_text({PENDING: {"v": "in the log"}}))
    after = marked_dirty(file.read_bytes(), 9, 9)
    half = marked_dirty(before, 9, 8)
    file.write_bytes(half)
    log = new_log(after, 8, [(after, changed_pages(half, after))])
    file.with_name("ntuser.dat.LOG1").write_bytes(log)
    file.with_name("ntuser.dat.LOG2").write_bytes(b"")


def test_what_waits_in_a_log_is_in_the_hive_that_is_written_and_the_logs_go_aside(
    tmp_path: Path,
) -> None:
    need_disks("hivexregedit")
    rows = [_value(WinPath("HKU", (BOB, "Software", "Rows")), "v", *_typed("ours"))]
    store = settings_store(tmp_path / "s" / "store", rows, ())
    disk = windows_disk(tmp_path / "disk.raw", 64, _leave_pending)
    user = ("Users", "robert")
    names = ("NTUSER.DAT", "ntuser.dat.LOG1", "ntuser.dat.LOG2")
    before = [content_of(disk, *user, name) for name in names]
    assert main(["restore", str(store), "--to", str(disk), "/mu:bob:robert", r"/ue:CONTOSO\*"]) == 0
    hive, *logs = (content_of(disk, *user, name) for name in names)
    assert logs == [None, None]
    (tmp_path / "hive").write_bytes(hive or b"")
    for read in (by_us, by_hivex, by_dissect):
        found = read(tmp_path / "hive")
        assert found["Software", "Pending"] == {"v": _typed("in the log")}
        assert found["Software", "Rows"] == {"v": _typed("ours")}
    assert main(["restore", "--to", str(disk), "--undo"]) == 0
    assert [content_of(disk, *user, name) for name in names] == before
