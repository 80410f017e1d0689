"""What worked on the old computer by arrangement: network drives, printers, mail files, passwords, programs.

It is read from the registry values and the names of files in the store. Lists are bounded; a value is text of the
evidence, whatever it pretends to be.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from extractor.model import printable, upcase
from extractor.report.page.book import Book, text

LISTED = 60
"""Entries of each list that are kept."""
_WANTED = (
    r"HKU\%\Network\%\[RemotePath]",
    r"HKU\%\Explorer\User Shell Folders\[%]",
    r"HKU\%\Printers\Connections\%\[Server]",
    r"HKLM\SYSTEM\CurrentControlSet\Control\Print\Printers\%\[Name]",
    r"HKLM\SOFTWARE\%Uninstall\%\[DisplayName]",
    r"HKU\%\Outlook\Profiles\%",
    r"HKU\%\Windows Messaging Subsystem\Profiles\%",
)
_MAIL_FILE = re.compile(
    r"(?:[A-Za-z]:|\\)\\[^\x00-\x1f]*?\.(?:pst|ost|nst)(?![^\x00-\x1f])", re.IGNORECASE
)
_BROWSERS = (
    ("\\GOOGLE\\CHROME", "Google Chrome"),
    ("\\MICROSOFT\\EDGE", "Microsoft Edge"),
    ("\\BRAVESOFTWARE\\", "Brave"),
    ("\\VIVALDI\\", "Vivaldi"),
    ("\\OPERA SOFTWARE\\", "Opera"),
    ("\\CHROMIUM\\", "Chromium"),
)


@dataclass(frozen=True, slots=True)
class Named:
    """Something of a person (empty SID: of the machine): its name and what it leads to."""

    sid: str
    name: str
    target: str = ""


@dataclass(frozen=True, slots=True)
class MailFile:
    """A data file of Outlook: on this disk, in a profile of Outlook, or both."""

    sid: str
    path: str
    size: int
    linked: bool
    outcome: str
    """stored, excluded, not-stored; empty when the profile names it and it was not met."""


@dataclass(frozen=True, slots=True)
class Habits:
    """What has to be arranged again, or looked after."""

    drives: tuple[Named, ...]
    server_folders: tuple[Named, ...]
    printers: tuple[Named, ...]
    programs: tuple[str, ...]
    mail_files: tuple[MailFile, ...]
    browsers: tuple[Named, ...]
    """Browsers whose passwords DPAPI seals, by person."""
    master_keys: frozenset[str]
    """SIDs whose DPAPI master keys are in the store."""
    credentials: frozenset[str]
    """SIDs with saved Windows credentials."""
    networks: int
    """Wi-Fi profiles."""
    origins: tuple[tuple[str, int], ...]
    """Where values of the registry come from (live, replayed, regback, salvaged), and how many."""
    efs: tuple[tuple[str, str, int], ...]
    """EFS files stored in raw form: verdict, reason, how many."""


def habits(book: Book) -> Habits:
    """Return what the store tells of them."""
    lists: dict[str, list[Named]] = {
        key: [] for key in ("drive", "folder", "printer", "program", "mail")
    }
    for sid, path, data in _values(book):
        for key, named in _named(sid, path, data):
            if len(lists[key]) < LISTED:
                lists[key].append(named)
    browsers, keys, credentials, networks = _sealed(book)
    return Habits(
        tuple(lists["drive"]),
        tuple(lists["folder"]),
        tuple(dict.fromkeys(lists["printer"])),
        tuple(sorted({each.name for each in lists["program"]}, key=upcase)),
        tuple(_mail_files(book, lists["mail"])),
        browsers,
        keys,
        credentials,
        networks,
        tuple(
            (text(origin), int(count))
            for origin, count in book.rows(
                'SELECT provenance, count(*) FROM "values" GROUP BY 1 ORDER BY 2 DESC, 1'
            )
        ),
        tuple(
            (text(verdict), text(reason), int(count))
            for verdict, reason, count in book.rows(
                "SELECT verdict, reason, count(*) FROM efs WHERE form = 'raw' GROUP BY 1, 2"
                " ORDER BY 1, 3 DESC, 2 LIMIT ?",
                LISTED,
            )
        ),
    )


def _values(book: Book) -> Iterator[tuple[str, str, bytes]]:
    likes = " OR ".join(["path LIKE ?"] * len(_WANTED))
    sql = (
        'SELECT user, path, substr(data, 1, 4096) FROM "values" JOIN objects ON objects.id = object'  # noqa: S608  only marks
        f" WHERE {likes} ORDER BY object"
    )
    for sid, path, data in book.rows(sql, *_WANTED):
        yield text(sid), text(path), bytes(data)


def _named(sid: str, path: str, data: bytes) -> Iterator[tuple[str, Named]]:
    """Yield what a value tells, with the list that it belongs to."""
    upper, *names = upcase(path), *path.split("\\")
    said = printable(data.decode("utf-16-le", "replace").partition("\0")[0]).strip()
    if "\\PROFILES\\" in upper:
        decoded = data.decode("utf-16-le", "replace")
        yield from (
            ("mail", Named(sid, printable(each[0]))) for each in _MAIL_FILE.finditer(decoded)
        )
    elif not said:
        return
    elif upper.endswith("\\[REMOTEPATH]"):
        yield "drive", Named(sid, f"{names[-2]}:", said)
    elif "\\USER SHELL FOLDERS\\" in upper:
        if said.startswith("\\\\"):
            yield "folder", Named(sid, names[-1].strip("[]"), said)
    elif upper.endswith("\\[SERVER]"):
        yield "printer", Named(sid, names[-2].rpartition(",")[2], said)
    elif upper.endswith("\\[NAME]"):
        yield "printer", Named("", said)
    elif upper.endswith("\\[DISPLAYNAME]"):
        yield "program", Named("", said)


def _mail_files(book: Book, linked: list[Named]) -> Iterator[MailFile]:
    """Yield the data files of Outlook that were met, then those that a profile names and nobody met."""
    wanted = {upcase(each.name): each for each in linked}
    sql = (
        "SELECT user, path, size, outcome FROM objects WHERE kind = 'file'"
        " AND (path LIKE '%.pst' OR path LIKE '%.ost' OR path LIKE '%.nst') ORDER BY sort_key"
    )
    for count, (sid, path, size, outcome) in enumerate(book.rows(sql)):
        is_linked = wanted.pop(upcase(path), None) is not None
        if count < LISTED or (is_linked and outcome != "stored"):
            yield MailFile(sid, path, size & (1 << 64) - 1, is_linked, outcome)
    for each in wanted.values():
        yield MailFile(each.sid, each.name, 0, True, "")


def _sealed(book: Book) -> tuple[tuple[Named, ...], frozenset[str], frozenset[str], int]:
    """Return what Windows seals for a person or a machine, by the names of the files."""
    browsers: Counter[Named] = Counter()
    keys, credentials, networks = set(), set(), 0
    sql = (
        "SELECT user, path FROM objects WHERE kind = 'file' AND outcome = 'stored' AND (path LIKE '%\\Login Data'"
        " OR path LIKE '%\\Microsoft\\Protect\\S-1-%' OR path LIKE '%\\Microsoft\\Credentials\\%'"
        " OR path LIKE '%\\Wlansvc\\Profiles\\Interfaces\\%.xml')"
    )
    for sid, path in book.rows(sql):
        upper = upcase(path)
        if upper.endswith("\\LOGIN DATA"):
            browsers[Named(sid, _browser(upper))] += 1
        elif "\\WLANSVC\\" in upper:
            networks += 1
        elif "\\PROTECT\\" in upper:
            keys.add(sid)
        else:
            credentials.add(sid)
    ordered = sorted(browsers, key=lambda each: (each.sid, each.name))[:LISTED]
    return tuple(ordered), frozenset(keys), frozenset(credentials), networks


def _browser(path: str) -> str:
    return next((name for part, name in _BROWSERS if part in path), "another Chromium browser")
