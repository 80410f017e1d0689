from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from extractor.errors import DamagedError
from extractor.events import EntriesSeen, Noted
from extractor.model import (
    Damage,
    Entry,
    Metadata,
    ObjectKind,
    Reparse,
    Selected,
    VolumeInfo,
    WinPath,
)
from extractor.rules.model import RuleSet
from extractor.select import Unreadable
from extractor.select.objects import UNKNOWN
from extractor.testing import FakeFile, FakeFilesystem, RecordingObserver
from extractor.windows.namespace import Mount
from tests.select.material import (
    chosen,
    component,
    disk,
    mount,
    rows,
    rule_set,
    selection,
    user,
    warnings,
)

Files = dict[str, bytes | FakeFile | None]
BOB, ANNA = user("bob", 1001), user("anna", 1002)
PROFILE = component([r"%USERPROFILE%\* [*]"], context="User")
SYMLINK, JUNCTION, WOF, CLOUD = 0xA000000C, 0xA0000003, 0x80000017, 0x9000601A


def link(tag: int, directory: bool = False) -> FakeFile:
    return FakeFile(directory=directory, reparse=Reparse(tag, b"", r"C:\target"))


def test_every_entry_of_a_selected_profile_is_told_of_once() -> None:
    files = {
        r"Users\bob\a.txt": b"a",
        r"Users\bob\b.tmp": b"b",
        r"Users\bob\dir\c": b"c",
        r"Users\bob\none": None,
    }
    rules = component([r"%USERPROFILE%\dir\* [*]"], [r"%USERPROFILE%\* [*.tmp]"], context="User")
    told = rows(selection(rules, [disk(files)], [BOB]))
    assert {path: row.reason for path, row in told.items()} == {
        r"C:\Users\bob": "no rule includes it",
        r"C:\Users\bob\a.txt": "no rule includes it",
        r"C:\Users\bob\b.tmp": "no rule includes it",
        r"C:\Users\bob\dir": "",
        r"C:\Users\bob\dir\c": "",
        r"C:\Users\bob\none": "no rule includes it",
    }


def test_a_volume_is_told_folder_by_folder_in_the_order_of_names() -> None:
    files = {r"b\d\x": b"", r"b\c\x": b"", r"B.txt": b"", r"a\y": b""}
    mounts = [disk({"x": b""}, "D:"), disk(files)]
    assert [str(row.path) for row in selection(component([r"* [*]"]), mounts)] == [
        "C:\\", r"C:\a", r"C:\b", r"C:\B.txt", r"C:\a\y", r"C:\b\c", r"C:\b\d", r"C:\b\c\x", r"C:\b\d\x",
        "D:\\", r"D:\x",
    ]  # fmt: skip


def test_the_deciding_pattern_is_named_with_its_line() -> None:
    rules = component([r"%USERPROFILE%\* [*]"], [r"%USERPROFILE%\* [*.tmp]"], context="User")
    told = rows(selection(rules, [disk({r"Users\bob\b.tmp": b""})], [BOB]))
    row = told[r"C:\Users\bob\b.tmp"]
    assert (row.rule, row.reason) == ("test.xml:1", r"excluded by %USERPROFILE%\* [*.tmp]")


def test_outside_profiles_only_what_an_include_matches_is_told_of() -> None:
    rules = component([r"C:\Data\* [*]"], [r"C:\* [*.log]", r"C:\Data\x\* [*.bak]"])
    files = {r"Data\x\a": b"", r"Data\x\a.bak": b"", r"Other\b": b"", r"Other\c.log": b""}
    told = rows(selection(rules, [disk(files)]))
    assert set(told) == {r"C:\Data", r"C:\Data\x", r"C:\Data\x\a", r"C:\Data\x\a.bak"}


def test_a_folder_that_is_excluded_whole_is_one_row() -> None:
    rules = component([r"C:* [*.doc]"], [r"%WINDIR%\* [*]"])
    files = {r"Windows\System32\a.doc": b"", r"Windows\b.doc": b"", r"c.doc": b""}
    told = rows(selection(rules, [disk(files)]))
    assert {path: (row.kind, row.reason) for path, row in told.items()} == {
        r"C:\Windows": (ObjectKind.DIRECTORY, r"excluded by %WINDIR%\* [*]"),
        r"C:\c.doc": (ObjectKind.FILE, ""),
    }


