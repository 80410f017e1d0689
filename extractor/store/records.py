"""Selected -> Record: the row of an object, whatever became of it."""

from __future__ import annotations

from extractor.model import Metadata, OutcomeKind, Record, Selected, StreamRecord


def excluded(selected: Selected) -> Record:
    """Return the row of an object that the rules leave out."""
    return _unstored(selected, OutcomeKind.EXCLUDED, selected.reason)


def not_stored(selected: Selected, reason: str) -> Record:
    """Return the row of an object that was chosen and could not be stored."""
    return _unstored(selected, OutcomeKind.NOT_STORED, reason)


def stored(
    selected: Selected,
    digests: dict[str, str],
    stored_as: str,
) -> Record:
    """Return the row of an object in the store; ``digests`` maps each stream's name to its SHA-256."""
    return Record(
        kind=selected.kind,
        path=selected.path,
        volume=selected.volume,
        user=selected.scope,
        outcome=OutcomeKind.STORED,
        rule=selected.rule,
        size=_own_size(selected.metadata),
        sha256=digests.get("", ""),
        streams=_named_streams(selected.metadata, digests),
        record=selected.entry.record,
        sequence=selected.entry.sequence,
        stored_as=stored_as,
        short_name=selected.entry.short_name,
        metadata=selected.metadata,
    )


def _unstored(selected: Selected, outcome: OutcomeKind, reason: str) -> Record:
    return Record(
        kind=selected.kind,
        path=selected.path,
        volume=selected.volume,
        user=selected.scope,
        outcome=outcome,
        reason=reason,
        rule=selected.rule,
        size=_own_size(selected.metadata),
        streams=_named_streams(selected.metadata, {}),
        record=selected.entry.record,
        sequence=selected.entry.sequence,
        short_name=selected.entry.short_name,
        metadata=selected.metadata,
    )


def _own_size(metadata: Metadata) -> int:
    return sum(stream.size for stream in metadata.streams if not stream.name)


def _named_streams(metadata: Metadata, digests: dict[str, str]) -> tuple[StreamRecord, ...]:
    return tuple(
        StreamRecord(stream.name, stream.size, digests.get(stream.name, ""))
        for stream in metadata.streams
        if stream.name
    )
