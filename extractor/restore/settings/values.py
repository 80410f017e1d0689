"""One registry or INI value of a store, and what is at its place -> what becomes of it: a Ruling.

Source: USMT "XML elements library" (contentModify, merge), "Conflicts and precedence". They leave open which of the two
comes first; here ``contentModify`` does, and ``merge`` compares what it made. So HigherValue takes the number after
OffsetValue, and DestinationPriority keeps a list even where MergeMultiSzContent would have joined the two. Inference
too: a function that cannot be done leaves the value as it was stored, for an old form of a setting is better than none.
"""

from __future__ import annotations

from dataclasses import dataclass

from extractor.errors import UnsupportedError
from extractor.model import RegistryValue, printable
from extractor.restore.rules.content import modified
from extractor.restore.rules.merge import Act, decide_value
from extractor.restore.tasks import Deed
from extractor.rules.model import Call

SAME = "the same value is there already"


@dataclass(frozen=True, slots=True)
class Ruling:
    """What is done with a value: MAKE, REPLACE, KEEP, or SKIP where a rule writes nothing and nothing is there."""

    deed: Deed
    value: RegistryValue | None
    """What is written; None where nothing is."""
    conflict: str = ""
    """What is at its place already, and who gives way and why, for a person."""
    lost: str = ""
    """What a rule asked for and did not get."""


def ruled(
    ours: RegistryValue, there: RegistryValue | None, merge: Call | None, modify: Call | None
) -> Ruling:
    """Return what becomes of a value: ``there`` is what its place holds, the calls are those of the narrowest rules.

    SetValueByTable without a default writes nothing where it finds nothing: "the value isn't changed on the destination
    computer". KeepExisting is about attributes, of which a value has none: it comes as it is.
    """
    coming, lost = _modified(ours, there, modify)
    if coming is None:
        told = f"{modify} gives no value"
        return Ruling(Deed.KEEP if there else Deed.SKIP, None, told, lost)
    if there is None:
        return Ruling(Deed.MAKE, coming, "", lost)
    if (coming.type, coming.data) == (there.type, there.data):
        return Ruling(Deed.KEEP, None, SAME, lost)
    decision = decide_value(merge, coming, there)
    if decision.act is Act.KEEP:
        return Ruling(Deed.KEEP, None, decision.why, lost)
    return Ruling(Deed.REPLACE, coming, decision.why, lost)


def _modified(
    ours: RegistryValue, there: RegistryValue | None, modify: Call | None
) -> tuple[RegistryValue | None, str]:
    """Return the value after ``contentModify``, and what of that could not be done."""
    try:
        return modified(modify, ours, there), ""
    except UnsupportedError as error:
        return ours, f"{printable(str(error))}: the value is written as it was stored"
