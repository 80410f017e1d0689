r"""A stored key or value, and the target -> the hive or INI file and the place in it, and what becomes of it there.

The plan asks so, and the work asks again: both decide alike, the work by what lies there then. Where a value goes is
what ``Locations`` says of it; paths of the old machine in its data become those of the new one before any rule sees it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from extractor.model import ObjectKind, Record, RegistryValue, WinPath, upcase
from extractor.registry.casing import registry_upcase
from extractor.registry.key import LINK
from extractor.restore.rules.asked import Asked, Subject, subject_of
from extractor.restore.rules.locations import Locations, Placed
from extractor.restore.settings.holders import Holder, Holders, NowhereError
from extractor.restore.settings.ini import IniFile, ini_value
from extractor.restore.settings.relocate import Relocations
from extractor.restore.settings.values import Ruling, ruled
from extractor.restore.tasks import Deed, Spot
from extractor.rules.model import Call

THERE = "the key is there already"
LARGEST_INI = 4 << 20
"""Bytes of an INI file that is changed."""

Pending = Callable[[Spot], RegistryValue | None]
"""A place -> the value that is to be written there already, None without one."""


@dataclass(frozen=True, slots=True)
class Aim:
    """Where a key or value goes."""

    holder: Holder
    spot: Spot
    why: str = ""


class Merging:
    """What decides about settings, for one target."""

    def __init__(self, holders: Holders, locations: Locations, relocations: Relocations) -> None:
        self.holders = holders
        self._locations = locations
        self._relocations = relocations
        self._ini: tuple[Holder, IniFile] | None = None
        self._gone: set[tuple[object, ...]] = set()
        """Keys, with all below them, and values that a clean-up takes before anything comes."""

    @property
    def _asked(self) -> Asked:
        return self._locations.asked

    def note(self, text: str) -> None:
        """Remember something that cannot be followed."""
        self._asked.note(text)

    def aim(self, record: Record, placed: Placed) -> Aim:
        """Return the file and the place in it of a key or value; raise NowhereError, SourceError."""
        if placed.skip:
            raise NowhereError(f"{placed.why}: {placed.skip}")
        path = placed.path
        if record.kind is ObjectKind.KEY:
            holder, keys = self.holders.of_key(path)
            return Aim(holder, Spot(keys), placed.why)
        name = path.name[1:-1]
        if path.drive in {"HKLM", "HKU"}:
            is_link = record.value is not None and record.value.type == LINK
            holders = self.holders
            holder, keys = (holders.of_key if is_link else holders.of_value)(path.parent)
            return Aim(holder, Spot(keys, name), placed.why)
        file, bar, section = path.parent.name.partition("|")
        if not bar:
            raise NowhereError(f"{path} is no value of an INI file")
        holder = self.holders.of_ini(WinPath(path.drive, (*path.parent.parent.parts, file)))
        return Aim(holder, Spot((section,), name), placed.why)

    def ruled(self, record: Record, aim: Aim, pending: Pending) -> Ruling:
        """Return what becomes of a key or value; raise SourceError where the target's file cannot be read."""
        if aim.spot.value is None:
            is_there = aim.holder.kind == "hive" and self._has_key(aim)
            deed, why = (Deed.KEEP, THERE) if is_there else (Deed.MAKE, "")
            return Ruling(deed, None, why, "")
        if record.value is None:
            return Ruling(Deed.REFUSE, None, "the catalog has no data of it", "")
        value = self._relocations.of(record.value)
        subject = subject_of(record)
        return ruled(
            _called(value, aim.spot.value),
            pending(aim.spot) or self.there(aim),
            self._call("merge", subject),
            self._call("contentModify", subject),
        )

    def remove(self, holder: Holder, spot: Spot) -> None:
        """Count a key with all below it, or a value, as gone: a clean-up takes it before anything comes."""
        self._gone.add(spot_key(holder, spot))

    def there(self, aim: Aim) -> RegistryValue | None:
        """Return the value that the target has at a place, less what a clean-up takes; raise SourceError."""
        if self._is_gone(aim):
            return None
        name = aim.spot.value or ""
        if aim.holder.kind == "hive":
            return self.holders.open(aim.holder).value("\\".join(aim.spot.keys), name)
        text = self.ini_file(aim.holder).value(aim.spot.keys[0], name)
        return None if text is None else ini_value(name, text)

    def ini_file(self, holder: Holder) -> IniFile:
        """Return an INI file of the target, empty where there is none; raise SourceError."""
        if self._ini is None or self._ini[0] != holder:
            is_there = holder.is_there
            content = self.holders.bytes_of(holder.place, LARGEST_INI) if is_there else b""
            self._ini = (holder, IniFile.parse(content))
        return self._ini[1]

    def _has_key(self, aim: Aim) -> bool:
        known = self.holders.open(aim.holder)
        return not self._is_gone(aim) and known.exists("\\".join(aim.spot.keys))

    def _is_gone(self, aim: Aim) -> bool:
        if not self._gone:
            return False
        keys = aim.spot.keys
        places = (aim.spot, *(Spot(keys[:depth]) for depth in range(len(keys) + 1)))
        return any(spot_key(aim.holder, each) in self._gone for each in places)

    def _call(self, kind: str, subject: Subject | None) -> Call | None:
        request = self._asked.narrowest(kind, subject) if subject else None
        return request.call if request else None


def _called(value: RegistryValue, name: str) -> RegistryValue:
    """Return a value under the name that it has at the target."""
    return (
        value
        if value.name == name
        else RegistryValue(name, value.type, value.data, value.provenance)
    )


def spot_key(holder: Holder, spot: Spot) -> tuple[object, ...]:
    """Return what two spellings of one place have in common."""
    value = None if spot.value is None else registry_upcase(spot.value)
    return (holder.kind, upcase(holder.shown), tuple(map(registry_upcase, spot.keys)), value)
