"""The EFI system partition: a FAT32 volume filled with mtools, no mount needed."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from sample_images.contents import Volume
from sample_images.payload import check, generated
from sample_images.run import run

CLOCK = 1773480413  # 2026-03-14 09:26:53, as on the NTFS volumes


def make_fat(volume: Volume, out: Path) -> None:
    """Write to `out` the FAT32 volume that contents.toml tells of."""
    out.unlink(missing_ok=True)
    with out.open("wb") as file:
        file.truncate(volume.size)
    serial = volume.serial.replace("-", "")
    switches = ["-F", "32", "-s", "1", "-n", volume.label, "-i", serial, "--invariant"]
    run("mkfs.vfat", *switches, str(out))
    made: set[str] = set()
    for entry in volume.entries:
        for n in range(1, len(entry.path)):
            _make_folder(out, "/".join(entry.path[:n]), made)
        data = check(str(entry.path), generated(entry.recipe), entry.recipe)
        _copy(out, "/".join(entry.path), data)


def _make_folder(image: Path, path: str, made: set[str]) -> None:
    if path not in made:
        run("mmd", "-i", str(image), f"::/{path}", clock=CLOCK)
        made.add(path)


def _copy(image: Path, path: str, data: bytes) -> None:
    with TemporaryDirectory() as folder:
        source = Path(folder, "file")
        source.write_bytes(data)
        run("mcopy", "-i", str(image), str(source), f"::/{path}", clock=CLOCK)
