"""``coldstate handoff``: a disk, and all that genuine ScanState needs to work on it, in one folder."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from extractor.cli.arguments import add_switch, words_parser
from extractor.cli.screen import human_size, open_screen
from extractor.cli.unlocking import UNLOCKING, bitlocker_keys
from extractor.handoff.handing import hand_off
from extractor.handoff.plan import HandedOff, Request, parse_letters
from extractor.model import printable

TEXT = """Write a folder for genuine ScanState, which you run yourself with your licence: the disk as VHDX or VHD, an
Offline.xml with every Windows found, a Config.xml that keeps group memberships, and HANDOFF.txt, one page of commands
from diskpart to loadstate. The images are only read. OUT must not exist.

--format vhdx  (default) dynamic; disks up to 64 TiB with sectors of 512 or 4096 bytes
--format vhd   dynamic; up to 2040 GiB, 512 bytes. A fixed VHD would be the raw image with a footer appended, which
               would change the evidence; and a raw image cannot be the parent of a differencing VHD
--format none  no disk, only the documents: for an image that is a VHD or VHDX already

BitLocker volumes stay encrypted (the sheet has the manage-bde lines), or with --decrypted are written in plain.
Exit code 0: all is there; 3: bytes could not be read (they are zeros, listed in bad-ranges.txt), a stored hash differs,
an image changed meanwhile, or no Windows could be named because its volume is locked."""


def run_handoff(words: list[str]) -> int:
    """Write a hand-off; 0, 3 for doubts, 26 without a Windows, 27 for a bad place, 72 for a full disk."""
    given = _parse(words)
    request = Request(
        images=tuple(given.images),
        out=given.out,
        keys=bitlocker_keys(given, os.environ),
        form=given.format,
        decrypted=given.decrypted,
        letters=parse_letters(given.letters),
        at=given.at,
    )
    with open_screen(given.progress) as screen:
        handed = hand_off(request, screen)
    _say(handed, given.out)
    return handed.exit_code


def _parse(words: list[str]) -> argparse.Namespace:
    parser = words_parser("handoff", TEXT)
    parser.add_argument(
        "images", nargs="+", type=Path, metavar="IMAGE", help="all of a machine's disks"
    )
    parser.add_argument("out", type=Path, metavar="OUT", help="a new folder")
    parser.add_argument(
        "--format", choices=("vhdx", "vhd", "none"), default="vhdx", help="of the disk"
    )
    parser.add_argument(
        "--decrypted", action="store_true", help="write opened BitLocker volumes in plain"
    )
    parser.add_argument(
        "--letters",
        default="",
        metavar="C=W,...",
        help="WinPE's letters where they are others than the machine's",
    )
    parser.add_argument(
        "--at",
        default="",
        metavar="FOLDER",
        help=r"where OUT will lie on Windows (default: E:\OUT)",
    )
    for switch in UNLOCKING:
        add_switch(parser, switch)
    parser.add_argument(
        "--progress", choices=("auto", "plain", "json", "none"), default="auto", help="on stderr"
    )
    return parser.parse_intermixed_args(words)


def _say(handed: HandedOff, out: Path) -> None:
    for disk in handed.disks:
        size = (
            f", {human_size(disk.file_size)}, SHA-256 of the disk {disk.digests['sha256']}"
            if disk.digests
            else ""
        )
        print(f"{printable(disk.file)}: {printable(disk.sentence) or 'attached as it is'}{size}")
        lost = sum(each.length for each in disk.bad)
        if lost:
            print(
                f"  {len(disk.bad)} bad ranges, {lost:,} bytes: see bad-ranges.txt", file=sys.stderr
            )
    print(f"{printable(str(out))}: read HANDOFF.txt; ScanState itself is run by you")