def test_an_excluded_folder_is_entered_where_a_narrower_include_reaches() -> None:
    rules = component([r"C:\* [*]", r"C:\Windows\Fonts\ [*.ttf]"], [r"%WINDIR%\* [*]"])
    files = {r"Windows\Fonts\a.ttf": b"", r"Windows\System32\x\y": b""}
    told = rows(selection(rules, [disk(files)]))
    assert r"C:\Windows\Fonts\a.ttf" in chosen(told.values())
    assert r"C:\Windows\System32\x" not in told


def test_a_profile_in_an_excluded_folder_is_still_entered() -> None:
    rules = component([r"C:\* [*]"], [r"C:\Users\* [*]"], context="System") + PROFILE
    files = {r"Users\bob\a": b"", r"Users\old\b": b""}
    told = rows(selection(rules, [disk(files)], [BOB]))
    assert r"C:\Users\bob\a" in chosen(told.values())
    assert told[r"C:\Users\old"].reason == r"excluded by C:\Users\* [*]"
    assert r"C:\Users\old\b" not in told


def test_a_profile_that_does_not_come_is_one_row_with_the_switch() -> None:
    rules = component([r"C:\* [*]"])
    files = {r"Users\anna\deep\a": b"", r"Users\bob\b": b""}
    told = rows(selection(rules, [disk(files)], [BOB], absent=[ANNA]))
    assert [path for path in told if "anna" in path] == [r"C:\Users\anna"]
    row = told[r"C:\Users\anna"]
    assert isinstance(row, Selected)
    assert (row.chosen, row.reason, row.rule) == (False, "user not selected (/ue:anna)", "")


def test_a_selected_profile_inside_one_that_does_not_come_is_reached() -> None:
    inner = user("inner", 1003, profile=r"C:\Users\anna\inner")
    files = {r"Users\anna\inner\x": b"", r"Users\anna\secret\y": b""}
    told = rows(selection(PROFILE, [disk(files)], [inner], absent=[ANNA]))
    assert chosen(told.values()) == {r"C:\Users\anna\inner", r"C:\Users\anna\inner\x"}
    assert told[r"C:\Users\anna\secret"].reason == "user not selected (/ue:anna)"
    assert r"C:\Users\anna\secret\y" not in told


def test_contexts_narrow_and_user_rules_run_for_each_user() -> None:
    rules = (
        '<component type="System" context="User"><displayName>x</displayName><role role="Data">'
        '<rules context="System"><include><objectSet><pattern type="File">C:\\S\\* [*]</pattern>'
        "</objectSet></include></rules><rules><include><objectSet>"
        '<pattern type="File">C:\\Data\\%USERNAME%\\* [*]</pattern></objectSet></include></rules>'
        "</role></component>"
    )
    files = {r"S\a": b"", r"Data\bob\b": b"", r"Data\anna\c": b"", r"Data\carl\d": b""}
    told = rows(selection(rules, [disk(files)], [BOB, ANNA]))
    assert {path: row.scope for path, row in told.items()} == {
        r"C:\Data\anna": ANNA.sid,
        r"C:\Data\anna\c": ANNA.sid,
        r"C:\Data\bob": BOB.sid,
        r"C:\Data\bob\b": BOB.sid,
    }


def test_a_user_variable_in_system_context_is_a_warning_and_takes_nothing() -> None:
    made = selection(component([r"%USERPROFILE%\* [*]"], context="System"), [disk({"a": b""})])
    assert rows(made) == {}
    (message,) = warnings(made)
    assert message.startswith("test.xml:1: the machine: %USERPROFILE%")


def test_a_rule_for_both_contexts_does_not_warn_of_the_machine() -> None:
    made = selection(component([r"%USERPROFILE%\* [*]"]), [disk({r"Users\bob\a": b""})], [BOB])
    assert warnings(made) == []
    assert [note.level for note in made.activation.notes] == ["info"]


