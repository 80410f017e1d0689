"""Request -> every Windows that it means, opened, and what the rules mean on it: the way that all commands share.

``read_asked`` reads what the person wrote (rules, Config.xml, Offline.xml) before a byte of an image is read;
``each_windows`` opens the Windows one after another; ``open_windows`` is both, for a command that only looks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from extractor.evaluate import Activation, Scene
from extractor.evaluate.units import units_of
from extractor.events import (
    Activated,
    ComponentDetected,
    Noted,
    Observer,
    Started,
    UserDetected,
)
from extractor.gather.policy import parse_efs
from extractor.machine import Machine, open_machine
from extractor.rules import RuleSet, builtin_rules, load_rules
from extractor.seams import HiveNote
from extractor.select import Choice, UserSwitches, choices_of, missing_of, scene_of, warnings_of
from extractor.volumes import Key
from extractor.volumes.shadows import Wanted
from extractor.windows import (
    OfflineRequest,
    Survey,
    WindowsInstall,
    choose,
    open_install,
    request_for,
    survey,
)

if TYPE_CHECKING:
    from extractor.store.sealed.keys import SealingKeys

if TYPE_CHECKING:
    from extractor.rules.config import Config


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for, whatever spelling it came in."""

    images: tuple[Path, ...]
    keys: tuple[Key, ...] = ()
    """Of BitLocker volumes; none of them shows its secret."""
    shadows: tuple[Wanted, ...] = ()
    """Shadow copies of volumes that are read in place of what the volumes hold now."""
    store: Path | None = None
    rules: tuple[Path, ...] = ()
    """MigXML files; none means the built-in pack."""
    config: Path | None = None
    """A Config.xml."""
    genconfig: Path | None = None
    """Where to write a Config.xml of the components found; then there is no store."""
    genmigxml: Path | None = None
    """Where to write what the document finder finds, as MigXML; then there is no store."""
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
    resume: bool = False
    """Go on with the store that an earlier run left incomplete."""
    retry_failed: bool = False
    """Begin with what the finished store holds, and try the rest again."""
    sealing: SealingKeys | None = field(default=None, repr=False)
    """Whom an encrypted store is for; None for a plain one."""
    compression: str = "xpress"
    """Of store.wim: xpress, lzx, none; empty for the uncompressed layout."""
    continue_on_error: bool = False
    efs: str = "abort"
    efs_pfx: tuple[Path, ...] = ()
    """PFX files whose private keys open EFS files."""
    efs_secret: bytes = field(default=b"", repr=False)
    """Their password; it is shown nowhere."""
    efs_user_secret: str | None = field(default=None, repr=False)
    """The Windows password of a user whose profile holds the keys of EFS files; None when it was not given."""
    dry_run: bool = False
    estimate: Path | None = None
    list_files: Path | None = None
    log: Path | None = None
    verbosity: int = 0
    progress_log: Path | None = None
    sparse_limit: int = 64 << 30
    """Bytes: the largest sparse file that is stored."""
    verify_image: bool = False
    cross_check: float = 0.0
    """Share of the stored files, up to 1, that other readers hash again."""
    case: str = ""
    """Of the custody record, as a person named them: this, and the two below."""
    evidence: str = ""
    operator: str = ""
    diagnostic: Path | None = None
    """Where MIG_ENABLE_DIAG wants the diagnostic log."""
    arch: str = ""
    """x86 or x64 when MIG_OFFLINE_PLATFORM_ARCH says so."""
    fail_on_profile_error: bool = True
    """False with MIG_FAIL_ON_PROFILE_ERROR=0: a temporary or duplicate-SID profile stays behind, the others come."""
    ignore_missing_profiles: bool = False
    """True with MIG_IGNORE_PROFILE_MISSING=1: a profile whose folder is not here is no warning."""
    command: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """A request and what stands in the files that it names."""

    request: Request
    rules: RuleSet
    config: Config | None
    wanted: OfflineRequest | None


@dataclass(frozen=True, slots=True)
class Opened:
    """One Windows that the request means, its people, and what the rules mean on it."""

    machine: Machine
    found: Survey
    install: WindowsInstall
    scene: Scene
    choices: tuple[Choice, ...]
    rules: RuleSet
    config: Config | None
    activation: Activation


def read_asked(request: Request) -> Asked:
    """Read the rules, the Config.xml and the Offline.xml of a request.

    Raises UsageError and its kinds: 11, 26 for a Config.xml given as rules, 28 for bad rules, 29 for a bad Offline.xml.
    """
    efs = parse_efs(request.efs)
    rules = load_rules(request.rules, efs_keys=efs.carries) if request.rules else builtin_rules()
    config = _config(request.config) if request.config else None
    wanted = request_for(request.offline, request.win_dir, request.win_old)
    return Asked(request, rules, config, wanted)


