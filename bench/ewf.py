"""How fast an E01 is read from end to end, every chunk's checksum verified, beside ewfexport and dissect.evidence.

``python -m bench.ewf DISK.E01`` first has each reader's bytes hashed and compared with the MD5 that the set stores,
then times them in turn, each in a process of its own, the bytes going nowhere. ``--chunks`` compares the libraries that
could decompress instead, on the set's own chunks, in one thread and in two.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from threading import Thread
from time import perf_counter, process_time

from extractor.images import open_image
from extractor.images.ewf_chunks import parse_entries
from extractor.images.ewf_segments import Table, parse_segments
from extractor.images.ewf_set import segment_paths
from extractor.images.file import open_files

PIECE = 1 << 20
CHUNK = 32768
EXPORT = ("ewfexport", "-u", "-q", "-f", "raw", "-t", "-")
READERS = ("ours", "ewfexport", "dissect.evidence")
ROW = "{:24} {:>8} {:>8} {:>8} {:>8}"
Decompress = Callable[[memoryview], object]
Checksum = Callable[[memoryview], int]


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="bench.ewf", description=__doc__)
    parser.add_argument("image", type=Path, metavar="DISK.E01")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--chunks", action="store_true", help="compare libraries, not readers")
    parser.add_argument("--read", choices=READERS, help=argparse.SUPPRESS)
    parser.add_argument("--hash", choices=READERS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.chunks:
        _compare_libraries(given.image, given.runs)
    elif given.hash:
        digest = hashlib.md5(usedforsecurity=False)
        for piece in _pieces(given.hash, given.image):
            digest.update(piece)
        print(digest.hexdigest())
    elif given.read:
        for _ in _pieces(given.read, given.image):
            pass
    else:
        _compare_readers(given.image, given.runs)


def _pieces(reader: str, image: Path) -> Iterator[bytes]:
    """Yield the disk from beginning to end as a reader gives it."""
    if reader == "ours":
        with open_image(image) as opened:
            for offset in range(0, opened.size, PIECE):
                yield opened.read_at(offset, PIECE)
    elif reader == "dissect.evidence":
        from dissect.evidence.ewf import EWF

        stream = EWF(list(segment_paths(image).values())).open()
        while piece := stream.read(PIECE):
            yield piece
    else:
        with open_image(image) as opened:
            left = opened.size
        with subprocess.Popen([*EXPORT, image], stdout=subprocess.PIPE) as running:
            assert running.stdout
            while piece := running.stdout.read(PIECE):
                # It prints a closing word behind the last byte.
                yield piece[:left]
                left -= len(piece[:left])


def _compare_readers(image: Path, runs: int) -> None:
    with open_image(image) as opened:
        stored = opened.info.stored_hashes["md5"]
    for reader in READERS:
        # In a process of its own: what this one has used counts as used by every child.
        command = [sys.executable, "-m", "bench.ewf", "--hash", reader, str(image)]
        found = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, text=True
        )
        if found.stdout.strip() != stored:
            sys.exit(f"{reader} gives other bytes than were acquired: MD5 {found.stdout}")
    took: dict[str, list[tuple[float, float, int]]] = {reader: [] for reader in READERS}
    for _ in range(runs):
        for reader in READERS:
            took[reader].append(_timed(reader, image))
    ours = median(wall for wall, _, _ in took["ours"])
    print(ROW.format("reader", "wall s", "CPU s", "MiB", "ratio"))
    for reader, figures in took.items():
        wall, cpu, memory = (median(column) for column in zip(*figures, strict=True))
        words = (f"{wall:.2f}", f"{cpu:.2f}", f"{memory / 1024:.0f}", f"{ours / wall:.2f}")
        print(ROW.format(reader, *words))


def _timed(reader: str, image: Path) -> tuple[float, float, int]:
    """Return the seconds, CPU seconds and peak KiB of a process that reads the disk once."""
    command: Sequence[str | Path] = (*EXPORT, image)
    if reader != "ewfexport":
        command = (sys.executable, "-m", "bench.ewf", "--read", reader, image)
    start = perf_counter()
    with Path(os.devnull).open("w") as nowhere:
        running = subprocess.Popen(command, stdout=nowhere, stderr=nowhere)
    _, status, usage = os.wait4(running.pid, 0)
    wall = perf_counter() - start
    running.returncode = os.waitstatus_to_exitcode(status)
    if running.returncode:
        sys.exit(f"{reader} failed: {running.returncode}")
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss


def _libraries() -> dict[str, tuple[Decompress, Checksum]]:
    """Return for each library how it inflates a chunk and what it makes of a stored one."""
    import deflate
    from isal import isal_zlib
    from zlib_ng import zlib_ng

    return {
        "zlib": (lambda raw: zlib.decompress(raw, bufsize=CHUNK), zlib.adler32),
        "zlib-ng": (lambda raw: zlib_ng.decompress(raw, bufsize=CHUNK), zlib_ng.adler32),
        "isal": (lambda raw: isal_zlib.decompress(raw, bufsize=CHUNK), isal_zlib.adler32),
        "libdeflate": (lambda raw: deflate.zlib_decompress(raw, CHUNK), deflate.adler32),
    }


def _compare_libraries(image: Path, runs: int) -> None:
    """Decode every eighth batch of 32 chunks with each library; print medians of seconds."""
    batches = list(_batches(image))[::8]
    took: dict[tuple[str, int], list[tuple[float, float]]] = {}
    for _ in range(runs):
        for name, (decompress, checksum) in _libraries().items():
            for threads in (1, 2):
                spent = _decode(batches, decompress, checksum, threads)
                took.setdefault((name, threads), []).append(spent)
    print(ROW.format("library", "threads", "wall s", "CPU s", ""))
    for (name, threads), figures in took.items():
        wall, cpu = (median(column) for column in zip(*figures, strict=True))
        print(ROW.format(name, threads, f"{wall:.2f}", f"{cpu:.2f}", ""))


def _batches(image: Path) -> Iterator[tuple[Table, list[int], list[bool]]]:
    """Yield up to 32 neighbouring chunks at a time: the table, their bounds, whether each is compressed."""
    paths = segment_paths(image)
    _, segments = parse_segments(dict(zip(paths, open_files(paths.values()), strict=True)))
    for table in (each for segment in segments for each in segment.tables):
        assert isinstance(table, Table)
        raw = table.file.read_at(table.entries, 4 * table.count)
        entries = parse_entries(raw, table.base, table.data_end)
        for at in range(0, table.count, 32):
            bounds, compressed = entries.bounds[at : at + 33], entries.compressed[at : at + 32]
            yield table, bounds.tolist(), compressed.tolist()


def _decode(
    batches: Sequence[tuple[Table, list[int], list[bool]]],
    decompress: Decompress,
    checksum: Checksum,
    threads: int,
) -> tuple[float, float]:
    """Return the seconds and CPU seconds that it takes some threads to decode the batches."""

    def work(own: Sequence[tuple[Table, list[int], list[bool]]]) -> None:
        for table, bounds, compressed in own:
            raw = memoryview(table.file.read_at(bounds[0], bounds[-1] - bounds[0]))
            for start, end, packed in zip(bounds, bounds[1:], compressed, strict=False):
                chunk = raw[start - bounds[0] : end - bounds[0]]
                if packed:
                    decompress(chunk)
                elif checksum(chunk[:-4]) != int.from_bytes(chunk[-4:], "little"):
                    sys.exit("a stored chunk is damaged")

    workers = [Thread(target=work, args=(batches[each::threads],)) for each in range(threads)]
    start, cpu = perf_counter(), process_time()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return perf_counter() - start, process_time() - cpu


if __name__ == "__main__":
    main()
