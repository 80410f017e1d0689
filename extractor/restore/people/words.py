r"""What a command line and a CSV say of users -> rules: ``/mu``, ``/md``, ``/lac``, ``/lae``, ``--user-map``.

Source: USMT "LoadState syntax" (user options) and "Config.xml file" (ProfileControl: domains, users).
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from extractor.errors import UsageError
from extractor.model import Instruction, WinPath, printable
from extractor.registry.descriptor import is_sid

_NOT_IN_A_NAME = re.compile(r'["/\\\[\]:;|=,+*?<>@\x00-\x1f]|[. ]\Z|\A[. ]*\Z')
"""What Windows allows in no account name ("User name rules"), and what no folder's name may end with."""
LONGEST_NAME = 104
"""UTF-16 units of an account name in Active Directory; a local one has 20."""
HEADER = "old"


@dataclass(frozen=True, slots=True)
class Renaming:
    r"""One user is another at the target. ``old`` is ``DOMAIN\user``, a local ``user``, or a SID."""

    old: str
    domain: str | None
    """None: it stays."""
    name: str
    source: str
    """The word of the command line, or ``file:line``."""
    sid: str = ""
    profile: WinPath | None = None
    any_domain: bool = False
    """A bare ``old`` means a user of any domain, where only one has that name."""


@dataclass(frozen=True, slots=True)
class Moving:
    """The users of a domain are of another at the target; ``old`` may hold ``*``."""

    old: str
    new: str
    source: str


@dataclass(frozen=True, slots=True)
class UserWords:
    """All that was said of users; in each list the first that fits a user decides."""

    renamings: tuple[Renaming, ...] = ()
    movings: tuple[Moving, ...] = ()
    create_accounts: bool = False
    """``/lac``; its password is never kept."""
    enable_accounts: bool = False
    """``/lae``."""
    include: tuple[str, ...] = ()
    """``/ui``."""
    exclude: tuple[str, ...] = ()
    """``/ue``."""
    last_used: str = ""
    """``/uel``, as it was written."""
    since: int = field(default=0, repr=False)
    """FILETIME from which on a use counts for ``/uel``; it is no part of what was asked, for the clock goes on."""


def parse_mu(value: str) -> Renaming:
    r"""Return what ``/mu:[OldDomain\]OldUser:[NewDomain\]NewUser`` says; raise UsageError (11)."""
    word = f"/mu:{value}"
    old, colon, new = value.partition(":")
    if not colon or not old.strip() or not new.strip():
        raise UsageError(rf"{word}: write /mu:[OLDDOMAIN\]OLDUSER:[NEWDOMAIN\]NEWUSER")
    if "*" in value:
        raise UsageError(f"{word}: /mu takes no wildcards; /md moves all users of a domain")
    return Renaming(old.strip(), *_account(new.strip(), word), source=word)


def parse_md(value: str) -> Moving:
    """Return what ``/md:OldDomain:NewDomain`` says; raise UsageError (11)."""
    word = f"/md:{value}"
    old, colon, new = value.partition(":")
    if not colon or not old.strip() or not new.strip():
        raise UsageError(f"{word}: write /md:OLDDOMAIN:NEWDOMAIN")
    return Moving(old.strip(), _checked(new.strip(), word), word)


def read_user_map(path: Path) -> tuple[Renaming, ...]:
    """Return the rows ``old,new[,sid[,profile]]`` of a CSV (UTF-8); raise UsageError, naming ``file:line``."""
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: the user map cannot be read: {error}") from error
    reader = csv.reader(text.splitlines(), skipinitialspace=True)
    try:
        return tuple(_rows(reader, path))
    except csv.Error as error:
        raise UsageError(f"{path}:{reader.line_num}: {error}") from error


def _rows(reader: Iterable[Sequence[str]], path: Path) -> Iterator[Renaming]:
    for number, cells in enumerate(reader, 1):
        row = [cell.strip() for cell in cells]
        if not any(row) or row[0].startswith("#") or (number == 1 and row[0].lower() == HEADER):
            continue
        yield _row(row, f"{path}:{number}")


def _row(row: Sequence[str], where: str) -> Renaming:
    if not 2 <= len(row) <= 4 or not row[0] or not any(row[1:]):
        raise UsageError(f"{where}: a row is old,new[,sid[,profile]]")
    old, new, sid, profile = (*row, "", "")[:4]
    if sid and not is_sid(sid):
        raise UsageError(f"{where}: {printable(sid)!r} is no SID")
    domain, name = _account(new, where) if new else (None, "")
    place = _profile(profile, where) if profile else None
    return Renaming(old, domain, name, where, sid.upper(), place, any_domain=True)


def _account(text: str, where: str) -> tuple[str | None, str]:
    domain, backslash, name = text.rpartition("\\")
    return (_checked(domain, where) if backslash else None), _checked(name, where)


def _checked(name: str, where: str) -> str:
    if _NOT_IN_A_NAME.search(name) or len(name) > LONGEST_NAME:
        raise UsageError(
            f"{printable(where)}: {printable(name)!r} cannot be the name of an account"
        )
    return name


def _profile(text: str, where: str) -> WinPath:
    path = WinPath.parse(text)
    if not path.drive or not path.parts or ".." in path.parts:
        raise UsageError(f"{where}: {printable(text)!r} is no folder such as C:\\Users\\name")
    return path


def of_config(
    instructions: Iterable[Instruction],
) -> tuple[list[Renaming], list[Moving], list[str]]:
    """Return what a Config.xml of the scan says (ProfileControl: users, domains), and what of it makes no sense."""
    renamings: list[Renaming] = []
    movings: list[Moving] = []
    notes: list[str] = []
    for each in instructions:
        try:
            if each.kind == "domains":
                old, new = _from_to(each)
                movings.append(Moving(old, _checked(new, each.source), each.source))
            elif each.kind == "users":
                old, new = _from_to(each)
                renamings.append(Renaming(old, *_account(new, each.source), source=each.source))
        except UsageError as error:
            notes.append(str(error))
    return renamings, movings, notes


def _from_to(instruction: Instruction) -> tuple[str, str]:
    try:
        said = json.loads(instruction.text)
        return str(said["from"]), str(said["to"])
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise UsageError(f"{instruction.source}: no renaming of ProfileControl") from error
