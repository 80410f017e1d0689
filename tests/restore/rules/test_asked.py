r"""What rules ask of an object: which pattern takes it, which component took it, and what nobody does."""

from __future__ import annotations

import pytest

from extractor.model import (
    Instruction,
    Metadata,
    ObjectKind,
    OutcomeKind,
    Record,
    Reparse,
    Times,
    WinPath,
)
from extractor.restore.rules.asked import Asked, Subject, not_done, subject_of
from extractor.rules.patterns import PatternKind
from tests.restore.people.test_users import BOB

FOLDER = Metadata(0x10, Times())


def record(
    kind: ObjectKind, drive: str, *parts: str, rule: str = "", folder: bool = False
) -> Record:
    about = FOLDER if folder else Metadata(0, Times(), reparse=Reparse(0xA000000C, b"", "x"))
    return Record(
        kind, WinPath(drive, parts), "v", BOB, OutcomeKind.STORED, rule=rule, metadata=about
    )


def ask(
    kind: str,
    pattern: str,
    line: int,
    *,
    scope: str = "",
    component: str = "u/c/data",
    of: str = "File",
) -> Instruction:
    call = "MigXmlHelper.SourcePriority()"
    return Instruction(kind, call, scope, component, f"r.xml:{line}", ((of, pattern),))


@pytest.mark.parametrize(
    ("found", "subject"),
    [
        (record(ObjectKind.FILE, "C:", "a", "b.txt"), (PatternKind.FILE, "C:\\A\\", "B.TXT")),
        (record(ObjectKind.DIRECTORY, "C:", "a", folder=True), (PatternKind.FILE, "C:\\A\\", None)),
        (record(ObjectKind.LINK, "C:", "a", folder=True), (PatternKind.FILE, "C:\\A\\", None)),
        (record(ObjectKind.LINK, "C:", "a"), (PatternKind.FILE, "C:\\", "A")),
        (record(ObjectKind.KEY, "HKLM", "SOFTWARE", "x"), (PatternKind.REGISTRY, "HKLM\\SOFTWARE\\X\\", None)),
        (record(ObjectKind.VALUE, "HKLM", "SOFTWARE", "[v]"), (PatternKind.REGISTRY, "HKLM\\SOFTWARE\\", "V")),
        (record(ObjectKind.VALUE, "C:", "a.ini|s", "[k]"), (PatternKind.INI, "C:\\A.INI|S\\", "K")),
        (record(ObjectKind.ACCOUNT, "", "bob"), None),
        (record(ObjectKind.DIRECTORY, "C:", folder=True), None),
    ],
)  # fmt: skip
def test_an_object_is_a_node_and_a_leaf_unless_it_is_a_folder_or_key(
    found: Record, subject: tuple[PatternKind, str, str | None] | None
) -> None:
    assert subject_of(found) == (Subject(*subject) if subject else None)


def test_patterns_that_take_an_object_come_narrowest_first() -> None:
    rows = [
        ask("merge", r"C:\* [*]", 1),
        ask("merge", r"C:\a\ [b.txt]", 2),
        ask("merge", r"C:\a\* [*]", 3),
        ask("merge", r"C:\a\* [*]", 4, scope=BOB),
        ask("merge", r"C:\b\* [*]", 5),
        ask("contentModify", r"C:\a\* [*]", 6),
    ]
    subject = subject_of(record(ObjectKind.FILE, "C:", "a", "b.txt"))
    assert subject is not None
    for order in (rows, rows[::-1]):
        asked = Asked(order)
        lines = [each.instruction.source[-1] for each in asked.taking("merge", subject)]
        assert lines == ["2", "4", "3", "1"]
        first = asked.narrowest("merge", subject)
        assert first is not None
        assert first.instruction.source == "r.xml:2"
        assert asked.narrowest("destinationCleanup", subject) is None


def test_a_key_of_hkcr_is_the_users_and_the_machines() -> None:
    asked = Asked([ask("merge", r"HKCR\.txt\* [*]", 1, scope=BOB, of="Registry")])
    for place in (
        ("HKU", BOB, "Software", "Classes", ".txt"),
        ("HKLM", "SOFTWARE", "Classes", ".txt"),
    ):
        subject = subject_of(record(ObjectKind.KEY, *place))
        assert subject is not None
        assert asked.narrowest("merge", subject)


def test_the_component_whose_include_chose_an_object_took_it() -> None:
    mine = record(ObjectKind.FILE, "C:", "a", "b.txt", rule="r.xml:2")
    one, two = (
        ask("include", r"C:\a\* [*]", line, component=f"u/{name}/settings")
        for line, name in ((1, "one"), (2, "two"))
    )
    elsewhere = ask("include", r"C:\b\* [*]", 2, component="u/three/data")
    assert Asked([one, two, elsewhere]).takers(mine) == {"u/two"}
    assert Asked([one]).takers(mine) == {"u/one"}
    assert Asked([elsewhere]).takers(mine) == frozenset()
    assert Asked([]).takers(mine) == frozenset()


def test_what_nobody_does_is_counted_by_kind() -> None:
    remap = Instruction("remap", "A=C:\\A", source="r.xml:1")
    asked = Asked([remap, Instruction("localGroups", "{}"), Instruction("localGroups", "{ }")])
    assert [note.partition(" x ")[0] for note in not_done(asked)] == ["1", "2"]
    assert [note.partition(" x ")[0] for note in not_done(asked, [remap])] == ["2"]
