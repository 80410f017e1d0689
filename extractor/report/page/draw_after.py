"""Facts -> the last parts of the page: how to go on, the ledger, the record of custody."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lxml import etree

from extractor.report.page.custody import Custody
from extractor.report.page.facts import Account, Facts
from extractor.report.page.html import (
    Node,
    called,
    code,
    count,
    facts_list,
    folded,
    h,
    is_empty,
    path,
    prose,
    size,
    table,
)
from extractor.report.page.places import Place
from extractor.report.page.svg import Slice, strip
from extractor.report.page.whose import Whose

COMMANDS = (
    (
        "coldstate store verify STORE",
        "Prove that every stored byte is what the manifest says: first, and on every copy.",
    ),
    (
        "coldstate store ls STORE",
        "List what is stored; with --all what is not, too; a pattern such as *.docx narrows it.",
    ),
    (
        "coldstate store extract STORE FOLDER",
        "Write the files to FOLDER/C$/Users/…, every byte hashed; --include and --exclude choose.",
    ),
    (
        "coldstate restore STORE --dry-run --to FOLDER",
        "Plan a restore into a folder or a mounted NTFS volume; without --dry-run it is made, --undo takes it back.",
    ),
    (
        "coldstate store manifest STORE",
        "Print one JSON line for every object: outcome, reason, rule, SHA-256.",
    ),
)
"""Commands of this program that a person who holds a store needs; STORE is the folder that holds USMT."""
STEPS = """\
Copy the store to where it is needed and run `coldstate store verify` on the copy.
Make the accounts on the new computer and let each person sign in once, so that Windows makes the profiles.
Files: `coldstate restore STORE --to FOLDER` puts them, planned first, into the new volume or a folder; a volume that \
ntfs-3g mounts gets descriptors, times and links too. `coldstate store extract STORE FOLDER` only writes them out.
Settings: import the person's `.reg` file as that person, after reading it. `machine.reg` is a record of the old \
machine: take single keys from it.
Groups: `open-catalog/ProfileControl.xml` says which local groups each person was in.
Keep the old disk, or its image, until each person has looked through the list of what will be missed."""


def draw_restore(places: Sequence[Place]) -> Iterator[etree._Element]:
    """Yield how to go on with the store: only what exists today."""
    yield h(
        "p",
        h("strong", "LoadState cannot read this store, "),
        "because Microsoft has not published the catalog that it needs. `coldstate restore` puts files back; "
        "settings are put back by hand, as below.",
        class_="note",
    )
    yield h("ol", *(h("li", *prose(step)) for step in STEPS.splitlines()), class_="steps")
    if places:
        rows: Iterator[Sequence[Node]] = (
            [called(each.account), *map(path, (each.profile, each.folder, each.settings))]
            for each in places
        )
        heads = ("Person", "Profile", "Files, below STORE/USMT", "Settings, below open-catalog")
        yield table("Where each person's state lies", heads, rows)
    yield table(
        "Commands", ("Command", "What it does"), ([code(words), what] for words, what in COMMANDS)
    )


def draw_ledger(facts: Facts, whose: Whose) -> Iterator[etree._Element]:
    """Yield both sides of the accounts: everything that was seen has exactly one end."""
    accounts = {each.sid: each for each in facts.accounts}
    parts = [
        Slice("stored", facts.total.stored.objects, "c-good"),
        Slice("left out on purpose", facts.total.excluded.objects, "c-off"),
        Slice("not taken", facts.total.not_stored.objects, "c-bad"),
    ]
    yield h(
        "p",
        "Everything that was seen has exactly one end: stored, left out by a rule, or not taken for a named reason.",
    )
    yield strip("ledger-strip", "Objects by their end", parts)
    yield h(
        "ul",
        *(
            h(
                "li",
                h("span", class_=f"swatch {each.shade}"),
                f"{each.label} ",
                h("small", count(each.amount)),
            )
            for each in parts
        ),
        class_="legend",
    )
    rows = [_account(whose.name(sid), accounts[sid]) for sid in whose.ordered(accounts)]
    rows.append(_account("All", facts.total))
    heads = ("Whose", "Seen", "Stored", "Left out", "Not taken", "Balance")
    yield table("The ledger: objects and bytes", heads, rows, numeric=(1, 2, 3, 4), look="ledger")
    yield h(
        "p",
        "Bytes of the ledger hold alternate streams and data of the registry too: more than the sizes of files above.",
        class_="quiet",
    )


def _account(name: str, account: Account) -> Sequence[Node]:
    sides = (account.seen, account.stored, account.excluded, account.not_stored)
    sums = (h("span", count(each.objects), h("br"), h("small", size(each.bytes))) for each in sides)
    verdict = "balances" if account.balances else "does not balance"
    tag = h("span", verdict, class_=f"tag {'good' if account.balances else 'bad'}")
    return [called(name), *sums, tag]


def draw_custody(facts: Facts) -> Iterator[etree._Element]:
    """Yield who made the store from what, as far as it is told."""
    yield from _record(facts.custody)
    pairs: list[tuple[str, Node]] = [
        ("Made by", facts.found.tool),
        ("Objects in the manifest", count(facts.objects)),
        ("SHA-256 of the manifest's objects", path(facts.digest)),
    ]
    yield facts_list((label, value) for label, value in pairs if not is_empty(value))
    yield h(
        "p",
        "This page repeats what the catalog says. It reads no stored byte: ",
        code("coldstate store verify"),
        " does.",
        class_="quiet",
    )


def _record(custody: Custody) -> Iterator[etree._Element]:
    if custody.problem:
        yield h("p", custody.problem, class_="note")
    elif not custody.is_there:
        yield h("p", "There is no record of custody beside this store.", class_="quiet")
    if custody.lines:
        yield facts_list((label, path(value)) for label, value in custody.lines)
    if custody.media:
        rows: list[Sequence[Node]] = [
            [path(each.path), each.verdict, each.sentence, _digests(each.hashes)]
            for each in custody.media
        ]
        yield table(
            "The medium, as this program hashed it", ("Image", "Verdict", "Said", "Hashes"), rows
        )
    if custody.segments:
        hashed = [[path(each.path), path(each.sha256)] for each in custody.segments]
        yield folded(
            f"SHA-256 of {count(len(hashed), 'file')} of the images",
            table("Files", ("File", "SHA-256"), hashed),
        )
    if custody.rest:
        more = f", and {count(custody.more)} that are not shown" if custody.more else ""
        yield folded(
            f"{count(len(custody.rest), 'further line')} of the record{more}",
            facts_list((label, path(value)) for label, value in custody.rest),
        )
    if custody.is_there:
        yield h(
            "p",
            *prose("`coldstate custody verify STORE` proves that the record is what was written."),
            class_="quiet",
        )


def _digests(hashes: Sequence[tuple[str, str]]) -> etree._Element:
    return h("span", *(h("span", f"{name} ", path(digest), h("br")) for name, digest in hashes))
