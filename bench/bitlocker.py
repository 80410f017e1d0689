"""How fast an opened BitLocker volume is read, and how that compares with libbde alone on the same image.

``python -m bench.bitlocker FOLDER`` takes cryptsetup's test images (``images.conf`` beside them names the passwords),
reads each that a password opens in pieces of 1 MiB, and checks its SHA-256 with both readers.
"""

from __future__ import annotations

import argparse
import configparser
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter

import pybde

from extractor.images import open_image
from extractor.volumes import UnlockedVolume, volumes
from extractor.volumes.keys import password

PIECE = 1 << 20
Read = Callable[[int, int], bytes]
ROW = "{:36} {:>6} {:>12} {:>12} {:>6}"


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="bench.bitlocker", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    conf = configparser.ConfigParser(interpolation=None)
    conf.read(given.folder / "images.conf", "utf-8")
    print(ROW.format("image", "MB", "ours MB/s", "libbde MB/s", "ratio"))
    for name in conf.sections():
        path, entry = given.folder / f"{name}.img", conf[name]
        if path.exists() and "PW" in entry and "SHA256SUM" in entry:
            _compare(path, entry["PW"], entry["SHA256SUM"], given.runs)


def _compare(path: Path, secret: str, digest: str, runs: int) -> None:
    """Read an image with both readers in turn, and print the medians; opening (a million hashes) is not counted."""
    took: dict[str, list[float]] = {"ours": [], "libbde": []}
    for _ in range(runs):
        for name, opened in (("ours", _ours), ("libbde", _libbde)):
            with opened(path, secret) as (read, length):
                if read is None:
                    print(f"{path.stem}: the password opens nothing")
                    return
                found, spent = _read(read, length)
            took[name].append(spent)
            if found != digest:
                print(f"{path.stem}: {name} reads other bytes than cryptsetup")
                return
    size = path.stat().st_size
    ours, theirs = (size / 1e6 / median(took[name]) for name in ("ours", "libbde"))
    words = (f"{size / 1e6:.0f}", f"{ours:.1f}", f"{theirs:.1f}", f"{ours / theirs:.2f}")
    print(ROW.format(path.stem, *words))


@contextmanager
def _ours(path: Path, secret: str) -> Iterator[tuple[Read | None, int]]:
    with open_image(path) as image:
        (volume,) = volumes([image], [password(secret, "bench")])
        yield volume.read_at if isinstance(volume, UnlockedVolume) else None, volume.size


@contextmanager
def _libbde(path: Path, secret: str) -> Iterator[tuple[Read | None, int]]:
    volume = pybde.volume()
    volume.set_password(secret)
    volume.open(str(path))
    try:
        yield lambda offset, length: volume.read_buffer_at_offset(length, offset), volume.get_size()
    finally:
        volume.close()


def _read(read: Read, size: int) -> tuple[str, float]:
    """Return the SHA-256 of a volume, and the seconds that reading alone took."""
    found, spent = hashlib.sha256(), 0.0
    for offset in range(0, size, PIECE):
        start = perf_counter()
        data = read(offset, min(PIECE, size - offset))
        spent += perf_counter() - start
        found.update(data)
    return found.hexdigest(), spent


if __name__ == "__main__":
    main()
