"""THE RUN, top to bottom: images -> machine -> Windows -> rules -> select -> gather -> store -> ledger -> exit code.

A newcomer reads this first: each stage is one call of the package that has its name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from extractor.events import (
    Noted,
    Observer,
    Phase,
    PhaseStarted,
    Started,
    UserDetected,
)
from extractor.gather.policy import Policy, parse_efs
from extractor.header import header_of
from extractor.images.verify import Verification, verify_image
from extractor.machine import Machine, open_machine
from extractor.report.estimate import estimate, space_needed, write_estimate
from extractor.report.exit_code import exit_code
from extractor.report.summary import Summary, summary
from extractor.rules import RuleSet, builtin_rules, load_rules
from extractor.seams import StoreWriter, plugins
from extractor.select import (
    Choice,
    Mount,
    Profile,
    Scene,
    UserSwitches,
    choose_users,
    select,
    unmatched,
)
from extractor.store.place import ensure_room
from extractor.transfer import Transfer
from extractor.windows import (
    Survey,
    WindowsInstall,
    choose,
    open_install,
    request_for,
    stray_profiles,
    survey,
    system_variables,
    user_variables,
)


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
    choices: tuple[Choice, ...]
    failures: int


@dataclass(frozen=True, slots=True)
class Result:
    """What became of the request."""

    runs: tuple[Run, ...]
    verifications: tuple[Verification, ...]

    @property
    def exit_code(self) -> int:
        """0 when nothing that rules selected was lost, else 3."""
        return exit_code(sum(run.summary.all.not_stored.objects for run in self.runs))


NO_FOLDER = "not on these disks"
"""Why a user of ProfileList does not come, in the place of a switch."""


def scan(request: Request, observer: Observer) -> Result:
    """Write the user state of the offline Windows that the request means; the images are never written.

    Raises the errors of ``errors.py``; when it does, no store stands under its final name.
    """
    observer(PhaseStarted(Phase.INITIALIZING))
    rules = load_rules(request.rules) if request.rules else builtin_rules()
    wanted = request_for(request.offline, request.win_dir, request.win_old)
    with open_machine(request.images) as machine:
        _tell_notes(machine.notes, observer)
        verifications = _verify(machine, observer) if request.verify_image else ()
        observer(PhaseStarted(Phase.SCANNING))
        found = survey(machine.candidates, machine.volumes, machine.filesystems)
        choice = choose(found, wanted, all_windows=request.all_windows)
        _tell_notes(choice.notes, observer)
        mappings = wanted.mappings if wanted else ()
        runs = tuple(
            _migrate(
                request,
                machine,
                found,
                open_install(found, each, mappings, request.arch),
                rules,
                observer,
            )
            for each in choice.chosen
        )
    return Result(runs, verifications)


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
    _tell_notes(install.warnings, observer)
    for stray in stray_profiles(install):
        observer(
            Noted(
                "warning", f"{stray} belongs to no user of this Windows: no user's rules reach it"
            )
        )
    with _open_store(request, install) as (place, store):
        choices = _choose_users(request, install, observer)
        observer(PhaseStarted(Phase.COLLECTING))
        policy = Policy(request.continue_on_error, parse_efs(request.efs))
        transfer = Transfer(store, policy, observer)
        chosen = transfer.account(select(_scene(install), rules, choices, observer))
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
    return Run(install, place, summary(transfer.ledger, accounts), choices, transfer.failures)


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


def _choose_users(
    request: Request, install: WindowsInstall, observer: Observer
) -> tuple[Choice, ...]:
    """Return who comes: the switches decide, but a profile whose folder is not on these disks cannot."""
    switches = UserSwitches(request.user_include, request.user_exclude, request.last_used)
    computer = install.candidate.computer
    choices = tuple(
        _present(install, choice)
        for choice in choose_users(install.users, switches, computer, request.reference_time)
    )
    for choice in choices:
        user = choice.user
        observer(UserDetected(user.sid, user.account, choice.selected, choice.switch))
        if choice.switch == NO_FOLDER:
            observer(
                Noted(
                    "warning", f"{user.account}: the profile folder {user.profile} is {NO_FOLDER}"
                )
            )
    for switch, patterns in (("/ui", request.user_include), ("/ue", request.user_exclude)):
        for pattern in unmatched(patterns, install.users, computer):
            observer(Noted("warning", f"{switch}:{pattern} matches no user of this Windows"))
    return choices


def _present(install: WindowsInstall, choice: Choice) -> Choice:
    if choice.selected and install.namespace.resolve(choice.user.profile) is None:
        return Choice(choice.user, selected=False, switch=NO_FOLDER)
    return choice


def _scene(install: WindowsInstall) -> Scene:
    """Return what selection needs to know of a Windows."""
    mounts = (Mount(each.at, each.filesystem, each.root) for each in install.namespace.mounts)
    profiles = (Profile(user, user_variables(install, user)) for user in install.users)
    return Scene(tuple(mounts), tuple(profiles), system_variables(install))


def _told(install: WindowsInstall) -> str:
    """Return what the log says of the offline machine (usmt.md 6.10: system information)."""
    found, letters = (
        install.candidate,
        ", ".join(f"{each.letter} = volume {each.volume} ({each.how})" for each in install.letters),
    )
    return (
        f"{install.path}: {found.product} {found.version} build {found.build} {install.arch}, computer"
        f" {found.computer}; drives: {letters}"
    )


def _verify(machine: Machine, observer: Observer) -> tuple[Verification, ...]:
    """Hash each medium and compare it with what its container stores."""
    verified = tuple(verify_image(image, lambda _: None) for image in machine.images)
    for image, each in zip(machine.images, verified, strict=True):
        level = "info" if each.verdict in {"verified", "no stored hash"} else "warning"
        observer(Noted(level, f"{image.info.path}: {each.verdict}: {each.sentence}"))
    return verified


def _tell_notes(notes: Sequence[str], observer: Observer) -> None:
    for note in notes:
        observer(Noted("warning", note))
