"""What a repair made of a store: what is there again, and what nobody can give back."""

from __future__ import annotations

from dataclasses import dataclass, field

PARTLY = 3
"""Exit code when something of the catalog cannot be had any more."""


@dataclass(slots=True)
class Repair:
    """A repair under way, and then its result; texts are printable sentences."""

    done: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    """What cannot be had, and what the store's owner must know."""
    rows: int = 0
    """Objects in a catalog that was made anew; 0 when the one that the scan wrote is there."""

    @property
    def exit_code(self) -> int:
        """0 when all is there that the scan wrote, 3 when it is only partly."""
        return PARTLY if self.lost else 0

    @property
    def is_nothing(self) -> bool:
        """True when nothing had to be done and nothing is lost."""
        return not self.done and not self.lost
