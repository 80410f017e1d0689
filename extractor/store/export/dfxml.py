"""A store as Digital Forensics XML, as the schema of the DFXML working group (2.0.0-beta.0) has it.

Volumes with their file objects: files, directories, links and streams, stored or not, with SHA-256 and with their byte
runs on volume and image. What DFXML has no word for stands in a namespace of ours: outcome, rule, exact names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, BinaryIO

from extractor.events import ItemDone, Observer
from extractor.model import ObjectKind, OutcomeKind, Record, Run, Times, printable
from extractor.store.columns import StoredObject
from extractor.store.digest import HOLES
from extractor.store.export.outcome import Tally
from extractor.store.export.rows import FILES, iso, owner, part, parts, runs_of
from extractor.store.opened import OpenStore

if TYPE_CHECKING:
    from lxml.etree import _Element

DFXML = "http://www.forensicswiki.org/wiki/Category:Digital_Forensics_XML"
DC = "http://purl.org/dc/elements/1.1/"
OURS = "urn:coldstate:export:1"
SCHEMA_VERSION = "2.0.0-beta.0"
_PREFIXES: Any = {None: DFXML, "dc": DC, "coldstate": OURS}
"""The stubs of lxml forget that a prefix may be None."""
_NO_XML = re.compile("[\ufffe\uffff]")
_TYPES = {ObjectKind.FILE: "r", ObjectKind.DIRECTORY: "d", ObjectKind.LINK: "l"}


def write_dfxml(store: OpenStore, sink: BinaryIO, tally: Tally, observer: Observer) -> None:
    """Write the document, an object at a time."""
    from lxml import etree

    header = store.header
    with etree.xmlfile(sink, encoding="utf-8") as file:
        file.write_declaration()
        with file.element(_tag("dfxml"), {"version": SCHEMA_VERSION}, nsmap=_PREFIXES):
            for each in (_metadata(), _creator(header), _source(header)):
                _put(file, each)
            for volume in _volumes(store, header):
                offset: int = volume["offset"]
                with file.element(_tag("volume"), {"offset": str(offset)}):
                    for each in _about_volume(volume):
                        _put(file, each)
                    for element in _objects(store, volume["id"], offset, tally, observer):
                        _put(file, element)
    sink.write(b"\n")


def _put(file: Any, element: _Element) -> None:  # noqa: ANN401 (lxml's writer has no type)
    """Write an element; written whole, lxml would repeat the namespaces in each."""
    file.write("\n")
    with file.element(element.tag, {str(key): str(value) for key, value in element.attrib.items()}):
        if element.text:
            file.write(element.text)
        for child in element:
            _put(file, child)


def _tag(name: str, namespace: str = DFXML) -> str:
    return f"{{{namespace}}}{name}"


def _element(
    name: str, value: object = "", attributes: Mapping[str, str] | None = None, *, of: str = DFXML
) -> _Element:
    from lxml import etree

    element = etree.Element(_tag(name, of), dict(attributes or {}))
    element.text = xml_text(str(value)) or None
    return element


def xml_text(text: str) -> str:
    r"""Return printable text without the two characters that XML forbids beyond those: ``\uffff``."""
    return _NO_XML.sub(lambda found: f"\\u{ord(found[0]):04x}", printable(text))


def _with(element: _Element, children: Iterable[_Element]) -> _Element:
    element.extend(children)
    return element


def _metadata() -> _Element:
    kind = _element("type", "Stored user state", of=DC)
    return _with(_element("metadata"), [kind])


def _creator(header: Mapping[str, Any]) -> _Element:
    made = _element("version", part(header, "tool").get("version") or version("coldstate"))
    return _with(_element("creator"), [_element("program", "coldstate"), made])


def _source(header: Mapping[str, Any]) -> _Element:
    names: list[object] = []
    for image in parts(part(header, "image"), "images"):
        segments = image.get("segments")
        names += segments if segments and isinstance(segments, list) else [image.get("path", "")]
    return _with(_element("source"), [_element("image_filename", name) for name in names])


def _volumes(store: OpenStore, header: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield what the header says of each volume that has objects, with its ``id`` and its ``offset``."""
    known = {str(each.get("id")): each for each in parts(part(header, "image"), "volumes")}
    query = f"SELECT DISTINCT volume FROM objects WHERE {FILES} ORDER BY volume"  # noqa: S608
    with store.catalog.translated():
        found = [str(row[0]) for row in store.catalog.connection.execute(query)]
    for name in found:
        offset = known.get(name, {}).get("offset")
        at = offset if isinstance(offset, int) and offset >= 0 else 0
        yield known.get(name, {}) | {"id": name, "offset": at}


