"""contents.toml -> a raw disk image. `python -m sample_images.build NAME... [--out DIR]`.

Needs ntfs-3g, wimtools, libwin-hivex-perl, dosfstools and mtools, and the right to mount.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

from sample_images.contents import NAMES, Contents, Volume, contents_of
from sample_images.fat import make_fat
from sample_images.ntfs import make_ntfs
from sample_images.tables import Partition, write_gpt
from sample_images.unpack import CACHE


def build(name: str, out: Path) -> Path:
    """Build the sample image `name` into the folder `out` and return NAME.raw there.

    BuildError where a tool is missing or fails, or where contents.toml names another hash.
    """
    out.mkdir(parents=True, exist_ok=True)
    image = out / f"{name}.raw"
    return build_contents(contents_of(name), image)


def build_contents(wanted: Contents, image: Path) -> Path:
    """Build `wanted` as the file `image`: one bare volume, or a GPT disk."""
    if wanted.table == "none":
        make_ntfs(wanted.volumes[0], wanted, image)
        return image
    with TemporaryDirectory(dir=image.parent) as folder:
        parts = [
            Partition(volume.kind, volume.size, volume.guid, volume.name, data)
            for n, volume in enumerate(wanted.volumes)
            for data in [_make_volume(volume, wanted, Path(folder, f"{n}.volume"))]
        ]
        write_gpt(parts, wanted.disk_id, image, wanted.volumes[0].sector)
    return image


def _make_volume(volume: Volume, wanted: Contents, out: Path) -> Path | None:
    if volume.kind == "ntfs":
        make_ntfs(volume, wanted, out)
    elif volume.kind == "efi":
        make_fat(volume, out)
    else:
        return None
    return out


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="sample_images.build", description=__doc__)
    parser.add_argument("name", nargs="+", choices=NAMES)
    parser.add_argument("--out", type=Path, default=CACHE / "built", help="folder (%(default)s)")
    arguments = parser.parse_args()
    for name in arguments.name:
        print(build(name, arguments.out))


if __name__ == "__main__":
    main()
