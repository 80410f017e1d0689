"""Two scanned sample disks, for whoever exports them; nobody writes into them."""

from __future__ import annotations

from pathlib import Path

import pytest

import sample_images
from tests.journeys.journey import scan


@pytest.fixture(scope="session")
def solo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _scanned("solo", tmp_path_factory)


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _scanned("hostile", tmp_path_factory)


@pytest.fixture(scope="session", params=["solo", "hostile"])
def sample(request: pytest.FixtureRequest) -> Path:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Path)
    return found


def _scanned(name: str, places: pytest.TempPathFactory) -> Path:
    store = places.mktemp(name)
    assert scan(store, sample_images.unpack(name), "--continue") == 3
    return store
