"""Selected -> Record: the row of an object, whatever became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from extractor.model import EfsFile, Metadata, OutcomeKind, Record, Selected, StreamRecord


def excluded(selected: Selected) -> Record:
    """Return the row of an object that the rules leave out."""
    return replace(_row(selected, OutcomeKind.EXCLUDED), reason=selected.reason)


def not_stored(selected: Selected, reason: str) -> Record:
    """Return the row of an object that was chosen and could not be stored."""
    return replace(_row(selected, OutcomeKind.NOT_STORED), reason=reason)


def stored(
    selected: Selected, digests: Mapping[str, str], stored_as: str, efs: EfsFile | None = None
) -> Record:
    """Return the row of an object in the store; ``digests`` maps each stream's name to its SHA-256.

    Of an EFS file in raw form there is one digest, of all its streams in one.
    """
    return replace(
        _row(selected, OutcomeKind.STORED),
        sha256=digests.get("", ""),
        streams=_named_streams(selected.metadata, digests),
        stored_as=stored_as,
        value=selected.value,
        efs=efs,
    )


def _row(selected: Selected, outcome: OutcomeKind) -> Record:
    return Record(
        kind=selected.kind,
        path=selected.path,
        volume=selected.volume,
        user=selected.scope,
        outcome=outcome,
        rule=selected.rule,
        size=sum(stream.size for stream in selected.metadata.streams if not stream.name),
        streams=_named_streams(selected.metadata, {}),
        record=selected.entry.record,
        sequence=selected.entry.sequence,
        short_name=selected.entry.short_name,
        metadata=selected.metadata,
        pretended=selected.pretended,
        left_out=selected.left_out,
    )


def _named_streams(metadata: Metadata, digests: Mapping[str, str]) -> tuple[StreamRecord, ...]:
    return tuple(
        StreamRecord(stream.name, stream.size, digests.get(stream.name, ""))
        for stream in metadata.streams
        if stream.name
    )
