"""A locked Windows is scanned as if it were not, says what it needs when it cannot be, and nobody ever reads a key."""

from __future__ import annotations

import configparser
import hashlib
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from uuid import UUID

import pytest

import extractor.scan
from extractor.cli.main import main
from extractor.images import open_image
from extractor.testing import FakeImage
from extractor.volumes import fve
from extractor.volumes.bitlocker import _openings
from extractor.volumes.keys import Key, password, read_key_file, read_keychain
from sample_images import unpack
from tests.conftest import need_tool
from tests.journeys.journey import Manifest, manifest_of, scan
from tests.volumes import tiny_bitlocker as tiny
from tests.volumes.conftest import unpack_bitlocker

SERIALS = ("5EED0003C0FFEE03", "5EED0003DA7A0003")
DATA_KEY = hashlib.sha256(b"of the data volume").digest()
DATA_VMK, DATA_FVEK = bytes(range(60, 92)), bytes(range(200, 232))
DATA_VOLUME = UUID("b17f10c8-0000-4000-8000-0000000000d0")


@cache
def plain(number: int) -> bytes:
    """The system (0) or the data volume (1) of a sample disk, 20 and 16 MiB."""
    with open_image(unpack("three")) as image:
        return image.read_at((1 << 20, 21 << 20)[number], (20 << 20, 16 << 20)[number])


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The system volume, locked with one protector of each kind."""
    path = tmp_path_factory.mktemp("disk") / "system.raw"
    second = tiny.recovery("second", tiny.SECOND)
    path.write_bytes(
        tiny.build(plain(0), tiny.tpm(), tiny.password(), tiny.recovery(), second, tiny.startup())
    )
    return path


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """What a scan of the volume gives that was never locked."""
    folder = tmp_path_factory.mktemp("reference")
    (folder / "plain.raw").write_bytes(plain(0))
    assert scan(folder / "store", folder / "plain.raw", "/c") in (0, 3)
    return manifest_of(folder / "store")


KINDS = ("recovery", "second", "password", "startup", "fvek", "list")


def key_words(kind: str, folder: Path, *, wrong: bool = False) -> list[str]:
    """Write a key file, and return the words that name it."""
    texts = {
        "recovery": "-".join(["000011"] * 8) if wrong else tiny.RECOVERY,
        "second": "-".join(["000022"] * 8) if wrong else tiny.SECOND,
        "password": f"not {tiny.PASSWORD}" if wrong else tiny.PASSWORD,
        "fvek": "fvek:" + (tiny.STARTUP if wrong else tiny.FVEK).hex(),
        "list": f"bitlocker,recovery_key,,{'-'.join(['000033'] * 8) if wrong else tiny.RECOVERY}",
    }
    path = folder / f"{kind}.key"
    startup = tiny.bek(tiny.AUTOMATIC if wrong else tiny.STARTUP)
    path.write_bytes(startup if kind == "startup" else texts[kind].encode())
    return ["-K" if kind == "list" else "--bitlocker-key", str(path)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_locked_windows_gives_the_manifest_of_the_open_one(
    kind: str, disk: Path, reference: Manifest, tmp_path: Path
) -> None:
    scan(tmp_path / "store", disk, "/c", *key_words(kind, tmp_path))
    assert manifest_of(tmp_path / "store").lines[1:] == reference.lines[1:]


@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_key_is_one_sentence_and_code_26_and_no_store(
    kind: str, disk: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = key_words(kind, tmp_path, wrong=True)
    assert scan(tmp_path / "store", disk, *words) == 26
    (line,) = capfd.readouterr().err.splitlines()
    assert str(tiny.IDS["recovery"]).upper() in line
    assert "opens no volume" in line or kind == "list"
    assert not (tmp_path / "store" / "USMT").exists()


def test_without_a_key_inspect_tells_scripts_what_to_look_up(
    disk: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["inspect", str(disk), "--json"]) == 26
    told = capfd.readouterr()
    (volume,) = json.loads(told.out)["volumes"]
    assert volume["encryption"]["unlocked"] is False
    assert f"recovery password {tiny.IDS['recovery']}" in volume["encryption"]["protectors"]
    assert str(tiny.IDS["recovery"]).upper() in told.err
    assert main(["inspect", str(disk)]) == 26


def test_a_suspended_volume_is_scanned_without_a_key_and_that_is_said(
    reference: Manifest, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "suspended.raw"
    path.write_bytes(tiny.build(plain(0), tiny.clear()))
    log = tmp_path / "scan.log"
    scan(tmp_path / "store", path, "/c", f"/l:{log}")
    assert manifest_of(tmp_path / "store").lines[1:] == reference.lines[1:]
    assert "protection is suspended" in log.read_text("utf-8-sig")
    main(["inspect", str(path)])
    assert "protection is suspended" in capfd.readouterr().err


def test_the_log_names_the_protector_that_opened_the_volume(disk: Path, tmp_path: Path) -> None:
    log = tmp_path / "scan.log"
    words = key_words("second", tmp_path)
    scan(tmp_path / "store", disk, "/c", "/v:13", f"/l:{log}", *words)
    opened = f"opened with its recovery password {tiny.IDS['second']}, from second.key"
    assert opened in log.read_text("utf-8-sig")
    header = json.dumps(manifest_of(tmp_path / "store").header)
    assert f'"opened_by": "recovery password {tiny.IDS["second"]}"' in header


def test_all_commands_take_keys_from_files_environment_and_standard_input(
    disk: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = key_words("startup", tmp_path)
    asked = r"C:\Users\first"
    assert main(["inspect", str(disk), *words]) == 0
    assert main(["explain", str(disk), asked, *words]) in (0, 3)
    assert main(["coverage", str(disk), *words]) in (0, 3)
    store = str(tmp_path / "store")
    state = ["scanstate", store, "--image", str(disk), "/c", "/nocompress", "--progress", "none"]
    assert main([*state, f"/l:{tmp_path / 's.log'}", *words]) in (0, 3)
    monkeypatch.setenv("COLDSTATE_BITLOCKER_KEY", tiny.RECOVERY)
    assert main(["inspect", str(disk)]) == 0
    monkeypatch.delenv("COLDSTATE_BITLOCKER_KEY")
    piped = io.TextIOWrapper(io.BytesIO(tiny.PASSWORD.encode() + b"\n"))
    monkeypatch.setattr(sys, "stdin", piped)
    assert main(["inspect", str(disk), "--bitlocker-key", "-"]) == 0
    assert "locked" not in capfd.readouterr().err


def test_a_list_of_a_whole_fleet_opens_the_one_machine_that_is_here(
    disk: Path, tmp_path: Path
) -> None:
    rows = [
        f"bitlocker,recovery_key,{UUID(int=number)},{'-'.join([f'{11 * number:06}'] * 8)}"
        for number in range(1, 3000)
    ]
    rows.insert(1500, f"bitlocker,recovery_key,{tiny.IDS['recovery']},{tiny.RECOVERY}")
    path = tmp_path / "fleet.csv"
    path.write_text("provider,key_type,identifier,value\n" + "\n".join(rows))
    assert main(["inspect", str(disk), "--keychain", str(path)]) == 0


def test_a_key_that_is_not_needed_is_said_and_harms_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = key_words("password", tmp_path)
    assert main(["inspect", str(unpack("three")), *words]) == 0
    assert "was not needed" in capfd.readouterr().err


@pytest.mark.parametrize("command", ["inspect", "scan", "scanstate", "explain", "coverage"])
def test_a_recovery_password_as_a_word_is_refused_and_told_why(
    command: str, disk: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    images = ["--image", str(disk)] if command == "scanstate" else [str(disk)]
    store = {"scan": ["--store", str(tmp_path / "s")], "scanstate": [str(tmp_path / "s")]}
    words = [command, *images, *store.get(command, []), "--bitlocker-key", tiny.RECOVERY]
    assert main(words) == 11
    told = "".join(capfd.readouterr())
    assert "every user of this computer can read it" in told
    assert "220022" not in told


# --- automatic unlocking --------------------------------------------------------------------------


def with_auto_unlock(volume: Path, folder: Path) -> None:
    """Put an entry for the data volume into the registry of the Windows on an NTFS volume."""
    need_tool("ntfscat", "ntfscp", "hivexregedit")
    hive, reg = folder / "SYSTEM", folder / "entry.reg"
    place = "Windows/System32/config/SYSTEM"
    hive.write_bytes(_run("ntfscat", str(volume), place))
    digits = ",".join(f"{each:02x}" for each in tiny.registry_entry(DATA_KEY))
    key = f"ControlSet001\\Control\\FVEAutoUnlock\\{{{DATA_VOLUME}}}"
    parent = key.rpartition("\\")[0]
    text = f'[\\{parent}]\n\n[\\{key}]\n"Data"=hex(3):{digits}\n'
    reg.write_text("Windows Registry Editor Version 5.00\n\n" + text)
    _run("hivexregedit", "--merge", str(hive), str(reg))
    _run("ntfscp", "-q", "-f", str(volume), str(hive), place)


def _run(*words: str) -> bytes:
    return subprocess.run(words, check=True, capture_output=True).stdout


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A system volume and a data volume that it unlocks: each is the image of a partition."""
    folder = tmp_path_factory.mktemp("pair")
    inner, system, data = folder / "inner.raw", folder / "system.raw", folder / "data.raw"
    inner.write_bytes(plain(0))
    with_auto_unlock(inner, folder)
    own = (tiny.recovery(), tiny.startup(), tiny.auto_unlock())
    system.write_bytes(tiny.build(inner.read_bytes(), *own))
    theirs = tiny.startup("automatic", DATA_KEY, DATA_VMK)
    other = tiny.recovery("second", tiny.SECOND, DATA_VMK)
    data.write_bytes(
        tiny.build(plain(1), other, theirs, vmk=DATA_VMK, fvek=DATA_FVEK, volume=DATA_VOLUME)
    )
    return [data, system]


