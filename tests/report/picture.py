"""The picture of the report in the README: ``python -m tests.report.picture OUT.png``.

Pages about two sample disks as a browser shows them: the beginning of one, charts of another, a part on a phone.
"""

from __future__ import annotations

import sys
import tempfile
from base64 import b64encode
from pathlib import Path

from playwright.sync_api import Browser

import sample_images
from extractor.cli.report import report_of
from tests.journeys.journey import scan
from tests.report.pages import chromium

DISK, WITH_CHARTS = "desk", "apps"
LARGEST = 300_000
"""Bytes that a picture in the README may have."""
SHEET = """<style>
body {{ margin: 0; background: #dfe5eb; display: flex; gap: 24px; padding: 24px; align-items: flex-start }}
img {{ display: block; height: 760px; border-radius: 10px; box-shadow: 0 6px 24px #12263a40 }}
</style>{}"""


def panels(browser: Browser, page: Path, with_charts: Path) -> list[bytes]:
    """Return pictures of a page's beginning, of charts, and of what will be missed, on a phone."""
    wide = browser.new_page(viewport={"width": 1100, "height": 1010})
    wide.goto(page.as_uri())
    found = [wide.screenshot()]
    wide.set_viewport_size({"width": 920, "height": 1010})
    wide.goto(with_charts.as_uri())
    wide.evaluate(
        "[...document.querySelectorAll('h3')].find(e => e.textContent.endsWith('folder')).scrollIntoView()"
    )
    found.append(wide.screenshot())
    phone = browser.new_page(viewport={"width": 390, "height": 844})
    phone.goto(page.as_uri())
    phone.evaluate("scrollTo(0, document.querySelector('#missed').offsetTop - 12)")
    return [*found, phone.screenshot()]


def written(folder: Path, disk: str) -> Path:
    """Return the page about a sample disk."""
    scan(folder / disk, sample_images.unpack(disk), "/c")
    page = folder / f"{disk}.html"
    page.write_text(report_of(folder / disk), "utf-8")
    return page


def draw(target: Path) -> int:
    """Write the picture; return its size in bytes."""
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        pages = (written(Path(folder), disk) for disk in (DISK, WITH_CHARTS))
        images = (
            f'<img src="data:image/png;base64,{b64encode(each).decode()}">'
            for each in panels(browser, *pages)
        )
        sheet = browser.new_page(viewport={"width": 1967, "height": 808})
        sheet.set_content(SHEET.format("".join(images)))
        sheet.screenshot(path=target, full_page=True)
    return target.stat().st_size


if __name__ == "__main__":
    size = draw(Path(sys.argv[1]))
    sys.exit(0 if size <= LARGEST else f"{size} bytes are more than {LARGEST}")
