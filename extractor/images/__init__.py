"""Path -> Image: the bytes of a captured disk, whatever container they were captured into.

Words: a *container* is the file format around a disk (raw, VHD, VHDX, E01 …); a *segment* is one file of a set; the
*medium* is the disk inside. Content decides which reader opens a file, never its suffix alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

from extractor.errors import DamagedError, ImageError
from extractor.images.file import open_file
from extractor.images.foreign import refuse_foreign
from extractor.seams import Image, ImageReader, plugins

__all__ = ["open_image", "open_images"]

HEAD = 64 << 10
TAIL = 4 << 10


def open_image(path: Path) -> Image:
    """Open a disk image, or a read-only block device, of any registered format; the caller closes it.

    Raises ImageError, one sentence: the file is missing, a directory, unreadable, empty, no disk image, of a format
    we do not read, or not whole (a segment, an extent or a parent is missing, a structure is damaged).
    """
    head, tail = _ends(path)
    for reader in _readers():
        if reader.fallback:
            refuse_foreign(path, head)
        if reader.recognises(head, tail, path):
            return reader.open(path)
    raise ImageError(f"{path} is no disk image of a known format")


def open_images(paths: Iterable[Path]) -> list[Image]:
    """Open several images; a further segment of a set that is open already is passed over (``disk.E0*``).

    Raises ImageError as ``open_image`` does; nothing stays open then.
    """
    images: list[Image] = []
    with ExitStack() as opened:
        seen: set[Path] = set()
        for path in paths:
            if path.resolve() in seen:
                continue
            image = opened.enter_context(open_image(path))
            images.append(image)
            seen |= {path.resolve(), *_set_of(image)}
        opened.pop_all()
    return images


def _readers() -> list[ImageReader]:
    """Return every registered reader, those that recognise by content first."""
    readers: list[ImageReader] = [reader() for reader in plugins("images").values()]
    return sorted(readers, key=lambda reader: reader.fallback)


def _ends(path: Path) -> tuple[bytes, bytes]:
    """Return the first 64 KiB and the last 4 KiB of a file."""
    file = open_file(path)
    try:
        if not file.size:
            raise ImageError(f"{path} is empty")
        return file.read_at(0, HEAD), file.read_at(max(0, file.size - TAIL), TAIL)
    except DamagedError as error:
        raise ImageError(str(error)) from error
    finally:
        file.close()


def _set_of(image: Image) -> set[Path]:
    """Return the files of a segmented image; the parents of a differencing disk are images of their own."""
    if image.info.format.endswith("differencing"):
        return set()
    return {Path(segment).resolve() for segment in image.info.segments}
