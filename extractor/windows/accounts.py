r"""Who a SID is: local accounts from SAM, others from what the machine remembers of them. No secret is read.

Sources: usmt.md 2.5; the V and F values of ``SAM\Domains\Account\Users`` as libraries.md 6 measured them.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from extractor.errors import DamagedError, SourceError
from extractor.filesystems.sddl import format_sid
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

    def __init__(self, registry: Registry, computer: str, folders: Mapping[str, str]) -> None:
        """Learn what the registry knows; ``folders`` is SID -> name of the profile's folder."""
        self._registry = registry
        self._computer = computer
        self._folders = folders
        self.doubts: list[str] = []
        self._known: dict[str, Account] = {}
        self._learn(local_accounts(registry, computer))
        self._learn(remembered_accounts(registry))
        self._learn(self._last_of_windows_7())
        self._domains = {
            _prefix(sid): account.domain for sid, account in self._known.items() if account.domain
        }
        self._domains.update(self._primary_domain())

    def find(self, sid: str) -> Account:
        """Return who a SID is; the name of the profile's folder is the last resort, and may be ``user.DOMAIN``."""
        known = self._known.get(upcase(sid)) or self._from_session(sid)
        if known:
            return known
        name, domain = split_folder(self._folders.get(sid, ""), self._computer)
        return Account(name, self._domains.get(_prefix(sid), domain))

    def _learn(self, found: Iterator[tuple[str, Account]]) -> None:
        try:
            for sid, account in found:
                self._known.setdefault(upcase(sid), account)
        except SourceError as error:
            self.doubts.append(f"some names of users are unknown: {error}")

    def _from_session(self, sid: str) -> Account | None:
        """Return the account of a user's last session, in a hive that was saved with its volatile keys."""
        key = rf"HKU\{sid}\Volatile Environment"
        try:
            name = self._registry.text(key, "USERNAME")
            return Account(name, self._registry.text(key, "USERDOMAIN")) if name else None
        except SourceError:
            return None  # the user's state says that the hive cannot be read

    def _last_of_windows_7(self) -> Iterator[tuple[str, Account]]:
        """Yield the last user of the logon screen where it keeps no SID: the one whose folder has that name."""
        domain, _, name = self._registry.text(LOGON, "LastLoggedOnSAMUser").rpartition("\\")
        for sid, folder in self._folders.items():
            if domain not in {"", "."} and upcase(split_folder(folder, "")[0]) == upcase(name):
                yield sid, Account(name, domain)

    def _primary_domain(self) -> dict[str, str]:
        """Return SID -> name of the domain that the machine is joined to (SECURITY; not encrypted)."""
        try:
            sid = self._registry.value(rf"{POLICY}\PolPrDmS")
            name = self._registry.value(rf"{POLICY}\PolPrDmN")
        except SourceError as error:
            self.doubts.append(f"the machine's domain is unknown: {error}")
            return {}
        if sid is None or name is None or len(sid.data) < 8 or len(name.data) < 8:
            return {}
        length = struct.unpack_from("<H", name.data)[0]
        text = name.data[8 : 8 + (length & ~1)]
        domain = text[: len(text) & ~1].decode("utf-16-le", "surrogatepass").rstrip("\0")
        return {sid_text(sid.data): domain} if domain else {}


def local_accounts(registry: Registry, computer: str) -> Iterator[tuple[str, Account]]:
    """Yield the SIDs and accounts of SAM; raise SourceError."""
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
    """Yield the accounts that the logon screen and the identity store remember; raise SourceError."""
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
    """Return a binary SID as text; empty when it is cut short."""
    try:
        return format_sid(data)
    except DamagedError:
        return ""


def _prefix(sid: str) -> str:
    """Return the SID of the machine or domain that a user's SID belongs to."""
    return upcase(sid.rpartition("-")[0])


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
