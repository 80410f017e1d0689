"""All metadata of an NTFS volume: names, directories, times, streams and runs, as our reader and others give them.

``python -m bench.metadata DISK.raw`` reads the first NTFS volume of a raw image with each reader in turn, in one
process, and prints the medians of the processor time beside pytsk3's. Every reader makes the same rows of Python
values; what ours and pytsk3 say is compared. dissect.ntfs takes minutes for a volume: it lists one directory in
``--every`` and its time is multiplied. ``--records N...`` makes a $MFT of so many records, and prints what each costs.
"""

# pytsk3 and dissect.ntfs have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import argparse
import gc
import struct
import tempfile
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any, NamedTuple

import numpy as np
import pytsk3

from extractor.filesystems import walk
from extractor.filesystems.ntfs import NtfsFilesystem
from extractor.filesystems.ntfs.columns import HOLDS, NAME, PLAIN, STREAM
from extractor.filesystems.ntfs.file import File
from extractor.filesystems.ntfs.mft import Mft
from extractor.filesystems.ntfs.names import HIDDEN, Names
from extractor.filesystems.ntfs.records import NUMBER, decode_name
from extractor.filesystems.ntfs.runs import RunList, parse_pairs
from extractor.filesystems.ntfs.table import Table, read_table
from extractor.images import open_image
from extractor.seams import Volume
from extractor.volumes import volumes
from extractor.volumes.ntfs_boot import open_ntfs_boot

NAME_ROW = struct.Struct("<IQIQBB4Q")
STREAM_ROW = struct.Struct("<IQQHBBQBQH")
FIRST_FILE = 24
CLUSTER, RECORD, STRIDE = 4096, 1024, 512
ROW = "{:34} {:>8} {:>9} {:>8} {:>8}  {}"


class Rows(NamedTuple):
    """What a reader made."""

    names: list[tuple[object, ...]]
    """(record, record of the directory, name, four times)"""
    streams: list[tuple[object, ...]]
    """(record, name, bytes, runs)"""


def table(volume: Volume) -> Rows:
    """Read with our table: opened, its tree planted, and every row made a tuple."""
    mft = Mft(volume, open_ntfs_boot(volume))
    found = read_table(mft)
    Names(found)
    names: list[tuple[object, ...]] = []
    for record, parent, alias, text, units, _, *times in NAME_ROW.iter_unpack(
        found.names.tobytes()
    ):
        if alias != HIDDEN:
            name = decode_name(found.name_text[text : text + 2 * units])
            names.append((record, parent & NUMBER, name, *times))
    return Rows(names, [*_plain_streams(mft, found), *_other_streams(mft, found)])


def _plain_streams(mft: Mft, found: Table) -> Iterator[tuple[object, ...]]:
    cluster = mft.boot.cluster_size
    for row in STREAM_ROW.iter_unpack(found.streams.tobytes()):
        record, size, _, _, _, resident, text, units, place, length = row
        pairs = found.pairs[place : place + length]
        runs = RunList() if resident else parse_pairs(pairs, cluster)
        yield record, decode_name(found.stream_text[text : text + 2 * units]), size, runs.runs


def _other_streams(mft: Mft, found: Table) -> Iterator[tuple[object, ...]]:
    state = found.files["state"]
    for number in np.flatnonzero((state & HOLDS != 0) & (state & PLAIN == 0)).tolist():
        sequence = int(found.files["sequence"][number])
        further = found.extensions.get(number | sequence << 48, ())
        for each in File(mft, number, sequence, further).streams():
            yield number, each.name, each.size, each.runs


def filesystem(volume: Volume) -> Rows:
    """Read as a scan does: an Entry and a Metadata for each name, descriptors and their text with them."""
    opened = NtfsFilesystem(volume)
    names: list[tuple[object, ...]] = []
    streams: list[tuple[object, ...]] = []
    for entry in walk(opened, opened.root):
        metadata = opened.metadata(entry)
        names.append((entry.record, entry.parent, entry.name, metadata.times))
        streams += [(entry.record, each.name, each.size, each.runs) for each in metadata.streams]
    return Rows(names, streams)


