"""Facts -> the page: one HTML file that asks for nothing else, runs nothing, and reads well on paper and on a phone."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Iterator
from hashlib import sha256
from importlib.resources import files

from lxml import etree

from extractor.report.page.draw_after import draw_custody, draw_ledger, draw_restore
from extractor.report.page.draw_found import draw_found, draw_rules
from extractor.report.page.draw_habits import draw_habits
from extractor.report.page.draw_missed import draw_exclusions, draw_links, draw_losses
from extractor.report.page.draw_taken import draw_taken
from extractor.report.page.facts import Facts
from extractor.report.page.html import count, h, size
from extractor.report.page.whose import Whose

SECTIONS = (
    ("found", "What was found"),
    ("taken", "What was taken"),
    ("missed", "What will be missed"),
    ("restore", "How to go on"),
    ("ledger", "The ledger"),
    ("custody", "Custody"),
)


def page_of(facts: Facts) -> str:
    """Return the page, the same for the same facts."""
    style = (files(__package__) / "style.css").read_text("utf-8")
    title = f"Migration report: {facts.found.computer or 'a Windows computer'}"
    root = h("html", _head(title, style), _body(facts), lang="en")
    text: str = etree.tostring(root, encoding="unicode", method="html")
    return f"<!DOCTYPE html>\n{text}\n"


def _head(title: str, style: str) -> etree._Element:
    """Return the head; the policy lets in this very style sheet and nothing else."""
    digest = b64encode(sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    sheet = etree.Element("style")
    sheet.text = style
    return h(
        "head",
        h("meta", charset="utf-8"),
        h("meta", http_equiv="Content-Security-Policy", content=policy),
        h("meta", name="viewport", content="width=device-width, initial-scale=1"),
        h("meta", name="color-scheme", content="light dark"),
        h("meta", name="referrer", content="no-referrer"),
        h("meta", name="robots", content="noindex"),
        h("link", rel="icon", href="data:,"),
        h("title", title),
        sheet,
    )


def _body(facts: Facts) -> etree._Element:
    whose = Whose(facts.found.people)
    main = h("main", *_summary(facts), *_sections(facts, whose), id="main", tabindex="-1")
    return h(
        "body",
        h("a", "Skip to the report", href="#main", class_="skip"),
        _banner(facts),
        h("nav", h("ul", *_links()), aria_label="Parts of this report"),
        main,
        h("footer", h("p", _made(facts))),
    )


def _links() -> Iterator[etree._Element]:
    return (h("li", h("a", title, href=f"#{key}")) for key, title in SECTIONS)


def _made(facts: Facts) -> str:
    maker = facts.found.tool or "an unknown program"
    return f"Made by coldstate from a store of {maker}. It holds no script and loads nothing."


def _banner(facts: Facts) -> etree._Element:
    known = dict(facts.found.windows)
    about = ", ".join(filter(None, (known.get("Windows", ""), known.get("Version", ""))))
    return h(
        "header",
        h("p", "coldstate · migration report", class_="brand"),
        h("h1", h("bdi", facts.found.computer or "A Windows computer")),
        h("p", about or "of an unknown Windows", class_="about"),
    )


def _summary(facts: Facts) -> Iterator[etree._Element]:
    level, mark, title, sentence = _verdict(facts)
    losses = (
        h(
            "li",
            h("a", each.reason.title, href=f"#loss-{each.reason.key}"),
            f" {count(each.tally.objects)}",
        )
        for each in facts.missed.losses
    )
    chips = [h("ul", *losses, class_="chips")] if facts.missed.losses else []
    box = h("div", h("h2", title), h("p", sentence), *chips)
    yield h(
        "section",
        h("span", mark, class_="mark", aria_hidden="true"),
        box,
        class_=f"verdict {level}",
    )
    yield h(
        "dl",
        *(_figure(label, value, note) for label, value, note in _figures(facts)),
        class_="figures",
    )


def _verdict(facts: Facts) -> tuple[str, str, str, str]:
    """Return how it went: a level, its mark, a title and a sentence."""
    lost = facts.total.not_stored
    chosen = facts.total.stored.objects + lost.objects
    if not all(each.balances for each in (*facts.accounts, facts.total)):
        sentence = "What was seen and what became of it are not the same number. Do not trust this store; report it."
        return "bad", "✕", "The ledger does not balance", sentence
    unread = sum(each.locked or bool(each.note) for each in facts.found.volumes)
    closed = (
        f" {count(unread, 'volume')} could not be read: what lies there is in no number here."
        if unread
        else ""
    )
    if not lost.objects:
        sentence = f"All {count(chosen, 'object')} that the rules chose were stored, and the ledger balances.{closed}"
        level, mark = ("warn", "!") if unread else ("good", "✓")
        return level, mark, "Everything that the rules chose is here", sentence
    sentence = (
        f"{count(facts.total.stored.objects)} of {count(chosen)} objects that the rules chose are in the store. What "
        f"is missing comes to {size(lost.bytes)}; each is named with its reason, and the ledger balances.{closed}"
    )
    return "warn", "!", f"{count(lost.objects, 'object')} could not be taken", sentence


def _figures(facts: Facts) -> Iterator[tuple[str, str, str]]:
    files = facts.taken.kinds.get("file")
    settings = sum(each.settings for each in facts.taken.shares.values())
    coming = [each for each in facts.found.people if each.comes]
    yield "Files stored", count(files.objects if files else 0), size(files.bytes if files else 0)
    yield "Settings stored", count(settings), "registry and INI"
    yield "People", count(len(coming)), f"of {count(len(facts.found.people), 'profile')}"
    yield "Not taken", count(facts.total.not_stored.objects), size(facts.total.not_stored.bytes)
    yield "Left out on purpose", count(facts.total.excluded.objects), "caches, programs, Windows"


def _figure(label: str, value: str, note: str) -> etree._Element:
    return h("div", h("dt", label), h("dd", value, h("small", note)))


def _sections(facts: Facts, whose: Whose) -> Iterator[etree._Element]:
    missed = facts.missed
    content: dict[str, Iterable[etree._Element]] = {
        "found": draw_found(facts.found),
        "taken": draw_taken(facts.taken, whose),
        "missed": [
            h("h3", "Chosen, and not taken"),
            *draw_losses(missed, whose),
            *draw_links(missed, whose),
            h("h3", "To be arranged again"),
            h("div", *draw_habits(facts.habits, facts.found.people, whose), class_="cards"),
            h("h3", "Left out on purpose"),
            *draw_exclusions(missed),
            draw_rules(facts.found),
        ],
        "restore": draw_restore(facts.places),
        "ledger": draw_ledger(facts, whose),
        "custody": draw_custody(facts),
    }
    for key, title in SECTIONS:
        yield h(
            "section",
            h("h2", title, id=f"{key}-title"),
            *content[key],
            id=key,
            aria_labelledby=f"{key}-title",
        )
