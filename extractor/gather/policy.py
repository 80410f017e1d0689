"""The one place that decides whether an object that cannot be read ends the run (``/c``, ``/efs``, ErrorControl).

Source: usmt.md 1.2 and 5.4. Whatever it decides, the object has an outcome in the ledger.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from extractor.errors import DamagedError, EncryptedError, SourceError, UsageError
from extractor.evaluate import Scene
from extractor.evaluate.registry_names import canonical_location
from extractor.model import ObjectKind, WinPath, upcase
from extractor.rules.config import Config, ErrorRule
from extractor.rules.patterns import (
    Location,
    PatternError,
    PatternKind,
    escape,
    expand,
    node_text,
    parse_location,
)

Note = Callable[[str, str], None]
"""Takes a level (info, warning) and a message."""

REGISTRY_CORRUPT = 1015
"""ERROR_REGISTRY_CORRUPT: what Windows says of damage in a hive."""
HIVES = frozenset({"HKLM", "HKU"})
NODES = frozenset({ObjectKind.DIRECTORY, ObjectKind.KEY})


class Efs(StrEnum):
    """What to do with a file that EFS encrypted."""

    ABORT = "abort"
    SKIP = "skip"
    COPYRAW = "copyraw"
    """Store it as it is, in the format that Windows imports."""
    DECRYPTCOPY = "decryptcopy"
    """Store its content, with a key that was given."""

    @property
    def carries(self) -> bool:
        """True when such files go into the store."""
        return self in {Efs.COPYRAW, Efs.DECRYPTCOPY}


def parse_efs(text: str) -> Efs:
    """Return the meaning of ``/efs:text``; raise UsageError (11) for what is unknown or cannot be."""
    word = text.lower()
    if word == "hardlink":
        raise UsageError(
            "/efs:hardlink needs a hard-link store, which an image cannot give; take copyraw"
        )
    if word not in {each.value for each in Efs}:
        raise UsageError(f"/efs:{text} is unknown; take abort, skip, copyraw or decryptcopy")
    return Efs(word)


@dataclass(frozen=True, slots=True)
class Control:
    """A ``fatal`` or ``nonFatal`` of ErrorControl, compiled for one Windows."""

    rule: ErrorRule
    locations: tuple[Location, ...]

    def speaks_of(self, error: SourceError, path: WinPath, kind: ObjectKind) -> bool:
        """Tell whether this is the rule for an error at an object."""
        is_registry = path.drive in HIVES
        if is_registry != (self.rule.kind is PatternKind.REGISTRY):
            return False
        if self.rule.code is not None and self.rule.code not in _codes(error, is_registry):
            return False
        return any(_takes(location, path, kind) for location in self.locations)


def _codes(error: SourceError, is_registry: bool) -> tuple[int, ...]:
    if is_registry and isinstance(error, DamagedError):
        return (REGISTRY_CORRUPT, *error.win32)
    return error.win32


def _takes(location: Location, path: WinPath, kind: ObjectKind) -> bool:
    """Tell whether a pattern means an object; of a value in an INI file (``x.ini|S``, ``[K]``), the file counts."""
    if kind is ObjectKind.VALUE and path.drive not in HIVES:
        file = path.parent
        path, kind = (
            WinPath(file.drive, (*file.parts[:-1], file.name.partition("|")[0])),
            ObjectKind.FILE,
        )
    if kind not in NODES:
        name = path.name[1:-1] if kind is ObjectKind.VALUE else path.name
        if location.node.matches(node_text(path.parent)) and location.takes_leaf(upcase(name)):
            return True
    if kind in NODES or kind is ObjectKind.LINK:  # a link may stand for a directory
        return location.takes_nodes and location.node.matches(node_text(path))
    return False


def error_controls(config: Config | None, scene: Scene, note: Note) -> tuple[Control, ...]:
    """Return the ErrorControl rules of a Config.xml as they read on one Windows, in order.

    Patterns may use the variables of that Windows; HKCU is the hive of each of its users. A rule that cannot be used is
    noted as a warning and left out.
    """
    variables = {upcase(name): escape(text) for name, text in scene.variables.items()}
    controls = []
    for rule in config.error_rules if config else ():
        try:
            controls.append(Control(rule, tuple(_locations(rule, scene, variables))))
        except PatternError as error:
            note("warning", f"{rule.source}: this rule of ErrorControl is not used: {error}")
    return tuple(controls)


def _locations(rule: ErrorRule, scene: Scene, variables: Mapping[str, str]) -> Iterator[Location]:
    text = expand(rule.pattern, variables)
    if rule.kind is not PatternKind.REGISTRY or text.startswith("*"):
        yield parse_location(text)
        return
    sids = [profile.user.sid for profile in scene.profiles] if _is_of_users(text) else [""]
    for sid in sids:
        for each in canonical_location(text, sid, scene.registry):
            yield parse_location(each)


def _is_of_users(text: str) -> bool:
    return upcase(text).startswith(("HKCU", "HKEY_CURRENT_USER", "HKCR", "HKEY_CLASSES_ROOT"))


@dataclass(frozen=True, slots=True)
class Policy:
    """``/c``, ``/efs`` and ErrorControl together."""

    continue_on_error: bool = False
    efs: Efs = Efs.ABORT
    controls: tuple[Control, ...] = ()

    def goes_on(self, error: SourceError, path: WinPath, kind: ObjectKind) -> bool:
        """Tell whether the run goes on; if not, the error's own exit code is the run's (61, or 2 for EFS).

        ErrorControl decides before ``/c`` and ``/efs:abort``: it names the object. ``/efs:skip`` makes it no error;
        a file that ``/efs:decryptcopy`` has no key for is one like any other.
        """
        is_encrypted = isinstance(error, EncryptedError)
        if is_encrypted and self.efs is Efs.SKIP:
            return True
        control = self._control_of(error, path, kind)
        if control is not None:
            return not control.rule.fatal
        return self.continue_on_error and not (is_encrypted and self.efs is Efs.ABORT)

    def advice(self, error: SourceError, path: WinPath, kind: ObjectKind) -> str:
        """Return the words to add to the sentence that ends a run."""
        control = self._control_of(error, path, kind)
        if control is not None:
            return f"{control.rule.source} says that this is fatal"
        if isinstance(error, EncryptedError):
            return "/efs:copyraw stores such files as they are, /efs:skip leaves them out"
        return "/c goes on past it"

    def _control_of(self, error: SourceError, path: WinPath, kind: ObjectKind) -> Control | None:
        speaking = (each for each in self.controls if each.speaks_of(error, path, kind))
        return next(speaking, None)


def usmt_action(error: SourceError) -> str:
    """Return USMT's word for the failure, as its progress log has it (usmt.md 6.6)."""
    return "UnableToAccessDevice" if isinstance(error, DamagedError) else "UnableToOpen"
