"""``file:line`` of a rule -> the component that it belongs to: an application, a kind of folder, settings of Windows.

Only the built-in rules can be asked, and only when the file in this program is the one that the scan used: the name
and SHA-256 in the store's header say so. Of other rules the page knows their file; it opens nothing that a store names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from extractor.report.page.book import Json, mapping
from extractor.rules import builtin_rules
from extractor.rules.model import Component, Role, Rules

_GROUPS = {
    "windows-user": "Settings of Windows",
    "windows-machine": "Settings of Windows",
    "security": "Keys, certificates and passwords",
    "documents": "Files",
    "applications": "Other program data",
}


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an object comes from: the component that chose it, and the part of the report it stands in."""

    name: str
    group: str
    is_known: bool = True

    @property
    def is_folder(self) -> bool:
        """True for kinds of folders, which have a chart of their own."""
        return self.group == "Files"


class Origins:
    """Finds the origin of rules."""

    def __init__(self, header: Json) -> None:
        used = mapping(header.get("rule_files"))
        rules = builtin_rules()
        same = {each.name for each in rules.files if used.get(each.name) == each.sha256}
        self._known = {
            source: _origin(component)
            for component in rules.components
            if component.source.rpartition(":")[0] in same
            for each in component.tree()
            for source in _sources(each.roles)
        }

    def of(self, rule: str) -> Origin:
        """Return the origin of a rule by its ``file:line``."""
        known = self._known.get(rule)
        if known:
            return known
        file = rule.rpartition(":")[0]
        return Origin(f"Rules of {file}" if file else "Without a rule", "Other rules", False)


def _origin(component: Component) -> Origin:
    file = component.source.rpartition(":")[0].removeprefix("builtin/").removesuffix(".xml")
    return Origin(component.name, _GROUPS.get(file, "Applications"))


def _sources(roles: Iterable[Role]) -> Iterator[str]:
    for role in roles:
        for rules in role.rules:
            yield from _of_rules(rules)


def _of_rules(rules: Rules) -> Iterator[str]:
    for rule in rules.rules:
        for objects in rule.sets:
            yield objects.source
            yield from (each.source for each in objects.items)
    for nested in rules.nested:
        yield from _of_rules(nested)
