"""A plan in words, a line at a time: who is who, how much, which conflicts, what is not restored, how much room."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from extractor.restore.mapping import Wish
from extractor.restore.people.users import Person
from extractor.restore.plan import needed
from extractor.restore.restoring import Restore
from extractor.restore.tasks import Deed
from extractor.store.failures import free_bytes, in_words
from extractor.store.opened import OpenStore
from extractor.store.place import CATALOG_DIRECTORY, FINAL

CONFLICTS = 40
"""Conflicts that are told one by one; the plan as JSON has all."""
KINDS = {
    "files and folders": "object != 0 AND kind IN ('file', 'directory', 'link')",
    "clean-up": "object = 0 AND kind = 'clean-up'",
    "new profiles": "object = 0 AND kind IN ('default profile', 'profile', 'account')",
    "memberships": "object = 0 AND kind = 'membership'",
    "settings": "object != 0 AND kind IN ('key', 'value')",
    "hives and INI files": "object = 0 AND kind IN ('hive', 'ini')",
}
"""What a plan is made of -> SQL for its tasks."""


def plan_lines(restore: Restore) -> Iterator[str]:
    """Yield the plan, for a person; texts are not yet printable."""
    wish, target = restore.wish, restore.target
    yield f"{target.shown}: plan of a restore, laid out for {wish.layout.value}"
    if restore.run:
        yield "a restore that did not end is here: it goes on"
    if target.install:
        about = target.install.candidate
        letters = ", ".join(sorted(target.letters))
        yield f"the Windows there: {about.product}, build {about.build}, {about.computer}, drives {letters}"
    for person in restore.people.persons:
        yield f"  {person.user.account}, {person.user.profile} -> {_now(person, wish)}"
    for what, where in KINDS.items():
        for deed, (count, size) in by_deed(restore, where).items():
            yield f"  {what}: {deed.value} {count} ({in_words(size)})"
    yield from _conflicts(restore)
    if not restore.ntfs:
        yield "no NTFS volume: access lists, attributes, short names and links stay in the store"
    if not target.install:
        yield registry_line(restore.store)
    size, _ = needed(restore.journal)
    free = free_bytes(_existing(target.root))
    yield f"{in_words(size)} to be written, {'unknown' if free is None else in_words(free)} free"


def _now(person: Person, wish: Wish) -> str:
    if person.left_out:
        return f"left out: {person.left_out}"
    state = "enabled" if wish.users.enable_accounts else "disabled"
    made = f", a new account, {state}" if person.to_make else ""
    new = ", a new profile" if person.is_new else ""
    return f"{person.account}, {person.profile}, {person.sid}{made}{new}"


def _conflicts(restore: Restore) -> Iterator[str]:
    found = restore.journal.tasks("conflict != ''", CONFLICTS + 1)
    for number, task in enumerate(found):
        if number == CONFLICTS:
            yield "  … and more; --json lists all"
            return
        yield f"  {task.deed.value}: {task.source} -> {'/'.join(task.target)}: {task.conflict}"


def by_deed(restore: Restore, where: str = "1") -> dict[Deed, tuple[int, int]]:
    """Return deed -> tasks and bytes, of the tasks that ``where`` (SQL) speaks of."""
    sums: dict[Deed, tuple[int, int]] = {}
    for (deed, _), (count, size) in restore.journal.sums(where).items():
        before = sums.get(deed, (0, 0))
        sums[deed] = (before[0] + count, before[1] + size)
    return {deed: sums[deed] for deed in Deed if deed in sums}


def registry_line(store: OpenStore) -> str:
    """Return how many settings a folder has no place for, and where they lie."""
    with store.catalog.translated():
        rows = store.catalog.connection.execute(
            "SELECT count(*) FROM objects WHERE outcome = 'stored' AND kind IN ('key', 'value')"
        )
        count = rows.fetchone()[0]
    documents = store.header.get("documents")
    names = [str(each) for each in documents or () if str(each).endswith(".reg")]
    where = f": {', '.join(names)} in {store.path / FINAL / CATALOG_DIRECTORY}" if names else ""
    return f"settings: {count} keys and values have no place in a folder{where}"


def _existing(path: Path) -> Path:
    return next(each for each in (path, *path.absolute().parents) if each.exists())
