"""Stores of Microsoft's: recognised and named. The bytes are made here by the offsets that file(1) knows."""

from __future__ import annotations

import random
import shutil
import subprocess
import zlib
from contextlib import suppress
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractor.errors import CorruptStoreError, UnsupportedError
from extractor.store.mig.carve import CarvedFile, Limits, State, carve_mig
from extractor.store.mig.recognise import Kind, recognise_mig
from tests.conftest import need_tool

NAME = "File\\C:\\Users\\nutzer\\Desktop\\desktop.ini"
TEXT = b"[.ShellClassInfo]\r\n" * 50


def record(name: str, content: bytes, *, packed: bytes | None = None) -> bytes:
    encoded = name.encode("utf-16-le", "surrogatepass")
    stream = zlib.compress(content) if packed is None else packed
    return b"MRTS" + len(encoded).to_bytes(4, "little") + b"\x01" * 16 + encoded + bytes(8) + stream


def mig(*records: bytes, between: bytes = b"\xee" * 24, salt: bytes = b"") -> bytes:
    return b"1giM" + b"\x02" * 20 + salt + b"".join(each + between for each in records)


def write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def carved(path: Path, limits: Limits | None = None) -> list[CarvedFile]:
    return list(carve_mig(path, limits))


def content_of(found: CarvedFile) -> bytes:
    return b"".join(found.pieces())


def test_file_knows_what_is_made_here(tmp_path: Path) -> None:
    need_tool("file")
    path = write(tmp_path / "a.mig", mig(record(NAME, TEXT)))
    said = subprocess.run(["file", "-b", path], capture_output=True, text=True, check=True).stdout
    assert "Windows Easy Transfer migration data" in said


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (mig(record(NAME, TEXT)), Kind.MIG),
        (mig(record(NAME, TEXT), salt=b"s"), Kind.MIG_PASSWORD),
        (mig(record(NAME, TEXT), salt=b"s" * 28), Kind.MIG_PASSWORD),
        (mig(record(NAME, TEXT), salt=b"s" * 29), Kind.MIG_OTHER),
        (b"1giM", Kind.MIG_OTHER),
    ],
)
def test_the_bytes_tell_a_mig_under_any_name(tmp_path: Path, content: bytes, kind: Kind) -> None:
    found = recognise_mig(write(tmp_path / "holiday.dat", content))
    assert found is not None
    assert found.kind is kind
    assert "UsmtUtils /extract" in found.sentence
    assert "neither listed nor read" in found.sentence
    assert (
        found.carvable
        == (kind in {Kind.MIG, Kind.MIG_OTHER})
        == ("--experimental-mig" in found.sentence)
    )


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("USMT/USMT.MIG", Kind.NAMED_MIG),
        ("USMT3/usmt3.mig", Kind.NAMED_MIG),
        ("USMT/catalog.mig", Kind.UNCOMPRESSED),
        ("USMT3/MIGSTATE.DAT", Kind.UNCOMPRESSED),
        ("USMT2.UNC/IMG00001.DAT", Kind.USMT2),
        ("usmt2.unc/TRANSDB.DAT", Kind.USMT2),
    ],
)
def test_a_store_is_recognised_by_its_folder_too(tmp_path: Path, name: str, kind: Kind) -> None:
    file = write(tmp_path / name, b"\x00\x01 anything")
    for named in (tmp_path, file.parent, file):
        found = recognise_mig(named)
        assert found is not None
        assert (found.path, found.kind) == (file, kind)


def test_what_is_nobodys_store_is_not_recognised(tmp_path: Path) -> None:
    write(tmp_path / "USMT/open-catalog/manifest.jsonl", b"{}")
    write(tmp_path / "USMT/store.wim", b"MSWIM\0\0\0")
    write(tmp_path / "IMG00001.DAT", b"a photograph")
    for path in (
        tmp_path,
        tmp_path / "USMT",
        tmp_path / "USMT/store.wim",
        tmp_path / "IMG00001.DAT",
    ):
        assert recognise_mig(path) is None
    assert recognise_mig(tmp_path / "missing") is None


def test_a_store_that_cannot_be_read_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(CorruptStoreError, match="cannot be read"):
        recognise_mig(tmp_path / ("x" * 300))


def test_files_are_found_with_their_offsets(tmp_path: Path) -> None:
    first = record(NAME, TEXT)
    path = write(tmp_path / "a.mig", mig(first, record("File\\D:\\ä.txt", b"")))
    one, two = carved(path)
    assert (one.name, one.parts) == (
        NAME,
        ("File", "C%3A", "Users", "nutzer", "Desktop", "desktop.ini"),
    )
    assert (one.record, one.data) == (0x18, 0x18 + 0x20 + 2 * len(NAME))
    assert (one.size, one.state, content_of(one)) == (len(TEXT), State.WHOLE, TEXT)
    assert (two.name, two.record) == ("File\\D:\\ä.txt", 0x18 + len(first) + 24)
    assert (two.size, two.state, content_of(two)) == (0, State.WHOLE, b"")
    assert "record at 0x18" in one.sentence
    assert "experimental, unverified" in one.sentence


