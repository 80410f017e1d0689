"""The commands that read a store, as words: what they print, and the codes they end with."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import zlib
from pathlib import Path

import pyrage
import pytest

from extractor.cli import store_cat, store_mig
from extractor.cli.main import main
from extractor.cli.stores import ACTIONS, TEXT
from extractor.model import Reparse
from extractor.store.sealed.keys import Passphrase, passphrase_keys, recipient_keys
from extractor.store.wim_store import SealedStore
from extractor.testing import FakeFile, FakeFilesystem
from tests.store.build import make_store, selections, store_all
from tests.store.test_mig import mig, record

DISK = {
    "Users\\bob\\a.txt": FakeFile(b"alpha\n", streams={"Zone.Identifier": b"[ZoneTransfer]"}),
    "Users\\bob\\b.bin": FakeFile(b"\x1b]0;HACK\x07\0"),
    "Users\\bob\\evil\u202etxt.exe": FakeFile(b"mirrored"),
    "Users\\bob\\Readme.txt": FakeFile(b"first"),
    "Users\\bob\\README.TXT": FakeFile(b"second"),
    "Users\\bob\\to": FakeFile(directory=True, reparse=Reparse(0xA0000003, b"", "C:\\\x1b[2J")),
}
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    make_store(tmp_path / "store", FakeFilesystem(DISK))
    return tmp_path / "store"


def run(*words: object) -> int:
    return main(["store", *map(str, words)])


@pytest.mark.parametrize("action", ACTIONS)
def test_every_action_is_in_the_help_and_has_its_own(action: str, capsys: Capture) -> None:
    assert f"\n  {action} STORE" in TEXT
    assert run(action, "--help") == 0
    assert capsys.readouterr().out.startswith("usage: ")
    assert run(action, "/?") == 1


@pytest.mark.parametrize(
    "words",
    [(), ("steal",), ("ls",), ("cat", "x"), ("extract", "x"), ("diff", "x"), ("ls", "x", "-z")],
)
def test_what_is_no_command_line_ends_with_11(words: tuple[str, ...]) -> None:
    assert run(*words) == 11


@pytest.mark.parametrize(
    "action", [("ls",), ("tree",), ("cat", "C:\\x"), ("extract", "out"), ("diff", ".")]
)
def test_what_is_no_store_ends_with_27(tmp_path: Path, action: tuple[str, ...]) -> None:
    name, *rest = action
    assert run(name, tmp_path, *(tmp_path / each if each == "out" else each for each in rest)) == 27
    assert not (tmp_path / "out").exists()


# --- ls and tree ----------------------------------------------------------------------------------


def test_ls_prints_a_path_a_line_and_nothing_that_moves_a_cursor(
    store: Path, capsys: Capture
) -> None:
    assert run("ls", store) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "C:\\Users\\bob\\a.txt" in lines
    assert "C:\\Users\\bob\\evil\\u202etxt.exe" in lines
    assert len(lines) == 8


def test_ls_long_tells_size_streams_and_targets(store: Path, capsys: Capture) -> None:
    assert run("ls", store, "a.txt", "to", "--long") == 0
    first, stream, link = capsys.readouterr().out.splitlines()
    assert first.split()[:2] == ["----A-----", "6"]
    assert stream.split() == ["14", "C:\\Users\\bob\\a.txt:Zone.Identifier"]
    assert link.endswith("C:\\Users\\bob\\to -> C:\\\\x1b[2J")


def test_ls_json_is_one_object_with_exact_names(store: Path, capsys: Capture) -> None:
    assert run("ls", store, "evil*", "a.txt", "--json") == 0
    text = capsys.readouterr().out
    assert text.isascii()
    found = json.loads(text)["objects"]
    exact = bytes.fromhex(found[1]["path_utf16"]).decode("utf-16-le")
    assert exact == "C:\\Users\\bob\\evil\u202etxt.exe"
    assert found[0]["streams"][0]["name"] == "Zone.Identifier"


def test_ls_of_nothing_is_told_and_ends_with_3(store: Path, capsys: Capture) -> None:
    assert run("ls", store, "*.nothing", "a.txt") == 3
    captured = capsys.readouterr()
    assert captured.out == "C:\\Users\\bob\\a.txt\n"
    assert "*.nothing takes nothing" in captured.err


def test_tree_draws_what_lies_at_a_path(store: Path, capsys: Capture) -> None:
    assert run("tree", store, "C:/users/bob") == 0
    assert capsys.readouterr().out.splitlines() == [
        "C:/users/bob",
        "├── a.txt",
        "├── b.bin",
        "├── evil\\u202etxt.exe",
        "├── README.TXT",
        "├── Readme.txt",
        "└── to -> C:\\\\x1b[2J",
        "",
        "7 objects, 49 B",
    ]


def test_tree_counts_what_the_depth_cuts_off(store: Path, capsys: Capture) -> None:
    assert run("tree", store, "--depth", 1) == 0
    assert "└── C:  (8 objects, 49 B)" in capsys.readouterr().out
    assert run("tree", store, "--depth", 0) == 11


def test_a_reader_that_goes_away_ends_a_listing_quietly(store: Path) -> None:
    code = "from extractor.cli.main import main; raise SystemExit(main())"
    reader, writer = os.pipe()
    os.close(reader)
    ran = subprocess.run(
        [sys.executable, "-c", code, "store", "ls", store],
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writer)
    assert (ran.returncode, ran.stderr) == (141, "")


# --- cat ------------------------------------------------------------------------------------------


def test_cat_prints_exactly_the_bytes(
    store: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert run("cat", store, "C:\\Users\\bob\\b.bin") == 0
    assert capfdbinary.readouterr().out == b"\x1b]0;HACK\x07\0"
    assert run("cat", store, "C:\\Users\\bob\\a.txt:zone.identifier") == 0
    assert capfdbinary.readouterr().out == b"[ZoneTransfer]"


def test_cat_refuses_a_path_that_means_two(store: Path, capsys: Capture) -> None:
    assert run("cat", store, "C:\\Users\\bob\\readme.txt") == 11
    assert "names 2 objects" in capsys.readouterr().err


def test_cat_of_changed_bytes_ends_with_42(store: Path, capsys: Capture) -> None:
    (store / "USMT/File/C$/Users/bob/a.txt").write_bytes(b"alphA\n")
    assert run("cat", store, "a.txt") == 42
    assert "not those that were stored" in capsys.readouterr().err


def test_cat_prints_no_controls_to_a_terminal(
    store: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    assert run("cat", store, "b.bin") == 11
    assert "would harm the terminal" in capsys.readouterr().err
    assert run("cat", store, "a.txt") == 0


@pytest.mark.parametrize(
    ("content", "plain"),
    [
        (b"", True),
        ("naïve\r\n\tтест".encode(), True),
        (b"\xff\xfeU\0", False),
        (b"a\x1b[2J", False),
        ("c1\x9b31m".encode(), False),
        (b"a" * (1 << 20) + b"\xd0", False),
        (b"a" * ((1 << 20) - 1) + "ж".encode(), True),
    ],
)
def test_plain_text_is_utf8_without_controls(content: bytes, plain: bool) -> None:
    file = io.BytesIO(content)
    assert store_cat.is_text(file) is plain


# --- extract --------------------------------------------------------------------------------------


def test_extract_tells_links_and_sums(store: Path, tmp_path: Path, capsys: Capture) -> None:
    assert run("extract", store, tmp_path / "out") == 0
    out = capsys.readouterr().out
    assert "link: C:\\Users\\bob\\to -> C:\\\\x1b[2J\n" in out
    assert "7 of 8 files and folders written (49 bytes, 1 named streams, 0 hard links)" in out
    assert (tmp_path / "out/C$/Users/bob/a.txt").read_bytes() == b"alpha\n"


def test_extract_twice_needs_overwrite(store: Path, tmp_path: Path, capsys: Capture) -> None:
    words = ("extract", store, tmp_path / "out", "--include", "*.txt, b.bin", "--streams=none")
    assert run(*words) == 0
    assert run(*words) == 3
    assert "failed: C:\\Users\\bob\\a.txt: something of this name is there already" in (
        capsys.readouterr().out
    )
    assert run(*words, "--overwrite") == 0
    names = {each.name for each in (tmp_path / "out/C$/Users/bob").iterdir()}
    assert {"a.txt", "b.bin", "README.TXT"} < names
    assert len(names) == 4


def test_extract_excludes_folders(store: Path, tmp_path: Path) -> None:
    assert run("extract", store, tmp_path / "out", "--exclude", "C:\\Users\\bob") == 0
    assert [str(each.relative_to(tmp_path)) for each in tmp_path.glob("out/*/*")] == [
        "out/C$/Users"
    ]


def test_extract_of_a_damaged_store_ends_with_42(
    store: Path, tmp_path: Path, capsys: Capture
) -> None:
    (store / "USMT/File/C$/Users/bob/a.txt").write_bytes(b"alphA\n")
    assert run("extract", store, tmp_path / "out") == 42
    assert "failed: C:\\Users\\bob\\a.txt: its bytes are not those" in capsys.readouterr().out


def test_extract_of_a_pattern_that_takes_nothing_ends_with_3(store: Path, tmp_path: Path) -> None:
    assert run("extract", store, tmp_path / "out", "--include", "none.*") == 3


# --- diff -----------------------------------------------------------------------------------------


def test_diff_of_equal_stores_ends_with_0(store: Path, capsys: Capture) -> None:
    assert run("diff", store, store) == 0
    assert capsys.readouterr().out == (
        "8 objects compared: 0 only in the first, 0 only in the second, 0 changed\n"
    )


def test_diff_names_each_fact_and_ends_with_1(store: Path, tmp_path: Path, capsys: Capture) -> None:
    other = DISK | {"Users\\bob\\a.txt": FakeFile(b"beta", attributes=0x22)}
    del other["Users\\bob\\b.bin"]
    make_store(tmp_path / "other", FakeFilesystem(other))
    assert run("diff", store, tmp_path / "other") == 1
    out = capsys.readouterr().out
    assert "changed: file C:\\Users\\bob\\a.txt [stored]\n" in out
    assert "    attributes: 0x20 -> 0x22\n" in out
    assert "    stream Zone.Identifier: " in out
    assert "only in the first: file C:\\Users\\bob\\b.bin [stored]\n" in out
    assert run("diff", store, tmp_path / "other", "--json") == 1
    found = json.loads(capsys.readouterr().out)
    assert found["compared"] == {"objects": 8, "only_first": 1, "only_second": 0, "changed": 1}
    assert {each["side"] for each in found["differences"]} == {"both", "only_first"}


def test_diff_with_what_is_no_image_ends_with_26(store: Path, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(bytes(4096))
    assert run("diff", store, tmp_path / "x") == 26


def test_diff_compares_with_one_store_only(store: Path) -> None:
    assert run("diff", store, store, store) == 11


# --- encrypted ------------------------------------------------------------------------------------

KEY = "open-sesame-9"
IDENTITY = pyrage.x25519.Identity.generate()


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An encrypted store that an identity opens; scrypt would take a second for each command."""
    place = tmp_path_factory.mktemp("sealed")
    files = FakeFilesystem(DISK)
    with SealedStore(place / "store", keys=recipient_keys([str(IDENTITY.to_public())])) as writer:
        store_all(writer, files, selections(files))
    (place / "id").write_text(f"# mine\n{IDENTITY}\n")
    return place


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (("ls", "{store}", "a.txt"), 0, "C:\\Users\\bob\\a.txt\n"),
        (("tree", "{store}", "--depth", "1"), 0, "└── C:"),
        (("cat", "{store}", "a.txt"), 0, "alpha\n"),
        (("extract", "{store}", "{out}"), 0, "7 of 8 files and folders written"),
        (("diff", "{store}", "{store}"), 0, "8 objects compared: 0 only"),
        (("verify", "{store}"), 0, "intact: 8 objects"),
        (("verify", "{store}", "--report", "catalog"), 0, "CATALOG\tOK\n"),
        (("repair", "{store}"), 0, "whole: nothing was to be repaired\n"),
    ],
)
def test_every_command_opens_an_encrypted_store(
    sealed: Path, tmp_path: Path, words: tuple[str, ...], code: int, text: str, capsys: Capture
) -> None:
    places = {"store": sealed / "store", "out": tmp_path / "out"}
    given = [word.format_map(places) for word in words]
    assert run(*given, "--identity", sealed / "id") == code
    assert text in capsys.readouterr().out
    assert run(*given) == 37
    (tmp_path / "other").write_text(f"{pyrage.x25519.Identity.generate()}\n")
    assert run(*given, "--identity", tmp_path / "other") == 37
    told = capsys.readouterr()
    assert "AGE-SECRET" not in told.out + told.err


