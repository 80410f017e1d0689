r"""The names of the registry -> the two roots it really has: ``HKLM`` and ``HKU\<SID>`` (usmt.md 3.4, 3.6).

HKCU is one user's ``HKU\<SID>``; HKCR is the classes of that user and of the machine; a user's ``_Classes`` hive is
``Software\Classes`` below it; the ControlSet00n in use is CurrentControlSet. So two names of one key compare equal.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from extractor.errors import SourceError
from extractor.model import WinPath, upcase
from extractor.registry import Registry
from extractor.registry.view import LONG_NAMES
from extractor.rules.patterns import PatternError, parse_location

CURRENT = "CurrentControlSet"
CLASSES = "Classes"
OF_CLASSES = "_CLASSES"
"""Ends the name of the mount of a user's UsrClass.dat."""
_MACHINE_CLASSES = ("HKLM", "SOFTWARE", CLASSES)
_OWN_CLASSES = ("Software", CLASSES)
_NODE = re.compile(r"((?:\^[\[\]^$*]|[^\[])*)(.*)", re.DOTALL)


def split_brackets(text: str) -> tuple[str, str]:
    """Return the node of a pattern text and its ``[leaf]`` with the brackets, empty when it has none."""
    found = _NODE.fullmatch(text.strip())
    return (found[1].strip(), found[2]) if found else (text, "")


def canonical_location(text: str, sid: str, registry: Registry) -> tuple[str, ...]:
    """Return the canonical forms of a whole ``key [value]`` pattern text; raises what ``canonical`` raises."""
    node, leaf = split_brackets(text)
    return tuple(f"{each} {leaf}" if leaf else each for each in canonical(node, sid, registry))


def canonical(node_text: str, sid: str, registry: Registry) -> tuple[str, ...]:
    """Return the canonical forms of the pattern text of a key, the one that hides the others first.

    ``sid`` is that of the user in whose context it stands, empty for the system context. Raises PatternError for a
    root that is unknown, is a wildcard, or means nothing in this context.
    """
    root, *keys = re.split(r"\\+", node_text.strip())
    if "*" in root:
        raise PatternError(f"the root of a registry pattern cannot be a wildcard: {root}")
    name = LONG_NAMES.get(upcase(root), upcase(root))
    return tuple(
        "\\".join(each)
        for rooted in _rooted(name, keys, sid)
        for each in _control_sets(rooted, registry)
    )


def names_below(registry: Registry, key: WinPath) -> list[str]:
    """Return the names of a key's subkeys as Windows shows them; raises SourceError.

    The control set in use has its other name, and a user's ``Classes`` is there where there is a UsrClass.dat.
    """
    names = registry.subkeys(str(key))
    if key.key == ("HKLM", "SYSTEM"):
        current = f"CONTROLSET{registry.current_control_set():03}"
        shown = [each for each in names if upcase(each) != upcase(CURRENT)]
        return [CURRENT if upcase(each) == current else each for each in shown]
    if key.drive == "HKU" and key.key[2:] == ("SOFTWARE",):
        own = [each for each in names if upcase(each) != upcase(CLASSES)]
        return [*own, CLASSES] if f"HKU\\{key.key[1]}{OF_CLASSES}" in registry.mounts else own
    return list(names)


def _rooted(root: str, keys: list[str], sid: str) -> Iterator[list[str]]:
    if root == "HKLM":
        yield [root, *keys]
    elif root == "HKU":
        yield [root, *_with_own_classes(keys)]
    elif root == "HKCU":
        if not sid:
            raise PatternError("HKCU is invalid in the system context")
        yield ["HKU", sid, *keys]
    elif root == "HKCR":
        if sid:
            yield ["HKU", sid, *_OWN_CLASSES, *keys]
        yield [*_MACHINE_CLASSES, *keys]
    else:
        raise PatternError(f"{root!r} is no root of the registry (HKLM, HKU, HKCU, HKCR)")


def _with_own_classes(keys: list[str]) -> list[str]:
    if keys and upcase(keys[0]).endswith(OF_CLASSES):
        return [keys[0][: -len(OF_CLASSES)], *_OWN_CLASSES, *keys[1:]]
    return keys


def _control_sets(parts: list[str], registry: Registry) -> Iterator[list[str]]:
    r"""Yield the key, with CurrentControlSet for the set in use; a wildcard that takes that set means both."""
    part = (
        parts[2] if [upcase(each) for each in parts[:2]] == ["HKLM", "SYSTEM"] and parts[2:] else ""
    )
    if not part or not _takes_current(part, registry):
        yield parts
        return
    if "*" in part:
        yield parts
    tail = "*" if part.endswith("*") else ""
    yield [*parts[:2], CURRENT + tail, *parts[3:]]


def _takes_current(part: str, registry: Registry) -> bool:
    """Tell whether a name (pattern text) takes the control set in use by its number, and not by its name as well."""
    glob = parse_location(part).node
    try:
        current = f"CONTROLSET{registry.current_control_set():03}\\"
    except SourceError:
        return False  # nothing of that hive can be read, so no name in it matters
    return glob.matches(current) and not glob.matches(f"{upcase(CURRENT)}\\")
