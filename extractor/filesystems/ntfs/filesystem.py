"""NTFS: the volume's tree from one pass over the $MFT, each file's metadata and streams when they are asked for."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from extractor.errors import DamagedError
from extractor.filesystems.ntfs.file import File
from extractor.filesystems.ntfs.mft import Mft
from extractor.filesystems.ntfs.names import ROOT, Names
from extractor.filesystems.ntfs.plain import PlainFiles
from extractor.filesystems.ntfs.secure import SecurityDescriptors
from extractor.filesystems.ntfs.table import read_table
from extractor.filesystems.ntfs.wof import wof_algorithm
from extractor.filesystems.sddl import sddl
from extractor.filesystems.tree import is_link
from extractor.model import (
    FILE_ATTRIBUTE_DIRECTORY,
    FILE_ATTRIBUTE_REPARSE_POINT,
    FILE_ATTRIBUTE_SPARSE_FILE,
    Damage,
    Entry,
    Metadata,
    VolumeInfo,
)
from extractor.volumes.ntfs_boot import open_ntfs_boot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from extractor.seams import Ciphertext, Stream, Volume

SECURE = 9
FIRST_NORMAL = 16
"""Records below hold the file system's own files ($MFT, $LogFile … $Extend)."""
SMALL = 4096
"""Bytes of a descriptor that is kept with its text."""
HIDDEN_BY_WOF = FILE_ATTRIBUTE_REPARSE_POINT | FILE_ATTRIBUTE_SPARSE_FILE


class NtfsFilesystem:
    """An NTFS volume, read only. Entries of one record are its hard links; paths are never used to find a file."""

    def __init__(self, volume: Volume) -> None:
        self._volume = volume
        self._mft = Mft(volume, open_ntfs_boot(volume))
        self._table = read_table(self._mft)
        self._names = Names(self._table)
        self._plain = PlainFiles(self._mft, self._table)
        self._damage = [*self._mft.damage, *self._table.damage, *self._names.damage]
        self._secure = self._open_secure()
        self._file = lru_cache(maxsize=256)(self._read_file)
        self._shared = lru_cache(maxsize=4096)(self._look_up)
        self._own = lru_cache(maxsize=4096)(_described)

    @property
    def info(self) -> VolumeInfo:
        return self._volume.info

    @property
    def root(self) -> Entry:
        return self._names.root

    @property
    def damage(self) -> Sequence[Damage]:
        return tuple(self._damage)

    @property
    def orphans(self) -> Sequence[Entry]:
        """Entries whose directory is lost; each has a Damage too."""
        return self._names.orphans

    def children(self, directory: Entry) -> Sequence[Entry]:
        if is_link(directory) or not directory.directory:
            return ()
        found = self._names.children(directory.record)
        if directory.record == ROOT:
            return [each for each in found if each.record >= FIRST_NORMAL]
        return found

    def named(self, name: str) -> Sequence[Entry]:
        return self._names.named(name)

    def names(self, record: int) -> Sequence[Entry]:
        return self._names.names(record)

    def path(self, entry: Entry) -> tuple[str, ...]:
        return self._names.path(entry)

    def metadata(self, entry: Entry) -> Metadata:
        """Return everything but the content, as Windows would show it; raise DamagedError."""
        plain = self._plain.metadata(entry, self._describe)
        return plain if plain is not None else self._exact_metadata(entry)

    def _exact_metadata(self, entry: Entry) -> Metadata:
        """Return the metadata of any file, from its records."""
        file = self._file(entry.record, entry.sequence)
        standard, reparse = file.standard_information(), file.reparse()
        descriptor, text = self._describe(standard.security_id, file.own_descriptor())
        attributes = standard.attributes | (FILE_ATTRIBUTE_DIRECTORY if entry.directory else 0)
        if wof_algorithm(reparse):
            # The filter shows an overlaid file as an ordinary one.
            reparse, attributes = None, attributes & ~HIDDEN_BY_WOF
        return Metadata(
            attributes=attributes,
            times=standard.times,
            name_times=file.name_times(entry),
            streams=tuple(file.streams()),
            security=descriptor,
            sddl=text,
            reparse=reparse,
            link_count=self._names.links(entry.record),
            object_id=file.object_id(),
            extended_attributes=file.extended_attributes(),
        )

    def open(self, entry: Entry, stream: str = "") -> Stream:
        """Open a stream as Windows would read it; raise DamagedError, UnsupportedError or EncryptedError."""
        plain = self._plain.open(entry, stream)
        if plain is not None:
            return plain
        return self._file(entry.record, entry.sequence).open(stream)

    def efs(self, entry: Entry) -> bytes:
        """Return the $EFS attribute of a file or directory, empty when there is none; raise DamagedError."""
        return self._file(entry.record, entry.sequence).efs()

    def ciphertext(self, entry: Entry, stream: str = "") -> Ciphertext:
        """Return an encrypted stream as it lies on the disk; raise DamagedError."""
        return self._file(entry.record, entry.sequence).ciphertext(stream)

    def close(self) -> None:
        """Forget what was read; the image is closed by whoever opened it."""
        self._file.cache_clear()
        self._shared.cache_clear()
        self._own.cache_clear()

    def _read_file(self, record: int, sequence: int) -> File:
        extensions = self._table.extensions.get(record | sequence << 48, ())
        return File(self._mft, record, sequence, extensions)

    def _open_secure(self) -> SecurityDescriptors | None:
        try:
            sequence = self._table.sequence(SECURE) or SECURE
            return SecurityDescriptors(self._read_file(SECURE, sequence).open("$SDS"))
        except DamagedError as error:
            self._damage.append(
                Damage(SECURE, f"descriptors that files share are lost: {error}", lost=False)
            )
            return None

    def _describe(self, identity: int, own: bytes) -> tuple[bytes, str]:
        """Return the descriptor of a file and its text: the shared one, or its own where it has no id."""
        shared = self._shared(identity)
        if shared is not None:
            return shared
        return self._own(own) if len(own) <= SMALL else _described(own)

    def _look_up(self, identity: int) -> tuple[bytes, str] | None:
        """Return a shared descriptor; one that is lost is named once, and the file is read without it."""
        if not identity or self._secure is None:
            return None
        try:
            return _described(self._secure.lookup(identity))
        except DamagedError as error:
            self._damage.append(Damage(SECURE, str(error), lost=False))
            return b"", ""


def _described(descriptor: bytes) -> tuple[bytes, str]:
    """Return a descriptor with its text; one that is not well formed is kept as bytes alone."""
    if not descriptor:
        return b"", ""
    try:
        return descriptor, sddl(descriptor)
    except DamagedError:
        return descriptor, ""
