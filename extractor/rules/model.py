"""The rule language as values, in USMT's words: what a MigXML file says, before it meets a machine.

A RuleSet holds Components; a Component (one per role chain) holds Rules; Rules hold Rule (include, exclude,
unconditionalExclude), each with ObjectSets of Pattern and Script. ``source`` is always ``file:line``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Flag, StrEnum

from extractor.rules.patterns import PatternKind


class Context(Flag):
    """For whom rules run: once for the machine, once for each user, or both."""

    SYSTEM = 1
    USER = 2
    BOTH = 3


class Verb(StrEnum):
    """What a rule does with the objects that its patterns match."""

    INCLUDE = "include"
    EXCLUDE = "exclude"
    UNCONDITIONAL_EXCLUDE = "unconditionalExclude"


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a helper function; None stands for NULL."""

    function: str
    arguments: tuple[str | None, ...]

    def argument(self, index: int, default: str = "") -> str:
        """Return an argument, or the default where it is NULL or left out."""
        given = self.arguments[index] if index < len(self.arguments) else None
        return default if given is None else given


@dataclass(frozen=True, slots=True)
class Pattern:
    """Pattern text as written, variables not expanded."""

    kind: PatternKind
    text: str
    source: str


@dataclass(frozen=True, slots=True)
class Script:
    """A function that makes patterns when it meets a machine (GenerateDrivePatterns, GenerateUserPatterns)."""

    call: Call
    source: str


@dataclass(frozen=True, slots=True)
class ObjectSet:
    """Patterns and scripts of one objectSet, in order."""

    items: tuple[Pattern | Script, ...]
    source: str


@dataclass(frozen=True, slots=True)
class Rule:
    """One include, exclude or unconditionalExclude."""

    verb: Verb
    sets: tuple[ObjectSet, ...]
    source: str


@dataclass(frozen=True, slots=True)
class Rules:
    """A ``rules`` element, nested ones laid flat; ``context`` is narrowed by everything around it."""

    context: Context
    rules: tuple[Rule, ...]
    source: str


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable of an environment, private to the component and to those inside it."""

    name: str
    text: str
    context: Context
    source: str


@dataclass(frozen=True, slots=True)
class Role:
    """A role: a Container holds components, the others hold rules and differ in name only."""

    kind: str
    variables: tuple[Variable, ...]
    """Those of the components and roles around it, then its own: all that its rules may use."""
    rules: tuple[Rules, ...]
    components: tuple[Component, ...]
    source: str


@dataclass(frozen=True, slots=True)
class Component:
    """The unit in which include and exclude meet."""

    urlid: str
    name: str
    kind: str
    context: Context
    roles: tuple[Role, ...]
    source: str

    def tree(self) -> tuple[Component, ...]:
        """Return this component and all inside its Containers."""
        inside = [found for role in self.roles for each in role.components for found in each.tree()]
        return (self, *inside)


@dataclass(frozen=True, slots=True)
class RuleSet:
    """Everything that the rule files say; ``warnings`` begin with ``file:line:``."""

    components: tuple[Component, ...]
    warnings: tuple[str, ...] = ()

    def __add__(self, other: RuleSet) -> RuleSet:
        """Join two sets; no order of files or components changes what is selected."""
        return RuleSet(self.components + other.components, self.warnings + other.warnings)
