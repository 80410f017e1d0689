"""Rule files and a Config.xml given at load -> the instructions that count, in place of those of the scan.

Without any, all that the scan kept counts: this program's own choice, for LoadState would then know none. With rule
files only theirs do. A file that the scan read (the same SHA-256; the same name where the store tells none) has its
instructions in the store, expanded on the old machine. Another is met with what the store tells of that machine; its
detection sections hold, as LoadState takes all that is in a store for detected. A component that the Config.xml drops
asks for nothing. Source: USMT "LoadState syntax" (/i, /config), "How USMT works"; usmt.md 1.3, 1.8, 5.3.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from extractor.errors import RuleFileError
from extractor.evaluate.activate import activate
from extractor.instructions import instructions_of_rules
from extractor.model import Instruction, printable
from extractor.restore.people.users import map_users
from extractor.restore.people.words import UserWords
from extractor.restore.rules.asked import INCLUDE
from extractor.restore.rules.rebuilt import rebuilt_scene
from extractor.restore.rules.screening import migrates
from extractor.rules import RuleSet, load_rules
from extractor.rules.config import Config, load_config
from extractor.rules.model import Component
from extractor.store.opened import OpenStore
from extractor.xmlfile import read_xml

OF_CONFIG = frozenset({"localGroups", "domains", "users"})
"""Kinds of instructions that a Config.xml makes."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """The instructions of a restore, and what there is to say of them."""

    instructions: tuple[Instruction, ...]
    notes: tuple[str, ...] = ()
    config: Config | None = None
    """Says which components do not come."""


def chosen_instructions(
    stored: Sequence[Instruction],
    files: Sequence[Path],
    store: OpenStore,
    config: Path | None = None,
) -> Chosen:
    """Return the instructions that count; ``stored`` are all of the catalog.

    Raises RuleFileError (28) for a file that is missing or no MigXML, ConfigAsRulesError (26), ConfigFileError (39),
    CorruptStoreError (42).
    """
    said = load_config(config) if config else None
    notes: list[str] = []
    of_rules = [each for each in stored if each.kind not in OF_CONFIG]
    if files:
        of_rules = list(_of_files(of_rules, files, store, said, notes))
    of_config = [each for each in stored if each.kind in OF_CONFIG]
    if said:
        of_config = list(_of_config(said))
        notes += said.warnings
        if not any(each.kind == INCLUDE for each in of_rules):
            notes.append(
                f"{said.name}: the store does not say which component took what: all comes"
            )
        of_rules = [each for each in of_rules if each.kind == INCLUDE or _migrates(each, said)]
    return Chosen((*of_rules, *of_config), tuple(dict.fromkeys(notes)), said)


def _migrates(instruction: Instruction, config: Config) -> bool:
    return not instruction.component or migrates(instruction.component, config)


def _of_files(
    stored: Sequence[Instruction],
    files: Sequence[Path],
    store: OpenStore,
    config: Config | None,
    notes: list[str],
) -> Iterator[Instruction]:
    names = _names(store.header)
    unknown: list[Path] = []
    known: dict[str, None] = {}
    for path in files:
        content = read_xml(path, error=RuleFileError)
        name = names.get(sha256(content).hexdigest()) if names else _namesake(stored, path, notes)
        if name:
            known.setdefault(name)
        else:
            unknown.append(path)
    yield from (each for each in stored if _file_of(each) in known)
    if unknown:
        yield from _evaluated(unknown, store, config, notes)


def _names(header: Mapping[str, object]) -> dict[str, str]:
    """Return SHA-256 -> name of the rule files that the scan read."""
    found = header.get("rule_files")
    rows = found.items() if isinstance(found, dict) else ()
    return {str(digest): printable(str(name)) for name, digest in rows}


def _namesake(stored: Sequence[Instruction], path: Path, notes: list[str]) -> str:
    """Return the file of the scan with the same name, of a store that tells no SHA-256 of its rules."""
    found = {name for name in map(_file_of, stored) if Path(name).name == path.name}
    if len(found) != 1:
        return ""
    notes.append(
        f"{path}: taken for the {path.name} of the scan; the store has no SHA-256 of its rule files"
    )
    return found.pop()


def _file_of(instruction: Instruction) -> str:
    return instruction.source.rpartition(":")[0]


def _evaluated(
    paths: Sequence[Path], store: OpenStore, config: Config | None, notes: list[str]
) -> Iterator[Instruction]:
    """Yield what files say that the scan did not read, met with the old machine as the store tells of it."""
    rules = _detected(load_rules(paths))
    users = [each.user for each in map_users(store.header, UserWords()).persons]
    activation = activate(rules, rebuilt_scene(store, users), users, config)
    named = ", ".join(map(str, paths))
    notes.append(f"{named}: not read by the scan; conditions on files find none, for the store is no disk")  # fmt: skip
    notes += (each.message for each in activation.notes if each.level == "warning")
    yield from instructions_of_rules(activation)


def _detected(rules: RuleSet) -> RuleSet:
    """Return the rules with every detection gone: what is in a store was detected."""
    return replace(rules, components=tuple(map(_component, rules.components)))


def _component(component: Component) -> Component:
    roles = (
        replace(role, gate=None, components=tuple(map(_component, role.components)))
        for role in component.roles
    )
    return replace(component, roles=tuple(roles))


def _of_config(config: Config) -> Iterator[Instruction]:
    for kind, entries in config.profile_control.items():
        for entry in entries:
            plain = {key: value for key, value in entry.items() if key != "source"}
            text = json.dumps(plain, sort_keys=True, ensure_ascii=False)
            yield Instruction(kind, text, source=str(entry.get("source", "")))
