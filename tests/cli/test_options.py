"""USMT's rules about what may stand on one command line, row by row."""

from __future__ import annotations

from dataclasses import fields as fields_of
from pathlib import Path

import pytest

from extractor.cli.options import parse
from extractor.cli.slash import HelpWanted
from extractor.errors import ColdstateError

SCAN = ["disk.raw", "--store", "out"]
STATE = ["out", "--image", "disk.raw"]
LONG = "x" * 257


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["/o", "/o"], 11),
        (["/v:3"], 11),
        (["/v:high"], 11),
        (["/r:many"], 11),
        (["/w:-1"], 11),
        (["/efs:maybe"], 11),
        (["/efs:hardlink"], 11),
        (["/offline:a.xml", "/offlineWinDir:C:\\Windows"], 11),
        (["/offline:a.xml", "/offlineWinOld:C:\\Windows.old"], 11),
        (["/offlineWinDir:C:\\Windows", "/offlineWinOld:C:\\Windows.old"], 11),
        (["/offline:a.xml", "/offline:b.xml"], 11),
        (["/all", "/ui:bob"], 11),
        (["/all", "/ue:bob"], 11),
        (["/all", "/uel:5"], 11),
        (["/listfiles:l.txt", "/p:e.xml"], 11),
        (["/p"], 11),
        (["/hardlink", "/nocompress"], 11),
        (["/encrypt", "/nocompress", "/key:secret"], 11),
        (["/encrypt"], 11),
        (["/key:secret"], 11),
        (["/config:"], 11),
        (["/config:a.xml", "/config:b.xml"], 11),
        (["/genconfig:c.xml"], 11),  # with a store
        (["/genmigxml:m.xml"], 11),
        *((["/auto", each], 11) for each in ("/all", "/ui:bob", "/ue:bob", "/v:1", "/i:a.xml")),
        (["/auto:/nowhere"], 28),
        (["/unknown:x"], 11),
        (["--unknown"], 11),
        (["another-store"], 11),
        ([f"/i:{LONG}"], 12),
        (["/l:out/log.txt"], 13),
        (["/progress:out/p.log"], 40),
        (["/listfiles:out/l.txt"], 11),
        (["--progress", "fast"], 11),
        (["/offlineWinDir:"], 11),
        (["/offlineWinOld:"], 11),
        (["/ui:"], 11),
        (["/i:"], 11),
        (["/progress:"], 11),
        (["/uel:yesterday"], 11),
        (["/uel:2026/13/45"], 11),
        (["--image", "disk.raw"], 11),
    ],
)
def test_a_wrong_command_line_ends_with_the_documented_code(words: list[str], code: int) -> None:
    with pytest.raises(ColdstateError) as caught:
        parse("scanstate", [*STATE, *words])
    assert caught.value.exit_code == code
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("command", ["scan", "scanstate"])
def test_no_words_at_all_point_to_the_help(command: str) -> None:
    with pytest.raises(ColdstateError) as caught:
        parse(command, [])
    assert caught.value.exit_code == 11
    assert "/?" in str(caught.value)


@pytest.mark.parametrize("word", ["/bogus", "/bogus:x", "/bogus:a/b"])
def test_an_unknown_switch_is_no_image(word: str) -> None:
    with pytest.raises(ColdstateError) as caught:
        parse("scan", [*SCAN, word])
    assert caught.value.exit_code == 11
    assert "neither a switch nor a file" in str(caught.value)


@pytest.mark.parametrize("word", ["/?", "/help", "--help", "-h"])
def test_help_is_an_answer_and_says_what_loadstate_cannot_do(word: str) -> None:
    with pytest.raises(HelpWanted) as caught:
        parse("scanstate", [word])
    assert "LoadState can NOT read this store" in str(caught.value)


def test_both_spellings_make_the_same_request() -> None:
    switches = ["/i:a.xml", "/I:b.xml", "/ui:bob", "/ue:*-500", "/uel:30", "/o", "/c", "/nocompress", "/offline:o.xml",
                "/listfiles:l.txt", "/l:s.log", "/v:13", "/progress:p.log", "/efs:skip"]  # fmt: skip
    options = ["--rules", "a.xml", "--rules", "b.xml", "--user-include", "bob", "--user-exclude", "*-500",
               "--user-last-used", "30", "--overwrite", "--continue", "--nocompress", "--offline", "o.xml",
               "--listfiles", "l.txt", "--log", "s.log", "--verbosity", "13", "--progress-log", "p.log",
               "--efs", "skip"]  # fmt: skip
    slashed = parse("scanstate", [*switches, *STATE]).request
    spelled = parse("scan", [*SCAN, *options]).request
    fields = [
        each.name for each in fields_of(slashed) if each.name not in {"command", "reference_time"}
    ]
    assert {name: getattr(slashed, name) for name in fields} == {
        name: getattr(spelled, name) for name in fields
    }


def test_options_may_stand_anywhere() -> None:
    request = parse("scan", ["/c", "a.raw", "--store", "out", "b.raw", "/o"]).request
    assert request.images == (Path("a.raw"), Path("b.raw"))
    assert request.continue_on_error
    assert request.overwrite


def test_a_switch_without_effect_is_accepted_and_said() -> None:
    parsed = parse("scanstate", [*STATE, "/nocompress", "/vsc", "/localonly", "/r:5", "/w:2"])
    assert [note.split(" ")[0] for note in parsed.notes] == ["/localonly", "/vsc", "/r", "/w"]


def test_a_store_is_compressed_unless_it_is_asked_not_to_be() -> None:
    assert parse("scan", SCAN).request.compression == "xpress"
    assert parse("scan", [*SCAN, "--compression", "lzx"]).request.compression == "lzx"
    assert parse("scan", [*SCAN, "--nocompress"]).request.compression == ""
    assert parse("scan", [*SCAN, "--nocompress"]).notes == ()


@pytest.mark.parametrize("words", [["disk.raw"], ["--store", "out"]])
def test_an_image_and_a_store_are_both_needed(words: list[str]) -> None:
    with pytest.raises(ColdstateError) as caught:
        parse("scan", words)
    assert caught.value.exit_code == 11


def test_an_estimate_needs_no_store() -> None:
    request = parse("scan", ["disk.raw", "/p:estimate.xml"]).request
    assert request.dry_run
    assert request.estimate == Path("estimate.xml")


def test_the_environment_sets_what_usmt_lets_it_set() -> None:
    environment = {
        "MIG_OFFLINE_PLATFORM_ARCH": "32",
        "USMT_WORKING_DIR": "/var/tmp",
    }
    request = parse("scanstate", STATE, environment).request
    assert request.arch == "x86"
    assert request.log == Path("/var/tmp/ScanState.log")


@pytest.mark.parametrize("store", ["C:\\", "D:\\stores\\1", "d:/stores", "\\\\server\\share"])
def test_a_path_of_windows_is_no_place_for_a_store(store: str) -> None:
    with pytest.raises(ColdstateError, match="path of Windows") as caught:
        parse("scanstate", [store, "--image", "disk.raw"])
    assert caught.value.exit_code == 11


def test_an_architecture_that_is_none_is_refused() -> None:
    with pytest.raises(ColdstateError, match="MIG_OFFLINE_PLATFORM_ARCH is 32 or 64"):
        parse("scanstate", STATE, {"MIG_OFFLINE_PLATFORM_ARCH": "arm"})
