"""THE RUN, top to bottom: images -> machine -> Windows -> rules -> select -> gather -> store -> ledger -> exit code.

A newcomer reads this first: each stage is one call of the package that has its name.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from extractor.efs.keyring import Keyring, open_keyring
from extractor.events import ImageRead, Noted, Observer, Phase, PhaseStarted, noting
from extractor.gather.efs import EfsCarrier
from extractor.gather.keychain import Keychain
from extractor.gather.password_keys import PasswordKeys
from extractor.gather.policy import Policy, error_controls, parse_efs
from extractor.header import header_of
from extractor.images.verify import Verdict, Verification, verify_image
from extractor.instructions import documents_of, instructions_of
from extractor.machine import Machine, open_machine
from extractor.opening import Opened, Request, each_windows, read_asked, tell_hives, tell_machine
from extractor.report.estimate import estimate, space_needed, write_estimate
from extractor.report.exit_code import exit_code
from extractor.report.summary import Summary, summary
from extractor.seams import Image, StoreWriter, plugins
from extractor.select import account_rows, select
from extractor.store.place import ensure_room
from extractor.transfer import Transfer
from extractor.windows import WindowsInstall

__all__ = ["Request", "Result", "Run", "scan"]

FINE = frozenset({Verdict.VERIFIED, Verdict.UNSTORED})
"""Verdicts on a medium that cast no doubt on it."""


@dataclass(frozen=True, slots=True)
class Run:
    """What became of one Windows."""

    install: WindowsInstall
    store: Path | None
    summary: Summary
    failures: int


@dataclass(frozen=True, slots=True)
class Result:
    """What became of the request."""

    runs: tuple[Run, ...]
    verified: dict[str, Verification]
    """By path of the image, with ``--verify-image``."""

    @property
    def exit_code(self) -> int:
        """0 when nothing that rules selected was lost and no medium belies its hashes, else 3."""
        doubted = sum(each.verdict not in FINE for each in self.verified.values())
        lost = sum(run.summary.all.not_stored.objects for run in self.runs)
        return exit_code(doubted + lost)


def scan(request: Request, observer: Observer) -> Result:
    """Write the user state of the offline Windows that the request means; the images are never written.

    Raises the errors of ``errors.py``; when it does, no store stands under its final name.
    """
    observer(PhaseStarted(Phase.INITIALIZING))
    asked = read_asked(request)
    keyring = open_keyring(request.efs_pfx, request.efs_secret)
    with open_machine(request.images, request.keys) as machine:
        tell_machine(machine, observer)
        verified = _verified(machine, observer) if request.verify_image else {}
        observer(PhaseStarted(Phase.SCANNING))
        windows = each_windows(machine, asked, observer)
        runs = tuple(_migrate(request, opened, keyring, observer) for opened in windows)
    return Result(runs, verified)


def _migrate(request: Request, opened: Opened, keyring: Keyring, observer: Observer) -> Run:
    """Select, gather and store the user state of one Windows."""
    with _open_store(request, opened.install) as (place, store):
        observer(PhaseStarted(Phase.COLLECTING))
        controls = error_controls(opened.config, opened.scene, noting(observer))
        policy = Policy(request.continue_on_error, parse_efs(request.efs), controls)
        transfer = Transfer(store, policy, observer)
        told = opened.install.registry.notes
        chosen = transfer.account(select(opened.scene, opened.activation, opened.choices, observer))
        late = (note for note in opened.install.registry.notes if note not in told)
        tell_hives(late, observer)
        if not chosen:
            observer(Noted("warning", "the rules selected nothing: there is nothing to store"))
        observer(PhaseStarted(Phase.ESTIMATING if request.dry_run else Phase.SAVING))
        if place is not None:
            ensure_room(place, sum(map(space_needed, chosen)))
        gatherers = [gatherer() for gatherer in plugins("gatherers").values()]
        keychain = Keychain(opened.scene, chosen)
        carrier = EfsCarrier(
            policy.efs,
            opened.machine.filesystems,
            PasswordKeys(keyring, keychain, request.efs_user_secret),
            keychain,
            noting(observer),
        )
        transfer.store(chosen, gatherers, opened.machine.filesystems, carrier)
        transfer.people(account_rows(opened.install, opened.choices))
        transfer.ledger.check()
        if store is not None:
            totals = transfer.ledger.totals()
            store.finish(header_of(opened), totals, instructions_of(opened), documents_of(opened))
    if request.estimate:
        write_estimate(request.estimate, estimate(chosen))
    accounts = {user.sid: user.account for user in opened.install.users}
    return Run(opened.install, place, summary(transfer.ledger, accounts), transfer.failures)


@contextmanager
def _open_store(
    request: Request, install: WindowsInstall
) -> Iterator[tuple[Path | None, StoreWriter | None]]:
    """Yield where the store will be and its writer, which leaves nothing behind unless it was finished."""
    if request.store is None or request.dry_run:
        yield None, None
        return
    path = request.store / install.id if request.all_windows else request.store
    store: StoreWriter = plugins("stores")["directory"](
        path, overwrite=request.overwrite, sparse_limit=request.sparse_limit
    )
    try:
        yield path, store
    finally:
        store.discard()


def _verified(machine: Machine, observer: Observer) -> dict[str, Verification]:
    return {image.info.path: _verify(image, observer) for image in machine.images}


def _verify(image: Image, observer: Observer) -> Verification:
    """Hash a medium, compare it with what its container stores, and say what was found."""
    done = 0

    def progress(count: int) -> None:
        nonlocal done
        done += count
        observer(ImageRead(image.info.path, done, image.size))

    verified = verify_image(image, progress)
    message = f"{image.info.path}: {verified.verdict}: {verified.sentence}"
    observer(Noted("info" if verified.verdict in FINE else "warning", message))
    return verified
