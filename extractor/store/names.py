"""Names of the host for names of the image, so that no two objects of a directory share one, not even by case.

A name asks for its safe form. When that place is taken (``Readme.txt`` and ``README.TXT``, or one name twice in a
damaged directory) it gets ``~`` and a hash of its own identity. Who came first would then decide; ``settled`` tells at
the end which renames give the plain name to the smallest identity instead, so that the result depends on nothing but
the set of names.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from extractor.errors import DamagedError
from extractor.model import upcase
from extractor.store.catalog import Catalog
from extractor.store.safe_name import safe_name, twin_name

_TABLE = """
CREATE TEMP TABLE names (key BLOB PRIMARY KEY, leaf TEXT NOT NULL, identity BLOB NOT NULL) WITHOUT ROWID
"""


MARKS = 1 << 22
"""Bytes; of a million names one in five meets another's mark, and is looked for in vain."""
RECENT = 4096


@dataclass(frozen=True, slots=True)
class _Claim:
    """A wish for a plain name; ``other`` is what its owner is called when the wish fails."""

    identity: bytes
    plain: str

    @property
    def other(self) -> str:
        return twin_name(self.plain, self.identity)


class Names:
    """Who holds which name; kept in a temporary table, for there may be millions."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._contested: dict[tuple[str, bytes], set[_Claim]] = {}
        self._recent: dict[bytes, _Claim] = {}
        """Names that are not in the table yet."""
        self._marks = bytearray(MARKS)
        """A mark at the hash of each name: where there is none, nobody needs to look for it."""
        with catalog.translated():
            catalog.connection.execute(_TABLE)

    def place(self, parent: str, name: str, identity: bytes) -> str:
        """Return the host's name for ``name`` in the host directory ``parent``; the same for the same identity.

        Raises DamagedError when an attacker made two hashes equal.
        """
        wish = _Claim(identity, safe_name(name))
        holder = self._claim(parent, wish)
        if holder == wish:
            return wish.plain
        other = _Claim(identity, wish.other)
        if self._claim(parent, other).identity != identity:
            raise DamagedError(
                "shares its name with another, and the hash that would tell them apart"
            )
        group = self._contested.setdefault((parent, _key(parent, wish.plain)), {holder})
        group.add(wish)
        return other.plain

    def _claim(self, parent: str, wish: _Claim) -> _Claim:
        """Take the name if it is free; return who holds it."""
        key = _key(parent, wish.plain)
        mark = hash(key) % MARKS
        holder = self._holder(key) if self._marks[mark] else None
        if holder is None:
            self._marks[mark] = 1
            self._recent[key] = holder = wish
            if len(self._recent) >= RECENT:
                self._write()
        return holder

    def _holder(self, key: bytes) -> _Claim | None:
        if key in self._recent:
            return self._recent[key]
        with self._catalog.translated():
            run = self._catalog.connection.execute
            row = run("SELECT * FROM temp.names WHERE key = ?", (key,)).fetchone()
        return _Claim(row["identity"], row["leaf"]) if row else None

    def _write(self) -> None:
        rows = [(key, each.plain, each.identity) for key, each in self._recent.items()]
        self._recent.clear()
        with self._catalog.translated():
            self._catalog.connection.executemany("INSERT INTO temp.names VALUES (?, ?, ?)", rows)

    def settled(self) -> Iterator[tuple[str, str, str]]:
        """Yield (directory, old name, new name) of the renames due, the deepest directory first."""
        deepest_first = sorted(self._contested, key=lambda each: (-each[0].count("/"), each))
        for parent, key in deepest_first:
            rivals = self._contested[parent, key]
            first = min(rivals, key=lambda each: each.identity)
            holder = self._claim(parent, first)
            if holder != first:
                yield parent, holder.plain, holder.other
                yield parent, first.other, first.plain


def _key(parent: str, leaf: str) -> bytes:
    return upcase(f"{parent}/{leaf}").encode()
