"""What the lists of subkeys still say of keys whose own cells are lost: which key they belonged to, and their names.

An ``lh`` list keeps a hash of each name, an ``lf`` list its first four characters. Hash and characters are compared
with the names that Windows itself gives to keys at that place; what fits none, or more than one, stays without a name.
"""

from __future__ import annotations

import re
import struct
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from extractor.registry.base_block import FIRST_BIN
from extractor.registry.casing import registry_upcase
from extractor.registry.records import Key, Records

LISTS = re.compile(rb"l[hf]")
KNOWN: Mapping[str, tuple[str, ...]] = {
    "SOFTWARE": ("Microsoft", "Classes", "Policies", "Clients", "Wow6432Node", "AppDataLow"),
    "MICROSOFT": (
        "Windows", "Windows NT", "Internet Explorer", "Office", "Cryptography", "SystemCertificates",
        "Command Processor", "Active Setup", "IdentityStore", "Notepad", "MediaPlayer",
    ),
    "WINDOWS": ("CurrentVersion", "Shell", "DWM", "TabletPC", "Windows Error Reporting"),
    "WINDOWS NT": ("CurrentVersion",),
    "CURRENTVERSION": (
        "Explorer", "ProfileList", "Winlogon", "Run", "RunOnce", "Policies", "Internet Settings", "Uninstall",
        "Windows", "Group Policy", "Themes", "Authentication", "App Paths", "Fonts", "Devices", "PrinterPorts",
        "Time Zones", "Component Based Servicing", "Installer", "Applets", "ThemeManager", "Network", "NetworkList",
    ),
    "EXPLORER": (
        "Shell Folders", "User Shell Folders", "Advanced", "FileExts", "MountPoints2", "RecentDocs", "RunMRU",
        "FolderDescriptions", "UserAssist", "TypedPaths",
    ),
    "SAM": ("Domains", "RXACT", "LastSkuUpgrade"),
    "DOMAINS": ("Account", "Builtin"),
    "ACCOUNT": ("Users", "Groups", "Aliases"),
    "BUILTIN": ("Users", "Groups", "Aliases"),
    "USERS": ("Names",),
    "ALIASES": ("Names", "Members"),
    "GROUPS": ("Names",),
    "CONTROLSET001": ("Control", "Enum", "Hardware Profiles", "Policies", "Services"),
    "CONTROLSET002": ("Control", "Enum", "Hardware Profiles", "Policies", "Services"),
    "CONTROL": (
        "ComputerName", "Session Manager", "Nls", "Lsa", "Class", "Windows", "TimeZoneInformation", "Print",
        "ProductOptions", "hivelist", "FileSystem", "Terminal Server",
    ),
    "COMPUTERNAME": ("ComputerName", "ActiveComputerName"),
    "SESSION MANAGER": ("Environment", "Memory Management", "Power", "KnownDLLs"),
    "CONTROL PANEL": (
        "Desktop", "International", "Mouse", "Keyboard", "Colors", "Cursors", "Accessibility", "Appearance", "Sound",
        "Input Method", "PowerCfg", "Personalization", "Infrared",
    ),
}  # fmt: skip
"""Upper-cased name of a key -> names that Windows gives to keys in it."""
ROOTS = (
    (
        "Software", "Control Panel", "Console", "Environment", "Network", "Printers", "AppEvents", "Keyboard Layout",
        "EUDC", "Identities", "Volatile Environment", "System", "Local Settings",
    ),
    (
        "Microsoft", "Classes", "Policies", "Clients", "Wow6432Node", "ODBC", "RegisteredApplications", "Intel",
        "Volatile", "OpenSSH", "DefaultUserEnvironment",
    ),
    (
        "ControlSet001", "ControlSet002", "Select", "Setup", "MountedDevices", "WPA", "RNG", "Software",
        "HardwareConfig", "Keyboard Layout", "ResourceManager", "Maps", "Input", "DriverDatabase",
    ),
    ("SAM",),
    ("Policy", "Cache", "RXACT", "Recovery"),
)  # fmt: skip
"""Names of keys in the root of each kind of hive: of a user, SOFTWARE, SYSTEM, SAM, SECURITY."""


