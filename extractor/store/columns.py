"""Record <-> columns of the catalog (``SCHEMA.md``): what is kept of an object, and the object given back from it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from extractor.model import (
    EfsFile,
    EfsUser,
    Metadata,
    ObjectKind,
    OutcomeKind,
    Record,
    RegistryValue,
    Reparse,
    StreamInfo,
    StreamRecord,
    Times,
    WinPath,
    printable,
    upcase,
)


def value_row(key: int, value: RegistryValue) -> tuple[Any, ...]:
    """Return the row of ``values``."""
    name = printable(value.name)
    return key, name, _utf16(value.name), value.type, value.data, value.provenance


def object_row(record: Record) -> tuple[Any, ...]:
    """Return the row of ``objects`` but for its number."""
    text = str(record.path)
    return (
        record.kind.value, record.volume, _shown(record.user),
        printable(text), _utf16(text), _name_lengths(record.path, text),
        _sort_key(upcase(text)), _sort_key(text),
        record.outcome.value, _shown(record.reason), _shown(record.rule), int64(record.size), record.sha256,
        int64(record.record), record.sequence, record.stored_as, printable(record.short_name),
        *_metadata_columns(record.metadata), int(record.pretended), record.left_out,
    )  # fmt: skip


_shown = lru_cache(maxsize=4096)(printable)
"""For texts that many rows share: users, rules, reasons, descriptors."""


def _metadata_columns(metadata: Metadata | None) -> tuple[Any, ...]:
    if metadata is None:
        return (None,) * 11 + ("", b"", None, None, None, None, b"")
    si, fn, reparse = metadata.times, metadata.name_times, metadata.reparse
    times = (si.created, si.modified, si.changed, si.accessed,
             fn.created, fn.modified, fn.changed, fn.accessed)  # fmt: skip
    link = (
        (reparse.tag, reparse.data, printable(reparse.target), _utf16(reparse.target))
        if reparse
        else (None,) * 4
    )
    return (
        metadata.attributes, metadata.link_count, metadata.object_id, *map(int64, times),
        _shown(metadata.sddl), metadata.security, *link, metadata.extended_attributes,
    )  # fmt: skip


def streams(record: Record) -> Iterator[tuple[StreamInfo, str]]:
    """Yield each stream with its digest; what the metadata does not tell of, the record does."""
    infos = record.metadata.streams if record.metadata else ()
    if not record.streams:
        for info in infos:
            yield info, "" if info.name else record.sha256
        return
    digests = {stream.name: stream.sha256 for stream in record.streams} | {"": record.sha256}
    known = {info.name for info in infos}
    extra = (each for each in record.streams if each.name not in known)
    for info in (*infos, *map(_bare, extra)):
        yield info, digests.get(info.name, "")


def _bare(stream: StreamRecord) -> StreamInfo:
    return StreamInfo(stream.name, stream.size)


def stream_row(key: int, info: StreamInfo, digest: str, stored_as: str) -> tuple[Any, ...]:
    """Return the row of ``streams`` but for its number."""
    return (
        key, printable(info.name), _utf16(info.name), int64(info.size), digest, stored_as,
        int64(info.allocated), int64(info.valid),
        int(info.resident), int(info.compressed), int(info.sparse), int(info.encrypted), info.wof,
    )  # fmt: skip


def _name_lengths(path: WinPath, text: str) -> str:
    if text.count("\\") == max(len(path.parts), 1) and all(path.parts):
        return ""
    return ",".join(str(len(_utf16(part)) // 2) for part in path.parts)


def _utf16(text: str) -> bytes:
    return text.encode("utf-16-le", "surrogatepass")


def _sort_key(text: str) -> bytes:
    """Big-endian, so that bytes sort as UTF-16 code units do."""
    return text.encode("utf-16-be", "surrogatepass")


def int64(value: int) -> int:
    """SQLite's integers are signed: the upper half of an unsigned number becomes negative."""
    if 0 <= value < 1 << 63:
        return value
    value &= (1 << 64) - 1
    return value - (1 << 64) if value >> 63 else value


# --- and back -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StoredStream:
    """A stream as the catalog knows it; ``stored_as`` is empty when its bytes are not in the store."""

    name: str
    size: int
    sha256: str
    stored_as: str


@dataclass(frozen=True, slots=True)
class StoredObject:
    """A row of the catalog, whole."""

    id: int
    record: Record
    streams: tuple[StoredStream, ...]
    """Its own content (empty name) too."""

    @property
    def content(self) -> StoredStream | None:
        """Its own content; None when there is none in the store."""
        return next((each for each in self.streams if not each.name and each.stored_as), None)


