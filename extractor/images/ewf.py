"""E01 (EnCase, FTK Imager, SMART) images: our own reading of the chunks, every checksum verified, beside libewf.

libewf is the reference, not the reader: it fills a bad chunk with zeros and reports success, and when the chain of
sections breaks off in a segment that others follow, it gives the wrong chunks from there on. It is asked for the stored
hashes and for the disk's size, which must be ours, and the tests compare bytes with it.
"""

from __future__ import annotations

import logging
import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import ClassVar, Protocol

from extractor.errors import DamagedError, ImageError
from extractor.images.ewf_ahead import ReadAhead
from extractor.images.ewf_chunks import Chunks
from extractor.images.ewf_layout import Stretch, acquisition_errors, lay_out, lost_ranges
from extractor.images.ewf_segments import Geometry, Lost, Segment, parse_segments
from extractor.images.ewf_set import SIGNATURE, segment_paths
from extractor.images.file import File, open_files
from extractor.images.image import OpenImage
from extractor.images.libyal import FOREIGN, brief
from extractor.model import BadRange, ImageInfo

DIGEST = re.compile(r"[0-9A-Fa-f]{32,128}")

log = logging.getLogger(__name__)


class Handle(Protocol):
    """What we use of ``pyewf.handle``."""

    def open(self, names: Sequence[str], /) -> None: ...
    def close(self) -> None: ...
    def get_media_size(self) -> int: ...
    def get_hash_values(self) -> Mapping[str, str]: ...


class EwfReader:
    """Opens E01 sets by any of their segments."""

    name: ClassVar[str] = "e01"
    fallback: ClassVar[bool] = False

    def recognises(self, head: bytes, tail: bytes, path: Path) -> bool:
        """Tell by the signature of a segment."""
        return head.startswith(SIGNATURE)

    def open(self, path: Path) -> OpenImage:
        """Open a set. What lies in a segment that is missing, cut or damaged is a bad range from the beginning.

        Raises ImageError: the first segment is missing or damaged, segments of two sets are mixed, or so much is lost
        that the rest has no certain place on the disk.
        """
        paths = segment_paths(path)
        with ExitStack() as opened:
            files = open_files(paths.values())
            for file in files:
                opened.callback(file.close)
            geometry, segments = _parse(dict(zip(paths, files, strict=True)))
            stretches = lay_out(segments, geometry)
            _tell_lost(path, stretches, geometry)
            hashes = _stored_hashes(path, files, geometry)
            errors = acquisition_errors(segments, geometry)
            opened.pop_all()
        info = ImageInfo(
            path=str(path),
            format="e01",
            size=geometry.size,
            sector_size=geometry.sector_size,
            segments=tuple(map(str, paths.values())),
            stored_hashes=hashes,
        )
        return OpenImage(info, EwfMedium(files, geometry, stretches, errors))


class EwfMedium:
    """The disk inside a set: nothing is returned whose checksum was not verified."""

    def __init__(
        self,
        files: Sequence[File],
        geometry: Geometry,
        stretches: Sequence[Stretch],
        errors: Sequence[BadRange],
    ) -> None:
        self._files = files
        self._errors = errors
        self._error_starts = [error.offset for error in errors]
        self._lost = lost_ranges(stretches, geometry)
        self._chunks = Chunks(geometry, stretches)
        self._ahead = ReadAhead(self._chunks.contents, geometry.chunk_size, geometry.chunks)

    def read(self, offset: int, length: int) -> bytes:
        """Return bytes whose chunks are sound; raise DamagedError naming the first chunk that is not."""
        self._refuse_acquisition_errors(offset, length)
        return self._ahead.read(offset, length)

    def _refuse_acquisition_errors(self, offset: int, length: int) -> None:
        index = bisect_right(self._error_starts, offset + length - 1) - 1
        if index >= 0 and self._errors[index].offset + self._errors[index].length > offset:
            raise DamagedError(self._errors[index].reason)

    def bad_ranges(self) -> Sequence[BadRange]:
        """Return what the acquisition could not read, what is lost, and the bad chunks that were met, in order."""
        found = [*self._errors, *self._lost, *self._chunks.bad_ranges()]
        return sorted(found, key=lambda bad: bad.offset)

    def close(self) -> None:
        """End the threads that read ahead and close the segments."""
        self._ahead.close()
        for file in self._files:
            file.close()


def _parse(files: Mapping[int, File]) -> tuple[Geometry, list[Segment]]:
    try:
        return parse_segments(files)
    except DamagedError as error:
        raise ImageError(str(error)) from error


def _tell_lost(path: Path, stretches: Sequence[Stretch], geometry: Geometry) -> None:
    for bad in lost_ranges(stretches, geometry):
        log.warning(
            "%s: bytes %d to %d of the disk are lost, and with them perhaps the list of sectors that the acquisition "
            "could not read: %s",
            path, bad.offset, bad.offset + bad.length - 1, bad.reason,
        )  # fmt: skip
    for stretch in stretches:
        if isinstance(stretch.source, Lost) and not stretch.count:
            log.warning(
                "%s: all of the disk is there, but the set is not whole, and stored hashes or the list of sectors that "
                "the acquisition could not read may be lost: %s",
                path, stretch.source.reason,
            )  # fmt: skip


def _stored_hashes(path: Path, files: Sequence[File], geometry: Geometry) -> dict[str, str]:
    """Return the hexadecimal digests that the acquiring program stored, as libewf reads them.

    It cannot open every set that we can (a segment is missing): then there are none. Raises ImageError when it
    understands the set, but not as we do.
    """
    import pyewf

    handle: Handle = pyewf.handle()
    try:
        # libewf opens by name; these names are the files we have open, whatever bytes their own names are made of.
        handle.open([file.alias for file in files])
        size, stored = handle.get_media_size(), dict(handle.get_hash_values())
        handle.close()
    except FOREIGN as error:
        log.warning("%s: its stored hashes cannot be had: %s", path, brief(error))
        return {}
    if size != geometry.size:
        raise ImageError(
            f"{path} is damaged: libewf and its volume section differ on the disk's size"
        )
    return {
        name.lower(): value.lower()
        for name, value in sorted(stored.items())
        if name.isalnum() and DIGEST.fullmatch(value)
    }