def tsk(volume: Volume, path: Path) -> Rows:
    """Read with pytsk3, from the root down."""
    opened = pytsk3.FS_Info(pytsk3.Img_Info(str(path)), offset=volume.info.offset)
    rows = Rows([], [])
    waiting, seen = [opened.open_dir("/")], {5}
    while waiting:
        for file in waiting.pop():
            _take(file, rows)
            meta = file.info.meta
            folder = meta and meta.type == pytsk3.TSK_FS_META_TYPE_DIR
            if folder and meta.addr not in seen:
                seen.add(meta.addr)
                waiting.append(file.as_directory())
    return rows


def _take(file: pytsk3.File, rows: Rows) -> None:
    name, meta = file.info.name, file.info.meta
    if name.name in (b".", b"..") or not meta or name.flags & pytsk3.TSK_FS_NAME_FLAG_UNALLOC:
        return
    times = (
        meta.crtime, meta.crtime_nano, meta.mtime, meta.mtime_nano,
        meta.ctime, meta.ctime_nano, meta.atime, meta.atime_nano,
    )  # fmt: skip
    rows.names.append((meta.addr, name.par_addr, name.name.decode("utf-8", "replace"), times))
    for attribute in file:
        if attribute.info.type == pytsk3.TSK_FS_ATTR_TYPE_NTFS_DATA:
            named = attribute.info.name
            runs = tuple((run.addr, run.len, run.flags) for run in attribute)
            text = named.decode("utf-8", "replace") if named and named != b"N/A" else ""
            rows.streams.append((meta.addr, text, attribute.info.size, runs))


def dissect(path: Path, volume: Volume, every: int) -> float:
    """Return the processor time of a walk with dissect.ntfs, from that of one directory in ``every``.

    It lists each of those directories and reads the record of each entry; the time is multiplied by the entries.
    """
    from dissect.ntfs import NTFS
    from dissect.util.stream import RangeStream

    ours = NtfsFilesystem(volume)
    entries = list(walk(ours, ours.root))
    folders = sorted({each.parent for each in entries})[::every]
    names = 0
    with path.open("rb") as file:
        source: Any = RangeStream(file, volume.info.offset, volume.info.size)
        table: Any = NTFS(source).mft
        started = process_time()
        for number in folders:
            for entry in table.get(number).iterdir(dereference=True, ignore_dos=True):
                names += len(_described(entry)) > 0
        return (process_time() - started) * len(entries) / names


def _described(record: Any) -> list[object]:  # noqa: ANN401  it has no annotations
    """Return what dissect.ntfs says of a record."""
    from dissect.ntfs.c_ntfs import ATTRIBUTE_TYPE_CODE as KIND

    found: list[object] = []
    for each in record.attributes.get(KIND.STANDARD_INFORMATION, ()):
        value = each.attribute
        found.append((value.creation_time, value.last_modification_time, value.last_access_time))
    for each in record.attributes.get(KIND.FILE_NAME, ()):
        found.append((each.attribute.file_name, each.attribute.creation_time))  # noqa: PERF401
    for each in record.attributes.get(KIND.DATA, ()):
        runs = None if each.resident else each.dataruns()
        found.append((each.name, each.header.size, runs))
    return found


