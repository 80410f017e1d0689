"""What is tried: a small volume into a store of each kind, and a whole scan; and what a store must be after it."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import islice
from pathlib import Path

import pyrage

from extractor.cli.main import main
from extractor.errors import NoSuchStoreError, SourceError, StoreError
from extractor.gather.files import FileGatherer
from extractor.report.ledger import Ledger
from extractor.seams import Captured
from extractor.store import journal
from extractor.store.directory import DirectoryStore
from extractor.store.manifest import MANIFEST, manifest_path
from extractor.store.records import not_stored
from extractor.store.sealed.keys import recipient_keys
from extractor.store.sealed.opener import is_sealed, open_sealed
from extractor.store.verify import verify_store
from extractor.store.wim_store import SealedStore, WimStore
from extractor.store.writer import Writer
from extractor.testing import FakeFile, FakeFilesystem
from sample_images.unpack import unpack
from tests.store.build import selections

IDENTITY = pyrage.x25519.Identity.generate()
"""Opens the sealed stores of this process and of all that it forks."""
SCANS = {"scan": ["--nocompress"], "scan-wim": []}
SUCCESS = {0, 3}
"""Exit codes of a scan that wrote a store."""
SEALED = "sealed"
HIRED = "hired"
REPLACING = "replacing"


def _volume() -> FakeFilesystem:
    chance = random.Random(4)
    zone = {"Zone.Identifier": b"[ZoneTransfer]\r\nZoneId=3\r\n"}
    bob, eve = "Users\\bob\\", "Users\\eve\\"
    return FakeFilesystem(
        {
            f"{bob}a.txt": b"alpha" * 20,
            f"{bob}empty": b"",
            f"{bob}first": b"linked" * 900,
            f"{bob}second": FakeFile(link_to=f"{bob}first"),
            f"{bob}report.docx": FakeFile(chance.randbytes(40_000), streams=zone),
            f"{bob}setup.exe": FakeFile(b"MZ" + bytes(70_000), streams=zone),
            f"{bob}notes": FakeFile(b"n", streams={"more": b"m" * 5000, "none": b""}),
            f"{bob}Readme.txt": b"upper",
            f"{bob}README.TXT": b"lower",
            f"{bob}lost": FakeFile(b"gone", error=SourceError("cannot be read")),
            f"{bob}photo.jpg": chance.randbytes(1_300_000),
            f"{eve}deep\\down\\log.txt": b"line\n" * 250_000,
            f"{eve}copy.txt": b"alpha" * 20,
            f"{eve}nothing": None,
        }
    )


VOLUME = _volume()


def _sealed(place: Path, *, resume: bool = False) -> Writer:
    keys = recipient_keys([str(IDENTITY.to_public())])
    return SealedStore(place, keys=keys, overwrite=resume)


STORES: Mapping[str, Callable[..., Writer]] = {
    "directory": DirectoryStore,
    HIRED: partial(DirectoryStore, alone=200_000),
    "wim": WimStore,
    SEALED: _sealed,
    REPLACING: partial(DirectoryStore, overwrite=True),
    "resuming": DirectoryStore,
    "resuming-wim": WimStore,
}
"""``hired`` has other processes copy from the second half on; a sealed store is begun anew in place of resumed;
``replacing`` finds an older store in its place, which goes when it is complete; ``resuming`` half of a store."""
RESUMING = frozenset({"resuming", "resuming-wim"})
HALF = 9
"""Objects of it."""


def prepare(kind: str, place: Path) -> None:
    """Make what a run of this kind finds."""
    if kind == REPLACING:
        with DirectoryStore(place) as store:
            store.finish({"tool": "older"}, {})
    if kind in RESUMING:
        half = STORES[kind](place)
        half.begin("run")
        for _ in islice(half.add_all(_items(), lambda *_: None), HALF):
            pass
        half.leave()


def run(kind: str, place: Path, *, resume: bool, eager: bool) -> None:
    """Make a store, or go on with one; raise the product's errors. ``eager``: a checkpoint after every object."""
    if eager:
        journal.PATIENCE = journal.SHARE = 0
    if kind in SCANS:
        _scan(kind, place, resume=resume)
    else:
        _store(STORES[kind](place, resume=resume or kind in RESUMING))


def _scan(kind: str, place: Path, *, resume: bool) -> None:
    words = ["scan", str(unpack("solo")), "--store", str(place), "--continue", "--progress", "none"]
    code = main([*words, *SCANS[kind], *(["--resume"] if resume else [])])
    if code not in SUCCESS:
        error = StoreError(f"coldstate scan ended with {code}")
        error.exit_code = code  # type: ignore[misc]  # of this one
        raise error


def _store(store: Writer) -> None:
    """Fill and finish a store; what stops it is treated as ``extractor.scan`` does."""
    try:
        store.begin("run")
        _fill(store)
    except (SourceError, StoreError, KeyboardInterrupt):
        store.leave()
        raise
    finally:
        store.discard()


def _items() -> Iterator[Captured]:
    return iter(FileGatherer().gather(selections(VOLUME), {VOLUME.info.id: VOLUME}))


def _fill(store: Writer) -> None:
    ledger = Ledger()
    for item, outcome in store.add_all(_items(), lambda *_: None):
        selected = item.selected
        ledger.seen(selected.scope, 1, selected.metadata.size)
        if isinstance(outcome, SourceError):
            outcome = not_stored(selected, str(outcome))  # noqa: PLW2901
            store.note(outcome)
        ledger.ended(outcome)
    ledger.check()
    store.finish({"tool": "test"}, ledger.totals(), (), {"note.txt": b"of the run"})


def is_final(place: Path) -> bool:
    """Tell whether there is something under the final name, but for the store that is to be replaced."""
    return (place / "USMT").exists() and not has_older(place)


def has_older(place: Path) -> bool:
    """Tell whether the store that is to be replaced is still there; raise AssertionError when it is not whole."""
    manifest = place / "USMT/open-catalog/manifest.jsonl"
    if not manifest.exists() or b'"tool":"older"' not in manifest.read_bytes():
        return False
    assert verify_store(place, lambda _: None).intact, "the store to be replaced is not whole"
    return True


def goes_on(place: Path) -> bool:
    """Tell whether there is an incomplete store that a run can go on with."""
    return (place / "USMT.incomplete").exists() and (place / "USMT.resume").exists()


def check_incomplete(place: Path) -> None:
    """Raise AssertionError when what did not end could be taken for a store."""
    if has_older(place):
        return
    for look in (manifest_path, lambda path: verify_store(path, lambda _: None)):
        try:
            look(place)
        except NoSuchStoreError:
            continue
        raise AssertionError("an incomplete store is taken for one")


def manifest_digest(place: Path) -> str:
    """Return the SHA-256 of the manifest of a store; raise AssertionError unless every byte of it is as written."""
    verified = verify_store(place, lambda _: None, identities=(IDENTITY,))
    assert verified.intact, f"the store is not whole: {verified}"
    if not is_sealed(place / "USMT"):
        return hashlib.sha256(manifest_path(place).read_bytes()).hexdigest()
    with open_sealed(place / "USMT", identities=(IDENTITY,)) as opener:
        return hashlib.sha256(opener.read(MANIFEST)).hexdigest()


def check_names(place: Path) -> None:
    """Raise AssertionError when anything but the store, and the record of a scan, is left."""
    names = {each.name for each in place.iterdir()} - {"custody"}
    assert names == {"USMT"}, f"beside the store lie {sorted(names)}"
