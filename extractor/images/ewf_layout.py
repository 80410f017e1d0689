"""Segments of an E01 set -> which chunks of the medium each table holds, and which are lost with a segment.

A table does not say which chunks are its own: they are counted from the first. One stretch of lost tables can be
sized by what the others leave of the medium; two cannot, and whatever lies between them is nowhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from extractor.errors import ImageError
from extractor.images.ewf_segments import Geometry, Lost, Segment, Table
from extractor.images.ewf_set import segment_name
from extractor.model import BadRange


@dataclass(frozen=True, slots=True)
class Stretch:
    """Chunks one behind the other, numbered from ``first``: those of one table, or those that are lost together."""

    first: int
    count: int
    source: Table | Lost


def lay_out(segments: Sequence[Segment], geometry: Geometry) -> list[Stretch]:
    """Return the stretches that make up the medium, in order, none of them empty unless it is a lost one.

    Raises ImageError when what is lost has no certain place.
    """
    sources = _merged(_complete(segments, geometry))
    tables = [source for source in sources if isinstance(source, Table)]
    if not tables:
        raise ImageError("; ".join(each.reason for each in sources if isinstance(each, Lost)))
    missing = geometry.chunks - sum(table.count for table in tables)
    _check_place(segments, sources, geometry, missing)
    stretches: list[Stretch] = []
    first = 0
    for source in sources:
        count = source.count if isinstance(source, Table) else missing
        count = min(count, geometry.chunks - first)
        stretches.append(Stretch(first, count, source))
        first += count
    return stretches


def _sources(segments: Sequence[Segment]) -> Iterator[Table | Lost]:
    """Yield the tables of all segments in order, and Lost where one is missing."""
    expected = 1
    for segment in segments:
        if segment.number > expected:
            yield _absent(segment, expected, segment.number - 1)
        yield from segment.tables
        expected = segment.number + 1
    if segments[-1].closing == "next":
        yield _absent(segments[-1], expected, expected)


def _absent(segment: Segment, first: int, last: int) -> Lost:
    path = segment.file.path
    names = segment_name(path, first)
    if last > first:
        return Lost(
            f"segments {first} to {last} of the set {path} are missing: {names} to {segment_name(path, last)} "
            "must lie beside it"
        )
    return Lost(f"segment {first} of the set {path} is missing: {names} must lie beside it")


def _complete(segments: Sequence[Segment], geometry: Geometry) -> list[Table | Lost]:
    """Return the sources, and at their end Lost for what an acquisition that was broken off did not read."""
    sources = list(_sources(segments))
    held = sum(source.count for source in sources if isinstance(source, Table))
    if held < geometry.chunks and all(isinstance(source, Table) for source in sources):
        path = segments[0].file.path
        sources.append(Lost(f"the acquisition of {path} is not complete: it has {held} chunks"))
    return sources


def _merged(sources: Sequence[Table | Lost]) -> list[Table | Lost]:
    """Return the sources with neighbouring Lost as one."""
    merged: list[Table | Lost] = []
    for lost, group in groupby(sources, key=lambda source: isinstance(source, Lost)):
        members = list(group)
        if lost:
            reasons = dict.fromkeys(each.reason for each in members if isinstance(each, Lost))
            members = [Lost("; ".join(reasons))]
        merged += members
    return merged


def _check_place(
    segments: Sequence[Segment], sources: Sequence[Table | Lost], geometry: Geometry, missing: int
) -> None:
    """Raise ImageError unless the place and the size of what is lost follow from the rest of the set."""
    lost = [source for source in sources if isinstance(source, Lost)]
    if not lost:
        return
    reasons = "; ".join(each.reason for each in lost)
    if len(lost) > 1:
        raise ImageError(
            f"parts of the set are lost in {len(lost)} places, so what lies between them has no certain place "
            f"on the disk: {reasons}"
        )
    known = [each.geometry for each in segments if each.geometry]
    differ = any(
        (each.stated, each.sectors) != (known[0].stated, known[0].sectors) for each in known
    )
    behind = sources[-1] is not lost[0]
    if missing < 0 or (behind and (differ or known[0].stated != geometry.chunks)):
        raise ImageError(
            f"the set does not say how many chunks it has, so those behind what is lost have no certain place "
            f"on the disk: {reasons}"
        )


def lost_ranges(stretches: Sequence[Stretch], geometry: Geometry) -> list[BadRange]:
    """Return the bytes of the medium that lie in lost stretches."""
    return [
        bad_range(geometry, each.first, each.count, each.source.reason)
        for each in stretches
        if isinstance(each.source, Lost) and each.count
    ]


def bad_range(geometry: Geometry, first: int, count: int, reason: str) -> BadRange:
    """Return the bytes of chunks as a bad range; the medium's last chunk may be shorter than the others."""
    start = first * geometry.chunk_size
    return BadRange(start, min(count * geometry.chunk_size, geometry.size - start), reason)


def acquisition_errors(segments: Sequence[Segment], geometry: Geometry) -> list[BadRange]:
    """Return the ranges that the acquiring program could not read and filled with zeros, merged, in order."""
    merged: list[tuple[int, int]] = []
    for first, count in sorted(pair for segment in segments for pair in segment.errors):
        start, end = first, min(first + count, geometry.sectors)
        if merged and start <= merged[-1][1]:
            start, end = merged[-1][0], max(merged.pop()[1], end)
        if start < end:
            merged.append((start, end))
    return [
        BadRange(
            start * geometry.sector_size,
            (end - start) * geometry.sector_size,
            f"sectors {start} to {end - 1} could not be read when the image was acquired",
        )
        for start, end in merged
    ]
