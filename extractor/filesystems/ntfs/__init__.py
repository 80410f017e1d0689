"""NTFS, read for evidence: names from the $MFT itself, content as Windows would give it, damage named.

In: a Volume. Out: a Filesystem. Words defined here: a *record* is a FILE_RECORD_SEGMENT of the $MFT; an *extension*
is a further record of the same file; an *overlay* is a file compressed by the Windows Overlay Filter (WOF).

    records    bytes -> header, attributes, names    scan     $MFT -> names and damage
    runs       mapping pairs (dissect.ntfs)          names    names -> Tree
    mft        $MFT as a file                        file     attributes -> Metadata, Streams
    streams    runs, holes, LZNT1                    secure   $Secure:$SDS
    wof codecs reparse                               efs      encrypted streams as they lie on the disk
                                                     filesystem  the Filesystem itself
"""

from __future__ import annotations

from extractor.filesystems.ntfs.filesystem import NtfsFilesystem

__all__ = ["NtfsFilesystem"]
