"""``coldstate inspect``: what is on the disks, as tables that a person reads at a glance, or as JSON.

The JSON is a contract for scripts: fields are added, never renamed.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.text import Text

from extractor.cli.arguments import words_parser
from extractor.cli.screen import human_size, open_console
from extractor.cli.tables import add_row, date_of, lined_table
from extractor.errors import ColdstateError, NoWindowsError, UsageError
from extractor.machine import Machine, open_machine
from extractor.model import Candidate, User, VolumeInfo, printable
from extractor.windows import Survey, open_install, survey


def run_inspect(words: list[str]) -> int:
    """Print what the images hold; 0 when a valid Windows is among it, else 26."""
    given = _parse(words)
    with open_machine([Path(name) for name in given.images]) as machine:
        found = survey(machine.candidates, machine.volumes, machine.filesystems)
        users = {id(each): users_of(found, each) for each in machine.candidates}
        if given.json:
            print(json.dumps(as_json(machine, found, users), indent=2, ensure_ascii=True))
        else:
            _draw(open_console(sys.stdout), machine, found, users)
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
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    if not words:
        raise UsageError("no disk image is named; `coldstate inspect --help` shows the options")
    return parser.parse_intermixed_args(words)


def users_of(found: Survey, candidate: Candidate) -> tuple[User, ...]:
    """Return the profiles of a Windows; none for one that is not valid or cannot be opened."""
    if not candidate.valid:
        return ()
    try:
        return open_install(found, candidate).users
    except ColdstateError:
        return ()  # its own row says what is wrong with it


def as_json(
    machine: Machine, found: Survey, users: dict[int, tuple[User, ...]]
) -> dict[str, object]:
    """Return the contract of ``inspect --json`` as plain values; names are printable."""
    return {
        "images": [asdict(image.info) for image in machine.images],
        "volumes": [_volume(each, found.letter_of(each.id)) for each in machine.volumes],
        "windows": [_windows(each, found, users[id(each)]) for each in machine.candidates],
    }


def _volume(volume: VolumeInfo, letter: str) -> dict[str, object]:
    return {**asdict(volume), "label": printable(volume.label), "letter": letter}


def _windows(each: Candidate, found: Survey, users: tuple[User, ...]) -> dict[str, object]:
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
        "users": [_user(user) for user in users],
    }


def _user(user: User) -> dict[str, object]:
    return {
        "sid": printable(user.sid),
        "name": printable(user.name),
        "domain": printable(user.domain),
        "profile": printable(str(user.profile)),
        "state": user.state,
        "last_used": [{"source": source, "filetime": time} for source, time in user.last_used],
    }


def _draw(
    console: Console, machine: Machine, found: Survey, users: dict[int, tuple[User, ...]]
) -> None:
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
        add_row(volumes, letter, volume.id, volume.filesystem, volume.label, size, at, volume.note)
    console.print(volumes)
    for candidate in machine.candidates:
        _draw_windows(console, found, candidate, users[id(candidate)])


def _draw_windows(
    console: Console, found: Survey, each: Candidate, users: tuple[User, ...]
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
    table = lined_table("user", "SID", "profile", "state", "last used")
    for user in users:
        used = max((time for _, time in user.last_used), default=0)
        add_row(table, user.account, user.sid, str(user.profile), user.state, date_of(used))
    if users:
        console.print(table)
