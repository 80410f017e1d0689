"""``coldstate inspect``: what of an image cannot be read is shown, to people and to scripts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import cast

import pytest

import sample_images
from extractor.cli.inspect import draw_bad_ranges
from extractor.cli.main import main
from extractor.cli.screen import open_console
from extractor.model import BadRange, ImageInfo
from extractor.seams import Image
from sample_images.containers import e01
from tests.conftest import need_tool
from tests.images.ewf_sets import chunk_places, flip, held

CHUNK = 32768
MIB = 1 << 20


@pytest.fixture(scope="module")
def harmed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an E01 of the disk `solo` whose second segment is missing, and whose boot sector's chunk is damaged."""
    need_tool("ewfacquire")
    segments = e01(sample_images.unpack("solo"), tmp_path_factory.mktemp("set"), MIB)
    segments[1].unlink()
    start, end, _ = chunk_places(segments[0])[0]
    flip(segments[0], (start + end) // 2)
    return segments[0]


def test_bad_ranges_are_listed_for_scripts(
    harmed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["inspect", str(harmed), "--json"])
    (image,) = json.loads(capsys.readouterr().out)["images"]
    met, lost = image["bad_ranges"]
    count = held(harmed)
    assert (met["offset"], met["length"]) == (0, CHUNK)
    assert "chunk 0" in met["reason"]
    assert (lost["offset"], lost["length"]) == (count * CHUNK, count * CHUNK)
    assert "solo.E02 must lie beside it" in lost["reason"]
    assert met.keys() == lost.keys() == {"offset", "length", "reason"}


def test_bad_ranges_are_listed_for_people(harmed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["inspect", str(harmed)])
    shown = capsys.readouterr().out
    assert "bad from byte" in shown
    assert f"{held(harmed) * CHUNK:,}" in shown
    assert "solo.E02" in "".join(shown.split())


def test_a_sound_image_has_no_bad_ranges(capsys: pytest.CaptureFixture[str]) -> None:
    disk = str(sample_images.unpack("solo"))
    assert main(["inspect", disk, "--json"]) == 0
    assert [each["bad_ranges"] for each in json.loads(capsys.readouterr().out)["images"]] == [[]]
    assert main(["inspect", disk]) == 0
    assert "bad from byte" not in capsys.readouterr().out


@dataclass(frozen=True)
class Dying:
    """As much of an image as is drawn."""

    info: ImageInfo
    bad: Sequence[BadRange]

    def bad_ranges(self) -> Sequence[BadRange]:
        return self.bad


def test_a_person_is_not_shown_thousands_of_bad_ranges() -> None:
    bad = [BadRange(each * 4096, 512, f"reason {each}\x1b") for each in range(3000)]
    image = Dying(ImageInfo("dying.E01", "e01", 1 << 30, 512, ("dying.E01",)), bad)
    shown = StringIO()
    draw_bad_ranges(open_console(shown), [cast("Image", image)])
    text = shown.getvalue()
    assert "reason 19" in text
    assert "reason 20" not in text
    assert "2,980 more ranges, which --json lists" in text
    assert f"{2980 * 512:,}" in text
    assert "\x1b" not in text