def test_one_key_opens_the_machine(
    pair: list[Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = key_words("recovery", tmp_path)
    assert main(["inspect", *map(str, pair), "--json", *words]) == 0
    volumes = json.loads(capfd.readouterr().out)["volumes"]
    assert {each["id"] for each in volumes} == set(SERIALS)
    assert all(each["encryption"]["unlocked"] for each in volumes)
    assert f"startup key {tiny.IDS['automatic']}" in [v["encryption"]["opened_by"] for v in volumes]
    scan(tmp_path / "store", *pair, "/c", *words, "/v:13", f"/l:{tmp_path / 'l'}")
    drives = {
        row["path"][:2]
        for row in manifest_of(tmp_path / "store").rows
        if row["outcome"] == "stored"
    }
    assert len(drives & {"C:", "D:"}) == 2
    assert "which unlocks it automatically" in (tmp_path / "l").read_text("utf-8-sig")


def test_the_data_volume_alone_stays_locked(pair: list[Path], tmp_path: Path) -> None:
    assert main(["inspect", str(pair[0])]) == 26
    assert main(["inspect", *map(str, pair), *key_words("fvek", tmp_path)]) == 0


# --- what nobody may read -------------------------------------------------------------------------


def spellings(wrong: bool) -> Iterator[bytes]:
    """Yield the bytes of every secret that is given or comes to light, as any program may write them."""
    texts = [tiny.RECOVERY, tiny.SECOND, tiny.PASSWORD]
    texts += ["-".join([f"0000{each}"] * 8) for each in (11, 22, 33)] if wrong else []
    for text in (*texts, *(each.replace("-", "") for each in texts)):
        yield text.encode()
        yield text.encode("utf-16-le")
    for raw in (tiny.STARTUP, tiny.FVEK, tiny.VMK, tiny.AUTOMATIC, DATA_KEY, DATA_VMK, DATA_FVEK):
        yield raw
        yield repr(raw)[2:-1].encode()
        yield from (raw.hex().encode(), raw.hex().upper().encode(), raw.hex("-").encode())


def assert_no_key(folder: Path, *told: str, wrong: bool = False) -> None:
    files = [each for each in folder.rglob("*") if each.is_file() and each.suffix != ".key"]
    texts = {str(path): path.read_bytes() for path in files}
    texts |= {f"output {number}": text.encode() for number, text in enumerate(told)}
    assert any(texts.values())
    for secret in spellings(wrong):
        holders = [name for name, content in texts.items() if secret in content]
        assert holders == [], f"{secret[:4]!r}… is in {holders}"


SCREENS = ("plain", "rich", "json")
SINKS = [
    (kind, wrong, SCREENS[(number + wrong) % 3])
    for number, kind in enumerate(KINDS)
    for wrong in (False, True)
]


@pytest.mark.parametrize(("kind", "wrong", "screen"), SINKS)
def test_no_output_holds_a_key(
    kind: str,
    wrong: bool,
    screen: str,
    disk: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MIG_ENABLE_DIAG", str(tmp_path / "diag.xml"))
    monkeypatch.setenv("COLDSTATE_DEBUG", "1")
    words = ["scan", str(disk), "--store", str(tmp_path / "store"), "/nocompress", "/c", "/v:13",
             f"/l:{tmp_path / 's.log'}", f"/progress:{tmp_path / 'p.log'}", "/ui:first",
             f"/listfiles:{tmp_path / 'f.txt'}", "--progress", screen]  # fmt: skip
    assert main([*words, *key_words(kind, tmp_path, wrong=wrong)]) == (26 if wrong else 0)
    told = "".join(capfd.readouterr())
    assert told
    assert_no_key(tmp_path, told, wrong=wrong)


@pytest.mark.parametrize("kind", KINDS)
def test_the_text_of_a_crash_holds_no_key(
    kind: str,
    disk: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def crash(*_: object) -> None:
        known = (tiny.RECOVERY, tiny.SECOND, tiny.PASSWORD, tiny.STARTUP.hex(), tiny.FVEK.hex())
        raise RuntimeError(f"it went wrong with {known}")

    for other in KINDS:  # each was given to this process at some time
        switch, path = key_words(other, tmp_path)
        (read_keychain if switch == "-K" else read_key_file)(Path(path))
    monkeypatch.setattr(extractor.scan, "read_asked", crash)
    monkeypatch.setenv("COLDSTATE_DEBUG", "1")
    words = [str(disk), "--store", str(tmp_path / "store"), f"/l:{tmp_path / 's.log'}"]
    assert main(["scan", *words, *key_words(kind, tmp_path)]) == 71
    told = "".join(capfd.readouterr())
    assert "it went wrong with" in told
    assert_no_key(tmp_path, told)


def test_automatic_unlocking_leaves_no_key_behind(
    pair: list[Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = [*map(str, pair), "/c", "/v:13", f"/l:{tmp_path / 's.log'}"]
    scan(tmp_path / "store", *words, *key_words("startup", tmp_path))
    main(["inspect", *map(str, pair), "--json", *key_words("startup", tmp_path)])
    assert_no_key(tmp_path, "".join(capfd.readouterr()))


# --- envelopes that Windows made ------------------------------------------------------------------


def refilled(name: str, keys: list[Key], path: Path) -> Path:
    """Return a BitLocker volume of Windows that holds our system volume in place of its own file system.

    The volume ends before the first of the places where the metadata lie.
    """
    envelope = bytearray((unpack_bitlocker() / f"{name}.img").read_bytes())
    metadata = fve.read_metadata(FakeImage(bytes(envelope)), bytes(envelope[:512]))
    assert metadata is not None
    opened = next(_openings(metadata, keys))
    moved_to = int.from_bytes(metadata.raw[56:64], "little")
    assert len(plain(0)) < min(*metadata.offsets, moved_to)
    tiny.refill(envelope, plain(0), opened.fvek, moved_to)
    path.write_bytes(envelope)
    return path


def test_a_windows_in_a_suspended_envelope_of_windows_is_scanned_whole_without_a_key(
    reference: Manifest, tmp_path: Path
) -> None:
    image = refilled("bitlk-aes-xts-128-clearkey-only", [], tmp_path / "suspended.raw")
    scan(tmp_path / "store", image, "/c")
    assert manifest_of(tmp_path / "store").lines[1:] == reference.lines[1:]


@pytest.mark.parametrize("kind", ["PW", "RP", "BEK"])
def test_a_windows_in_a_locked_envelope_of_windows_is_scanned_whole(
    kind: str, reference: Manifest, tmp_path: Path
) -> None:
    name = "bitlk-aes-xts-128-startup-key" if kind == "BEK" else "bitlk-aes-xts-128"
    conf = configparser.ConfigParser(interpolation=None)
    conf.read(unpack_bitlocker() / "images.conf", "utf-8")
    path = tmp_path / "key"
    path.write_text(conf[name]["PW" if kind == "BEK" else kind] or "-")
    if kind == "BEK":
        identifier = conf[name]["SK_VMK_GUID"].upper()
        path.write_bytes((unpack_bitlocker() / f"{identifier}.BEK").read_bytes())
    keys = read_key_file(path) if kind == "BEK" else [password(conf[name]["PW"], "conf")]
    image = refilled(name, keys, tmp_path / "locked.raw")
    scan(tmp_path / "store", image, "/c", "--bitlocker-key", path)
    assert manifest_of(tmp_path / "store").lines[1:] == reference.lines[1:]
