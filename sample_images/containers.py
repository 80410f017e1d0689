"""A raw image -> the same disk in another container, or a volume -> the same volume on a disk.

qemu-img writes VHD and VHDX, ewfacquire E01; partition tables are our own (tables.py).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from sample_images.run import BuildError, run
from sample_images.tables import MIB, Partition, write_gpt, write_logical, write_mbr

PIECE = 16 * MIB  # of a split image
DISK_ID = "5eed0000-0000-4000-8000-00000000d15c"
PARTITION_ID = "5eed0000-0000-4000-8000-0000000000c0"  # what solo's MountedDevices calls C:
CASE = ["-C", "sample", "-D", "Coldstate sample image", "-E", "1", "-e", "builder", "-N", "none"]


def split_raw(raw: Path, folder: Path) -> list[Path]:
    """Cut a raw image into `.001`, `.002` ... of 16 MiB each."""
    pieces = []
    with raw.open("rb") as source:
        for n, piece in enumerate(iter(lambda: source.read(PIECE), b""), 1):
            pieces.append(folder / f"{raw.stem}.{n:03}")
            pieces[-1].write_bytes(piece)
    return pieces


def vhd(raw: Path, folder: Path, subformat: str) -> list[Path]:
    """Write a VHD, `fixed` or `dynamic`, of exactly the size of the raw image."""
    return _converted(
        raw, folder / f"{raw.stem}.vhd", "vpc", f"subformat={subformat},force_size=on"
    )


def vhdx(raw: Path, folder: Path, subformat: str) -> list[Path]:
    """Write a VHDX, `fixed` or `dynamic`; blocks of 1 MiB keep it small."""
    options = f"subformat={subformat},block_size={MIB},log_size={MIB}"
    return _converted(raw, folder / f"{raw.stem}.vhdx", "vhdx", options)


def e01(raw: Path, folder: Path, segment: int | None = None) -> list[Path]:
    """Write an EnCase 6 image: compressed in one file, or stored in segments of `segment` bytes."""
    target = folder / raw.stem
    kind = ["-c", "none", "-S", str(segment)] if segment else ["-c", "deflate:best"]
    media = [
        "-f",
        "encase6",
        "-m",
        "fixed",
        "-M",
        "physical",
        "-P",
        "512",
        "-b",
        "64",
        "-d",
        "sha1",
    ]
    run("ewfacquire", "-u", "-q", "-t", str(target), *CASE, *kind, *media, str(raw))
    return sorted(folder.glob(f"{raw.stem}.E*"))


def on_mbr(volume: Path, folder: Path) -> list[Path]:
    """Put a bare volume on an MBR disk, as its primary partition."""
    out = folder / f"{volume.stem}-mbr.raw"
    write_mbr(volume, out)
    return [out]


def on_logical(volume: Path, folder: Path) -> list[Path]:
    """Put a bare volume on an MBR disk, as a logical partition in an extended one."""
    out = folder / f"{volume.stem}-logical.raw"
    write_logical(volume, out)
    return [out]


def on_gpt(volume: Path, folder: Path, sector: int = 512) -> list[Path]:
    """Put a bare volume on a GPT disk of 512- or 4096-byte sectors."""
    out = folder / f"{volume.stem}-gpt.raw"
    size, name = volume.stat().st_size, "Basic data partition"
    write_gpt([Partition("ntfs", size, PARTITION_ID, name, volume)], DISK_ID, out, sector)
    return [out]


def _copied(raw: Path, folder: Path) -> list[Path]:
    shutil.copyfile(raw, folder / raw.name)
    return [folder / raw.name]


def _converted(raw: Path, out: Path, kind: str, options: str) -> list[Path]:
    run("qemu-img", "convert", "-f", "raw", "-O", kind, "-o", options, str(raw), str(out))
    return [out]


FORMATS: dict[str, Callable[[Path, Path], list[Path]]] = {
    "raw": _copied,
    "split-raw": split_raw,
    "vhd-fixed": lambda raw, folder: vhd(raw, folder, "fixed"),
    "vhd-dynamic": lambda raw, folder: vhd(raw, folder, "dynamic"),
    "vhdx-fixed": lambda raw, folder: vhdx(raw, folder, "fixed"),
    "vhdx-dynamic": lambda raw, folder: vhdx(raw, folder, "dynamic"),
    "e01": e01,
    "e01-split": lambda raw, folder: e01(raw, folder, PIECE),
    "mbr": on_mbr,
    "logical": on_logical,
    "gpt": on_gpt,
}


def derive(raw: Path, kind: str, folder: Path) -> list[Path]:
    """Write the image in the format `kind` (a key of FORMATS) into `folder`; its files in order.

    BuildError for an unknown format, a missing tool, or a tool that fails.
    """
    if kind not in FORMATS:
        raise BuildError(f"no format {kind!r}: there are {', '.join(FORMATS)}")
    folder.mkdir(parents=True, exist_ok=True)
    return FORMATS[kind](raw, folder)
