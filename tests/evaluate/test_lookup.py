r"""Finding what a location names on a small machine: files, keys and values, first match first (usmt.md 3.6, 3.8)."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from extractor.errors import DamagedError
from extractor.evaluate.facts import LARGEST_CONTENT, Facts
from extractor.evaluate.scene import Scene
from extractor.model import Entry, RegistryValue, Reparse, VolumeInfo, WinPath
from extractor.registry import Registry
from extractor.rules.patterns import PatternKind
from extractor.testing import FakeFile, FakeFilesystem, FakeHive
from extractor.windows.namespace import Mount, Namespace
from tests.evaluate.activations import BOB, Files, Keys, scene
from tests.evaluate.tiny_programs import simple

FILE, KEY = PatternKind.FILE, PatternKind.REGISTRY
JUNCTION = FakeFile(directory=True, reparse=Reparse(0xA0000003, b"", r"C:\Data"))
FILES: Files = {
    r"Data\a.txt": b"a",
    r"Data\b.TXT": b"bb",
    r"Data\c.doc": b"",
    r"Data\Sub\a.txt": b"deep",
    r"Data\Sub\Deep\d.txt": b"",
    r"Data\Empty": None,
    r"Data\Long Name": FakeFile(directory=True, short_name="LONGNA~1"),
    r"Data\Long Name\a long name.txt": FakeFile(b"", short_name="ALONGN~1.TXT"),
    r"Data\odd[1]\^x*": b"",
    r"Data\Link": JUNCTION,
    r"root.txt": b"",
}
KEYS = {
    "Acme": {"V": "1", "": "d"},
    r"Acme\Sub 1": {"V": "2", "Very": "3"},
    r"Acme\Sub 2\Deep": {"V": "4"},
    r"odd[1]": {"a*": "5"},
}


HIVES: dict[str, Keys] = {
    rf"HKU\{BOB.sid}": {r"Software\Acme": {"V": "bob"}, r"Software\Classes\stale": {"V": "no"}},
    rf"HKU\{BOB.sid}_CLASSES": {".lum": {"": "draw"}},
    r"HKU\.DEFAULT": {"Console": {"V": "default"}},
    r"HKU\DEFAULT PROFILE": {"Console": {"V": "nobody's"}},
    r"HKLM\SYSTEM": {
        "Select": {"Current": 2},
        "CurrentControlSet": {"V": "a real key of that name"},
        r"ControlSet001\Control": {"V": "1"},
        r"ControlSet002\Control": {"V": "2"},
    },
}


def machine() -> Scene:
    return scene(FILES, KEYS, [BOB], HIVES)


def volume(identity: str) -> VolumeInfo:
    return VolumeInfo(identity, 0, 1, 0, 1, 512, "ntfs")


def facts(where: Scene | None = None, sid: str = "", told: list[str] | None = None) -> Facts:
    notes = told if told is not None else []
    return Facts(where or machine(), sid, lambda _, message: notes.append(message))


ROWS = {
    "3.6 a file": (FILE, r"C:\Data [a.txt]", [r"C:\Data [a.txt]"]),
    "3.6 a closing backslash": (FILE, r"C:\Data\ [a.txt]", [r"C:\Data [a.txt]"]),
    "3.6 files directly in it": (
        FILE, r"C:\Data\ [*]", [r"C:\Data [a.txt]", r"C:\Data [b.TXT]", r"C:\Data [c.doc]"],
    ),
    "3.6 a tree: itself, folders and files": (
        FILE, r"C:\Data\Sub\* [*]",
        [r"C:\Data\Sub", r"C:\Data\Sub [a.txt]", r"C:\Data\Sub\Deep", r"C:\Data\Sub\Deep [d.txt]"],
    ),
    "3.6 a tree by extension: files only": (
        FILE, r"C:\Data\* [*.txt]",
        [r"C:\Data [a.txt]", r"C:\Data [b.TXT]", r"C:\Data\Long Name [a long name.txt]", r"C:\Data\Sub [a.txt]",
         r"C:\Data\Sub\Deep [d.txt]"],
    ),
    "3.6 folders only": (FILE, r"C:\Data\Sub\*", [r"C:\Data\Sub", r"C:\Data\Sub\Deep"]),
    "3.6 a folder": (FILE, r"c:\data", [r"C:\Data"]),
    "3.6 a node is no file": (FILE, r"C:\Data\a.txt", []),
    "3.6 any depth between": (FILE, r"C:\*\Deep [d.txt]", [r"C:\Data\Sub\Deep [d.txt]"]),
    "3.6 a prefix": (FILE, r"C:\Data\S* [a.txt]", [r"C:\Data\Sub [a.txt]"]),
    "3.6 any drive": (FILE, "* [a.txt]", [r"C:\Data [a.txt]", r"C:\Data\Sub [a.txt]"]),
    "3.6 the root": (FILE, "C:\\ [*]", ["C: [root.txt]"]),
    "3.6 another drive": (FILE, r"D:\Data [a.txt]", []),
    "3.6 escapes": (FILE, r"C:\Data\odd^[1^] [^^x^*]", [r"C:\Data\odd^[1^] [^^x^*]"]),
    "3.6 a short name of a folder": (FILE, r"C:\Data\LONGNA~1 [*]", [r"C:\Data\Long Name [a long name.txt]"]),
    "3.6 a short name of a file": (
        FILE, r"C:\Data\Long Name [ALONGN~1.TXT]", [r"C:\Data\Long Name [a long name.txt]"],
    ),
    "3.6 a link is an object and no way": (FILE, r"C:\Data\Link\* [*]", [r"C:\Data\Link"]),
    "3.6 a key": (KEY, r"HKLM\SOFTWARE\acme", [r"HKLM\SOFTWARE\Acme"]),
    "3.6 a value": (KEY, r"HKLM\Software\Acme [v]", [r"HKLM\SOFTWARE\Acme [V]"]),
    "3.6 the default value": (KEY, r"HKLM\Software\Acme []", [r"HKLM\SOFTWARE\Acme []"]),
    "3.6 values of that key only": (
        KEY, r"HKLM\Software\Acme [*]", [r"HKLM\SOFTWARE\Acme [V]", r"HKLM\SOFTWARE\Acme []"],
    ),
    "3.6 a value in the tree": (
        KEY, r"HKLM\Software\Acme\* [V]",
        [r"HKLM\SOFTWARE\Acme [V]", r"HKLM\SOFTWARE\Acme\Sub 1 [V]", r"HKLM\SOFTWARE\Acme\Sub 2\Deep [V]"],
    ),
    "3.6 a tree: keys and values": (
        KEY, r"HKLM\Software\Acme\Sub 2\* [*]",
        [r"HKLM\SOFTWARE\Acme\Sub 2", r"HKLM\SOFTWARE\Acme\Sub 2\Deep", r"HKLM\SOFTWARE\Acme\Sub 2\Deep [V]"],
    ),
    "3.6 values by wildcard": (
        KEY, r"HKLM\Software\Acme\Sub 1 [Ve*]", [r"HKLM\SOFTWARE\Acme\Sub 1 [Very]"],
    ),
    "3.6 keys by wildcard": (KEY, r"HKLM\Software\Acme\Sub 1* [V]", [r"HKLM\SOFTWARE\Acme\Sub 1 [V]"]),
    "3.6 any depth between keys": (KEY, r"HKLM\*\Deep [V]", [r"HKLM\SOFTWARE\Acme\Sub 2\Deep [V]"]),
    "3.6 escapes in keys": (KEY, r"HKLM\Software\odd^[1^] [a^*]", [r"HKLM\SOFTWARE\odd^[1^] [a^*]"]),
    "3.6 a hive that is not there": (KEY, r"HKLM\SAM\* [*]", []),
    "2.5 the control set in use has one name": (
        KEY, r"HKLM\SYSTEM\*\Control [V]",
        [r"HKLM\SYSTEM\ControlSet001\Control [V]", r"HKLM\SYSTEM\CurrentControlSet\Control [V]"],
    ),
    "2.5 the control set in use, by its number": (
        KEY, r"HKLM\SYSTEM\ControlSet002\Control [V]", [r"HKLM\SYSTEM\CurrentControlSet\Control [V]"],
    ),
    "2.5 a user's classes are a hive of their own": (
        KEY, rf"HKU\{BOB.sid}\Software\Classes\* []", [rf"HKU\{BOB.sid}\Software\Classes\.lum []"],
    ),
    "2.5 users by wildcard: SIDs and .DEFAULT": (
        KEY, r"HKU\*\Console [V]", [r"HKU\.DEFAULT\Console [V]"],
    ),
    "3.6 a user's hive by SID": (
        KEY, rf"HKU\{BOB.sid}\Software\Acme [V]", [rf"HKU\{BOB.sid}\Software\Acme [V]"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("kind", "text", "expected"), ROWS.values(), ids=ROWS.keys())
def test_a_location_finds_objects(kind: PatternKind, text: str, expected: list[str]) -> None:
    told: list[str] = []
    assert [each.location for each in facts(told=told).objects(kind, text)] == expected
    assert told == []


@pytest.mark.parametrize(("kind", "text", "expected"), ROWS.values(), ids=ROWS.keys())
def test_an_object_exists_where_one_is_found(
    kind: PatternKind, text: str, expected: list[str]
) -> None:
    """3.6: of a file, a path without brackets is enough."""
    asked = facts()
    is_file_without_brackets = text == r"C:\Data\a.txt"
    assert asked.exists(kind, text) is (bool(expected) or is_file_without_brackets)
    assert asked.exists(kind, text.upper()) is asked.exists(kind, text)


@pytest.mark.parametrize(("kind", "text", "expected"), ROWS.values(), ids=ROWS.keys())
def test_what_is_found_is_told_by_a_location_that_means_it_alone(
    kind: PatternKind, text: str, expected: list[str]
) -> None:
    asked = facts()
    for each in expected:
        assert [again.location for again in asked.objects(kind, each)] == [each]


def test_hkcu_and_hkcr_are_those_of_the_user_first() -> None:
    """2.5, 3.4."""
    hives = {
        rf"HKU\{BOB.sid}": {"Own": {"V": "bob"}, "Software": {}},
        rf"HKU\{BOB.sid}_CLASSES": {".txt": {"": "bob"}},
    }
    where = scene({}, {r"Classes\.txt": {"": "all"}, r"Classes\.doc": {"": "all"}}, [BOB], hives)
    bob, machine = facts(where, BOB.sid), facts(where)
    assert bob.string(KEY, r"HKCU\Own [V]") == "bob"
    assert bob.string(KEY, r"HKCR\.txt []") == "bob"
    assert bob.string(KEY, r"HKCR\.doc []") == "all"
    assert machine.string(KEY, r"HKCR\.txt []") == "all"
    assert [each.location for each in bob.objects(KEY, r"HKCR\.txt []")] == [
        rf"HKU\{BOB.sid}\Software\Classes\.txt []",
        r"HKLM\SOFTWARE\Classes\.txt []",
    ]


SAME = {
    "3.8 the same path": (FILE, r"C:\Data [a.txt]", r"c:\DATA\ [A.TXT]", True),
    "3.8 another file": (FILE, r"C:\Data [a.txt]", r"C:\Data [b.TXT]", False),
    "3.8 a short name": (FILE, r"C:\Data\LONGNA~1", r"C:\Data\Long Name", True),
    "3.8 with and without brackets": (FILE, r"C:\Data\a.txt", r"C:\Data [a.txt]", True),
    "3.8 the same name of nothing": (FILE, r"C:\Gone\*", r"C:\GONE\*", True),
    "3.8 two names of nothing": (FILE, r"C:\Gone", r"C:\Lost", False),
    "3.8 the same key": (KEY, r"HKLM\Software\Acme", r"HKEY_LOCAL_MACHINE\SOFTWARE\ACME", True),
    "3.8 another key": (KEY, r"HKLM\Software\Acme", r"HKLM\Software\Beta", False),
}


@pytest.mark.parametrize(("kind", "one", "other", "expected"), SAME.values(), ids=SAME.keys())
def test_two_names_of_one_object_are_the_same(
    kind: PatternKind, one: str, other: str, expected: bool
) -> None:
    assert facts().same(kind, one, other) is expected
    assert facts().same(kind, other, one) is expected


def test_two_names_of_one_file_are_the_same_object() -> None:
    """3.8 IsSameObject: the same physical object."""
    files: Files = {r"Data\a.txt": b"", r"Data\b.txt": FakeFile(link_to=r"Data\a.txt")}
    assert facts(scene(files)).same(FILE, r"C:\Data [a.txt]", r"C:\Data [b.txt]")


CONTENT = {
    "3.8 of a file": (FILE, r"C:\Data [b.TXT]", b"bb"),
    "3.8 without brackets": (FILE, r"C:\Data\b.TXT", b"bb"),
    "3.8 of the first of several": (FILE, r"C:\Data\ [*.txt]", b"a"),
    "3.8 of an empty file": (FILE, r"C:\Data [c.doc]", b""),
    "3.8 of a value": (KEY, r"HKLM\Software\Acme [V]", b"1\0\0\0"),
    "3.8 of a file that is missing": (FILE, r"C:\Data [z]", None),
    "3.8 of a folder": (FILE, r"C:\Data\Empty", None),
    "3.8 of a value that is missing": (KEY, r"HKLM\Software\Acme [Z]", None),
    "3.8 of a key": (KEY, r"HKLM\Software\Acme", None),
}


@pytest.mark.parametrize(("kind", "text", "expected"), CONTENT.values(), ids=CONTENT.keys())
def test_an_object_has_content(kind: PatternKind, text: str, expected: bytes | None) -> None:
    assert facts().content(kind, text) == expected


def test_an_empty_file_is_not_skipped_for_the_next_one() -> None:
    files: Files = {r"Data\a.txt": b"", r"Data\b.txt": b"b"}
    assert facts(scene(files)).content(FILE, r"C:\Data\ [*.txt]") == b""


VERSIONS = {
    "3.8 a tag": (r"C:\App\a.exe", "FileVersion", "1.2"),
    "3.8 in any letter case": (r"C:\App [a.exe]", " fileversion ", "1.2"),
    "3.8 a tag that it does not have": (r"C:\App\a.exe", "Comments", None),
    "3.8 no program": (r"C:\App\a.txt", "FileVersion", None),
    "3.8 not there": (r"C:\App\b.exe", "FileVersion", None),
    "3.8 the language file beside it": (r"C:\App\mui.exe", "ProductVersion", "7"),
    "3.8 no other file of that name": (r"C:\App\mui.exe", "CompanyName", None),
}


@pytest.mark.parametrize(("text", "tag", "expected"), VERSIONS.values(), ids=VERSIONS.keys())
def test_a_program_has_version_strings(text: str, tag: str, expected: str | None) -> None:
    files: Files = {
        r"App\a.exe": simple(FileVersion="1.2"),
        r"App\a.txt": b"FileVersion",
        r"App\mui.exe": simple(FileVersion="1"),
        r"App\en-US\mui.exe.mui": simple(ProductVersion="7"),
        r"App\not a language\mui.exe.mui": simple(CompanyName="Acme"),
    }
    assert facts(scene(files)).version(text, tag) == expected


def test_a_volume_mounted_at_a_folder_hides_what_lies_below_it() -> None:
    """2.2: a volume can be mounted at a folder."""
    below = FakeFilesystem({r"Mount\old.txt": b"", r"Mount\Sub\old.txt": b""}, volume("A"))
    above = FakeFilesystem({"new.txt": b""}, volume("B"))
    mounts = [
        Mount(WinPath("C:"), below, below.root),
        Mount(WinPath("C:", ("Mount",)), above, above.root),
    ]
    asked = facts(Scene(Namespace(mounts), (), {}))
    for text in (r"C:\* [*.txt]", r"C:\Mount\* [*.txt]", r"* [new.txt]"):
        assert [each.location for each in asked.objects(FILE, text)] == [r"C:\Mount [new.txt]"]
    assert not asked.exists(FILE, "* [old.txt]")


def test_a_hive_whose_file_is_missing_has_no_keys() -> None:
    hive = FakeHive({"X": {"V": "1"}})
    registry = Registry({r"HKLM\SAM": lambda: None, r"HKLM\SOFTWARE": lambda: hive})
    found = facts(Scene(Namespace([]), (), {}, registry)).objects(KEY, r"HKLM\*")
    assert [each.location for each in found] == ["HKLM", r"HKLM\SOFTWARE", r"HKLM\SOFTWARE\X"]


# --- evidence that cannot be read -----------------------------------------------------------------


class BrokenHive(FakeHive):
    """A hive with a bad block below one of its keys."""

    def subkeys(self, key: str = "") -> Sequence[str]:
        if key.lower() == r"acme\bad":
            raise DamagedError("bad block in the hive")
        return super().subkeys(key)

    def values(self, key: str) -> Sequence[RegistryValue]:
        if key.lower() == r"acme\bad":
            raise DamagedError("bad block in the hive")
        return super().values(key)


class BrokenFilesystem(FakeFilesystem):
    """A volume on which one folder cannot be read."""

    def children(self, directory: Entry) -> Sequence[Entry]:
        if directory.name == "Bad":
            raise DamagedError("bad index in the folder")
        return super().children(directory)


def test_what_cannot_be_read_is_told_once_and_the_rest_is_found() -> None:
    told: list[str] = []
    hive = BrokenHive({r"Acme\Bad\x": {"V": "1"}, r"Acme\Good": {"V": "2"}})
    broken = BrokenFilesystem({r"Bad\a.txt": b"", r"Good\a.txt": b""}, volume("V"))
    where = Scene(
        Namespace([Mount(WinPath("C:"), broken, broken.root)]), (), {}, Registry({r"HKLM\SOFTWARE": lambda: hive})
    )  # fmt: skip
    asked = facts(where, told=told)
    for _ in range(2):
        assert [each.location for each in asked.objects(FILE, r"C:\* [*.txt]")] == [
            r"C:\Good [a.txt]"
        ]
        assert [each.location for each in asked.objects(KEY, r"HKLM\Software\Acme\* [V]")] == [
            r"HKLM\SOFTWARE\Acme\Good [V]"
        ]
    assert sorted(told) == [
        "not read while looking for what rules name: bad block in the hive",
        "not read while looking for what rules name: bad index in the folder",
    ]


def test_a_file_that_cannot_be_read_or_is_too_large_has_no_content_and_that_is_told() -> None:
    class Huge(bytes):
        def __len__(self) -> int:
            return LARGEST_CONTENT + 1

    told: list[str] = []
    files: Files = {
        r"Data\bad.txt": FakeFile(b"x", error=DamagedError("bad sector")),
        r"Data\huge.txt": Huge(),
    }
    asked = facts(scene(files), told=told)
    assert asked.content(FILE, r"C:\Data [bad.txt]") is None
    assert asked.content(FILE, r"C:\Data [huge.txt]") is None
    said = "not read while looking for what rules name"
    assert told == [
        rf"{said}: C:\Data\bad.txt: bad sector",
        rf"{said}: C:\Data\huge.txt: {LARGEST_CONTENT + 1} bytes are more than a rule can compare",
    ]


def test_a_users_classes_are_found_where_ntuser_dat_is_lost() -> None:
    """2.5: UsrClass.dat is a hive of its own."""
    hives = {rf"HKU\{BOB.sid}_CLASSES": {".txt": {"": "bob"}}}
    bob = facts(scene({}, {}, [BOB], hives), BOB.sid)
    assert bob.string(KEY, r"HKCU\Software\Classes\.txt []") == "bob"
    assert bob.exists(KEY, r"HKCR\.txt")
    assert [each.location for each in bob.objects(KEY, r"HKU\*\.txt []")] == [
        rf"HKU\{BOB.sid}\Software\Classes\.txt []"
    ]
