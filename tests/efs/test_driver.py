"""A volume that a driver wrote: ntfs-3g lays out $EFS and ciphertext, the product reads them. Needs root and FUSE."""

from __future__ import annotations

import os
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from extractor.efs.ciphers import load_pfx
from extractor.efs.keyring import Keyring
from extractor.efs.metadata import parse_metadata
from extractor.efs.plain import PlainStream
from extractor.filesystems import find
from extractor.filesystems.ntfs import NtfsFilesystem
from extractor.testing import FakeImage
from extractor.volumes import volumes
from tests.conftest import need_mounting, need_tool
from tests.efs.decoder import AES_256, DESX, TRIPLE_DES, decode, sectors
from tests.efs.people import agent, anna, efs, fek
from tests.efs.secret_files import KEYS, noise
from tests.efs.test_raw import raw_of, whole

SIZES = (1, 511, 512, 4096, 65_536, 65_537, 200_123, 1_500_001)


@contextmanager
def mounted(image: Path, folder: Path) -> Iterator[Path]:
    folder.mkdir()
    options = "efs_raw,streams_interface=windows,no_detach"
    with subprocess.Popen(["ntfs-3g", str(image), str(folder), "-o", options]) as driver:
        while not folder.is_mount():
            if driver.poll() is not None:
                pytest.skip("ntfs-3g cannot mount here")
            time.sleep(0.02)
        yield folder
        subprocess.run(["umount", str(folder)], check=True)
        driver.wait(60)


def lock(path: Path, data: bytes, algorithm: int) -> None:
    """Write ciphertext, its padding word, then $EFS, as a backup is restored through ntfs-3g."""
    padding = -len(data) % 512
    stored = sectors(data + bytes(padding), 0, algorithm, KEYS[algorithm], encrypt=True)
    path.write_bytes(stored + struct.pack("<H", padding))
    value = efs(fek(algorithm, KEYS[algorithm]), [anna()], [agent()])
    os.setxattr(path, "system.ntfs_efsinfo", value)


def test_a_decoder_of_the_specification_and_decryption_agree_on_what_ntfs_3g_wrote(
    tmp_path: Path,
) -> None:
    need_tool("ntfs-3g", "mkntfs", "umount")
    need_mounting()
    image = tmp_path / "ntfs.raw"
    with image.open("wb") as file:
        file.truncate(24 << 20)
    subprocess.run(
        ["mkntfs", "-Q", "-F", "-q", "-p", "0", "-H", "255", "-S", "63", image], check=True
    )
    contents = {
        f"{algorithm:x}-{size}": (algorithm, noise(size, f"{algorithm}{size}"))
        for algorithm in (AES_256, TRIPLE_DES, DESX)
        for size in SIZES
    }
    with mounted(image, tmp_path / "mounted") as root:
        for name, (algorithm, data) in contents.items():
            lock(root / name, data, algorithm)
    (volume,) = volumes([FakeImage(image.read_bytes())])
    filesystem = NtfsFilesystem(volume)
    keys = Keyring([load_pfx(agent().pfx(b"pw"), b"pw", "agent.pfx")])
    for name, (_, data) in contents.items():
        entry = find(filesystem, (name,))
        assert entry is not None
        opened = keys.open(parse_metadata(filesystem.efs(entry)))
        plain = PlainStream(filesystem.ciphertext(entry), opened)
        assert plain.read_at(0, plain.size) == data
        for person in (anna(), agent()):
            assert decode(whole(raw_of(filesystem, name)), person) == {"": data}
