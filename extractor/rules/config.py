"""Config.xml -> Config: which components migrate, which errors end a run, and what the restore does with profiles.

A component is an ID, ``urlid/displayname/role`` in lower case. What is not listed migrates. Letter case of elements and
the order of sections mean nothing; an element that is not known is a warning with its line. Source: USMT "Config.xml
file"; usmt.md 5.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from extractor.errors import ConfigFileError
from extractor.rules.config_elements import Elements, attribute, tag
from extractor.rules.model import Component, Role
from extractor.rules.patterns import PatternError, PatternKind, parse_location
from extractor.rules.profile_control import parse_profile_control
from extractor.xmlfile import parse_xml, read_xml

if TYPE_CHECKING:
    from lxml import etree

SECTIONS = {
    "applications": "Applications",
    "documents": "Documents",
    "windowscomponents": "WindowsComponents",
}
WINDOWS = "WindowsComponents"
ROLES = ("container", "binaries", "settings", "data")
MAY_FAIL = {"fileerror": PatternKind.FILE, "registryerror": PatternKind.REGISTRY}


def section_of(kind: str) -> str:
    """Return the section in which components of a ``type`` stand (usmt.md 5.2)."""
    return {"application": "Applications", "documents": "Documents"}.get(kind.lower(), WINDOWS)


@dataclass(frozen=True, slots=True)
class Listed:
    """A ``component`` of Config.xml; ``above`` are the keys of those in which it stands, outermost first."""

    section: str
    name: str
    id: str
    """In lower case."""
    migrates: bool
    source: str
    above: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """What two entries for one component have in common: the ID, without one the name."""
        return self.id or self.name.lower()


@dataclass(frozen=True, slots=True)
class ErrorRule:
    """``fatal`` or ``nonFatal``: what an error at an object of this pattern does to the run."""

    kind: PatternKind
    fatal: bool
    code: int | None
    """A Win32 error number; None for any."""
    pattern: str
    """As written, variables not expanded."""
    source: str


@dataclass(frozen=True)
class Config:
    """What one Config.xml says; ``warnings`` and ``notes`` begin with ``file:line:``."""

    name: str
    listed: tuple[Listed, ...] = ()
    error_rules: tuple[ErrorRule, ...] = ()
    """In order: of those that match, the first decides."""
    windows_default: bool = True
    """False with ``<WindowsComponents defaultMigrate="no">``: what is not listed there does not migrate."""
    profile_control: Mapping[str, list[dict[str, object]]] = field(default_factory=dict)
    """Plain data for the restore: ``localGroups``, ``domains``, ``users``; see ``profile_control.py``."""
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    sha256: str = ""

    def migrates(self, component: Component, role: Role) -> bool:
        """Tell whether a role of a component migrates; of several entries for it, a yes decides (usmt.md 5.3).

        A "no" also removes what stands in that component: the caller does not look into one that does not migrate.
        """
        entries = self._entries_of(component, role)
        if entries:
            return any(map(self._says_yes, entries))
        can_be_listed = component.named and not component.hidden
        return self.windows_default or section_of(component.kind) != WINDOWS or not can_be_listed

    def unmatched(self, components: Iterable[Component]) -> Iterator[str]:
        """Yield a sentence for each "no" that means no component of the rules: most often a slip of the pen.

        Components of Windows itself are not spoken of: a Config.xml lists hundreds for which there is no rule file.
        """
        met = {
            id(entry)
            for top in components
            for each in top.tree()
            for role in each.roles
            for entry in self._entries_of(each, role)
        }
        for entry in self.listed:
            if not entry.migrates and entry.section != WINDOWS and id(entry) not in met:
                yield f"{entry.source}: no component of the rules is {entry.id or entry.name!r}"

    @cached_property
    def _by_key(self) -> Mapping[str, list[Listed]]:
        found: dict[str, list[Listed]] = {}
        for entry in self.listed:
            found.setdefault(entry.key, []).append(entry)
        return found

    def _entries_of(self, component: Component, role: Role) -> list[Listed]:
        """Return the entries that mean a role: by ID, else by name with what the ID does say (usmt.md 5.2).

        The ID of a component in a Container was never seen; what begins with the urlid and ends like one is taken.
        """
        exact = self._by_key.get(component.id_of(role))
        if exact:
            return exact
        own, ending = f"{component.urlid}/".lower(), f"/{component.name}/{role.kind}".lower()
        of_file = [each for each in self.listed if each.id.startswith(own)]
        nested = [each for each in of_file if each.id.endswith(ending)]
        if nested:
            return nested
        namesakes = (each for each in self.listed if each.name.lower() == component.name.lower())
        return [each for each in namesakes if _is_vague(each.id, own)]

    def _says_yes(self, entry: Listed) -> bool:
        return entry.migrates and all(map(self._has_yes, entry.above))

    def _has_yes(self, key: str) -> bool:
        return any(each.migrates for each in self._by_key.get(key, ()))


def _is_vague(identity: str, own: str) -> bool:
    """Tell whether an ID leaves the role open: it has only the urlid right, or there is none at all."""
    return not identity or (identity.startswith(own) and not identity.endswith(_ROLE_ENDINGS))


_ROLE_ENDINGS = tuple(f"/{role}" for role in ROLES)


# --- reading --------------------------------------------------------------------------------------


def load_config(path: Path) -> Config:
    """Return what a Config.xml says; raise ConfigFileError (39) when it cannot be read or is none."""
    content = read_xml(path, error=ConfigFileError)
    tree = parse_xml(content, name=str(path), error=ConfigFileError)
    return replace(parse_config(tree, str(path)), sha256=sha256(content).hexdigest())


def parse_config(tree: etree._ElementTree, name: str) -> Config:
    """Return what a tree says; ``name`` is the file's, for messages. Raises ConfigFileError (39)."""
    reader = _Reader(name)
    root = tree.getroot()
    place = reader.file.place(root)
    if tag(root) == "migration":
        raise ConfigFileError(f"{place}: this is a MigXML rule file: give it with /i")
    if tag(root) != "configuration":
        raise ConfigFileError(f"{place}: the root is <{root.tag}>, not <Configuration>")
    for child in root:
        reader.read_section(child)
    return reader.config()


