"""What a kit has besides contents and plan: the script, a page for the person who runs it, and the sums of all files.

The script is the same in every kit and no name of a store is ever put into it. Lines end as on Windows.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import file_digest
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

from extractor.kit.contents import CONTENTS
from extractor.model import printable

SCRIPT = "Restore-Coldstate.ps1"
README = "README.txt"
PLAN = "plan.jsonl"
USERS = "users.json"
SUMS = "SHA256SUMS"
HONEST = "This script has not been run on Windows by us."


def script(folder: Path) -> None:
    """Put the script into a kit; raise OSError."""
    text = (files("extractor.kit") / SCRIPT).read_text("ascii")
    _write(folder / SCRIPT, text)


def readme(folder: Path, users: dict[str, Any], form: str, source: str) -> None:
    """Write the page of a kit; ``source`` is the machine that the store is of. Raises OSError."""
    lines = [
        f"RESTORE KIT of {printable(source)}, made by coldstate {version('coldstate')}",
        "",
        HONEST,
        "It was read, parsed, and its plan replayed by another program; try it on a machine that you can lose.",
        "",
        *_STEPS,
        "",
        "WHO COMES",
        *_people(users),
        "",
        *_PARTS[form],
        "",
        *_LIMITS,
    ]
    _write(folder / README, "\n".join(lines) + "\n", encoding="utf-8-sig")


def _people(users: dict[str, Any]) -> Iterator[str]:
    for each in users["users"]:
        name = "\\".join(filter(None, (each["domain"], each["name"])))
        kind = "a local user" if each["local"] else "a user of a domain"
        yield f"  {printable(each['was'])} ({each['sid']}) is {printable(name)} there, {kind}"
        if each["create"]:
            state = "enabled" if each["enable"] else "disabled"
            yield f"    -CreateLocalUsers makes this user, {state}, and its profile"
        if each["groups"]:
            told = ", ".join(map(printable, each["groups"]))
            yield f"    -AddToGroups puts this user into {told}"
    if not users["users"]:
        yield "  nobody: the store has only what belongs to the machine"


_STEPS = (
    "STEPS",
    "  1. Each user below must have logged on once on the new Windows, so that there is a profile, and be logged off",
    "     now. (Or: -CreateLocalUsers for local users, -CreateProfiles for those who have an account.)",
    "  2. Copy this folder to a disk of that Windows, to a short path such as C:\\Kit.",
    "  3. Start Windows PowerShell 5.1 (64 bit) as administrator, and there:",
    "       Set-ExecutionPolicy -Scope Process RemoteSigned",
    "       Unblock-File C:\\Kit\\Restore-Coldstate.ps1",
    "       C:\\Kit\\Restore-Coldstate.ps1 -WhatIf",
    "     prints what would be done and changes nothing. Read it.",
    "  4. The same without -WhatIf; with -Confirm it asks before each object. Options:",
    "       -Drive @{ 'D:' = 'C:\\FromD' }     where a drive goes (else: that drive, or the system drive)",
    "       -User @{ 'DESK\\bob' = 'robert' }  another account than users.json names",
    "       -SkipRegistry                     files only",
    "       -Log C:\\restore.jsonl             where the log goes",
    "  5. Exit code 0: all is restored or was there; 3: something is not, and the log names it; 1: it could not start.",
    "",
    "  Needs an administrator: owners, access lists, other people's profiles, links, HKEY_LOCAL_MACHINE, reg load.",
    "  What gives way is moved to \\.coldstate-restore\\kit-DATE on its drive, with the log and the values that were",
    "  replaced (registry-before.jsonl). Delete that folder when nobody wants to go back.",
)
_PARTS = {
    "tree": (
        "WHAT IS HERE",
        "  plan.jsonl     one object a line: what it is, where it goes, its SHA-256, times, access list, conflict rule",
        "  users.json     who is who; names may be changed here (then -SkipSums, for SHA256SUMS knows the old file)",
        "  registry       .reg files: <SID>.reg is HKEY_CURRENT_USER of one user, machine.reg the rest",
        "  contents       each content once, named by its SHA-256",
        "  SHA256SUMS     of all of this; the script checks it, and each content again before it gets its name",
    ),
    "wim": (
        "WHAT IS HERE",
        "  plan.jsonl     one object a line: what it is, where it goes, its SHA-256, times, access list, conflict rule",
        "  users.json     who is who; names may be changed here (then -SkipSums, for SHA256SUMS knows the old file)",
        "  registry       .reg files: <SID>.reg is HKEY_CURRENT_USER of one user, machine.reg the rest",
        "  store.wim      the contents: Expand-WindowsImage (DISM) puts image 1 into a folder of the system drive,",
        "                 which takes as much room again; contents has what a WIM cannot give back",
        "  SHA256SUMS     of all of this; the script checks it, and each content again before it gets its name",
    ),
}
_LIMITS = (
    "WHAT IT DOES NOT DO",
    "  What the rules only ever wanted to be read (NeverRestore) is skipped, and the log names it; so is what belongs",
    "  to users who are not in the list above. Nothing is removed (destinationCleanup). A rule that gives an object a",
    "  second place, or moves a folder by what a variable is there (remap), is not followed: each has one place.",
    "  Paths in text values become those of this Windows: profiles, drives, what a rule moves. Not in binary values,",
    "  short names (BOBSMI~1) and %SystemDrive%. A value that names the profile of somebody who is not here stays as",
    "  it was, and the log says so.",
    "  Libraries (.library-ms) are not joined with those that are there (MergeShellLibraries): they come beside them.",
    "  It sets no 8.3 names, object IDs, extended attributes, compression, makes no reparse points but junctions and",
    "  symbolic links, and installs no programs, printers, Store apps.",
    "  It changes no password. Local groups only with -AddToGroups: read users.json before, a store can ask for any.",
    "  EFS files come as they were: they open for who has the certificate and its private key.",
    "  SHA256SUMS tells damage, not forgery: who can change a kit can change its sums.",
)


def write_sums(folder: Path) -> None:
    """Write ``SHA256SUMS`` of everything in a kit; raise OSError."""
    lines = [
        f"{_digest(each)}  {each.relative_to(folder).as_posix()}\n" for each in _all_files(folder)
    ]
    with (folder / SUMS).open("x", encoding="ascii", newline="") as file:
        file.writelines(lines)


def _all_files(folder: Path) -> Iterator[Path]:
    """Yield the files of a kit, contents last and in the order of their names."""
    names = [each for each in folder.iterdir() if each.name != CONTENTS]
    plain = [each for each in names if each.is_file()]
    inside = [one for each in names if each.is_dir() for one in each.iterdir()]
    yield from sorted((*plain, *inside))
    if (folder / CONTENTS).is_dir():
        for part in sorted((folder / CONTENTS).iterdir()):
            yield from sorted(part.iterdir())


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _write(path: Path, text: str, encoding: str = "ascii") -> None:
    with path.open("x", encoding=encoding, newline="\r\n") as file:
        file.write(text)