def test_a_folder_redirected_out_of_the_image_is_a_warning() -> None:
    made = selection(component([r"\\server\home\* [*]", r"Z:\x\* [*]"]), [disk({"a": b""})])
    assert len(warnings(made)) == 2
    assert all("on no volume" in message for message in warnings(made))


def test_text_variables_use_earlier_ones_and_the_last_definition() -> None:
    rules = (
        '<component type="Documents" context="System"><displayName>v</displayName><environment>'
        '<variable name="Base"><text>C:\\Old</text></variable>'
        '<variable name="base"><text>C:\\App</text></variable>'
        '<variable name="Data"><text>%BASE%\\Data\\*</text></variable></environment>'
        '<role role="Data"><rules><include><objectSet><pattern type="File">%Data% [*.db]</pattern>'
        "</objectSet></include></rules></role></component>"
    )
    files = {r"App\Data\x\a.db": b"", r"App\Data\a.txt": b"", r"Old\Data\a.db": b""}
    assert chosen(selection(rules, [disk(files)])) == {r"C:\App\Data\x\a.db"}


def test_variables_of_the_machine_are_text_and_no_pattern() -> None:
    odd = user("odd", 1005, profile=r"C:\Users\a[1]^b")
    files = {r"Users\a[1]^b\x": b"", r"Users\a1b\y": b""}
    assert chosen(selection(PROFILE, [disk(files)], [odd])) == {
        r"C:\Users\a[1]^b",
        r"C:\Users\a[1]^b\x",
    }


def test_generated_patterns_meet_fixed_drives_and_migrated_users() -> None:
    script = "<script>MigXmlHelper.{}</script>"
    drives = script.format('GenerateDrivePatterns ("* [*.txt]", "Fixed")')
    users = script.format("GenerateUserPatterns('File','%USERPROFILE%\\* [*]','TRUE')")
    rules = (
        '<component type="Documents" context="System"><displayName>g</displayName><role role="Data">'
        f"<rules><include><objectSet>{drives}</objectSet></include>"
        f"<exclude><objectSet>{users}</objectSet></exclude></rules></role></component>"
    )
    mounts = [
        disk({"a.txt": b"", r"Users\bob\b.txt": b""}),
        disk({r"x\c.txt": b""}, "D:"),
        disk({"d.txt": b""}, "E:", fixed=False),
    ]
    assert chosen(selection(rules, mounts, [BOB])) == {r"C:\a.txt", r"D:\x\c.txt"}


def test_generate_user_patterns_may_leave_out_the_user_being_processed() -> None:
    rules = (
        '<component type="Documents" context="User"><displayName>g</displayName><role role="Data">'
        "<rules><include><objectSet><pattern type='File'>C:\\Users\\bob\\* [*]</pattern></objectSet></include>"
        "<exclude><objectSet><script>MigXmlHelper.GenerateUserPatterns('File', '%USERPROFILE%\\* [*]', 'FALSE')"
        "</script></objectSet></exclude></rules></role></component>"
    )
    # Bob's own context leaves his profile alone; in Anna's context his profile is another user's.
    taken = chosen(selection(rules, [disk({r"Users\bob\a": b""})], [BOB, ANNA]))
    assert taken == {r"C:\Users\bob", r"C:\Users\bob\a"}


def test_an_unconditional_exclude_beats_every_component_and_file() -> None:
    rules = rule_set(component([r"C:\D\ [keep.doc]"])) + rule_set(component(never=[r"C:\D\* [*]"]))
    told = rows(selection(rules, [disk({r"D\keep.doc": b""})]))
    assert {path: row.reason for path, row in told.items()} == {
        r"C:\D": r"excluded everywhere by C:\D\* [*]"
    }


