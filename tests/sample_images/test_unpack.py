from __future__ import annotations

import sys
from pathlib import Path

import pytest

module = sys.modules["sample_images.unpack"]  # the name itself is the function
LIMIT = 1_000_000


def test_what_is_not_committed_is_named() -> None:
    with pytest.raises(KeyError, match="no sample image 'nothing'"):
        module.unpack("nothing")


def test_a_damaged_cache_is_unpacked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CACHE", tmp_path)
    first = module._unpacked(*row("sector4k"))
    good = first.read_bytes()
    first.write_bytes(b"damaged")
    assert module._unpacked(*row("sector4k")).read_bytes() == good


def test_a_copy_that_is_not_what_the_sums_say_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CACHE", tmp_path)
    with pytest.raises(ValueError, match="does not hold what SHA256SUMS says"):
        module._unpacked(row("sector4k")[0], "0" * 64)


def test_every_committed_file_is_small_and_all_have_a_sum() -> None:
    packed = {path.relative_to(module.HERE).as_posix() for path in module.HERE.rglob("*.xz")}
    assert packed == {f"{file}.xz" for file in module.sums()}
    sizes = [(module.HERE / file).stat().st_size for file in packed]
    assert max(sizes) <= LIMIT
    assert sum(sizes) <= 10 * LIMIT


def row(name: str) -> tuple[str, str]:
    sums: dict[str, str] = module.sums()
    return next(item for item in sums.items() if item[0].startswith(f"{name}/"))
