"""The installed command in a poor environment: narrow locales, closed, full and broken streams."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import sample_images

COLDSTATE = [sys.executable, "-m", "extractor"]
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def _shell(script: str, *words: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run ``script`` in bash, where "$@" is coldstate with ``words``."""
    command = ["bash", "-o", "pipefail", "-c", script, "bash", *COLDSTATE, *map(str, words)]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, **environment}
    )


@pytest.fixture(scope="module")
def disk() -> Path:
    return sample_images.unpack("desk")


@pytest.mark.parametrize("streams", ["2>&-", "2>/dev/full", ">&- 2>&- <&-", "2> >(head -c 1)"])
def test_a_run_that_nobody_watches_still_ends_with_its_store(
    disk: Path, tmp_path: Path, streams: str
) -> None:
    words: list[str | Path] = ["scan", disk, "--store", tmp_path, "--continue"]
    assert _shell(f'"$@" {streams}', *words).returncode == 3
    assert _shell('"$@"', "store", "verify", tmp_path).returncode == 0


def test_results_that_cannot_be_printed_are_an_error_in_one_sentence() -> None:
    done = _shell('"$@" >/dev/full', "plugins")
    assert done.returncode == 72
    assert done.stderr == "coldstate: the results cannot be written: No space left on device\n"


def test_a_reader_that_goes_away_is_no_defect(disk: Path) -> None:
    done = _shell('"$@" | true', "inspect", disk)
    assert (done.returncode, done.stderr) == (141, "")


def test_names_that_the_locale_lacks_are_shown_escaped(disk: Path) -> None:
    done = _shell('"$@"', "inspect", disk, **ASCII)
    assert (done.returncode, done.stderr) == (0, "")
    assert r"C:\Users\\u0416" in done.stdout


@pytest.mark.parametrize("command", [["scan", "x.raw", "--store", "y"], ["store", "verify", "y"]])
def test_a_locale_that_cannot_spell_a_store_is_refused(command: list[str]) -> None:
    done = _shell('"$@"', *command, **ASCII)
    assert done.returncode == 11
    assert "LC_ALL=C.UTF-8" in done.stderr


@pytest.mark.parametrize("wrong", [["/offlineWinDir:C:\\No"], ["/l:/no/such/x.log"], []])
def test_json_progress_stays_json_when_a_run_ends_in_an_error(
    disk: Path, tmp_path: Path, wrong: list[str]
) -> None:
    done = _shell('"$@"', "scan", disk, "--store", tmp_path, "--progress", "json", *wrong)
    last = [json.loads(line) for line in done.stderr.splitlines()][-1]
    assert last["event"] == "finished"
    assert last["exit_code"] == done.returncode != 0
    assert last["message"]


@pytest.mark.parametrize("command", ["inspect", "store", "plugins", "doctor", "scan", "scanstate"])
@pytest.mark.parametrize(("word", "code"), [("/?", 1), ("--help", 0)])
def test_every_command_answers_both_words_for_help(command: str, word: str, code: int) -> None:
    done = _shell('"$@"', command, word)
    assert done.returncode == code
    assert done.stdout.startswith("usage: coldstate")


def test_a_store_name_too_long_for_the_file_system_is_one_sentence(
    disk: Path, tmp_path: Path
) -> None:
    done = _shell('"$@"', "scan", disk, "--store", tmp_path / ("x" * 300), "--progress", "none")
    assert done.returncode == 27
    assert "no store can be made here" in done.stderr