def test_links_are_objects_and_are_never_followed() -> None:
    files = {
        r"Users\bob\junction": link(JUNCTION, directory=True),
        r"Users\bob\symlink": link(SYMLINK),
        r"Users\bob\wof.exe": link(WOF),
        r"Users\bob\cloud": link(CLOUD, directory=True),
    }
    odd = Odd(files)
    told = rows(selection(PROFILE, [mount(odd)], [BOB]))
    junction = odd._by_path["Users", "bob", "junction"].record
    assert junction not in odd.listed
    kinds = {path.rpartition("\\")[2]: row.kind.value for path, row in told.items()}
    assert kinds == {
        "bob": "directory",
        "junction": "link",
        "symlink": "link",
        "wof.exe": "file",
        "cloud": "directory",
    }


class Odd(FakeFilesystem):
    """Metadata of names that begin with ``bad`` cannot be read; ``loop`` holds its own parent; calls are counted."""

    def __init__(self, *args: object, **more: object) -> None:
        super().__init__(*args, **more)  # type: ignore[arg-type]
        self.asked: list[str] = []
        self.listed: list[int] = []

    def metadata(self, entry: Entry) -> Metadata:
        self.asked.append(entry.name)
        if entry.name.startswith("bad"):
            raise DamagedError("its record is torn")
        return super().metadata(entry)

    def children(self, directory: Entry) -> Sequence[Entry]:
        self.listed.append(directory.record)
        found = list(super().children(directory))
        if directory.name == "loop":
            found.append(
                replace(self._by_path[("Users", "bob")], parent=directory.record, name="up")
            )
        return found


def test_a_chosen_object_that_cannot_be_read_is_unreadable_and_an_excluded_one_is_excluded() -> (
    None
):
    odd = Odd({r"Users\bob\bad1": b"", r"Users\bob\bad2.tmp": b""})
    rules = component([r"%USERPROFILE%\* [*]"], [r"%USERPROFILE%\* [*.tmp]"], context="User")
    told = rows(selection(rules, [mount(odd)], [BOB]))
    lost = told[r"C:\Users\bob\bad1"]
    assert isinstance(lost, Unreadable)
    assert (lost.reason, lost.scope, lost.rule) == ("its record is torn", BOB.sid, "test.xml:1")
    left = told[r"C:\Users\bob\bad2.tmp"]
    assert isinstance(left, Selected)
    assert left.metadata == UNKNOWN


def test_damaged_records_of_a_profile_are_accounted_for() -> None:
    files: Files = {r"Users\bob\a": b"", r"Windows\b": b"", "link": link(JUNCTION, directory=True)}
    whole = FakeFilesystem(files)
    bob = whole._by_path[("Users", "bob")].record
    windows = whole._by_path[("Windows",)].record
    damage = [
        Damage(900, "torn", "lost.doc", bob),
        Damage(901, "torn", "lost.tmp", bob),
        Damage(902, "torn", "", bob),
        Damage(903, "torn", "x.dll", windows),
        Damage(904, "no parent"),
        Damage(907, "torn", "of nobody", whole._by_path[("Users",)].record),
        Damage(905, "parent is gone", "orphan", 123456),
        Damage(906, "parent is no folder", "orphan", whole._by_path[("Windows", "b")].record),
        Damage(908, "its mirror differs", lost=False),
        Damage(909, "parent is a link", "orphan", whole._by_path["link",].record),
        Damage(whole._by_path[("Users", "bob", "a")].record, "half", "a", bob),
    ]
    hurt = FakeFilesystem(files, damage=damage)
    rules = component([r"%USERPROFILE%\* [*]"], [r"%USERPROFILE%\* [*.tmp]"], context="User")
    observer = RecordingObserver()
    told = rows(selection(rules, [mount(hurt)], [BOB], observer=observer))
    lost = {path for path, row in told.items() if isinstance(row, Unreadable)}
    strays = {path for path in lost if path.startswith("C:\\$OrphanFiles\\")}
    assert lost - strays == {r"C:\Users\bob\lost.doc", r"C:\Users\bob\record 902 (name not known)"}
    assert told[r"C:\Users\bob\lost.tmp"].reason == r"excluded by %USERPROFILE%\* [*.tmp]"
    assert sorted(path.split("\\")[2] for path in strays) == [
        "record 904", "record 905", "record 906", "record 909",
    ]  # fmt: skip
    assert {path for path in lost if getattr(told[path], "is_stray", False)} == strays
    assert [note.message for note in observer.of(Noted)] == ["volume FA4E: its mirror differs"]


