"""THE RUN, top to bottom: images -> machine -> Windows -> rules -> select -> gather -> store -> ledger -> exit code.

A newcomer reads this first: each stage is one call of the package that has its name.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from extractor.crosscheck import CrossChecked, cross_check
from extractor.efs.keyring import Keyring, open_keyring
from extractor.errors import CanceledError, SourceError, StoreError
from extractor.events import ImageRead, Noted, Observer, Phase, PhaseStarted, noting
from extractor.gather.efs import EfsCarrier
from extractor.gather.keychain import Keychain
from extractor.gather.password_keys import PasswordKeys
from extractor.gather.policy import Policy, error_controls, parse_efs
from extractor.header import header_of, refuse_other_disk, run_identity
from extractor.images.verify import Verdict, Verification, Verifying, compared, verifying_again
from extractor.instructions import documents_of, instructions_of
from extractor.machine import Machine, open_machine
from extractor.model import Selected
from extractor.opening import (
    Opened,
    Request,
    each_windows,
    read_asked,
    tell_hives,
    tell_machine,
    tell_warnings,
)
from extractor.report.custody_evidence import Evidence
from extractor.report.estimate import estimate, space_needed, write_estimate
from extractor.report.exit_code import exit_code
from extractor.report.summary import Summary, summary
from extractor.seams import Image, StoreWriter, plugins
from extractor.select import account_rows, select
from extractor.store.place import ensure_room
from extractor.store.retry import prepare_retry
from extractor.transfer import Transfer
from extractor.windows import WindowsInstall

__all__ = ["Request", "Result", "Run", "scan"]

FINE = frozenset({Verdict.VERIFIED, Verdict.UNSTORED})
"""Verdicts on a medium that cast no doubt on it."""
PATIENCE = 0.5
"""Seconds between two words on how far a medium is hashed, when nothing else is left to do."""


@dataclass(frozen=True, slots=True)
class Run:
    """What became of one Windows."""

    install: WindowsInstall
    store: Path | None
    summary: Summary
    failures: int
    checked: CrossChecked | None = None
    """With ``--cross-check``."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of the request."""

    runs: tuple[Run, ...]
    verified: dict[str, Verification]
    """By path of the image, with ``--verify-image``."""
    changed: tuple[str, ...] = ()
    """A sentence for each file of an image that was written to, replaced or removed during the run."""
    seal: str = ""
    """SHA-256 of the custody record, where one was written."""

    @property
    def exit_code(self) -> int:
        """0 when nothing that rules selected was lost, no medium belies its hashes and no reader ours, else 3."""
        doubted = len(self.changed)
        doubted += sum(each.verdict not in FINE for each in self.verified.values())
        doubted += sum(run.checked.unexplained for run in self.runs if run.checked)
        lost = sum(run.summary.all.not_stored.objects for run in self.runs)
        return exit_code(doubted + lost)


def scan(request: Request, observer: Observer, evidence: Evidence | None = None) -> Result:
    """Write the user state of the offline Windows that the request means; the images are never written.

    ``evidence`` keeps what was opened, also of a run that fails. Raises the errors of ``errors.py``; when it does, no
    store stands under its final name.
    """
    observer(PhaseStarted(Phase.INITIALIZING))
    asked = read_asked(request)
    keyring = open_keyring(request.efs_pfx, request.efs_secret)
    evidence = evidence or Evidence()
    evidence.opening()
    with (
        open_machine(request.images, request.keys, request.shadows) as machine,
        evidence.watching(machine.images, machine.volumes),
    ):
        tell_machine(machine, observer)
        with _verifying(machine if request.verify_image else None) as verifying:
            observer(PhaseStarted(Phase.SCANNING))
            windows = each_windows(machine, asked, observer)
            runs = tuple(_migrate(request, opened, keyring, observer) for opened in windows)
            verified = {each.info.path: _judged(each, work, observer) for each, work in verifying}
    tell_warnings(evidence.changed, observer)
    return Result(runs, verified, evidence.changed)


