"""A run that a person or a full disk stops is gone on with: real signals, a real file system that is too small."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import extractor.scan
from extractor.cli.main import main
from extractor.errors import NoSuchStoreError, StoreError
from extractor.store import journal
from extractor.store.manifest import manifest_path
from extractor.store.verify import verify_store
from sample_images.unpack import unpack
from tests.conftest import ROOT
from tests.store.faults.runs import goes_on, manifest_digest, run

PATIENCE = 60


def make_room(disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=32m", disk], check=True)


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a checkpoint after every object."""
    monkeypatch.setattr(journal, "PATIENCE", 0)
    monkeypatch.setattr(journal, "SHARE", 0)


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("kind", ["directory", "hired", "wim"])
def test_a_run_that_filled_the_disk_goes_on_when_there_is_room(
    kind: str, small_disk: Path, tmp_path: Path
) -> None:
    run(kind, tmp_path / "whole", resume=False, eager=False)
    with pytest.raises(StoreError, match=r"No space left on device|disk is full") as caught:
        run(kind, small_disk, resume=False, eager=False)
    assert caught.value.exit_code == 72
    assert goes_on(small_disk)
    with pytest.raises(NoSuchStoreError):
        manifest_path(small_disk)
    make_room(small_disk)
    run(kind, small_disk, resume=True, eager=False)
    assert manifest_digest(small_disk) == manifest_digest(tmp_path / "whole")


def scan_words(place: Path, *words: str) -> list[str]:
    return [
        "scan", str(unpack("solo")), "--store", str(place), "--continue", "--progress", "none", *words,
    ]  # fmt: skip


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("words", [["--nocompress"], []], ids=["plain", "wim"])
def test_a_scan_that_filled_the_disk_goes_on_when_there_is_room(
    words: list[str], small_disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extractor.scan, "ensure_room", lambda *_: None)  # it is filled meanwhile
    (small_disk / "other").write_bytes(bytes(256 << 10))
    assert main(scan_words(small_disk, *words)) == 72
    assert goes_on(small_disk)
    make_room(small_disk)
    assert main(scan_words(small_disk, *words, "--resume")) == 3
    assert main(scan_words(tmp_path / "whole", *words)) == 3
    assert manifest_digest(small_disk) == manifest_digest(tmp_path / "whole")


@pytest.mark.usefixtures("heard")
@pytest.mark.parametrize("words", [["--nocompress"], []], ids=["plain", "wim"])
def test_ctrl_c_ends_a_scan_with_2_and_resume_finishes_it(words: list[str], tmp_path: Path) -> None:
    place = tmp_path / "store"
    running = subprocess.Popen(
        [sys.executable, "-m", "extractor", *scan_words(place, *words)],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        _wait(lambda: _is_copying(place))
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=PATIENCE)
    finally:
        running.kill()
    assert (running.returncode, "no store was completed" in said) == (2, True), said
    assert goes_on(place)
    with pytest.raises(NoSuchStoreError):
        manifest_path(place)
    assert main(scan_words(place, *words, "--resume")) == 3
    assert main(scan_words(tmp_path / "whole", *words)) == 3
    assert verify_store(place, lambda _: None).intact
    assert manifest_digest(place) == manifest_digest(tmp_path / "whole")


def _is_copying(place: Path) -> bool:
    """Tell whether something of the image is in the store by now."""
    unfinished = place / "USMT.incomplete"
    wim = unfinished / "store.wim"
    return any(unfinished.glob("File/*/*/*/*")) or (wim.exists() and wim.stat().st_size > 1 << 12)


def _wait(until: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not until():
        assert time.monotonic() < end, "the scan copies nothing"
        time.sleep(0.001)
