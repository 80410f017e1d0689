"""Run lists: mapping pairs in, runs out. Source: Microsoft, ATTRIBUTE_RECORD_HEADER (MappingPairs)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from extractor.errors import DamagedError
from extractor.filesystems.ntfs.frozen import constructor
from extractor.model import Run

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST = 1 << 62
"""Bytes; NTFS addresses less than 2**63."""
HEADER = 64
"""Bytes of the header of a non-resident attribute; the pairs lie behind it."""
_run, _number = constructor(Run), int.from_bytes


class RunList(NamedTuple):
    """The runs of a stream, and what they come to. All numbers are bytes."""

    runs: tuple[Run, ...] = ()
    length: int = 0
    """Of all runs together."""
    allocated: int = 0
    """Of those that are no holes."""
    end: int = 0
    """Where the furthest run ends on the volume."""

    def check(self, size: int, room: int) -> None:
        """Refuse a size that the clusters do not bear out: one false bit of it would outgrow every store.

        ``room`` is the size of the volume. Raises DamagedError.
        """
        if self.length < size:
            raise DamagedError(f"its run list is shorter than its {size} bytes")
        if self.allocated > room or self.end > room:
            raise DamagedError(f"its run list leads outside the {room} bytes of the volume")


def mapping_pairs(raw: bytes) -> bytes:
    """Return the mapping pairs of a non-resident attribute, given as its bytes; raise DamagedError."""
    start = int.from_bytes(raw[32:34], "little")
    if not HEADER <= start <= len(raw):
        raise DamagedError("a run list lies outside its attribute")
    return raw[start:]


def parse_pairs(pairs: bytes | bytearray, cluster_size: int) -> RunList:
    """Return the runs that mapping pairs give; raise DamagedError.

    Offsets and lengths are bytes on the volume; whether they lie within it is for ``RunList.check``.
    """
    runs: list[Run] = []
    position = cluster = length = allocated = end = 0
    try:
        # A byte with the sizes of two numbers (the higher half 0: a hole), the length, the distance from the last run.
        while head := pairs[position]:
            middle = position + 1 + (head & 15)
            count = _number(pairs[position + 1 : middle], "little", signed=True)
            size = count * cluster_size
            position = middle + (head >> 4)
            if head < 16:
                runs.append(_run(None, size))
            else:
                cluster += _number(pairs[middle:position], "little", signed=True)
                place = cluster * cluster_size
                runs.append(_run(place, size))
                allocated += size
                end = max(end, place + size)
            if count <= 0 or cluster < 0:
                what = f"{count} clusters at {cluster}"
                raise DamagedError(f"a run list holds an impossible run ({what})")
            length += size
    except IndexError:
        raise DamagedError("a run list cannot be decoded (it has no end)") from None
    if length > LONGEST:
        raise DamagedError("a run list is longer than any volume")
    return RunList(tuple(runs), length, allocated, end)


def join(lists: Iterable[RunList]) -> RunList:
    """Return the run lists of the pieces of a stream as one."""
    held = list(lists)
    if len(held) == 1:
        return held[0]
    return RunList(
        tuple(run for each in held for run in each.runs),
        sum(each.length for each in held),
        sum(each.allocated for each in held),
        max((each.end for each in held), default=0),
    )
