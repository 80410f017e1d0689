"""``/verify`` and ``/extract`` of every kind of store: the lines of the report, the log, and the codes."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

import pyrage
import pytest

from extractor.cli.main import main
from extractor.store.directory import DirectoryStore
from extractor.store.sealed.keys import Passphrase, passphrase_keys, recipient_keys
from extractor.store.wim.reader import WimFile
from extractor.store.wim_store import SealedStore, WimStore
from extractor.testing import FakeFile, FakeFilesystem
from tests.store.build import selections, store_all

SECRET = "open-sesame-9"
IDENTITY = pyrage.x25519.Identity.generate()
NOISE = bytes(range(256)) * 12_000
"""Compresses into more than one chunk, so that a byte in its middle is nobody else's."""
DISK = FakeFilesystem(
    {
        "Users\\bob\\a.txt": FakeFile(b"alpha\n", streams={"Zone.Identifier": b"[ZoneTransfer]"}),
        "Users\\bob\\b.bin": b"beta" * 1000,
        "Users\\bob\\noise": NOISE,
        "Users\\bob\\e\u202evil.txt": b"mirrored",
    }
)
FILES = [f"C:\\Users\\bob\\{name}" for name in ("a.txt", "b.bin", "e\\u202evil.txt", "noise")]
KINDS = {
    "directory": DirectoryStore,
    "wim": WimStore,
    "sealed": partial(SealedStore, keys=recipient_keys([str(IDENTITY.to_public())])),
}
Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stores")
    for kind, writer in KINDS.items():
        with writer(folder / kind) as store:  # type: ignore[operator]
            store_all(store, DISK, selections(DISK))
    (folder / "identity").write_text(f"{IDENTITY}\n")
    return folder


@pytest.fixture
def stores(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "stores"))


def run(stores: Path, command: str, kind: str, *words: object) -> int:
    key = ["--identity", str(stores / "identity")] if kind == "sealed" else []
    return main(["usmtutils", command, str(stores / kind), *map(str, words), *key])


def flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 0x55
    path.write_bytes(content)


def damage_noise(stores: Path, kind: str) -> None:
    """Flip a byte of the content of one file."""
    final = stores / kind / "USMT"
    if kind == "directory":
        flip(final / "File/C$/Users/bob/noise", 9)
        return
    with WimFile.open(stores / "wim/USMT/store.wim") as wim:
        node = next(node for parts, node in wim.rows(1) if parts[-1:] == ("noise",))
        entry = wim.blobs.find(node.sha1)
    assert entry
    if kind == "wim":
        flip(final / "store.wim", entry.resource.offset + entry.resource.stored // 2)
    else:
        flip(final / "store.wim.00001.age", 5000)


@pytest.mark.parametrize("kind", KINDS)
def test_an_intact_store_is_ok_line_by_line(stores: Path, kind: str, capsys: Capture) -> None:
    assert run(stores, "/verify:all", kind) == 0
    expected = [f"{name}\tOK" for name in [*FILES, "CATALOG"]]
    assert capsys.readouterr().out.splitlines() == expected
    assert run(stores, "/verify:failureonly", kind) == 0
    assert capsys.readouterr().out == ""
    assert run(stores, "/verify:catalog", kind) == 0
    assert capsys.readouterr().out == "CATALOG\tOK\n"
    assert run(stores, "/verify", kind) == 0
    assert capsys.readouterr().out.splitlines() == [
        "Files intact\t4",
        "Files corrupted\t0",
        "CATALOG\tOK",
    ]


@pytest.mark.parametrize("kind", ["directory", "wim"])
def test_a_damaged_file_is_named_and_the_catalog_is_not_blamed(
    stores: Path, kind: str, capsys: Capture
) -> None:
    damage_noise(stores, kind)
    assert run(stores, "/verify:FailureOnly", kind) == 42
    assert capsys.readouterr().out == f"{FILES[3]}\tCORRUPTED\n"
    assert run(stores, "/verify:all", kind) == 42
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        *(f"{name}\tOK" for name in FILES[:3]),
        f"{FILES[3]}\tCORRUPTED",
        "CATALOG\tOK",
    ]
    assert main(["store", "verify", str(stores / kind), "--report", "summary"]) == 42
    assert capsys.readouterr().out.splitlines()[:2] == ["Files intact\t3", "Files corrupted\t1"]


def test_a_damaged_part_of_an_encrypted_store_ends_with_42(stores: Path, capsys: Capture) -> None:
    damage_noise(stores, "sealed")
    assert run(stores, "/verify:failureonly", "sealed") == 42
    lines = capsys.readouterr().out.splitlines()
    assert lines
    assert all(line.endswith("\tCORRUPTED") for line in lines)
    assert not any(line.startswith("CATALOG") for line in lines)


