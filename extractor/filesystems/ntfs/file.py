"""Everything about one file: its attributes from all its records, in, Metadata and Streams, out."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING
from uuid import UUID

from extractor.errors import DamagedError, EncryptedError, UnsupportedError
from extractor.filesystems.memory import BytesStream
from extractor.filesystems.ntfs.efs import ATTRIBUTE as EFS
from extractor.filesystems.ntfs.efs import LARGEST as LARGEST_EFS
from extractor.filesystems.ntfs.efs import open_ciphertext, padded
from extractor.filesystems.ntfs.mft import parse_attribute_list, parse_attributes
from extractor.filesystems.ntfs.records import (
    ATTRIBUTE_LIST,
    COMPRESSED,
    DATA,
    EA,
    ENCRYPTED,
    FILE_NAME,
    LOGGED_UTILITY_STREAM,
    NUMBER,
    OBJECT_ID,
    REPARSE_POINT,
    SECURITY_DESCRIPTOR,
    SPARSE,
    STANDARD_INFORMATION,
    Attribute,
    parse_file_name,
    parse_header,
)
from extractor.filesystems.ntfs.reparse import DEDUP, is_cloud, parse_reparse
from extractor.filesystems.ntfs.runs import RunList
from extractor.filesystems.ntfs.streams import open_runs
from extractor.filesystems.ntfs.wof import STREAM as WOF_STREAM
from extractor.filesystems.ntfs.wof import (
    WIM_PROVIDER,
    Algorithm,
    WofStream,
    wof_algorithm,
    wof_provider,
)
from extractor.model import (
    FILE_ATTRIBUTE_OFFLINE,
    FILE_ATTRIBUTE_RECALL_ON_DATA_ACCESS,
    FILE_ATTRIBUTE_RECALL_ON_OPEN,
    Reparse,
    StreamInfo,
    Times,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from extractor.filesystems.ntfs.mft import Mft
    from extractor.model import Entry
    from extractor.seams import Ciphertext, Stream

RECALL = (
    FILE_ATTRIBUTE_OFFLINE | FILE_ATTRIBUTE_RECALL_ON_OPEN | FILE_ATTRIBUTE_RECALL_ON_DATA_ACCESS
)


@dataclass(frozen=True, slots=True)
class StandardInformation:
    """$STANDARD_INFORMATION; ``security_id`` is 0 where the descriptor is the file's own."""

    times: Times
    attributes: int
    security_id: int


