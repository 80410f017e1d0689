"""Selected -> Record: the row of an object, whatever became of it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from extractor.model import EfsFile, Metadata, OutcomeKind, Record, Selected, StreamRecord


def excluded(selected: Selected) -> Record:
    """Return the row of an object that the rules leave out."""
    return _row(selected, OutcomeKind.EXCLUDED, reason=selected.reason)


def not_stored(selected: Selected, reason: str) -> Record:
    """Return the row of an object that was chosen and could not be stored."""
    return _row(selected, OutcomeKind.NOT_STORED, reason=reason)


def stored(
    selected: Selected, digests: Mapping[str, str], stored_as: str, efs: EfsFile | None = None
) -> Record:
    """Return the row of an object in the store; ``digests`` maps each stream's name to its SHA-256.

    Of an EFS file in raw form there is one digest, of all its streams in one.
    """
    return _row(
        selected,
        OutcomeKind.STORED,
        digests,
        sha256=digests.get("", ""),
        stored_as=stored_as,
        value=selected.value,
        efs=efs,
    )


def _row(
    selected: Selected,
    outcome: OutcomeKind,
    digests: Mapping[str, str] = MappingProxyType({}),
    **what: Any,  # noqa: ANN401  fields of Record, which checks them
) -> Record:
    entry, metadata = selected.entry, selected.metadata
    return Record(
        kind=selected.kind,
        path=selected.path,
        volume=selected.volume,
        user=selected.scope,
        outcome=outcome,
        rule=selected.rule,
        size=sum(stream.size for stream in metadata.streams if not stream.name),
        streams=_named_streams(metadata, digests),
        record=entry.record,
        sequence=entry.sequence,
        short_name=entry.short_name,
        metadata=metadata,
        pretended=selected.pretended,
        left_out=selected.left_out,
        **what,
    )


def _named_streams(metadata: Metadata, digests: Mapping[str, str]) -> tuple[StreamRecord, ...]:
    return tuple(
        StreamRecord(stream.name, stream.size, digests.get(stream.name, ""))
        for stream in metadata.streams
        if stream.name
    )
