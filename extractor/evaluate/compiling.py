r"""Expanded patterns -> compiled locations: registry names made canonical, INI patterns looked at, each text once."""

from __future__ import annotations

from collections.abc import Iterator

from extractor.evaluate.frames import Meant
from extractor.evaluate.registry_names import canonical_location
from extractor.evaluate.scene import Scene
from extractor.model import upcase
from extractor.rules.patterns import Location, PatternError, PatternKind, parse_location


class Compiler:
    """Compiles patterns for one Windows; the same text in several contexts is one Location."""

    def __init__(self, scene: Scene) -> None:
        self._registry = scene.registry
        self._drives = sorted({upcase(mount.at.drive) for mount in scene.mounts})
        self._known: dict[str, Location] = {}

    def locations(self, meant: Meant) -> Iterator[Location]:
        """Yield what a pattern speaks of; raise PatternError when it cannot be used."""
        for text in self.texts(meant.kind, meant.text, meant.view.frame.scope):
            location = self._known.get(text)
            if location is None:
                location = self._known[text] = parse_location(text)
            if meant.kind is PatternKind.INI:
                _look_at_ini(location)
            yield location

    def texts(self, kind: PatternKind, text: str, sid: str) -> tuple[str, ...]:
        """Return pattern text in its canonical forms: a key of HKCR may lie in two places."""
        if kind is PatternKind.REGISTRY:
            return canonical_location(text, sid, self._registry)
        return (text,)

    def is_in_reach(self, kind: PatternKind, location: Location) -> bool:
        """Tell whether a pattern may match on a volume of these images."""
        prefix = location.node.prefix
        return kind is PatternKind.REGISTRY or any(
            prefix.startswith(drive) or drive.startswith(prefix) for drive in self._drives
        )


def _look_at_ini(location: Location) -> None:
    if location.leaf is None or not any("|" in piece for piece in location.node.pieces):
        raise PatternError("an INI pattern is file|section[key]")
