"""Reparse points: the buffers of junctions, symlinks, WOF files and cloud placeholders.

[MS-FSCC 2.1.2] gives the layouts; a WofCompressedData stream is a chunk table and the chunks, just
what wimlib writes for one resource of a WIM that is not solid.
"""

from __future__ import annotations

import hashlib
import re
import struct
from pathlib import Path
from tempfile import TemporaryDirectory

from sample_images.run import BuildError, run

MOUNT_POINT, SYMLINK, WOF, CLOUD = 0xA0000003, 0xA000000C, 0x80000017, 0x9000401A
WOF_KINDS = {  # number in the reparse point, wimlib's compressor, chunk
    "XPRESS4K": (0, "XPRESS", 4096),
    "LZX": (1, "LZX", 32768),
    "XPRESS8K": (2, "XPRESS", 8192),
    "XPRESS16K": (3, "XPRESS", 16384),
}


def junction(target: str) -> bytes:
    """Return the buffer of a mount point to `target` (an absolute path with its letter)."""
    substitute, shown = _utf16("\\??\\" + target), _utf16(target)
    names = substitute + b"\0\0" + shown + b"\0\0"
    offsets = (0, len(substitute), len(substitute) + 2, len(shown))
    return struct.pack("<IHH4H", MOUNT_POINT, 8 + len(names), 0, *offsets) + names


def symlink(target: str) -> bytes:
    """Return the buffer of a symbolic link: relative unless `target` has a drive letter or is UNC."""
    relative = not re.match(r"[A-Za-z]:\\|\\\\", target)
    prefix = "" if relative else "\\??\\UNC" if target.startswith("\\\\") else "\\??\\"
    substitute = _utf16(prefix + (target[1:] if target.startswith("\\\\") else target))
    shown = _utf16(target)
    offsets = (0, len(substitute), len(substitute), len(shown))
    head = struct.pack("<IHH4HI", SYMLINK, 12 + len(substitute + shown), 0, *offsets, int(relative))
    return head + substitute + shown


def wof(kind: str) -> bytes:
    """Return the buffer of a file compressed by the Windows Overlay Filter (file provider)."""
    return struct.pack("<IHH4I", WOF, 16, 0, 1, 2, 1, WOF_KINDS[kind][0])


def cloud() -> bytes:
    """Return the buffer of a cloud file; its inner layout is undocumented, readers go by the tag."""
    return struct.pack("<IHH", CLOUD, 64, 0) + bytes(range(64))


def wof_stream(data: bytes, kind: str) -> bytes:
    """Return `data` as a WofCompressedData stream, compressed by wimlib."""
    _, compressor, chunk = WOF_KINDS[kind]
    with TemporaryDirectory() as folder:
        source, wim = Path(folder, "source"), Path(folder, "one.wim")
        source.mkdir()
        (source / "file").write_bytes(data)
        switches = [f"--compress={compressor}", f"--chunk-size={chunk}", "--no-acls", "--threads=1"]
        run("wimlib-imagex", "capture", str(source), str(wim), *switches)
        offset, size = _resource(run("wimlib-imagex", "info", str(wim), "--blobs"), data)
        return wim.read_bytes()[offset : offset + size]


def _resource(listing: str, data: bytes) -> tuple[int, int]:
    """Where wimlib's listing says that the blob with the SHA-1 of `data` lies: offset, size."""
    wanted = hashlib.sha1(data).hexdigest()
    for block in listing.split("\n\n"):
        rows = dict(re.findall(r"^([^=\n]+?)\s*=\s*(\S+)", block, re.MULTILINE))
        if rows.get("Hash", "").removeprefix("0x") == wanted:
            return int(rows["Offset in WIM"], 0), int(rows["Compressed size"], 0)
    raise BuildError("wimlib did not list the resource it has just written")


def _utf16(text: str) -> bytes:
    return text.encode("utf-16-le")
