"""A run leaves a record of who read what with what and what came of it; it holds together, and holds no secret."""

from __future__ import annotations

import hashlib
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

import extractor.scan
import sample_images
from extractor.cli.main import main
from extractor.cli.requests import without_secrets
from extractor.images.verify import Verifying, verifying_again
from extractor.machine import open_machine
from extractor.opening import Asked, Opened, each_windows
from extractor.report.chained_log import ChainedLog, check_chain
from extractor.seams import Image
from tests.conftest import need_tool
from tests.journeys.journey import manifest_of, scan
from tests.volumes import tiny_bitlocker as tiny

Record = dict[str, Any]
KEYS = [
    "format", "version", "run", "previous_record", "case", "evidence", "operator", "account", "host", "tool",
    "libraries", "plugins", "command", "working_directory", "environment", "started", "ended", "seconds",
    "exit_code", "error", "outcomes", "windows", "images", "volumes", "stores", "files.sha256", "log",
]  # fmt: skip
WITHOUT_ANNA = "/ue:SOLO-PC\\anna"
"""Only she has a file that cannot be stored."""
SOLO = ("--case", "2026-17", "--evidence", "HD-3", "--operator", "Ann Archer")


@pytest.fixture(scope="module")
def solo() -> Path:
    return sample_images.unpack("solo")


