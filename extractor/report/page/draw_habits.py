"""Habits -> the part of the page that says what has to be arranged again, or looked after."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from lxml import etree

from extractor.report.page.found import Person
from extractor.report.page.habits import LISTED, Habits, MailFile, Named
from extractor.report.page.html import Node, count, folded, h, joined, path, prose, size, table
from extractor.report.page.whose import Whose

_SEALED = (
    "They are sealed with the person's Windows password (DPAPI). They open only for an account that has these master "
    "keys and the same password; newer versions of Chrome and Edge bind them to the old computer besides. Let the "
    "person sign in to the browser's own sync; failing that, the sites will ask for new passwords."
)
_ORIGINS = {
    "live": "read as they lay in the registry files",
    "replayed": "completed from the transaction logs, as Windows would have done at its next start",
    "regback": "from Windows' own backup copy (RegBack): older than the rest",
    "salvaged": "saved from damaged registry files: there may have been more",
    "ini": "from INI files",
}
_VERDICTS = {
    "yes": "will open after a restore of this store",
    "no": "will not open after a restore",
    "unknown": "may open after a restore",
}


def draw_habits(habits: Habits, people: Iterable[Person], whose: Whose) -> Iterator[etree._Element]:
    """Yield a card for each thing that the store knows of."""
    yield from _absent(people)
    yield from _passwords(habits, whose)
    yield from _efs(habits)
    yield from _mail(habits.mail_files, whose)
    yield from _network(habits, whose)
    yield from _printers(habits.printers, whose)
    yield from _wifi(habits.networks)
    yield from _registry(habits)
    yield from _programs(habits.programs)


def _card(title: str, *content: Node, wide: bool = False) -> etree._Element:
    return h("article", h("h4", title), *content, class_="card full" if wide else "card")


def _absent(people: Iterable[Person]) -> Iterator[etree._Element]:
    rows: list[Sequence[Node]] = [
        [h("bdi", each.account), path(each.profile), each.why] for each in people if not each.comes
    ]
    if rows:
        yield _card(
            "People who are not in this store",
            table("Profiles that were not taken", ("Account", "Profile", "Why"), rows),
            wide=True,
        )


def _passwords(habits: Habits, whose: Whose) -> Iterator[etree._Element]:
    if habits.browsers or habits.credentials:
        rows: list[Sequence[Node]] = [
            [whose.mark(each.sid), each.name, _keys(habits, each.sid)] for each in habits.browsers
        ]
        rows += [
            [whose.mark(sid), "Windows credentials", _keys(habits, sid)]
            for sid in whose.ordered(habits.credentials)
        ]
        yield _card(
            "Saved passwords need the Windows password",
            h("p", _SEALED),
            table("Passwords that Windows seals", ("Whose", "Saved in", "Master keys"), rows),
            wide=True,
        )


def _keys(habits: Habits, sid: str) -> etree._Element:
    here = sid in habits.master_keys
    return h(
        "span", "in the store" if here else "not in the store", class_="" if here else "bad-text"
    )


def _efs(habits: Habits) -> Iterator[etree._Element]:
    if habits.efs:
        rows: list[Sequence[Node]] = [
            [_VERDICTS.get(verdict, verdict), reason, count(number)]
            for verdict, reason, number in habits.efs
        ]
        yield _card(
            "Encrypted files, carried as they are",
            h(
                "p",
                "Stored in the form that Windows' own import takes (WriteEncryptedFileRaw), still encrypted.",
            ),
            table("EFS files", ("After a restore", "Why", "Files"), rows, numeric=(2,)),
            wide=True,
        )


def _mail(files: Sequence[MailFile], whose: Whose) -> Iterator[etree._Element]:
    if files:
        rows: Iterator[Sequence[Node]] = (
            [path(each.path), whose.mark(each.sid), size(each.size), _mail_state(each)]
            for each in files
        )
        yield _card(
            "Outlook's data files",
            h(
                "p",
                "Outlook opens by itself only what its profile names. Any other PST is opened with File, Open, "
                "Outlook Data File. An OST is a copy of a mailbox on a server: Outlook makes a new one and does not "
                "open this one.",
            ),
            table("PST, OST and NST files", ("File", "Whose", "Size", "State"), rows, numeric=(2,)),
            wide=True,
        )


def _mail_state(file: MailFile) -> etree._Element:
    if not file.outcome:
        return h("span", "named by the Outlook profile, not met on these disks", class_="bad-text")
    if file.outcome != "stored":
        return h("span", "not in the store", class_="bad-text")
    return h(
        "span",
        "in the store, "
        + ("named by the Outlook profile" if file.linked else "in no Outlook profile"),
    )


def _network(habits: Habits, whose: Whose) -> Iterator[etree._Element]:
    if habits.drives:
        yield _card(
            "Network drives",
            h(
                "p",
                "What lies on them was never on this disk. Connect them again on the new computer.",
            ),
            _named("Mapped drives", ("Drive", "Leads to", "Whose"), habits.drives, whose),
        )
    if habits.server_folders:
        yield _card(
            "Folders that live on a server",
            h(
                "p",
                "These folders were redirected: their files are on the server, not in this store.",
            ),
            _named(
                "Redirected folders", ("Folder", "Lies at", "Whose"), habits.server_folders, whose
            ),
        )


def _named(
    caption: str, heads: Sequence[str], entries: Sequence[Named], whose: Whose
) -> etree._Element:
    rows = ([h("bdi", each.name), path(each.target), whose.mark(each.sid)] for each in entries)
    return table(caption, heads, rows)


def _printers(printers: Sequence[Named], whose: Whose) -> Iterator[etree._Element]:
    if printers:
        yield _card(
            "Printers",
            h("p", "Their drivers are not taken. Add them again on the new computer."),
            _named("Printers that were set up", ("Printer", "On", "Whose"), printers, whose),
        )


def _wifi(networks: int) -> Iterator[etree._Element]:
    if networks:
        yield _card(
            "Wi-Fi",
            h(
                "p",
                f"{count(networks, 'network')} known by name. The passwords are sealed for the old computer: they have "
                "to be typed again.",
            ),
        )


def _registry(habits: Habits) -> Iterator[etree._Element]:
    if any(origin not in {"live", "ini"} for origin, _ in habits.origins):
        rows = ([_ORIGINS.get(origin, origin), count(number)] for origin, number in habits.origins)
        yield _card(
            "Registry files that were not closed or not whole",
            h(
                "p",
                *prose(
                    "The catalog says of each value where it is from; `coldstate hive FILE` shows one file."
                ),
            ),
            table("Where the settings come from", ("Settings", "Number"), rows, numeric=(1,)),
            wide=True,
        )


def _programs(programs: Sequence[str]) -> Iterator[etree._Element]:
    if programs:
        more = f" (the first {LISTED})" if len(programs) >= LISTED else ""
        yield _card(
            "Programs to install again",
            h(
                "p",
                "No program is ever taken, only what it keeps for its user. These were installed:",
            ),
            folded(
                f"{count(len(programs), 'program')}{more}",
                h("p", joined((h("bdi", each) for each in programs), "; ")),
                open_=len(programs) <= 8,
            ),
        )