@pytest.mark.parametrize("kind", ["directory", "wim"])
def test_a_damaged_catalog_is_the_last_line(stores: Path, kind: str, capsys: Capture) -> None:
    flip(stores / kind / "USMT/open-catalog/catalog.sqlite", 5000)
    assert run(stores, "/verify:all", kind) == 42
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "CATALOG\tCORRUPTED"
    assert lines[:-1] == [f"{name}\tOK" for name in FILES]


def test_what_does_not_belong_to_a_store_has_a_line(stores: Path, capsys: Capture) -> None:
    (stores / "directory/USMT/File/evil").write_text("x")
    assert run(stores, "/verify:failureonly", "directory") == 42
    assert capsys.readouterr().out == "File/evil\tCORRUPTED\n"


def test_the_log_holds_the_report_and_what_went_wrong(stores: Path, tmp_path: Path) -> None:
    damage_noise(stores, "wim")
    assert run(stores, "/verify:all", "wim", f"/l:{tmp_path / 'u.log'}") == 42
    lines = (tmp_path / "u.log").read_text("utf-8-sig").splitlines()
    ends = [line.split("[0x000000] ")[1] for line in lines]
    assert ends[:5] == [*(f"{n}\tOK" for n in FILES[:3]), f"{FILES[3]}\tCORRUPTED", "CATALOG\tOK"]
    assert ", Error" in lines[5]
    assert "not as it was written" in lines[5]


@pytest.mark.parametrize("kind", KINDS)
def test_extract_takes_includes_before_excludes(stores: Path, tmp_path: Path, kind: str) -> None:
    out = tmp_path / "out"
    assert run(stores, "/extract", kind, out, "/i:*.txt, b.*", "/e:*.bin") == 0
    names = {each.name for each in out.rglob("*") if each.is_file()}
    assert names == {"a.txt", "a.txt%3AZone.Identifier", "b.bin", "e%u202Evil.txt"}
    assert run(stores, "/extract", kind, out, "/i:a.txt") == 3
    assert run(stores, "/extract", kind, out, "/i:a.txt", "/o") == 0
    assert run(stores, "/extract", kind, out, "/i:nothing.*") == 3
    rest = tmp_path / "rest"
    assert run(stores, "/extract", kind, rest, "/e:*.txt;*.bin") == 0
    assert {each.name for each in rest.rglob("*") if each.is_file()} == {"noise"}


def test_extract_of_damaged_bytes_ends_with_42_and_is_logged(stores: Path, tmp_path: Path) -> None:
    damage_noise(stores, "wim")
    log = tmp_path / "u.log"
    assert run(stores, "/extract", "wim", tmp_path / "out", f"/l:{log}", "/v:5") == 42
    assert not (tmp_path / "out/C$/Users/bob/noise").exists()
    text = log.read_text("utf-8-sig")
    assert "UnableToCopy: C:\\Users\\bob\\noise" in text
    assert "stored: C:\\Users\\bob\\a.txt" in text


def test_a_quoted_pattern_may_hold_a_comma(stores: Path, tmp_path: Path) -> None:
    assert run(stores, "/extract", "wim", tmp_path / "o", '/i:"no,such";a.txt') == 3
    assert [each.name for each in (tmp_path / "o").rglob("a.txt")] == ["a.txt"]


def test_keys_open_and_wrong_ones_end_with_37(tmp_path: Path, capsys: Capture) -> None:
    store = tmp_path / "store"
    with SealedStore(store, keys=passphrase_keys(Passphrase(SECRET))) as writer:
        store_all(writer, DISK, selections(DISK))
    (tmp_path / "k").write_text(f"{SECRET}\n")
    log = f"/l:{tmp_path / 'u.log'}"
    words = ["usmtutils", "/verify:catalog", str(store), log]
    assert main([*words, "/decrypt:AES_256", f"/key:{SECRET}"]) == 0
    assert main([*words, "/decrypt", f"/keyfile:{tmp_path / 'k'}"]) == 0
    assert main([*words, "/decrypt", "/key:open-sesame-8"]) == 37
    assert main(words) == 37
    assert main([*words, "/decrypt", f"/keyfile:{tmp_path / 'none'}"]) == 33
    captured = capsys.readouterr()
    told = captured.out + captured.err + (tmp_path / "u.log").read_text("utf-8-sig")
    assert "open-sesame" not in told


def test_help_ends_with_1_and_nonsense_with_11(tmp_path: Path, capsys: Capture) -> None:
    assert main(["usmtutils", "/?"]) == 1
    assert capsys.readouterr().out.startswith("usage: coldstate usmtutils")
    assert main(["usmtutils"]) == 11
    assert main(["usmtutils", "/verify", str(tmp_path)]) == 27
