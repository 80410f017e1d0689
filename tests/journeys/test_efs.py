"""EFS files through a whole run: copyraw without a key, decryptcopy with one, and the key chain beside them."""

from __future__ import annotations

import hashlib
import io
import sqlite3
import sys
from pathlib import Path

import pytest

from extractor.cli.main import main
from tests.efs.decoder import AES_256, DESX, TRIPLE_DES, decode
from tests.efs.disk import FILE_ATTRIBUTE_DIRECTORY_INDEX, FILE_ATTRIBUTE_ENCRYPTED, Disk
from tests.efs.keychains import MASTER, add_key_chain
from tests.efs.keychains import PASSWORD as USER_PASSWORD
from tests.efs.people import ANNA_SID, agent, anna
from tests.efs.secret_files import Content, add_secret, noise
from tests.journeys.journey import Manifest, manifest_of, scan

DOCUMENTS = ("Users", "anna", "Documents")
PASSWORD = b"a secret that nobody may see"
FILES = {
    "aes.bin": (AES_256, {"": Content(noise(200_123, "1")), "ads": Content(noise(700, "2"))}),
    "3des.bin": (TRIPLE_DES, {"": Content(noise(65_536, "3"))}),
    "desx.bin": (DESX, {"": Content(noise(70_000, "4"), valid=66_000)}),
    "sparse.bin": (AES_256, {"": Content(bytes(1 << 17) + noise(999, "5"), sparse=True)}),
    "empty.bin": (AES_256, {"": Content(b""), "Zone.Identifier": Content(b"[Z]", encrypted=False)}),
}  # fmt: skip
RULES = """<migration urlid="urn:test"><component type="Documents" context="System"><displayName>d</displayName>
<role role="Data"><rules><include><objectSet><pattern type="File">C:\\Users\\anna\\Documents\\* [*]</pattern>
</objectSet></include></rules></role></component></migration>"""


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    disk = Disk()
    for name, (algorithm, streams) in FILES.items():
        add_secret(disk, *DOCUMENTS, name, streams=streams, users=[anna()], agents=[agent()],
                   algorithm=algorithm, efs_in_extension=name == "aes.bin")  # fmt: skip
    add_secret(disk, "Data", "shared.bin", streams={"": Content(b"shared")}, users=[anna()])
    folder = disk.directory(*DOCUMENTS)
    marked = FILE_ATTRIBUTE_ENCRYPTED | FILE_ATTRIBUTE_DIRECTORY_INDEX
    disk._write(folder, "locked folder", [], marked, directory=True)
    add_key_chain(disk, "anna", anna())
    return disk.save(tmp_path_factory.mktemp("efs") / "efs.raw")


