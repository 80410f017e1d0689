"""The rule language as values, in USMT's words: what a MigXML file says, before it meets a machine.

A RuleSet holds Components; a Component holds Roles; a Role holds Rules; Rules hold Rule (include, exclude …), each with
ObjectSets of Pattern, Script and Content. A Gate is what must hold for its parent to count. References by name are
resolved by the parser: a definition that is used twice is one value, met twice. Contexts are as written; whoever
evaluates goes down from the component and stops where one does not hold the context at hand. ``source`` is always
``file:line``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Flag, StrEnum

from extractor.rules.patterns import PatternKind


class Context(Flag):
    """For whom rules run: once for the machine, once for each user, or both."""

    NONE = 0
    SYSTEM = 1
    USER = 2
    BOTH = 3


class Verb(StrEnum):
    """What a rule does with the objects that its patterns match."""

    INCLUDE = "include"
    EXCLUDE = "exclude"
    UNCONDITIONAL_EXCLUDE = "unconditionalExclude"
    INCLUDE_ATTRIBUTES = "includeAttributes"
    EXCLUDE_ATTRIBUTES = "excludeAttributes"


class Attributes(Flag):
    """What includeAttributes and excludeAttributes speak of: owner, group, DACL, SACL; created, accessed, written."""

    NONE = 0
    SECURITY = 1
    TIME_FIELDS = 2
    ALL = 3


class Operation(StrEnum):
    """How a group of conditions is joined."""

    AND = "AND"
    OR = "OR"


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a helper function; None stands for NULL.

    ``function`` is in the spelling of ``functions.FUNCTIONS`` when it is known there, else as written.
    """

    function: str
    arguments: tuple[str | None, ...]
    prefix: str = "MigXmlHelper"

    def argument(self, index: int, default: str = "") -> str:
        """Return an argument, or the default where it is NULL or left out."""
        given = self.arguments[index] if index < len(self.arguments) else None
        return default if given is None else given

    def is_true(self, index: int, *, default: bool) -> bool:
        """Return an argument as a truth value: 0, FALSE and No are false, in any letter case."""
        given = self.argument(index).strip().lower()
        return default if not given else given not in {"false", "0", "no"}

    def __str__(self) -> str:
        """Return the call as a rule file spells it: no backslash is doubled."""
        return f"{self.prefix}.{self.function}({', '.join(map(_quoted, self.arguments))})"


def _quoted(argument: str | None) -> str:
    if argument is None:
        return "NULL"
    quote = '"' if "'" in argument else "'"
    return f"{quote}{argument}{quote}"


# --- what objects are spoken of -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pattern:
    """Pattern text as written, variables not expanded."""

    kind: PatternKind
    text: str
    source: str


@dataclass(frozen=True, slots=True)
class Script:
    """A function that makes patterns (or, in a variable, text) when it meets a machine."""

    call: Call
    source: str


@dataclass(frozen=True, slots=True)
class Content:
    """``call`` is run over each object of ``sets``; the patterns it returns (type File) join the outer set."""

    call: Call
    sets: tuple[ObjectSet, ...]
    source: str


@dataclass(frozen=True, slots=True)
class ObjectSet:
    """Patterns, scripts and contents of one objectSet, in order; empty when its gate is false."""

    items: tuple[Pattern | Script | Content, ...]
    source: str
    gate: Gate | None = None


# --- gates ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Condition:
    """A helper call that is true or false; ``negation`` turns its answer round."""

    call: Call
    source: str
    negation: bool = False


@dataclass(frozen=True, slots=True)
class Exists:
    """An objectSet inside ``detect``: true when any object matches."""

    objects: ObjectSet
    source: str


@dataclass(frozen=True, slots=True)
class Group:
    """conditions, detects (AND), detect (OR), detection, or several of these side by side.

    Where ``context`` does not hold the context at hand the group behaves as absent, and so does an empty one.
    """

    operation: Operation
    members: tuple[Gate, ...]
    source: str
    context: Context = Context.BOTH


Gate = Condition | Exists | Group
"""True, false, or absent; an absent gate gates nothing."""


# --- variables ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Variable:
    """One definition: text (a str, to be expanded), a script (its text unless NULL), or a set (its first object)."""

    name: str
    value: str | Script | ObjectSet
    source: str
    remap: bool = False


