r"""The tables of ``environment``: which variables name a folder, which registry value places it, and its default.

A default may use variables settled before it. Source: usmt.md 3.9 (USMT's documented variables and their aliases).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder: the variables that name it, the registry value that places it, its default path."""

    names: tuple[str, ...]
    value: str
    default: str


def _table(*rows: tuple[str, str, str]) -> tuple[Folder, ...]:
    return tuple(Folder(tuple(names.split()), value, default) for names, value, default in rows)


MACHINE = _table(
    ("PROFILESFOLDER", "ProfilesDirectory", r"%SYSTEMDRIVE%\Users"),
    ("PROGRAMDATA", "ProgramData", r"%SYSTEMDRIVE%\ProgramData"),
    ("DEFAULTUSERPROFILE", "Default", r"%PROFILESFOLDER%\Default"),
    # USMT's ALLUSERSPROFILE is the Public profile, not Windows's ProgramData.
    ("PUBLIC ALLUSERSPROFILE", "Public", r"%PROFILESFOLDER%\Public"),
)
"""Values of ProfileList."""

SYSTEM_PROFILE = Folder(
    ("SYSTEMPROFILE",), "ProfileImagePath", r"%WINDIR%\System32\config\systemprofile"
)

PROGRAMS = _table(
    ("PROGRAMFILES CSIDL_PROGRAM_FILES", "ProgramFilesDir", r"%SYSTEMDRIVE%\Program Files"),
    (
        "PROGRAMFILES(X86) CSIDL_PROGRAM_FILESX86",
        "ProgramFilesDir (x86)",
        r"%SYSTEMDRIVE%\Program Files (x86)",
    ),
    (
        "COMMONPROGRAMFILES CSIDL_PROGRAM_FILES_COMMON",
        "CommonFilesDir",
        r"%PROGRAMFILES%\Common Files",
    ),
    (
        "COMMONPROGRAMFILES(X86) CSIDL_PROGRAM_FILES_COMMONX86",
        "CommonFilesDir (x86)",
        r"%PROGRAMFILES(X86)%\Common Files",
    ),
)
"""Values of Windows\\CurrentVersion."""

_COMMON_MENU = r"%CSIDL_COMMON_STARTMENU%"
_SHARED_MENUS = (
    ("CSIDL_COMMON_PROGRAMS", "Common Programs", rf"{_COMMON_MENU}\Programs"),
    ("CSIDL_COMMON_STARTUP", "Common Startup", r"%CSIDL_COMMON_PROGRAMS%\Startup"),
    (
        "CSIDL_COMMON_ADMINTOOLS",
        "Common Administrative Tools",
        r"%CSIDL_COMMON_PROGRAMS%\Administrative Tools",
    ),
    ("CSIDL_COMMON_ALTSTARTUP", "Common AltStartup", ""),
)

COMMON = _table(
    ("ALLUSERSAPPDATA CSIDL_COMMON_APPDATA", "Common AppData", "%PROGRAMDATA%"),
    ("CSIDL_COMMON_DESKTOPDIRECTORY", "Common Desktop", r"%PUBLIC%\Desktop"),
    ("CSIDL_COMMON_DOCUMENTS", "Common Documents", r"%PUBLIC%\Documents"),
    ("CSIDL_COMMON_MUSIC", "CommonMusic", r"%PUBLIC%\Music"),
    ("CSIDL_COMMON_PICTURES", "CommonPictures", r"%PUBLIC%\Pictures"),
    ("CSIDL_COMMON_VIDEO", "CommonVideo", r"%PUBLIC%\Videos"),
    ("CSIDL_COMMON_FAVORITES", "Common Favorites", r"%PUBLIC%\Favorites"),
    (
        "CSIDL_COMMON_STARTMENU",
        "Common Start Menu",
        r"%PROGRAMDATA%\Microsoft\Windows\Start Menu",
    ),
    *_SHARED_MENUS,
    ("CSIDL_COMMON_TEMPLATES", "Common Templates", r"%PROGRAMDATA%\Microsoft\Windows\Templates"),
    (
        "FOLDERID_PUBLICDOWNLOADS",
        "{3D644C9B-1FB8-4F30-9B45-F670235F79C0}",
        r"%PUBLIC%\Downloads",
    ),
    ("FOLDERID_RECORDEDTV", "", r"%PUBLIC%\Recorded TV"),
)
"""Values of the machine's User Shell Folders, Vista and later."""