@pytest.fixture(scope="module")
def original(solo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the records of two runs, the second of which was refused."""
    store = tmp_path_factory.mktemp("custody") / "store"
    assert scan(store, solo, "/c", *SOLO) == 3
    assert scan(store, solo) == 27  # it is there already
    return store


@pytest.fixture
def store(original: Path, tmp_path: Path) -> Path:
    """A copy, to be tampered with."""
    return shutil.copytree(original, tmp_path / "copy")


def record(store: Path, name: str = "custody.json") -> Record:
    found: Record = json.loads((store / "custody" / name).read_bytes())
    return found


def log_lines(store: Path) -> list[bytes]:
    return (store / "custody" / "log.jsonl").read_bytes().splitlines(keepends=True)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def verify(store: Path) -> int:
    return main(["custody", "verify", str(store)])


# --- the record -----------------------------------------------------------------------------------


def test_the_record_is_complete(original: Path, solo: Path) -> None:
    found = record(original, "custody-1.json")
    assert list(found) == KEYS
    assert (found["format"], found["version"]) == ("coldstate-custody", 1)
    assert (found["case"], found["evidence"], found["operator"]) == ("2026-17", "HD-3", "Ann Archer")  # fmt: skip
    assert found["tool"]["version"] == version("coldstate")
    assert found["libraries"]["pytsk3"] == version("pytsk3")
    assert found["command"][:3] == ["coldstate", "scan", str(solo)]
    begun, ended = map(datetime.fromisoformat, (found["started"], found["ended"]))
    assert begun < ended <= datetime.now(UTC)
    assert found["started"].endswith("Z")
    assert (found["exit_code"], found["error"]) == (3, None)


def test_its_sums_and_counters_are_those_of_the_store(original: Path) -> None:
    found = record(original, "custody-1.json")
    totals = manifest_of(original).trailer["totals"]
    (windows,) = found["windows"]
    names = ("seen", "stored", "excluded", "not_stored")
    assert windows["objects"] == {name: totals[name] for name in names}
    (stored,) = found["stores"]
    assert (stored["path"], stored["written"]) == ("../USMT", True)
    for name in ("manifest.jsonl", "catalog.sqlite", "SHA256SUMS"):
        assert stored["files"][f"open-catalog/{name}"] == digest(
            original / "USMT" / "open-catalog" / name
        )
    assert found["outcomes"]["not-stored"]["objects"] == 1


def test_it_holds_the_hashes_of_the_log_up_to_its_own_end(original: Path) -> None:
    told = record(original, "custody-1.json")["log"]
    lines = log_lines(original)[: told["lines"]]
    assert hashlib.sha256(lines[-1]).hexdigest() == told["last"]
    assert hashlib.sha256(b"".join(lines)).hexdigest() == told["sha256"]


def test_the_image_has_its_files_with_size_and_time_before_and_after(
    original: Path, solo: Path
) -> None:
    (image,) = record(original)["images"]
    (segment,) = image["segments"]
    assert (image["path"], image["format"], image["size"]) == (str(solo), "raw", solo.stat().st_size)  # fmt: skip
    assert (segment["path"], segment["sha256"]) == (str(solo), None)
    assert segment["before"] == segment["after"]
    assert segment["before"]["size"] == solo.stat().st_size
    moment = datetime.fromisoformat(segment["before"]["modified"][:26] + "+00:00")
    assert moment.timestamp() == pytest.approx(solo.stat().st_mtime, abs=1e-5)


def test_a_name_that_nobody_gave_is_null_and_the_account_is_told_apart(original: Path) -> None:
    found = record(original)
    assert (found["case"], found["evidence"], found["operator"]) == (None, None, None)
    assert set(found["account"]) == {"name", "uid", "sudo_user"}


def test_the_manifest_is_the_same_whoever_runs_it_and_when(
    original: Path, solo: Path, tmp_path: Path
) -> None:
    assert scan(tmp_path / "store", solo, "/c", "--operator", "Zed") == 3
    assert manifest_of(tmp_path / "store").lines == manifest_of(original).lines
    for file in (tmp_path / "store" / "USMT").rglob("*"):
        assert not file.is_file() or b"custody" not in file.read_bytes().lower()


def test_the_store_verifies_with_a_record_beside_it(original: Path) -> None:
    assert main(["store", "verify", str(original)]) == 0


def test_protectors_are_in_the_table_of_volumes_and_no_key_anywhere(tmp_path: Path) -> None:
    with open_machine([sample_images.unpack("three")]) as machine:
        system = machine.images[0].read_at(1 << 20, 20 << 20)
    (tmp_path / "disk.raw").write_bytes(tiny.build(system, tiny.tpm(), tiny.recovery()))
    (tmp_path / "key").write_text(tiny.RECOVERY)
    key = ("--bitlocker-key", tmp_path / "key")
    assert scan(tmp_path / "store", tmp_path / "disk.raw", "/c", *key) in {0, 3}
    (volume,) = record(tmp_path / "store")["volumes"]
    protectors = " ".join(volume["encryption"]["protectors"])
    assert str(tiny.IDS["recovery"]) in protectors
    assert str(tiny.IDS["recovery"]) in volume["encryption"]["opened_by"]
    for file in (tmp_path / "store" / "custody").iterdir():
        assert tiny.RECOVERY not in file.read_text("utf-8")


def test_each_windows_has_its_store_in_the_record(tmp_path: Path) -> None:
    assert scan(tmp_path, sample_images.unpack("three"), "--all-windows", "/c") in {0, 3}
    found = record(tmp_path)
    folders = sorted(f"../{each.parent.name}/USMT" for each in tmp_path.glob("*/USMT"))
    assert len(folders) > 1
    assert sorted(each["path"] for each in found["stores"]) == folders
    assert sorted(each["store"] for each in found["windows"]) == folders
    assert verify(tmp_path) == 0


# --- sums that anybody can check ------------------------------------------------------------------


def sha256sum(store: Path, name: str) -> subprocess.CompletedProcess[str]:
    need_tool("sha256sum")
    command = ["sha256sum", "-c", "--strict", name]
    return subprocess.run(
        command, cwd=store / "custody", capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("name", ["SHA256SUMS", "files.sha256"])
def test_sha256sum_checks_the_sums(name: str, original: Path) -> None:
    done = sha256sum(original, name)
    assert (done.returncode, done.stderr) == (0, "")


def test_every_stored_file_of_a_hostile_disk_has_a_line(tmp_path: Path) -> None:
    assert scan(tmp_path, sample_images.unpack("hostile"), "/c") == 3
    text = (tmp_path / "custody" / "files.sha256").read_bytes().decode()
    listed = {line[66:] for line in text.split("\n") if line and not line.startswith("#")}
    folders = ("File", "open-catalog/streams")
    files = [each for name in folders for each in (tmp_path / "USMT" / name).rglob("*")]
    names = {f"../{each.relative_to(tmp_path)}" for each in files if each.is_file()}
    assert listed == names
    assert sha256sum(tmp_path, "files.sha256").returncode == 0


def test_sha256sum_finds_a_changed_file(store: Path) -> None:
    target = next(each for each in (store / "USMT" / "File").rglob("*.csv"))
    target.write_bytes(b"changed")
    assert "FAILED" in sha256sum(store, "files.sha256").stdout


# --- runs that come to no good end ----------------------------------------------------------------


def test_a_run_that_fails_leaves_its_code_and_its_sentence(original: Path) -> None:
    found = record(original)
    assert found["exit_code"] == 27
    assert "exists already" in found["error"]
    assert found["windows"] == []
    (stored,) = found["stores"]
    assert stored["written"] is False  # by the run before
    ended = json.loads(log_lines(original)[-1])
    assert (ended["event"], ended["exit_code"]) == ("run_ended", 27)


def test_an_object_that_ends_the_run_is_in_the_log(solo: Path, tmp_path: Path) -> None:
    assert scan(tmp_path, solo) == 61
    assert not (tmp_path / "USMT").exists()
    failed = [
        json.loads(line) for line in log_lines(tmp_path) if b'"event":"object_failed"' in line
    ]
    assert [each["ignored"] for each in failed] == [False]
    assert "only in the cloud" in record(tmp_path)["error"]
    assert record(tmp_path)["outcomes"]["not-stored"]["objects"] == 1
    assert verify(tmp_path) == 0


def test_an_image_that_is_none_leaves_a_record(tmp_path: Path) -> None:
    (tmp_path / "noise.raw").write_bytes(b"noise" * 9999)
    assert scan(tmp_path / "store", tmp_path / "noise.raw") == 26
    found = record(tmp_path / "store")
    assert (found["exit_code"], found["images"], found["stores"]) == (26, [], [])
    assert verify(tmp_path / "store") == 0


def test_a_defect_of_ours_leaves_a_record(
    solo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(extractor.scan, "each_windows", broken)
    assert scan(tmp_path, solo) == 71
    assert record(tmp_path)["error"] == "internal error: ZeroDivisionError"
    assert record(tmp_path)["exit_code"] == 71
    assert record(tmp_path)["images"][0]["segments"][0]["after"]


@pytest.mark.parametrize("words", [("--no-such-switch",), ("/i:{folder}/none.xml",), ("--dry-run",)])  # fmt: skip
def test_a_run_that_reads_no_evidence_or_writes_no_store_leaves_none(
    words: tuple[str, ...], solo: Path, tmp_path: Path
) -> None:
    scan(tmp_path / "store", solo, *(word.format(folder=tmp_path) for word in words))
    assert not (tmp_path / "store").exists()


def test_a_dry_run_says_that_a_case_has_no_effect(solo: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert main(["scan", str(solo), "--dry-run", "--case", "7", "--progress", "none", f"/l:{log}"]) == 3  # fmt: skip
    assert "--case has no effect" in log.read_text("utf-8-sig")


def test_a_store_of_microsofts_is_not_touched(solo: Path, tmp_path: Path) -> None:
    (tmp_path / "USMT.MIG").write_bytes(b"theirs")
    assert scan(tmp_path, solo, "/c", "/o") == 27
    assert [each.name for each in tmp_path.iterdir()] == ["USMT.MIG"]


@pytest.mark.parametrize("kind", ["file", "link"])
def test_a_place_that_is_no_folder_of_ours_is_refused(
    kind: str, solo: Path, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "store").mkdir()
    place = tmp_path / "store" / "custody"
    place.touch() if kind == "file" else place.symlink_to(tmp_path / "elsewhere")
    assert scan(tmp_path / "store", solo, "/c") == 27
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert [each.name for each in (tmp_path / "store").iterdir()] == ["custody"]


def test_two_runs_at_once_do_not_share_a_log(
    solo: Path, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = ChainedLog(store / "custody" / "log.jsonl")
    assert scan(store, solo, "/c", "/o") == 27
    assert "another run" in capsys.readouterr().err
    other.close()


def run_until(store: Path, image: Path, stop: signal.Signals) -> int:
    """Run in a process of its own until it saves, then send it a signal."""
    command = [sys.executable, "-m", "extractor", "scan", str(image), "--store", str(store),
               "--nocompress", "/c", "/o", "--progress", "json"]  # fmt: skip
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        for line in running.stderr:
            if '"phase": "Saving"' in line:
                break
        running.send_signal(stop)
        running.stderr.read()
    return running.returncode


@pytest.mark.usefixtures("heard")
def test_ctrl_c_leaves_a_record(solo: Path, tmp_path: Path) -> None:
    assert run_until(tmp_path, solo, signal.SIGINT) == 2
    found = record(tmp_path)
    assert (found["exit_code"], found["error"]) == (2, "stopped by Ctrl+C; no store was completed")
    assert verify(tmp_path) == 0


def test_a_run_that_was_killed_is_told_and_the_next_goes_on(
    solo: Path, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (store / "custody" / "log.jsonl").read_bytes()
    assert run_until(store, solo, signal.SIGKILL) == -signal.SIGKILL
    assert verify(store) == 0
    assert "run 3 began" in (told := capsys.readouterr().out)
    assert "younger than the last record" in told
    with (store / "custody" / "log.jsonl").open("ab") as log:
        log.write(b'{"number":17,"ti')  # as a loss of power leaves it
    assert scan(store, solo, "/c", "/o") == 3
    assert (store / "custody" / "log.jsonl").read_bytes().startswith(before)
    assert record(store)["run"] == 4
    assert verify(store) == 0
    assert "younger" not in capsys.readouterr().out


# --- several runs ---------------------------------------------------------------------------------


def test_runs_go_on_in_one_log_and_keep_their_records(original: Path, solo: Path) -> None:
    first, second = record(original, "custody-1.json"), record(original)
    assert (first["run"], second["run"]) == (1, 2)
    assert second["previous_record"] == digest(original / "custody" / "custody-1.json")
    lines = log_lines(original)
    assert [json.loads(line)["number"] for line in lines] == list(range(1, len(lines) + 1))
    begun = [json.loads(line) for line in lines if b'"event":"run_started"' in line]
    assert [each["run"] for each in begun] == [1, 2]
    assert check_chain(original / "custody" / "log.jsonl").problem == ""


def test_an_overwritten_store_is_the_one_that_the_last_record_speaks_of(
    solo: Path, store: Path
) -> None:
    assert scan(store, solo, "/c", "/o", WITHOUT_ANNA) == 0
    (stored,) = record(store)["stores"]
    manifest = store / "USMT" / "open-catalog" / "manifest.jsonl"
    assert stored["written"] is True
    assert stored["files"]["open-catalog/manifest.jsonl"] == digest(manifest)
    assert verify(store) == 0
    assert sha256sum(store, "SHA256SUMS").returncode == 0


def test_the_seal_is_shown_and_logged(
    solo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["scan", str(solo), "--store", str(tmp_path / "s"), "--nocompress", "/c", "/v:13"]
    assert main([*words, f"/l:{tmp_path / 'log'}", "--progress", "plain"]) == 3
    seal = digest(tmp_path / "s" / "custody" / "custody.json")
    assert seal in capsys.readouterr().err
    assert seal in (tmp_path / "log").read_text("utf-8-sig")
    assert verify(tmp_path / "s") == 0
    assert f"{seal}  custody.json" in capsys.readouterr().out


# --- tampering ------------------------------------------------------------------------------------


def of_log(forge: Callable[[list[bytes]], list[bytes]]) -> Callable[[Path], None]:
    def tamper(store: Path) -> None:
        (store / "custody" / "log.jsonl").write_bytes(b"".join(forge(log_lines(store))))

    return tamper


def of_text(name: str, old: str, new: str) -> Callable[[Path], None]:
    def tamper(store: Path) -> None:
        path = store / "custody" / name
        text = path.read_bytes().decode()
        assert old in text
        path.write_bytes(text.replace(old, new, 1).encode())

    return tamper


def removed(name: str) -> Callable[[Path], None]:
    return lambda store: (store / "custody" / name).unlink()


def appended(name: str) -> Callable[[Path], None]:
    def tamper(store: Path) -> None:
        with (store / "custody" / name).open("ab") as file:
            file.write(b"\n")

    return tamper


def forged_everywhere(store: Path) -> None:
    """Change the record, and SHA256SUMS with it: the log still tells."""
    path = store / "custody" / "custody.json"
    before = digest(path)
    of_text("custody.json", '"exit_code": 27', '"exit_code": 0')(store)
    of_text("SHA256SUMS", before, digest(path))(store)


def cut_everywhere(store: Path) -> None:
    """Cut the last run out of the log and take its record away; the sums still name both."""
    first = record(store, "custody-1.json")
    of_log(lambda old: old[: first["log"]["lines"]])(store)
    (store / "custody" / "custody-1.json").replace(store / "custody" / "custody.json")


TAMPERING: dict[str, tuple[Callable[[Path], None], str]] = {
    "a changed line": (of_log(lambda o: [*o[:3], o[3].replace(b"SOLO", b"DUET"), *o[4:]]), "line 5 does not follow"),
    "a removed line": (of_log(lambda o: [*o[:3], *o[4:]]), "line 4 says that it is number 5"),
    "swapped lines": (of_log(lambda o: [*o[:3], o[4], o[3], *o[5:]]), "line 4 says that it is number 5"),
    "the last line changed": (of_log(lambda o: [*o[:-1], o[-1].replace(b'"exit_code":27', b'"exit_code":0')]),
                              "was another up to its line"),
    "the end cut": (of_log(lambda o: o[:-1]), "it was cut"),
    "the last run cut": (cut_everywhere, "custody-1.json is missing"),
    "the log emptied": (of_log(lambda o: o[:0]), "it was cut"),
    "a changed record": (of_text("custody.json", '"exit_code": 27', '"exit_code": 0'), "custody.json is not what it"),
    "a changed record and its sum": (forged_everywhere, "says otherwise than the line run_ended"),
    "an older record changed": (of_text("custody-1.json", "Ann Archer", "Bob Baker"), "not the one that run 2 found"),
    "an older record removed": (removed("custody-1.json"), "run 1 ended, and its record is not there"),
    "the last record removed": (removed("custody.json"), "run 2 ended, and its record is not there"),
    "a record that is none": (of_text("custody.json", '"log"', '"lag"'), "is no record of format"),
    "sums removed": (removed("SHA256SUMS"), "SHA256SUMS does not name custody.json"),
    "sums that lead elsewhere": (of_text("SHA256SUMS", "../USMT/open-catalog/manifest.jsonl", "../../../etc/passwd"),
                                 "which lies elsewhere"),
    "the list of files changed": (appended("files.sha256"), "files.sha256 is not what it was"),
    "the list of files removed": (removed("files.sha256"), "files.sha256 is missing"),
    "the manifest changed": (appended("../USMT/open-catalog/manifest.jsonl"), "manifest.jsonl is not what it was"),
    "the catalog removed": (removed("../USMT/open-catalog/catalog.sqlite"), "catalog.sqlite is missing"),
}  # fmt: skip


@pytest.mark.parametrize(("tamper", "told"), TAMPERING.values(), ids=TAMPERING)
def test_what_was_tampered_with_is_named(
    tamper: Callable[[Path], None], told: str, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify(store) == 0
    capsys.readouterr()
    tamper(store)
    assert verify(store) == 42
    shown = capsys.readouterr()
    assert told in shown.out
    assert "does not hold together" in shown.err


@pytest.mark.parametrize("value", ["[]", "5", "null", '{"lines": "x"}', '{"lines": []}'])
@pytest.mark.parametrize("key", ["log", "stores", "run", "previous_record"])
def test_a_forged_record_of_any_shape_is_no_crash(key: str, value: str, store: Path) -> None:
    forged = record(store) | {key: json.loads(value)}
    (store / "custody" / "custody.json").write_text(json.dumps(forged))
    assert verify(store) == 42


def test_where_there_is_no_record_there_is_nothing_to_verify(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify(tmp_path) == 27
    assert "holds no custody record" in capsys.readouterr().err
    assert main(["custody"]) == 11


# --- the image before and after -------------------------------------------------------------------


def test_the_image_is_hashed_before_and_after(tmp_path: Path) -> None:
    image = sample_images.unpack("solo", "e01")
    assert scan(tmp_path, image, "/c", WITHOUT_ANNA, "--verify-image") == 0
    (found,) = record(tmp_path)["images"]
    assert found["verdict"] == "verified"
    assert found["hashes_before"] == found["hashes_after"] == found["stored_hashes"]
    assert {each["path"]: each["sha256"] for each in found["segments"]} == {str(image): digest(image)}  # fmt: skip


def test_the_file_of_a_raw_image_has_the_hash_of_the_medium(solo: Path, tmp_path: Path) -> None:
    assert scan(tmp_path, solo, "/c", WITHOUT_ANNA, "--verify-image") == 0
    (found,) = record(tmp_path)["images"]
    assert found["hashes_before"] == found["hashes_after"] == {"sha256": digest(solo)}
    assert found["segments"][0]["sha256"] == digest(solo)


@pytest.fixture
def writable(solo: Path, tmp_path: Path) -> Path:
    """A copy of the image that a test may write to."""
    return shutil.copyfile(solo, tmp_path / "disk.raw")


def change(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x55")


def test_an_image_that_is_written_to_during_the_run_ends_with_3(
    writable: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    def written_meanwhile(image: Image) -> Verifying:
        change(writable)
        return verifying_again(image)

    before = digest(writable)
    monkeypatch.setattr(extractor.scan, "verifying_again", written_meanwhile)
    words = ["scan", str(writable), "--store", str(tmp_path / "s"), "--nocompress", "/c", WITHOUT_ANNA]  # fmt: skip
    assert main([*words, "--verify-image", "--progress", "plain"]) == 3
    (found,) = record(tmp_path / "s")["images"]
    assert found["verdict"] == "changed"
    assert found["hashes_before"] == {"sha256": before}
    assert found["hashes_after"] == {"sha256": digest(writable)}
    assert "it was written to, or reads otherwise now" in capsys.readouterr().err


def test_a_file_of_an_image_that_gets_another_time_ends_with_3_though_nobody_hashed_it(
    writable: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def written_meanwhile(machine: Any, asked: Asked, observer: Any) -> Iterator[Opened]:
        change(writable)
        return each_windows(machine, asked, observer)

    assert scan(tmp_path / "calm", writable, "/c", WITHOUT_ANNA) == 0
    monkeypatch.setattr(extractor.scan, "each_windows", written_meanwhile)
    assert scan(tmp_path / "store", writable, "/c", WITHOUT_ANNA) == 3
    (segment,) = record(tmp_path / "store")["images"][0]["segments"]
    assert segment["before"]["modified"] < segment["after"]["modified"]
    assert b"it was written to while it was read" in b"".join(log_lines(tmp_path / "store"))


# --- secrets --------------------------------------------------------------------------------------

PASSWORD = "correct horse battery staple"
SECRETS = {
    "recovery password": (tiny.RECOVERY.encode(), "--bitlocker-key"),
    "password": (PASSWORD.encode(), "--bitlocker-key"),
    "fvek": (b"fvek:" + tiny.FVEK.hex().encode(), "--bitlocker-key"),
    "list": (f"provider,key_type,identifier,value\nbitlocker,passphrase,,{PASSWORD}\n".encode(), "--keychain"),
    "EFS user password": (PASSWORD.encode(), "--efs-user-password"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "option"), SECRETS.values(), ids=SECRETS)
def test_no_secret_is_in_the_record_or_the_log(
    content: bytes, option: str, solo: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "key").write_bytes(content)
    secret = content.decode().split(",")[-1].strip().removeprefix("fvek:")
    words = (option, tmp_path / "key", "/c", "/efs:decryptcopy", "--operator", f"Ann {secret}")
    assert scan(tmp_path / "store", solo, *words, f"--case={secret}") in {0, 3, 26}
    shown = capfd.readouterr()
    texts = [each.read_text("utf-8") for each in (tmp_path / "store" / "custody").iterdir()]
    assert len(texts) == 4
    for text in (shown.out, shown.err, *texts):
        assert secret not in text
        assert secret.upper() not in text
    assert record(tmp_path / "store")["operator"] == "Ann ***"


def test_a_secret_of_the_environment_is_in_no_record(
    solo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLDSTATE_BITLOCKER_KEY", PASSWORD)
    monkeypatch.setenv("COLDSTATE_EFS_USER_PASSWORD", PASSWORD[::-1])
    monkeypatch.setenv("MIG_IGNORE_PROFILE_MISSING", "1")
    scan(tmp_path / "store", solo, "/c", "/efs:decryptcopy")
    for each in (tmp_path / "store" / "custody").iterdir():
        assert PASSWORD not in each.read_text("utf-8")
        assert PASSWORD[::-1] not in each.read_text("utf-8")
    assert record(tmp_path / "store")["environment"] == {"MIG_IGNORE_PROFILE_MISSING": "1"}


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["/key:abc", "x"], ["/key:***", "x"]),
        (["/KEY:a=b:c"], ["/KEY:***"]),
        (["--key=abc", "/keyfile:f"], ["--key=***", "/keyfile:f"]),
        (["--key", "abc", "x"], ["--key", "***", "x"]),
        (["/key", "/key:x", "x"], ["/key", "***", "x"]),
        (["/key:"], ["/key:***"]),
        (["--case", "/i:a.xml", "/c"], ["--case", "/i:a.xml", "/c"]),
    ],
)
def test_the_key_of_a_store_is_hidden_however_short(words: list[str], shown: list[str]) -> None:
    assert list(without_secrets(words)) == shown


def test_no_escape_byte_of_a_name_reaches_the_record(tmp_path: Path) -> None:
    assert scan(tmp_path, sample_images.unpack("hostile"), "/c") == 3
    for name in ("custody.json", "log.jsonl", "SHA256SUMS"):
        content = (tmp_path / "custody" / name).read_bytes()
        assert content.isascii()
        assert b"\x1b" not in content
