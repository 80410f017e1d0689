r"""What a machine remembers of accounts that are not its own: of a domain, or of Entra ID (``S-1-12-1-…``).

Every source yields SID -> Account with the source told, the surest first; a name that only looks like one (a common
name of the directory, a name of a folder) is the caller's last resort. Sources: usmt.md 2.5; of the keys below, the
logon screen's and Group Policy's ``State`` were seen on a Windows 7 hive, the others are described in public scripts
that read them (``SAMName``, ``UserName``, ``IdentityName``; ``szName``, ``DNName``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from extractor.model import LocalAccount, upcase
from extractor.registry import Registry

LOGON = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Authentication\LogonUI"
IDENTITIES = r"HKLM\SOFTWARE\Microsoft\IdentityStore"
POLICIES = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Group Policy"
ENTRA = "S-1-12-1-"
ENTRA_DOMAIN = "AzureAD"
"""What Windows shows before the name of an Entra ID account."""


@dataclass(frozen=True, slots=True)
class Account:
    """A name for a SID, and where it was found; ``local`` is its account in SAM."""

    name: str
    domain: str = ""
    source: str = ""
    local: LocalAccount | None = None


def of_logon_screen(registry: Registry) -> Iterator[tuple[str, Account]]:
    """Yield the accounts that the logon screen and the sessions remember; raise SourceError."""
    sessions = [
        rf"{LOGON}\SessionData\{each}" for each in registry.subkeys(rf"{LOGON}\SessionData")
    ]
    for key in (LOGON, *sessions):
        for prefix in ("LastLoggedOn", "LoggedOn"):
            sid = registry.text(key, f"{prefix}UserSID")
            names = (registry.text(key, f"{prefix}{kind}") for kind in ("SAMUser", "User"))
            yield from _named(sid, next(filter(None, names), ""), "LogonUI")


def of_windows_7(registry: Registry, folders: Mapping[str, str]) -> Iterator[tuple[str, Account]]:
    """Yield the last user of a logon screen that keeps no SID: the one whose folder (SID -> name) is called so."""
    domain, _, name = registry.text(LOGON, "LastLoggedOnSAMUser").rpartition("\\")
    for sid, folder in folders.items():
        if domain not in {"", "."} and upcase(split_folder(folder, "")[0]) == upcase(name):
            yield sid, Account(name, domain, "LogonUI")


def of_identity_store(registry: Registry) -> Iterator[tuple[str, Account]]:
    r"""Yield the accounts of ``IdentityStore\Cache`` and ``IdentityStore\LogonCache\<provider>\Sid2Name``."""
    for sid in registry.subkeys(rf"{IDENTITIES}\Cache"):
        yield from _identity(registry, sid, rf"{IDENTITIES}\Cache\{sid}\IdentityCache\{sid}")
    for provider in registry.subkeys(rf"{IDENTITIES}\LogonCache"):
        names = rf"{IDENTITIES}\LogonCache\{provider}\Sid2Name"
        for sid in registry.subkeys(names):
            yield from _identity(registry, sid, rf"{names}\{sid}")


def _identity(registry: Registry, sid: str, key: str) -> Iterator[tuple[str, Account]]:
    for value in ("SAMName", "UserName", "IdentityName"):
        full = registry.text(key, value)
        if full:
            yield from _named(sid, full, "IdentityStore")
            return


def of_group_policy(registry: Registry) -> Iterator[tuple[str, Account]]:
    r"""Yield the accounts that the policy cache (``DataStore\<SID>\0``, Windows 8 and later) names."""
    for sid in registry.subkeys(rf"{POLICIES}\DataStore"):
        for number in registry.subkeys(rf"{POLICIES}\DataStore\{sid}"):
            key = rf"{POLICIES}\DataStore\{sid}\{number}"
            domain = directory_domain(registry.text(key, "DNName"))
            yield from _named(sid, registry.text(key, "szName"), "Group Policy", domain)


def policy_domain(registry: Registry, sid: str) -> str:
    """Return the domain of the distinguished name that Group Policy kept of a user, empty where there is none."""
    return directory_domain(registry.text(rf"{POLICIES}\State\{sid}", "Distinguished-Name"))


def directory_domain(name: str) -> str:
    """Return ``CORP`` for ``CN=Anna,OU=IT,DC=corp,DC=example``: by custom, not by rule, the domain's short name."""
    found = re.search(r"(?:^|(?<!\\),)DC=([^,\\=]{1,15})(?:,|$)", name, re.IGNORECASE)
    return upcase(found[1].strip()) if found else ""


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


def _named(sid: str, full: str, source: str, fallback: str = "") -> Iterator[tuple[str, Account]]:
    r"""Yield ``DOMAIN\name``, a bare name, or the name of an address (``anna@example.com``: a UPN)."""
    domain, _, name = full.rpartition("\\")
    domain = "" if domain == "." else domain
    if upcase(sid).startswith(ENTRA):
        domain = domain or ENTRA_DOMAIN
    if sid and name:
        yield sid, Account(name, domain or fallback, source)