@dataclass(frozen=True, slots=True)
class Environment:
    """Variables, private to the component (and those inside it), where context and gate hold."""

    variables: tuple[Variable, ...]
    source: str
    context: Context = Context.BOTH
    gate: Gate | None = None


# --- rules ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rule:
    """One include, exclude, unconditionalExclude, includeAttributes or excludeAttributes."""

    verb: Verb
    sets: tuple[ObjectSet, ...]
    source: str
    filter: Call | None = None
    attributes: Attributes = Attributes.NONE
    """Of includeAttributes and excludeAttributes only."""


@dataclass(frozen=True, slots=True)
class LoadRule:
    """merge, locationModify, contentModify or destinationCleanup: no effect on a scan, kept for the restore."""

    element: str
    call: Call | None
    """The ``script`` attribute; of destinationCleanup the ``filter``, if any."""
    sets: tuple[ObjectSet, ...]
    source: str


@dataclass(frozen=True, slots=True)
class PretendedObject:
    """An ``object`` of addObjects: it is taken for one that the machine has."""

    kind: PatternKind
    location: str
    attributes: str
    """Comma-separated names as written: DWORD, STRING …; ARCHIVE, HIDDEN …."""
    data: str | None
    """Content of ``bytes``: hex pairs, or text with ``is_text``; None without that element."""
    source: str
    is_text: bool = False
    expand: bool = True


@dataclass(frozen=True, slots=True)
class AddObjects:
    """An addObjects element; a script in it would be run by USMT, here it is recorded as skipped."""

    objects: tuple[PretendedObject, ...]
    source: str
    gate: Gate | None = None


@dataclass(frozen=True, slots=True)
class Skipped:
    """What is never done on an offline disk: externalProcess, processing, plugin, windowsObjects."""

    element: str
    when: str
    text: str
    """The command lines or scripts, one per line."""
    source: str


@dataclass(frozen=True, slots=True)
class Rules:
    """A ``rules`` element; those ``nested`` in it count only where it does."""

    source: str
    context: Context = Context.BOTH
    gate: Gate | None = None
    rules: tuple[Rule, ...] = ()
    load: tuple[LoadRule, ...] = ()
    add: tuple[AddObjects, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    nested: tuple[Rules, ...] = ()
    name: str = ""


@dataclass(frozen=True, slots=True)
class Role:
    """A role: a Container holds components, the others hold rules and differ in name only."""

    kind: str
    source: str
    gate: Gate | None = None
    environments: tuple[Environment, ...] = ()
    rules: tuple[Rules, ...] = ()
    components: tuple[Component, ...] = ()


@dataclass(frozen=True, slots=True)
class Component:
    """The unit in which include and exclude meet, and of choice in Config.xml."""

    urlid: str
    name: str
    """displayName; ``component at file:line`` where there is none."""
    kind: str
    """The ``type``: Application, Documents, System, Device, in this spelling; else as written."""
    source: str
    context: Context = Context.BOTH
    environments: tuple[Environment, ...] = ()
    roles: tuple[Role, ...] = ()
    """``extensions`` become one more role, of kind Data."""
    hidden: bool = False
    default_supported: bool = True
    named: bool = True
    """False without a displayName: such a component is not listed in a Config.xml."""

    def tree(self) -> Iterator[Component]:
        """Yield this component and all inside its Containers."""
        yield self
        for role in self.roles:
            for each in role.components:
                yield from each.tree()

    def id_of(self, role: Role) -> str:
        """Return what Config.xml calls a role of this component: ``urlid/displayname/role``, lower case."""
        return f"{self.urlid}/{self.name}/{role.kind}".lower()


@dataclass(frozen=True, slots=True)
class RuleFile:
    """A rule file that was read; ``census`` counts what the parser understood, to be compared with other counts.

    Its keys: ``component`` (elements), ``@role@role`` (attributes, as element@attribute after the first @) and
    ``DoesObjectExist()`` (functions); spelled as in the schema.
    """

    name: str
    urlid: str
    sha256: str
    census: Mapping[str, int] = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class RuleSet:
    """Everything that the rule files say; ``warnings`` begin with ``file:line:``."""

    components: tuple[Component, ...]
    warnings: tuple[str, ...] = ()
    files: tuple[RuleFile, ...] = ()

    def __add__(self, other: RuleSet) -> RuleSet:
        """Join two sets; no order of files or components changes what is selected."""
        return RuleSet(
            self.components + other.components,
            self.warnings + other.warnings,
            self.files + other.files,
        )
