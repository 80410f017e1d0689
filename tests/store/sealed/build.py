"""Sealed directories for tests; scrypt takes a second, so one passphrase is sealed once."""

from __future__ import annotations

import functools
from pathlib import Path

import pyrage

from extractor.store.sealed.keys import Passphrase, SealingKeys, passphrase_keys, recipient_keys
from extractor.store.sealed.sealer import Sealer
from extractor.store.tree import open_tree

PASSPHRASE = Passphrase("correct horse battery staple ÄÖ")
FILES = {
    "catalog.sqlite": b"catalog of alice",
    "open-catalog/manifest.jsonl": b"manifest of alice\n" * 9,
}
WIM = bytes(range(256)) * 3
IDENTITY = pyrage.x25519.Identity.generate()
RECIPIENTS = recipient_keys([str(IDENTITY.to_public())])


@functools.cache
def with_passphrase() -> SealingKeys:
    return passphrase_keys(PASSPHRASE)


def make_sealed(
    directory: Path,
    keys: SealingKeys = RECIPIENTS,
    *,
    part: int = 100,
    head: int = 16,
    wim: bytes = WIM,
) -> Path:
    """Seal two whole files and one in parts, its head last."""
    directory.mkdir(exist_ok=True)
    with open_tree(directory) as tree:
        sealer = Sealer(tree, keys, part=part, head=head)
        file = sealer.create("store.wim")
        file.write_at(head, (wim[head:],))
        file.write_at(0, (wim[:head],))
        file.finish()
        for name, content in FILES.items():
            sealer.seal(name, content)
        sealer.finish()
    return directory