def test_a_damaged_record_of_a_profile_may_have_been_anything_unless_a_rule_excludes_its_name() -> (
    None
):
    whole = FakeFilesystem({r"Users\bob\a": b""})
    damage = [Damage(900, "torn", "lost.doc", whole._by_path[("Users", "bob")].record)]
    hurt = FakeFilesystem({r"Users\bob\a": b""}, damage=damage)
    row = rows(selection(component([r"C:\D\* [*]"]), [mount(hurt)], [BOB]))[
        r"C:\Users\bob\lost.doc"
    ]
    assert isinstance(row, Unreadable)
    assert (row.reason, row.rule, row.scope) == ("torn", "", BOB.sid)


def test_a_folder_that_holds_its_own_parent_ends_the_walk_with_a_warning() -> None:
    odd = Odd({r"Users\bob\loop": None, r"Users\bob\a": b""})
    observer = RecordingObserver()
    told = rows(selection(PROFILE, [mount(odd)], [BOB], observer=observer))
    assert r"C:\Users\bob\loop\up" in told
    assert any("met twice" in note.message for note in observer.of(Noted))


def test_one_pass_reads_each_object_once_whatever_the_number_of_patterns() -> None:
    files = {rf"Users\bob\d{n}\f{n}": b"" for n in range(20)} | {r"Windows\deep\x": b""}
    patterns = [rf"%USERPROFILE%\* [*.{n}]" for n in range(100)] + [r"%USERPROFILE%\* [*]"]
    odd = Odd(files)
    told = rows(selection(component(patterns, context="User"), [mount(odd)], [BOB]))
    assert len(odd.asked) == len(told) == 41
    assert (
        len(odd.listed) == len(set(odd.listed)) == 23
    )  # root, Users, bob and d0…d19; never Windows


def test_a_missing_or_linked_profile_is_a_warning() -> None:
    observer = RecordingObserver()
    files: Files = {
        r"Users\anna": link(JUNCTION, directory=True),
        r"Users\carl\x": b"",
    }
    carl, dora = user("carl", 1003), user("dora", 1004)
    list(selection(PROFILE, [disk(files)], [BOB, ANNA, carl], [dora], observer))
    assert [note.message for note in observer.of(Noted)] == [
        rf"PC\{name}: the profile folder C:\Users\{name} is missing or behind a link"
        for name in ("anna", "bob")
    ]


def test_a_profile_that_is_a_drive_or_a_share_claims_nothing() -> None:
    broken = user("drive", 1006, profile="D:\\")
    away = user("away", 1007, profile=r"\\server\away")
    made = selection(PROFILE, [disk({"x": b""}, "D:")], [], absent=[broken, away])
    assert rows(made) == {}
    assert warnings(made) == []
    made = selection("", [disk({"x": b""})], [broken, away])
    assert sum("no folder on a drive" in message for message in warnings(made)) == 2


def test_a_folder_mount_is_walked_once_under_its_own_path() -> None:
    filesystem = FakeFilesystem({r"WinBackup\a": b"", r"Data\b": b""})
    renamed = filesystem._by_path[("WinBackup",)]
    mounts = [mount(filesystem), Mount(WinPath("C:", ("Windows",)), filesystem, renamed)]
    rules = component([r"C:\* [*]"])
    told = rows(selection(rules, mounts))
    assert set(told) == {"C:\\", r"C:\Data", r"C:\Data\b", r"C:\WinBackup", r"C:\Windows\a"}
    told = rows(selection(component([r"C:\* [*]"], [r"%WINDIR%\* [*]"]), mounts))
    assert r"C:\Windows\a" not in told