def compare(path: Path, runs: int, every: int) -> None:
    """Print the time of each reader, and whether ours says what pytsk3 says."""
    image = open_image(path)
    volume = next(each for each in volumes([image]) if each.info.filesystem == "ntfs")
    readers: dict[str, Callable[[], Rows]] = {
        "pytsk3": lambda: tsk(volume, path),
        "ours, columns and rows": lambda: table(volume),
        "ours, Entry and Metadata": lambda: filesystem(volume),
    }
    took: dict[str, list[float]] = {name: [] for name in readers}
    rows: dict[str, Rows] = {}
    for _ in range(runs):
        for name, reader in readers.items():
            started = process_time()
            rows[name] = reader()
            took[name].append(process_time() - started)
    base = median(took["pytsk3"])
    print(ROW.format("reader", "CPU s", "x pytsk3", "names", "streams", "differs from pytsk3 in"))
    for name, times in took.items():
        differing = _differences(rows[name], rows["pytsk3"])
        mid, found = median(times), rows[name]
        print(
            ROW.format(
                name,
                f"{mid:.2f}",
                f"{mid / base:.2f}",
                len(found.names),
                len(found.streams),
                differing,
            )
        )
    slow = dissect(path, volume, every)
    words = f"extrapolated from one directory in {every}"
    print(ROW.format("dissect.ntfs", f"{slow:.1f}", f"{slow / base:.2f}", "", "", words))
    ours = median(took["ours, columns and rows"])
    print(f"ours (columns and rows) takes {ours / slow:.4f} of dissect.ntfs' time")


def _differences(found: Rows, other: Rows) -> str:
    """Return in how many names and stream sizes two readers differ, the file system's own files left aside."""

    def files(rows: list[tuple[object, ...]]) -> set[tuple[object, ...]]:
        return {row[:3] for row in rows if isinstance(row[0], int) and row[0] >= FIRST_FILE}

    names, streams = (
        files(found.names) ^ files(other.names),
        files(found.streams) ^ files(other.streams),
    )
    return f"{len(names)} names, {len(streams)} streams"


# --- a $MFT that is made --------------------------------------------------------------------------


