"""Content that is hard to read, in volumes of every geometry, is what was written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from random import Random
from time import process_time, time

import pytest

from extractor.errors import DamagedError, SourceError
from extractor.filesystems import find, open_filesystem, walk
from extractor.model import Entry, Metadata, Run, StreamInfo
from extractor.seams import Filesystem
from extractor.testing import FakeImage
from extractor.volumes import volumes
from tests.filesystems.torture import (
    LONGEST_COMPRESSED,
    Unreadable,
    Zoo,
    made,
    opened,
    read_all,
    whole,
)

MIB, GIB, TIB = 1 << 20, 1 << 30, 1 << 40
GEOMETRIES = {
    "clusters of 512 bytes": (512, 512),
    "clusters of 1 KiB": (512, 1024),
    "clusters of 4 KiB": (512, 4096),
    "clusters of 64 KiB": (512, 1 << 16),
    "clusters of 256 KiB": (512, 1 << 18),
    "clusters of 2 MiB": (512, 2 * MIB),
    "sectors and records of 4 KiB": (4096, 4096),
    "sectors of 4 KiB, clusters of 64 KiB": (4096, 1 << 16),
}


@pytest.mark.parametrize("name", GEOMETRIES)
def test_whatever_was_written_is_read_with_any_geometry(name: str, tmp_path: Path) -> None:
    sector, cluster = GEOMETRIES[name]
    image = tmp_path / "zoo.raw"
    size = 96 * MIB if cluster <= 1 << 16 else 250 * cluster
    with made(image, size, "-s", str(sector), "-c", str(cluster)) as root:
        zoo = Zoo(root, cluster)
        zoo.sizes()
        zoo.streams()
        zoo.holes()
        zoo.interleaved()
        zoo.overlaid()
        zoo.valid()
        if cluster <= LONGEST_COMPRESSED:
            zoo.compressed()
    zoo.finish(image)
    with opened(image) as filesystem:
        found = read_all(filesystem)
        assert filesystem.damage == ()
    assert found.keys() == zoo.wanted.keys()
    assert [path for path, streams in found.items() if streams != zoo.wanted[path]] == []


def test_any_part_of_what_is_hard_to_read_is_that_part(tmp_path: Path) -> None:
    image, random = tmp_path / "zoo.raw", Random(7)
    with made(image, 64 * MIB, "-c", "1024") as root:
        zoo = Zoo(root, 1024)
        zoo.holes()
        zoo.compressed()
        zoo.overlaid()
        zoo.valid()
    zoo.finish(image)
    with opened(image) as filesystem:
        for path, streams in zoo.wanted.items():
            entry = find(filesystem, path)
            assert entry is not None
            for name, data in streams.items():
                stream = filesystem.open(entry, name)
                for _ in range(60):
                    offset, length = random.randrange(len(data) + 2), random.randrange(70_000)
                    assert stream.read_at(offset, length) == data[offset : offset + length]


# --- large ----------------------------------------------------------------------------------------


def pieces_of(filesystem: Filesystem, name: str) -> tuple[int, list[tuple[int, bytes]]]:
    """Return the size of a file, and its content where there is some, with the offset."""
    entry = find(filesystem, (name,))
    assert entry is not None
    stream = filesystem.open(entry)
    return stream.size, [(at, stream.read_at(at, count)) for at, count in stream.extents()]


@pytest.mark.parametrize("size", [8 * TIB, 4 * GIB + 12_345, 4 * GIB], ids=str)
def test_a_huge_sparse_file_is_read_where_it_has_something(size: int, tmp_path: Path) -> None:
    islands = {0: b"the beginning", size // 2 + 17: b"the middle", size - 7: b"the end"}
    if size > 4 * GIB:
        islands[4 * GIB - 3] = b"across 4 GiB"
    image = tmp_path / "sparse.raw"
    with made(image, 64 * MIB) as root, (root / "sparse").open("wb") as file:
        for offset, data in islands.items():
            os.pwrite(file.fileno(), data, offset)
        file.truncate(size)
    started = process_time()
    with opened(image) as filesystem:
        found, pieces = pieces_of(filesystem, "sparse")
        entry = find(filesystem, ("sparse",))
        assert entry is not None
        stream = filesystem.open(entry)
        for offset, data in islands.items():
            start = max(offset - 9, 0)
            wanted = bytes(offset - start) + data
            assert stream.read_at(start, len(wanted)) == wanted
        assert stream.read_at(size - 3, 100) == b"end"
        assert stream.read_at(size, 100) == b""
    assert process_time() - started < 2
    assert found == size
    assert sum(len(data) for _, data in pieces) < MIB
    held = b"".join(data.strip(b"\0") for _, data in pieces)
    assert held == b"".join(islands[offset] for offset in sorted(islands))


def test_a_file_in_more_than_100_000_fragments_that_a_driver_wrote_is_read(tmp_path: Path) -> None:
    image, count = tmp_path / "fragments.raw", 50_500
    with (
        made(image, 96 * MIB, "-c", "512") as root,
        (root / "many").open("wb") as many,
        (root / "between").open("wb") as between,
    ):
        for number in range(count):
            os.pwrite(many.fileno(), b"%08d" % number * 64, 1024 * number)
            if number % 100 == 0:
                os.pwrite(between.fileno(), b"%08d" % -number * 64, 1024 * number)
    started = process_time()
    with opened(image) as filesystem:
        entry = find(filesystem, ("many",))
        assert entry is not None
        (stream,) = filesystem.metadata(entry).streams
        assert len(stream.runs) > 100_000
        data = whole(filesystem.open(entry))
        assert filesystem.damage == ()
    wanted = b"".join(b"%08d" % number * 64 + bytes(512) for number in range(count))
    assert data == wanted[: len(data)]
    assert len(data) == len(wanted) - 512
    assert process_time() - started < 10


def test_a_large_directory_that_a_driver_wrote_is_listed_without_its_index(tmp_path: Path) -> None:
    image, count = tmp_path / "directory.raw", 10_000
    names = {f"{7919 * number % count:05} of many.txt" for number in range(count)}
    with made(image, 64 * MIB) as root:
        (root / "d").mkdir()
        for name in names:
            os.close(os.open(root / "d" / name, os.O_WRONLY | os.O_CREAT))
    data, wiped = bytearray(image.read_bytes()), 0
    place = data.find(b"INDX")
    while place >= 0:
        data[place : place + 4096] = bytes(4096)
        place, wiped = data.find(b"INDX", place + 4096), wiped + 1
    assert wiped > 300
    (volume,) = volumes([FakeImage(bytes(data))])
    started = process_time()
    filesystem = open_filesystem(volume)
    folder = find(filesystem, ("d",))
    assert folder is not None
    assert [each.name for each in filesystem.children(folder)] == sorted(names)
    assert filesystem.damage == ()
    assert process_time() - started < 5


# --- unreadable ranges ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Zoo]:
    image = tmp_path_factory.mktemp("zoo") / "zoo.raw"
    with made(image, 64 * MIB, "-c", "4096") as root:
        zoo = Zoo(root, 4096)
        zoo.sizes()
        zoo.streams()
        zoo.holes()
        zoo.interleaved()
        zoo.compressed()
        zoo.overlaid()
        zoo.valid()
    zoo.finish(image)
    return image, zoo


@pytest.mark.parametrize("seed", range(8))
def test_unreadable_ranges_cost_the_files_they_hit_and_no_other(
    seed: int, zoo: tuple[Path, Zoo]
) -> None:
    image, built = zoo
    random = Random(seed)
    (volume,) = volumes([FakeImage(image.read_bytes())])
    sound = open_filesystem(volume)
    files = [(each, sound.metadata(each)) for each in walk(sound, sound.root)]
    needed = [place for entry, _ in files for place in sectors_of(sound, entry, random)]
    bad = [(place, 512) for place in random.sample(needed, 12)]
    hit = {sound.path(entry) for entry, metadata in files if touches(metadata, bad)}
    assert 3 < len(hit) < len(files)

    filesystem = open_filesystem(Unreadable(volume, bad))
    assert filesystem.damage == ()  # no record was hit
    lost = set()
    for entry in walk(filesystem, filesystem.root):
        path = filesystem.path(entry)
        try:
            streams = streams_of(filesystem, entry)
        except DamagedError as error:
            assert "bad sector" in str(error)  # noqa: PT017
            lost.add(path)
        else:
            assert streams == built.wanted[path]
    assert lost == hit


def streams_of(filesystem: Filesystem, entry: Entry) -> dict[str, bytes]:
    names = [stream.name for stream in filesystem.metadata(entry).streams]
    return {name: whole(filesystem.open(entry, name)) for name in names}


def sectors_of(filesystem: Filesystem, entry: Entry, random: Random) -> Iterator[int]:
    """Yield a sector of each run that a reader of the file needs: any, or the first of what is compressed.

    Of the last cluster of what is compressed it is not known how much is in use.
    """
    for stream, at, run in runs_of(filesystem.metadata(entry)):
        if run.offset is None:
            continue
        extents = filesystem.open(entry, stream.name).extents()
        end = max((offset + length for offset, length in extents), default=0)
        if at < end:
            exact = not stream.wof and not stream.compressed
            length = min(run.length, end - at) if exact else 1
            yield run.offset + 512 * random.randrange(-(-length // 512))


def touches(metadata: Metadata, bad: list[tuple[int, int]]) -> bool:
    """Tell whether a bad range lies in the clusters of a file."""
    return any(
        run.offset is not None and run.offset < start + size and start < run.offset + run.length
        for _, _, run in runs_of(metadata)
        for start, size in bad
    )


def runs_of(metadata: Metadata) -> Iterator[tuple[StreamInfo, int, Run]]:
    """Yield each run with its stream and its place in it."""
    for stream in metadata.streams:
        at = 0
        for run in stream.runs:
            yield stream, at, run
            at += run.length


def test_bad_sectors_anywhere_raise_nothing_but_our_errors(zoo: tuple[Path, Zoo]) -> None:
    image, built = zoo
    random = Random(11)
    (volume,) = volumes([FakeImage(image.read_bytes())])
    until, whole_files, lost = time() + 8, 0, 0
    for _ in range(30):
        bad = [(512 * random.randrange(volume.size // 512), 512) for _ in range(3000)]
        try:
            filesystem = open_filesystem(Unreadable(volume, sorted(bad)))
        except SourceError:
            continue
        for entry in walk(filesystem, filesystem.root):
            path = filesystem.path(entry)
            try:
                streams = streams_of(filesystem, entry)
            except SourceError as error:
                assert str(error)  # noqa: PT017
                lost += 1
            else:
                assert streams == built.wanted[path]
                whole_files += 1
        if time() > until:
            break
    assert whole_files > 20
    assert lost > 20