class _Reader:
    """Gathers what the sections say."""

    def __init__(self, name: str) -> None:
        self.file = Elements(name)
        self._listed: list[Listed] = []
        self._errors: list[ErrorRule] = []
        self._windows_default = True
        self._profile_control: dict[str, list[dict[str, object]]] = {}

    def config(self) -> Config:
        """Return all that was read."""
        return Config(
            self.file.name, tuple(self._listed), tuple(self._errors), self._windows_default,
            self._profile_control, self.file.warnings, self.file.notes,
        )  # fmt: skip

    def read_section(self, element: etree._Element) -> None:
        """Read a child of the root."""
        name = tag(element)
        if name in SECTIONS:
            self._read_components(element, SECTIONS[name])
        elif name in {"policies", "policy"}:  # the documentation's own sample has the second once
            self._read_policies(element)
        elif name == "profilecontrol":
            for key, values in parse_profile_control(element, self.file).items():
                self._profile_control.setdefault(key, []).extend(values)
        else:
            self.file.unknown(element)

    def _read_components(self, section: etree._Element, name: str) -> None:
        if name == WINDOWS:
            self._windows_default = self.file.yes(section, "defaultMigrate")
        for child in section:
            self._read_component(child, name, ())

    def _read_component(
        self, element: etree._Element, section: str, above: tuple[str, ...]
    ) -> None:
        if tag(element) != "component":
            self.file.unknown(element)
            return
        entry = Listed(
            section,
            attribute(element, "displayname"),
            attribute(element, "id").lower(),
            self.file.yes(element, "migrate"),
            self.file.place(element),
            above,
        )
        if not entry.id:
            self.file.warn(element, f"the component {entry.name!r} has no ID and goes by its name")
        self._listed.append(entry)
        for child in element:
            self._read_component(child, section, (*above, entry.key))

    def _read_policies(self, element: etree._Element) -> None:
        for child in element:
            if tag(child) == "errorcontrol":
                self._read_error_control(child)
            elif tag(child) == "hardlinkstorecontrol":
                if len(child):
                    self.file.note(child, "HardLinkStoreControl means nothing for an image")
            else:
                self.file.unknown(child)

    def _read_error_control(self, element: etree._Element) -> None:
        for child in element:
            kind = MAY_FAIL.get(tag(child))
            if kind is None:
                self.file.unknown(child)
                continue
            for rule in child:
                self._read_error_rule(rule, kind)

    def _read_error_rule(self, element: etree._Element, kind: PatternKind) -> None:
        if tag(element) not in {"fatal", "nonfatal"}:
            self.file.unknown(element)
            return
        pattern = (element.text or "").strip()
        code = attribute(element, "errorCode").lower() or "any"
        try:
            parse_location(pattern)
        except PatternError as error:
            self.file.warn(element, f"{error}; this <{element.tag}> is ignored")
            return
        if code != "any" and not (code.isascii() and code.isdigit()):
            self.file.warn(element, f'errorCode="{code}" is neither any nor a number; ignored')
            return
        number = None if code == "any" else int(code[:10])
        source = self.file.place(element)
        self._errors.append(ErrorRule(kind, tag(element) == "fatal", number, pattern, source))
