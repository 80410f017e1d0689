"""Facts of one Windows -> the keys of its hives, so that they agree with each other.

One table of facts (contents.toml, `[[windows]]`) feeds SOFTWARE, SYSTEM, SAM and each NTUSER.DAT:
ProfileList, the accounts, the drive letters and the versions cannot drift apart.
"""

from __future__ import annotations

import struct
from uuid import UUID

from sample_images.contents import Contents, User, Windows, WinPath, filetime, split
from sample_images.hives import Keys, hive
from sample_images.run import BuildError
from sample_images.security import sid_bytes

UNIX_EPOCH = 116444736000000000  # as FILETIME
NEVER = 0x7FFFFFFFFFFFFFFF
SERVICES = {
    "S-1-5-18": r"%systemroot%\system32\config\systemprofile",
    "S-1-5-19": r"%systemroot%\ServiceProfiles\LocalService",
    "S-1-5-20": r"%systemroot%\ServiceProfiles\NetworkService",
}
VERSION = r"Microsoft\Windows NT\CurrentVersion"
EXPLORER = r"Microsoft\Windows\CurrentVersion\Explorer"
ARCH = {"x64": "AMD64", "x86": "x86", "arm64": "ARM64"}
COMMON_FOLDERS = {
    "Common AppData": r"%ProgramData%",
    "Common Desktop": r"%PUBLIC%\Desktop",
    "Common Documents": r"%PUBLIC%\Documents",
    "Common Start Menu": r"%ProgramData%\Microsoft\Windows\Start Menu",
    "Common Programs": r"%ProgramData%\Microsoft\Windows\Start Menu\Programs",
    "CommonMusic": r"%PUBLIC%\Music",
    "CommonPictures": r"%PUBLIC%\Pictures",
    "CommonVideo": r"%PUBLIC%\Videos",
}
USER_FOLDERS = {
    "AppData": r"%USERPROFILE%\AppData\Roaming",
    "Local AppData": r"%USERPROFILE%\AppData\Local",
    "Desktop": r"%USERPROFILE%\Desktop",
    "Personal": r"%USERPROFILE%\Documents",
    "My Music": r"%USERPROFILE%\Music",
    "My Pictures": r"%USERPROFILE%\Pictures",
    "My Video": r"%USERPROFILE%\Videos",
    "Favorites": r"%USERPROFILE%\Favorites",
    "{374DE290-123F-4565-9164-39C4925E467B}": r"%USERPROFILE%\Downloads",
    "Cache": r"%USERPROFILE%\AppData\Local\Microsoft\Windows\INetCache",
    "Recent": r"%USERPROFILE%\AppData\Roaming\Microsoft\Windows\Recent",
}


def hive_of(contents: Contents, letter: str, path: WinPath, kind: str) -> bytes:
    """Return the hive `kind` (SOFTWARE, SYSTEM, SAM, NTUSER, USRCLASS) that belongs at `path`."""
    if kind in {"NTUSER", "USRCLASS"}:
        windows, user = _user_at(contents, letter, path)
        keys = ntuser(windows, user) if kind == "NTUSER" else _classes(user)
    else:
        windows = _windows_at(contents, letter, path)
        keys = {"SOFTWARE": software, "SYSTEM": system, "SAM": sam}[kind](windows)
    return hive(keys, filetime(windows.facts["shutdown"]))


def software(windows: Windows) -> Keys:
    r"""Return HKLM\SOFTWARE: version, ProfileList, common folders, and the table's own extras."""
    facts = windows.facts
    major, minor = facts["version"].split(".")
    version = {
        "ProductName": facts["product"],
        "EditionID": facts["edition"],
        "InstallationType": "Client",
        "CurrentVersion": "6.3" if major == "10" else facts["version"],
        "CurrentBuild": str(facts["build"]),
        "CurrentBuildNumber": str(facts["build"]),
        "SystemRoot": facts.get("system_root", windows.path),
        "InstallDate": (filetime(facts["installed"]) - UNIX_EPOCH) // 10_000_000,
        "RegisteredOwner": facts.get("owner", ""),
    }
    if major == "10":  # Windows 7 and 8 have no such values
        version |= {"CurrentMajorVersionNumber": 10, "CurrentMinorVersionNumber": int(minor)}
        version |= {"UBR": facts["ubr"], "DisplayVersion": facts["display"]}
    drive = version["SystemRoot"][:2]
    programs = {"ProgramFilesDir": drive + r"\Program Files"}
    programs["CommonFilesDir"] = drive + r"\Program Files\Common Files"
    return {
        VERSION: version,
        **_profile_list(windows),
        r"Microsoft\Windows\CurrentVersion": programs,
        EXPLORER + r"\User Shell Folders": _expand(COMMON_FOLDERS),
        **facts.get("software", {}),
    }


def system(windows: Windows) -> Keys:
    r"""Return HKLM\SYSTEM: computer name, shutdown time, architecture, drive letters."""
    facts = windows.facts
    control = r"ControlSet001\Control"
    return {
        "Select": {"Current": 1, "Default": 1, "Failed": 0, "LastKnownGood": 1},
        control: {"SystemBootDevice": "multi(0)disk(0)rdisk(0)partition(3)"},
        control + r"\ComputerName\ComputerName": {"ComputerName": facts["computer"]},
        control + r"\Windows": {"ShutdownTime": {"filetime": facts["shutdown"]}},
        control + r"\Session Manager\Environment": {
            "PROCESSOR_ARCHITECTURE": ARCH[facts["arch"]],
            "Path": {"expand": r"%SystemRoot%\system32;%SystemRoot%"},
            "TEMP": {"expand": r"%SystemRoot%\TEMP"},
            "windir": {"expand": r"%SystemRoot%"},
        },
        control + r"\TimeZoneInformation": {"Bias": 0xFFFFFFC4, "TimeZoneKeyName": "W. Europe"},
        r"ControlSet001\Services\Tcpip\Parameters": {"Hostname": facts["computer"]},
        "MountedDevices": {rf"\DosDevices\{at}:": _device(g) for at, g in facts["letters"].items()},
        **facts.get("system", {}),
    }


