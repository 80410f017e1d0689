"""An opened Windows -> the manifest's first line: what was read, which Windows, whose state, by which rules.

Everything that depends on the container or the partition table stands under ``image``: two copies of a disk in other
containers give manifests that differ there and nowhere else. No time of day, host or command is in it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

from extractor.errors import DamagedError, StoreLocationError
from extractor.model import LocalAccount, LocalGroup
from extractor.opening import Opened
from extractor.rules import RuleSet
from extractor.rules.model import RuleFile
from extractor.seams import Image
from extractor.select import Choice
from extractor.windows import WindowsInstall


def header_of(opened: Opened) -> dict[str, object]:
    """Return the header as plain values."""
    machine, install = opened.machine, opened.install
    return {
        "tool": {"name": "coldstate", "version": version("coldstate")},
        "image": {
            "images": [asdict(image.info) for image in machine.images],
            "volumes": [
                {**asdict(volume), "letter": opened.found.letter_of(volume.id)}
                for volume in machine.volumes
            ],
            "letters": {each.letter: each.how for each in install.letters},
        },
        "windows": _windows(install),
        "users": [_user(choice) for choice in opened.choices],
        "machine_sid": install.sam.machine_sid,
        "accounts": [_account(each) for each in install.sam.accounts],
        "groups": [_group(each, install.member_names) for each in install.sam.groups],
        "rules": _rules(opened.rules),
        "rule_files": {each.name: each.sha256 for each in sorted(opened.rules.files, key=_name)},
        "config": {config.name: config.sha256} if (config := opened.config) else {},
    }


SAMPLES = 64
SAMPLE = 4096


def run_identity(opened: Opened) -> str:
    """Return a hash of what a run reads and asks: two runs that share it may work on one store.

    Where the image lies, and what opens what is encrypted, may change between them.
    """
    header = header_of(opened)
    told = {key: header[key] for key in ("windows", "users", "rule_files", "config")}
    digest = sha256(json.dumps(told, sort_keys=True, default=str).encode())
    for image in opened.machine.images:
        digest.update(f"{image.size}\0".encode())
        for number in range(SAMPLES):
            digest.update(_sample(image, image.size * number // SAMPLES))
    return digest.hexdigest()


def refuse_other_disk(opened: Opened, store: Path, header: Mapping[str, object]) -> None:
    """Raise StoreLocationError when a manifest's header tells of another Windows or of other volumes than are opened.

    The container and what it lost may be others: a disk is imaged again because sectors could not be read.
    """
    now = json.loads(json.dumps(header_of(opened), default=str))
    if _disk(now) != _disk(header):
        raise StoreLocationError(
            f"{store} holds the state of another disk, or of another Windows of it"
        )


def _disk(header: Mapping[str, object]) -> tuple[object, object]:
    image, windows = header.get("image"), header.get("windows")
    volumes = image.get("volumes") if isinstance(image, dict) else None
    told = [
        [each.get(key) for key in ("id", "size", "serial", "note")]
        for each in volumes or ()
        if isinstance(each, dict)
    ]
    return windows.get("id") if isinstance(windows, dict) else None, told


def _sample(image: Image, offset: int) -> bytes:
    try:
        return image.read_at(offset, SAMPLE)
    except DamagedError:
        return b"damaged"


def _rules(rules: RuleSet) -> list[str]:
    return sorted({component.source.rpartition(":")[0] for component in rules.components})


def _name(file: RuleFile) -> str:
    return file.name


def _windows(install: WindowsInstall) -> dict[str, object]:
    candidate = install.candidate
    return {
        "id": install.id,
        "path": str(install.path),
        "system_root": str(install.system_root),
        "kind": candidate.kind,
        "product": candidate.product,
        "version": candidate.version,
        "build": candidate.build,
        "edition": candidate.edition,
        "arch": install.arch,
        "computer": candidate.computer,
        "letters": {each.letter: {"volume": each.volume} for each in install.letters},
    }


def _user(choice: Choice) -> dict[str, object]:
    user = choice.user
    return {
        "sid": user.sid,
        "name": user.name,
        "domain": user.domain,
        "profile": str(user.profile),
        "state": user.state,
        "selected": choice.selected,
        "switch": choice.switch,
        "last_used": dict(user.last_used),
        "name_from": user.name_from,
        "rid": user.local.rid if user.local else None,
        "flags": list(user.local.flags) if user.local else [],
        "groups": list(user.groups),
    }


def _account(account: LocalAccount) -> dict[str, object]:
    """Return an account of SAM: nothing secret is in it."""
    plain = asdict(account)
    return {**plain, "flags": list(account.flags)}


def _group(group: LocalGroup, names: Mapping[str, str]) -> dict[str, object]:
    members = [{"sid": sid, "name": names.get(sid, sid)} for sid in group.members]
    return {"sid": group.sid, "name": group.name, "comment": group.comment, "members": members}
