"""The committed, compressed copies -> images in a cache folder. `unpack.py NAME [FORMAT]`.

Needs nothing but Python. What comes out is checked against SHA256SUMS.
"""

from __future__ import annotations

import hashlib
import lzma
import os
import sys
from functools import cache
from pathlib import Path
from tempfile import NamedTemporaryFile

HERE = Path(__file__).resolve().parent
CACHE = HERE.parent / ".cache" / "sample_images"
BLOCK = 1 << 16


@cache
def unpack(name: str, kind: str = "raw") -> Path:
    """Return the first file of the image `name` in format `kind`, unpacked and verified.

    KeyError for a name or format that is not committed; ValueError for a damaged copy.
    """
    return unpack_all(name, kind)[0]


@cache
def unpack_all(name: str, kind: str = "raw") -> tuple[Path, ...]:
    """Every file of that image, in order of their segments."""
    wanted = {file: digest for file, digest in sums().items() if _is(file, name, kind)}
    if not wanted:
        raise KeyError(f"no sample image {name!r} in format {kind!r} is committed")
    return tuple(_unpacked(file, digest) for file, digest in sorted(wanted.items()))


def formats(name: str) -> list[str]:
    """Return the formats in which the image `name` is committed."""
    return sorted({file.split("/")[1] for file in sums() if file.startswith(f"{name}/")})


def sums() -> dict[str, str]:
    """`NAME/FORMAT/FILE` -> SHA-256 of the unpacked file, of all that is committed."""
    lines = (HERE / "SHA256SUMS").read_text("utf-8").splitlines()
    return {file: digest for digest, _, file in (line.partition("  ") for line in lines)}


def _is(file: str, name: str, kind: str) -> bool:
    return file.startswith(f"{name}/{kind}/")


def _unpacked(file: str, digest: str) -> Path:
    path = CACHE / file
    if not path.exists() or _digest(path) != digest:
        path.parent.mkdir(parents=True, exist_ok=True)
        _decompress(HERE / f"{file}.xz", path)
    if _digest(path) != digest:
        raise ValueError(f"{file}.xz does not hold what SHA256SUMS says")
    return path


def _decompress(packed: Path, path: Path) -> None:
    """Write the unpacked file beside its place, zeros as holes, and moves it there when whole."""
    with lzma.open(packed) as source, NamedTemporaryFile(dir=path.parent, delete=False) as out:
        while block := source.read(BLOCK):
            if any(block):
                out.write(block)
            else:
                out.seek(len(block), os.SEEK_CUR)
        out.truncate()
    Path(out.name).replace(path)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


if __name__ == "__main__":
    for unpacked in unpack_all(*sys.argv[1:3]):
        print(unpacked)
