from __future__ import annotations

import tomllib
from collections.abc import Iterable
from typing import Any

import pytest

from extractor.machine import open_machine
from extractor.model import User
from extractor.windows import open_install, survey
from tests.conftest import ROOT

unpack = pytest.importorskip("sample_images.unpack")
STATES = {"missing-folder": "missing", "backup-key": "backup"}


def promised(name: str) -> dict[str, dict[str, Any]]:
    """Return what contents.toml says of each Windows, by path; a folder that is one by name alone is none."""
    text = (ROOT / "sample_images" / name / "contents.toml").read_text("utf-8")
    tables = tomllib.loads(text)["windows"]
    return {each["path"]: each for each in tables if each.get("reason") != "no-hives"}


@pytest.mark.parametrize("name", ["solo", "desk", "three", "sector4k", "hostile"])
def test_every_windows_of_a_sample_image_is_found_as_its_contents_say(name: str) -> None:
    expected = promised(name)
    with open_machine([unpack.unpack(name)]) as machine:
        found = survey(machine.candidates, machine.volumes, machine.filesystems)
        assert {str(found.path_of(each)) for each in found.candidates} == set(expected)
        for candidate in found.candidates:
            truth = expected[str(found.path_of(candidate))]
            assert candidate.kind == truth.get("kind", "windows")
            assert candidate.valid == truth.get("valid", True)
            if candidate.valid:
                assert candidate.computer == truth["computer"]
                assert (candidate.version, candidate.arch) == (truth["version"], truth["arch"])
                assert candidate.build == str(truth["build"])
                install = open_install(found, candidate)
                assert users_of(install.users) == said_of(truth)


def users_of(users: Iterable[User]) -> set[tuple[str, str, str, str]]:
    return {(each.sid, each.name, str(each.profile), each.state) for each in users}


def said_of(truth: dict[str, Any]) -> set[tuple[str, str, str, str]]:
    return {
        (
            each["sid"],
            each["name"],
            each.get("image_path", each["profile"]),
            STATES.get(each.get("state", ""), "ok"),
        )
        for each in truth.get("user", [])
    }