def sam(windows: Windows) -> Keys:
    r"""Return HKLM\SAM: the machine's SID and its local accounts, in the real binary layout."""
    machine = windows.facts["machine_sid"]
    account = r"SAM\Domains\Account"
    keys: Keys = {account: {"V": {"binary": (b"\0" * 0x40 + sid_bytes(machine)[-12:]).hex()}}}
    users = [("Administrator", 500, ""), ("Guest", 501, "")]
    local = (user for user in windows.users if user.sid.startswith(machine + "-"))
    users += [(u.name, _rid(u.sid), u.full_name) for u in local if u.state != "backup-key"]
    for name, rid, full_name in users:
        data = {"F": _sam_f(rid, filetime(windows.facts["shutdown"])), "V": _sam_v(name, full_name)}
        keys[rf"{account}\Users\{rid:08X}"] = {key: {"binary": v.hex()} for key, v in data.items()}
        if name.isascii() and "\\" not in name:  # hivex cannot hash another name
            keys[rf"{account}\Users\Names\{name}"] = {"": {"type": rid, "binary": ""}}
    return keys


def ntuser(windows: Windows, user: User) -> Keys:
    """Return a user's NTUSER.DAT: the user's folders, the last session, the table's extras."""
    shell = rf"Software\{EXPLORER}\User Shell Folders"
    session = {
        "USERNAME": user.name,
        "USERPROFILE": user.image_path,
        "USERDOMAIN": windows.facts.get("domain", windows.facts["computer"]),
        "HOMEDRIVE": user.image_path[:2],
        "HOMEPATH": user.image_path[2:],
    }
    extras = {key: values for key, values in user.registry.items() if key != shell}
    return {
        "Environment": {"TEMP": {"expand": r"%USERPROFILE%\AppData\Local\Temp"}},
        "Volatile Environment": session,
        shell: _expand(USER_FOLDERS) | user.registry.get(shell, {}),
        r"Control Panel\Desktop": {"Wallpaper": r"C:\Windows\web\wallpaper\Windows\img0.jpg"},
        **extras,
    }


def _classes(user: User) -> Keys:
    return {r"Local Settings\Software\Microsoft\Windows": {"Owner": user.sid}, **user.classes}


def _profile_list(windows: Windows) -> Keys:
    top = VERSION + r"\ProfileList"
    keys: Keys = {
        top: {
            "Default": {"expand": r"%SystemDrive%\Users\Default"},
            "ProfilesDirectory": {"expand": r"%SystemDrive%\Users"},
            "ProgramData": {"expand": r"%SystemDrive%\ProgramData"},
            "Public": {"expand": r"%SystemDrive%\Users\Public"},
        }
    }
    for sid, path in SERVICES.items():
        keys[rf"{top}\{sid}"] = {"ProfileImagePath": {"expand": path}, "Flags": 12, "State": 0}
    for user in windows.users:
        suffix = ".bak" if user.state == "backup-key" else ""
        keys[rf"{top}\{user.sid}{suffix}"] = {
            "ProfileImagePath": {"expand": user.image_path},
            "Sid": {"binary": sid_bytes(user.sid).hex()},
            "Flags": 0,
            "State": 0x8000 if suffix else 0,
        }
    return keys


def _expand(folders: dict[str, str]) -> dict[str, dict[str, str]]:
    return {name: {"expand": path} for name, path in folders.items()}


def _device(guid: str) -> dict[str, str]:
    """MountedDevices names a GPT partition by `DMIO:ID:` and its GUID, first fields swapped."""
    return {"binary": (b"DMIO:ID:" + UUID(guid).bytes_le).hex()}


def _rid(sid: str) -> int:
    return int(sid.rpartition("-")[2])


def _sam_f(rid: int, last_logon: int) -> bytes:
    """Return the fixed part of an account: times, RID, group, flags, counters (80 bytes)."""
    times = struct.pack("<6Q", 0x0002_0002, last_logon, 0, last_logon, NEVER, 0)
    return (times + struct.pack("<IIHH", rid, 513, 0x0210, 0)).ljust(80, b"\0")


def _sam_v(name: str, full_name: str) -> bytes:
    """Return the variable part: 17 rows (offset, length, 0), then texts; 1 and 2 are names."""
    texts = [b"", name.encode("utf-16-le", "surrogatepass"), full_name.encode("utf-16-le")]
    rows, body = b"", b""
    for text in texts + [b""] * 14:
        rows += struct.pack("<III", len(body), len(text), 0)
        body += text + b"\0" * (-len(text) % 4)
    return rows + body


def _windows_at(contents: Contents, letter: str, path: WinPath) -> Windows:
    """Return the Windows whose directory `path` lies in."""
    for windows in contents.windows:
        below = split(windows.path)
        if windows.path[0] == letter and path[: len(below)] == below:
            return windows
    raise BuildError(f"no [[windows]] holds {letter}:{path}")


def _user_at(contents: Contents, letter: str, path: WinPath) -> tuple[Windows, User]:
    """Return the user whose profile `path` lies in, and the Windows that user belongs to."""
    for windows in contents.windows:
        for user in windows.users:
            below = split(user.profile)
            if user.profile[0] == letter and path[: len(below)] == below:
                return windows, user
    raise BuildError(f"no user's profile holds {letter}:{path}")
