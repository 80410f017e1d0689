"""A bit of a finished store that flips is found, and what it belongs to is named."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from tests.store.build import selections, store_all
from tests.store.faults.flips import KINDS, flips, is_whole, sealed_with_passphrase
from tests.store.faults.runs import STORES, VOLUME

FLIPS = 200


@pytest.mark.parametrize("kind", KINDS)
def test_every_flipped_bit_is_found_and_named(kind: str, tmp_path: Path) -> None:
    make = sealed_with_passphrase if kind == "sealed" else STORES[kind]
    with make(tmp_path) as store:
        store_all(store, VOLUME, selections(VOLUME))
    found = list(flips(tmp_path, FLIPS, Random(17)))
    assert [each for each in found if not each.found] == []
    assert [each for each in found if not each.named] == []
    assert len({each.file for each in found}) > 3
    assert is_whole(tmp_path)
