"""Objects of a store that no component restores: NeverRestore, dead shortcuts, components that a Config.xml drops.

The catalog keeps each include with its component and filter (kind ``include``). An include whose pattern takes the
object counts even where an exclude of its component took it back: in doubt nothing is lost. Of a store that keeps no
includes everything comes. Source: USMT "XML elements library" (NeverRestore, IgnoreIrrelevantLinks), usmt.md 5.3.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from extractor.model import Instruction, WinPath, upcase
from extractor.restore.rules.asked import INCLUDE, Asked, Request, subject_of
from extractor.restore.rules.load_filters import LINKS, NEVER
from extractor.restore.rules.locations import Locations
from extractor.restore.rules.looked_at import is_missing
from extractor.restore.rules.shortcuts import LARGEST, is_shortcut, target_of
from extractor.restore.view import View
from extractor.rules.config import Config
from extractor.rules.model import Component, Role
from extractor.store.columns import StoredObject
from extractor.store.opened import OpenStore


@dataclass(slots=True)
class Screen:
    """What decides whether an object comes at all."""

    store: OpenStore
    locations: Locations
    view: View
    config: Config | None = None
    letters: Collection[str] = ()
    """Drives of the target that are volumes of their own, besides that of the system."""
    looks: bool = True
    """Whether the target is known: only then is a shortcut dead that leads to nothing there."""
    _refusing: Asked = field(init=False)
    """The includes that may let an object stay away, alone: few objects meet one, and only those are looked into."""

    def __post_init__(self) -> None:
        every = self.locations.asked.instructions
        self._refusing = Asked(each for each in every if each.kind == INCLUDE and self._may(each))

    def _may(self, include: Instruction) -> bool:
        """Tell whether an include may refuse what it takes."""
        text = include.text.lower()
        if any(each in text for each in (*NEVER, LINKS)):
            return True
        return bool(self.config and include.component) and not self._migrates(include.component)

    def _migrates(self, identity: str) -> bool:
        return self.config is None or not identity or migrates(identity, self.config)

    def left_out(self, found: StoredObject) -> str:
        """Return why no component restores an object, empty when one does or the store does not say who took it.

        Raises CorruptStoreError and OSError.
        """
        subject = subject_of(found.record)
        if subject is None or self._refusing.narrowest(INCLUDE, subject) is None:
            return ""
        why = ""
        for request in self.locations.asked.taking(INCLUDE, subject):
            reason = self._refused(request, found)
            if not reason:
                return ""
            why = why or reason
        return why

    def _refused(self, request: Request, found: StoredObject) -> str:
        call, identity = request.call, request.instruction.component
        function = call.function.lower() if call else ""
        if function in NEVER:
            return request.why
        if self.config and not self._migrates(identity):
            return f"{self.config.name}: {identity} does not migrate"
        if function == LINKS and self.looks and self._leads_nowhere(found):
            return f"{request.why}: what it points to is not at the target"
        return ""

    def _leads_nowhere(self, found: StoredObject) -> bool:
        """Tell whether a stored shortcut points to what neither the target has nor the store brings."""
        content = found.content
        if not is_shortcut(found.record.path.name) or not content:
            return False
        with self.store.open(content.stored_as) as file:
            target = target_of(file.read(LARGEST))
        if target is None or self._comes(target):
            return False
        places = (target, self.locations.renamed(target))
        missing = [
            is_missing(self.view, each, self.locations.system, self.letters) for each in places
        ]
        return missing[-1] is True and False not in missing

    def _comes(self, path: WinPath) -> bool:
        key = upcase(str(path)).encode("utf-16-be", "surrogatepass").hex()
        stored = self.store.objects(f"sort_key = x'{key}' AND outcome = 'stored'")
        return next(iter(stored), None) is not None


def migrates(identity: str, config: Config) -> bool:
    """Ask a Config.xml for a component by ``urlid/displayname/role``.

    What is not listed there migrates: ``defaultMigrate`` speaks of components of Windows, and a store keeps no types.
    """
    above, _, kind = identity.rpartition("/")
    urlid, _, name = above.rpartition("/")
    return not name or config.migrates(Component(urlid, name, "Application", ""), Role(kind, ""))