def _about_volume(volume: Mapping[str, Any]) -> Iterator[_Element]:
    yield _element("partition_offset", volume["offset"])
    size = volume.get("sector_size")
    if isinstance(size, int) and size > 0:
        yield _element("sector_size", size)
    if volume.get("filesystem"):
        yield _element("ftype_str", volume["filesystem"])
    yield _element("allocated_only", 1)


def _objects(
    store: OpenStore, volume: str, offset: int, tally: Tally, observer: Observer
) -> Iterator[_Element]:
    quoted = volume.replace("'", "''")
    for found in store.objects(f"volume = '{quoted}' AND {FILES}"):
        tally.objects += 1
        record = found.record
        runs = runs_of(store, found.id)
        own = next((each for each in found.streams if not each.name), None)
        digest = own.sha256 if own and own.stored_as else ""
        yield _file(found, "", record.size, digest, runs.get("", ()), offset)
        for each in found.streams:
            if each.name:
                place = runs.get(each.name, ())
                yield _file(found, each.name, each.size, each.sha256, place, offset)
        observer(ItemDone("", record.path, record.outcome, 0, kind=record.kind))


def _file(
    found: StoredObject, stream: str, size: int, sha256: str, runs: Iterable[Run], volume: int, /
) -> _Element:
    record = found.record
    elements = [
        _element("filename", "/".join(record.path.parts) + (f":{stream}" if stream else "")),
        *([_element("error", record.reason)] if record.outcome is OutcomeKind.NOT_STORED else ()),
        _element("id", found.id),
        _element("name_type", "r" if stream else _TYPES[record.kind]),
        _element("filesize", size),
        _element("alloc", 1),
        _element("inode", record.record),
        *_about_inode(record),
    ]
    if place := _runs(runs, volume):
        elements.append(_with(_element("byte_runs"), place))
    if sha256 and not sha256.startswith(HOLES):
        elements.append(_element("hashdigest", sha256, {"type": "sha256"}))
    return _with(_element("fileobject"), [*elements, *_ours(record, stream, sha256)])


def _about_inode(record: Record) -> Iterator[_Element]:
    metadata = record.metadata
    if metadata is None:
        yield _element("seq", record.sequence)
        return
    yield _element("nlink", metadata.link_count)
    if sid := owner(metadata.security):
        yield _element("uid", sid)
    of = metadata.times
    named = (
        ("mtime", of.modified),
        ("ctime", of.changed),
        ("atime", of.accessed),
        ("crtime", of.created),
    )
    yield from (_element(name, iso(moment)) for name, moment in named if moment)
    yield _element("seq", record.sequence)
    if metadata.reparse and metadata.reparse.target:
        yield _element("link_target", metadata.reparse.target)


def _runs(runs: Iterable[Run], volume: int) -> list[_Element]:
    found, at = [], 0
    for run in runs:
        place = {"file_offset": str(at), "len": str(run.length)}
        if run.offset is None:
            place["fill"] = "0"
        elif run.offset >= 0:
            place |= {"fs_offset": str(run.offset), "img_offset": str(volume + run.offset)}
        found.append(_element("byte_run", attributes=place))
        at += run.length
    return found


def _ours(record: Record, stream: str, sha256: str) -> Iterator[_Element]:
    path = str(record.path)
    yield _element("path", path, of=OURS)
    if xml_text(path + stream) != path + stream or any("/" in each for each in record.path.parts):
        yield _element("path_utf16", _hex(path), of=OURS)
        if stream:
            yield _element("stream_utf16", _hex(stream), of=OURS)
    yield _element("outcome", record.outcome.value, of=OURS)
    for name, value in (("reason", record.reason), ("rule", record.rule), ("user", record.user),
                        ("stored_as", record.stored_as),
                        ("hash", sha256 if sha256.startswith(HOLES) else "")):  # fmt: skip
        if value:
            yield _element(name, value, of=OURS)
    if record.metadata and record.metadata.name_times != Times():
        of = record.metadata.name_times
        named = (
            ("mtime", of.modified),
            ("ctime", of.changed),
            ("atime", of.accessed),
            ("crtime", of.created),
        )
        times = {name: iso(moment) for name, moment in named if moment}
        yield _element("file_name_times", attributes=times, of=OURS)


def _hex(text: str) -> str:
    return text.encode("utf-16-le", "surrogatepass").hex()
