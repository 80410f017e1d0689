"""What was found -> the files for ScanState: Offline.xml, Config.xml; and the list of what could not be read.

Source: USMT "Offline Migration Reference", "Config.xml file"; usmt.md 2.2, 2.4, 5.5. Which side of a mapping is which
is not documented; here the first is WinPE's. With one letter for both, as is usual, nothing hangs on it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from extractor.handoff.plan import Found, HandedDisk
from extractor.model import User, WinPath, printable
from extractor.report.profile_control_xml import profile_control_xml
from extractor.windows import WindowsInstall

NOT_MIGRATED = frozenset({"temporary", "backup", "duplicate-sid", "missing", "no-hive"})
"""States of profiles that ScanState leaves, or stumbles over."""
ENTRA = "S-1-12-1-"
BAD_RANGES = "bad-ranges.txt"
_SPEAKABLE = re.compile(r'[^<>:"|?*\x00-\x1f\ud800-\udfff\ufffe\uffff]+')


def offline_xml(found: Found, installs: Sequence[WindowsInstall]) -> bytes:
    """Return an Offline.xml that names these Windows, in this order: the first that is valid is migrated.

    The mappings are those of the first. Where it is the only one of the machine, ScanState is asked to stop should it
    find another.
    """
    from lxml import etree

    root = etree.Element("offline")
    win_dir = etree.SubElement(root, "winDir")
    for install in installs:
        etree.SubElement(win_dir, "path").text = str(found.there(install.path))
    mappings = etree.SubElement(root, "mappings")
    for text in _mappings(found, installs[0]):
        etree.SubElement(mappings, "path").text = text
    flag = etree.SubElement(root, "failOnMultipleWinDir")
    flag.text = "1" if len(found.installs) == 1 else "0"
    made: bytes = etree.tostring(root, pretty_print=True, xml_declaration=True, encoding="UTF-8")
    return made


def _mappings(found: Found, install: WindowsInstall) -> Iterator[str]:
    r"""Yield ``WinPE's path, own path`` for each drive that a Windows knew.

    The own drive of one that was copied into a folder is that folder; of a Windows.old USMT knows by itself.
    """
    candidate = install.candidate
    copied = candidate.path[:-1] if candidate.kind == "windows" else ()
    for each in install.letters:
        running = found.letter_there(each.volume)
        place = WinPath(running, copied if each.volume == candidate.volume else ())
        if running and "," not in str(place):
            yield f"{place}, {each.letter}\\"


def speakable(path: WinPath) -> bool:
    """Tell whether an Offline.xml can hold a path."""
    return bool(path.drive) and all(map(_SPEAKABLE.fullmatch, path.parts))


def config_xml(install: WindowsInstall) -> bytes:
    """Return a Config.xml whose ProfileControl puts the users into the local groups that they are in."""
    groups, names = install.sam.groups, install.member_names
    return profile_control_xml(list(migrating(install)), groups, names).encode("utf-8")


def migrating(install: WindowsInstall) -> Iterator[User]:
    """Yield the users whose profiles ScanState can take."""
    for user in install.users:
        if user.state not in NOT_MIGRATED and not user.sid.startswith(ENTRA):
            yield user


def bad_ranges_text(disks: Iterable[HandedDisk]) -> str:
    """Return a line for each range that is zeros because it could not be read; empty when there is none."""
    lines = [
        f"{disk.file}\t{each.offset}\t{each.length}\t{printable(each.reason)}"
        for disk in disks
        for each in disk.bad
    ]
    return "\r\n".join(["file\tbyte\tlength\treason", *lines, ""]) if lines else ""
