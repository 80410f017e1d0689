"""What a hand-off is about: the words of the request, the disks that came of it, and what was found on them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from extractor.errors import UsageError
from extractor.images.verify import Verdict
from extractor.model import BadRange, ImageInfo, VolumeInfo, WinPath
from extractor.volumes import Key
from extractor.windows import WindowsInstall
from extractor.windows.drives import DriveLetter

FINE = frozenset({Verdict.VERIFIED, Verdict.UNSTORED})
"""Verdicts on a disk that cast no doubt on it."""
_PLACE = re.compile(r'[A-Za-z]:(\\[^\\/:*?"<>|%\x00-\x1f]+)+')


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for."""

    images: tuple[Path, ...]
    out: Path
    keys: tuple[Key, ...] = ()
    form: str = "vhdx"
    """vhdx, vhd, or none: the documents alone, for an image that Windows attaches as it is."""
    decrypted: bool = False
    letters: Mapping[str, str] = field(default_factory=dict)
    """The offline machine's letter -> the one that WinPE gives it (``C:`` -> ``W:``), where it is another."""
    at: str = ""
    r"""Where the folder will lie on Windows (``E:\case17``); the sheet's commands have it."""


@dataclass(frozen=True, slots=True)
class HandedDisk:
    """One disk of the machine as it is handed off."""

    source: ImageInfo
    file: str
    """Name of the file that Windows attaches."""
    kind: str
    """As ``ImageInfo.format`` has it."""
    digests: Mapping[str, str] = field(default_factory=dict)
    """Of the disk's content; empty where nothing was copied."""
    verdict: Verdict = Verdict.UNSTORED
    sentence: str = ""
    bad: tuple[BadRange, ...] = ()
    padded: int = 0
    """Bytes of zeros that were added at the end, to make whole sectors."""
    identity: str = ""
    file_size: int = 0
    file_sha256: str = ""
    decrypted: tuple[str, ...] = ()
    """Ids of the volumes that were written as what is in them."""


@dataclass(frozen=True, slots=True)
class Found:
    """What is on the disks, for the documents."""

    installs: tuple[WindowsInstall, ...]
    """Every valid Windows, the likeliest first."""
    letters: tuple[DriveLetter, ...]
    """Of the machine."""
    volumes: tuple[VolumeInfo, ...]
    running: Mapping[str, str] = field(default_factory=dict)
    """The machine's letter -> that of WinPE, where it is another."""

    def there(self, path: WinPath) -> WinPath:
        """Return a path of the machine's letters as WinPE sees it."""
        return WinPath(self.running.get(path.drive, path.drive), path.parts)

    def letter_there(self, identity: str) -> str:
        """Return the letter that WinPE gives a volume, empty when the machine had none for it."""
        own = next((each.letter for each in self.letters if each.volume == identity), "")
        return self.running.get(own, own)

    def volume(self, identity: str) -> VolumeInfo:
        """Return a volume by its id."""
        return next(each for each in self.volumes if each.id == identity)


@dataclass(frozen=True, slots=True)
class HandedOff:
    """What became of a request."""

    disks: tuple[HandedDisk, ...]
    found: Found
    notes: tuple[str, ...]
    """What a person should know, a sentence each."""
    doubts: tuple[str, ...] = ()
    """Those for which the exit code is 3."""

    @property
    def exit_code(self) -> int:
        """0, or 3 when bytes are lost, hashes differ, an image changed, or no Windows could be named."""
        return 3 if self.doubts or any(each.verdict not in FINE for each in self.disks) else 0


def parse_letters(text: str) -> dict[str, str]:
    """Return ``C=W,D=V`` as a mapping of drives; raise UsageError (11)."""
    found: dict[str, str] = {}
    for part in text.split(",") if text else ():
        match = re.fullmatch(r"\s*([A-Za-z]):?=([A-Za-z]):?\s*", part)
        if not match or f"{match[1]}:".upper() in found:
            raise UsageError(f"--letters {text}: takes pairs such as C=W,D=V, each drive once")
        found[f"{match[1]}:".upper()] = f"{match[2]}:".upper()
    if len(set(found.values())) < len(found):
        raise UsageError(f"--letters {text}: two drives cannot have one letter")
    return found


def place_on_windows(text: str, out: Path) -> str:
    """Return where the folder will lie on Windows, by default on E:; raise UsageError (11)."""
    if not text:
        usual = f"E:\\{out.name}"
        return usual if _PLACE.fullmatch(usual) and usual.isprintable() else "E:\\handoff"
    if not _PLACE.fullmatch(text.rstrip("\\")) or not text.isprintable():
        raise UsageError(f"--at {text}: takes a folder of Windows such as E:\\case17")
    return text.rstrip("\\")


def clashes(found: Sequence[DriveLetter], running: Mapping[str, str]) -> None:
    """Raise UsageError (11) where ``--letters`` speaks of no drive, or gives one the letter of another."""
    known = [each.letter for each in found]
    strange = [letter for letter in running if letter not in known]
    if strange:
        raise UsageError(
            f"--letters: {strange[0]} is no drive of this machine (it has {', '.join(known) or 'none'})"
        )
    seen = [running.get(letter, letter) for letter in known]
    twice = [letter for letter in seen if seen.count(letter) > 1]
    if twice:
        raise UsageError(f"--letters: two drives would be {twice[0]}")