def test_a_stray_of_a_volume_that_has_two_mounts_is_told_once() -> None:
    filesystem = FakeFilesystem({r"WinBackup\a": b""}, damage=[Damage(900, "torn", "lost")])
    renamed = filesystem._by_path[("WinBackup",)]
    mounts = [mount(filesystem), Mount(WinPath("C:", ("Windows",)), filesystem, renamed)]
    assert list(rows(selection(component([r"D:\* [*]"]), mounts))) == [
        r"C:\$OrphanFiles\record 900\lost"
    ]


def test_a_mount_inside_a_profile_belongs_to_its_user() -> None:
    data = FakeFilesystem({"x": b""}, VolumeInfo("VOLX", 0, 2, 0, 1 << 30, 512, "ntfs"))
    mounts = [
        disk({r"Users\bob\disk": link(JUNCTION, directory=True)}),
        Mount(WinPath.parse(r"C:\Users\bob\disk"), data, data.root),
    ]
    told = rows(selection(PROFILE, mounts, [BOB]))
    assert told[r"C:\Users\bob\disk\x"].scope == BOB.sid


def test_the_root_of_a_windows_old_is_its_c() -> None:
    filesystem = FakeFilesystem({r"Windows.old\Users\bob\a": b"", r"Users\bob\new": b""})
    old = filesystem._by_path[("Windows.old",)]
    told = rows(selection(PROFILE, [Mount(WinPath("C:"), filesystem, old)], [BOB]))
    assert set(told) == {r"C:\Users\bob", r"C:\Users\bob\a"}


HOSTILE = [
    "..", ".", "a\\..\\b", "C:", "*", "[x]", "^[", "%USERPROFILE%", "\ud800", "\udfff\ud800", "\u202egpj.exe",
    "\x1b[31m", "new\nline", "\0", "CON", "trailing. ", " ", "ß", "ŉ", "𐐨", "a" * 255, "x[/b].txt", "a:b",
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_chosen_under_their_exact_name(name: str) -> None:
    filesystem = FakeFilesystem({r"Users\bob\x": b""})
    parent = filesystem._by_path[("Users", "bob")]
    entry = replace(filesystem._by_path[("Users", "bob", "x")], name=name)
    filesystem._children[parent.record] = [entry]
    found = [row for row in selection(PROFILE, [mount(filesystem)], [BOB]) if row.path.parts[2:]]
    assert [(row.path.parts, isinstance(row, Selected) and row.chosen) for row in found] == [
        (("Users", "bob", name), True)
    ]


def test_names_that_differ_by_case_only_are_two_objects() -> None:
    files = {r"Users\bob\Readme": b"1", r"Users\bob\README": b"2"}
    told = rows(selection(PROFILE, [disk(files)], [BOB]))
    assert {r"C:\Users\bob\Readme", r"C:\Users\bob\README"} <= chosen(told.values())


def test_a_tree_of_two_thousand_levels_is_walked() -> None:
    depth = 2000
    filesystem = FakeFilesystem({"Users\\bob\\" + "\\".join(["d"] * 300): None})
    above = filesystem._by_path[("Users", "bob", *["d"] * 300)]
    for record in range(10_000, 10_000 + depth - 300):
        entry = Entry(record, 1, above.record, "d", directory=True)
        filesystem._children[above.record] = [entry]
        filesystem._files[record] = FakeFile(directory=True)
        above = entry
    assert sum(1 for _ in selection(PROFILE, [mount(filesystem)], [BOB])) == depth + 1


def test_progress_is_told() -> None:
    observer = RecordingObserver()
    files = {rf"Users\bob\{folder}\{number}": b"" for folder in "abc" for number in range(800)}
    list(selection(PROFILE, [disk(files)], [BOB], observer=observer))
    counts = [event.count for event in observer.of(EntriesSeen)]
    assert counts == [5 + 2 * 800, 5 + 3 * 800], "when another thousand is full"


def test_what_activation_has_to_say_is_not_told_again() -> None:
    observer = RecordingObserver()
    made = selection(RuleSet((), ("a.xml:3: odd",)), [disk({"x": b""})], observer=observer)
    assert list(made) == []
    assert made.activation.notes == (Noted("warning", "a.xml:3: odd"),)
    assert observer.of(Noted) == []
