"""RuleSet x Scene -> active rules: variables expanded and patterns compiled, once for the machine, once per user.

A pattern that cannot be used in a context is left out with a note that names its line; it is an ordinary thing (level
info) only for what a UserAndSystem rule says of users while it meets the machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from extractor.events import ComponentDetected, Event, Noted
from extractor.model import User, upcase
from extractor.rules.model import (
    Component,
    Context,
    Pattern,
    Role,
    RuleSet,
    Script,
    Variable,
    Verb,
)
from extractor.rules.patterns import PatternError, PatternKind, escape, expand, parse_location
from extractor.select.precedence import ActiveRule, ranked
from extractor.select.scene import Scene

_NOT_GATHERED = {PatternKind.REGISTRY: "registry", PatternKind.INI: "INI file"}


@dataclass(frozen=True, slots=True)
class _Frame:
    """One context: the machine, or one selected user; ``variables`` are NAME -> pattern text."""

    context: Context
    scope: str
    label: str
    variables: Mapping[str, str]


class Activation:
    """The rules that are active on one Windows, and what there is to say of those that are not."""

    def __init__(self, scene: Scene, users: Sequence[User]) -> None:
        self.events: list[Event] = []
        self._scene = scene
        self._drives = sorted({upcase(mount.at.drive) for mount in scene.mounts})
        self._frames = tuple(_frames(scene, users))
        self._noted: set[tuple[str, str]] = set()
        self._ungathered: dict[PatternKind, set[str]] = {kind: set() for kind in _NOT_GATHERED}
        self._instances = 0

    @property
    def ungathered(self) -> int:
        """How many include patterns ask for what cannot be gathered yet: the registry and INI files."""
        return sum(map(len, self._ungathered.values()))

    def activate(self, rules: RuleSet) -> tuple[ActiveRule, ...]:
        """Return all active rules in the order in which they decide."""
        for warning in rules.warnings:
            self._note("warning", warning)
        every = [part for component in rules.components for part in component.tree()]
        found = [
            rule for part in every for frame in self._frames for rule in self._meet(part, frame)
        ]
        for kind, sources in self._ungathered.items():
            if sources:
                word = _NOT_GATHERED[kind]
                self._note(
                    "warning", f"{word} patterns are not gathered yet: {len(sources)} left out"
                )
        return ranked(found)

    def _meet(self, component: Component, frame: _Frame) -> list[ActiveRule]:
        """Bring one component to one context; excludes alone do nothing, except the unconditional ones."""
        if not component.context & frame.context:
            return []
        self._instances += 1
        rules = [rule for role in component.roles for rule in self._role(role, frame)]
        included = any(rule.verb is Verb.INCLUDE for rule in rules)
        if rules:
            self.events.append(ComponentDetected(frame.scope, component.name, included))
        return [rule for rule in rules if included or rule.verb is Verb.UNCONDITIONAL_EXCLUDE]

    def _role(self, role: Role, frame: _Frame) -> Iterator[ActiveRule]:
        variables = self._defined(role.variables, frame)
        for rules in role.rules:
            if not rules.context & frame.context:
                continue
            inner = _Frame(rules.context, frame.scope, frame.label, variables)
            for rule in rules.rules:
                for each in rule.sets:
                    for item in each.items:
                        yield from self._item(item, rule.verb, frame, inner)

    def _defined(self, own: Iterable[Variable], frame: _Frame) -> Mapping[str, str]:
        variables = dict(frame.variables)
        for variable in own:
            if not variable.context & frame.context:
                continue
            try:
                variables[upcase(variable.name)] = expand(variable.text, variables)
            except PatternError as error:
                message = f"{frame.label}: %{variable.name}% is not set: {error}"
                self._fail(variable.source, message, frame, variable.context)
        return variables

    def _item(
        self, item: Pattern | Script, verb: Verb, frame: _Frame, inner: _Frame
    ) -> Iterator[ActiveRule]:
        if isinstance(item, Pattern):
            yield from self._compiled(item, verb, frame, inner)
        elif item.call.function.lower() == "generatedrivepatterns":
            yield from self._on_drives(item, verb, frame, inner)
        else:
            yield from self._for_users(item, verb, frame, inner)

    def _on_drives(
        self, script: Script, verb: Verb, frame: _Frame, inner: _Frame
    ) -> Iterator[ActiveRule]:
        segment, kind = script.call.argument(0), script.call.argument(1, "Fixed").lower()
        if kind not in {"fixed", "removable", "cdrom", "remote"}:
            self._note("warning", f"{script.source}: drive type {kind!r} is not known: no patterns")
        wanted = {"fixed": True, "removable": False}.get(kind)
        mounts = [mount for mount in self._scene.mounts if not mount.at.parts]
        plain = _Frame(inner.context, frame.scope, frame.label, {})
        for drive in sorted({mount.at.drive for mount in mounts if mount.fixed is wanted}):
            pattern = Pattern(PatternKind.FILE, drive + segment, script.source)
            yield from self._compiled(pattern, verb, frame, plain)

    def _for_users(
        self, script: Script, verb: Verb, frame: _Frame, inner: _Frame
    ) -> Iterator[ActiveRule]:
        kind = script.call.argument(0).lower()
        others_only = script.call.argument(2, "TRUE").lower() in {"false", "0", "no"}
        known = next((each for each in PatternKind if each.value.lower() == kind), None)
        if known is None:
            self._note(
                "warning", f"{script.source}: pattern type {kind!r} is not known: no patterns"
            )
            return
        pattern = Pattern(known, script.call.argument(1), script.source)
        for user in self._frames:
            if user.context is Context.USER and not (others_only and user.scope == frame.scope):
                here = _Frame(inner.context, user.scope, user.label, user.variables)
                yield from self._compiled(pattern, verb, frame, here)

    def _compiled(
        self, pattern: Pattern, verb: Verb, frame: _Frame, inner: _Frame
    ) -> Iterator[ActiveRule]:
        """Yield the pattern compiled with the variables of ``inner`` for the context of ``frame``."""
        if pattern.kind is not PatternKind.FILE:
            if verb is Verb.INCLUDE:
                self._ungathered[pattern.kind].add(pattern.source)
            return
        try:
            expanded = expand(pattern.text, inner.variables)
            location = parse_location(expanded)
        except PatternError as error:
            message = f"{inner.label}: {pattern.text} is not used: {error}"
            self._fail(pattern.source, message, frame, inner.context)
            return
        if verb is Verb.INCLUDE and not self._is_in_reach(location.node.prefix):
            message = f"{inner.label}: {pattern.text} is {expanded}, on no volume of these images"
            self._note("warning", f"{pattern.source}: {message}")
        yield ActiveRule(verb, location, self._instances, frame.scope, pattern.source, pattern.text)

    def _is_in_reach(self, prefix: str) -> bool:
        return any(prefix.startswith(drive) or drive.startswith(prefix) for drive in self._drives)

    def _fail(self, source: str, message: str, frame: _Frame, context: Context) -> None:
        usual = frame.context is Context.SYSTEM and context is Context.BOTH
        self._note("info" if usual else "warning", f"{source}: {message}")

    def _note(self, level: str, message: str) -> None:
        if (level, message) not in self._noted:
            self._noted.add((level, message))
            self.events.append(Noted(level, message))


def _frames(scene: Scene, users: Sequence[User]) -> Iterator[_Frame]:
    machine = _as_patterns(scene.variables)
    yield _Frame(Context.SYSTEM, "", "the machine", machine)
    variables = {profile.user: profile.variables for profile in scene.profiles}
    for user in sorted(users, key=lambda each: (each.sid, each.profile.key)):
        own = machine | _as_patterns(variables.get(user, {}))
        yield _Frame(Context.USER, user.sid, user.account, own)


def _as_patterns(variables: Mapping[str, str]) -> dict[str, str]:
    return {upcase(name): escape(value) for name, value in variables.items()}
