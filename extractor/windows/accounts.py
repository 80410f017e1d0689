r"""Who a SID is: local accounts from SAM, others from what the machine remembers of them. No secret is read.

Sources: usmt.md 2.5; the V and F values of ``SAM\Domains\Account\Users`` as libraries.md 6 measured them.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from extractor.errors import DamagedError
from extractor.model import upcase
from extractor.registry import Registry

ACCOUNT = r"HKLM\SAM\SAM\Domains\Account"
LOGON = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Authentication\LogonUI"
IDENTITIES = r"HKLM\SOFTWARE\Microsoft\IdentityStore\Cache"
POLICY = r"HKLM\SECURITY\Policy"
STRINGS = 0xCC
"""Where the strings of a V value begin; its offsets count from here."""
NEVER = 0x7FFFFFFFFFFFFFFF


@dataclass(frozen=True, slots=True)
class Account:
    """A name for a SID; ``last_logon`` is a FILETIME, 0 when SAM does not know."""

    name: str
    domain: str = ""
    last_logon: int = 0


class Accounts:
    """Looks up SIDs of one Windows; what a damaged hive cannot tell is kept in ``doubts``."""

    def __init__(self, registry: Registry, computer: str) -> None:
        self._registry = registry
        self._computer = computer
        self.doubts: list[str] = []
        self._known: dict[str, Account] = {}
        self._learn(local_accounts(registry, computer))
        self._learn(remembered_accounts(registry))
        self._domain = self._primary_domain()

    def find(self, sid: str, folder: str) -> Account:
        """Return who a SID is; the name of the profile's ``folder`` is the last resort, and may be ``user.DOMAIN``."""
        known = self._known.get(upcase(sid))
        if known:
            return known
        name, domain = split_folder(folder, self._computer)
        prefix = upcase(sid.rpartition("-")[0])
        if self._domain and prefix == upcase(self._domain[0]):
            return Account(name, self._domain[1])
        return Account(name, domain)

    def _learn(self, found: Iterator[tuple[str, Account]]) -> None:
        try:
            for sid, account in found:
                self._known.setdefault(upcase(sid), account)
        except DamagedError as error:
            self.doubts.append(f"some names of users are unknown: {error}")

    def _primary_domain(self) -> tuple[str, str] | None:
        """Return SID and name of the domain that the machine is joined to (SECURITY; not encrypted)."""
        try:
            sid = self._registry.value(rf"{POLICY}\PolPrDmS")
            name = self._registry.value(rf"{POLICY}\PolPrDmN")
        except DamagedError as error:
            self.doubts.append(f"the machine's domain is unknown: {error}")
            return None
        if sid is None or name is None or len(sid.data) < 8 or len(name.data) < 8:
            return None
        length = struct.unpack_from("<H", name.data)[0]
        text = name.data[8 : 8 + (length & ~1)].decode("utf-16-le", "surrogatepass")
        return (sid_text(sid.data), text.rstrip("\0")) if text else None


def local_accounts(registry: Registry, computer: str) -> Iterator[tuple[str, Account]]:
    """Yield the SIDs and accounts of SAM; raise DamagedError."""
    own = registry.value(ACCOUNT, "V")
    if own is None or len(own.data) < 12:
        return
    machine = "S-1-5-21-" + "-".join(map(str, struct.unpack("<3I", own.data[-12:])))
    for rid in registry.subkeys(rf"{ACCOUNT}\Users"):
        if not re.fullmatch(r"[0-9A-Fa-f]{8}", rid):
            continue
        value = registry.value(rf"{ACCOUNT}\Users\{rid}", "V")
        name = _account_name(value.data) if value else ""
        if name:
            logon = _last_logon(registry, rid)
            yield f"{machine}-{int(rid, 16)}", Account(name, computer, logon)


def remembered_accounts(registry: Registry) -> Iterator[tuple[str, Account]]:
    """Yield the accounts that the logon screen and the identity store remember; raise DamagedError."""
    sessions = [
        rf"{LOGON}\SessionData\{each}" for each in registry.subkeys(rf"{LOGON}\SessionData")
    ]
    for key in (LOGON, *sessions):
        for prefix in ("LastLoggedOn", "LoggedOn"):
            sid = registry.text(key, f"{prefix}UserSID")
            yield from _named(sid, registry.text(key, f"{prefix}SAMUser"))
    for sid in registry.subkeys(IDENTITIES):
        key = rf"{IDENTITIES}\{sid}\IdentityCache\{sid}"
        yield from _named(sid, registry.text(key, "SAMName") or registry.text(key, "UserName"))


def split_folder(folder: str, computer: str) -> tuple[str, str]:
    r"""Return (name, domain) from a profile's folder: ``bob``, ``bob.DOMAIN``, ``bob.DOMAIN.000``; '' is not known."""
    name = re.sub(r"\.\d{3}$", "", folder)
    head, dot, domain = name.rpartition(".")
    if not dot or not head:
        return name, ""
    if upcase(domain) == upcase(computer):
        return head, computer
    # Windows appends the NetBIOS name of the domain; "anna.maria" is somebody's name.
    return (head, domain) if domain == upcase(domain) and len(domain) <= 15 else (name, "")


def sid_text(data: bytes) -> str:
    """Return a binary SID as text ([MS-DTYP] 2.4.2.2); empty when it is cut short."""
    count = data[1] if len(data) >= 8 else 0
    if len(data) < 8 + 4 * count:
        return ""
    parts = struct.unpack_from(f"<{count}I", data, 8)
    return "-".join(["S", str(data[0]), str(int.from_bytes(data[2:8], "big")), *map(str, parts)])


def _named(sid: str, full: str) -> Iterator[tuple[str, Account]]:
    domain, _, name = full.rpartition("\\")
    if sid and name:
        yield sid, Account(name, "" if domain == "." else domain)


def _account_name(value: bytes) -> str:
    """Return the user name of a V value: offset at 0x0C, length at 0x10, both in bytes."""
    if len(value) < STRINGS:
        return ""
    offset, length = struct.unpack_from("<2I", value, 0x0C)
    raw = value[STRINGS + offset : STRINGS + offset + (length & ~1)]
    return raw[: len(raw) & ~1].decode("utf-16-le", "surrogatepass")


def _last_logon(registry: Registry, rid: str) -> int:
    value = registry.value(rf"{ACCOUNT}\Users\{rid}", "F")
    if value is None or len(value.data) < 16:
        return 0
    logon = int(struct.unpack_from("<Q", value.data, 8)[0])
    return 0 if logon == NEVER else logon
