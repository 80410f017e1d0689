"""A path -> what store of Microsoft's lies there, and what a person can do with it.

Source: store.md 1 (names, from Microsoft's own scripts and team blog) and 2.2 (bytes, from file(1) magic c96410c5).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from extractor.model import upcase
from extractor.store.failures import reading

MAGIC = b"1giM"
"""Little-endian FourCC 'Mig1', at 0."""
RECORD = b"MRTS"
"""Little-endian 'STRM', a stream record: at 0x18 in a file without a password."""
FIRST_RECORD = 0x18
LAST_FIRST_RECORD = 0x34
"""The last offset at which the first record of a file with a password begins."""
HEAD = LAST_FIRST_RECORD + len(RECORD)


class Kind(StrEnum):
    """Stores of Microsoft's tools."""

    MIG = "a migration store of USMT or Windows Easy Transfer (.MIG) without a password"
    MIG_PASSWORD = "a migration store of USMT or Windows Easy Transfer (.MIG) with a password"  # noqa: S105 (a sentence)
    MIG_OTHER = (
        "a migration store of USMT or Windows Easy Transfer (.MIG) of a form that is not known"
    )
    NAMED_MIG = "by its name a compressed store of USMT, which may be encrypted"
    UNCOMPRESSED = "the catalog of an uncompressed store of USMT"
    USMT2 = "a store of USMT 2 or of the Files and Settings Transfer Wizard of Windows XP"


@dataclass(frozen=True, slots=True)
class MigFile:
    """A file of a store of Microsoft's."""

    path: Path
    kind: Kind

    @property
    def carvable(self) -> bool:
        """True when :func:`extractor.store.mig.carve.carve_mig` may find contents."""
        return self.kind in {Kind.MIG, Kind.MIG_OTHER}

    @property
    def sentence(self) -> str:
        """What it is, and what to do."""
        return f"{self.path} is {self.kind}: {_ADVICE[self.kind]}"


_MIG_ADVICE = (
    "its format is not public, so it can be neither listed nor read here;"
    " use LoadState, or `UsmtUtils /extract`, on Windows"
)
_ADVICE = {
    Kind.MIG: f"{_MIG_ADVICE}; --experimental-mig searches it for files",
    Kind.MIG_PASSWORD: f"{_MIG_ADVICE}, with its password",
    Kind.MIG_OTHER: f"{_MIG_ADVICE}; --experimental-mig searches it for files",
    Kind.NAMED_MIG: f"{_MIG_ADVICE}, with its key",
    Kind.UNCOMPRESSED: (
        "its format is not public, so settings can only be restored by LoadState on Windows; the files lie beside it in"
        r" the hidden folder File\<letter>$"
    ),
    Kind.USMT2: "only the LoadState or the wizard of the version that made it reads it, on Windows",
}
_NAMES = {
    "USMT.MIG": Kind.NAMED_MIG,
    "USMT3.MIG": Kind.NAMED_MIG,
    "CATALOG.MIG": Kind.UNCOMPRESSED,
    "MIGSTATE.DAT": Kind.UNCOMPRESSED,
    "STATUS.~LG": Kind.UNCOMPRESSED,
    "TRANSDB.DAT": Kind.USMT2,
}
"""Upcased names, in the order in which a folder is named after them."""
_FOLDERS = frozenset({"USMT", "USMT3", "USMT2.UNC"})


def recognise_mig(path: Path) -> MigFile | None:
    """Return what a file, or a folder as one gives it to LoadState (``STORE``, ``STORE/USMT``), is; None when neither.

    Raises CorruptStoreError (42) when it cannot be read.
    """
    with reading(path):
        return _folder(path) if path.is_dir() else _file(path)


def _folder(folder: Path) -> MigFile | None:
    below = [each for each in sorted(folder.iterdir()) if upcase(each.name) in _FOLDERS]
    for place in (folder, *(each for each in below if each.is_dir())):
        files = {upcase(each.name): each for each in sorted(place.iterdir()) if each.is_file()}
        named = [files[name] for name in _NAMES if name in files]
        parts = [each for name, each in files.items() if _is_part(name)]
        for file in (*named, *parts):
            found = _file(file)
            if found is not None:
                return found
    return None


def _file(path: Path) -> MigFile | None:
    name = upcase(path.name)
    if not path.is_file():
        return None
    with path.open("rb") as file:
        head = file.read(HEAD)
    kind = _kind_of(head) or _NAMES.get(name)
    if kind is None and _is_part(name) and upcase(path.absolute().parent.name) == "USMT2.UNC":
        kind = Kind.USMT2
    return MigFile(path, kind) if kind else None


def _is_part(name: str) -> bool:
    """Tell whether a name is ``IMG00001.DAT`` or alike."""
    return name.startswith("IMG") and name.endswith(".DAT") and name[3:-4].isdigit()


def _kind_of(head: bytes) -> Kind | None:
    if not head.startswith(MAGIC):
        return None
    first = head.find(RECORD, FIRST_RECORD)
    if first == FIRST_RECORD:
        return Kind.MIG
    return Kind.MIG_OTHER if first < 0 else Kind.MIG_PASSWORD
