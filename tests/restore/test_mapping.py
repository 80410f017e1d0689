"""What decides about a restore: people as the target knows them, rules, drives, and what variables are there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from extractor.errors import UsageError
from extractor.model import Instruction, WinPath
from extractor.restore.layout import Layout
from extractor.restore.mapping import (
    Mapped,
    Wish,
    letters_of,
    map_all,
    system_of,
    with_config,
)
from extractor.restore.people.words import Renaming, UserWords, parse_md, parse_mu
from extractor.restore.rules.asked import Asked
from extractor.restore.target.place import Target
from extractor.store.directory import DirectoryStore
from extractor.store.opened import open_store
from extractor.store.tree import open_tree
from extractor.windows import WindowsInstall
from tests.registry.tiny_hive import tiny_hive
from tests.restore.build import header, merge
from tests.restore.people.test_users import BOB, EVE
from tests.restore.settings.sam_hive import MACHINE, Described, sam_hive
from tests.restore.windows_target import BOB_THERE, plain_folder, plain_windows

OLD = {"windows": {"computer": "DESK", "path": r"C:\Windows",
                   "letters": {"C:": {"volume": "1"}, "D:": {"volume": "2"}}}}  # fmt: skip
CONFIG_SAM = "Windows/System32/config/SAM"
SAM = sam_hive(
    Described(
        users={500: ("Administrator", 0x211), 501: ("Guest", 0x215)},
        groups={545: ("Users", ()), 546: ("Guests", ())},
    )
)
LAC = UserWords(create_accounts=True)


@contextmanager
def mapped(
    folder: Path,
    wish: Wish,
    *,
    install: WindowsInstall | None = BOB_THERE,
    files: Mapping[str, bytes | None] | None = None,
    drives: Mapping[str, Path] | None = None,
    system: str = "C:",
    instructions: Sequence[Instruction] = (),
    old: Mapping[str, object] = OLD,
) -> Iterator[Mapped]:
    """Map an empty store onto a plain folder."""
    with DirectoryStore(folder / "store") as writer:
        writer.finish(header(**old), {}, list(instructions))
    root = plain_folder(folder / "target", files)
    target = Target(str(root), root, install=install, drives=drives or {}, system=system)
    with open_store(folder / "store") as store, open_tree(root) as tree:
        yield map_all(store, target, wish, tree)


def goes(found: Mapped, path: str) -> str:
    return str(found.locations.renamed(WinPath.parse(path)))


def place(found: Mapped, path: str) -> str:
    return "/".join(found.places.at(WinPath.parse(path)))


def test_what_lies_on_a_drive_that_the_target_lacks_goes_to_the_system_drive(
    tmp_path: Path,
) -> None:
    with mapped(tmp_path, Wish()) as found:
        assert goes(found, r"D:\Data\a") == r"C:\Data\a"
        assert goes(found, r"C:\Data\a") == r"C:\Data\a"
        assert place(found, r"C:\Data\a") == "Data/a"


def test_a_drive_that_the_target_has_stays_unless_it_is_told_where(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    told = Wish(drives={"D:": WinPath.parse(r"C:\Of D")})
    for number, (wish, expected) in enumerate(((Wish(), r"D:\Data"), (told, r"C:\Of D\Data"))):
        folder = tmp_path / str(number)
        folder.mkdir()
        with mapped(folder, wish, drives={"D:": tmp_path / "d"}) as found:
            assert goes(found, r"D:\Data") == expected
            assert place(found, r"D:\Data") == "D:/Data"


def test_the_system_drive_of_the_old_machine_is_that_of_the_target_whatever_its_letter(
    tmp_path: Path,
) -> None:
    install = replace(BOB_THERE, system_root=WinPath.parse(r"E:\Windows"))
    with mapped(tmp_path, Wish(), install=install, system="E:") as found:
        assert goes(found, r"C:\Data") == r"E:\Data"
        assert place(found, r"E:\Data") == "Data"


def test_a_folder_that_is_no_windows_knows_nobody_and_has_the_drives_of_the_store(
    tmp_path: Path,
) -> None:
    with mapped(tmp_path, Wish(users=LAC), install=None) as found:
        assert found.locations.people.by_sid[BOB].left_out == ""
        assert found.locations.system == "C:"
        assert dict(found.locations.drives) == {}
        assert dict(found.locations.destination) == {}


@pytest.mark.parametrize(
    ("windows", "letters", "system"),
    [
        (OLD["windows"], ["C:", "D:"], "C:"),
        ({"path": r"E:\WINNT", "letters": {"E:": {}}}, ["E:"], "E:"),
        ({"path": 7, "letters": ["C:"]}, [], "C:"),
        ("nonsense", [], "C:"),
        (None, [], "C:"),
    ],
)
def test_what_the_header_says_of_drives_is_read_whatever_it_holds(
    tmp_path: Path, windows: object, letters: list[str], system: str
) -> None:
    with DirectoryStore(tmp_path / "store") as writer:
        writer.finish({"windows": windows}, {})
    with open_store(tmp_path / "store") as store:
        assert letters_of(store) == letters
        assert system_of(store) == system


# --- accounts that are made -----------------------------------------------------------------------


def test_lac_tells_the_sid_that_an_account_will_have_and_makes_nothing(tmp_path: Path) -> None:
    with mapped(tmp_path, Wish(users=LAC), install=plain_windows(), files={CONFIG_SAM: SAM}) as found:  # fmt: skip
        by_sid = found.locations.people.by_sid
        assert [by_sid[each].sid for each in (BOB, EVE)] == [f"{MACHINE}-1002", f"{MACHINE}-1003"]
        assert all(by_sid[each].to_make for each in (BOB, EVE))
    assert (tmp_path / "target" / CONFIG_SAM).read_bytes() == SAM


@pytest.mark.parametrize(
    "sam", [None, b"", b"damaged" * 1000, tiny_hive({}), tiny_hive({r"SAM\Domains\Account": {}})]
)
def test_without_a_sam_that_is_known_accounts_are_to_be_made_by_hand(
    tmp_path: Path, sam: bytes | None
) -> None:
    with mapped(tmp_path, Wish(users=LAC), install=plain_windows(), files={CONFIG_SAM: sam}) as found:  # fmt: skip
        people = found.locations.people
        assert people.by_sid[BOB].left_out.startswith("to be created in Windows by hand")
        assert sum("give its SID with --user-map" in note for note in people.notes) == 2


def test_a_name_that_no_account_can_have_is_to_be_made_by_hand_and_others_are_made(
    tmp_path: Path,
) -> None:
    users = replace(LAC, renamings=(Renaming("bob", None, "b" * 21, "map.csv:1"),))
    with mapped(tmp_path, Wish(users=users), install=plain_windows(), files={CONFIG_SAM: SAM}) as found:  # fmt: skip
        people = found.locations.people
        assert "to be created in Windows by hand" in people.by_sid[BOB].left_out
        assert people.by_sid[EVE].sid == f"{MACHINE}-1002"


# --- words ----------------------------------------------------------------------------------------


def test_what_a_config_says_of_users_comes_after_the_command_line() -> None:
    asked = Asked(
        [
            Instruction("users", r'{"from": "DESK\\bob", "to": "NEW\\rob"}', source="c.xml:1"),
            Instruction("domains", '{"from": "A", "to": "C"}', source="c.xml:2"),
            Instruction("users", "nonsense", source="c.xml:3"),
        ]
    )
    given = UserWords((parse_mu("bob:robert"),), (parse_md("A:B"),), create_accounts=True)
    found = with_config(given, asked)
    assert [each.source for each in found.renamings] == ["/mu:bob:robert", "c.xml:1"]
    assert [each.new for each in found.movings] == ["B", "C"]
    assert asked.notes == ["c.xml:3: no renaming of ProfileControl"]
    assert found.create_accounts


def test_two_wishes_are_the_same_only_when_every_word_is() -> None:
    one = Wish()
    others = [
        Wish(layout=Layout.LINUX),
        Wish(users=LAC),
        Wish(drives={"D:": WinPath.parse(r"C:\D")}),
        Wish(rules=[Path("a.xml")]),
        Wish(config=Path("a.xml")),
    ]
    assert one.words == Wish().words
    assert len({one.words, *(each.words for each in others)}) == 1 + len(others)
    drives = {"D:": WinPath.parse(r"C:\D"), "E:": WinPath.parse(r"C:\E")}
    assert Wish(drives=drives).words == Wish(drives=dict(reversed(drives.items()))).words


def test_users_who_would_be_one_at_the_target_are_refused(tmp_path: Path) -> None:
    install = plain_windows({}, {f"{MACHINE}-1001": "one"})
    users = UserWords((parse_mu("bob:one"), parse_mu("eve:ONE")))
    with pytest.raises(UsageError), mapped(tmp_path, Wish(users=users), install=install):
        pytest.fail("they are two")


# --- variables ------------------------------------------------------------------------------------


def remap(text: str, sid: str = "") -> Instruction:
    return Instruction("remap", text, sid, "u/a/data", "r.xml:1", ())


def test_a_variable_with_remap_is_the_folder_that_the_target_has_for_it(tmp_path: Path) -> None:
    said = [remap(r"APPDATA=C:\Users\bob\Roaming", BOB), remap(r"PROGRAMFILES=D:\Programs"),
            remap(r"NOTHING=C:\x"), remap(r"APPDATA=C:\y", EVE)]  # fmt: skip
    with mapped(tmp_path, Wish(), instructions=said) as found:
        destination = dict(found.locations.destination)
        assert {key: str(path) for key, path in destination.items()} == {
            (BOB, "APPDATA"): r"C:\Users\bob\AppData\Roaming",
            ("", "PROGRAMFILES"): r"C:\Program Files",
        }
        assert goes(found, r"D:\Programs\App") == r"C:\Program Files\App"


def test_rules_of_the_scan_decide_where_things_go(tmp_path: Path) -> None:
    said = merge(r"RelativeMove('C:\Old','C:\New')", r"C:\Old\* [*]", kind="locationModify")
    with mapped(tmp_path, Wish(), instructions=[said]) as found:
        assert len(found.locations.asked.instructions) == 1
        assert found.processing.emptyings == []
        assert found.config is None
