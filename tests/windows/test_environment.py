from __future__ import annotations

import pytest

from extractor.model import WinPath
from extractor.registry import Registry
from extractor.testing import FakeFile, FakeHive
from extractor.windows import system_variables, unreachable, user_variables
from extractor.windows.variables import base_variables, expand, is_legacy, machine_variables
from tests.plugins.disks import software
from tests.registry.tiny_hive import Keys, tiny_hive
from tests.windows.machines import MACHINE_SID, installed, people, sam

FOLDERS = r"Software\Microsoft\Windows\CurrentVersion\Explorer\User Shell Folders"
MACHINE_FOLDERS = FOLDERS[len("Software\\") :]


def bob(shell: dict[str, object], keys: Keys | None = None) -> dict[str, str]:
    """Return the variables of a user whose User Shell Folders say this."""
    hive = tiny_hive({FOLDERS: shell, "Environment": {"TEMP": r"%USERPROFILE%\AppData\Local\Temp"}})
    software_keys = people({f"{MACHINE_SID}-1001": {"ProfileImagePath": r"C:\Users\bob"}})
    files: dict[str, bytes | FakeFile | None] = {r"Users\bob\NTUSER.DAT": hive}
    install = installed(files, {**software_keys, **(keys or {})}, sam({1001: "bob"}))
    return user_variables(install, install.users[0], system_variables(install))


def test_an_unknown_variable_stays_as_it_is() -> None:
    known = {"A": "1", "PROGRAMFILES(X86)": "x"}
    assert expand(r"%a%\%B%\%ProgramFiles(x86)%\100%", known) == r"1\%B%\x\100%"


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("USERPROFILE", r"C:\Users\bob"),
        ("APPDATA", r"C:\Users\bob\AppData\Roaming"),
        ("CSIDL_LOCAL_APPDATA", r"C:\Users\bob\AppData\Local"),
        ("CSIDL_PERSONAL", r"C:\Users\bob\Documents"),
        ("FOLDERID_DOWNLOADS", r"C:\Users\bob\Downloads"),
        ("CSIDL_STARTUP", r"C:\Users\bob\AppData\Roaming\Microsoft\Windows\Start Menu\Programs\Startup"),
        ("CSIDL_COOKIES", r"C:\Users\bob\AppData\Local\Microsoft\Windows\INetCookies"),
        ("CSIDL_PLAYLISTS", r"C:\Users\bob\Music\Playlists"),
        ("TEMP", r"C:\Users\bob\AppData\Local\Temp"),
        ("HOMEPATH", r"\Users\bob"),
        ("USERNAME", "bob"),
        ("USERDOMAIN", "DESK"),
        ("USERSID", f"{MACHINE_SID}-1001"),
        ("SYSTEMDRIVE", "C:"),
        ("SYSTEMROOT", r"C:\Windows"),
        ("CSIDL_SYSTEM", r"C:\Windows\System32"),
        ("PROFILESFOLDER", r"C:\Users"),
        ("PROGRAMDATA", r"C:\ProgramData"),
        ("ALLUSERSPROFILE", r"C:\Users\Public"),
        ("CSIDL_COMMON_APPDATA", r"C:\ProgramData"),
        ("CSIDL_COMMON_DOCUMENTS", r"C:\Users\Public\Documents"),
        ("CSIDL_COMMON_STARTUP", r"C:\ProgramData\Microsoft\Windows\Start Menu\Programs\Startup"),
        ("PROGRAMFILES(X86)", r"C:\Program Files (x86)"),
        ("CSIDL_PROGRAM_FILES_COMMONX86", r"C:\Program Files (x86)\Common Files"),
        ("CSIDL_DEFAULT_PERSONAL", r"C:\Users\Default\Documents"),
        ("CSIDL_DEFAULT_QUICKLAUNCH", r"C:\Users\Default\AppData\Roaming\Microsoft\Internet Explorer\Quick Launch"),
        ("SYSTEMPROFILE", r"C:\Windows\system32"),
    ],
)  # fmt: skip
def test_where_the_registry_is_silent_the_default_holds(name: str, path: str) -> None:
    assert bob({})[name] == path


