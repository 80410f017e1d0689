"""NTFS, read for evidence: names from the $MFT itself, content as Windows would give it, damage named.

In: a Volume. Out: a Filesystem. Words defined here: a *record* is a FILE_RECORD_SEGMENT of the $MFT; an *extension*
is a further record of the same file; an *overlay* is a file compressed by the Windows Overlay Filter (WOF); an *odd*
record is one that is not decoded with the others of its slice; a *plain* file has one record, names and streams.

    records    bytes -> header, attributes, names    mft      $MFT as a file
    columns    how columns are laid out              slices   many records at once -> columns
    table      $MFT -> Table: all columns, damage    names    Table -> entries, the tree
    plain      Table -> Metadata, Streams            runs     mapping pairs -> runs
    file       the same of any file, from records    streams  runs, holes, LZNT1
    secure     $Secure:$SDS                          efs      encrypted streams as they lie on the disk
    wof codecs reparse                               frozen   frozen dataclasses, made quickly
    filesystem the Filesystem itself
"""

from __future__ import annotations

from extractor.filesystems.ntfs.filesystem import NtfsFilesystem

__all__ = ["NtfsFilesystem"]
