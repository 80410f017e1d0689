"""Who a SID is: local accounts from SAM, others from what the machine remembers of them. No secret is read.

The sources in order: SAM, the logon screen, the identity store, Group Policy's cache, the user's saved session, and at
last the name of the profile's folder; ``Account.source`` tells which. Source: usmt.md 2.5.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from extractor.errors import DamagedError, SourceError
from extractor.filesystems.sddl import format_sid
from extractor.model import LocalGroup, upcase
from extractor.registry import Registry
from extractor.windows.remembered import (
    ENTRA,
    ENTRA_DOMAIN,
    Account,
    of_group_policy,
    of_identity_store,
    of_logon_screen,
    of_windows_7,
    policy_domain,
    split_folder,
)
from extractor.windows.sam import Sam, read_sam
from extractor.windows.well_known import of_a_domain, well_known

POLICY = r"HKLM\SECURITY\Policy"
FOLDER = "profile folder"


class Accounts:
    """Looks up SIDs of one Windows; what a damaged hive cannot tell is kept in ``doubts``."""

    def __init__(self, registry: Registry, computer: str, folders: Mapping[str, str]) -> None:
        """Learn what the registry knows; ``folders`` is SID -> name of the profile's folder."""
        self._registry = registry
        self._computer = computer
        self._folders = folders
        self.doubts: list[str] = []
        self.sam = self._read_sam()
        self._known: dict[str, Account] = {
            upcase(each.sid): Account(each.name, computer, "SAM", each)
            for each in self.sam.accounts
        }
        for source in (of_logon_screen, of_identity_store, of_group_policy):
            self._learn(source(registry))
        self._learn(of_windows_7(registry, folders))
        self._domains = {
            _prefix(sid): account.domain for sid, account in self._known.items() if account.domain
        }
        self._domains.update(self._primary_domain())
        self._groups_of = _groups_of(self.sam.groups)

    def find(self, sid: str) -> Account:
        """Return who a SID is; the name of the profile's folder is the last resort, and may be ``user.DOMAIN``."""
        known = self._known.get(upcase(sid)) or self._from_session(sid)
        if known and known.domain:
            return known
        name, domain = split_folder(self._folders.get(sid, ""), self._computer)
        found = known or Account(name, domain, FOLDER if name else "")
        return replace(found, domain=self._domain_of(sid) or found.domain)

    def groups_of(self, sid: str) -> tuple[str, ...]:
        """Return the names of the local groups that list a SID, in SAM's order."""
        return self._groups_of.get(upcase(sid), ())

    def name_of(self, sid: str) -> str:
        r"""Return how to show a member of a group: ``DOMAIN\name``, a well-known name, or the SID itself."""
        if well_known(sid):
            return well_known(sid)
        if upcase(sid) in self._known or sid in self._folders:
            found = self.find(sid)
            return _shown(found.domain, found.name) or sid
        return _shown(self._domains.get(_prefix(sid), ""), of_a_domain(sid)) or sid

    def _domain_of(self, sid: str) -> str:
        """Return the domain of a SID whose own account tells none."""
        if upcase(sid).startswith(ENTRA):
            return ENTRA_DOMAIN
        known = self._domains.get(_prefix(sid), "")
        try:
            return known or policy_domain(self._registry, sid)
        except SourceError:
            return ""  # the same hive has already left a doubt

    def _read_sam(self) -> Sam:
        try:
            found = read_sam(self._registry)
        except SourceError as error:
            self.doubts.append(f"some names of users are unknown: {error}")
            return Sam()
        self.doubts += found.doubts
        return found

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
            domain = self._registry.text(key, "USERDOMAIN")
        except SourceError:
            return None  # the user's state says that the hive cannot be read
        return Account(name, domain, "session") if name else None

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


def sid_text(data: bytes) -> str:
    """Return a binary SID as text; empty when it is cut short."""
    try:
        return format_sid(data)
    except DamagedError:
        return ""


def _shown(domain: str, name: str) -> str:
    return f"{domain}\\{name}" if domain and name else name


def _groups_of(groups: Iterable[LocalGroup]) -> dict[str, tuple[str, ...]]:
    """Return member -> names of its groups."""
    found: dict[str, tuple[str, ...]] = {}
    for group in groups:
        for member in dict.fromkeys(map(upcase, group.members)):
            found[member] = (*found.get(member, ()), group.name or group.sid)
    return found


def _prefix(sid: str) -> str:
    """Return the SID of the machine or domain that a user's SID belongs to."""
    return upcase(sid.rpartition("-")[0])