LEGACY_COMMON = _table(
    (
        "PROGRAMDATA ALLUSERSAPPDATA CSIDL_COMMON_APPDATA",
        "Common AppData",
        r"%PUBLIC%\Application Data",
    ),
    ("CSIDL_COMMON_DESKTOPDIRECTORY", "Common Desktop", r"%PUBLIC%\Desktop"),
    ("CSIDL_COMMON_DOCUMENTS", "Common Documents", r"%PUBLIC%\Documents"),
    ("CSIDL_COMMON_MUSIC", "CommonMusic", r"%CSIDL_COMMON_DOCUMENTS%\My Music"),
    ("CSIDL_COMMON_PICTURES", "CommonPictures", r"%CSIDL_COMMON_DOCUMENTS%\My Pictures"),
    ("CSIDL_COMMON_VIDEO", "CommonVideo", r"%CSIDL_COMMON_DOCUMENTS%\My Videos"),
    ("CSIDL_COMMON_FAVORITES", "Common Favorites", r"%PUBLIC%\Favorites"),
    ("CSIDL_COMMON_STARTMENU", "Common Start Menu", r"%PUBLIC%\Start Menu"),
    *_SHARED_MENUS,
    ("CSIDL_COMMON_TEMPLATES", "Common Templates", r"%PUBLIC%\Templates"),
)
"""The same before Vista."""

_MENU = r"%CSIDL_STARTMENU%"
_MENUS = (
    ("CSIDL_PROGRAMS", "Programs", rf"{_MENU}\Programs"),
    ("CSIDL_STARTUP", "Startup", r"%CSIDL_PROGRAMS%\Startup"),
    ("CSIDL_ADMINTOOLS", "Administrative Tools", r"%CSIDL_PROGRAMS%\Administrative Tools"),
    ("CSIDL_ALTSTARTUP", "AltStartup", ""),
    ("CSIDL_QUICKLAUNCH", "", r"%APPDATA%\Microsoft\Internet Explorer\Quick Launch"),
    ("CSIDL_PLAYLISTS", "", r"%CSIDL_MYMUSIC%\Playlists"),
)
_WINDOWS = r"%APPDATA%\Microsoft\Windows"
_LOCAL = r"%CSIDL_LOCAL_APPDATA%\Microsoft\Windows"
_VIRTUAL = r"%CSIDL_LOCAL_APPDATA%\VirtualStore"

PER_USER = _table(
    ("APPDATA CSIDL_APPDATA", "AppData", r"%USERPROFILE%\AppData\Roaming"),
    ("LOCALAPPDATA CSIDL_LOCAL_APPDATA", "Local AppData", r"%USERPROFILE%\AppData\Local"),
    (
        "FOLDERID_LOCALAPPDATALOW",
        "{A520A1A4-1780-4FF6-BD18-167343C5AF16}",
        r"%USERPROFILE%\AppData\LocalLow",
    ),
    ("TEMP TMP", "TEMP", r"%CSIDL_LOCAL_APPDATA%\Temp"),
    ("CSIDL_DESKTOP CSIDL_DESKTOPDIRECTORY", "Desktop", r"%USERPROFILE%\Desktop"),
    ("CSIDL_PERSONAL CSIDL_MYDOCUMENTS", "Personal", r"%USERPROFILE%\Documents"),
    ("CSIDL_MYMUSIC", "My Music", r"%USERPROFILE%\Music"),
    ("CSIDL_MYPICTURES", "My Pictures", r"%USERPROFILE%\Pictures"),
    ("CSIDL_MYVIDEO", "My Video", r"%USERPROFILE%\Videos"),
    ("CSIDL_FAVORITES", "Favorites", r"%USERPROFILE%\Favorites"),
    ("CSIDL_CONTACTS", "{56784854-C6CB-462B-8169-88E350ACB882}", r"%USERPROFILE%\Contacts"),
    (
        "FOLDERID_DOWNLOADS CSIDL_DOWNLOADS",
        "{374DE290-123F-4565-9164-39C4925E467B}",
        r"%USERPROFILE%\Downloads",
    ),
    ("FOLDERID_SAVEDGAMES", "{4C5C32FF-BB9D-43B0-B5B4-2D72E54EAAA4}", r"%USERPROFILE%\Saved Games"),
    ("FOLDERID_LIBRARIES", "{1B3EA5DC-B587-4786-B4EF-BD1DC332AEAE}", rf"{_WINDOWS}\Libraries"),
    (
        "FOLDERID_ORIGINALIMAGES",
        "{2C36C0AA-5812-4B87-BFD0-4CD0DFB19B39}",
        r"%CSIDL_LOCAL_APPDATA%\Microsoft\Windows Photo Gallery\Original Images",
    ),
    ("CSIDL_STARTMENU", "Start Menu", rf"{_WINDOWS}\Start Menu"),
    *_MENUS,
    ("CSIDL_RECENT", "Recent", rf"{_WINDOWS}\Recent"),
    ("CSIDL_SENDTO", "SendTo", rf"{_WINDOWS}\SendTo"),
    ("CSIDL_TEMPLATES", "Templates", rf"{_WINDOWS}\Templates"),
    ("CSIDL_NETHOOD", "NetHood", rf"{_WINDOWS}\Network Shortcuts"),
    ("CSIDL_PRINTHOOD", "PrintHood", rf"{_WINDOWS}\Printer Shortcuts"),
    ("CSIDL_COOKIES", "Cookies", rf"{_LOCAL}\INetCookies"),
    ("CSIDL_HISTORY", "History", rf"{_LOCAL}\History"),
    ("CSIDL_INTERNET_CACHE", "Cache", rf"{_LOCAL}\INetCache"),
    ("CSIDL_CDBURN_AREA", "CD Burning", rf"{_LOCAL}\Burn\Burn"),
    ("CSIDL_VIRTUALSTORE_PROGRAMFILES", "", rf"{_VIRTUAL}\Program Files"),
    ("CSIDL_VIRTUALSTORE_PROGRAMFILES(X86)", "", rf"{_VIRTUAL}\Program Files (x86)"),
    ("CSIDL_VIRTUALSTORE_COMMONPROGRAMFILES", "", rf"{_VIRTUAL}\Program Files\Common Files"),
    (
        "CSIDL_VIRTUALSTORE_COMMONPROGRAMFILES(X86)",
        "",
        rf"{_VIRTUAL}\Program Files (x86)\Common Files",
    ),
)
r"""Values of a user's User Shell Folders (TEMP: of ``HKCU\Environment``), Windows 8 and later."""

