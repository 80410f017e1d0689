"""A target that must keep all that is done to itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def jail(tmp_path: Path) -> Iterator[Path]:
    """A target with a neighbour that must stay as it is."""
    target = tmp_path / "jail" / "target"
    target.mkdir(parents=True)
    (target.parent / "victim").write_bytes(b"not yours")
    yield target
    assert (target.parent / "victim").read_bytes() == b"not yours"
    assert {each.name for each in target.parent.iterdir()} == {"target", "victim"}
