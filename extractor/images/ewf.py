"""E01 (EnCase, FTK Imager, SMART) images: the bytes come from libewf, the proof that they are right from ourselves."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from threading import Lock
from typing import ClassVar, Protocol

from extractor.errors import DamagedError, ImageError
from extractor.images.ewf_chunks import Chunks
from extractor.images.ewf_segments import Geometry, Segment, parse_segments
from extractor.images.ewf_set import SIGNATURE, missing_segment, segment_paths
from extractor.images.file import File, open_files
from extractor.images.image import OpenImage
from extractor.images.libyal import FOREIGN, brief
from extractor.model import BadRange, ImageInfo

DIGEST = re.compile(r"[0-9A-Fa-f]{32,128}")


class Handle(Protocol):
    """What we use of ``pyewf.handle``."""

    def open(self, names: Sequence[str], /) -> None: ...
    def close(self) -> None: ...
    def get_media_size(self) -> int: ...
    def get_hash_values(self) -> Mapping[str, str]: ...
    def read_buffer_at_offset(self, length: int, offset: int, /) -> bytes: ...


class EwfReader:
    """Opens E01 sets by any of their segments."""

    name: ClassVar[str] = "e01"
    fallback: ClassVar[bool] = False

    def recognises(self, head: bytes, tail: bytes, path: Path) -> bool:
        """Tell by the signature of a segment."""
        return head.startswith(SIGNATURE)

    def open(self, path: Path) -> OpenImage:
        """Open a set; raise ImageError that names the segment which is missing, cut or damaged."""
        paths = segment_paths(path)
        with ExitStack() as opened:
            files = open_files(paths)
            for file in files:
                opened.callback(file.close)
            segments = _parse(files)
            _check_end(segments[-1], len(segments))
            handle = _open_handle(path, files)
            opened.callback(handle.close)
            geometry = _geometry(segments, handle)
            chunks = Chunks(geometry, [table for each in segments for table in each.tables])
            errors = acquisition_errors(segments, geometry)
            info = _info(path, paths, geometry, handle)
            opened.pop_all()
        return OpenImage(info, EwfMedium(handle, files, geometry, chunks, errors))


class EwfMedium:
    """The disk inside a set: nothing is returned that was not verified once, and read alike by two decoders."""

    def __init__(
        self,
        handle: Handle,
        files: Sequence[File],
        geometry: Geometry,
        chunks: Chunks,
        errors: Sequence[BadRange],
    ) -> None:
        self._handle = handle
        self._files = files
        self._chunk_size = geometry.chunk_size
        self._chunks = chunks
        self._errors = errors
        self._error_starts = [error.offset for error in errors]
        self._verified = bytearray(chunks.count)
        self._bad: dict[int, BadRange] = {}
        self._size = geometry.size
        # A pyewf handle breaks under two threads; zlib and pread, in Chunks, run side by side.
        self._lock = Lock()

    def read(self, offset: int, length: int) -> bytes:
        """Return bytes whose chunks are sound; raise DamagedError naming the chunk that is not."""
        self._refuse_acquisition_errors(offset, length)
        first, last = offset // self._chunk_size, (offset + length - 1) // self._chunk_size
        fresh = [
            (number, self._verify(number))
            for number in range(first, last + 1)
            if number >= len(self._verified) or not self._verified[number]
        ]
        data = self._read_handle(offset, length)
        for number, content in fresh:
            self._compare(number, content, offset, data)
        return data

    def _verify(self, number: int) -> bytes:
        if number in self._bad:
            raise DamagedError(self._bad[number].reason)
        try:
            return self._chunks.content(number)
        except DamagedError as error:
            self._note(number, str(error))
            raise

    def _compare(self, number: int, content: bytes, offset: int, data: bytes) -> None:
        """Compare the part of a chunk that was read by libewf with our own reading of it."""
        start = number * self._chunk_size
        low, high = max(start, offset), min(start + len(content), offset + len(data))
        if content[low - start : high - start] != data[low - offset : high - offset]:
            reason = f"chunk {number} in {self._files[0].path} is read differently by libewf and by our own check"
            self._note(number, reason)
            raise DamagedError(reason)
        self._verified[number] = 1

    def _note(self, number: int, reason: str) -> None:
        start = number * self._chunk_size
        length = min(self._chunk_size, self._size - start)
        self._bad[number] = BadRange(start, length, reason)

    def _read_handle(self, offset: int, length: int) -> bytes:
        try:
            with self._lock:
                data = self._handle.read_buffer_at_offset(length, offset)
        except FOREIGN as error:
            raise DamagedError(
                f"{self._files[0].path}: libewf cannot read {length} bytes at {offset}: {brief(error)}"
            ) from error
        if len(data) != length:
            raise DamagedError(
                f"{self._files[0].path}: libewf gives {len(data)} of {length} bytes at {offset}"
            )
        return data

    def _refuse_acquisition_errors(self, offset: int, length: int) -> None:
        index = bisect_right(self._error_starts, offset + length - 1) - 1
        if index >= 0 and self._errors[index].offset + self._errors[index].length > offset:
            raise DamagedError(self._errors[index].reason)

    def bad_ranges(self) -> Sequence[BadRange]:
        """Return what the acquisition could not read, and the bad chunks that reads have met, in order."""
        return sorted([*self._errors, *self._bad.copy().values()], key=lambda bad: bad.offset)

    def close(self) -> None:
        """Close libewf's handle and the segments."""
        with self._lock:
            self._handle.close()
        for file in self._files:
            file.close()


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


def _parse(files: Sequence[File]) -> list[Segment]:
    try:
        return parse_segments(files)
    except DamagedError as error:
        raise ImageError(str(error)) from error


def _check_end(last: Segment, number: int) -> None:
    if last.sections[-1].kind == "next":
        raise missing_segment(last.file.path, number + 1)


def _open_handle(path: Path, files: Sequence[File]) -> Handle:
    import pyewf

    handle: Handle = pyewf.handle()
    try:
        # libewf opens by name; these names are the files we have open, whatever bytes their own names are made of.
        handle.open([file.alias for file in files])
    except FOREIGN as error:
        raise ImageError(f"{path} cannot be opened by libewf: {brief(error)}") from error
    return handle


def _geometry(segments: Sequence[Segment], handle: Handle) -> Geometry:
    """Return the geometry that the first segment gives, which libewf must understand in the same way."""
    geometry, path = segments[0].geometry, segments[0].file.path
    if geometry is None or handle.get_media_size() != geometry.size:
        raise ImageError(
            f"{path} is damaged: libewf and its volume section differ on the disk's size"
        )
    return geometry


def _info(path: Path, paths: Sequence[Path], geometry: Geometry, handle: Handle) -> ImageInfo:
    return ImageInfo(
        path=str(path),
        format="e01",
        size=geometry.size,
        sector_size=geometry.sector_size,
        segments=tuple(map(str, paths)),
        stored_hashes=_stored_hashes(path, handle),
    )


def _stored_hashes(path: Path, handle: Handle) -> dict[str, str]:
    """Return the hashes that the acquiring program stored, such as are hexadecimal digests."""
    try:
        stored = dict(handle.get_hash_values())
    except FOREIGN as error:
        raise ImageError(f"{path}: its stored hashes are damaged: {brief(error)}") from error
    return {
        name.lower(): value.lower()
        for name, value in sorted(stored.items())
        if name.isalnum() and DIGEST.fullmatch(value)
    }