def object_of(
    row: sqlite3.Row,
    streams: Sequence[sqlite3.Row],
    value: sqlite3.Row | None,
    efs: tuple[sqlite3.Row, Sequence[sqlite3.Row]] | None,
) -> StoredObject:
    """Return the object that a row of ``objects`` and its rows in the other tables tell of; without runs.

    Raises ValueError or TypeError for what no run wrote.
    """
    infos = tuple(_stream_info(each) for each in streams)
    record = Record(
        kind=ObjectKind(row["kind"]),
        path=path_of(row["path_utf16"], row["name_lengths"]),
        volume=row["volume"],
        user=row["user"],
        outcome=OutcomeKind(row["outcome"]),
        reason=row["reason"],
        rule=row["rule"],
        size=uint64(row["size"]),
        sha256=row["sha256"],
        streams=tuple(
            StreamRecord(info.name, info.size, each["sha256"])
            for info, each in zip(infos, streams, strict=True)
            if info.name
        ),
        record=uint64(row["record"]),
        sequence=row["sequence"],
        stored_as=row["stored_as"],
        short_name=row["short_name"],
        metadata=_metadata(row, infos),
        value=_value(value) if value else None,
        pretended=bool(row["pretended"]),
        left_out=row["left_out"],
        efs=_efs(*efs) if efs else None,
    )
    kept = tuple(
        StoredStream(info.name, info.size, each["sha256"], _place_of(each, info, row))
        for info, each in zip(infos, streams, strict=True)
    )
    return StoredObject(row["id"], record, _with_content(kept, record))


def _with_content(streams: tuple[StoredStream, ...], record: Record) -> tuple[StoredStream, ...]:
    """Add the content of a file whose metadata names no stream: it is stored as an empty file."""
    if record.kind is not ObjectKind.FILE or not record.stored_as:
        return streams
    if any(not each.name for each in streams):
        return streams
    return (StoredStream("", record.size, record.sha256, record.stored_as), *streams)


def _place_of(row: sqlite3.Row, info: StreamInfo, of: sqlite3.Row) -> str:
    own = of["stored_as"] if not info.name and of["kind"] != ObjectKind.DIRECTORY else ""
    return str(row["stored_as"] or own)


def path_of(utf16: bytes, lengths: str) -> WinPath:
    """Return a path from its exact text and, where a name itself holds a backslash, the lengths of its names."""
    text = utf16.decode("utf-16-le", "surrogatepass")
    drive, _, rest = text.partition("\\")
    if not lengths:
        return WinPath(drive, tuple(rest.split("\\")) if rest else ())
    names, at = [], len(utf16) - 2 * sum(int(n) + 1 for n in lengths.split(",")) + 2
    drive = utf16[: at - 2].decode("utf-16-le", "surrogatepass")
    for length in map(int, lengths.split(",")):
        names.append(utf16[at : at + 2 * length].decode("utf-16-le", "surrogatepass"))
        at += 2 * length + 2
    return WinPath(drive, tuple(names))


def _metadata(row: sqlite3.Row, streams: tuple[StreamInfo, ...]) -> Metadata | None:
    if row["attributes"] is None:
        return None
    si, fn = (
        Times(*(uint64(row[f"{of}_{at}"]) for at in ("created", "modified", "changed", "accessed")))
        for of in ("si", "fn")
    )
    reparse = None
    if row["reparse_tag"] is not None:
        target = row["reparse_target_utf16"].decode("utf-16-le", "surrogatepass")
        reparse = Reparse(row["reparse_tag"], row["reparse_data"], target)
    return Metadata(
        row["attributes"], si, fn, streams, row["security"], row["sddl"], reparse,
        row["link_count"], row["object_id"], row["extended_attributes"],
    )  # fmt: skip


def _stream_info(row: sqlite3.Row) -> StreamInfo:
    return StreamInfo(
        row["name_utf16"].decode("utf-16-le", "surrogatepass"),
        uint64(row["size"]), uint64(row["allocated"]), uint64(row["valid"]),
        bool(row["resident"]), bool(row["compressed"]), bool(row["sparse"]), bool(row["encrypted"]),
        row["wof"],
    )  # fmt: skip


def _value(row: sqlite3.Row) -> RegistryValue:
    name = row["name_utf16"].decode("utf-16-le", "surrogatepass")
    return RegistryValue(name, row["type"], row["data"], row["provenance"])


def _efs(row: sqlite3.Row, users: Iterable[sqlite3.Row]) -> EfsFile:
    who = tuple(
        EfsUser(*(each[key] for key in ("role", "sid", "name", "thumbprint"))) for each in users
    )
    return EfsFile(row["form"], row["size"], who, row["verdict"], row["reason"])


def uint64(value: int) -> int:
    """Undo ``int64``."""
    return value & (1 << 64) - 1
