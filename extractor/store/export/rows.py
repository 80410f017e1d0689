"""An object of the catalog -> plain values for tables and lines: texts printable, times in ISO 8601, nothing lost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from extractor.errors import DamagedError
from extractor.filesystems.sddl import format_sid
from extractor.filetime import TICKS, to_datetime
from extractor.model import EfsFile, RegistryValue, Run, Times, WinPath, printable
from extractor.store.columns import StoredObject, uint64
from extractor.store.opened import OpenStore

FOUR_CENTURIES = timedelta(days=146_097) // timedelta(seconds=1) * TICKS
"""The calendar repeats after that many ticks; Python's ends with the year 9999, FILETIME in 60056."""
FILES = "kind IN ('file', 'directory', 'link')"
_RUNS = """
SELECT streams.name_utf16, runs."offset", runs.length FROM streams JOIN runs ON runs.stream = streams.id
WHERE streams.object = ? ORDER BY streams.id, position
"""


def iso(filetime: int) -> str:
    """Return a FILETIME as ISO 8601 to 100 ns, ``2024-05-06T07:08:09.1234567Z``; empty for never (0)."""
    if not filetime:
        return ""
    cycles, rest = divmod(filetime, FOUR_CENTURIES)
    moment = to_datetime(rest)
    year, ticks = moment.year + 400 * cycles, rest % TICKS
    return f"{year:04}-{moment:%m-%dT%H:%M:%S}.{ticks:07}Z"


def exact(key: str, text: str, *, shown_exactly: bool | None = None) -> dict[str, str]:
    """Return ``key_utf16`` (UTF-16LE, hexadecimal) where the text for reading is not the exact one."""
    if shown_exactly is None:
        shown_exactly = printable(text) == text
    return (
        {} if shown_exactly else {f"{key}_utf16": text.encode("utf-16-le", "surrogatepass").hex()}
    )


def name_lengths(path: WinPath) -> list[int]:
    """Return the UTF-16 units of each name below the drive, where a name itself holds a backslash; else nothing."""
    if not any("\\" in name for name in path.parts):
        return []
    return [len(name.encode("utf-16-le", "surrogatepass")) // 2 for name in path.parts]


def times(of: Times | None, prefix: str = "") -> dict[str, str]:
    """Return the four times that are known."""
    names = ("created", "modified", "changed", "accessed")
    return {f"{prefix}{name}": iso(getattr(of, name)) for name in names} if of else {}


def owner(security: bytes) -> str:
    """Return the SID of the owner in a self-relative security descriptor; empty without one."""
    if len(security) < 20:
        return ""
    offset = int.from_bytes(security[4:8], "little")
    if not 20 <= offset <= len(security) - 8:
        return ""
    try:
        return format_sid(security, offset)
    except DamagedError:
        return ""


def runs_of(store: OpenStore, key: int) -> dict[str, list[Run]]:
    """Return where the streams of an object lie on their volume, by name."""
    found: dict[str, list[Run]] = {}
    with store.catalog.translated():
        for name, offset, length in store.catalog.connection.execute(_RUNS, (key,)):
            text = name.decode("utf-16-le", "surrogatepass")
            found.setdefault(text, []).append(Run(offset, uint64(length)))
    return found


def part(header: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return an object of the manifest's header; an empty one where it has none, for it may be forged."""
    found = header.get(name)
    return found if isinstance(found, dict) else {}


def parts(header: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """Return a list of objects of the header, and of it what are objects."""
    found = header.get(name)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def as_json(store: OpenStore, found: StoredObject) -> dict[str, Any]:
    """Return an object as JSON holds it, keys without a value left out."""
    record, metadata = found.record, found.record.metadata
    path, reparse = str(record.path), metadata.reparse if metadata else None
    value: dict[str, Any] = {
        "id": found.id, "kind": record.kind.value, "path": printable(path), **exact("path", path),
        "name_lengths": name_lengths(record.path),
        "volume": record.volume, "user": record.user, "outcome": record.outcome.value,
        "reason": record.reason, "rule": record.rule, "size": record.size, "sha256": record.sha256,
        "stored_as": record.stored_as, "record": record.record, "sequence": record.sequence,
        "short_name": printable(record.short_name), "pretended": record.pretended, "left_out": record.left_out,
    }  # fmt: skip
    if metadata:
        value |= times(metadata.times) | times(metadata.name_times, "name_")
        value |= {
            "attributes": metadata.attributes, "link_count": metadata.link_count, "object_id": metadata.object_id,
            "owner": owner(metadata.security), "sddl": metadata.sddl,
            "extended_attributes": metadata.extended_attributes.hex(),
        }  # fmt: skip
    if reparse:
        value |= {"reparse_tag": reparse.tag, "target": printable(reparse.target)}
        value |= exact("target", reparse.target) | {"reparse_data": reparse.data.hex()}
    value["streams"] = list(_streams(store, found))
    value |= _value(record.value) | _efs(record.efs)
    return {key: each for key, each in value.items() if each is not False and each not in ("", [])}


def _streams(store: OpenStore, found: StoredObject) -> Iterator[dict[str, Any]]:
    runs = runs_of(store, found.id) if found.streams else {}
    for each in found.streams:
        place = [[run.offset, run.length] for run in runs.get(each.name, ())]
        yield {
            "name": printable(each.name), **exact("name", each.name), "size": each.size,
            "sha256": each.sha256, "stored_as": each.stored_as, "runs": place,
        }  # fmt: skip


def _value(value: RegistryValue | None) -> dict[str, Any]:
    if value is None:
        return {}
    return {"type": value.type, "data": value.data.hex(), "provenance": value.provenance}


def _efs(efs: EfsFile | None) -> dict[str, Any]:
    if efs is None:
        return {}
    users = [
        {"role": user.role, "sid": user.sid, "name": printable(user.name), "thumbprint": user.thumbprint}
        for user in efs.users
    ]  # fmt: skip
    about = {"form": efs.form, "size": efs.size, "verdict": efs.verdict, "reason": efs.reason}
    return {"efs": about | {"users": users}}