class File:
    """One file of the $MFT: the attributes of its base record and of all its extension records."""

    def __init__(self, mft: Mft, number: int, sequence: int, extensions: Sequence[int]) -> None:
        self._mft = mft
        record = mft.record(number)
        if parse_header(record).sequence != sequence:
            raise DamagedError(f"file record {number} has changed its sequence number")
        attributes = parse_attributes(record)
        for each in extensions:
            attributes += parse_attributes(mft.record(each))
        attributes.sort(key=lambda each: each.lowest_vcn)
        self._kinds: dict[int, list[Attribute]] = {}
        self._streams: dict[str, list[Attribute]] = {}
        for attribute in attributes:
            self._kinds.setdefault(attribute.type, []).append(attribute)
            if attribute.type == DATA:
                self._streams.setdefault(attribute.name, []).append(attribute)
        self._check_complete({number, *extensions})

    def _check_complete(self, present: set[int]) -> None:
        """Refuse a file of which a record is lost: a stream of it could be missing without a word."""
        value = self._value(ATTRIBUTE_LIST)
        for _, _, number, _ in parse_attribute_list(value):
            if number not in present:
                raise DamagedError(f"file record {number}, which holds a part of it, is lost")

    def _value(self, kind: int) -> bytes:
        pieces = self._kinds.get(kind)
        return self._mft.value(pieces) if pieces else b""

    # --- facts --------------------------------------------------------------------------------

    def standard_information(self) -> StandardInformation:
        """Return times, attributes and security id; raise DamagedError when there are none."""
        value = self._value(STANDARD_INFORMATION)
        if len(value) < 36:
            raise DamagedError("it has no $STANDARD_INFORMATION")
        created, modified, changed, accessed, attributes = struct.unpack_from("<4QI", value)
        # Volumes formatted before NTFS 3.0 have the short form, without an id.
        security = int.from_bytes(value[52:56], "little")
        return StandardInformation(
            Times(created, modified, changed, accessed), attributes, security
        )

    def name_times(self, entry: Entry) -> Times:
        """Return the times of the $FILE_NAME that is this entry."""
        names = self._name_times
        found = next(iter(names.values()), None)  # the root bears one name, ".", in itself
        if entry.record != entry.parent:
            found = names.get((entry.parent, entry.name))
        if found is None:
            raise DamagedError(f"its record holds no name {entry.name!r}")
        return found

    @cached_property
    def _name_times(self) -> dict[tuple[int, str], Times]:
        """Times by record of the directory and name; of two that are equal the first counts."""
        found: dict[tuple[int, str], Times] = {}
        for attribute in self._kinds.get(FILE_NAME, ()):
            try:
                name = parse_file_name(attribute.value)
            except DamagedError:
                break  # what comes before counts, as it did when the table was read
            found.setdefault((name.parent & NUMBER, name.name), Times(*name.times))
        return found

    def reparse(self) -> Reparse | None:
        """Return the reparse point, None when there is none."""
        value = self._value(REPARSE_POINT)
        return parse_reparse(value) if value else None

    def object_id(self) -> str:
        """Return the object id as a GUID, empty when there is none."""
        value = self._value(OBJECT_ID)
        return str(UUID(bytes_le=value[:16])) if len(value) >= 16 else ""

    def extended_attributes(self) -> bytes:
        """Return $EA as it is stored."""
        return self._value(EA)

    def own_descriptor(self) -> bytes:
        """Return the security descriptor that is kept in the file itself, empty when there is none."""
        return self._value(SECURITY_DESCRIPTOR)

    def efs(self) -> bytes:
        """Return the $EFS attribute, empty when there is none; raise DamagedError when it is not whole."""
        pieces = [each for each in self._kinds.get(LOGGED_UTILITY_STREAM, ()) if each.name == EFS]
        if pieces and pieces[0].size > LARGEST_EFS:
            raise DamagedError(f"its {EFS} attribute claims {pieces[0].size} bytes")
        return self._mft.value(pieces) if pieces else b""

    # --- streams ------------------------------------------------------------------------------

    def streams(self) -> Iterator[StreamInfo]:
        """Yield the data streams as Windows lists them: the unnamed one first, an overlay's storage not at all."""
        names = sorted(self._streams)
        overlay = wof_algorithm(self.reparse())
        for name in names:
            if overlay and name == WOF_STREAM:
                continue
            stored = WOF_STREAM if overlay and not name and WOF_STREAM in names else name
            yield self._stream_info(name, stored, overlay)

    def _stream_info(self, name: str, stored: str, overlay: Algorithm | None) -> StreamInfo:
        first = self._pieces(name)[0]
        pieces = self._pieces(stored)
        runs = self._runs(pieces, pieces[0].size)
        overlaid = stored != name
        return StreamInfo(
            name=name,
            size=first.size,
            allocated=runs.allocated,
            valid=first.size if overlaid else first.valid,
            resident=pieces[0].resident,
            compressed=bool(first.flags & COMPRESSED),
            sparse=bool(first.flags & SPARSE) and not overlaid,
            encrypted=bool(first.flags & ENCRYPTED),
            wof=overlay.name if overlay and overlaid else "",
            runs=runs.runs,
        )

    def _runs(self, pieces: Sequence[Attribute], size: int) -> RunList:
        """Return the runs of a stream, none when it is resident; raise DamagedError when they cannot hold ``size``."""
        if pieces[0].resident:
            return RunList()
        runs = self._mft.runs(pieces)
        runs.check(size, self._mft.volume.size)
        return runs

    def _pieces(self, name: str) -> list[Attribute]:
        """Return the pieces of a stream in order; raise DamagedError when there is no such stream, or no start."""
        pieces = self._streams.get(name)
        if not pieces:
            raise DamagedError(f"it has no stream {name!r}" if name else "it has no content")
        if pieces[0].lowest_vcn or (pieces[0].resident and len(pieces) > 1):
            raise DamagedError(f"stream {name!r} does not begin at its beginning")
        return pieces

    def open(self, name: str = "") -> Stream:
        """Open a stream; raise DamagedError, UnsupportedError or EncryptedError."""
        pieces = self._pieces(name)
        if pieces[0].flags & ENCRYPTED:
            raise EncryptedError("it is encrypted with EFS; its owner's key is needed")
        reparse = None if name else self.reparse()
        if reparse is None:
            return self._open_stored(pieces)
        self._refuse_absent(reparse, pieces)
        if overlay := wof_algorithm(reparse):
            stored = self._open_stored(self._pieces(WOF_STREAM))
            return WofStream(stored, pieces[0].size, overlay)
        return self._open_stored(pieces)

    def ciphertext(self, name: str = "") -> Ciphertext:
        """Return an encrypted stream as it lies on the disk; raise DamagedError."""
        pieces = self._pieces(name)
        if not pieces[0].flags & ENCRYPTED:
            raise DamagedError(f"its stream {name!r} is not encrypted")
        runs = self._runs(pieces, padded(pieces[0].size))
        return open_ciphertext(self._mft, pieces[0], runs.runs)

    def _open_stored(self, pieces: Sequence[Attribute]) -> Stream:
        first = pieces[0]
        if first.resident:
            return BytesStream(first.value)
        runs = self._runs(pieces, first.size).runs
        compressed = first.flags & COMPRESSED and first.compression_unit
        unit = self._mft.boot.cluster_size << min(first.compression_unit, 32) if compressed else 0
        return open_runs(self._mft.volume, runs, first.size, first.valid, unit)

    def _refuse_absent(self, reparse: Reparse, pieces: Sequence[Attribute]) -> None:
        """Raise UnsupportedError when the reparse point says that the content is not in these clusters."""
        if reparse.tag == DEDUP:
            raise UnsupportedError(
                "deduplicated: its content lies in the chunk store of the volume"
            )
        provider = wof_provider(reparse)
        if provider == WIM_PROVIDER:
            raise UnsupportedError("backed by a WIM file (WIMBoot): its content lies in that WIM")
        if provider and not wof_algorithm(reparse):
            raise UnsupportedError("compressed by the Windows Overlay Filter in an unknown way")
        attributes = self.standard_information().attributes
        if is_cloud(reparse.tag) and (attributes & RECALL or self._is_hollow(pieces)):
            raise UnsupportedError("cloud-only: its content is not on this disk")
        if attributes & RECALL and self._is_hollow(pieces):
            raise UnsupportedError(
                f"offline: its content is in another place (reparse tag 0x{reparse.tag:08x})"
            )

    def _is_hollow(self, pieces: Sequence[Attribute]) -> bool:
        """Tell whether a stream has a size but not one cluster."""
        if pieces[0].resident or not pieces[0].size:
            return False
        return not self._mft.runs(pieces).allocated