def _config(path: Path) -> Config:
    from extractor.rules.config import load_config

    return load_config(path)


@contextmanager
def open_windows(request: Request, observer: Observer) -> Iterator[Iterator[Opened]]:
    """Yield the Windows that a request means, opened one after another while they are iterated.

    Raises the errors of ``read_asked``, ``open_machine`` and ``each_windows``.
    """
    asked = read_asked(request)
    with open_machine(request.images, request.keys, request.shadows) as machine:
        tell_machine(machine, observer)
        yield each_windows(machine, asked, observer)


def each_windows(machine: Machine, asked: Asked, observer: Observer) -> Iterator[Opened]:
    """Yield each Windows that is meant; the observer hears of it, its users, and the rules that cannot be used.

    Raises NoWindowsError, MultipleWindowsError and ProfileError (26), DriveMapError (29).
    """
    request = asked.request
    found = survey(machine.candidates, machine.volumes, machine.filesystems)
    choice = choose(found, asked.wanted, all_windows=request.all_windows)
    tell_warnings(choice.notes, observer)
    mappings = asked.wanted.mappings if asked.wanted else ()
    for candidate in choice.chosen:
        install = open_install(found, candidate, mappings, request.arch)
        yield _opened(machine, found, install, asked, observer)


def _opened(
    machine: Machine, found: Survey, install: WindowsInstall, asked: Asked, observer: Observer
) -> Opened:
    from extractor.evaluate.activate import activate

    request = asked.request
    observer(Started(request.command, install.candidate.computer))
    observer(Noted("info", _told(install)))
    switches = UserSwitches(request.user_include, request.user_exclude, request.last_used)
    scene = scene_of(install)
    choices = choices_of(
        install,
        switches,
        request.reference_time,
        fail_on_profile_error=request.fail_on_profile_error,
    )
    _tell_users(choices, observer)
    tell_warnings(warnings_of(install, scene, choices, switches), observer)
    for sentence in missing_of(choices):
        observer(Noted("info" if request.ignore_missing_profiles else "warning", sentence))
    users = [each.user for each in choices if each.selected]
    activation = activate(asked.rules, scene, users, asked.config)
    _tell_config(asked, observer)
    _tell_activation(activation, observer)
    tell_hives(install.registry.notes, observer)
    return Opened(machine, found, install, scene, choices, asked.rules, asked.config, activation)


def _told(install: WindowsInstall) -> str:
    """Return what the log says of the offline machine (usmt.md 6.10: system information)."""
    found = install.candidate
    drives = ", ".join(
        f"{each.letter} = volume {each.volume} ({each.how})" for each in install.letters
    )
    system = f"{found.product} {found.version} build {found.build} {install.arch}"
    return f"{install.path}: {system}, computer {found.computer}; drives: {drives}"


def _tell_users(choices: Sequence[Choice], observer: Observer) -> None:
    for each in choices:
        user = each.user
        observer(UserDetected(user.sid, user.account, each.selected, each.switch, user.last_used))


def _tell_config(asked: Asked, observer: Observer) -> None:
    """Tell what is doubtful in a Config.xml, and what it names that the rules do not have."""
    if asked.config:
        tell_warnings(asked.config.warnings, observer)
        for note in asked.config.notes:
            observer(Noted("info", note))
        tell_warnings(asked.config.unmatched(asked.rules.components), observer)


def _tell_activation(activation: Activation, observer: Observer) -> None:
    """Tell which components apply to whom, each once whatever the number of its roles, and what cannot be used."""
    included: dict[tuple[str, str, str], bool] = {}
    for each in activation.meetings:
        key = (each.scope, each.component.name, each.component.source)
        included[key] = included.get(key, False) or (each.present and each.migrates)
    for (scope, name, _), is_included in included.items():
        observer(ComponentDetected(scope, name, is_included))
    observer(Activated(partial(units_of, activation)))
    for note in activation.notes:
        observer(note)
    tell_warnings(
        (f"{each}: never run, but kept for the restore" for each in activation.skipped), observer
    )


def tell_machine(machine: Machine, observer: Observer) -> None:
    """Tell what is wrong with the volumes, and by which protector each locked one was opened."""
    tell_warnings(machine.notes, observer)
    for fact in machine.facts:
        observer(Noted("info", fact))


def tell_hives(notes: Iterable[HiveNote], observer: Observer) -> None:
    """Tell what had to be done to read hives: a replay of logs is information, anything worse a warning."""
    for note in notes:
        observer(Noted(note.level, note.message))


def tell_warnings(messages: Iterable[str], observer: Observer) -> None:
    """Tell each message as a warning."""
    for message in messages:
        observer(Noted("warning", message))
