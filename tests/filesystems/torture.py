"""Volumes that ntfs-3g fills with whatever is hard to read, and what must be read from them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from extractor.errors import DamagedError
from extractor.filesystems import open_filesystem, walk
from extractor.images import open_image
from extractor.model import VolumeInfo
from extractor.seams import Filesystem, Stream, Volume
from extractor.volumes import volumes
from sample_images import ntfs, reparse
from sample_images.records import Edit, edit_records, shortened
from sample_images.run import run
from tests.conftest import need_mounting, need_tool

COMPRESSED = 0x800
"""FILE_ATTRIBUTE_COMPRESSED: what is made in such a directory is compressed (LZNT1)."""
LONGEST_COMPRESSED = 4096
"""Bytes of the largest cluster with which NTFS compresses."""
LARGE = 1 << 16
"""Bytes of a cluster above which a few files say as much as many."""
Streams = dict[str, bytes]
"""Name of a stream ("" for the file's own content) -> its bytes."""


@contextmanager
def made(path: Path, size: int, *geometry: str) -> Iterator[Path]:
    """Make a volume of ``size`` bytes (mkntfs' options are ``geometry``) and mount it while the caller fills it."""
    need_tool("mkntfs", "ntfs-3g", "umount")
    need_mounting()
    with path.open("wb") as file:
        file.truncate(size)
    run("mkntfs", "-Q", "-F", "-q", "-T", "-p", "0", "-H", "255", "-S", "63", *geometry, str(path))
    with ntfs._mounted(path) as root:
        yield root


@contextmanager
def opened(path: Path) -> Iterator[Filesystem]:
    """Open the one volume of an image."""
    with open_image(path) as image:
        (volume,) = volumes([image])
        filesystem = open_filesystem(volume)
        yield filesystem
        filesystem.close()


def whole(stream: Stream) -> bytes:
    return stream.read_at(0, stream.size)


def read_all(filesystem: Filesystem) -> dict[tuple[str, ...], Streams]:
    """Return every stream of every file and directory, by path."""
    return {
        filesystem.path(entry): {
            stream.name: whole(filesystem.open(entry, stream.name))
            for stream in filesystem.metadata(entry).streams
        }
        for entry in walk(filesystem, filesystem.root)
    }


@dataclass
class Zoo:
    """Files of all kinds on a mounted volume, and what each holds."""

    root: Path
    cluster: int
    random: Random = field(default_factory=lambda: Random(5))
    wanted: dict[tuple[str, ...], Streams] = field(default_factory=dict)
    edits: list[Edit] = field(default_factory=list)
    """What no driver writes; ``finish`` puts it into the records of the unmounted volume."""

    def folder(self, name: str, attributes: int = 0) -> Path:
        path = self.root / name
        path.mkdir()
        if attributes:
            os.setxattr(path, "system.ntfs_attrib_be", attributes.to_bytes(4, "big"))
        self.wanted[name,] = {}
        return path

    def add(self, folder: Path, name: str, data: bytes, streams: Mapping[str, bytes] = {}) -> Path:
        path = folder / name
        path.write_bytes(data)
        self._add_streams(path, streams)
        self.wanted[folder.name, name] = {"": data, **streams}
        return path

    def _add_streams(self, path: Path, streams: Mapping[str, bytes]) -> None:
        for name, data in streams.items():
            Path(f"{path}:{name}").write_bytes(data)

    def sizes(self) -> None:
        """Resident, barely not, and around the ends of clusters."""
        folder, unit = self.folder("sizes"), self.cluster
        for size in (0, 1, 500, 700, 1500, 5000, unit - 1, unit, unit + 1, 2 * unit + 17):
            self.add(folder, f"{size}.bin", self.random.randbytes(size))

    def streams(self) -> None:
        """Named streams, small and large, of files and of a directory."""
        folder = self.folder("streams")
        large = self.random.randbytes(2 * self.cluster + 5)
        streams = {"a": b"", "b": b"small", "名 前": large, "Z" * 200: large[::-1]}
        self.add(folder, "file", b"own", streams)
        self._add_streams(folder, streams)
        self.wanted[folder.name,] = dict(streams)

    def holes(self) -> None:
        """Data between holes, at the start, in the middle, at the end; and a hole alone."""
        folder = self.folder("holes")
        length, piece = 10 * self.cluster + 100, self.random.randbytes(self.cluster + 3)
        for name, offsets in {
            "start": [0], "end": [length - len(piece)], "none": [],
            "many": range(0, length - len(piece), 3 * self.cluster),
        }.items():  # fmt: skip
            data = bytearray(length)
            with (folder / name).open("wb") as file:
                for offset in offsets:
                    os.pwrite(file.fileno(), piece, offset)
                    data[offset : offset + len(piece)] = piece
                file.truncate(length)
            self.wanted[folder.name, name] = {"": bytes(data)}

    def compressed(self) -> None:
        """LZNT1: units that shrink, that do not, of zeros, in one file; written late and in pieces."""
        folder, unit = self.folder("compressed", COMPRESSED), 16 * self.cluster
        text = b"".join(b"line %d of a text that repeats itself\r\n" % n for n in range(30_000))
        noise = self.random.randbytes(3 * unit)
        mixed = text[: unit + 77] + noise + bytes(2 * unit) + text[: 2 * unit] + noise[:1000]
        for name, data in {
            "text": text[: 5 * unit + 123], "noise": noise, "zeros": bytes(3 * unit), "mixed": mixed,
            "one unit": text[:unit], "a byte more": text[: unit + 1], "a byte less": text[: unit - 1],
        }.items():  # fmt: skip
            self.add(folder, name, data)
        with (folder / "appended").open("wb") as file:
            for start in range(0, len(mixed), 4321):
                file.write(mixed[start : start + 4321])
        self.wanted[folder.name, "appended"] = {"": mixed}

    def overlaid(self) -> None:
        """WOF in its four algorithms, around the ends of chunks."""
        need_tool("wimlib-imagex")
        folder = self.folder("overlaid")
        text = b"".join(b"%d squared is %d\r\n" % (n, n * n) for n in range(9_000))
        noise = self.random.randbytes(1 << 17)
        for kind, (_, _, chunk) in reparse.WOF_KINDS.items():
            for size in (1, chunk - 1, chunk, chunk + 1, 3 * chunk, 4 * chunk + 5):
                half = size // 2
                data = text[:half] + noise[: size - half] if size % 2 else text[:size]
                path = folder / f"{kind} {size}"
                Path(f"{path}:WofCompressedData").write_bytes(reparse.wof_stream(data, kind))
                os.truncate(path, size)
                os.setxattr(path, "system.ntfs_reparse_data", reparse.wof(kind))
                self.wanted[folder.name, path.name] = {"": data}

    def valid(self) -> None:
        """A valid data length below the size: what an earlier file left there is on the disk, and is not read."""
        self._shortened(self.folder("valid"))
        if self.cluster <= LONGEST_COMPRESSED:
            self._shortened(self.folder("valid compressed", COMPRESSED))

    def _shortened(self, folder: Path) -> None:
        unit = self.cluster
        size = max(5 * unit + 33, 40_000)
        stale = b"left by an earlier file, nobody may read it. " * (size // 45 + 1)
        few = (0, unit + 1, size - 1)
        many = (*few, 1, 511, unit - 1, unit, 3 * unit, size)
        for valid in few if unit > LARGE else many:
            path = self.add(folder, str(valid), stale[:size])
            self.edits.append(shortened(path.stat().st_ino, valid))
            self.wanted[folder.name, path.name] = {"": stale[:valid].ljust(size, b"\0")}

    def finish(self, image: Path) -> None:
        edit_records(image, self.edits)

    def interleaved(self) -> None:
        """Two files written by turns, a cluster of one, a cluster of the other."""
        folder = self.folder("interleaved")
        piece, turns = self.random.randbytes(self.cluster), range(4 if self.cluster > LARGE else 12)
        with (folder / "a").open("wb", 0) as first, (folder / "b").open("wb", 0) as second:
            for number in turns:
                first.write(bytes([number]) + piece[1:])
                second.write(piece[:-1] + bytes([number]))
        self.wanted[folder.name, "a"] = {"": b"".join(bytes([n]) + piece[1:] for n in turns)}
        self.wanted[folder.name, "b"] = {"": b"".join(piece[:-1] + bytes([n]) for n in turns)}


class Unreadable:
    """A volume of which some ranges cannot be read: ``bad`` are ``(offset, length)`` in bytes."""

    def __init__(self, volume: Volume, bad: list[tuple[int, int]]) -> None:
        self._volume, self._bad = volume, bad

    @property
    def info(self) -> VolumeInfo:
        return self._volume.info

    @property
    def size(self) -> int:
        return self._volume.size

    def read_at(self, offset: int, length: int) -> bytes:
        for start, size in self._bad:
            if offset < start + size and start < offset + length:
                raise DamagedError(f"bad sector at byte {start}")
        return self._volume.read_at(offset, length)
