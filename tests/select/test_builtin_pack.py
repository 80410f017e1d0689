"""The built-in rules on a machine as people have them: what a user would miss is taken, what is left out is named."""

from __future__ import annotations

import pytest

from extractor.model import Reparse, Selected, User, VolumeInfo, WinPath
from extractor.rules import builtin_rules
from extractor.select import Choice, Mount, Profile, Scene, select
from extractor.testing import FakeFile, FakeFilesystem
from tests.select.material import Row, rows, user

ANNA, BOB, CARL = user("anna", 1001), user("bob", 1002), user("carl", 1003)
DORA = user("dora", 1004, profile=r"D:\Profiles\dora")
JUNCTION = FakeFile(directory=True, reparse=Reparse(0xA0000003, b"", r"C:\Users"))

LOCAL = r"Users\anna\AppData\Local"
TAKEN_C = [
    r"Users\anna\NTUSER.DAT",
    r"Users\anna\ntuser.dat.LOG1",
    r"Users\anna\Desktop\todo.txt",
    r"Users\anna\Documents\Temp\not junk.doc",
    r"Users\anna\OneDrive\plan.docx",
    r"Users\anna\AppData\Roaming\Mozilla\Firefox\Profiles\x.default\logins.json",
    rf"{LOCAL}\Microsoft\Windows\UsrClass.dat",
    rf"{LOCAL}\Google\Chrome\User Data\Default\Bookmarks",
    rf"{LOCAL}\Google\Chrome\User Data\Local State",
    rf"{LOCAL}\Microsoft\Edge\User Data\Default\Login Data",
    rf"{LOCAL}\Microsoft\Outlook\anna.ost",
    rf"{LOCAL}\Packages\App_1\LocalState\plum.sqlite",
    rf"{LOCAL}\Microsoft\Windows\Explorer\other.db",
    r"Users\bob\Pictures\cat.jpg",
    r"Users\Public\Documents\shared.txt",
    r"Users\Public\Desktop\link.lnk",
    r"Projects\2024\plan.txt",
    r"notes.txt",
    r"inetpub\wwwroot\index.html",
]
LEFT_C = [
    (rf"{LOCAL}\Temp\x.tmp", r"%CSIDL_LOCAL_APPDATA%\Temp\* [*]"),
    (
        rf"{LOCAL}\Microsoft\Windows\INetCache\a",
        r"%CSIDL_LOCAL_APPDATA%\Microsoft\Windows\INetCache\* [*]",
    ),
    (rf"{LOCAL}\Microsoft\Windows\Explorer\thumbcache_96.db", "thumbcache_"),
    (rf"{LOCAL}\Microsoft\Windows\Explorer\iconcache_16.db", "iconcache_"),
    (rf"{LOCAL}\IconCache.db", "IconCache.db"),
    (rf"{LOCAL}\CrashDumps\a.dmp", "CrashDumps"),
    (rf"{LOCAL}\D3DSCache\a", "D3DSCache"),
    (rf"{LOCAL}\Microsoft\Windows\WER\ReportArchive\a", "WER"),
    (
        rf"{LOCAL}\Google\Chrome\User Data\Default\Cache\Cache_Data\f_1",
        r"Chrome\User Data\*\Cache\* [*]",
    ),
    (rf"{LOCAL}\Google\Chrome\User Data\Profile 2\Code Cache\js\1", "Code Cache"),
    (rf"{LOCAL}\Google\Chrome\User Data\Default\Service Worker\CacheStorage\1", "CacheStorage"),
    (rf"{LOCAL}\Microsoft\Edge\User Data\Default\GPUCache\1", r"Edge\User Data\*\GPUCache"),
    (rf"{LOCAL}\BraveSoftware\Brave-Browser\User Data\Default\Cache\1", "Brave"),
    (rf"{LOCAL}\Mozilla\Firefox\Profiles\x.default\cache2\entries\1", "cache2"),
    (rf"{LOCAL}\Mozilla\Firefox\Profiles\x.default\startupCache\1", "startupCache"),
    (rf"{LOCAL}\Packages\App_1\AC\INetCache\1", "INetCache"),
    (rf"{LOCAL}\Packages\App_1\TempState\1", "TempState"),
    (r"pagefile.sys", "pagefile.sys"),
    (r"hiberfil.sys", "hiberfil.sys"),
    (r"swapfile.sys", "swapfile.sys"),
    (r"bootmgr", "bootmgr"),
    (r"DumpStack.log.tmp", "DumpStack"),
]
WHOLE_C = [
    r"Windows", r"Program Files", r"Program Files (x86)", r"ProgramData", r"Windows.old", r"Windows.old.000",
    r"$Recycle.Bin", r"System Volume Information", r"$WINDOWS.~BT", r"PerfLogs", r"Recovery", r"Config.Msi", r"Boot",
    r"Users\Default", r"Users\left behind",
]  # fmt: skip
TAKEN_D = [r"Films\a.mkv", r"Docs\anna\letter.doc", r"Profiles\dora\a.txt", r"readme.txt"]
WHOLE_D = [r"$RECYCLE.BIN", r"Windows", r"Program Files", r"Docs\anna\$RECYCLE.BIN"]


