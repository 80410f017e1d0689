"""Everything about one file: its attributes from all its records, in, Metadata and Streams, out."""

from __future__ import annotations

import struct
from dataclasses import dataclass
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
from extractor.filesystems.ntfs.streams import CompressedStream, RunStream
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
    from extractor.model import Entry, Run
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
        self._attributes = parse_attributes(record)
        for each in extensions:
            self._attributes += parse_attributes(mft.record(each))
        self._check_complete({number, *extensions})

    def _check_complete(self, present: set[int]) -> None:
        """Refuse a file of which a record is lost: a stream of it could be missing without a word."""
        value = self._value(ATTRIBUTE_LIST)
        for _, _, number, _ in parse_attribute_list(value):
            if number not in present:
                raise DamagedError(f"file record {number}, which holds a part of it, is lost")

    def _of(self, kind: int) -> list[Attribute]:
        found = [each for each in self._attributes if each.type == kind]
        return sorted(found, key=lambda each: each.lowest_vcn)

    def _value(self, kind: int) -> bytes:
        pieces = self._of(kind)
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
        for attribute in self._of(FILE_NAME):
            found = parse_file_name(attribute.value)
            same = found.parent & NUMBER == entry.parent and found.name == entry.name
            if same or entry.record == entry.parent:
                return Times(*found.times)
        raise DamagedError(f"its record holds no name {entry.name!r}")

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
        pieces = [each for each in self._of(LOGGED_UTILITY_STREAM) if each.name == EFS]
        if pieces and pieces[0].size > LARGEST_EFS:
            raise DamagedError(f"its {EFS} attribute claims {pieces[0].size} bytes")
        return self._mft.value(pieces) if pieces else b""

    # --- streams ------------------------------------------------------------------------------

    def streams(self) -> Iterator[StreamInfo]:
        """Yield the data streams as Windows lists them: the unnamed one first, an overlay's storage not at all."""
        names = sorted({each.name for each in self._of(DATA)})
        overlay = wof_algorithm(self.reparse())
        for name in names:
            if overlay and name == WOF_STREAM:
                continue
            stored = WOF_STREAM if overlay and not name and WOF_STREAM in names else name
            yield self._stream_info(name, stored, overlay)

    def _stream_info(self, name: str, stored: str, overlay: Algorithm | None) -> StreamInfo:
        first = self._pieces(name)[0]
        pieces = self._pieces(stored)
        runs = () if pieces[0].resident else tuple(self._mft.runs(pieces))
        if not pieces[0].resident:
            self._check_runs(runs, pieces[0].size)
        overlaid = stored != name
        return StreamInfo(
            name=name,
            size=first.size,
            allocated=sum(run.length for run in runs if run.offset is not None),
            valid=first.size if overlaid else first.valid,
            resident=pieces[0].resident,
            compressed=bool(first.flags & COMPRESSED),
            sparse=bool(first.flags & SPARSE) and not overlaid,
            encrypted=bool(first.flags & ENCRYPTED),
            wof=overlay.name if overlay and overlaid else "",
            runs=runs,
        )

    def _check_runs(self, runs: Sequence[Run], size: int) -> None:
        """Refuse a size that the clusters do not bear out: one false bit of it would outgrow every store."""
        room = self._mft.volume.size
        if sum(run.length for run in runs) < size:
            raise DamagedError(f"its run list is shorter than its {size} bytes")
        held = [run for run in runs if run.offset is not None]
        if sum(run.length for run in held) > room or any(
            (run.offset or 0) + run.length > room for run in held
        ):
            raise DamagedError(f"its run list leads outside the {room} bytes of the volume")

    def _pieces(self, name: str) -> list[Attribute]:
        """Return the pieces of a stream in order; raise DamagedError when there is no such stream, or no start."""
        pieces = [each for each in self._of(DATA) if each.name == name]
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
        runs = [] if pieces[0].resident else self._mft.runs(pieces)
        if not pieces[0].resident:
            self._check_runs(runs, padded(pieces[0].size))
        return open_ciphertext(self._mft, pieces[0], runs)

    def _open_stored(self, pieces: Sequence[Attribute]) -> Stream:
        first = pieces[0]
        if first.resident:
            return BytesStream(first.value)
        runs = self._mft.runs(pieces)
        volume = self._mft.volume
        self._check_runs(runs, first.size)
        if first.flags & COMPRESSED and first.compression_unit:
            unit = self._mft.boot.cluster_size << min(first.compression_unit, 32)
            return CompressedStream(volume, runs, first.size, first.valid, unit)
        return RunStream(volume, runs, first.size, first.valid)

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
        return all(run.offset is None for run in self._mft.runs(pieces))
