r"""Offline.xml (and ``/offlineWinDir``, ``/offlineWinOld``) -> OfflineRequest: which Windows, which drive is which.

Grammar: ``<offline> winDir mappings? failOnMultipleWinDir? </offline>``, children in any order, names in any case, no
attributes, no namespace, no DOCTYPE. Source: USMT "Offline Migration Reference"; usmt.md 2.2.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from extractor.errors import OfflineFileError, UsageError
from extractor.model import WinPath, printable
from extractor.windows.drives import is_letter
from extractor.xmlfile import parse_xml, place

if TYPE_CHECKING:
    from lxml import etree

ONE_OF_THREE = "/offline, /offlineWinDir and /offlineWinOld exclude each other: give one of them"
CHILDREN = {
    "offline": ("windir", "mappings", "failonmultiplewindir"),
    "windir": ("path",),
    "mappings": ("path",),
}
ONCE = ("windir", "mappings", "failonmultiplewindir")


@dataclass(frozen=True, slots=True)
class WinDir:
    """A Windows directory that was asked for; ``source`` says where (``Offline.xml:3``, ``/offlineWinDir``)."""

    path: WinPath
    source: str


@dataclass(frozen=True, slots=True)
class DriveMapping:
    """``running`` (a path in the machine's letters) is ``offline`` in the offline Windows's own namespace."""

    running: WinPath
    offline: WinPath
    source: str


@dataclass(frozen=True, slots=True)
class OfflineRequest:
    """What Offline.xml asks for; the first valid of ``win_dirs`` wins."""

    win_dirs: tuple[WinDir, ...] = ()
    mappings: tuple[DriveMapping, ...] = ()
    fail_on_multiple: bool | None = None
    """None when the file does not say; USMT then does not fail."""


def parse_offline_xml(path: Path) -> OfflineRequest:
    """Return what an Offline.xml asks for.

    Raises UsageError (11) when it cannot be read, OfflineFileError (29) ``file:line: message`` when it is not one.
    """
    if not path.is_file():
        raise UsageError(f"/offline needs the path of an Offline.xml: {path} is no file")
    name = str(path)
    root = parse_xml(path, error=OfflineFileError).getroot()
    if _tag(root, name) != "offline":
        raise OfflineFileError(f"{place(root, name)}: the root element must be <offline>")
    found = {_tag(child, name): child for child in _children(root, name)}
    if "windir" not in found:
        raise OfflineFileError(f"{place(root, name)}: <offline> needs a <winDir> with a <path>")
    win_dirs = tuple(_win_dir(each, name) for each in _children(found["windir"], name))
    if not win_dirs:
        raise OfflineFileError(f"{place(found['windir'], name)}: <winDir> needs a <path>")
    pairs = _children(found["mappings"], name) if "mappings" in found else ()
    return OfflineRequest(
        win_dirs,
        tuple(_mapping(each, name) for each in pairs),
        _flag(found.get("failonmultiplewindir"), name),
    )


def offline_request(switch: str, directory: str) -> OfflineRequest:
    """Return the request that ``/offlineWinDir:DIR`` or ``/offlineWinOld:DIR`` makes; ``switch`` is its name.

    Raises UsageError (11) when the directory is no path.
    """
    try:
        path = _win_path(directory)
    except ValueError as problem:
        raise UsageError(f"{switch} needs a folder: {problem}") from problem
    return OfflineRequest((WinDir(path, switch),))


def request_for(offline: Path | None, win_dir: str, win_old: str) -> OfflineRequest | None:
    """Return the request of the one switch that is given, None when none is; UsageError (11) for two."""
    if sum(map(bool, (offline, win_dir, win_old))) > 1:
        raise UsageError(ONE_OF_THREE)
    if offline:
        return parse_offline_xml(offline)
    if win_dir:
        return offline_request("/offlineWinDir", win_dir)
    return offline_request("/offlineWinOld", win_old) if win_old else None


def _tag(element: etree._Element, name: str) -> str:
    """Return an element's name in lower case (files in the field mix it); refuse attributes and namespaces."""
    tag = str(element.tag)
    if tag.startswith("{") or element.nsmap:
        raise OfflineFileError(f"{place(element, name)}: Offline.xml has no namespace; remove it")
    if element.attrib:
        raise OfflineFileError(f"{place(element, name)}: <{tag}> takes no attribute")
    return tag.lower()


def _children(parent: etree._Element, name: str) -> Iterator[etree._Element]:
    """Yield the elements that belong into ``parent``; refuse text, unknown elements, and a second of what is one."""
    allowed = CHILDREN[str(parent.tag).lower()]
    seen: set[str] = set()
    text = "".join([parent.text or "", *(child.tail or "" for child in parent)])
    if text.strip():
        raise OfflineFileError(
            f"{place(parent, name)}: <{parent.tag}> holds text where elements belong: {_shown(text)}"
        )
    for child in parent:
        tag = _tag(child, name)
        if tag not in allowed:
            raise OfflineFileError(
                f"{place(child, name)}: <{child.tag}> does not belong into <{parent.tag}>"
            )
        if tag in ONCE and tag in seen:
            raise OfflineFileError(f"{place(child, name)}: a second <{child.tag}>")
        seen.add(tag)
        yield child


def _text(element: etree._Element, name: str) -> str:
    if len(element):
        raise OfflineFileError(f"{place(element[0], name)}: <{element.tag}> holds text only")
    text = (element.text or "").strip()
    if not text:
        raise OfflineFileError(f"{place(element, name)}: <{element.tag}> is empty")
    return text


def _win_dir(element: etree._Element, name: str) -> WinDir:
    text = _text(element, name)
    try:
        return WinDir(_win_path(text), place(element, name))
    except ValueError as problem:
        raise OfflineFileError(f"{place(element, name)}: {problem}") from problem


def _mapping(element: etree._Element, name: str) -> DriveMapping:
    sides = _text(element, name).split(",")
    if len(sides) != 2:
        raise OfflineFileError(
            f"{place(element, name)}: a mapping is two paths, such as C:\\, D:\\ (here: {_shown(','.join(sides))})"
        )
    try:
        running, offline = map(_win_path, sides)
    except ValueError as problem:
        raise OfflineFileError(f"{place(element, name)}: {problem}") from problem
    if not running.drive or not offline.drive:
        raise OfflineFileError(
            f"{place(element, name)}: both paths of a mapping begin with a drive"
        )
    return DriveMapping(running, offline, place(element, name))


def _flag(element: etree._Element | None, name: str) -> bool | None:
    if element is None:
        return None
    text = _text(element, name)
    if text not in {"0", "1"}:
        raise OfflineFileError(
            f"{place(element, name)}: <{element.tag}> is 0 or 1, not {_shown(text)}"
        )
    return text == "1"


def _win_path(text: str) -> WinPath:
    """Return a local Windows path; ValueError in one sentence when it is none."""
    text = text.strip().strip('"')
    path = WinPath.parse(text)
    if text.startswith(("\\\\", "//")):
        raise ValueError(f"{_shown(text)} is a network path; a Windows directory lies on a disk")
    if path.drive and not is_letter(path.drive):
        raise ValueError(f"{_shown(text)} has no drive letter from A: to Z:")
    if ".." in path.parts or re.search(r'[<>:"|?*]', "".join(path.parts)):
        raise ValueError(f"{_shown(text)} is no path of a Windows directory")
    if not path.drive and not path.parts:
        raise ValueError("a path is empty")
    return path


def _shown(text: str) -> str:
    return printable(" ".join(text.split()))[:80]