def machine_files() -> tuple[
    dict[str, bytes | FakeFile | None], dict[str, bytes | FakeFile | None]
]:
    c: dict[str, bytes | FakeFile | None] = dict.fromkeys(TAKEN_C, b"x")
    c |= dict.fromkeys((path for path, _ in LEFT_C), b"x")
    c |= {rf"{folder}\deep\file.bin": b"x" for folder in WHOLE_C}
    c |= {r"Users\carl\secret.txt": b"x", "Documents and Settings": JUNCTION}
    d: dict[str, bytes | FakeFile | None] = dict.fromkeys(TAKEN_D, b"x")
    d |= {rf"{folder}\deep\file.bin": b"x" for folder in WHOLE_D}
    d |= {
        r"Profiles\dora\AppData\Local\Temp\t": b"x",
        r"Local\bob\Temp\t": b"x",
        r"Local\bob\app\a": b"x",
    }
    return c, d


def variables(who: User, **other: str) -> dict[str, str]:
    """Return what the registry would say, but for what is redirected."""
    home = str(who.profile)
    folders = {
        "CSIDL_DESKTOP": "Desktop", "CSIDL_PERSONAL": "Documents", "CSIDL_MYPICTURES": "Pictures",
        "CSIDL_MYMUSIC": "Music", "CSIDL_MYVIDEO": "Videos", "CSIDL_FAVORITES": "Favorites",
        "CSIDL_CONTACTS": "Contacts", "FOLDERID_DOWNLOADS": "Downloads", "FOLDERID_SAVEDGAMES": "Saved Games",
        "CSIDL_APPDATA": r"AppData\Roaming", "CSIDL_LOCAL_APPDATA": r"AppData\Local",
    }  # fmt: skip
    own = {name: rf"{home}\{folder}" for name, folder in folders.items()}
    return {"USERPROFILE": home} | own | other


SYSTEM = {
    "WINDIR": r"C:\Windows", "CSIDL_PROGRAM_FILES": r"C:\Program Files",
    "CSIDL_PROGRAM_FILESX86": r"C:\Program Files (x86)", "CSIDL_COMMON_APPDATA": r"C:\ProgramData",
    "PROFILESFOLDER": r"C:\Users", "ALLUSERSPROFILE": r"C:\Users\Public",
    "CSIDL_COMMON_DESKTOPDIRECTORY": r"C:\Users\Public\Desktop",
    "CSIDL_COMMON_DOCUMENTS": r"C:\Users\Public\Documents",
    "CSIDL_COMMON_PICTURES": r"C:\Users\Public\Pictures", "CSIDL_COMMON_MUSIC": r"C:\Users\Public\Music",
    "CSIDL_COMMON_VIDEO": r"C:\Users\Public\Videos",
}  # fmt: skip


