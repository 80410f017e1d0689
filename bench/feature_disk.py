"""The small NTFS volumes of ``bench.features``, and the truth about what lies on them.

    volumes(folder) -> main.raw, huge.raw, and copies of main.raw with a structure lost

They are filled through ntfs-3g by the builder of the sample images, then edited; hashes come from the recipes, never
from a reader. Needs root, /dev/fuse, ntfs-3g and wimtools.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from sample_images.contents import Contents, Entry, Recipe, Volume
from sample_images.ntfs import GARBAGE, data_of, make_ntfs
from sample_images.payload import generated
from sample_images.security import descriptor

Names = tuple[str, ...]

SDDL = "O:S-1-5-21-1-2-3-1001G:BAD:P(A;;FA;;;SY)(A;;FR;;;S-1-5-21-1-2-3-1001)(D;;FW;;;WD)"
TIMES = (
    126_256_395_060_000_001,
    129_681_117_721_718_192,
    132_900_000_000_000_003,
    133_000_000_000_000_009,
)
"""Created, written, accessed, record changed: four, each exact to 100 ns."""
LONE = "lone \ud800 surrogate.txt"
LONG = ("a folder with a name of precisely one hundred characters ".ljust(100, "x"),) * 15
INDEXED = tuple(f"indexed {n:04}.txt" for n in range(300))
FRAGMENTS = 1500
CIPHERTEXT = Recipe(seed="what EFS made of it", size=9728)
CIPHER_SIZE = 9500
"""Bytes of the encrypted file; its ciphertext fills the last sector."""
HUGE = (4 << 30) + (1 << 20)
ISLANDS = ((0, "begin"), (3 << 30, "middle"), (HUGE - 3, "end"))


@dataclass(frozen=True)
class Item:
    """A stream and the digests (SHA-256) that its bytes may have; ``stale`` is what lies on the disk behind its end."""

    path: Names
    stream: str = ""
    digests: frozenset[str] = frozenset()
    size: int = 0
    stale: str = ""
    twin: str = ""


def sha256(data: bytes) -> str:
    """Return a digest as the tables have it."""
    return hashlib.sha256(data).hexdigest()


MIXED = Recipe(
    parts=(Recipe(pattern="compresses well. ", size=90_001), Recipe(seed="not", size=70_000))
)
FILES: dict[str, Entry] = {
    "plain": Entry("file", ("plain.bin",), Recipe(seed="plain", size=70_000)),
    "empty": Entry("file", ("empty.txt",), Recipe(text="")),
    "ads": Entry("file", ("two.txt",), Recipe(text="its own"), streams=(("named", Recipe(seed="ads", size=9_000)),)),
    "ads-dir": Entry("dir", ("folder",), streams=(("named", Recipe(seed="on a folder", size=300)),)),
    "lznt1": Entry("file", ("compressed", "mixed.bin"), MIXED),
    "sparse": Entry("file", ("sparse.bin",), Recipe(islands=((0, "first"), (5 << 20, "second")), size=8 << 20)),
    "valid": Entry("file", ("half.bin",), Recipe(pattern="valid ", size=20_000), valid=5_000),
    "XPRESS4K": Entry("file", ("wof 4k.bin",), MIXED, wof="XPRESS4K"),
    "XPRESS8K": Entry("file", ("wof 8k.bin",), MIXED, wof="XPRESS8K"),
    "XPRESS16K": Entry("file", ("wof 16k.bin",), MIXED, wof="XPRESS16K"),
    "LZX": Entry("file", ("wof lzx.bin",), MIXED, wof="LZX"),
    "name": Entry("file", ("first name.txt",), Recipe(text="one file, two names")),
    "twin": Entry("file", ("twins", "Twin.txt"), Recipe(text="the upper one")),
    "other": Entry("file", ("twins", "twin.txt"), Recipe(text="the lower one")),
    "cloud": Entry("file", ("in the cloud.bin",), Recipe(islands=((0, ""),), size=123_456), attributes="O", cloud=True),
    "secured": Entry("file", ("secured.txt",), Recipe(text="who may read it"), security=SDDL),
    "times": Entry("file", ("times.txt",), Recipe(text="four times"), times=TIMES),
    "lone": Entry("file", (LONE,), Recipe(text="no UTF-8 for its name")),
    "long": Entry("file", (*LONG, "at the end.txt"), Recipe(text="1,500 characters away")),
}  # fmt: skip
OTHERS = (
    Entry("dir", ("compressed",), attributes="C"),
    Entry("hardlink", ("second name.txt",), target="first name.txt"),
    Entry("symlink", ("link.txt",), target="folder\\target.txt"),
    *(Entry("file", ("indexed", name), Recipe(text=name)) for name in INDEXED),
)


def _volume(entries: tuple[Entry, ...], mib: int) -> Volume:
    return Volume(
        kind="ntfs", letter="C", label="features", name="", size=mib << 20, sector=512,
        serial="5EED-00FE-A70E-0001", guid="", time=TIMES[0], entries=entries,
    )  # fmt: skip


def _contents(entries: tuple[Entry, ...], mib: int) -> Contents:
    """Return what the builder wants; it checks each recipe against the hash in it."""
    volume = _volume(entries, mib)
    empty = Contents("features", "none", "", (volume,), ())
    return replace(
        empty, volumes=(replace(volume, entries=tuple(_hashed(each, empty) for each in entries)),)
    )


def _hashed(entry: Entry, contents: Contents) -> Entry:
    streams = tuple((name, replace(r, sha256=sha256(generated(r)))) for name, r in entry.streams)
    if entry.kind != "file" or (entry.recipe.size or 0) > 1 << 30:
        return replace(entry, streams=streams)
    data = data_of(contents, contents.volumes[0], entry)
    return replace(entry, streams=streams, recipe=replace(entry.recipe, sha256=sha256(data)))


def item(key: str) -> Item:
    """Return the truth about the own content of one of FILES."""
    entry = FILES[key]
    contents = Contents("features", "none", "", (_volume((entry,), 1),), ())
    data = data_of(contents, contents.volumes[0], entry)
    stale = ""
    if entry.valid is not None:
        behind = (GARBAGE * (len(data) // len(GARBAGE) + 1))[: len(data) - entry.valid]
        stale = sha256(data[: entry.valid] + behind)
    twin = {"twin": "other", "other": "twin"}.get(key)
    wrong = sha256(generated(FILES[twin].recipe)) if twin else ""
    return Item(entry.path, "", frozenset({sha256(data)}), len(data), stale, wrong)


def stream_item(key: str) -> Item:
    """Return the truth about the named stream of one of FILES."""
    name, recipe = FILES[key].streams[0]
    data = generated(recipe)
    return Item(FILES[key].path, name, frozenset({sha256(data)}), len(data))


def efs_item() -> Item:
    """Return the encrypted file: whole sectors of ciphertext (ntfs-3g adds two bytes); fewer cannot be opened."""
    data = generated(CIPHERTEXT)
    return Item(
        ("encrypted.bin",), "", frozenset({sha256(data), sha256(data + _padding())}), len(data)
    )


def fragmented_item() -> Item:
    """Return the file of many fragments."""
    data = b"".join(_fragments())
    return Item(("fragmented.bin",), "", frozenset({sha256(data)}), len(data))


def huge_item() -> Item:
    """Return the sparse file of more than 4 GiB."""
    digest, done, zeros = hashlib.sha256(), 0, bytes(1 << 20)
    for offset, text in ISLANDS:
        while done < offset:
            count = min(len(zeros), offset - done)
            digest.update(zeros[:count])
            done += count
        digest.update(text.encode())
        done += len(text)
    return Item(("huge.bin",), "", frozenset({digest.hexdigest()}), HUGE)


def security() -> bytes:
    """Return the descriptor of ``secured.txt``."""
    return descriptor(SDDL)


def make_volumes(folder: Path) -> None:
    """Write main.raw, huge.raw, index.raw, record0.raw and boot.raw into a folder."""
    contents = _contents((*FILES.values(), *OTHERS), 96)
    main = folder / "main.raw"
    make_ntfs(contents.volumes[0], contents, main)
    with mounted(main, "efs_raw,streams_interface=windows,permissions,no_detach") as root:
        _encrypt(root / "encrypted.bin")
        _fragment(root / "fragmented.bin")
    _check_fragments(main)
    sparse = Entry("file", ("huge.bin",), Recipe(islands=ISLANDS, size=HUGE))
    huge = _contents((sparse,), 24)
    make_ntfs(huge.volumes[0], huge, folder / "huge.raw")
    for name, lose in (("index", _lose_index), ("record0", _lose_record_0), ("boot", _lose_boot)):
        copy = folder / f"{name}.raw"
        shutil.copy(main, copy)
        lose(copy)


@contextmanager
def mounted(volume: Path, options: str) -> Iterator[Path]:
    """Mount a volume with ntfs-3g while the block runs; raise OSError when it cannot be mounted."""
    with TemporaryDirectory() as folder:
        command = ["ntfs-3g", str(volume), folder, "-o", options]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as driver:
            while not Path(folder).is_mount():
                if driver.poll() is not None:
                    raise OSError(driver.communicate()[1].decode().strip())
                time.sleep(0.02)
            try:
                yield Path(folder)
            finally:
                subprocess.run(["umount", folder], check=True)
                driver.communicate(timeout=60)


def _padding() -> bytes:
    data = generated(CIPHERTEXT)
    return struct.pack("<H", len(data) - CIPHER_SIZE)


def _encrypt(file: Path) -> None:
    """Make an EFS file as a restore of one does: ciphertext, the bytes of padding, then the $EFS attribute."""
    file.write_bytes(generated(CIPHERTEXT) + _padding())
    os.setxattr(
        file, "system.ntfs_efsinfo", struct.pack("<6I", 700, 0, 2, 0, 0, 0).ljust(700, b"k")
    )


def _fragments() -> Iterator[bytes]:
    return (hashlib.sha256(str(n).encode()).digest() * 128 for n in range(FRAGMENTS))


def _fragment(file: Path) -> None:
    """Write a file from its last cluster to its first: the driver takes clusters as they come, so each is a run."""
    pieces = list(_fragments())
    with file.open("wb", buffering=0) as target:
        target.truncate(sum(map(len, pieces)))
        for number in reversed(range(len(pieces))):
            target.seek(number * len(pieces[0]))
            target.write(pieces[number])


def _check_fragments(volume: Path) -> None:
    """Raise OSError when the file of many fragments is none: its attributes fit into one record."""
    command = ["ntfsinfo", "-F", "fragmented.bin", str(volume)]
    if (
        "ATTRIBUTE_LIST"
        not in subprocess.run(command, capture_output=True, text=True, check=True).stdout
    ):
        raise OSError("the file of many fragments has no attribute list")


def _lose_index(volume: Path) -> None:
    """Zero each index block that lists the folder of many files, as a bad sector or a wiping tool would."""
    data = bytearray(volume.read_bytes())
    name = "indexed 0".encode("utf-16-le")
    at, lost = data.find(b"INDX"), 0
    while at >= 0:
        if at % 4096 == 0 and name in data[at : at + 4096]:
            data[at : at + 4096] = bytes(4096)
            lost += 1
        at = data.find(b"INDX", at + 1)
    if not lost:
        raise OSError("the folder of many files has no index block to lose")
    volume.write_bytes(data)


def _lose_record_0(volume: Path) -> None:
    with volume.open("r+b") as file:
        boot = file.read(512)
        cluster = boot[13] * int.from_bytes(boot[11:13], "little")
        file.seek(int.from_bytes(boot[48:56], "little") * cluster)
        file.write(bytes(1024))


def _lose_boot(volume: Path) -> None:
    with volume.open("r+b") as file:
        file.write(bytes(512))
