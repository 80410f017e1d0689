"""The one place that decides whether an object that cannot be read ends the run (``/c``, ``/efs``).

Source: usmt.md 1.2 and 5.4. Whatever it decides, the object has an outcome in the ledger.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from extractor.errors import DamagedError, EncryptedError, SourceError, UsageError


class Efs(StrEnum):
    """What to do with a file that EFS encrypted."""

    ABORT = "abort"
    SKIP = "skip"


def parse_efs(text: str) -> Efs:
    """Return the meaning of ``/efs:text``; raise UsageError (11) for what is unknown or not built yet."""
    word = text.lower()
    if word in {"copyraw", "decryptcopy", "hardlink"}:
        raise UsageError(f"/efs:{word} is not built yet; take abort or skip")
    if word not in {each.value for each in Efs}:
        raise UsageError(f"/efs:{text} is unknown; take abort or skip")
    return Efs(word)


@dataclass(frozen=True, slots=True)
class Policy:
    """``/c`` and ``/efs`` together."""

    continue_on_error: bool = False
    efs: Efs = Efs.ABORT

    def goes_on(self, error: SourceError) -> bool:
        """Tell whether the run goes on; if not, the error's own exit code is the run's (61, or 2 for EFS)."""
        if isinstance(error, EncryptedError):
            return self.efs is Efs.SKIP
        return self.continue_on_error

    def advice(self, error: SourceError) -> str:
        """Return the words to add to the sentence that ends a run."""
        return (
            "/efs:skip leaves such files out"
            if isinstance(error, EncryptedError)
            else "/c goes on past it"
        )


def usmt_action(error: SourceError) -> str:
    """Return USMT's word for the failure, as its progress log has it (usmt.md 6.6)."""
    return "UnableToAccessDevice" if isinstance(error, DamagedError) else "UnableToOpen"
