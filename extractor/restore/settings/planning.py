r"""Stored keys and values, and people who are new -> tasks: which hive or INI file, which place, and who gives way.

A hive or INI file that anything changes is a task of its own, which writes it whole; what lies in it names that task as
its ``first``. What no object of the store asks for has the object 0: hives, the profile of a user who has never logged
on (ProfileList), an account, a membership.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from extractor.errors import SourceError
from extractor.model import RegistryValue, WinPath, printable
from extractor.restore.people.users import Person
from extractor.restore.rules.cleanup import IniRemoval, RegistryRemoval
from extractor.restore.rules.locations import Placed
from extractor.restore.settings.group_changes import GroupChange
from extractor.restore.settings.holders import Holder, NowhereError
from extractor.restore.settings.merging import THERE, Aim, Merging, spot_key
from extractor.restore.settings.new_user import profile_list
from extractor.restore.settings.values import SAME
from extractor.restore.tasks import WRITES, Deed, Spot, Task
from extractor.store.columns import StoredObject

ROOM_FOR_HIVE = 1 << 20
"""Bytes that a new hive may take beyond the one it replaces, or is made from."""
PROFILE, ACCOUNT, MEMBER = "profile", "account", "membership"
"""Kinds of tasks that no object of the store asks for."""


@dataclass(slots=True)
class SettingsPlanner:
    """A plan of settings in the making; ``number`` gives the next task's number, ``add`` keeps a task."""

    merging: Merging
    number: Callable[[], int]
    add: Callable[[Task], None]
    _holders: dict[Holder, int] = field(default_factory=dict)
    _sizes: dict[Holder, int] = field(default_factory=dict)
    _pending: dict[tuple[object, ...], RegistryValue] = field(default_factory=dict)

    def removal(self, removal: RegistryRemoval) -> None:
        """Keep what a clean-up takes out of a hive; what lies nowhere needs none."""
        path = removal.path
        try:
            holder, keys = self.merging.holders.of_key(path if removal.is_key else path.parent)
        except (NowhereError, SourceError) as error:
            self.merging.note(f"{removal.why}: {error}")
            return
        spot = Spot(keys, None if removal.is_key else path.name[1:-1])
        self.merging.remove(holder, spot)
        self._extra("clean-up", str(path), Deed.REMOVE, holder, spot, removal.why)

    def ini_removal(self, removal: IniRemoval, system: str) -> None:
        """Keep what a clean-up takes out of an INI file; ``system`` is the letter of the target's system drive."""
        drive, *names = (
            removal.place if removal.place[0].endswith(":") else (system, *removal.place)
        )
        path = WinPath(drive, tuple(names))
        try:
            holder = self.merging.holders.of_ini(path)
        except NowhereError:
            return
        shown = f"{path}|{removal.section}\\[{removal.name}]"
        spot = Spot((removal.section,), removal.name)
        self.merging.remove(holder, spot)
        self._extra("clean-up", shown, Deed.REMOVE, holder, spot, removal.why)

    def task(self, task: Task, found: StoredObject, placed: Placed) -> Task:
        """Return the task of a key or value, complete."""
        try:
            aim = self.merging.aim(found.record, placed)
            ruling = self.merging.ruled(
                found.record, aim, lambda spot: self._planned(aim.holder, spot)
            )
        except NowhereError as error:
            return replace(task, deed=Deed.SKIP, why=printable(str(error)))
        except SourceError as error:
            said = printable(str(error))
            return replace(task, deed=Deed.REFUSE, conflict=said, detail=said)
        same = ruling.conflict in {SAME, THERE}  # which is no conflict
        task = replace(
            task, deed=ruling.deed, spot=aim.spot, target=aim.holder.place,
            why=printable(": ".join(filter(None, (aim.why, ruling.conflict if same else "")))),
            conflict="" if same else printable(ruling.conflict),
            detail=printable(ruling.lost) if ruling.deed is Deed.REFUSE else "",
        )  # fmt: skip
        if ruling.deed not in WRITES:
            return task
        return self._written(task, aim, ruling.value)

    def _written(self, task: Task, aim: Aim, value: RegistryValue | None) -> Task:
        size = len(value.data) if value else 0
        if value:
            self._pending[spot_key(aim.holder, aim.spot)] = value
        self._sizes[aim.holder] = self._sizes.get(aim.holder, 0) + size
        return replace(task, first=self._holder(aim.holder))

    def _planned(self, holder: Holder, spot: Spot) -> RegistryValue | None:
        return self._pending.get(spot_key(holder, spot))

    def person(self, person: Person) -> None:
        """Keep what a user needs whom the target does not know; raise NowhereError, SourceError."""
        if person.to_make:
            sam = self.merging.holders.machine("HKLM\\SAM")
            self._extra(ACCOUNT, person.account, Deed.MAKE, sam, Spot((person.name,)), "/lac")
        self._holder(self.merging.holders.user(person))
        keys, _ = profile_list(person.sid, person.profile)
        holder = self.merging.holders.machine("HKLM\\SOFTWARE")
        self._extra(
            PROFILE,
            person.account,
            Deed.MAKE,
            holder,
            Spot(keys),
            "the target has no profile of this user",
        )

    def membership(self, change: GroupChange) -> None:
        """Keep that an account joins or leaves a local group; raise NowhereError."""
        sam = self.merging.holders.machine("HKLM\\SAM")
        deed = Deed.MAKE if change.add else Deed.REMOVE
        self._extra(MEMBER, change.sid, deed, sam, Spot((change.group,), change.sid), change.why)

    def finish(self) -> None:
        """Keep the tasks of all hives and INI files that something changes."""
        for holder, number in self._holders.items():
            deed = Deed.REPLACE if holder.is_there else Deed.MAKE
            size = self._sizes.get(holder, 0) + (ROOM_FOR_HIVE if holder.kind == "hive" else 0)
            self.add(Task(number, 0, holder.kind, holder.shown, holder.place, deed, size=size))

    def _extra(
        self, kind: str, source: str, deed: Deed, holder: Holder, spot: Spot, why: str
    ) -> None:
        first = self._holder(holder)
        number = self.number()
        self.add(
            Task(
                number, 0, kind, printable(source), holder.place, deed, printable(why), first=first, spot=spot
            )
        )  # fmt: skip

    def _holder(self, holder: Holder) -> int:
        """Return the number of the task that writes a hive or INI file."""
        known = self._holders.get(holder)
        if known is None:
            known = self._holders[holder] = self.number()
        return known
