"""``coldstate inspect``: what is on the disks, as tables that a person reads at a glance, or as JSON.

The JSON is a contract for scripts: fields are added, never renamed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.text import Text

from extractor.cli.accounts import accounts_json, draw_accounts
from extractor.cli.arguments import add_switch, words_parser
from extractor.cli.screen import human_size, open_console
from extractor.cli.switches import SWITCHES
from extractor.cli.tables import add_row, date_of, lined_table
from extractor.cli.unlocking import UNLOCKING, bitlocker_keys
from extractor.errors import ColdstateError, NoWindowsError, UsageError
from extractor.machine import Machine, open_machine
from extractor.model import Candidate, User, VolumeInfo, printable
from extractor.seams import Image
from extractor.volumes.shadows import Shadow, moment, parse_wanted
from extractor.windows import Survey, WindowsInstall, open_install, survey

TOLD = 20
"""Bad ranges of one image that a person is shown; a disk that dies has thousands."""


def run_inspect(words: list[str]) -> int:
    """Print what the images hold; 0 when a valid Windows is among it, else 26."""
    given = _parse(words)
    keys = bitlocker_keys(given, os.environ)
    shadows = [parse_wanted(text) for text in given.shadows or ()]
    images = [Path(name) for name in given.images]
    with open_machine(images, keys, shadows, even_locked=True) as machine:
        found = survey(machine.candidates, machine.volumes, machine.filesystems)
        installs = {id(each): install_of(found, each) for each in machine.candidates}
        if given.json:
            print(json.dumps(as_json(machine, found, installs), indent=2, ensure_ascii=True))
        else:
            _draw(open_console(sys.stdout), machine, found, installs)
        for note in machine.notes:
            print(f"note: {printable(note)}", file=sys.stderr)
    valid = any(candidate.valid for candidate in machine.candidates)
    return 0 if valid else NoWindowsError.exit_code


def _parse(words: list[str]) -> argparse.Namespace:
    text = "Show disks, volumes, every Windows with evidence, and users."
    parser = words_parser("inspect", text)
    parser.add_argument(
        "images", nargs="+", metavar="IMAGE", help="disk image, or all of a machine's"
    )
    for switch in (*UNLOCKING, *(each for each in SWITCHES if each.field == "shadows")):
        add_switch(parser, switch)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    if not words:
        raise UsageError("no disk image is named; `coldstate inspect --help` shows the options")
    return parser.parse_intermixed_args(words)


def install_of(found: Survey, candidate: Candidate) -> WindowsInstall | None:
    """Return a Windows, opened; None for one that is not valid or cannot be opened."""
    if not candidate.valid:
        return None
    try:
        return open_install(found, candidate)
    except ColdstateError:
        return None  # its own row says what is wrong with it


Installs = Mapping[int, WindowsInstall | None]
"""``id`` of a candidate -> what was opened of it."""


def as_json(machine: Machine, found: Survey, installs: Installs) -> dict[str, object]:
    """Return the contract of ``inspect --json`` as plain values; names are printable."""
    volumes = [
        _volume(each, found.letter_of(each.id), machine.shadows.get(each.id, ()))
        for each in machine.volumes
    ]
    windows = [_windows(each, found, installs[id(each)]) for each in machine.candidates]
    # Asked last: whoever was read before may have met more bad ranges.
    images = [_image(each) for each in machine.images]
    return {"images": images, "volumes": volumes, "windows": windows}


def _image(image: Image) -> dict[str, object]:
    bad = [{**asdict(each), "reason": printable(each.reason)} for each in image.bad_ranges()]
    return {**asdict(image.info), "bad_ranges": bad}


def _volume(volume: VolumeInfo, letter: str, shadows: Sequence[Shadow]) -> dict[str, object]:
    return {
        **asdict(volume),
        "label": printable(volume.label),
        "letter": letter,
        "shadows": [_shadow(each) for each in shadows],
    }


def _shadow(shadow: Shadow) -> dict[str, object]:
    return {
        "number": shadow.number,
        "created": shadow.created,
        "id": shadow.copy,
        "copy_set": shadow.copy_set,
        "store": shadow.store,
        "readable": shadow.whole,
    }


def _windows(each: Candidate, found: Survey, install: WindowsInstall | None) -> dict[str, object]:
    return {
        "id": found.id_of(each),
        "path": printable(str(found.path_of(each))),
        "volume": each.volume,
        "kind": each.kind,
        "valid": each.valid,
        "reason": printable(each.reason),
        "product": printable(each.product),
        "version": printable(each.version),
        "build": printable(each.build),
        "edition": printable(each.edition),
        "arch": each.arch,
        "computer": printable(each.computer),
        "last_shutdown": each.last_shutdown,
        "evidence": [{"name": fact.name, "value": printable(fact.value)} for fact in each.evidence],
        "users": [_user(user) for user in install.users] if install else [],
        **(accounts_json(install) if install else {}),
    }


def _user(user: User) -> dict[str, object]:
    return {
        "sid": printable(user.sid),
        "name": printable(user.name),
        "domain": printable(user.domain),
        "profile": printable(str(user.profile)),
        "state": user.state,
        "last_used": [{"source": source, "filetime": time} for source, time in user.last_used],
        "name_from": user.name_from,
        "rid": user.local.rid if user.local else None,
        "flags": list(user.local.flags) if user.local else [],
        "groups": [printable(name) for name in user.groups],
    }


def _draw(console: Console, machine: Machine, found: Survey, installs: Installs) -> None:
    images = lined_table("image", "format", "size", "sector", "segments", "stored hashes")
    for image in machine.images:
        info = image.info
        hashes = ", ".join(f"{name} {value}" for name, value in info.stored_hashes.items())
        segments = str(len(info.segments))
        sector = str(info.sector_size)
        add_row(images, info.path, info.format, human_size(info.size), sector, segments, hashes)
    console.print(images)
    volumes = lined_table("drive", "volume", "holds", "label", "size", "at byte", "note")
    for volume in machine.volumes:
        letter = found.letter_of(volume.id) or "-"
        size, at = human_size(volume.size), f"{volume.offset:,}"
        note = "; ".join(filter(None, (_opened_by(volume), volume.note)))
        add_row(volumes, letter, volume.id, volume.filesystem, volume.label, size, at, note)
    console.print(volumes)
    _draw_shadows(console, machine)
    for candidate in machine.candidates:
        _draw_windows(console, found, candidate, installs[id(candidate)])
    draw_bad_ranges(console, machine.images)


def draw_bad_ranges(console: Console, images: Sequence[Image]) -> None:
    """Print the ranges of each image that are known to be bad by now; nothing when there are none."""
    table = lined_table("image", "bad from byte", "bytes", "reason")
    for image in images:
        bad = image.bad_ranges()
        for each in bad[:TOLD]:
            add_row(table, image.info.path, f"{each.offset:,}", f"{each.length:,}", each.reason)
        if len(bad) > TOLD:
            rest = f"{len(bad) - TOLD:,} more ranges, which --json lists"
            length = sum(each.length for each in bad[TOLD:])
            add_row(table, image.info.path, f"{bad[TOLD].offset:,}", f"{length:,}", rest)
    if table.rows:
        console.print(table)


def _draw_shadows(console: Console, machine: Machine) -> None:
    table = lined_table("volume", "shadow", "made", "shadow copy ID", "set", "note")
    for volume, shadows in machine.shadows.items():
        for each in shadows:
            note = "" if each.whole else "its blocks are on another volume"
            cells = (str(each.number), moment(each.created), each.copy, each.copy_set, note)
            add_row(table, volume, *cells)
    if table.rows:
        console.print(table)


def _opened_by(volume: VolumeInfo) -> str:
    found = volume.encryption
    return f"BitLocker, opened with its {found.opened_by}" if found and found.unlocked else ""


def _draw_windows(
    console: Console, found: Survey, each: Candidate, install: WindowsInstall | None
) -> None:
    path = printable(str(found.path_of(each)))
    if not each.valid:
        console.print(Text(f"{path}  not a usable Windows: {printable(each.reason)}"))
        return
    words = (each.product, f"build {each.build}", each.edition, each.arch, each.computer)
    console.print(Text(f"{path}  [{found.id_of(each)}]", style="bold"))
    console.print(Text("  " + printable(", ".join(filter(None, words)))))
    facts = "; ".join(f"{fact.name}: {fact.value}" for fact in each.evidence)
    console.print(Text(f"  evidence: {printable(facts)}", style="dim"))
    if install:
        _draw_users(console, install)
        draw_accounts(console, install)


def _draw_users(console: Console, install: WindowsInstall) -> None:
    table = lined_table("user", "SID", "profile", "state", "last used", "groups")
    for user in install.users:
        used = max((time for _, time in user.last_used), default=0)
        groups = ", ".join(user.groups)
        add_row(table, user.account, user.sid, str(user.profile), user.state, date_of(used), groups)
    if install.users:
        console.print(table)
