"""What is no disk image we read, recognised by content and named with what to do about it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from extractor.errors import ImageError

BLANK_LIMIT = 64 << 20
"""How far a file that begins and ends with zeros is looked through, in bytes: beyond, it may be a wiped disk."""


class Source(Protocol):
    """Bytes to look through."""

    def read(self, offset: int, length: int, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Foreign:
    """A kind of file: how its first bytes look, what it is and what to do."""

    name: str
    advice: str
    looks: Callable[[bytes], bool]


def _starts(*magics: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(magics)


def _is_iso(head: bytes) -> bool:
    # A hybrid ISO is also a disk with a partition table, and old data may lie in the gap before a partition.
    return head[32769:32774] == b"CD001" and head[510:512] != b"\x55\xaa"


def _is_tar(head: bytes) -> bool:
    return head[257:262] == b"ustar" and head[510:512] != b"\x55\xaa"


CONVERT = "convert it first: qemu-img convert -O raw IMAGE disk.raw"
UNPACK = "unpack it and name the image inside"
FOREIGNERS = (
    Foreign(
        "an EnCase 7 evidence file (Ex01)",
        "no open library reads Ex01 reliably; export it to E01 or raw with the tool that made it",
        _starts(b"EVF2\r\n\x81\x00"),
    ),
    Foreign(
        "a logical evidence file (Lx01)",
        "it holds chosen files, not a disk; a disk image is needed",
        _starts(b"LEF2\r\n\x81\x00"),
    ),
    Foreign(
        "a logical evidence file (L01)",
        "it holds chosen files, not a disk; a disk image is needed",
        _starts(b"LVF\x09\r\n\xff\x00"),
    ),
    Foreign(
        "an encrypted AD1/E01 container (AccessData AD Encryption)",
        "decrypt it first with the tool that made it",
        _starts(b"ADCRYPT"),
    ),
    Foreign(
        "an AccessData logical image (AD1)",
        "it holds chosen files, not a disk; a disk image is needed",
        _starts(b"ADSEGMENTEDFILE"),
    ),
    Foreign("an AFF image", "convert it first: affconvert -e raw IMAGE", _starts(b"AFF10\r\n")),
    Foreign("a Parallels disk", CONVERT, _starts(b"WithoutFreeSpace", b"WithouFreSpacExt")),
    Foreign(
        "a USMT migration store (.MIG)",
        "it is the output of ScanState, not a disk; name the disk image",
        _starts(b"1giM"),
    ),
    Foreign(
        "a Windows image file (WIM)",
        "it holds files, not a disk; apply it to a volume first",
        _starts(b"MSWIM\0\0\0"),
    ),
    Foreign("an ISO 9660 disc image", "a disk image of the computer is needed", _is_iso),
    Foreign("a gzip file", UNPACK, _starts(b"\x1f\x8b\x08")),
    Foreign("an xz file", UNPACK, _starts(b"\xfd7zXZ\0")),
    Foreign("a bzip2 file", UNPACK, _starts(b"BZh91AY&SY")),
    Foreign("a Zstandard file", UNPACK, _starts(b"\x28\xb5\x2f\xfd")),
    Foreign("a 7-Zip archive", UNPACK, _starts(b"7z\xbc\xaf\x27\x1c")),
    Foreign("a RAR archive", UNPACK, _starts(b"Rar!\x1a\x07")),
    Foreign("a tar archive", UNPACK, _is_tar),
    Foreign("a PDF document", "name the disk image", _starts(b"%PDF-")),
)
CONTAINERS = {".vhdx", ".avhdx", ".e01", ".s01", ".qcow2", ".vmdk", ".vdi"}
"""Suffixes of formats that begin with a signature."""
ZIP = b"PK\x03\x04"
TEXT_BYTES = re.compile(rb"[\x08-\x0d\x1b\x20-\x7e\x80-\xff]+")


def refuse_foreign(path: Path, head: bytes) -> None:
    """Raise ImageError when a file's first bytes (64 KiB) are those of a format we name but do not read."""
    for foreign in FOREIGNERS:
        if foreign.looks(head):
            raise ImageError(f"{path} is {foreign.name}: {foreign.advice}")
    if head.startswith(ZIP):
        raise ImageError(f"{path} is {_zip_kind(head)}")


def _zip_kind(head: bytes) -> str:
    # An AFF4 volume is a ZIP whose first member is container.description (AFF4 standard 1.0, 3.2).
    if b"container.description" in head or b"version.txt" in head[:64]:
        return "an AFF4 image: no maintained library reads AFF4; export it to E01 or raw with the tool that made it"
    return f"a ZIP archive: {UNPACK}"


def refuse_text(path: Path, head: bytes) -> None:
    """Raise ImageError when a file's first bytes are a text."""
    if _is_text(head):
        raise ImageError(f"{path} is a text file, not a disk image")


def _is_text(head: bytes) -> bool:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _decodes(head[: len(head) & ~1], "utf-16") and b"\0\0\0\0" not in head
    # The end may cut a character of up to four bytes.
    return bool(TEXT_BYTES.fullmatch(head)) and any(
        _decodes(head[: len(head) - cut], "utf-8") for cut in range(4)
    )


def _decodes(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def refuse_headless(path: Path, head: bytes) -> None:
    """Raise ImageError for what is named as a container but lacks its signature, so that no reader took it.

    Read as raw it would give wrong bytes. A boot signature speaks for a raw disk under a wrong name, but not where
    the name is ``.vhd``: a fixed VHD is raw up to its footer, and one without footer is cut.
    """
    suffix = path.suffix.lower()
    bootable = head[510:512] == b"\x55\xaa"
    if suffix in {".vhd", ".avhd"} or (suffix in CONTAINERS and not bootable):
        raise ImageError(
            f"{path} is named {suffix[1:].upper()} but has not that format's signature: it is cut or damaged "
            "(if it is a raw disk, rename it to .raw)"
        )


def refuse_blank(path: Path, source: Source, size: int) -> None:
    """Raise ImageError when a file holds nothing but zeros, or is too small to be a disk.

    A disk whose beginning alone is wiped may still hold a volume, so only a file that was read to its end
    (up to 64 MiB) is called blank.
    """
    if size < 512:
        raise ImageError(f"{path} is too small to be a disk image: it has {size} bytes")
    if any(source.read(max(0, size - 4096), min(4096, size))) or size > BLANK_LIMIT:
        return
    step = 1 << 20
    for offset in range(0, size, step):
        part = source.read(offset, min(step, size - offset))
        if part.count(0) != len(part):
            return
    raise ImageError(f"{path} holds no partition table and no file system: all its bytes are zeros")
