"""``/encrypt`` as a person uses it: whoever has the key has everything, nobody else has a name."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

import sample_images
from extractor.cli.main import main
from extractor.store.opened import open_store
from extractor.store.sealed.keys import Passphrase, read_identities
from extractor.store.verify import verify_store
from sample_images.contents import contents_of
from tests.conftest import need_tool
from tests.journeys.journey import entries

KEY = "correct horse battery"


def encrypted(store: Path, *words: str) -> int:
    disk = str(sample_images.unpack("solo"))
    return main(["scan", disk, "--store", str(store), "/c", "--progress", "none", *words])


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = tmp_path_factory.mktemp("sealed") / "store"
    assert encrypted(store, "/encrypt:AES_256", f"/key:{KEY}") == 3
    return store


def test_every_stored_file_is_in_it(sealed: Path) -> None:
    found = verify_store(sealed, lambda _: None, passphrase=Passphrase(KEY))
    assert found.intact
    known = {
        "\\".join(("C:", *each.path)): each.recipe.sha256
        for each in entries(contents_of("solo"))
        if each.recipe.sha256
    }
    with open_store(sealed, passphrase=Passphrase(KEY)) as store:
        stored = {
            str(each.record.path): each.record.sha256
            for each in store.objects("outcome = 'stored'")
        }
    shared = known.keys() & stored.keys()
    assert len(shared) > 30
    assert {path: stored[path] for path in shared} == {path: known[path] for path in shared}


def test_no_name_and_no_key_is_beside_it_in_plain(sealed: Path) -> None:
    files = [each for each in sealed.rglob("*") if each.is_file()]
    plain = b"".join(each.read_bytes() for each in files)
    for word in ("anna", "OneDrive", "only in the cloud", KEY):
        assert word.encode() not in plain, word
        assert word.encode("utf-16-le") not in plain, word
    log = [json.loads(line) for line in (sealed / "custody/log.jsonl").read_bytes().splitlines()]
    assert [line for line in log if line["event"] == "object_failed"]


def test_the_log_says_what_is_really_used(tmp_path: Path) -> None:
    log = tmp_path / "scan.log"
    assert encrypted(tmp_path / "store", "/encrypt:AES_256", f"/key:{KEY}", f"/l:{log}") == 3
    text = log.read_text("utf-16" if log.read_bytes()[:2] == b"\xff\xfe" else "utf-8")
    assert "ChaCha20-Poly1305" in text
    assert KEY not in text


def test_age_alone_opens_a_store_for_a_recipient(tmp_path: Path) -> None:
    need_tool("age", "age-keygen", "wimverify")
    key = tmp_path / "key.txt"
    subprocess.run(["age-keygen", "-o", key], check=True, capture_output=True)
    public = next(line.split()[-1] for line in key.read_text().splitlines() if "public key" in line)
    assert encrypted(tmp_path / "store", "/encrypt", "--recipient", public) == 3
    wim = tmp_path / "store.wim"
    with wim.open("wb") as out:
        for part in sorted((tmp_path / "store/USMT").glob("store.wim.*.age")):
            subprocess.run(["age", "-d", "-i", key, part], check=True, stdout=out)
    subprocess.run(["wimverify", wim], check=True, capture_output=True)
    identities = read_identities(key)
    assert verify_store(tmp_path / "store", lambda _: None, identities=identities).intact


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("/encrypt",), "/encrypt needs /key, /keyfile or --recipient"),
        (("/key:secret-secret",), "--key needs /encrypt"),
        (("/encrypt", "/nocompress", "/key:secret-secret"), "cannot be given together"),
        (("/encrypt:ROT13", "/key:secret-secret"), "takes AES"),
        (("/encrypt", "/key:secret-secret", "/keyfile:x"), "cannot be given together"),
        (("/encrypt", "--recipient", "age1nobody"), "is no recipient"),
        (("/encrypt", "--resume", "/key:secret-secret"), "cannot be given together"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_read(
    words: tuple[str, ...], sentence: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert encrypted(tmp_path / "store", *words) == 11
    said = capfd.readouterr().err
    assert sentence in said
    assert "secret-secret" not in said
    assert not (tmp_path / "store").exists()


def test_a_key_file_that_is_not_there_is_33(tmp_path: Path) -> None:
    assert encrypted(tmp_path / "store", "/encrypt", f"/keyfile:{tmp_path / 'none'}") == 33


@pytest.mark.parametrize("compression", ["none", "xpress", "lzx"])
def test_the_compressed_store_is_made_as_asked(compression: str, tmp_path: Path) -> None:
    need_tool("wiminfo", "wimverify")
    assert encrypted(tmp_path / "store", "--compression", compression) == 3
    wim = tmp_path / "store/USMT/store.wim"
    told = subprocess.run(
        ["wiminfo", wim], check=True, capture_output=True, text=True
    ).stdout.lower()
    assert f"compression:    {compression}" in told
    subprocess.run(["wimverify", wim], check=True, capture_output=True)
    assert verify_store(tmp_path / "store", lambda _: None).intact