def test_the_offset_of_the_content_is_that_of_the_magics_own_example(tmp_path: Path) -> None:
    name = "File\\C:\\" + "x" * 81
    assert len(name) == 89
    (found,) = carved(write(tmp_path / "a.mig", mig(record(name, TEXT))))
    assert found.data == 0xEA


def test_larger_files_come_in_pieces(tmp_path: Path) -> None:
    large = random.Random(1).randbytes(3_000_001)
    names = [f"File\\C:\\{n}" for n in range(3)]
    path = write(tmp_path / "a.mig", mig(*(record(name, large) for name in names), between=b""))
    found = carved(path)
    assert [each.name for each in found] == names
    assert all(content_of(each) == large for each in found)


def test_four_letters_in_a_content_are_no_record(tmp_path: Path) -> None:
    inner = b"MRTS" + bytes(40) + b"MRTS\xff\xff\xff\xff" + record("no backslash", b"x")
    path = write(
        tmp_path / "a.mig",
        mig(record(NAME, inner, packed=zlib.compress(inner, 0)), between=b"MRTS"),
    )
    (found,) = carved(path)
    assert content_of(found) == inner


def test_the_next_record_is_found_behind_damage(tmp_path: Path) -> None:
    noise = random.Random(2).randbytes(5000)
    packed = bytearray(zlib.compress(noise, 0))
    packed[4000:] = b"\xff" * 1000  # a stored block of 5000 bytes that is never complete
    broken = record("File\\C:\\broken", b"", packed=bytes(packed[:4000]) + b"\xff" * 3000)
    path = write(tmp_path / "a.mig", mig(broken, record(NAME, TEXT)))
    first, second = carved(path)
    assert first.state is State.DAMAGED
    assert content_of(first)[:3990] == noise[:3990]
    assert (second.state, content_of(second)) == (State.WHOLE, TEXT)


def test_a_wrong_checksum_is_damage(tmp_path: Path) -> None:
    packed = zlib.compress(TEXT)[:-1] + b"\x00"
    (found,) = carved(write(tmp_path / "a.mig", mig(record(NAME, b"", packed=packed))))
    assert (found.state, content_of(found)) == (State.DAMAGED, TEXT)


def test_a_file_that_ends_in_a_stream_gives_what_is_there(tmp_path: Path) -> None:
    content = random.Random(3).randbytes(100_000)
    whole = mig(record(NAME, content), between=b"")
    (found,) = carved(write(tmp_path / "a.mig", whole[:-50_000]))
    assert found.state is State.CUT
    assert len(content_of(found)) == found.size > 40_000
    assert content.startswith(content_of(found))


def test_names_of_a_protected_file_are_told_without_content(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.mig", mig(record(NAME, b"", packed=b"\x00cipher" * 9), salt=b"s" * 20)
    )
    (found,) = carved(path)
    assert (found.name, found.state, found.size, content_of(found)) == (NAME, State.NONE, 0, b"")


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    bomb = zlib.compress(bytes(30_000_000), 9)
    path = write(
        tmp_path / "a.mig", mig(record(NAME, b"", packed=bomb), record("File\\C:\\b", TEXT))
    )
    first, second = carved(path, Limits(free=1 << 20))
    assert first.state is State.REFUSED
    assert first.size < 4 << 20
    assert second.state is State.WHOLE
    (small, _) = carved(path, Limits(file=1000))
    assert small.state is State.REFUSED


def test_streams_that_overlap_end_the_search(tmp_path: Path) -> None:
    stored = b"\x78\x01" + b"\x00" + (0xFFFF).to_bytes(2, "little") + bytes(2)
    records = (record(f"File\\C:\\{n}", b"", packed=stored) for n in range(40))
    path = write(tmp_path / "a.mig", mig(*records, between=b""))
    with pytest.raises(UnsupportedError, match="overlap"):
        carved(path)


def test_hostile_names_become_safe_ones(tmp_path: Path) -> None:
    names = [
        "File\\..\\..\\etc\\passwd",
        "File\\C:\\a/b\x1b[2J",
        "File\\C:\\\ud800",
        "File\\\\\\con",
    ]
    path = write(tmp_path / "a.mig", mig(*(record(name, b"x") for name in names)))
    found = carved(path)
    assert [each.name for each in found] == names
    for each in found:
        assert not {"", ".", ".."} & {*each.parts}
        assert not any("/" in part or "\0" in part for part in each.parts)
        assert each.sentence.isprintable()
        each.sentence.encode()


def test_what_is_no_mig_is_not_searched(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match=r"is no \.MIG"):
        carved(write(tmp_path / "a.mig", b"MSWIM"))


@settings(max_examples=80, deadline=None)
@given(noise=st.binary(max_size=300), at=st.integers(0, 2000), cut=st.integers(0, 2000))
def test_any_bytes_end_in_files_or_one_sentence(
    tmp_path_factory: pytest.TempPathFactory, noise: bytes, at: int, cut: int
) -> None:
    content = mig(record(NAME, TEXT), record("File\\D:\\b", TEXT))[4 : 4 + cut]
    path = write(
        tmp_path_factory.mktemp("mig") / "a", b"1giM" + content[:at] + noise + content[at:]
    )
    recognise_mig(path)
    with suppress(UnsupportedError):  # its streams overlap
        for found in islice(carve_mig(path), 100):
            assert len(content_of(found)) == found.size
    shutil.rmtree(path.parent)