def test_the_users_own_folders_come_from_user_shell_folders() -> None:
    found = bob(
        {
            "Personal": "D:\\Docs\\",
            "Desktop": r"%USERPROFILE%\OneDrive\Desktop",
            "My Music": r"%NoSuchThing%\Music",
            "AppData": r"\\server\home\bob",
        }
    )
    assert found["CSIDL_MYDOCUMENTS"] == r"D:\Docs"
    assert found["CSIDL_DESKTOPDIRECTORY"] == r"C:\Users\bob\OneDrive\Desktop"
    assert found["CSIDL_MYMUSIC"] == r"C:\Users\bob\Music"
    assert (
        found["CSIDL_QUICKLAUNCH"] == r"\\server\home\bob\Microsoft\Internet Explorer\Quick Launch"
    )


def test_a_folder_redirected_outside_the_image_is_told() -> None:
    install = installed({}, people({}))
    text = {"A": r"\\srv\home", "B": r"Q:\Docs", "C": r"C:\x", "D": "bob", "E": "Q:\\\x1b"}
    assert list(unreachable(text, install.namespace)) == [
        r"%A% is redirected outside the image, to \\srv\home",
        r"%B% is redirected outside the image, to Q:\Docs",
        r"%E% is redirected outside the image, to Q:\\x1b",
    ]


def test_allusersprofile_in_the_registry_is_windows_own_meaning() -> None:
    keys = {MACHINE_FOLDERS: {"Common Desktop": r"%ALLUSERSPROFILE%\Desk"}}
    assert bob({}, keys)["CSIDL_COMMON_DESKTOPDIRECTORY"] == r"C:\ProgramData\Desk"


def test_the_default_users_own_hive_is_asked() -> None:
    hive = tiny_hive({FOLDERS: {"Personal": r"%USERPROFILE%\My Stuff"}})
    install = installed({r"Users\Default\NTUSER.DAT": hive}, people({}))
    assert system_variables(install)["CSIDL_DEFAULT_PERSONAL"] == r"C:\Users\Default\My Stuff"


def test_users_variables_are_undefined_for_the_system() -> None:
    found = system_variables(installed({}, people({})))
    for name in ("USERPROFILE", "APPDATA", "CSIDL_PERSONAL", "TEMP", "USERNAME", "CSIDL_PRINTERS"):
        assert name not in found


def test_windows_7_keeps_the_caches_elsewhere() -> None:
    seven = software(CurrentMajorVersionNumber=None, CurrentVersion="6.1")
    keys = {**people({f"{MACHINE_SID}-1001": {"ProfileImagePath": r"C:\Users\bob"}}), **seven}
    install = installed({}, keys)
    found = user_variables(install, install.users[0], system_variables(install))
    assert found["CSIDL_INTERNET_CACHE"].endswith("Temporary Internet Files")
    assert found["CSIDL_COOKIES"] == r"C:\Users\bob\AppData\Roaming\Microsoft\Windows\Cookies"


def test_xp_has_its_own_layout() -> None:
    profiles = r"Microsoft\Windows NT\CurrentVersion\ProfileList"
    hive = FakeHive(
        {
            profiles: {
                "ProfilesDirectory": r"%SystemDrive%\Dokumente und Einstellungen",
                "AllUsersProfile": "All Users.WINDOWS",
            },
            MACHINE_FOLDERS: {"Common AppData": r"%ALLUSERSPROFILE%\Anwendungsdaten"},
        }
    )
    registry = Registry({r"HKLM\SOFTWARE": lambda: hive})
    found = machine_variables(registry, base_variables(WinPath.parse(r"C:\WINDOWS")), "5.1")
    top = r"C:\Dokumente und Einstellungen"
    assert found["DEFAULTUSERPROFILE"] == rf"{top}\Default User"
    assert found["ALLUSERSPROFILE"] == rf"{top}\All Users.WINDOWS"
    assert found["CSIDL_COMMON_APPDATA"] == rf"{top}\All Users.WINDOWS\Anwendungsdaten"
    assert found["CSIDL_COMMON_MUSIC"] == rf"{top}\All Users.WINDOWS\Documents\My Music"


@pytest.mark.parametrize(
    ("version", "legacy"),
    [("5.1", True), ("6.0", False), ("10.0", False), ("", False), ("x", False)],
)
def test_what_came_before_vista_is_legacy(version: str, *, legacy: bool) -> None:
    assert is_legacy(version) is legacy
