r"""People and local accounts -> rows of kind ``account``: who was found, and whether that person comes.

One for every SID of a profile, and one for every account of SAM without a profile. The path is ``<SID>\DOMAIN\name``:
two accounts may be shown by one name. The rows belong to the machine, whose database of accounts it is, and hold no
bytes; what is known of an account (groups, flags, times) is in the manifest's header.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from extractor.model import ObjectKind, OutcomeKind, Record, WinPath, upcase
from extractor.select.users import Choice
from extractor.windows import WindowsInstall

NO_PROFILE = "this account has no profile here"


def account_rows(install: WindowsInstall, choices: Sequence[Choice]) -> Iterator[Record]:
    """Yield the rows; of several profiles with one SID, the one that comes tells what becomes of the account."""
    volume, computer = install.candidate.volume, install.candidate.computer
    known: set[str] = set()
    for choice in sorted(choices, key=lambda each: not each.selected):
        if upcase(choice.user.sid) not in known:
            known.add(upcase(choice.user.sid))
            yield _of_user(choice, volume)
    for each in install.sam.accounts:
        if upcase(each.sid) not in known:
            path = _path(each.sid, computer, each.name)
            outcome = OutcomeKind.EXCLUDED
            yield Record(ObjectKind.ACCOUNT, path, volume, "", outcome, NO_PROFILE)


def _of_user(choice: Choice, volume: str) -> Record:
    """Return the row of a user; the switch that decided is its rule, what else decided its reason."""
    user = choice.user
    path = _path(user.sid, user.domain, user.name)
    outcome = OutcomeKind.STORED if choice.selected else OutcomeKind.EXCLUDED
    by_switch = choice.switch.startswith("/")
    reason, rule = ("", choice.switch) if by_switch else (choice.switch, "")
    return Record(ObjectKind.ACCOUNT, path, volume, "", outcome, reason, rule)


def _path(sid: str, *names: str) -> WinPath:
    return WinPath(sid, tuple(filter(None, names)))
