"""VMDK (VMware): one file, or a descriptor with extents beside it. Source: VMware, "Virtual Disk Format 1.1".

Flat extents are read as they are, sparse and compressed ones are decoded by dissect.hypervisor once their header was
found sound here. A snapshot (a disk with a parent) and an extent outside the descriptor's directory are refused by
name: an image must not choose which files of this host are read.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import ClassVar

from extractor.errors import DamagedError, ImageError
from extractor.images.file import File, open_file
from extractor.images.image import OpenImage
from extractor.images.vmdk_descriptor import Descriptor, Extent, parse_descriptor
from extractor.images.vmdk_extents import SECTOR, ExtentMedium, Part
from extractor.images.vmdk_sparse import MAGIC, embedded_descriptor, open_sparse, sparse_header
from extractor.model import ImageInfo

COWD = b"COWD"
TEXT = b"# Disk DescriptorFile"
MAX_DESCRIPTOR = 1 << 20
CONVERT = "convert it first: qemu-img convert -O raw IMAGE disk.raw"
FLAT, SPARSE, ZERO = {"FLAT", "VMFS"}, {"SPARSE"}, {"ZERO"}


class VmdkReader:
    """Opens VMDK disks."""

    name: ClassVar[str] = "vmdk"
    fallback: ClassVar[bool] = False

    def recognises(self, head: bytes, tail: bytes, path: Path) -> bool:
        """Tell by the magic number of a sparse extent or the first line of a descriptor."""
        return head.startswith((MAGIC, COWD, TEXT))

    def open(self, path: Path) -> OpenImage:
        """Open a disk and its extents; raise ImageError saying what is damaged, missing or not supported."""
        with ExitStack() as opened:
            try:
                parts = list(_parts(path, opened))
            except DamagedError as error:
                raise ImageError(str(error)) from error
            opened.pop_all()
        size = sum(part.size for part in parts)
        names = dict.fromkeys(str(part.file.path) for part in parts if part.file)
        segments = tuple(names) if str(path) in names else (str(path), *names)
        return OpenImage(ImageInfo(str(path), "vmdk", size, SECTOR, segments), ExtentMedium(parts))


def _parts(path: Path, opened: ExitStack) -> Iterator[Part]:
    """Yield the parts of the disk in order; the files are closed when ``opened`` ends; raise ImageError."""
    file = open_file(path)
    opened.callback(file.close)
    magic = file.read_at(0, 4)
    if magic == COWD:
        raise ImageError(f"{path} is a sparse extent of an ESX server: {CONVERT}")
    if magic == MAGIC:
        yield _whole(file)
        return
    descriptor = parse_descriptor(path, file.read_at(0, MAX_DESCRIPTOR))
    file.close()
    _refuse_child(path, descriptor)
    if not descriptor.extents:
        raise ImageError(f"{path} is damaged: it names no extents")
    for extent in descriptor.extents:
        yield _part(path, extent, opened)


def _whole(file: File) -> Part:
    """Return the one part of a disk whose descriptor lies in the sparse file itself."""
    header = sparse_header(file)
    descriptor = embedded_descriptor(file)
    if descriptor is None or not descriptor.extents:
        raise ImageError(
            f"{file.path} is one extent of a larger disk: name the descriptor, the small VMDK beside it"
        )
    _refuse_child(file.path, descriptor)
    if [extent.kind for extent in descriptor.extents] != ["SPARSE"]:
        raise ImageError(f"{file.path} is a disk of several kinds of extents: {CONVERT}")
    return open_sparse(file, header, header.capacity * SECTOR)


def _refuse_child(path: Path, descriptor: Descriptor) -> None:
    if descriptor.child:
        raise ImageError(
            f"{path} is a snapshot and needs its parent {descriptor.parent!r}: {CONVERT}"
        )


def _part(path: Path, extent: Extent, opened: ExitStack) -> Part:
    """Return an extent of a descriptor."""
    size = extent.sectors * SECTOR
    if extent.kind in ZERO:
        return Part(size)
    if extent.kind not in FLAT | SPARSE:
        raise ImageError(f"{path} has an extent of the kind {extent.kind}: {CONVERT}")
    file = open_file(_beside(path, extent.name))
    opened.callback(file.close)
    if extent.kind in SPARSE:
        return open_sparse(file, sparse_header(file), size)
    start = extent.start * SECTOR
    if start + size > file.size:
        raise ImageError(
            f"{file.path} is cut: it has {file.size} bytes, and {path.name} says that it holds {start + size}"
        )
    return Part(size, file, start)


def _beside(path: Path, name: str) -> Path:
    """Return an extent's file, which lies beside its descriptor; raise ImageError when it is to lie elsewhere."""
    if name in {"", ".", ".."} or set(name) & set("/\\\0"):
        raise ImageError(
            f"{path} keeps a part of the disk in {name!r}, which is no name of a file beside it: {CONVERT}"
        )
    return path.with_name(name)
