"""NTFS: the volume's tree from one pass over the $MFT, each file's metadata and streams when they are asked for."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from extractor.errors import DamagedError
from extractor.filesystems.ntfs.file import File
from extractor.filesystems.ntfs.mft import Mft
from extractor.filesystems.ntfs.names import ROOT, plant
from extractor.filesystems.ntfs.scan import scan_mft
from extractor.filesystems.ntfs.secure import SecurityDescriptors
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
HIDDEN_BY_WOF = FILE_ATTRIBUTE_REPARSE_POINT | FILE_ATTRIBUTE_SPARSE_FILE


class NtfsFilesystem:
    """An NTFS volume, read only. Entries of one record are its hard links; paths are never used to find a file."""

    def __init__(self, volume: Volume) -> None:
        self._volume = volume
        self._mft = Mft(volume, open_ntfs_boot(volume))
        self._scan = scan_mft(self._mft)
        self._tree, orphaned = plant(self._scan)
        self._damage = [*self._mft.damage, *self._scan.damage, *orphaned]
        self._secure = self._open_secure()
        self._file = lru_cache(maxsize=256)(self._read_file)
        self._descriptor = lru_cache(maxsize=4096)(self._look_up)

    @property
    def info(self) -> VolumeInfo:
        return self._volume.info

    @property
    def root(self) -> Entry:
        return self._tree.root

    @property
    def damage(self) -> Sequence[Damage]:
        return tuple(self._damage)

    @property
    def orphans(self) -> Sequence[Entry]:
        """Entries whose directory is lost; each has a Damage too."""
        return self._tree.orphans

    def children(self, directory: Entry) -> Sequence[Entry]:
        if is_link(directory) or not directory.directory:
            return ()
        found = self._tree.children(directory.record)
        if directory.record == ROOT:
            return [each for each in found if each.record >= FIRST_NORMAL]
        return tuple(found)

    def named(self, name: str) -> Sequence[Entry]:
        return tuple(self._tree.named(name))

    def names(self, record: int) -> Sequence[Entry]:
        return tuple(self._tree.names(record))

    def path(self, entry: Entry) -> tuple[str, ...]:
        return self._tree.path(entry)

    def metadata(self, entry: Entry) -> Metadata:
        """Return everything but the content, as Windows would show it; raise DamagedError."""
        file = self._file(entry.record, entry.sequence)
        standard, reparse = file.standard_information(), file.reparse()
        descriptor, text = self._descriptor(standard.security_id) or _described(
            file.own_descriptor()
        )
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
            link_count=len(self._tree.names(entry.record)),
            object_id=file.object_id(),
            extended_attributes=file.extended_attributes(),
        )

    def open(self, entry: Entry, stream: str = "") -> Stream:
        """Open a stream as Windows would read it; raise DamagedError, UnsupportedError or EncryptedError."""
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
        self._descriptor.cache_clear()

    def _read_file(self, record: int, sequence: int) -> File:
        extensions = self._scan.extensions.get(record | sequence << 48, ())
        return File(self._mft, record, sequence, extensions)

    def _open_secure(self) -> SecurityDescriptors | None:
        try:
            sequence = self._scan.sequences.get(SECURE, SECURE)
            return SecurityDescriptors(self._read_file(SECURE, sequence).open("$SDS"))
        except DamagedError as error:
            self._damage.append(
                Damage(SECURE, f"descriptors that files share are lost: {error}", lost=False)
            )
            return None

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
