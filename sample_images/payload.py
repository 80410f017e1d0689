"""Recipe -> bytes: the same on every machine, for ever, so that contents.toml can name hashes."""

from __future__ import annotations

import hashlib
import struct
from itertools import count, islice

from sample_images.contents import Recipe
from sample_images.programs import program
from sample_images.run import BuildError

MACHINES = {"x86": 0x014C, "x64": 0x8664, "arm64": 0xAA64}  # IMAGE_FILE_MACHINE_*
LARGEST = 1 << 30  # a sparse file above this is made, but never hashed


def generated(recipe: Recipe) -> bytes:
    """Return the bytes of a recipe that needs no disk (everything but hives)."""
    if recipe.parts:
        return b"".join(generated(part) for part in recipe.parts)
    if recipe.islands:
        return _sparse(recipe)
    if recipe.kernel is not None or recipe.program:
        return kernel(recipe.kernel) if recipe.kernel else program(dict(recipe.program))
    if recipe.seed is not None:
        return noise(recipe.seed, recipe.size or 0)
    if recipe.pattern is not None:
        return _repeated(recipe.pattern.encode(), recipe.size or 0)
    return b"\0" * recipe.size if recipe.size else (recipe.text or "").encode()


def noise(seed: str, size: int) -> bytes:
    """`size` bytes that do not compress, named by `seed`."""
    blocks = (hashlib.sha256(f"{seed}:{n}".encode()).digest() for n in count())
    return b"".join(islice(blocks, -(-size // 32)))[:size]


def kernel(arch: str) -> bytes:
    """Return the smallest file with the headers of a PE32(+) kernel for `arch`.

    [PE format] MS-DOS stub, signature, COFF file header, optional header.
    """
    dos = b"MZ".ljust(60, b"\0") + struct.pack("<I", 64)
    wide = arch != "x86"
    optional = struct.pack("<HBBIIIII", 0x20B if wide else 0x10B, 14, 0, 0, 0, 0, 0x1000, 0x1000)
    optional = optional.ljust(240 if wide else 224, b"\0")
    coff = struct.pack("<HHIIIHH", MACHINES[arch], 0, 0x5E0B1234, 0, 0, len(optional), 0x0022)
    return dos + b"PE\0\0" + coff + optional + b"sample kernel, not runnable\r\n"


def check(what: str, data: bytes, recipe: Recipe) -> bytes:
    """Return `data`, if it hashes to what contents.toml says; BuildError names the true hash if not."""
    found = hashlib.sha256(data).hexdigest()
    if found != recipe.sha256:
        raise BuildError(f'{what}: contents.toml should say sha256 = "{found}"')
    return data


def _repeated(pattern: bytes, size: int) -> bytes:
    return (pattern * (size // len(pattern) + 1))[:size]


def _sparse(recipe: Recipe) -> bytes:
    size = recipe.size or 0
    if size > LARGEST:
        raise BuildError(f"a sparse file of {size} bytes is not made in memory")
    data = bytearray(size)
    for offset, text in recipe.islands:
        data[offset : offset + len(text.encode())] = text.encode()
    return bytes(data)
