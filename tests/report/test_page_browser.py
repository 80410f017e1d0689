"""A real browser looks at the page: it asks for nothing, complains of nothing, and everybody can read it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, ViewportSize

import sample_images
from extractor.cli.report import report_of
from tests.journeys.journey import scan
from tests.report.pages import chromium

WIDTHS = (1280, 390)
SCHEMES = ("light", "dark")
A4: ViewportSize = {"width": 688, "height": 1001}
"""What the margins leave of the paper."""
CONTRAST = """() => {
  const channel = c => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const light = c => 0.2126 * channel(c[0]) + 0.7152 * channel(c[1]) + 0.0722 * channel(c[2]);
  const colour = text => text.match(/[\\d.]+/g).map(Number);
  const ground = element => {
    for (let at = element; at; at = at.parentElement) {
      const found = colour(getComputedStyle(at).backgroundColor);
      if (found.length < 4 || found[3] > 0) return found;
    }
    return [255, 255, 255];
  };
  const faint = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const style = getComputedStyle(element);
    if (!walker.currentNode.data.trim() || style.display === "none" || element.closest("title, desc")) continue;
    const drawn = element.tagName === "text";
    const ink = colour(drawn ? style.fill : style.color);
    const below = drawn ? colour(getComputedStyle(element.parentElement.querySelector("rect")).fill) : ground(element);
    const [a, b] = [light(ink), light(below)].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) faint.push(`${walker.currentNode.data.trim().slice(0, 40)}: ${ratio.toFixed(2)}`);
  }
  return [...new Set(faint)];
}"""
FOCUS = """() => {
  const at = document.activeElement, style = getComputedStyle(at);
  return [at.tagName, at.getAttribute("href") || at.textContent.trim(), style.outlineStyle, style.outlineWidth];
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module", params=["apps", "hostile"])
def report(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the page about a sample disk."""
    store = tmp_path_factory.mktemp(request.param)
    assert scan(store, sample_images.unpack(request.param), "/c") in {0, 3}
    file = store / "report.html"
    file.write_text(report_of(store), "utf-8", newline="\n")
    return file


@pytest.fixture
def view(browser: Browser, report: Path) -> Iterator[Page]:
    """Return the page, opened at the width of a desk's screen."""
    opened = browser.new_page(viewport={"width": 1280, "height": 900})
    opened.goto(report.as_uri())
    yield opened
    opened.close()


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_it_asks_for_nothing_complains_of_nothing_and_fits_the_screen(
    browser: Browser, report: Path, width: int, scheme: Any
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    asked: list[str] = []
    heard: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: heard.append(message.text))
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.on("dialog", lambda dialog: heard.append(dialog.message))
    page.goto(report.as_uri())
    page.wait_for_timeout(200)
    assert asked == [report.as_uri()]
    assert heard == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(CONTRAST) == []
    picture = page.screenshot(full_page=True)
    assert picture.startswith(b"\x89PNG")
    assert len(picture) > 100_000
    page.close()


def test_the_style_sheet_is_let_in_by_the_policy(view: Page) -> None:
    assert view.evaluate("getComputedStyle(document.querySelector('.figures')).display") == "grid"


def test_the_page_works_where_scripts_are_forbidden(browser: Browser, report: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(report.as_uri())
    page.locator("summary").first.click()
    assert page.locator("details[open]").count() >= 1
    context.close()


def test_the_tab_key_reaches_every_link_and_fold_and_shows_where_it_is(view: Page) -> None:
    wanted = view.evaluate(
        "[...document.querySelectorAll('a, summary')].map(e => e.getAttribute('href') || e.textContent.trim())"
    )
    reached = []
    for _ in wanted:
        view.keyboard.press("Tab")
        tag, name, style, width = view.evaluate(FOCUS)
        assert tag in {"A", "SUMMARY"}
        assert style != "none", name
        assert width != "0px", name
        reached.append(name)
    assert reached == wanted
    assert reached[0] == "#main"


def test_a_fold_opens_with_the_keyboard(view: Page) -> None:
    fold = view.locator("details:not([open]) > summary").first
    fold.focus()
    before = view.locator("details[open]").count()
    view.keyboard.press("Enter")
    assert view.locator("details[open]").count() == before + 1


def test_the_first_link_skips_to_the_report(view: Page) -> None:
    view.keyboard.press("Tab")
    view.keyboard.press("Enter")
    assert view.evaluate("document.activeElement.id") == "main"


def test_every_link_leads_somewhere_on_the_page(view: Page) -> None:
    missing = "[...document.querySelectorAll('a')].filter(a => !document.querySelector(a.getAttribute('href'))).length"
    assert view.evaluate(missing) == 0


def test_headings_go_down_one_step_at_a_time(view: Page) -> None:
    levels = view.evaluate(
        "[...document.querySelectorAll('h1, h2, h3, h4')].map(e => +e.tagName[1])"
    )
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_tables_charts_and_parts_have_names(view: Page) -> None:
    nameless = """[
      ...[...document.querySelectorAll('table')].filter(e => !e.caption?.textContent.trim()),
      ...[...document.querySelectorAll('th')].filter(e => !e.scope),
      ...[...document.querySelectorAll('svg')].filter(e => e.getAttribute('aria-hidden') !== 'true'
         && !(e.getAttribute('role') === 'img' && e.querySelector(':scope > title')
         && e.querySelector(':scope > desc'))),
      ...[...document.querySelectorAll('[aria-labelledby]')].filter(e =>
         e.getAttribute('aria-labelledby').split(' ').some(id => !document.getElementById(id)?.textContent.trim())),
      ...[...document.querySelectorAll('nav')].filter(e => !e.getAttribute('aria-label')),
    ].map(e => e.outerHTML.slice(0, 120))"""
    assert view.evaluate(nameless) == []
    assert view.evaluate("document.documentElement.lang") == "en"
    assert view.title().startswith("Migration report: ")


def test_no_name_inside_the_page_is_used_twice(view: Page) -> None:
    names = view.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(names) == len(set(names))


def test_a_phone_reads_rows_as_blocks_that_are_still_a_table(
    browser: Browser, report: Path
) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.goto(report.as_uri())
    assert page.evaluate("getComputedStyle(document.querySelector('.data td')).display") == "flex"
    assert page.get_by_role("table", name="Volumes").get_by_role("columnheader").count() >= 4
    assert page.get_by_role("table", name="Volumes").get_by_role("rowheader").count() >= 1
    page.close()


def test_it_goes_on_paper_whole_folds_open_and_in_black_on_white(
    browser: Browser, report: Path
) -> None:
    page = browser.new_page(viewport=A4, color_scheme="dark")
    page.goto(report.as_uri())
    printed = page.pdf(prefer_css_page_size=True)
    assert printed.startswith(b"%PDF")
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) >= 3
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("getComputedStyle(document.querySelector('nav')).display") == "none"
    closed = "[...document.querySelectorAll('details:not([open]) > :not(summary)')].filter(e => !e.offsetHeight).length"
    assert page.evaluate(closed) == 0
    assert (
        page.evaluate("getComputedStyle(document.querySelector('.data td')).display")
        == "table-cell"
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= A4["width"]
    assert page.evaluate(CONTRAST) == []
    page.close()