def synthesise(path: Path, count: int) -> None:
    """Write a volume whose $MFT has ``count`` records: every sixteenth a directory, the others files of one cluster."""
    first = 16
    clusters = first + count * RECORD // CLUSTER + count
    boot = bytearray(512)
    boot[:11] = b"\xebR\x90NTFS    "
    struct.pack_into("<HB", boot, 11, 512, CLUSTER // 512)
    struct.pack_into("<QQQ", boot, 40, clusters * (CLUSTER // 512), first, 2)
    struct.pack_into("<bxxxbxxxQ", boot, 64, -10, 1, count)
    boot[510:] = b"\x55\xaa"
    with path.open("wb") as file:
        file.truncate(clusters * CLUSTER)
        file.write(boot)
        for start in range(0, count, 1 << 16):
            file.seek(first * CLUSTER + start * RECORD)
            file.write(_records(start, min(1 << 16, count - start), first, count).tobytes())


def _records(
    start: int, count: int, first: int, total: int
) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    numbers = np.arange(start, start + count)
    whole = np.tile(np.frombuffer(_template(), np.uint8), (count, 1))
    whole[:, 44:48] = numbers.astype("<u4").view(np.uint8).reshape(-1, 4)
    folders = numbers % 16 == 0
    whole[folders, 22] = 3
    parents = np.where(folders, 5, np.maximum(numbers // 16 * 16, 32)).astype("<u4")
    whole[:, PARENT : PARENT + 4] = parents.view(np.uint8).reshape(-1, 4)
    whole[parents == 5, PARENT + 6] = 5
    for place in range(8):
        digit = numbers // 10 ** (7 - place) % 10 + ord("0")
        whole[:, PARENT + 66 + 8 + 2 * place] = digit
    cluster = (first + total * RECORD // CLUSTER + numbers).astype("<u4")
    whole[:, PAIRS + 2 : PAIRS + 6] = cluster.view(np.uint8).reshape(-1, 4)
    whole[folders, DATA_AT : DATA_AT + 4] = 255
    if start == 0:
        _first_records(whole, first, total)
    return whole


SI_AT, PARENT, DATA_AT = 56, 56 + 96 + 24, 56 + 96 + 128
PAIRS = DATA_AT + 64


def _template() -> bytes:
    """Return the record of a file: $STANDARD_INFORMATION, $FILE_NAME, $DATA with one run."""
    time = 133_000_000_000_000_000
    standard = struct.pack("<IIBBHHHIH2x", 0x10, 96, 0, 0, 24, 0, 0, 72, 24)
    standard += struct.pack("<4QI12xII16x", time, time + 1, time + 2, time + 3, 0x20, 0, 256)
    text = "file00000000.bin".encode("utf-16-le")
    name = struct.pack("<IIBBHHHIH2x", 0x30, 128, 0, 0, 24, 0, 1, 66 + len(text), 24)
    name += struct.pack("<Q4Q24xBB", 1 << 48, time, time, time, time, len(text) // 2, 1) + text
    data = struct.pack(
        "<IIBBHHHQQHH4xQQQ", 0x80, 72, 1, 0, 64, 0, 2, 0, 0, 64, 0, CLUSTER, 4000, 4000
    )
    data += b"\x41\x01".ljust(8, b"\0")
    body = standard + name.ljust(128, b"\0") + data + b"\xff" * 4
    head = struct.pack(
        "<4sHHQHHHHIIQHHI",
        b"FILE",
        48,
        3,
        0,
        1,
        1,
        SI_AT,
        1,
        SI_AT + len(body) + 4,
        RECORD,
        0,
        3,
        0,
        0,
    )
    record = bytearray((head + bytes(8) + body).ljust(RECORD, b"\0"))
    for place in (48, STRIDE - 2, RECORD - 2):
        record[place : place + 2] = b"\x07\0"
    return bytes(record)


def _first_records(
    whole: np.ndarray[tuple[int, int], np.dtype[np.uint8]], first: int, total: int
) -> None:
    """Make $MFT and the root of records 0 and 5; what else is reserved stays blank."""
    size = total * RECORD
    whole[0, 22] = 1
    struct.pack_into("<QQHH4xQQQ", whole[0].data, DATA_AT + 16, 0, 0, 64, 0, size, size, size)
    struct.pack_into("<I", whole[0].data, DATA_AT, 0x80)
    whole[0, PAIRS : PAIRS + 8] = 0
    pairs = b"\x44" + struct.pack("<II", size // CLUSTER, first)
    whole[0, DATA_AT + 4] = 80
    whole[0, PAIRS : PAIRS + 16] = np.frombuffer(pairs.ljust(16, b"\0"), np.uint8)
    whole[0, PAIRS + 16 : PAIRS + 20] = 255
    whole[0, 24] += 8
    whole[5, 16], whole[5, 22] = 5, 3
    whole[5, DATA_AT : DATA_AT + 4] = 255
    whole[1:5] = whole[6:FIRST_FILE] = 0


def grow(counts: list[int], scratch: Path | None) -> None:
    """Print what volumes of so many records cost."""
    print(f"{'records':>10} {'CPU s':>7} {'us each':>8} {'bytes each':>11} {'at most MB':>11}")
    for count in counts:
        with tempfile.TemporaryDirectory(dir=scratch) as folder:
            path = Path(folder) / "volume.raw"
            synthesise(path, count)
            (volume,) = volumes([open_image(path)])
            started = process_time()
            opened = NtfsFilesystem(volume)
            took = process_time() - started
            del opened
            gc.collect()
            tracemalloc.start()
            opened = NtfsFilesystem(volume)
            held, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            (found,) = opened.names(count - 1)
            opened.metadata(found)
        each = held / count
        print(
            f"{count:>10} {took:>7.2f} {took / count * 1e6:>8.2f} {each:>11.0f} {peak / 1e6:>11.0f}"
        )


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="bench.metadata", description=__doc__)
    parser.add_argument("disk", nargs="?", type=Path, metavar="DISK.raw")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--every", type=int, default=50, help="of dissect.ntfs' directories")
    parser.add_argument("--records", type=int, nargs="+", default=[], metavar="N")
    parser.add_argument(
        "--scratch", type=Path, help="folder for the volumes that are made (1 KB a record)"
    )
    given = parser.parse_args()
    if (NAME_ROW.size, STREAM_ROW.size) != (NAME.itemsize, STREAM.itemsize):
        raise SystemExit("rows of the table have changed")
    if given.disk:
        compare(given.disk, given.runs, given.every)
    if given.records:
        grow(given.records, given.scratch)


if __name__ == "__main__":
    main()
