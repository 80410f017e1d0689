"""Built images -> the compressed copies that are committed. `python -m sample_images.pack NAME...`.

Builds each image afresh, derives the containers from it, compresses all, and writes their
lines of SHA256SUMS.
"""

from __future__ import annotations

import argparse
import hashlib
import lzma
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from sample_images.build import build
from sample_images.containers import derive
from sample_images.contents import HERE, NAMES
from sample_images.unpack import sums

CONTAINERS = (
    "raw", "split-raw", "vhd-fixed", "vhd-dynamic", "vhdx-fixed", "vhdx-dynamic", "e01", "e01-split",
)  # fmt: skip
KINDS = {"solo": CONTAINERS}  # the others are committed as raw only


def pack(name: str) -> None:
    """Write every committed copy of the image `name`, and its lines of SHA256SUMS."""
    lines = {file: digest for file, digest in sums().items() if not file.startswith(f"{name}/")}
    with TemporaryDirectory() as folder:
        raw = build(name, Path(folder))
        for kind in KINDS.get(name, ("raw",)):
            target = HERE / name / kind
            shutil.rmtree(target, ignore_errors=True)
            target.mkdir(parents=True)
            for file in derive(raw, kind, Path(folder, kind)):
                lines[f"{name}/{kind}/{file.name}"] = _compress(file, target / f"{file.name}.xz")
    text = "".join(f"{digest}  {file}\n" for file, digest in sorted(lines.items()))
    (HERE / "SHA256SUMS").write_text(text, "utf-8")


def _compress(file: Path, packed: Path) -> str:
    """Compress one file and return the SHA-256 of what it held."""
    with file.open("rb") as source, lzma.open(packed, "wb", preset=9 | lzma.PRESET_EXTREME) as out:
        shutil.copyfileobj(source, out, 1 << 20)
    with file.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="sample_images.pack", description=__doc__)
    parser.add_argument("name", nargs="+", choices=NAMES)
    for name in parser.parse_args().name:
        pack(name)


if __name__ == "__main__":
    main()
