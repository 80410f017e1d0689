"""A plan in words, a line at a time: who is who, how much, which conflicts, what is not restored, how much room."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from extractor.restore.plan import needed
from extractor.restore.restoring import Restore
from extractor.restore.tasks import Deed
from extractor.store.failures import free_bytes, in_words
from extractor.store.opened import OpenStore
from extractor.store.place import CATALOG_DIRECTORY, FINAL

CONFLICTS = 40
"""Conflicts that are told one by one; the plan as JSON has all."""


def plan_lines(restore: Restore) -> Iterator[str]:
    """Yield the plan, for a person; texts are not yet printable."""
    wish = restore.wish
    yield f"{wish.target}: plan of a restore, laid out for {wish.layout.value}"
    if restore.run:
        yield "a restore that did not end is here: it goes on"
    for person in restore.people.persons:
        now = person.left_out or f"{person.account}, {person.profile}, {person.sid}"
        yield f"  {person.user.account}, {person.user.profile} -> {now}"
    for account in restore.people.accounts:
        state = "enabled" if wish.users.enable_accounts else "disabled"
        yield f"  to be made at the target, {state}: the local account {account}"
    for deed, (count, size) in by_deed(restore).items():
        yield f"  {deed.value}: {count} ({in_words(size)})"
    yield from _conflicts(restore)
    if not restore.ntfs:
        yield "no NTFS volume: access lists, attributes, short names and links stay in the store"
    yield registry_line(restore.store)
    size, _ = needed(restore.journal)
    free = free_bytes(_existing(wish.target))
    yield f"{in_words(size)} to be written, {'unknown' if free is None else in_words(free)} free"


def _conflicts(restore: Restore) -> Iterator[str]:
    found = restore.journal.tasks("conflict != ''", CONFLICTS + 1)
    for number, task in enumerate(found):
        if number == CONFLICTS:
            yield "  … and more; --json lists all"
            return
        yield f"  {task.deed.value}: {task.source} -> {'/'.join(task.target)}: {task.conflict}"


def by_deed(restore: Restore) -> dict[Deed, tuple[int, int]]:
    """Return deed -> objects and bytes."""
    sums: dict[Deed, tuple[int, int]] = {}
    for (deed, _), (count, size) in restore.journal.sums().items():
        before = sums.get(deed, (0, 0))
        sums[deed] = (before[0] + count, before[1] + size)
    return {deed: sums[deed] for deed in Deed if deed in sums}


def registry_line(store: OpenStore) -> str:
    """Return what is not restored by this version, and where it lies."""
    with store.catalog.translated():
        rows = store.catalog.connection.execute(
            "SELECT count(*) FROM objects WHERE outcome = 'stored' AND kind IN ('key', 'value')"
        )
        count = rows.fetchone()[0]
    documents = store.header.get("documents")
    names = [str(each) for each in documents or () if str(each).endswith(".reg")]
    where = f": {', '.join(names)} in {store.path / FINAL / CATALOG_DIRECTORY}" if names else ""
    return f"registry: {count} keys and values are not restored by this version{where}"


def _existing(path: Path) -> Path:
    return next(each for each in (path, *path.absolute().parents) if each.exists())
