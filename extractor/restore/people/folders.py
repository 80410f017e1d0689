r"""Known folders of the people of a store, and where a Linux desktop expects what lies in them.

A folder is where ``User Shell Folders`` of that user says (as the catalog keeps it), else at its place below the
profile. Sources: usmt.md 3.9 (known folders), "XDG user directories", and where browsers keep their profiles.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from extractor.model import WinPath, upcase
from extractor.restore.people.users import People, Person
from extractor.store.opened import OpenStore
from extractor.windows.variables import expand

SHELL_FOLDERS = ("Software", "Microsoft", "Windows", "CurrentVersion", "Explorer", "User Shell Folders")  # fmt: skip
PERSONAL = {
    "Desktop": ("Desktop", ("Desktop",)),
    "Personal": ("Documents", ("Documents",)),
    "My Music": ("Music", ("Music",)),
    "My Pictures": ("Pictures", ("Pictures",)),
    "My Video": ("Videos", ("Videos",)),
    "{374DE290-123F-4565-9164-39C4925E467B}": ("Downloads", ("Downloads",)),
}
"""Value of ``User Shell Folders`` -> folder of a Linux desktop, place below the profile."""
_ROAMING, _LOCAL = ("AppData", "Roaming"), ("AppData", "Local")
_OLD_DOCUMENTS = ("My Documents",)
BELOW_PROFILE: Mapping[tuple[str, ...], str] = {
    _OLD_DOCUMENTS: "Documents",
    (*_OLD_DOCUMENTS, "My Music"): "Music",
    (*_OLD_DOCUMENTS, "My Pictures"): "Pictures",
    (*_OLD_DOCUMENTS, "My Videos"): "Videos",
    (*_ROAMING, "Mozilla", "Firefox"): ".mozilla/firefox",
    (*_ROAMING, "Thunderbird"): ".thunderbird",
    (*_ROAMING, "Opera Software", "Opera Stable"): ".config/opera",
    (*_ROAMING, "LibreOffice"): ".config/libreoffice",
    (*_ROAMING, "gnupg"): ".gnupg",
    (*_LOCAL, "Google", "Chrome", "User Data"): ".config/google-chrome",
    (*_LOCAL, "Chromium", "User Data"): ".config/chromium",
    (*_LOCAL, "Microsoft", "Edge", "User Data"): ".config/microsoft-edge",
    (*_LOCAL, "BraveSoftware", "Brave-Browser", "User Data"): ".config/BraveSoftware/Brave-Browser",
    (*_LOCAL, "Microsoft", "Windows", "Fonts"): ".local/share/fonts",
    ("Application Data", "Mozilla", "Firefox"): ".mozilla/firefox",
    ("Application Data", "Thunderbird"): ".thunderbird",
}
"""Place below the profile -> place below a Linux home: bookmarks, mail, keys, fonts."""


def known_folders(store: OpenStore, people: People) -> dict[str, dict[str, WinPath]]:
    """Return SID -> name on a Linux desktop -> folder of the old machine; raises what reading the catalog raises."""
    return {each.user.sid: dict(_known(store, each)) for each in people.persons}


def _known(store: OpenStore, person: Person) -> Iterator[tuple[str, WinPath]]:
    profile = person.user.profile
    for value, (name, place) in PERSONAL.items():
        found = _redirected(store, person, value)
        yield name, found or WinPath(profile.drive, (*profile.parts, *place))


def _redirected(store: OpenStore, person: Person, value: str) -> WinPath | None:
    path = WinPath("HKU", (person.user.sid, *SHELL_FOLDERS, f"[{value}]"))
    key = upcase(str(path)).encode("utf-16-be", "surrogatepass").hex()
    for each in store.objects(f"sort_key = x'{key}' AND kind = 'value'"):
        if each.record.value is None:
            continue
        profile = str(person.user.profile)
        drive = person.user.profile.drive
        known = {"USERPROFILE": profile, "HOMEDRIVE": drive, "SYSTEMDRIVE": drive}
        place = WinPath.parse(expand(each.record.value.text, known))
        if len(place.drive) == 2 and place.parts and ".." not in place.parts:
            return place
    return None
