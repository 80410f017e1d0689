"""A WIM that is sealed while it is written is, opened, the very file that is written in the open."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

import pytest

from extractor.store.sealed.opener import open_sealed
from extractor.store.sealed.sealer import Sealer
from extractor.store.tree import open_tree
from extractor.store.wim.codecs import Compression
from extractor.store.wim.node import Image, Parts
from extractor.store.wim.reader import WimFile
from extractor.store.wim.target import Target
from extractor.store.wim.writer import WimWriter
from tests.store.sealed.build import IDENTITY, RECIPIENTS
from tests.store.wim.build import CODECS, files, make, need_codec

NOISE = random.Random(9).randbytes(9_000_003)
TEXT = b"".join(b"%d green bottles; " % number for number in range(600_000))
CONTENTS: dict[Parts, bytes] = {
    ("a",): NOISE,
    ("b",): TEXT,
    ("c",): NOISE[:4_000_000] + TEXT[:4_000_000],
    ("d",): NOISE,  # known already: what was written of it is cut off
    ("e",): bytes(3_000_000),
    ("f",): b"small",
}


@pytest.mark.parametrize("compression", CODECS)
@pytest.mark.parametrize("part", [300_000, 64 << 20])
def test_a_sealed_wim_is_the_wim(tmp_path: Path, compression: Compression, part: int) -> None:
    need_codec(compression)
    plain = make(tmp_path / "plain.wim", CONTENTS, compression)
    (tmp_path / "sealed").mkdir()
    with open_tree(tmp_path / "sealed") as tree:
        sealer = Sealer(tree, RECIPIENTS, part=part)
        file = sealer.create("store.wim")
        target: Target = file
        with WimWriter(target, compression=compression, threads=2) as writer:
            writer.finish([Image("user state", files(writer, CONTENTS), created=1 << 57)])
        file.finish()
        sealer.finish()
    with open_sealed(tmp_path / "sealed", identities=[IDENTITY]) as opener:
        assert opener.read("store.wim") == plain.read_bytes()
        wim = WimFile(opener.open("store.wim"))
        assert wim.open_blob(hashlib.sha1(TEXT).digest()).read() == TEXT
