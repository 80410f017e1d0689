"""EFS files on NTFS: $EFS and ciphertext as they lie on the disk."""

from __future__ import annotations

import pytest

from extractor.errors import DamagedError, EncryptedError
from extractor.filesystems import find
from extractor.filesystems.ntfs import NtfsFilesystem
from extractor.model import FILE_ATTRIBUTE_ENCRYPTED, Entry
from extractor.seams import EfsFilesystem
from tests.efs.decoder import AES_256, sectors
from tests.efs.disk import ENCRYPTED, Disk, Part
from tests.efs.people import agent, anna
from tests.efs.secret_files import KEYS, Content, add_secret, noise


def entry_of(filesystem: NtfsFilesystem, *path: str) -> Entry:
    found = find(filesystem, path)
    assert found is not None
    return found


def encrypted(data: bytes) -> bytes:
    return sectors(data + bytes(-len(data) % 512), 0, AES_256, KEYS[AES_256], encrypt=True)


def test_an_encrypted_stream_is_read_to_the_end_of_its_last_sector() -> None:
    disk, data = Disk(), noise(100_001)
    value = add_secret(disk, "Users", "anna", "x.bin", streams={"": Content(data)}, users=[anna()])
    filesystem = disk.open()
    assert isinstance(filesystem, EfsFilesystem)
    entry = entry_of(filesystem, "Users", "anna", "x.bin")
    assert filesystem.efs(entry) == value
    cipher = filesystem.ciphertext(entry)
    assert (cipher.size, cipher.valid, cipher.sparse, cipher.cluster) == (
        100_001,
        100_001,
        False,
        4096,
    )
    assert cipher.stored.size == 100_352
    assert cipher.stored.read_at(0, 1 << 20) == encrypted(data)
    metadata = filesystem.metadata(entry)
    assert metadata.attributes & FILE_ATTRIBUTE_ENCRYPTED
    assert [stream.encrypted for stream in metadata.streams] == [True]
    with pytest.raises(EncryptedError):
        filesystem.open(entry)


@pytest.mark.parametrize("in_extension", [False, True])
def test_an_efs_attribute_and_a_stream_in_an_extension_record_are_found(in_extension: bool) -> None:
    disk, data, more = Disk(), noise(5000), noise(9000, "ads")
    streams = {"": Content(data), "more": Content(more, extension=in_extension)}
    value = add_secret(disk, "x.bin", streams=streams, users=[anna()] * 3, agents=[agent()],
                       efs_in_extension=in_extension)  # fmt: skip
    filesystem = disk.open()
    entry = entry_of(filesystem, "x.bin")
    assert filesystem.efs(entry) == value
    assert len(value) > 1024
    assert filesystem.ciphertext(entry, "more").stored.read_at(0, 1 << 20) == encrypted(more)


def test_a_small_efs_attribute_may_be_resident() -> None:
    disk, value = Disk(), noise(300)
    disk.file("x.bin", parts=[Part(0x80, "", b"", flags=ENCRYPTED, resident=True),
                              Part(0x100, "$EFS", value, resident=True)])  # fmt: skip
    filesystem = disk.open()
    entry = entry_of(filesystem, "x.bin")
    assert filesystem.efs(entry) == value
    assert filesystem.ciphertext(entry).stored.size == 0


def test_other_logged_utility_streams_are_not_taken_for_efs() -> None:
    disk = Disk()
    disk.file(
        "x.bin", parts=[Part(0x80, "", b"x"), Part(0x100, "$TXF_DATA", b"y" * 56, resident=True)]
    )
    filesystem = disk.open()
    entry = entry_of(filesystem, "x.bin")
    assert filesystem.efs(entry) == b""
    with pytest.raises(DamagedError, match="not encrypted"):
        filesystem.ciphertext(entry)


def test_a_directory_gives_its_efs_attribute_too() -> None:
    filesystem = Disk().open()
    assert filesystem.efs(entry_of(filesystem, "Users")) == b""


def test_what_was_never_written_is_zeros_and_not_what_the_clusters_held() -> None:
    disk, data = Disk(), noise(20_000)
    add_secret(disk, "x.bin", streams={"": Content(data, valid=5000)}, users=[anna()])
    filesystem = disk.open()
    cipher = filesystem.ciphertext(entry_of(filesystem, "x.bin"))
    assert (cipher.size, cipher.valid) == (20_000, 5000)
    assert cipher.stored.read_at(0, 1 << 20) == encrypted(data)[:5120] + bytes(20_480 - 5120)


def test_a_resident_stream_that_says_it_is_encrypted_is_damage() -> None:
    disk = Disk()
    disk.file("x.bin", parts=[Part(0x80, "", b"plain?", flags=ENCRYPTED, resident=True)])
    filesystem = disk.open()
    with pytest.raises(DamagedError, match="lies in its record"):
        filesystem.ciphertext(entry_of(filesystem, "x.bin"))


def test_an_efs_attribute_of_a_gigabyte_is_damage() -> None:
    disk = Disk()
    disk.file("x.bin", parts=[Part(0x80, "", b"x"), Part(0x100, "$EFS", b"y" * 5000, size=1 << 30)])
    filesystem = disk.open()
    with pytest.raises(DamagedError, match="claims 1073741824 bytes"):
        filesystem.efs(entry_of(filesystem, "x.bin"))


def test_a_run_list_shorter_than_the_padded_size_is_damage() -> None:
    disk = Disk()
    parts = [Part(0x80, "", noise(4096), size=4097, flags=ENCRYPTED)]
    disk.file("x.bin", parts=parts)
    filesystem = disk.open()
    with pytest.raises(DamagedError, match="shorter than its 4608 bytes"):
        filesystem.ciphertext(entry_of(filesystem, "x.bin"))
