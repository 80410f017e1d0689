"""THE RUN, top to bottom: images -> machine -> Windows -> rules -> select -> gather -> store -> ledger -> exit code.

A newcomer reads this first: each stage is one call of the package that has its name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from extractor.events import (
    ImageRead,
    Noted,
    Observer,
    Phase,
    PhaseStarted,
    Started,
    UserDetected,
)
from extractor.gather.policy import Policy, parse_efs
from extractor.header import header_of
from extractor.images.verify import Verdict, Verification, verify_image
from extractor.machine import Machine, open_machine
from extractor.report.estimate import estimate, space_needed, write_estimate
from extractor.report.exit_code import exit_code
from extractor.report.summary import Summary, summary
from extractor.rules import RuleSet, builtin_rules, load_rules
from extractor.seams import Image, StoreWriter, plugins
from extractor.select import Choice, UserSwitches, choices_of, scene_of, select, warnings_of
from extractor.store.place import ensure_room
from extractor.transfer import Transfer
from extractor.windows import Survey, WindowsInstall, choose, open_install, request_for, survey

FINE = frozenset({Verdict.VERIFIED, Verdict.UNSTORED})
"""Verdicts on a medium that cast no doubt on it."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for, whatever spelling it came in."""

    images: tuple[Path, ...]
    store: Path | None = None
    rules: tuple[Path, ...] = ()
    """MigXML files; none means the built-in pack."""
    offline: Path | None = None
    win_dir: str = ""
    win_old: str = ""
    all_windows: bool = False
    user_include: tuple[str, ...] = ()
    user_exclude: tuple[str, ...] = ()
    last_used: str = ""
    reference_time: int = 0
    """FILETIME that ``/uel:N`` counts back from."""
    overwrite: bool = False
    continue_on_error: bool = False
    efs: str = "abort"
    dry_run: bool = False
    estimate: Path | None = None
    list_files: Path | None = None
    log: Path | None = None
    verbosity: int = 0
    progress_log: Path | None = None
    sparse_limit: int = 64 << 30
    """Bytes: the largest sparse file that is stored."""
    verify_image: bool = False
    arch: str = ""
    """x86 or x64 when MIG_OFFLINE_PLATFORM_ARCH says so."""
    command: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Run:
    """What became of one Windows."""

    install: WindowsInstall
    store: Path | None
    summary: Summary
    failures: int
    ungathered: int
    """Include patterns of the rules for the registry and INI files: that state is not in the store."""


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
        lost = sum(run.summary.all.not_stored.objects + run.ungathered for run in self.runs)
        return exit_code(doubted + lost)


def scan(request: Request, observer: Observer) -> Result:
    """Write the user state of the offline Windows that the request means; the images are never written.

    Raises the errors of ``errors.py``; when it does, no store stands under its final name.
    """
    observer(PhaseStarted(Phase.INITIALIZING))
    rules = load_rules(request.rules) if request.rules else builtin_rules()
    wanted = request_for(request.offline, request.win_dir, request.win_old)
    with open_machine(request.images) as machine:
        _tell_notes(machine.notes, observer)
        verified = {
            image.info.path: _verify(image, observer)
            for image in machine.images
            if request.verify_image
        }
        observer(PhaseStarted(Phase.SCANNING))
        found = survey(machine.candidates, machine.volumes, machine.filesystems)
        choice = choose(found, wanted, all_windows=request.all_windows)
        _tell_notes(choice.notes, observer)
        mappings = wanted.mappings if wanted else ()
        installs = (open_install(found, each, mappings, request.arch) for each in choice.chosen)
        runs = tuple(
            _migrate(request, machine, found, install, rules, observer) for install in installs
        )
    return Result(runs, verified)


def _migrate(
    request: Request,
    machine: Machine,
    found: Survey,
    install: WindowsInstall,
    rules: RuleSet,
    observer: Observer,
) -> Run:
    """Select, gather and store the user state of one Windows."""
    observer(Started(request.command, install.candidate.computer))
    observer(Noted("info", _told(install)))
    with _open_store(request, install) as (place, store):
        switches = UserSwitches(request.user_include, request.user_exclude, request.last_used)
        scene = scene_of(install)
        choices = choices_of(install, switches, request.reference_time)
        _tell_users(choices, observer)
        _tell_notes(warnings_of(install, scene, choices, switches), observer)
        observer(PhaseStarted(Phase.COLLECTING))
        policy = Policy(request.continue_on_error, parse_efs(request.efs))
        transfer = Transfer(store, policy, observer)
        selection = select(scene, rules, choices, observer)
        chosen = transfer.account(selection)
        if not chosen:
            observer(Noted("warning", "the rules selected nothing: there is nothing to store"))
        observer(PhaseStarted(Phase.ESTIMATING if request.dry_run else Phase.SAVING))
        if place is not None:
            ensure_room(place, sum(map(space_needed, chosen)))
        gatherers = [gatherer() for gatherer in plugins("gatherers").values()]
        transfer.store(chosen, gatherers, machine.filesystems)
        transfer.ledger.check()
        if store is not None:
            header = header_of(machine, found, install, choices, rules)
            store.finish(header, transfer.ledger.totals())
    if request.estimate:
        write_estimate(request.estimate, estimate(chosen))
    accounts = {user.sid: user.account for user in install.users}
    sums = summary(transfer.ledger, accounts)
    return Run(install, place, sums, transfer.failures, selection.ungathered)


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


def _tell_users(choices: Sequence[Choice], observer: Observer) -> None:
    for each in choices:
        observer(UserDetected(each.user.sid, each.user.account, each.selected, each.switch))


def _told(install: WindowsInstall) -> str:
    """Return what the log says of the offline machine (usmt.md 6.10: system information)."""
    found = install.candidate
    drives = ", ".join(
        f"{each.letter} = volume {each.volume} ({each.how})" for each in install.letters
    )
    system = f"{found.product} {found.version} build {found.build} {install.arch}"
    return f"{install.path}: {system}, computer {found.computer}; drives: {drives}"


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


def _tell_notes(notes: Iterable[str], observer: Observer) -> None:
    for note in notes:
        observer(Noted("warning", note))
