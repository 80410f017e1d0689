"""The blob table of a WIM that is read: 58 bytes of memory for each blob, found by SHA-1."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from extractor.errors import CorruptStoreError
from extractor.store.wim.format import BLOB_ENTRY, NO_HASH, SHA1, BlobEntry, Kind, parse_blob_table


class BlobTable:
    """The rows, as they lie in the file."""

    def __init__(self, raw: bytes) -> None:
        """Take the table; raise CorruptStoreError for one that names a blob twice, or in a way that is not read."""
        if len(raw) % BLOB_ENTRY:
            raise CorruptStoreError(
                "the blob table of the WIM is cut: it is no whole number of rows"
            )
        self._raw = raw
        rows = np.frombuffer(raw, np.uint8).reshape(-1, BLOB_ENTRY)
        kinds = rows[:, 7]
        if (kinds & (0xFF ^ int(Kind.METADATA | Kind.COMPRESSED))).any():
            raise CorruptStoreError(
                "the blob table of the WIM has solid, spanned or freed resources"
            )
        if (rows[:, 24] != 1).any() or rows[:, 25].any():
            raise CorruptStoreError("the blob table of the WIM names a part of a WIM that has one")
        metadata = (kinds & int(Kind.METADATA)) != 0
        self.metadata = [self._row(int(number)) for number in np.flatnonzero(metadata)]
        numbers = np.flatnonzero(~metadata)
        hashes = np.ascontiguousarray(rows[numbers, -SHA1:]).view(f"S{SHA1}").reshape(-1)
        order = np.argsort(hashes)
        self._hashes = hashes[order]
        self._numbers = numbers[order]
        if (self._hashes[1:] == self._hashes[:-1]).any() or (self._hashes == b"").any():
            raise CorruptStoreError(
                "the blob table of the WIM names a blob twice, or one of no bytes"
            )

    def __len__(self) -> int:
        return len(self._numbers)

    def __iter__(self) -> Iterator[BlobEntry]:
        """Yield the blobs in the order of the table."""
        for number in np.sort(self._numbers):
            yield self._row(int(number))

    def find(self, sha1: bytes) -> BlobEntry | None:
        """Return a blob, None when there is none of this hash."""
        if sha1 == NO_HASH or len(sha1) != SHA1:
            return None
        at = int(np.searchsorted(self._hashes, np.bytes_(sha1)))
        if at == len(self._hashes):
            return None
        row = self._row(int(self._numbers[at]))
        return row if row.sha1 == sha1 else None

    def _row(self, number: int) -> BlobEntry:
        at = number * BLOB_ENTRY
        return parse_blob_table(self._raw[at : at + BLOB_ENTRY])[0]
