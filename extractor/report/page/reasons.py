"""A sentence of this program -> the kind of loss that it tells of, in the words of whoever lost something.

The sentences come from ``filesystems``, ``gather``, ``efs`` and ``select``; one that no pattern here knows counts as
damage, which is the most careful answer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reason:
    """A kind of loss in plain words: what it means, and what can be done."""

    key: str
    title: str
    meaning: str
    remedy: str
    signs: re.Pattern[str]


def _reason(key: str, title: str, meaning: str, remedy: str, signs: str) -> Reason:
    return Reason(key, title, meaning, remedy, re.compile(signs))


LOST_SETTINGS = _reason(
    "settings",
    "Settings that could not be read",
    "The registry files that held them are damaged here. The programs concerned start with their defaults.",
    "`coldstate hive FILE` shows what is left of a registry file; a shadow copy (`--shadow`) may hold a whole one.",
    r"(?!)",
)
REASONS_KNOWN = (
    _reason(
        "cloud",
        "Only in the cloud",
        "Placeholders of OneDrive or another service: a name and a size, whose content was never on this disk.",
        "Sign in to the same cloud account on the new computer and let it download them. Make sure that the account "
        "still exists before anybody closes it.",
        r"^cloud-only|^offline: its content",
    ),
    _reason(
        "encrypted",
        "Encrypted, without a key",
        "Encrypted with EFS: only the owner's certificate or password opens them.",
        "Scan again with `/efs:copyraw` to carry them as they are, or with `/efs:decryptcopy` and the owner's "
        "certificate (`--efs-pfx`) or Windows password (`--efs-user-password`).",
        r"encrypted with EFS|^its \$EFS|private key|master key|DPAPI|the file's key",
    ),
    _reason(
        "elsewhere",
        "Kept in another place by Windows",
        "Deduplicated, or backed by an image file: what stands here is only a pointer.",
        "Have this volume read on a Windows with the same feature, or restore these files from a backup.",
        r"^deduplicated|^backed by a WIM|Windows Overlay Filter in an unknown way",
    ),
    _reason(
        "sparse",
        "Larger than any disk",
        "Files that claim a size far beyond what is allocated for them.",
        "If such a file is wanted, scan again with a higher `--sparse-limit`: its empty part is stored as a hole.",
        r"^sparse file of",
    ),
    _reason(
        "orphaned",
        "In a folder that is lost",
        "Their content is whole, but the folder they belong to is damaged, so nobody knows whose they are.",
        "Look at the names below; single files can be taken from the image by hand.",
        r"^it lies in file record",
    ),
    _reason(
        "damaged",
        "Damaged on this disk",
        "Parts of them, or of the records that describe them, cannot be read or contradict themselves.",
        "Image the disk again with a tool for failing disks, look into a shadow copy (`--shadow`), or restore from a "
        "backup.",
        r"",
    ),
)


def reason_of(sentence: str) -> Reason:
    """Return the kind of loss that one of this program's sentences tells of."""
    return next(each for each in REASONS_KNOWN if each.signs.search(sentence))
