"""Planned settings -> hives and INI files, each written anew beside the old one, which is then moved aside.

A hive is never changed in place: it is read whole, with its logs replayed, and written whole; its logs go aside with
it, or Windows would replay them into the new one. All settings of a file end when it has its name, and not before.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from extractor.errors import CorruptStoreError, SourceError, UnsupportedError
from extractor.model import RegistryValue, printable
from extractor.registry.copying import carry_marks, whole_keys
from extractor.registry.descriptor import of_user
from extractor.registry.regf_writer import write_hive
from extractor.restore.host import NOBODY, Host, Traits
from extractor.restore.journal import Journal
from extractor.restore.people.users import People
from extractor.restore.settings.changes import Changes, merged, rewritten
from extractor.restore.settings.holders import Holder, NowhereError
from extractor.restore.settings.merging import Aim, Merging, spot_key
from extractor.restore.settings.new_user import classes_keys, new_user_keys, profile_list
from extractor.restore.settings.planning import ACCOUNT, MEMBER, PROFILE
from extractor.restore.settings.sam_accounts import add_account
from extractor.restore.settings.sam_draft import SamDraft
from extractor.restore.settings.sam_groups import add_to_group, remove_from_group
from extractor.restore.steps import Steps
from extractor.restore.tasks import SETTLED, WRITES, Deed, End, Spot, Task
from extractor.restore.write import THE_END, FailedError
from extractor.store.columns import StoredObject
from extractor.store.listing import objects_of
from extractor.store.opened import OpenStore
from extractor.store.tree import Parts, Tree

BATCH = 500


@dataclass(slots=True)
class SettingsWriter:
    """Writes the hives and INI files of a plan; ``now`` is a FILETIME."""

    store: OpenStore
    tree: Tree
    journal: Journal
    steps: Steps
    host: Host
    merging: Merging
    people: People
    now: int
    enable: bool = False
    """Accounts that are made are enabled (``/lae``)."""
    observer: Callable[[Task, End], None] = lambda _task, _end: None
    _pending: dict[tuple[object, ...], RegistryValue] = field(default_factory=dict)
    _sam: SamDraft | None = None
    _ends: dict[int, tuple[End, str]] = field(default_factory=dict)
    """Settings of the file at hand that end otherwise than it."""

    def work(self) -> None:
        """Write every file that is still open; raise OSError when nothing can be written any more."""
        for task in list(self.journal.tasks("kind IN ('hive', 'ini') AND state = 'open'")):
            self._write(task)

    def _write(self, task: Task) -> None:
        self.journal.end(task.id, End.BEGUN)
        self._pending.clear()
        self._ends.clear()
        self._sam = None
        try:
            lost = self._rewrite(task, self.merging.holders.named(task.kind, task.source))
        except (SourceError, FailedError, CorruptStoreError, NowhereError, ValueError) as error:
            self._failed(task, printable(str(error)))
        except OSError as error:
            if error.errno in THE_END:
                raise
            self._failed(task, f"cannot be written: {error.strerror or error}")
        else:
            self._done(task, "; ".join(lost))

    def _failed(self, task: Task, why: str) -> None:
        self.steps.undo(self.journal.steps(task.id))
        self.journal.end_all(task.id, End.FAILED, why)
        self.journal.end(task.id, End.FAILED, why)
        self.observer(task, End.FAILED)

    def _done(self, task: Task, lost: str) -> None:
        for number, (end, detail) in self._ends.items():
            self.journal.end(number, end, printable(detail))
        self.journal.end_all(task.id, End.RESTORED)
        self.journal.end(task.id, End.RESTORED, lost)
        self.journal.commit()
        self.observer(task, End.RESTORED)

    def _rewrite(self, task: Task, holder: Holder) -> list[str]:
        """Write a hive or INI file; return what of its metadata could not be kept."""
        temporary = self.steps.temporary(task.id, holder.place)
        if holder.kind == "ini":
            content = self._ini(task, holder)
            lost = self._make(temporary, holder, lambda file: file.write(content))
        else:
            changes = self._changes(task, holder)
            lost = self._make(temporary, holder, lambda file: self._hive(holder, changes, file))
        if not holder.is_there:
            self.steps.put(task.id, temporary, holder.place)
            return lost
        logs = self.merging.holders.logs(holder.place) if holder.kind == "hive" else []
        self.steps.swap(task.id, temporary, holder.place)
        for number, place in enumerate(logs, 1):
            self.steps.aside(task.id, place, number)
        return lost

    def _make(self, place: Parts, holder: Holder, fill: Callable[[BinaryIO], object]) -> list[str]:
        """Write a new file with the metadata of the one it stands for, or of a hive of its user."""
        with os.fdopen(self.tree.create(place), "w+b") as file:
            fill(file)
            file.flush()
            there = self._traits(holder.place) if holder.is_there else NOBODY
            owner = holder.person.sid if holder.person and not holder.is_there else ""
            lost = self.host.dress_settings(file.fileno(), there, owner)
            os.fsync(file.fileno())
        return lost

    def _traits(self, place: Parts) -> Traits:
        file = self.tree.open(place)
        try:
            return self.host.traits(file)
        finally:
            os.close(file)

    # --- hives ------------------------------------------------------------------------------------

    def _hive(self, holder: Holder, changes: Changes, file: BinaryIO) -> None:
        holders = self.merging.holders
        if holder.is_there:
            rewritten(holders.content(holder.place), holder.shown, changes, self.now, file)
            return
        if holder.person is None:
            raise NowhereError(f"the target has no hive {holder.shown}")
        sid, name = holder.person.sid, "\\".join(holder.place)
        is_profile = holder == holders.user(holder.person)
        default = holders.content(holders.template()) if is_profile else b""
        keys = new_user_keys(whole_keys(default, name), sid) if is_profile else classes_keys(sid)
        try:
            write_hive(file, merged(keys, changes, self.now), security=of_user(sid), name=name)
        except OverflowError as error:
            raise UnsupportedError(f"{name}: {error}") from error
        if is_profile:
            carry_marks(default, file, name, changes.is_kept)

    def _changes(self, task: Task, holder: Holder) -> Changes:
        changes = Changes()
        for each, found in self._settings(task):
            if each.spot is None:
                continue
            if found is None:
                self._extra(changes, holder, each, each.spot)
                continue
            value = self._decided(each, found, Aim(holder, each.spot))
            if each.id not in self._ends or self._ends[each.id][0] is End.RESTORED:
                self._change(changes, each.id, each.spot.keys, value)
        if self._sam:
            self._sam.write_into(changes)
        return changes

    def _change(
        self, changes: Changes, task: int, keys: tuple[str, ...], value: RegistryValue | None
    ) -> None:
        """Let a key be there, or hold a value; what no hive can hold fails alone, and the others come."""
        try:
            if value is None:
                changes.make(keys)
            else:
                changes.put(keys, value)
        except UnsupportedError as error:
            self._ends[task] = (End.FAILED, str(error))

    def _settings(self, task: Task) -> Iterator[tuple[Task, StoredObject | None]]:
        """Yield what is to be written into a file, each with its object; None for what has none."""
        last = 0
        where = f"first = {task.id} AND state = 'open' AND spot != ''"
        while batch := list(self.journal.tasks(f"{where} AND id > {last}", BATCH)):
            found = {
                each.id: each
                for each in objects_of(self.store, [t.object for t in batch if t.object])
            }
            for each in batch:
                if each.object and each.object not in found:
                    self._ends[each.id] = (End.FAILED, "the catalog has no such object any more")
                else:
                    yield each, found.get(each.object)
            last = batch[-1].id

    def _decided(self, task: Task, found: StoredObject, aim: Aim) -> RegistryValue | None:
        """Return the value to be written, None for a key and for what ends otherwise."""
        pending = self._pending.get
        ruling = self.merging.ruled(
            found.record, aim, lambda spot: pending(spot_key(aim.holder, spot))
        )
        if ruling.deed not in WRITES:
            end = SETTLED[ruling.deed]
            said = ruling.conflict if end is End.FAILED else ""
            self._ends[task.id] = (end, ruling.lost or said)
        elif ruling.lost:
            self._ends[task.id] = (End.RESTORED, ruling.lost)
        if ruling.value:
            self._pending[spot_key(aim.holder, aim.spot)] = ruling.value
        return ruling.value

    def _extra(self, changes: Changes, holder: Holder, task: Task, spot: Spot) -> None:
        """Change what no object of the store asks for; raise SourceError."""
        if task.kind == PROFILE:
            person = next((each for each in self.people.persons if each.sid == spot.keys[-1]), None)
            if person is None:
                raise FailedError(f"nobody of the store is {spot.keys[-1]} at the target")
            for value in profile_list(person.sid, person.profile)[1]:
                changes.put(spot.keys, value)
        elif task.kind in {ACCOUNT, MEMBER}:
            self._account(self._draft(holder), task, spot)
        else:
            self.merging.remove(holder, spot)
            if spot.value is None:
                changes.remove_key(spot.keys)
            else:
                changes.remove_value(spot.keys, spot.value)

    def _draft(self, holder: Holder) -> SamDraft:
        """Return the SAM that is being changed."""
        if self._sam is None:
            self._sam = SamDraft(self.merging.holders.open(holder))
        return self._sam

    def _account(self, sam: SamDraft, task: Task, spot: Spot) -> None:
        """Make an account or a membership; one that cannot be made is said, and the others are."""
        try:
            if task.kind == ACCOUNT:
                add_account(sam, spot.keys[-1], enabled=self.enable, now=self.now)
            elif task.deed is Deed.REMOVE:
                remove_from_group(sam, spot.keys[0], spot.value or "")
            else:
                add_to_group(sam, spot.keys[0], spot.value or "")
        except SourceError as error:
            self._ends[task.id] = (End.FAILED, str(error))

    # --- INI files --------------------------------------------------------------------------------

    def _ini(self, task: Task, holder: Holder) -> bytes:
        ini = self.merging.ini_file(holder)
        for each, found in self._settings(task):
            if each.spot is None or each.spot.value is None:
                continue
            if found is None:
                ini.remove(each.spot.keys[0], each.spot.value)
                continue
            value = self._decided(each, found, Aim(holder, each.spot))
            try:
                if value:
                    ini.put(each.spot.keys[0], each.spot.value, value.text)
            except SourceError as error:  # no INI file can hold it; the others come
                self._ends[each.id] = (End.FAILED, str(error))
        return ini.content
