"""The patient reader of BitLocker volumes: dissect.fve, which knows volumes that are not encrypted from end to end.

Its own ciphers are slow (2 MB/s), so sectors are decrypted by ours. The map of what is encrypted is read here: with
dissect.fve 4.6 a read that begins inside a byte of its bitmap never ends (38 of 40 reads of the tests' volume).
"""

from __future__ import annotations

import logging
import struct
from bisect import bisect_right
from threading import Lock
from typing import TYPE_CHECKING, Any

from extractor.errors import DamagedError, ImageError
from extractor.volumes.fve_crypto import sector_cipher
from extractor.volumes.window import Window

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from extractor.seams import Readable

FOREIGN = (ValueError, EOFError, TypeError, KeyError, IndexError, OverflowError, AttributeError, OSError,
           ZeroDivisionError, struct.error)  # fmt: skip
"""What dissect.fve raises for metadata that are not what they should be."""
PLAIN, ENCRYPTED = 0, 3
"""How its stream calls runs of sectors."""


class DissectReader:
    """The plain bytes of a volume whose FVEK is known."""

    def __init__(self, volume: Readable, method: int, fvek: bytes) -> None:
        from dissect.fve.bde import BDE
        from dissect.fve.exception import Error

        logging.getLogger("dissect.fve").setLevel(
            logging.CRITICAL
        )  # it may name what it works with
        self._file = Window(volume)
        self._lock = Lock()
        self._errors = (*FOREIGN, Error)
        try:
            bde: Any = BDE(self._file)  # type: ignore[arg-type]
            if bde.boot_sector.eow_offsets and bde.eow_information is None:
                raise ImageError("the map of what is encrypted already is damaged")
            bde.unlock_with_fvek(fvek)
            self._stream: Any = bde.open()
            self._replace_slow_parts(method, fvek)
        except self._errors as error:
            raise ImageError(f"dissect.fve cannot open it: {type(error).__name__}") from error
        self.size = volume.size

    def _replace_slow_parts(self, method: int, fvek: bytes) -> None:
        cipher = sector_cipher(method, fvek, self._stream.sector_size)
        if cipher and self._stream.encrypted:
            self._stream.cipher = cipher
        told = self._stream.bde.eow_information
        if told is not None:
            found = EncryptionMap(told.bitmaps, told.chunk_size, self._stream.sector_size)
            self._stream._iter_run_state = found.runs  # noqa: SLF001 (there is no other way in)

    def read(self, offset: int, length: int) -> bytes:
        """Return plain bytes; raise DamagedError when the volume does not hold them."""
        with self._lock:
            try:
                self._stream.seek(offset)
                return bytes(self._stream.read(length))
            except self._errors as error:
                raise DamagedError(
                    f"{length} bytes at {offset} of the BitLocker volume cannot be read: {type(error).__name__}"
                ) from error

    def close(self) -> None:
        """Nothing is open but the image."""


class EncryptionMap:
    """Which sectors of a volume are encrypted, while Windows is still at it; from all its bitmaps.

    A bit of a bitmap stands for a chunk of sectors. Raises ValueError when a bitmap has no sound record.
    """

    def __init__(self, bitmaps: Sequence[Any], chunk_size: int, sector_size: int) -> None:
        self._per_chunk = chunk_size // sector_size
        self._regions = sorted(_region(each, sector_size) for each in bitmaps)
        self._starts = [start for start, _, _ in self._regions]
        if not self._regions or self._per_chunk < 1:
            raise ValueError

    def runs(self, sector: int, count: int) -> Iterator[tuple[int, int, int]]:
        """Yield (encrypted or plain, sector, sectors) for a range; raise ValueError for what no bitmap speaks of."""
        end = sector + count
        while sector < end:
            first, bits, size = self._regions[max(bisect_right(self._starts, sector) - 1, 0)]
            chunk = (sector - first) // self._per_chunk
            if not 0 <= chunk < size:
                raise ValueError
            bit, until = _bit(bits, chunk), sector
            while until < end and chunk < size and _bit(bits, chunk) == bit:
                chunk += 1
                until = min(first + chunk * self._per_chunk, end)
            yield (ENCRYPTED if bit else PLAIN), sector, until - sector
            sector = until


def _region(bitmap: Any, sector_size: int) -> tuple[int, bytes, int]:  # noqa: ANN401 (dissect's class has no types)
    """Return (first sector, bits, number of bits) of the newest sound record of a bitmap."""
    record = max(
        (each for each in bitmap.records if each.is_valid()),
        key=lambda each: int(each.sequence_number),
    )
    bits = bytes(record.bitmap)
    return bitmap.region_offset // sector_size, bits, min(record.bitmap_size, 8 * len(bits))


def _bit(bits: bytes, number: int) -> int:
    return bits[number // 8] >> (number % 8) & 1
