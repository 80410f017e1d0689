"""NTFS volumes made of records: whatever a test wants the $MFT to say, and nothing else.

Layouts as in Microsoft's "Master File Table" pages. Clusters of 512 bytes; the $MFT lies at cluster 4, or where its
run list says.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

from extractor.filesystems.ntfs import NtfsFilesystem
from extractor.model import BadRange
from extractor.testing import FakeImage
from extractor.volumes import volumes

CLUSTER, STRIDE, FIRST = 512, 512, 4
TIME = 133_000_000_000_000_000
WIN32, DOS = 1, 2
ROOT = 5 | 5 << 48


def padded(data: bytes, unit: int = 8) -> bytes:
    return data.ljust(-(-len(data) // unit) * unit, b"\0")


def resident(kind: int, value: bytes, name: str = "") -> bytes:
    text = padded(name.encode("utf-16-le", "surrogatepass"))
    body = padded(text + value)
    head = struct.pack(
        "<IIBBHHHIHBx", kind, 24 + len(body), 0, len(name), 24, 0, 0, len(value), 24 + len(text), 0
    )
    return head + body


def nonresident(
    kind: int, pairs: bytes, size: int, *, lowest: int = 0, count: int = 0, flags: int = 0
) -> bytes:
    """``pairs`` without their end; ``count`` is the number of clusters of this piece."""
    body = padded(pairs + b"\0")
    last = lowest + count - 1
    head = struct.pack(
        "<IIBBHHHQQHHIQQQ", kind, 64 + len(body), 1, 0, 64, flags, 0, lowest, max(last, 0), 64, 0, 0,
        size, size, size,
    )  # fmt: skip
    return head + body


def standard(attributes: int = 0x20) -> bytes:
    return resident(0x10, struct.pack("<4QI12x", TIME, TIME + 1, TIME + 2, TIME + 3, attributes))


def file_name(name: str, parent: int = ROOT, namespace: int = WIN32) -> bytes:
    text = name.encode("utf-16-le", "surrogatepass")
    value = struct.pack("<Q4Q24xBB", parent, TIME, TIME, TIME, TIME, len(text) // 2, namespace)
    return resident(0x30, value + text)


def listed(kind: int, record: int, lowest: int = 0) -> bytes:
    """One ATTRIBUTE_LIST_ENTRY."""
    return struct.pack("<IHBBQQH6x", kind, 32, 0, 26, lowest, record | 1 << 48, 0)


def record(
    *attributes: bytes, base: int = 0, directory: bool = False, sequence: int = 1, size: int = 512
) -> bytes:
    body = b"".join(attributes) + b"\xff" * 4
    flags = 3 if directory else 1
    head = struct.pack(
        "<4sHHQHHHHIIQHHI", b"FILE", 48, size // STRIDE + 1, 0, sequence, 1, 56 + 8 * (size > 2048),
        flags, 56 + 8 * (size > 2048) + len(body), size, base, 9, 0, 0,
    )  # fmt: skip
    whole = bytearray((head + bytes(8 + 8 * (size > 2048)) + body).ljust(size, b"\0"))
    assert len(whole) == size, "too much for one record"
    whole[48:50] = b"\x07\0"
    for index in range(1, size // STRIDE + 1):
        end = index * STRIDE
        whole[48 + 2 * index : 50 + 2 * index] = whole[end - 2 : end]
        whole[end - 2 : end] = b"\x07\0"
    return bytes(whole)


def run(clusters: int, distance: int) -> bytes:
    return b"\x44" + struct.pack("<Ii", clusters, distance)


def volume_of(
    records: Mapping[int, bytes], *, spare: int = 64, mft: Sequence[bytes] = (), size: int = 512
) -> bytearray:
    """Return a volume with these records; 0 and 5 are made. ``spare`` clusters follow the $MFT."""
    count = max(*records, 23) + 1
    length = count * size
    clusters = length // CLUSTER
    own = mft or (standard(), file_name("$MFT"),
                  nonresident(0x80, run(clusters, FIRST), length, count=clusters))  # fmt: skip
    root = record(standard(), file_name(".", 5 | 5 << 48), directory=True, sequence=5, size=size)
    table = {5: root, **records, 0: record(*own, size=size)}
    content = bytearray((FIRST + clusters + spare) * CLUSTER)
    content[:11] = b"\xebR\x90NTFS    "
    struct.pack_into("<HB", content, 11, 512, CLUSTER // 512)
    struct.pack_into("<QQQ", content, 40, len(content) // 512, FIRST, 2)
    exponent = size.bit_length() - 1
    struct.pack_into("<bxxxbxxxQ", content, 64, -exponent, 1, 0xFEED)
    content[510:512] = b"\x55\xaa"
    for number, raw in table.items():
        place = FIRST * CLUSTER + number * size
        content[place : place + size] = raw
    return content


def opened(content: bytes | bytearray, bad: Sequence[BadRange] = ()) -> NtfsFilesystem:
    (volume,) = volumes([FakeImage(bytes(content), bad=bad)])
    return NtfsFilesystem(volume)
