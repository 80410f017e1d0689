"""A store is the same whatever keeps its bytes: files, a WIM, or a WIM that is sealed."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pyrage
import pytest

from extractor.errors import CorruptStoreError, WrongKeyError
from extractor.store.directory import DirectoryStore
from extractor.store.manifest import read_manifest
from extractor.store.opened import OpenStore, open_store
from extractor.store.sealed.keys import Passphrase, passphrase_keys, recipient_keys
from extractor.store.wim.codecs import Compression
from extractor.store.wim.reader import WimFile
from extractor.store.wim.verify import verify
from extractor.store.wim_store import SealedStore, WimStore
from extractor.store.writer import Writer
from extractor.testing import FakeFile, FakeFilesystem
from tests.conftest import need_tool
from tests.store.build import selections, store_all
from tests.store.test_resume import FILES

SECRET = Passphrase("open sesame")
HOSTILE = FakeFilesystem(
    {
        "Users\\a": FakeFile(b"", directory=True),
        "Users\\a\\..": b"up",
        "Users\\a\\x/y": b"slash",
        "Users\\a\\x%2Fy": b"escaped",
        "Users\\a\\\ud800": b"lone",
        "Users\\A\\b": b"twin folder",
        "Users\\a\\empty": b"",
    }
)
KINDS: dict[str, Callable[[Path], Writer]] = {
    "directory": DirectoryStore,
    "none": partial(WimStore, compression=Compression.NONE),
    "xpress": partial(WimStore, compression=Compression.XPRESS),
    "lzx": partial(WimStore, compression=Compression.LZX),
    "sealed": lambda place: SealedStore(place, keys=passphrase_keys(SECRET)),
}


def contents(place: Path) -> dict[tuple[str, str], bytes]:
    """Return every stream of a store by the path of its object and its name."""
    found = {}
    with open_store(place, passphrase=SECRET) as store:
        for each in store.objects():
            for stream in each.streams:
                if stream.stored_as:
                    with store.open(stream.stored_as) as file:
                        found[str(each.record.path), stream.name] = file.read()
    return found


def make(kind: str, place: Path, files: FakeFilesystem) -> None:
    with KINDS[kind](place) as store:
        store_all(store, files, selections(files))


@pytest.mark.parametrize("files", [FILES, HOSTILE], ids=["files", "hostile"])
@pytest.mark.parametrize("kind", [each for each in KINDS if each != "directory"])
def test_every_kind_of_store_gives_back_the_same(
    kind: str, files: FakeFilesystem, tmp_path: Path
) -> None:
    make(kind, tmp_path / "store", files)
    make("directory", tmp_path / "plain", files)
    assert contents(tmp_path / "store") == contents(tmp_path / "plain")


@pytest.mark.parametrize("kind", [*Compression])
def test_a_wim_of_any_compression_is_whole(kind: str, tmp_path: Path) -> None:
    make(kind, tmp_path, HOSTILE)
    with WimFile.open(tmp_path / "USMT/store.wim") as wim:
        assert verify(wim).damage == []
        names = {parts[2:] for parts, _ in wim.rows(1) if len(parts) > 2}
    assert {("a", "\ud800"), ("a", "x%2Fy"), ("A", "b")} <= names
    assert len([each for each in names if each[0] == "a"]) == 6


def test_the_same_input_makes_the_same_wim(tmp_path: Path) -> None:
    for name in ("one", "two"):
        make("xpress", tmp_path / name, FILES)
    one, two = ((tmp_path / name / "USMT/store.wim").read_bytes() for name in ("one", "two"))
    assert one == two


def test_wimlib_accepts_the_store(tmp_path: Path) -> None:
    make("lzx", tmp_path, FILES)
    wim = tmp_path / "USMT/store.wim"
    need_tool("wimverify")
    subprocess.run(["wimverify", wim], check=True, capture_output=True)
    out = tmp_path / "out"
    subprocess.run(["wimapply", wim, "1", out], check=True, capture_output=True)
    assert (out / "C$/Users/bob/second").stat().st_nlink == 2
    assert (out / "C$/Users/bob/README.TXT").read_bytes() == b"lower"


def test_names_and_contents_of_a_sealed_store_are_nowhere_in_plain(tmp_path: Path) -> None:
    files = FakeFilesystem({"Users\\bob\\payroll-2026.xlsx": b"confidential figures " * 200})
    make("sealed", tmp_path, files)
    everything = b"".join(each.read_bytes() for each in tmp_path.rglob("*") if each.is_file())
    for word in (b"payroll", "payroll".encode("utf-16-le"), b"confidential", b"S-1-5-21"):
        assert word not in everything
    names = {each.name for each in (tmp_path / "USMT").iterdir()}
    assert {
        "SHA256SUMS.age",
        "catalog.sqlite.age",
        "identity.age",
        "parts.json.age",
        "sealed.sha256",
    } < names
    assert {"manifest.jsonl.00000.age", "store.wim.00000.age", "store.wim.00001.age"} < names


def test_a_sealed_store_opens_with_its_key_only(tmp_path: Path) -> None:
    make("sealed", tmp_path, FILES)
    for wrong in (None, Passphrase("open sesam")):
        with pytest.raises(WrongKeyError) as caught:
            open_store(tmp_path, passphrase=wrong)
        assert caught.value.exit_code == 37


def test_a_store_sealed_to_somebody_is_opened_by_them(tmp_path: Path) -> None:
    identity = pyrage.x25519.Identity.generate()
    with SealedStore(tmp_path, keys=recipient_keys([str(identity.to_public())])) as store:
        store_all(store, FILES, selections(FILES))
    with open_store(tmp_path, identities=(identity,)) as opened:
        assert isinstance(opened, OpenStore)
        assert opened.trailer["objects"] == len(list(opened.objects()))


def test_a_flipped_byte_of_a_sealed_store_is_damage(tmp_path: Path) -> None:
    make("sealed", tmp_path, FILES)
    part = tmp_path / "USMT/store.wim.00001.age"
    content = bytearray(part.read_bytes())
    content[len(content) // 2] ^= 1
    part.write_bytes(content)
    with pytest.raises(CorruptStoreError):
        contents(tmp_path)


def test_the_manifest_differs_in_where_bytes_lie_and_nowhere_else(tmp_path: Path) -> None:
    rows = {}
    for kind in ("directory", "xpress"):
        make(kind, tmp_path / kind, FILES)
        rows[kind] = [{**each, "stored_as": ""} for each in read_manifest(tmp_path / kind)][1:-1]
    assert rows["directory"] == rows["xpress"]
