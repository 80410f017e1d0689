"""MigXML files -> RuleSet: what the rules say, read without looking at any machine.

Words defined here: RuleSet, Component, Role, Rules, Rule, ObjectSet, Pattern, Script (``model``); Location, Glob,
Specificity (``patterns``). ``select`` brings a RuleSet to a Windows installation.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

from extractor.errors import RuleFileError
from extractor.rules.migxml import parse_migxml
from extractor.rules.model import RuleSet
from extractor.xmlfile import parse_xml, read_xml

__all__ = ["RuleSet", "builtin_rules", "load_rules"]

GUARD = "never.xml"
"""Page files, the recycle bin, the file system's own files: taken by no rule (our list; USMT keeps its own)."""


EFS_KEYS = "efs-keys.xml"
"""The key chain of EFS files, which is stored whenever they are."""


def load_rules(paths: Sequence[Path], *, efs_keys: bool = False) -> RuleSet:
    """Return the rules of the files given with ``/i``, in any order, and those that always hold (GUARD).

    With ``efs_keys`` the key chains of the users too, which EFS files need (EFS_KEYS).

    A file whose ``urlid`` was seen already is not processed (USMT "XML file requirements"), with a warning. Raises
    RuleFileError for a file that cannot be read or is not MigXML, ConfigAsRulesError for a Config.xml.
    """
    guards = [_builtin(GUARD), *([_guard(EFS_KEYS)] if efs_keys else [])]
    return _joined((path, str(path)) for path in paths) + _joined(guards)


def builtin_rules() -> RuleSet:
    """Return the rules that are used when no file is given: what a user would miss."""
    folder = files(__package__) / "builtin"
    found = sorted(each.name for each in folder.iterdir() if each.name.endswith(".xml"))
    return _joined(map(_builtin, found))


def _builtin(name: str) -> tuple[bytes, str]:
    return (files(__package__) / "builtin" / name).read_bytes(), f"builtin/{name}"


def _guard(name: str) -> tuple[bytes, str]:
    return (files(__package__) / "guards" / name).read_bytes(), f"guards/{name}"


def _joined(sources: Iterable[tuple[Path | bytes, str]]) -> RuleSet:
    rules = RuleSet(())
    seen: dict[str, str] = {}
    for source, name in sources:
        content = source if isinstance(source, bytes) else read_xml(source, error=RuleFileError)
        tree = parse_xml(content, name=name, error=RuleFileError)
        urlid, found = parse_migxml(tree, name, sha256=sha256(content).hexdigest())
        first = seen.get(urlid.lower())
        if first and urlid:
            message = f"{name}:1: not processed, because {first} has the same urlid {urlid!r}"
            found = RuleSet((), (message,))
        seen.setdefault(urlid.lower(), name)
        rules += found
    return rules
