"""The whole of a restore: target refused or not, plan, room, work, resume, and sums that balance."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

from extractor.errors import LedgerError
from extractor.filetime import to_filetime
from extractor.restore.apply import Applier
from extractor.restore.host import Host
from extractor.restore.journal import Journal, journal_of_plan
from extractor.restore.mapping import Mapped, Wish, letters_of, map_all
from extractor.restore.people.default_profile import Profile, profiles_of
from extractor.restore.people.users import People
from extractor.restore.plan import Planner, rooms
from extractor.restore.rules.asked import not_done
from extractor.restore.rules.cleanup import undone_filters
from extractor.restore.rules.locations import Locations
from extractor.restore.runs import DONE, Run, left_run, looking, new_run
from extractor.restore.settings.moves import merging_of
from extractor.restore.settings.writing import SettingsWriter
from extractor.restore.steps import Steps
from extractor.restore.target.place import Target
from extractor.restore.tasks import End, Task
from extractor.restore.view import InTheWayError, View
from extractor.store.opened import OpenStore
from extractor.store.tree import Tree

ENDS = (End.RESTORED, End.KEPT, End.SKIPPED, End.FAILED)
LOST = 3
"""Exit code when something asked for was not restored, or not whole."""


@dataclass(slots=True)
class Restore:
    """A restore with its plan made; ``run`` is the one that an earlier call left, None for a new one."""

    store: OpenStore
    target: Target
    wish: Wish
    journal: Journal
    mapped: Mapped
    run: Run | None = None
    ntfs: bool = False
    """Whether the target holds all that NTFS has."""

    @property
    def locations(self) -> Locations:
        """What decides about places."""
        return self.mapped.locations

    @property
    def people(self) -> People:
        """Who is who."""
        return self.locations.people

    @property
    def notes(self) -> list[str]:
        """What there is to say of users and rules that cannot be followed."""
        asked = self.locations.asked
        return [
            *self.target.notes,
            *self.people.notes,
            *asked.notes,
            *undone_filters(asked),
            *not_done(asked, self.locations.settled),
            *self.mapped.processing.notes,
        ]

    def apply(self, observer: Callable[[Task, End], None]) -> int:
        """Do what the plan says; return 0, or 3 when something was not restored, or not whole.

        Raises StoreError (72), before anything is written, when there is no room; LedgerError when the sums do not
        balance.
        """
        self.target.refuse_lack_of_room(rooms(self.journal))
        if self.run is None:
            self.run = new_run(self.target, self.journal)
            self.journal.close()
            self.journal = self.run.journal
        run = self.run
        self._applier(run, observer).work()
        counts = self.ledger()
        run.journal.tell({"state": DONE})
        run.journal.commit()
        partly = next(
            run.journal.tasks("state IN ('restored', 'failed') AND detail != ''", 1), None
        )
        return LOST if counts[End.FAILED] or partly else 0

    def _applier(self, run: Run, observer: Callable[[Task, End], None]) -> Applier:
        steps = Steps(run.tree, run.journal, run.aside)
        host = Host(run.tree.root)
        return Applier(
            self.store, self.target, run, steps, self.locations, host, observer=observer,
            settings=lambda: self._settings(run, steps, host, observer), profiles=self._profiles(run),
            emptyings=self.mapped.processing.emptyings,
        )  # fmt: skip

    def _profiles(self, run: Run) -> tuple[Profile, ...]:
        install = self.target.install
        if install is None:
            return ()
        view = View(run.tree)
        found: list[Profile] = []
        for person in self.people.persons:
            with suppress(
                InTheWayError, OSError
            ):  # then nothing can be begun there, and its tasks say so
                found += profiles_of([person], install.default_profile, view, self.mapped.places)
        return tuple(found)

    def _settings(
        self, run: Run, steps: Steps, host: Host, observer: Callable[[Task, End], None]
    ) -> SettingsWriter | None:
        """Return what writes hives, looking at the target as it is now; None where it has none."""
        install = self.target.install
        if install is None:
            return None
        merging = merging_of(
            run.tree,
            View(run.tree),
            self.mapped.places,
            install,
            self.locations,
            letters_of(self.store),
        )
        now = to_filetime(datetime.now(UTC))
        enable = self.wish.users.enable_accounts
        return SettingsWriter(
            self.store,
            run.tree,
            run.journal,
            steps,
            host,
            merging,
            self.people,
            now,
            enable,
            observer,
        )

    def ledger(self) -> dict[End, int]:
        """Return how many objects ended how; raise LedgerError when one did not."""
        found = self.journal.ends()
        counts = {end: found.get(end, 0) for end in ENDS}
        asked = self.journal.told("asked")
        if asked != sum(counts.values()) or set(found) - set(ENDS):
            told = {end.value: count for end, count in found.items()}
            raise LedgerError(f"{asked} objects asked for, {told}: the restore does not balance")
        return counts

    def close(self) -> None:
        """Let go of journal and target."""
        self.journal.close()
        if self.run:
            self.run.close()


@contextmanager
def planned(
    store: OpenStore, target: Target, wish: Wish, *, dry: bool = False
) -> Iterator[Restore]:
    """Yield a restore with its plan: that of a run which did not end, unless it is ``dry``, or a new one.

    Nothing is written yet. Raises UsageError (11) for an unfinished run with other words, or where an image of the
    evidence is in the way; StoreLocationError (27) for a target that cannot be used.
    """
    facts = {"store": _identity(store), "words": wish.words}
    with ExitStack() as stack:
        run = None if dry else left_run(target, facts)
        if run:
            stack.callback(run.close)
        tree = run.tree if run else stack.enter_context(looking(target))
        mapped = map_all(store, target, wish, tree)
        journal = run.journal if run else journal_of_plan(target.root)
        restore = Restore(store, target, wish, journal, mapped, run, Host(tree.root).ntfs)
        stack.callback(restore.close)
        if run is None:
            asked = _plan(restore, tree)
            restore.journal.tell({**facts, "asked": asked})
            restore.journal.commit()
        yield restore


def _plan(restore: Restore, tree: Tree) -> int:
    """Make the plan; return how many objects it is of."""
    planner = Planner(
        restore.store, tree, restore.journal, restore.locations, restore.mapped.places, restore.wish.layout,
        restore.ntfs, restore.target.evidence, restore.target.install, letters_of(restore.store), restore.mapped.config,
    )  # fmt: skip
    return planner.run()


def _identity(store: OpenStore) -> str:
    return sha256("".join(store.catalog.book()).encode()).hexdigest()