@pytest.fixture(scope="module")
def raw_store(image: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = tmp_path_factory.mktemp("raw") / "store"
    assert scan(store, image, "/efs:copyraw", "/c") == 3  # solo has files that are only in a cloud
    return store


@pytest.fixture
def pfx(tmp_path: Path) -> Path:
    (tmp_path / "anna.pfx").write_bytes(anna().pfx(PASSWORD))
    (tmp_path / "password").write_bytes(PASSWORD + b"\n")
    return tmp_path / "anna.pfx"


def stored(store: Path, name: str) -> bytes:
    return (store / "USMT" / "File" / "C$" / Path(*DOCUMENTS) / name).read_bytes()


def test_copyraw_carries_every_file_and_the_decoder_reads_it(raw_store: Path) -> None:
    manifest = manifest_of(raw_store)
    for name, (_, streams) in FILES.items():
        data = stored(raw_store, name)
        for person in (anna(), agent()):
            assert decode(data, person) == {each: content.read for each, content in streams.items()}
        row = manifest.at((*DOCUMENTS, name))
        assert (row["outcome"], row["efs"], row["efs_size"]) == ("stored", "raw", len(data))
        assert row["sha256"] == hashlib.sha256(data).hexdigest()
        assert row["size"] == len(streams[""].data)


def test_decryptcopy_gives_the_same_bytes_as_the_decoder(
    image: Path, raw_store: Path, pfx: Path, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    words = ("/efs:decryptcopy", "--efs-pfx", pfx, "--efs-password", pfx.with_name("password"))
    assert scan(store, image, "/c", *words) == 3
    manifest = manifest_of(store)
    for name in FILES:
        row = manifest.at((*DOCUMENTS, name))
        decoded = decode(stored(raw_store, name), anna())
        assert stored(store, name) == decoded[""]
        sums = {"": row["sha256"]} | {each["name"]: each["sha256"] for each in row["streams"]}
        assert sums == {each: hashlib.sha256(data).hexdigest() for each, data in decoded.items()}
        assert (row["outcome"], row["efs"]) == ("stored", "plain")
    for path in (store / "USMT").rglob("*"):
        assert not path.is_file() or PASSWORD not in path.read_bytes()


def test_the_password_of_the_user_decrypts_what_the_pfx_does(
    image: Path, raw_store: Path, tmp_path: Path
) -> None:
    (tmp_path / "password").write_text(USER_PASSWORD + "\r\n", encoding="utf-8")
    words = ("/efs:decryptcopy", "/c", "--efs-user-password", tmp_path / "password")
    store = tmp_path / "store"
    assert scan(store, image, *words, "--log", tmp_path / "log", "/v:13") == 3
    for name in FILES:
        assert stored(store, name) == decode(stored(raw_store, name), anna())[""]
    assert USER_PASSWORD.encode() not in (tmp_path / "log").read_bytes()


def test_the_row_tells_who_can_open_it_and_that_it_will(raw_store: Path) -> None:
    row = manifest_of(raw_store).at((*DOCUMENTS, "aes.bin"))
    assert row["efs_verdict"] == "yes"
    assert row["efs_reason"].endswith(
        "of anna(anna@DESK) are in this store; the password is needed"
    )
    assert row["efs_users"] == [
        {"role": "user", "sid": ANNA_SID, "name": "anna(anna@DESK)", "thumbprint": anna().thumbprint},
        {"role": "recovery", "sid": agent().sid, "name": "Administrator", "thumbprint": agent().thumbprint},
    ]  # fmt: skip
    with sqlite3.connect(raw_store / "USMT" / "open-catalog" / "catalog.sqlite") as catalog:
        found = catalog.execute("SELECT count(*), min(form), min(verdict) FROM efs").fetchone()
        users = catalog.execute("SELECT DISTINCT sid FROM efs_users ORDER BY sid").fetchall()
    assert found == (len(FILES) + 1, "raw", "yes")
    assert users == [(ANNA_SID,), (agent().sid,)]


def test_the_store_verifies_and_a_locked_folder_is_a_folder(raw_store: Path) -> None:
    assert main(["store", "verify", str(raw_store)]) == 0
    row = manifest_of(raw_store).at((*DOCUMENTS, "locked folder"))
    assert (row["kind"], row["outcome"]) == ("directory", "stored")
    assert row["attributes"] & FILE_ATTRIBUTE_ENCRYPTED
    assert "efs" not in row


def outcomes(manifest: Manifest, below: str) -> set[tuple[str, str]]:
    return {
        (row["path"].rpartition("\\")[2], row["rule"].rpartition(":")[0])
        for row in manifest.rows
        if row["outcome"] == "stored" and below in row["path"] and row["kind"] == "file"
    }


def test_rules_of_ones_own_bring_the_key_chain_with_them(image: Path, tmp_path: Path) -> None:
    rules = tmp_path / "mine.xml"
    rules.write_text(RULES)
    assert scan(tmp_path / "raw", image, f"/i:{rules}", "/efs:copyraw") == 0
    manifest = manifest_of(tmp_path / "raw")
    keys = outcomes(manifest, "AppData\\Roaming\\Microsoft\\")
    assert {rule for _, rule in keys} == {"guards/efs-keys.xml"}
    assert {"CREDHIST", str(MASTER), anna().thumbprint} <= {name for name, _ in keys}
    assert manifest.at((*DOCUMENTS, "desx.bin"))["efs_verdict"] == "yes"
    assert scan(tmp_path / "skip", image, f"/i:{rules}", "/efs:skip", "/c") == 3
    assert outcomes(manifest_of(tmp_path / "skip"), "AppData\\Roaming\\Microsoft\\") == set()


def test_keys_of_a_user_who_was_left_out_stay_out_and_the_verdict_says_so(
    image: Path, tmp_path: Path
) -> None:
    rules = tmp_path / "mine.xml"
    rules.write_text(RULES.replace("Users\\anna\\Documents", "Data"))
    words = (f"/i:{rules}", "/efs:copyraw", "/c", f"/ue:{ANNA_SID}")
    assert scan(tmp_path / "store", image, *words) in {0, 3}
    manifest = manifest_of(tmp_path / "store")
    row = manifest.at(("Data", "shared.bin"))
    assert (row["outcome"], row["efs_verdict"]) == ("stored", "no")
    assert f"the certificate {anna().thumbprint} is not in this store" in row["efs_reason"]
    assert outcomes(manifest, "AppData\\Roaming\\Microsoft\\") == set()


def test_only_efs_files_carried_raw_is_a_complete_success(image: Path, tmp_path: Path) -> None:
    rules = tmp_path / "mine.xml"
    rules.write_text(RULES.replace("* [*]", " [*.bin]"))
    assert scan(tmp_path / "store", image, f"/i:{rules}", "/efs:copyraw") == 0


def test_abort_is_the_default_and_skip_goes_on(image: Path, tmp_path: Path) -> None:
    assert scan(tmp_path / "abort", image, "/c") == 2
    assert scan(tmp_path / "skip", image, "/c", "/efs:skip") == 3
    assert manifest_of(tmp_path / "skip").at((*DOCUMENTS, "aes.bin"))["outcome"] == "not-stored"


def test_decryptcopy_without_a_key_names_what_is_wanted(
    image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert scan(tmp_path / "stop", image, "/efs:decryptcopy") in {2, 61}
    assert not (tmp_path / "stop" / "USMT").exists()
    assert scan(tmp_path / "go", image, "/efs:decryptcopy", "/c") == 3
    row = manifest_of(tmp_path / "go").at((*DOCUMENTS, "aes.bin"))
    assert row["outcome"] == "not-stored"
    assert anna().thumbprint in row["reason"]
    assert agent().thumbprint in row["reason"]
    assert "Traceback" not in capsys.readouterr().err


def test_the_password_comes_by_standard_input_or_the_environment(
    image: Path, pfx: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("/efs:decryptcopy", "/c", "--efs-pfx", pfx)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(PASSWORD + b"\r\n")))
    assert scan(tmp_path / "stdin", image, *words, "--efs-password", "-") == 3
    monkeypatch.setenv("COLDSTATE_EFS_PASSWORD", PASSWORD.decode())
    assert scan(tmp_path / "environment", image, *words) == 3
    for store in (tmp_path / "stdin", tmp_path / "environment"):
        assert manifest_of(store).at((*DOCUMENTS, "3des.bin"))["efs"] == "plain"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--efs-pfx", "x.pfx"), "--efs-pfx needs /efs:decryptcopy"),
        (("--efs-user-password", "-"), "--efs-user-password needs /efs:decryptcopy"),
        (("--efs-password", "-"), "--efs-password needs --efs-pfx"),
        (
            (
                "/efs:decryptcopy",
                "--efs-pfx",
                "x",
                "--efs-password",
                "-",
                "--efs-user-password",
                "-",
            ),
            "standard input gives one secret only",
        ),
        (("/efs:hardlink",), "needs a hard-link store"),
        (("/efs:decryptcopy", "--efs-pfx", "nowhere.pfx"), "nowhere.pfx: cannot be read"),
    ],
)
def test_what_cannot_stand_together_is_refused(
    image: Path,
    tmp_path: Path,
    words: tuple[str, ...],
    says: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert scan(tmp_path / "store", image, *words) == 11
    assert says in capsys.readouterr().err
