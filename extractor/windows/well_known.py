"""SIDs that mean the same on every Windows -> their English names. Source: [MS-DTYP] 2.4.2.4, "Well-known SIDs"."""

from __future__ import annotations

NAMES = {
    "S-1-0-0": "Nobody",
    "S-1-1-0": "Everyone",
    "S-1-2-0": "LOCAL",
    "S-1-2-1": "CONSOLE LOGON",
    "S-1-3-0": "CREATOR OWNER",
    "S-1-3-1": "CREATOR GROUP",
    "S-1-5-1": r"NT AUTHORITY\DIALUP",
    "S-1-5-2": r"NT AUTHORITY\NETWORK",
    "S-1-5-3": r"NT AUTHORITY\BATCH",
    "S-1-5-4": r"NT AUTHORITY\INTERACTIVE",
    "S-1-5-6": r"NT AUTHORITY\SERVICE",
    "S-1-5-7": r"NT AUTHORITY\ANONYMOUS LOGON",
    "S-1-5-9": r"NT AUTHORITY\ENTERPRISE DOMAIN CONTROLLERS",
    "S-1-5-11": r"NT AUTHORITY\Authenticated Users",
    "S-1-5-13": r"NT AUTHORITY\TERMINAL SERVER USER",
    "S-1-5-14": r"NT AUTHORITY\REMOTE INTERACTIVE LOGON",
    "S-1-5-15": r"NT AUTHORITY\This Organization",
    "S-1-5-17": r"NT AUTHORITY\IUSR",
    "S-1-5-18": r"NT AUTHORITY\SYSTEM",
    "S-1-5-19": r"NT AUTHORITY\LOCAL SERVICE",
    "S-1-5-20": r"NT AUTHORITY\NETWORK SERVICE",
    "S-1-5-80-0": r"NT SERVICE\ALL SERVICES",
    "S-1-5-113": r"NT AUTHORITY\Local account",
    "S-1-5-114": r"NT AUTHORITY\Local account and member of Administrators group",
}
OF_A_DOMAIN = {
    500: "Administrator",
    501: "Guest",
    502: "krbtgt",
    512: "Domain Admins",
    513: "Domain Users",
    514: "Domain Guests",
    515: "Domain Computers",
    516: "Domain Controllers",
    518: "Schema Admins",
    519: "Enterprise Admins",
    520: "Group Policy Creator Owners",
}
"""RIDs that mean the same in every domain."""


def well_known(sid: str) -> str:
    """Return the name of a SID that needs no machine to be known, empty for any other."""
    return NAMES.get(sid, "")


def of_a_domain(sid: str) -> str:
    """Return the name that the last part of a domain's SID (``S-1-5-21-…``) stands for everywhere, else empty."""
    head, _, rid = sid.rpartition("-")
    known = head.startswith("S-1-5-21-") and rid.isascii() and rid.isdecimal() and len(rid) < 11
    return OF_A_DOMAIN.get(int(rid), "") if known else ""