def _migrate(request: Request, opened: Opened, keyring: Keyring, observer: Observer) -> Run:
    """Select, gather and store the user state of one Windows."""
    with _open_store(request, opened) as (place, store):
        if store is not None:
            store.begin(run_identity(opened))
        observer(PhaseStarted(Phase.COLLECTING))
        controls = error_controls(opened.config, opened.scene, noting(observer))
        policy = Policy(request.continue_on_error, parse_efs(request.efs), controls)
        transfer = Transfer(store, policy, observer)
        chosen = _chosen(opened, transfer, observer)
        observer(PhaseStarted(Phase.ESTIMATING if request.dry_run else Phase.SAVING))
        if place is not None:
            ensure_room(place, sum(map(space_needed, chosen)))
        gatherers = [gatherer() for gatherer in plugins("gatherers").values()]
        keychain = Keychain(opened.scene, chosen)
        keys = PasswordKeys(keyring, keychain, request.efs_user_secret)
        filesystems = opened.machine.filesystems
        carrier = EfsCarrier(policy.efs, filesystems, keys, keychain, noting(observer))
        transfer.store(chosen, gatherers, filesystems, carrier)
        transfer.people(account_rows(opened.install, opened.choices))
        transfer.ledger.check()
        if store is not None:
            totals = transfer.ledger.totals()
            store.finish(header_of(opened), totals, instructions_of(opened), documents_of(opened))
    if request.estimate:
        write_estimate(request.estimate, estimate(chosen))
    accounts = {user.sid: user.account for user in opened.install.users}
    checked = _cross_checked(request, opened.machine, place, observer)
    told = summary(transfer.ledger, accounts)
    return Run(opened.install, place, told, transfer.failures, checked)


def _chosen(opened: Opened, transfer: Transfer, observer: Observer) -> list[Selected]:
    """Account for all that selection meets, and return what is to be stored."""
    told = opened.install.registry.notes
    chosen = transfer.account(select(opened.scene, opened.activation, opened.choices, observer))
    late = (note for note in opened.install.registry.notes if note not in told)
    tell_hives(late, observer)
    if not chosen:
        observer(Noted("warning", "the rules selected nothing: there is nothing to store"))
    return chosen


def _cross_checked(
    request: Request, machine: Machine, place: Path | None, observer: Observer
) -> CrossChecked | None:
    if place is None or not request.cross_check:
        return None
    return cross_check(place, machine.sources, request.cross_check, observer)


@contextmanager
def _open_store(
    request: Request, opened: Opened
) -> Iterator[tuple[Path | None, StoreWriter | None]]:
    """Yield where the store will be and its writer; what a run that stops has copied is left for one that goes on."""
    if request.store is None or request.dry_run:
        yield None, None
        return
    path = request.store / opened.install.id if request.all_windows else request.store
    if request.retry_failed:
        prepare_retry(path, request.compression, partial(refuse_other_disk, opened, path))
        request = replace(request, resume=True, overwrite=True)
    store = _new_store(request, path)
    try:
        yield path, store
    except (SourceError, StoreError, CanceledError, KeyboardInterrupt):
        store.leave()  # what is in it so far need not be copied again
        raise
    finally:
        store.discard()


def _new_store(request: Request, path: Path) -> StoreWriter:
    kind = "sealed" if request.sealing else "wim" if request.compression else "directory"
    how: dict[str, object] = {"overwrite": request.overwrite, "sparse_limit": request.sparse_limit}
    if request.compression:
        how["compression"] = request.compression
    if request.sealing:
        how["keys"] = request.sealing
    else:
        how["resume"] = request.resume
    store: StoreWriter = plugins("stores")[kind](path, **how)
    return store


@contextmanager
def _verifying(machine: Machine | None) -> Iterator[list[tuple[Image, Verifying]]]:
    """Hash the images of a machine while the run goes on beside it; a run that fails gives it up."""
    with ExitStack() as stack:
        images = machine.images if machine else ()
        yield [(image, stack.enter_context(Verifying(image))) for image in images]


def _judged(image: Image, verifying: Verifying, observer: Observer) -> Verification:
    """Wait until a medium is hashed, hash it again now that all is done, and say what was found."""
    before = _awaited(image, verifying, observer)
    with verifying_again(image) as again:
        verified = compared(image, before, _awaited(image, again, observer))
    message = f"{image.info.path}: {verified.verdict}: {verified.sentence}"
    observer(Noted("info" if verified.verdict in FINE else "warning", message))
    return verified


def _awaited(image: Image, verifying: Verifying, observer: Observer) -> Verification:
    path = image.info.path
    while not verifying.wait(PATIENCE):
        observer(ImageRead(path, verifying.done, verifying.size))
    verified = verifying.result()
    observer(ImageRead(path, verifying.size, verifying.size))
    return verified
