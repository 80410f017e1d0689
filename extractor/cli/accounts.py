"""The local accounts and groups of a Windows, for ``coldstate inspect``: plain values, and tables for a person."""

from __future__ import annotations

from rich.console import Console

from extractor.cli.tables import add_row, date_of, lined_table
from extractor.model import LocalAccount, LocalGroup, printable
from extractor.windows import WindowsInstall

PASSWORD = {True: "yes", False: "no", None: "?"}
ORDINARY = "normal"
"""A flag that all accounts of people have: not worth a reader's eye."""


def accounts_json(install: WindowsInstall) -> dict[str, object]:
    """Return the machine's SID, accounts and groups as ``inspect --json`` shows them; names are printable."""
    return {
        "machine_sid": install.sam.machine_sid,
        "accounts": [_account(each) for each in install.sam.accounts],
        "groups": [_group(each, install) for each in install.sam.groups],
    }


def _account(account: LocalAccount) -> dict[str, object]:
    return {
        "sid": account.sid,
        "rid": account.rid,
        "name": printable(account.name),
        "full_name": printable(account.full_name),
        "comment": printable(account.comment),
        "flags": list(account.flags),
        "last_logon": account.last_logon,
        "password_set": account.password_set,
        "expires": account.expires,
        "logons": account.logons,
        "has_password": account.has_password,
    }


def _group(group: LocalGroup, install: WindowsInstall) -> dict[str, object]:
    names = install.member_names
    return {
        "sid": group.sid,
        "name": printable(group.name),
        "comment": printable(group.comment),
        "members": [{"sid": sid, "name": printable(names.get(sid, sid))} for sid in group.members],
    }


def draw_accounts(console: Console, install: WindowsInstall) -> None:
    """Print the accounts of SAM, and the groups that have members."""
    accounts = lined_table("account", "RID", "full name", "flags", "password", "last logon")
    for each in install.sam.accounts:
        flags = ", ".join(flag for flag in each.flags if flag != ORDINARY)
        password, logon = PASSWORD[each.has_password], date_of(each.last_logon)
        add_row(accounts, each.name, str(each.rid), each.full_name, flags, password, logon)
    groups = lined_table("local group", "members")
    for group in install.sam.groups:
        if group.members:
            members = (install.member_names.get(sid, sid) for sid in group.members)
            add_row(groups, group.name or group.sid, ", ".join(members))
    for table in (accounts, groups):
        if table.row_count:
            console.print(table)
