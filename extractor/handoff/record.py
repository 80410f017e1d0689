"""What was handed off -> handoff.json: which evidence, what of it, by which program; no key is in it.

A contract for scripts: fields are added, never renamed. Text is ASCII; names are printable.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime

from extractor.handoff.plan import Found, HandedDisk, HandedOff
from extractor.handoff.sheet import names
from extractor.model import BadRange, ImageInfo, VolumeInfo, printable
from extractor.report.custody_host import tool

RECORD = "handoff.json"
VERSION = 1


def record(handed: HandedOff) -> bytes:
    """Return the record; ``written`` is now."""
    found = handed.found
    lines = {
        "format": "coldstate-handoff",
        "version": VERSION,
        "tool": tool(),
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "scanstate": "run by whoever has its licence; not run here",
        "disks": [_disk(each) for each in handed.disks],
        "windows": _windows(found),
        "letters": {
            each.letter: found.running.get(each.letter, each.letter) for each in found.letters
        },
        "bitlocker": [_locked(each) for each in found.volumes if each.encryption],
        "notes": [printable(each) for each in handed.notes],
    }
    return json.dumps(lines, indent=2, ensure_ascii=True).encode() + b"\n"


def _disk(disk: HandedDisk) -> Mapping[str, object]:
    return {
        "source": _source(disk.source),
        "file": printable(disk.file),
        "format": disk.kind,
        "hashes": dict(disk.digests),
        "verdict": str(disk.verdict),
        "sentence": printable(disk.sentence),
        "identity": disk.identity,
        "padded": disk.padded,
        "file_size": disk.file_size,
        "file_sha256": disk.file_sha256,
        "decrypted": list(disk.decrypted),
        "bad_ranges": list(map(_bad, disk.bad)),
    }


def _source(info: ImageInfo) -> Mapping[str, object]:
    return {
        **asdict(info),
        "path": printable(info.path),
        "segments": list(map(printable, info.segments)),
    }


def _bad(bad: BadRange) -> Mapping[str, object]:
    return {**asdict(bad), "reason": printable(bad.reason)}


def _windows(found: Found) -> list[Mapping[str, object]]:
    return [
        {
            "id": install.id,
            "path": printable(str(install.path)),
            "volume": install.candidate.volume,
            "computer": printable(install.candidate.computer),
            "offline_xml": f"Offline{ending}.xml",
            "config_xml": f"Config{ending}.xml",
        }
        for install, ending in names(found.installs)
    ]


def _locked(volume: VolumeInfo) -> Mapping[str, object]:
    lock = volume.encryption
    protectors = lock.protectors if lock else ()
    return {"volume": volume.id, "kind": lock.kind if lock else "", "protectors": list(protectors)}
