"""A catalog in memory -> the facts and the page about it; a real browser that looks at a page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lxml import etree, html
from playwright.sync_api import Browser, sync_playwright

from extractor.model import (
    Metadata,
    ObjectKind,
    OutcomeKind,
    Record,
    RegistryValue,
    Reparse,
    StreamInfo,
    Times,
    WinPath,
)
from extractor.report.ledger import Ledger
from extractor.report.page import Facts, gather_facts, page_of
from extractor.store.catalog import create_catalog
from tests.conftest import need_tool

BOB = "S-1-5-21-1-2-3-1001"
ANNA = "S-1-5-21-1-2-3-1002"
STORED, EXCLUDED, NOT_STORED = OutcomeKind.STORED, OutcomeKind.EXCLUDED, OutcomeKind.NOT_STORED
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


def row(
    path: str,
    outcome: OutcomeKind = STORED,
    *,
    kind: ObjectKind = ObjectKind.FILE,
    user: str = BOB,
    size: int = 10,
    target: str = "",
    **more: Any,
) -> Record:
    """Return a row of a catalog."""
    metadata = None
    if target:
        reparse = Reparse(0xA0000003, b"", target)
        metadata = Metadata(0, Times(), Times(), (StreamInfo("", size),), reparse=reparse)
    drive, *parts = path.split("\\")
    return Record(
        kind, WinPath(drive, tuple(parts)), "v", user, outcome, size=size, metadata=metadata, **more
    )


def value(key: str, name: str, data: bytes | str, user: str = BOB) -> Record:
    """Return the row of a registry value of a user."""
    raw = data.encode("utf-16-le") + b"\0\0" if isinstance(data, str) else data
    root = f"HKU\\{user}" if user else "HKLM"
    kept = RegistryValue(name, 1, raw, "live")
    return row(
        f"{root}\\{key}\\[{name}]", kind=ObjectKind.VALUE, user=user, size=len(raw), value=kept
    )


def person(name: str = "bob", sid: str = BOB, **more: Any) -> dict[str, Any]:
    """Return a user as the manifest's header has one."""
    plain = {
        "sid": sid,
        "name": name,
        "domain": "PC",
        "profile": f"C:\\Users\\{name}",
        "state": "ok",
    }
    return {**plain, "selected": True, "switch": "", "last_used": {}, "groups": [], **more}


class FakeBook:
    """A catalog in memory, with the ends of its manifest."""

    def __init__(
        self,
        records: Iterable[Record],
        header: Mapping[str, Any] | None = None,
        trailer: Mapping[str, Any] | None = None,
        path: Path = Path("/nowhere"),
    ) -> None:
        self.path = path
        self._catalog = create_catalog(":memory:", path)
        ledger = Ledger()
        for record in records:
            self._catalog.add(record, {})
            ledger.seen(record.user, 1, record.bytes)
            ledger.ended(record)
        self._catalog.settle()
        self.header: Mapping[str, Any] = header or {"users": [person(), person("anna", ANNA)]}
        self.trailer: Mapping[str, Any] = trailer or {"totals": ledger.totals(), "objects": 1}

    def rows(self, sql: str, *parameters: object) -> Iterator[Sequence[Any]]:
        return iter(self._catalog.connection.execute(sql, parameters).fetchall())


def facts(*records: Record, **ends: Any) -> Facts:
    """Return the facts of a store that holds these rows."""
    return gather_facts(FakeBook(records, **ends))


def page(*records: Record, **ends: Any) -> str:
    """Return the page of a store that holds these rows."""
    return page_of(facts(*records, **ends))


def tree_of(text: str) -> etree._Element:
    """Return a page as a browser's parser would, not as ours built it."""
    return html.document_fromstring(text)


def said(text: str) -> str:
    """Return what a page says, its whitespace made plain."""
    body = tree_of(text).find("body")
    assert body is not None
    return " ".join("".join(map(str, body.itertext())).split())


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start a headless Chromium that talks to nobody."""
    need_tool("chromium")
    with sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path="/usr/bin/chromium", args=list(QUIET))
        yield browser
        browser.close()
