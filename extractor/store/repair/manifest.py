"""Lines of a manifest -> rows of a catalog; what a line does not say is asked of the WIM and of the registry's files.

Not there: instructions of the rules, where streams lie on their volume, extended attributes; in a store of plain files
also descriptors as bytes (their text is there), reparse data, short names.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from extractor.errors import CorruptStoreError
from extractor.model import (
    FILE_ATTRIBUTE_DIRECTORY,
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
)
from extractor.store.columns import path_of, uint64
from extractor.store.directory import STREAMS
from extractor.store.place import BLOB
from extractor.store.repair.archive import Archive
from extractor.store.repair.image import TREE, Made, object_id_of, reparse_of, sddl_of
from extractor.store.repair.registry import Found
from extractor.store.safe_name import drive_name, safe_name
from extractor.store.wim.node import Node, Parts

VALUE_LOST = "its data was in the catalog only, and is lost with it"
_FILES = frozenset({ObjectKind.FILE, ObjectKind.DIRECTORY, ObjectKind.LINK})
_TIMES = ("created", "modified", "changed", "accessed")


@dataclass(slots=True)
class Others:
    """What else is known of the objects: the names of image 1, the values of the registry."""

    archive: Archive | None = None
    nodes: Mapping[Parts, Node] = field(default_factory=dict)
    values: Mapping[tuple[WinPath, str], RegistryValue] = field(default_factory=dict)
    """By path and SHA-256 of the data."""
    _blobs: dict[str, str] = field(default_factory=dict)
    """SHA-256 -> ``stored_as``; read when a name is not in the image as it was."""

    def node(self, path: WinPath, volume: str) -> Node | None:
        """Return what image 1 says of an object; names that no WIM holds are escaped there."""
        names = (safe_name(each) if _is_unfit(each) else each for each in path.parts)
        return self.nodes.get((drive_name(path.drive, volume), *names))

    def blob(self, sha256: str) -> str:
        """Return where a content lies in the WIM; all of it is hashed for the first that is asked for."""
        if self.archive is None or not sha256:
            return ""
        if not self._blobs:
            for entry in self.archive.wim.blobs:
                content = self.archive.find(entry.sha1)
                self._blobs[content.sha256 if content else ""] = BLOB + entry.sha1.hex()
        return self._blobs.get(sha256, "")


def _is_unfit(name: str) -> bool:
    return name in {"", ".", ".."} or any(sign in name for sign in "/\\\0")


def others_of(archive: Archive | None, values: Iterable[Found]) -> Others:
    """Return what is known besides; an image that is damaged tells as far as it goes."""
    nodes: dict[Parts, Node] = {}
    if archive is not None and archive.is_image_whole():
        nodes = {parts: node for parts, node in archive.rows() if parts}
    found = {
        (each.path, hashlib.sha256(each.value.data).hexdigest()): each.value
        for each in values
        if each.value
    }
    return Others(archive, nodes, found)


def made_of(row: Mapping[str, Any], others: Others) -> Made:
    """Return the row of a line; raise CorruptStoreError for one that no run wrote."""
    try:
        return _made(row, others)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CorruptStoreError(f"a line of the manifest makes no sense: {error}") from error


def _made(row: Mapping[str, Any], others: Others) -> Made:
    kind, path = ObjectKind(row["kind"]), _path(row)
    node = others.node(path, row["volume"]) if kind in _FILES else None
    streams = [(_exact(each, "name"), each) for each in row["streams"]]
    value = _value(row, path, others) if kind is ObjectKind.VALUE else None
    is_lost = "type" in row and value is None
    record = Record(
        kind, path, row["volume"], row["user"],
        outcome=OutcomeKind.NOT_STORED if is_lost else OutcomeKind(row["outcome"]),
        reason=VALUE_LOST if is_lost else row["reason"],
        rule=row["rule"],
        size=uint64(row["size"]),
        sha256="" if is_lost else row["sha256"],
        streams=tuple(StreamRecord(name, uint64(s["size"]), s["sha256"]) for name, s in streams),
        record=uint64(row["record"]),
        sequence=row["sequence"],
        stored_as=row["stored_as"],
        short_name=node.short_name if node else "",
        metadata=_metadata(row, kind, node, others),
        value=value,
        pretended=row.get("pretended", False),
        left_out=row.get("left_out", ""),
        efs=_efs(row) if "efs" in row else None,
    )  # fmt: skip
    return Made(record, dict(_places(row, streams, node, others)), ("",) if is_lost else ())


def _path(row: Mapping[str, Any]) -> WinPath:
    exact = _exact(row, "path").encode("utf-16-le", "surrogatepass")
    return path_of(exact, row.get("name_lengths", ""))


def _exact(row: Mapping[str, Any], key: str) -> str:
    exact = row.get(f"{key}_utf16")
    if exact is None:
        return str(row[key])
    return bytes.fromhex(exact).decode("utf-16-le", "surrogatepass")


def _metadata(
    row: Mapping[str, Any], kind: ObjectKind, node: Node | None, others: Others
) -> Metadata | None:
    if row["attributes"] is None:
        return None
    times = row["times"]
    own, name = (Times(*(times.get(key + each, 0) for each in _TIMES)) for key in ("", "name_"))
    security = node.security if node and sddl_of(node.security) == row["sddl"] else b""
    return Metadata(
        row["attributes"], own, name,
        streams=tuple(_stream_infos(row, kind, node)),
        security=security or b"",
        sddl=row["sddl"],
        reparse=_reparse(row, node, others),
        link_count=max(len(row["links"]), 1),
        object_id=object_id_of(node) if node else "",
    )  # fmt: skip


def _stream_infos(
    row: Mapping[str, Any], kind: ObjectKind, node: Node | None
) -> Iterator[StreamInfo]:
    """Yield its streams; lines do not say what a content takes on its volume, so that is as if it were plain."""
    size = uint64(row["size"])
    folder = node.is_directory if node else row["attributes"] & FILE_ATTRIBUTE_DIRECTORY
    is_file = kind is ObjectKind.LINK and not folder
    if is_file or kind in {ObjectKind.FILE, ObjectKind.VALUE} or size:
        yield StreamInfo("", size, allocated=size, valid=size)
    for each in row["streams"]:
        length = uint64(each["size"])
        yield StreamInfo(_exact(each, "name"), length, allocated=length, valid=length)


def _reparse(row: Mapping[str, Any], node: Node | None, others: Others) -> Reparse | None:
    tag = row.get("reparse_tag")
    if tag is None:
        return None
    found = reparse_of(others.archive, node) if others.archive and node else None
    data = found.data if found and found.tag == tag else b""
    return Reparse(tag, data, _exact(row, "target"))


def _value(row: Mapping[str, Any], path: WinPath, others: Others) -> RegistryValue | None:
    if "type" not in row:
        return None
    found = others.values.get((path, row["sha256"]))
    if found is None and row["size"] == 0 and row["sha256"] == hashlib.sha256().hexdigest():
        found = RegistryValue("", row["type"], b"")
    return RegistryValue(path.name[1:-1], row["type"], found.data) if found else None


def _efs(row: Mapping[str, Any]) -> EfsFile:
    users = tuple(
        EfsUser(*(each[key] for key in ("role", "sid", "name", "thumbprint")))
        for each in row["efs_users"]
    )
    return EfsFile(row["efs"], row["efs_size"], users, row["efs_verdict"], row["efs_reason"])


def _places(
    row: Mapping[str, Any],
    streams: Iterable[tuple[str, Mapping[str, Any]]],
    node: Node | None,
    others: Others,
) -> Iterator[tuple[str, str]]:
    """Yield where streams lie: in a WIM all have a place in their own row, in plain files the named ones."""
    in_image = dict(node.streams) if node else {}
    own = row["stored_as"]
    if own.startswith(BLOB) or (own and row["kind"] == ObjectKind.LINK):
        yield "", own
    for name, each in streams:
        digest = each["sha256"]
        if not digest:
            continue
        if others.archive is None:
            if own != TREE and not own.startswith(BLOB):  # else of a WIM, and that is lost
                yield name, _loose(digest)
        elif name in in_image and _is(others.archive, in_image[name], digest):
            yield name, BLOB + in_image[name].hex()
        else:
            yield name, others.blob(digest)


def _is(archive: Archive, sha1: bytes, sha256: str) -> bool:
    content = archive.find(sha1)
    return content is not None and content.sha256 == sha256


def _loose(digest: str) -> str:
    return "/".join((*STREAMS, digest[:2], digest))
