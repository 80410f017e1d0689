r"""What the rules asked of a restore, as the catalog keeps it -> for each object the instruction that decides.

Of each kind (``merge``, ``locationModify`` …) the narrowest pattern that takes an object decides, whatever component it
stands in; of two as narrow, that of a user before that of the machine, then the first by ``file:line``. An include is
there to tell which component took an object. Source: USMT "Conflicts and precedence" (merge), "XML elements library"
(merge, locationModify, contentModify, destinationCleanup).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from extractor.evaluate.registry_names import split_brackets
from extractor.model import (
    FILE_ATTRIBUTE_DIRECTORY,
    Instruction,
    ObjectKind,
    Record,
    WinPath,
    upcase,
)
from extractor.registry.view import LONG_NAMES
from extractor.rules.calls import CallError, parse_call
from extractor.rules.model import Call
from extractor.rules.patterns import (
    Location,
    PatternError,
    PatternKind,
    node_text,
    parse_location,
)
from extractor.store.catalog import Catalog

INCLUDE = "include"
"""Which component took an object, and the filter of that include; a store of an earlier version has none."""
KINDS = ("merge", "locationModify", "contentModify", "destinationCleanup", INCLUDE)
REMAP = "remap"
NOT_DONE = {
    REMAP: "a variable with remap, whose value at the target nobody tells: what lies in its folder keeps its place",
    "localGroups": "a change of local groups (ProfileControl): no group is changed by this version",
}
_CLASSES = ("Software", "Classes")


@dataclass(frozen=True, slots=True)
class Request:
    """An instruction whose call was understood."""

    instruction: Instruction
    call: Call | None
    """None for a destinationCleanup or an include without a filter."""

    @property
    def component(self) -> str:
        """``urlid/displayname`` of the component that asks; rules of all its roles meet."""
        return self.instruction.component.rpartition("/")[0]

    @property
    def why(self) -> str:
        """The rule and what it says, for a person."""
        return f"{self.instruction.source}: {self.instruction.kind} {self.call or ''}".rstrip()


@dataclass(frozen=True, slots=True)
class Aim:
    """A compiled pattern and the request that it belongs to."""

    location: Location
    request: Request

    @property
    def rank(self) -> tuple[object, ...]:
        """What puts it before others: the narrowest first."""
        narrow = tuple(-number for number in self.location.specificity)
        scope, source = self.request.instruction.scope, self.request.instruction.source
        file, _, line = source.rpartition(":")
        number = int(line) if line.isascii() and line.isdecimal() and len(line) < 10 else 0
        return (narrow, not scope, scope, file, number, self.request.instruction.text)


@dataclass(frozen=True, slots=True)
class Subject:
    """An object as patterns see it: a node, and a leaf unless it is a folder or key."""

    kind: PatternKind
    node: str
    leaf: str | None


class Asked:
    """All instructions of a store; ``notes`` says what of them cannot be used."""

    def __init__(self, instructions: Iterable[Instruction]) -> None:
        self.instructions = tuple(instructions)
        self.notes: list[str] = []
        self._aims: dict[tuple[str, PatternKind], list[Aim]] = {}
        for each in self.instructions:
            if each.kind in KINDS:
                self._take(each)
        for aims in self._aims.values():
            aims.sort(key=lambda aim: aim.rank)
        self._of_node = lru_cache(maxsize=4096)(self._matching)

    def note(self, text: str) -> None:
        """Remember, once, something that cannot be followed."""
        if text not in self.notes:
            self.notes.append(text)

    def narrowest(self, kind: str, subject: Subject) -> Request | None:
        """Return the request of this kind that decides about an object, None where no pattern takes it."""
        return next(self.taking(kind, subject), None)

    def taking(self, kind: str, subject: Subject) -> Iterator[Request]:
        """Yield the requests of this kind whose patterns take an object, the narrowest first."""
        if (kind, subject.kind) not in self._aims:
            return
        for aim in self._of_node(kind, subject.kind, subject.node):
            location, leaf = aim.location, subject.leaf
            if location.takes_nodes if leaf is None else location.takes_leaf(leaf):
                yield aim.request

    def takers(self, record: Record) -> frozenset[str]:
        """Return the components that took an object; none where the store does not say.

        That is whose include chose it at the scan; where the rules are others now, all whose include takes it.
        """
        subject = subject_of(record)
        found = list(self.taking(INCLUDE, subject)) if subject else []
        chose = [each for each in found if each.instruction.source == record.rule]
        return frozenset(each.component for each in chose or found)

    def aims(self, kind: str, of: PatternKind) -> tuple[Aim, ...]:
        """Return all patterns of a kind of request, the narrowest first."""
        return tuple(self._aims.get((kind, of), ()))

    def _matching(self, kind: str, of: PatternKind, node: str) -> tuple[Aim, ...]:
        return tuple(aim for aim in self._aims[kind, of] if aim.location.node.matches(node))

    def _take(self, instruction: Instruction) -> None:
        try:
            call = parse_call(instruction.text) if instruction.text.strip() else None
        except CallError as error:
            self.notes.append(f"{instruction.source}: {instruction.kind}: {error}")
            return
        request = Request(instruction, call)
        for kind, text in instruction.patterns:
            try:
                pattern = PatternKind(kind)
                for form in _forms(pattern, text, instruction.scope):
                    aim = Aim(parse_location(form), request)
                    self._aims.setdefault((instruction.kind, pattern), []).append(aim)
            except ValueError as error:  # PatternError, or a kind that no run wrote
                self.notes.append(f"{instruction.source}: {text}: {error}")


def subject_of(record: Record) -> Subject | None:
    """Return how patterns see an object; None for an account."""
    path = record.path
    if record.kind is ObjectKind.ACCOUNT or not path.parts:
        return None
    if record.kind is ObjectKind.KEY:
        return Subject(PatternKind.REGISTRY, node_text(path), None)
    if record.kind is ObjectKind.VALUE:
        kind = PatternKind.INI if len(path.drive) == 2 else PatternKind.REGISTRY
        return Subject(kind, node_text(path.parent), upcase(path.name[1:-1]))
    if _is_folder(record):
        return Subject(PatternKind.FILE, node_text(path), None)
    return Subject(PatternKind.FILE, node_text(path.parent), upcase(path.name))


def _is_folder(record: Record) -> bool:
    if record.kind is ObjectKind.LINK:
        return bool(record.metadata and record.metadata.attributes & FILE_ATTRIBUTE_DIRECTORY)
    return record.kind is ObjectKind.DIRECTORY


def read_instructions(catalog: Catalog) -> list[Instruction]:
    """Return the instructions of a catalog, in its order; raises what reading it raises."""
    patterns: dict[int, list[tuple[str, str]]] = {}
    with catalog.translated():
        run = catalog.connection.execute
        rows = run("SELECT * FROM instruction_patterns ORDER BY instruction, position")
        for row in rows:
            patterns.setdefault(row["instruction"], []).append((row["type"], row["pattern"]))
        return [
            Instruction(
                row["kind"], row["text"], row["user"], row["component"], row["source"],
                tuple(patterns.get(row["id"], ())),
            )
            for row in run("SELECT * FROM instructions ORDER BY id")
        ]  # fmt: skip


def not_done(asked: Asked, settled: Collection[Instruction] = ()) -> list[str]:
    """Return what rules ask that this restore does not do, one sentence for each kind; ``settled`` is done."""
    left = [each for each in asked.instructions if each.kind in NOT_DONE and each not in settled]
    counts = {kind: sum(each.kind == kind for each in left) for kind in NOT_DONE}
    return [f"{count} x {NOT_DONE[kind]}" for kind, count in counts.items() if count]


def registry_path(text: str, sid: str) -> WinPath:
    """Return the canonical path of a key that a call names; raise PatternError."""
    return WinPath(*_rooted(text, sid)[0])


def _forms(kind: PatternKind, text: str, sid: str) -> Iterator[str]:
    if kind is not PatternKind.REGISTRY:
        yield text
        return
    node, leaf = split_brackets(text)
    for root, parts in _rooted(node, sid):
        yield "\\".join((root, *parts)) + (f" {leaf}" if leaf else "")


def _rooted(text: str, sid: str) -> list[tuple[str, tuple[str, ...]]]:
    r"""Return root and keys of each place that a key's name may mean: HKCR is the user's classes and the machine's."""
    root, *keys = re.split(r"\\+", text.strip())
    name = LONG_NAMES.get(upcase(root), upcase(root))
    if name in {"HKLM", "HKU"}:
        return [(name, tuple(keys))]
    if name == "HKCU" and sid:
        return [("HKU", (sid, *keys))]
    if name == "HKCR":
        own = [("HKU", (sid, *_CLASSES, *keys))] if sid else []
        return [*own, ("HKLM", ("SOFTWARE", "Classes", *keys))]
    raise PatternError(f"{root!r} means no key of this store")
