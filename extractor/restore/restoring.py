"""The whole of a restore: target refused or not, plan, room, work, resume, and sums that balance."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from extractor.errors import LedgerError
from extractor.model import WinPath
from extractor.restore.apply import Applier
from extractor.restore.asked import Asked, not_done, read_instructions
from extractor.restore.cleanup import undone_filters
from extractor.restore.evidence import refuse_lack_of_room, refuse_target
from extractor.restore.folders import known_folders
from extractor.restore.host import Host
from extractor.restore.journal import Journal, journal_of_plan
from extractor.restore.layout import Layout, Places
from extractor.restore.locations import Locations
from extractor.restore.plan import Planner, needed
from extractor.restore.runs import DONE, Run, left_run, looking, new_run
from extractor.restore.steps import Steps
from extractor.restore.tasks import Deed, End, Task
from extractor.restore.users import People, map_users
from extractor.restore.words import UserWords, of_config
from extractor.store.opened import OpenStore

ENDS = (End.RESTORED, End.KEPT, End.SKIPPED, End.FAILED)
LOST = 3
"""Exit code when something asked for was not restored, or not whole."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked of a restore besides the store."""

    target: Path
    layout: Layout = Layout.WINDOWS
    users: UserWords = field(default_factory=UserWords)
    drives: Mapping[str, WinPath] = field(default_factory=dict)

    @property
    def words(self) -> str:
        """All of it as one text: a run goes on only with the same."""
        return repr((self.layout.value, self.users, sorted(self.drives.items())))


@dataclass(slots=True)
class Restore:
    """A restore with its plan made; ``run`` is the one that an earlier call left, None for a new one."""

    store: OpenStore
    wish: Wish
    journal: Journal
    locations: Locations
    run: Run | None = None
    ntfs: bool = False
    """Whether the target holds all that NTFS has."""

    @property
    def people(self) -> People:
        """Who is who."""
        return self.locations.people

    @property
    def notes(self) -> list[str]:
        """What there is to say of users and rules that cannot be followed."""
        asked = self.locations.asked
        return [*self.people.notes, *asked.notes, *undone_filters(asked), *not_done(asked)]

    def apply(self, observer: Callable[[Task, End], None]) -> int:
        """Do what the plan says; return 0, or 3 when something was not restored, or not whole.

        Raises StoreError (72), before anything is written, when there is no room; LedgerError when the sums do not
        balance.
        """
        refuse_lack_of_room(self.wish.target, *needed(self.journal))
        if self.run is None:
            self.run = new_run(self.wish.target, self.journal)
            self.journal.close()
            self.journal = self.run.journal
        run = self.run
        steps = Steps(run.tree, run.journal, run.aside)
        host = Host(run.tree.root)
        target = self.wish.target
        Applier(self.store, target, run, steps, self.locations, host, observer).work()
        counts = self.ledger()
        run.journal.tell({"state": DONE})
        run.journal.commit()
        partly = next(run.journal.tasks("state = 'restored' AND detail != ''", 1), None)
        return LOST if counts[End.FAILED] or partly else 0

    def ledger(self) -> dict[End, int]:
        """Return how many objects ended how; raise LedgerError when one did not."""
        counts = dict.fromkeys(ENDS, 0)
        for (deed, end), (count, _) in self.journal.sums().items():
            if deed is not Deed.REMOVE:
                counts[end] = counts.get(end, 0) + count
        asked = self.journal.told("asked")
        if asked != sum(counts[end] for end in ENDS):
            told = {end.value: count for end, count in counts.items()}
            raise LedgerError(f"{asked} objects asked for, {told}: the restore does not balance")
        return counts

    def close(self) -> None:
        """Let go of journal and target."""
        self.journal.close()
        if self.run:
            self.run.close()


@contextmanager
def planned(store: OpenStore, wish: Wish, *, dry: bool = False) -> Iterator[Restore]:
    """Yield a restore with its plan: that of a run which did not end, unless it is ``dry``, or a new one.

    Nothing is written yet. Raises UsageError (11) for a target that may not be written, or an unfinished run with other
    words; StoreLocationError (27) for one that cannot be used.
    """
    evidence = refuse_target(wish.target, store.path, store.header)
    asked = Asked(read_instructions(store.catalog))
    people = map_users(store.header, _with_config(wish.users, asked))
    folders = known_folders(store, people)
    known = {sid: list(each.values()) for sid, each in folders.items()}
    locations = Locations(people, asked, wish.drives, _system(store), known)
    facts = {"store": _identity(store), "words": wish.words}
    run = None if dry else left_run(wish.target, facts)
    restore = Restore(store, wish, run.journal if run else journal_of_plan(wish.target), locations, run)  # fmt: skip
    try:
        if run is None:
            with looking(wish.target) as tree:
                places = Places(wish.layout, people, locations, folders)
                restore.ntfs = Host(tree.root).ntfs
                planner = Planner(
                    store,
                    tree,
                    restore.journal,
                    locations,
                    places,
                    wish.layout,
                    restore.ntfs,
                    evidence,
                )
                restore.journal.tell({**facts, "asked": planner.run()})
                restore.journal.commit()
        else:
            restore.ntfs = Host(run.tree.root).ntfs
        yield restore
    finally:
        restore.close()


def _with_config(given: UserWords, asked: Asked) -> UserWords:
    """Add what a Config.xml of the scan says of users, after the words of the command line."""
    renamings, movings, notes = of_config(asked.instructions)
    asked.notes += notes
    return UserWords(
        (*given.renamings, *renamings), (*given.movings, *movings),
        given.create_accounts, given.enable_accounts, given.include, given.exclude,
    )  # fmt: skip


def _identity(store: OpenStore) -> str:
    return sha256("".join(store.catalog.book()).encode()).hexdigest()


def _system(store: OpenStore) -> str:
    windows = store.header.get("windows")
    path = windows.get("path") if isinstance(windows, dict) else ""
    return WinPath.parse(str(path)).drive or "C:"