SEVEN_USER = _table(
    ("CSIDL_COOKIES", "Cookies", rf"{_WINDOWS}\Cookies"),
    ("CSIDL_INTERNET_CACHE", "Cache", rf"{_LOCAL}\Temporary Internet Files"),
)
"""What Vista and 7 keep elsewhere."""

_SETTINGS = r"%USERPROFILE%\Local Settings"

LEGACY_USER = _table(
    ("APPDATA CSIDL_APPDATA", "AppData", r"%USERPROFILE%\Application Data"),
    ("CSIDL_LOCAL_APPDATA", "Local AppData", rf"{_SETTINGS}\Application Data"),
    ("TEMP TMP", "TEMP", rf"{_SETTINGS}\Temp"),
    ("CSIDL_DESKTOP CSIDL_DESKTOPDIRECTORY", "Desktop", r"%USERPROFILE%\Desktop"),
    ("CSIDL_PERSONAL CSIDL_MYDOCUMENTS", "Personal", r"%USERPROFILE%\My Documents"),
    ("CSIDL_MYMUSIC", "My Music", r"%CSIDL_PERSONAL%\My Music"),
    ("CSIDL_MYPICTURES", "My Pictures", r"%CSIDL_PERSONAL%\My Pictures"),
    ("CSIDL_MYVIDEO", "My Video", r"%CSIDL_PERSONAL%\My Videos"),
    ("CSIDL_FAVORITES", "Favorites", r"%USERPROFILE%\Favorites"),
    ("CSIDL_STARTMENU", "Start Menu", r"%USERPROFILE%\Start Menu"),
    *_MENUS,
    ("CSIDL_RECENT", "Recent", r"%USERPROFILE%\Recent"),
    ("CSIDL_SENDTO", "SendTo", r"%USERPROFILE%\SendTo"),
    ("CSIDL_TEMPLATES", "Templates", r"%USERPROFILE%\Templates"),
    ("CSIDL_NETHOOD", "NetHood", r"%USERPROFILE%\NetHood"),
    ("CSIDL_PRINTHOOD", "PrintHood", r"%USERPROFILE%\PrintHood"),
    ("CSIDL_COOKIES", "Cookies", r"%USERPROFILE%\Cookies"),
    ("CSIDL_HISTORY", "History", rf"{_SETTINGS}\History"),
    ("CSIDL_INTERNET_CACHE", "Cache", rf"{_SETTINGS}\Temporary Internet Files"),
    (
        "CSIDL_CDBURN_AREA",
        "CD Burning",
        rf"{_SETTINGS}\Application Data\Microsoft\CD Burning",
    ),
)
"""The same before Vista."""

DEFAULT_USER = (
    "APPDATA", "LOCAL_APPDATA", "COOKIES", "CONTACTS", "DESKTOP", "DOWNLOADS", "FAVORITES",
    "HISTORY", "INTERNET_CACHE", "PERSONAL", "MYDOCUMENTS", "MYPICTURES", "MYMUSIC", "MYVIDEO",
    "RECENT", "SENDTO", "STARTMENU", "PROGRAMS", "STARTUP", "TEMPLATES", "QUICKLAUNCH",
)  # fmt: skip
"""The X of CSIDL_DEFAULT_X."""