def test_the_manifest_of_an_encrypted_store_is_printed(
    sealed: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert run("manifest", sealed / "store", "--identity", sealed / "id") == 0
    lines = capfdbinary.readouterr().out.splitlines()
    assert json.loads(lines[0])["format"] == "coldstate-manifest"
    assert json.loads(lines[-1])["objects"] == len(lines) - 2


def test_a_report_of_an_encrypted_store_goes_where_it_is_told(sealed: Path, tmp_path: Path) -> None:
    words = ["report", str(sealed / "store"), "--identity", str(sealed / "id")]
    assert main(words) == 11
    assert main([*words, "--output", str(tmp_path / "page.html")]) == 0
    assert (tmp_path / "page.html").stat().st_size > 1000


def test_a_key_opens_a_store_and_is_never_shown(tmp_path: Path, capsys: Capture) -> None:
    files = FakeFilesystem(DISK)
    with SealedStore(tmp_path / "store", keys=passphrase_keys(Passphrase(KEY))) as writer:
        store_all(writer, files, selections(files))
    (tmp_path / "k").write_text(KEY)
    (tmp_path / "empty").write_text("")
    store = tmp_path / "store"
    assert run("ls", store, "--key", KEY) == 0
    assert run("ls", store, f"--key={KEY}") == 0
    assert run("ls", store, "--keyfile", tmp_path / "k") == 0
    assert run("ls", store, "--key", "open-sesame-8") == 37
    assert run("ls", store, "--keyfile", tmp_path / "empty") == 33
    assert run("ls", store, "--keyfile", tmp_path / "none") == 33
    assert run("ls", store, "--key", KEY, "--keyfile", tmp_path / "k") == 11
    assert run("ls", store, "--key", KEY, "--key", KEY) == 11
    assert run("ls", store, "--key", KEY, f"--bogus={KEY}") == 11
    assert run("ls", store, "--key", "x" * 257) == 12
    told = capsys.readouterr()
    assert "sesame" not in told.out + told.err


def test_a_damaged_encrypted_store_ends_with_42(sealed: Path, tmp_path: Path) -> None:
    store = Path(shutil.copytree(sealed / "store", tmp_path / "store"))
    (store / "USMT/catalog.sqlite.age").unlink()
    assert run("ls", store, "--identity", sealed / "id") == 42


# --- stores of Microsoft's ------------------------------------------------------------------------

FOUND = "File\\C:\\Users\\nutzer\\Desktop\\desktop.ini"


def make_mig(place: Path, *records: bytes) -> Path:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(mig(*records))
    return place


@pytest.mark.parametrize("named", ["USMT/USMT.MIG", "USMT", "."])
def test_a_store_of_microsofts_is_named_and_ends_with_27(
    tmp_path: Path, named: str, capsys: Capture
) -> None:
    make_mig(tmp_path / "USMT/USMT.MIG", record(FOUND, b"ini"))
    for words in (("ls", tmp_path / named), ("extract", tmp_path / named, tmp_path / "out")):
        assert run(*words) == 27
        assert "UsmtUtils /extract" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_search_lists_what_it_finds_as_unverified(tmp_path: Path, capsys: Capture) -> None:
    path = make_mig(tmp_path / "a.mig", record(FOUND, b"ini"), record("File\\C:\\x", b"x" * 9))
    assert run("ls", path, "--experimental-mig") == 0
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    assert len(lines) == 2
    assert all(line.endswith("(experimental, unverified)") for line in lines)
    assert "experimental" in captured.err
    assert run("ls", path, "desktop.*", "--experimental-mig") == 0
    assert capsys.readouterr().out.startswith(f"{FOUND}: 3 bytes")
    assert run("ls", path, "*.none", "--experimental-mig") == 3


def test_what_a_search_finds_is_written_into_a_folder_that_says_so(
    tmp_path: Path, capsys: Capture
) -> None:
    cut = zlib.compress(os.urandom(9000))[:4000]
    path = make_mig(
        tmp_path / "a.mig",
        record(FOUND, b"first"),
        record(FOUND, b"second"),
        record("File\\C:\\..\\..\\up", b"up"),
        record("File\\C:\\cut", b"", packed=cut),
    )
    out = tmp_path / "out"
    assert run("extract", path, out, "--experimental-mig") == 3
    base = out / "experimental-unverified/File/C%3A"
    assert (base / "Users/nutzer/Desktop/desktop.ini").read_bytes() == b"first"
    [second] = (base / "Users/nutzer/Desktop").glob("desktop.ini.*")
    assert second.read_bytes() == b"second"
    assert (base / ".%2E/.%2E/up").read_bytes() == b"up"
    assert [each.name.endswith(".partial") for each in base.glob("cut*")] == [True]
    assert {each.name for each in tmp_path.iterdir()} == {"a.mig", "out"}
    assert "4 files written" in capsys.readouterr().out
    assert run("extract", path, out, "--experimental-mig", "--include", "up") == 3
    assert run("extract", path, out, "--experimental-mig", "--include", "up", "--overwrite") == 0


def test_a_search_writes_no_more_than_its_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setattr(store_mig, "LEAST", 100)
    monkeypatch.setattr(store_mig, "TIMES", 0)
    path = make_mig(tmp_path / "a.mig", *(record(f"File\\C:\\{n}", b"x" * 60) for n in range(3)))
    assert run("extract", path, tmp_path / "out", "--experimental-mig") == 3
    assert "beyond the limit" in capsys.readouterr().out
    assert len(list((tmp_path / "out").rglob("[0-9]"))) == 1


def test_what_cannot_be_searched_ends_with_27(tmp_path: Path, store: Path) -> None:
    (tmp_path / "password.mig").write_bytes(mig(record(FOUND, b"x"), salt=b"s" * 28))
    for path in (store, tmp_path / "password.mig", tmp_path / "none"):
        assert run("ls", path, "--experimental-mig") == 27
        assert run("extract", path, tmp_path / "out", "--experimental-mig") == 27
