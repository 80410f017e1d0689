r"""A ``contentModify`` of a file -> the bytes that are written in place of those of the store.

Of all its functions one speaks of what is in a file: ``MergeShellLibraries``, which joins the library description
(``.library-ms``) of the old machine with the one at the target. The folders of both are in the result, each once and
those of the store first; everything else is as the store has it. The words of its arguments are nowhere described.
``KeepExisting`` leaves the content alone. Sources: USMT "XML elements library" (contentModify), Windows "Library
Description Schema" (searchConnectorDescriptionList, simpleLocation, isDefaultSaveLocation).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from copy import deepcopy
from typing import TYPE_CHECKING

from extractor.errors import UnsupportedError, UsageError
from extractor.model import upcase
from extractor.rules.functions import FUNCTIONS
from extractor.rules.model import Call
from extractor.store.tree import Parts, Tree
from extractor.xmlfile import LARGEST, parse_xml

if TYPE_CHECKING:
    from lxml import etree

__all__ = ["LARGEST", "changed_file", "joins", "rewrite"]

JOINING = "MergeShellLibraries"
_ROOT, _LIST, _ENTRY = "libraryDescription", "searchConnectorDescriptionList", "searchConnectorDescription"  # fmt: skip
_PLACE = ("simpleLocation", "url")
_DEFAULTS = ("isDefaultSaveLocation", "isDefaultNonOwnerSaveLocation")


def joins(call: Call | None) -> bool:
    """Tell whether a call makes one file of the store's and of the one at its place, which it then replaces."""
    return call is not None and call.function == JOINING


def changed_file(call: Call, ours: bytes, there: bytes | None) -> bytes:
    """Return what is written: ``ours`` changed as the call says; ``there`` is the file at its place, if any.

    Raises UnsupportedError, in a sentence, for a call that says nothing of files, for content that is not what the
    call speaks of, and for more than LARGEST bytes: then the file is written as the store has it.
    """
    if call.function == "KeepExisting":
        return ours
    if not joins(call):
        known = call.function.lower() in FUNCTIONS
        raise UnsupportedError(
            f"{call.function} says nothing of files" if known else f"{call} is not known"
        )
    if there is None:
        return ours
    if max(len(ours), len(there)) > LARGEST:
        raise UnsupportedError(f"{call.function}: more than {LARGEST >> 20} MiB are not joined")
    return _joined(_library(ours, "the store's file"), _library(there, "the file at the target"))


def rewrite(call: Call, tree: Tree, place: Parts, there: Parts | None) -> None:
    """Change a file of the target that has no name yet, as the call says; ``there`` is what it is about to replace.

    Raises UnsupportedError as ``changed_file`` does, and OSError; of both the file is as it was, unless writing failed.
    """
    if call.function == "KeepExisting":
        return
    before = _read(call, tree, place) if joins(call) else b""
    other = _read(call, tree, there) if there and joins(call) else None
    after = changed_file(call, before, other)
    if after != before:
        with os.fdopen(tree.change(place), "r+b") as file:
            file.write(after)
            file.truncate()


def _read(call: Call, tree: Tree, place: Parts) -> bytes:
    with os.fdopen(tree.open(place), "rb") as file:
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise UnsupportedError(f"{call.function}: more than {LARGEST >> 20} MiB are not joined")
    return content


def _library(content: bytes, name: str) -> etree._Element:
    try:
        root = parse_xml(content, name=name).getroot()
    except UsageError as error:
        raise UnsupportedError(f"{JOINING}: {error}") from error
    if _local(root) != _ROOT:
        raise UnsupportedError(f"{JOINING}: {name} describes no library")
    return root


def _joined(ours: etree._Element, theirs: etree._Element) -> bytes:
    """Return the store's library with the folders that only the other one has."""
    from lxml import etree

    if ours.tag != theirs.tag:
        raise UnsupportedError(f"{JOINING}: the two libraries are of different versions")
    folders = _child(ours, _LIST)
    if folders is None:
        folders = etree.SubElement(ours, _tag(ours, _LIST))
    known = {_folder(each) for each in folders}
    has_default = {name for name in _DEFAULTS if any(map(_is_set(name), folders))}
    for entry in _entries(theirs):
        if _folder(entry) not in known:
            known.add(_folder(entry))
            folders.append(_without(deepcopy(entry), has_default))
    made: bytes = etree.tostring(ours, xml_declaration=True, encoding="UTF-8")
    return made


def _entries(library: etree._Element) -> list[etree._Element]:
    folders = _child(library, _LIST)
    return [] if folders is None else [each for each in folders if _local(each) == _ENTRY]


def _folder(entry: etree._Element) -> str:
    r"""Return the folder (``C:\…``, ``knownfolder:{…}``) of an entry as Windows compares it; all of an odd one."""
    place: etree._Element | None = entry
    for name in _PLACE:
        place = None if place is None else _child(place, name)
    text = " ".join(map(str, entry.itertext())) if place is None else place.text or ""
    return upcase(text.strip().rstrip("\\"))


def _without(entry: etree._Element, taken: set[str]) -> etree._Element:
    """Return an entry that is not the default for saving where the store's library has one already."""
    for name in taken:
        mark = _child(entry, name)
        if mark is not None:
            entry.remove(mark)
    return entry


def _is_set(name: str) -> Callable[[etree._Element], bool]:
    def holds(entry: etree._Element) -> bool:
        mark = _child(entry, name)
        return mark is not None and (mark.text or "").strip().lower() in {"true", "1"}

    return holds


def _child(element: etree._Element, name: str) -> etree._Element | None:
    return next((each for each in element if _local(each) == name), None)


def _local(element: etree._Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _tag(like: etree._Element, name: str) -> str:
    namespace, brace, _ = str(like.tag).rpartition("}")
    return f"{namespace}{brace}{name}"
