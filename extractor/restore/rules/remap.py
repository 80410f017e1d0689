r"""Variables with ``remap="Yes"`` -> for an object below the old machine's value, its place below the target's.

The catalog keeps ``NAME=value`` with the user in whose context the variable stood; what the target's value is, its
Windows tells. Of several values that hold an object the longest decides. Source: USMT "XML elements library"
(variable: remap).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from extractor.model import Instruction, WinPath, upcase
from extractor.restore.rules.asked import REMAP, Asked, registry_path
from extractor.rules.patterns import PatternError

REGISTRY = frozenset({"HKU", "HKLM"})
Destinations = Mapping[tuple[str, str], WinPath]
"""(SID on the old machine or empty, NAME) -> value of a variable at the target, in the target's own letters."""


@dataclass(frozen=True, slots=True)
class Remap:
    """A variable whose folder (or key) moves."""

    instruction: Instruction
    name: str
    """In upper case."""
    value: WinPath
    """On the old machine."""

    @property
    def why(self) -> str:
        """The line and the variable, for a person."""
        return f"{self.instruction.source}: remap {self.name}"

    def takes(self, path: WinPath, user: str) -> bool:
        """Tell whether it speaks of a path that belongs to a user (a SID, empty for the machine)."""
        return self.instruction.scope in {"", user} and path.is_below(self.value)

    def target(self, destinations: Destinations, drives: Collection[str]) -> WinPath | None:
        """Return the value at the target; None where it is not known or on a drive that is not restored to."""
        found = destinations.get((self.instruction.scope, self.name))
        if found is None or (found.drive in REGISTRY) != (self.value.drive in REGISTRY):
            return None
        return found if found.drive in REGISTRY or found.drive in drives else None


def read_remaps(asked: Asked) -> tuple[Remap, ...]:
    """Return the variables that move, the longest value first; one whose value is no place is noted."""
    found = []
    for each in asked.instructions:
        if each.kind == REMAP:
            name, _, text = each.text.partition("=")
            value = _value(text, each.scope)
            if value is None:
                asked.note(f"{each.source}: remap {name}: its value is no folder or key")
            else:
                found.append(Remap(each, upcase(name.strip()), value))
    return tuple(sorted(found, key=lambda each: (-len(each.value.parts), not each.instruction.scope)))  # fmt: skip


def below(path: WinPath, source: WinPath, target: WinPath) -> WinPath:
    """Keep what lies below the source; what lies elsewhere stays."""
    if not path.is_below(source):
        return path
    return WinPath(target.drive, (*target.parts, *path.parts[len(source.parts) :]))


def settled(
    remaps: Sequence[Remap],
    destinations: Destinations,
    drives: Collection[str],
    profiles: Sequence[tuple[WinPath, WinPath]],
) -> list[Instruction]:
    """Return the variables of which nothing is left to say: the target tells, or they follow the profile folder."""
    return [
        each.instruction
        for each in remaps
        if each.target(destinations, drives) or any(each.value.is_below(old) for old, _ in profiles)
    ]


def _value(text: str, sid: str) -> WinPath | None:
    """Return a folder of a drive, or a key below its root; never a whole drive."""
    path = WinPath.parse(text)
    if not path.drive:
        try:
            path = registry_path(text, sid)
        except PatternError:
            return None
    return path if path.parts and ".." not in path.parts else None