def scanned(**of_anna: str) -> tuple[dict[str, Row], tuple[str, ...]]:
    c, d = machine_files()
    of_anna = of_anna or {"CSIDL_PERSONAL": r"D:\Docs\anna"}
    systems = [
        FakeFilesystem(files, VolumeInfo(f"V{number}", 0, number, 0, 1 << 30, 512, "ntfs"))
        for number, files in enumerate((c, d))
    ]
    mounts = tuple(
        Mount(WinPath(letter), filesystem, filesystem.root)
        for letter, filesystem in zip(("C:", "D:"), systems, strict=True)
    )
    profiles = (
        Profile(ANNA, variables(ANNA, **of_anna)),
        Profile(BOB, variables(BOB, CSIDL_LOCAL_APPDATA=r"D:\Local\bob")),
        Profile(CARL, variables(CARL)),
        Profile(DORA, variables(DORA)),
    )
    choices = [Choice(each.user, each.user is not CARL, "/ue:carl") for each in profiles]
    made = select(Scene(mounts, profiles, SYSTEM), builtin_rules(), choices)
    return rows(made), tuple(note.message for note in made.notes)


@pytest.fixture(scope="module")
def told() -> dict[str, Row]:
    return scanned()[0]


def is_taken(row: Row) -> bool:
    return isinstance(row, Selected) and row.chosen


@pytest.mark.parametrize(
    "path", [rf"C:\{each}" for each in TAKEN_C] + [rf"D:\{each}" for each in TAKEN_D]
)
def test_what_a_user_would_miss_is_taken(told: dict[str, Row], path: str) -> None:
    assert is_taken(told[path])


@pytest.mark.parametrize(("path", "words"), LEFT_C)
def test_what_is_left_out_is_named_by_its_own_line(
    told: dict[str, Row], path: str, words: str
) -> None:
    row = told[rf"C:\{path}"]
    assert not is_taken(row)
    assert words in row.reason
    assert row.rule.startswith("builtin/")


@pytest.mark.parametrize(
    "path", [rf"C:\{each}" for each in WHOLE_C] + [rf"D:\{each}" for each in WHOLE_D]
)
def test_folders_that_are_nobodys_data_are_one_row(told: dict[str, Row], path: str) -> None:
    assert not is_taken(told[path])
    assert told[path].rule.startswith("builtin/")
    assert rf"{path}\deep" not in told


def test_each_object_belongs_to_its_owner(told: dict[str, Row]) -> None:
    scopes = {
        r"C:\Users\anna\Desktop\todo.txt": ANNA.sid,
        r"D:\Docs\anna\letter.doc": ANNA.sid,
        r"D:\Local\bob\app\a": BOB.sid,
        r"D:\Profiles\dora\a.txt": DORA.sid,
        r"C:\Users\Public\Documents\shared.txt": "",
        r"D:\Films\a.mkv": "",
    }
    assert {path: told[path].scope for path in scopes} == scopes


def test_junk_of_profiles_on_other_drives_does_not_come_back_as_the_machines(
    told: dict[str, Row],
) -> None:
    assert not is_taken(told[r"D:\Profiles\dora\AppData\Local\Temp\t"])
    assert not is_taken(told[r"D:\Local\bob\Temp"])


def test_a_user_who_does_not_come_is_one_row(told: dict[str, Row]) -> None:
    assert [path for path in told if "carl" in path] == [r"C:\Users\carl"]
    assert told[r"C:\Users\carl"].reason == "user not selected (/ue:carl)"


def test_the_compatibility_junction_is_left_out_by_name(told: dict[str, Row]) -> None:
    row = told[r"C:\Documents and Settings"]
    assert (row.kind.value, is_taken(row)) == ("link", False)


def test_the_pack_speaks_without_warnings_on_an_ordinary_machine() -> None:
    assert scanned()[1] == ()


def test_documents_that_are_a_whole_drive_do_not_take_windows() -> None:
    told, _ = scanned(CSIDL_PERSONAL="C:\\")
    assert not is_taken(told[r"C:\Windows"])
    assert not is_taken(told[rf"C:\{LOCAL}\Temp\x.tmp"])
    assert is_taken(told[r"C:\Projects\2024\plan.txt"])


def test_a_folder_on_a_server_is_named() -> None:
    _, notes = scanned(CSIDL_PERSONAL=r"\\server\home\anna")
    assert len(notes) == 1
    assert "on no volume of these images" in notes[0]
