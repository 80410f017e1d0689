"""Volumes for these tests: the sample images, as they are and with bytes changed."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import pytest

from extractor.filesystems.ntfs import NtfsFilesystem
from extractor.testing import FakeImage
from extractor.volumes import volumes
from extractor.volumes.ntfs_boot import open_ntfs_boot
from sample_images import unpack

if TYPE_CHECKING:
    from collections.abc import Sequence

    from extractor.model import BadRange, Entry
    from extractor.seams import Filesystem, Stream, Volume


@cache
def sample(name: str) -> bytes:
    return unpack(name).read_bytes()


def ntfs_volumes(content: bytes, bad: Sequence[BadRange] = ()) -> list[Volume]:
    return [v for v in volumes([FakeImage(content, bad=bad)]) if v.info.filesystem == "ntfs"]


@dataclass
class Spoilt:
    """The volume of ``solo`` as bytes that a test may change."""

    content: bytearray

    def place(self, record: int) -> int:
        boot = open_ntfs_boot(FakeImage(bytes(self.content)))
        return boot.mft * boot.cluster_size + record * boot.record_size

    def write(self, record: int, offset: int, data: bytes) -> None:
        start = self.place(record) + offset
        self.content[start : start + len(data)] = data

    def attribute(self, record: int, kind: int) -> int:
        """Return where an attribute begins in the record."""
        place = self.place(record)
        position = struct.unpack_from("<H", self.content, place + 20)[0]
        while True:
            found, length = struct.unpack_from("<II", self.content, place + position)
            if found == kind:
                return int(position)
            assert found != 0xFFFFFFFF
            position += length

    def open(self, bad: Sequence[BadRange] = ()) -> NtfsFilesystem:
        (volume,) = ntfs_volumes(bytes(self.content), bad)
        return NtfsFilesystem(volume)


@pytest.fixture
def spoilt() -> Spoilt:
    return Spoilt(bytearray(sample("solo")))


@pytest.fixture(scope="session")
def solo() -> NtfsFilesystem:
    return NtfsFilesystem(ntfs_volumes(sample("solo"))[0])


def content(stream: Stream) -> bytes:
    return stream.read_at(0, stream.size)


def paths(filesystem: Filesystem, entries: Sequence[Entry]) -> list[str]:
    return ["\\".join(filesystem.path(each)) for each in entries]