@dataclass(frozen=True, slots=True)
class Trace:
    """A lost key that a list names: the place of its parent, and what the list keeps of its name."""

    place: int
    parent: int
    hint: bytes
    is_hash: bool

    def fits(self, name: str) -> bool:
        """Tell whether a name can be the lost key's."""
        if self.is_hash:
            return name_hash(name) == int.from_bytes(self.hint, "little")
        return name.encode("latin-1")[:4].ljust(4, b"\0") == self.hint


def traces(records: Records, keys: Mapping[int, Key], root: int) -> dict[int, Trace]:
    """Return what lists say of keys that are not among ``keys``, by place; ``root`` is the root's place."""
    found: dict[int, Trace] = {}
    lists = {key.subkey_list: key.place for key in keys.values() if key.subkeys}
    for place, elements, is_hash in _lists(records):
        lost = [(at, hint) for at, hint in elements if at not in keys and at != root]
        if not lost:
            continue
        parents = Counter(keys[at].parent for at, _ in elements if at in keys)
        parent = parents.most_common(1)[0][0] if parents else lists.get(place)
        if parent is not None:
            found.update((at, Trace(at, parent, hint, is_hash)) for at, hint in lost)
    return found


def named(
    lost: Mapping[int, Trace], keys: Mapping[int, Key], root: int, siblings: Mapping[int, list[Key]]
) -> dict[int, str]:
    """Return the names of lost keys that can be told, by place; from the root down, for a parent's name is needed."""
    names: dict[int, str] = {}
    waiting = {root: ""}
    waiting |= {
        each.parent: keys[each.parent].name for each in lost.values() if each.parent in keys
    }
    waiting[root] = ""
    by_parent: dict[int, list[Trace]] = {}
    for trace in lost.values():
        by_parent.setdefault(trace.parent, []).append(trace)
    while waiting:
        parent, name = waiting.popitem()
        taken = {registry_upcase(each.name) for each in siblings.get(parent, ())}
        known = _of_root(taken) if parent == root else KNOWN.get(registry_upcase(name), ())
        told = _told(by_parent.pop(parent, []), known, taken)
        names |= told
        waiting |= told
    return names


def name_hash(name: str) -> int:
    """Return the hash that an ``lh`` list keeps: 37 times the last, plus the unit, over the name in upper case."""
    total = 0
    for character in registry_upcase(name):
        total = (total * 37 + ord(character)) & 0xFFFFFFFF
    return total


def _of_root(there: set[str]) -> tuple[str, ...]:
    """Return the names in the root of the kind of hive that has most of the keys that are still there."""

    def common(names: tuple[str, ...]) -> int:
        return sum(registry_upcase(name) in there for name in names)

    best = max(ROOTS, key=common)
    return best if common(best) else tuple(name for names in ROOTS for name in names)


def _told(lost: list[Trace], known: tuple[str, ...], taken: set[str]) -> dict[int, str]:
    """Return names for the lost keys of one parent: those that fit one key only, and no key that is still there."""
    free = sorted(
        (name for name in known if registry_upcase(name) not in taken), key=registry_upcase
    )
    told: dict[int, str] = {}
    for trace in lost:
        fitting = [name for name in free if trace.fits(name)]
        alike = [each for each in lost if each.hint == trace.hint]
        if len(fitting) == len(
            alike
        ):  # several that look alike stand in the list in the order of their names
            told[trace.place] = fitting[alike.index(trace)]
    return told


def _lists(records: Records) -> Iterator[tuple[int, list[tuple[int, bytes]], bool]]:
    """Yield (place, [(place of a key, what is kept of its name)], is it a hash) for each list that is left."""
    content = records.content
    for match in LISTS.finditer(content, FIRST_BIN + 0x24):
        start = match.start()
        if start % 8 != 4:
            continue
        try:
            _, length = records.cell(start - 4 - FIRST_BIN)
        except ValueError:
            continue
        (count,) = struct.unpack_from("<H", content, start + 2)
        if not count or 4 + 8 * count > length:
            continue
        elements = list(struct.iter_unpack("<I4s", content[start + 4 : start + 4 + 8 * count]))
        yield start - 4 - FIRST_BIN, elements, match[0] == b"lh"
