"""What was handed off -> HANDOFF.txt: one page of commands, from attaching the disk to LoadState.

Lines end as on Windows. Source: USMT "ScanState syntax", "LoadState syntax", "UsmtUtils syntax"; store.md 7 (4a).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib.metadata import version

from extractor.handoff.people import Person, people
from extractor.handoff.plan import Found, HandedDisk, HandedOff
from extractor.model import VolumeInfo, printable
from extractor.store.failures import in_words
from extractor.windows import WindowsInstall

SHEET = "HANDOFF.txt"
RULES = ("/i:MigDocs.xml", "/i:MigApp.xml")
BITS = {"x86": "32", "x64": "64"}
PROTECTORS = {
    "recovery password": "-RecoveryPassword (the 48 digits of key ID {})",
    "startup key": "-RecoveryKey (the file {}.BEK)",
    "password": "-Password",
}
"""Kind of a protector -> what manage-bde takes; its ID stands where a person looks it up."""


def names(installs: Iterable[WindowsInstall]) -> list[tuple[WindowsInstall, str]]:
    """Return each Windows with what ends the names of its documents: nothing for the first, ``-ID`` for others."""
    return [(each, f"-{each.id}" if number else "") for number, each in enumerate(installs)]


def sheet(handed: HandedOff, title: str, at: str) -> bytes:
    """Return the page; ``at`` is where the folder will lie on Windows."""
    found = handed.found
    locked = [each for each in found.volumes if _is_locked(each, handed.disks)]
    lines = [
        *_head(handed, title),
        *_attach(handed, at),
        *(_unlock(found, locked) if locked else ()),
        *_scan(found, at),
        *_load(found, at),
        "",
        "WHEN ALL IS DONE   diskpart: select vdisk file=..., detach vdisk; then delete the children.",
    ]
    return ("\r\n".join(lines) + "\r\n").encode("utf-8-sig")


def _head(handed: HandedOff, title: str) -> Iterator[str]:
    yield f"HAND-OFF {printable(title)}   (coldstate {version('coldstate')})"
    yield "ScanState itself is run by you, with your licence: nobody ran it on this disk before, and what it makes"
    yield "of it is not promised. The store it writes is Microsoft's own, and LoadState reads it."
    yield ""
    for disk in handed.disks:
        yield f"{printable(disk.file)}   {in_words(disk.source.size)}, from {printable(disk.source.path)}"
        if disk.digests:
            yield f"  disk  SHA-256 {disk.digests['sha256']}: {printable(disk.sentence)}"
            yield f"  file  SHA-256 {disk.file_sha256}: certutil -hashfile {printable(disk.file)} SHA256"
    for note in handed.notes:
        yield f"! {printable(note)}"


def _attach(handed: HandedOff, at: str) -> Iterator[str]:
    yield ""
    yield f"1. ATTACH   Copy this folder to {at}, start WinPE, then diskpart. Windows writes to what it mounts:"
    yield "   so each disk gets a child, which takes the writes."
    for disk in handed.disks:
        name, suffix = _parts(printable(disk.file))
        yield f'     create vdisk file="{at}\\{name}-child{suffix}" parent="{at}\\{name}{suffix}"'
        yield f'     select vdisk file="{at}\\{name}-child{suffix}"'
        yield "     attach vdisk"
    yield "     list volume        (nothing of it is there: list disk, select disk N, online disk)"
    found = handed.found
    for each in found.letters:
        letter = found.letter_there(each.volume)
        yield f"     select volume N, then: assign letter={letter[0]}   {_described(found.volume(each.volume))}"
    yield "   A letter that is taken is freed first (select volume M, remove letter=C). Go on only when `vol`"
    yield "   says the serial number above: or ScanState takes a disk of the computer that you sit at."


def _parts(file: str) -> tuple[str, str]:
    name, dot, suffix = file.rpartition(".")
    return (name, dot + suffix) if dot else (suffix, "")


def _described(volume: VolumeInfo) -> str:
    label = f" {printable(volume.label)!r}" if volume.label else ""
    serial = f"{volume.serial & 0xFFFFFFFF:08X}"
    said = f", vol: {serial[:4]}-{serial[4:]}" if volume.serial else ""
    where = f"disk {volume.image + 1}, {in_words(volume.size)} at byte {volume.offset}"
    return f"({where}, {volume.filesystem}{label}{said})"


def _is_locked(volume: VolumeInfo, disks: tuple[HandedDisk, ...]) -> bool:
    lock = volume.encryption
    done = any(volume.id in disk.decrypted for disk in disks)
    return lock is not None and lock.kind == "bitlocker" and not done


def _unlock(found: Found, locked: Iterable[VolumeInfo]) -> Iterator[str]:
    yield ""
    yield "   UNLOCK   BitLocker is still on these; `manage-bde -protectors -get C:` lists the same key IDs."
    for volume in locked:
        drive = found.letter_there(volume.id)
        if not drive:
            yield f"     give a letter, here DRIVE:, to {_described(volume)}"
            drive = "DRIVE:"
        protectors = volume.encryption.protectors if volume.encryption else ()
        asked = list(filter(None, map(_asked, protectors)))
        if any(each.startswith("clear key") for each in protectors):
            yield f"     {drive} opens by itself: its protection is suspended"
        elif not asked:
            told = ", ".join(protectors) or "unknown"
            yield f"     {drive} volume {volume.id}: no key can be typed for it; protectors: {told}"
        else:
            yield from (f"     manage-bde -unlock {drive} {words}" for words in asked)


def _asked(protector: str) -> str:
    kind, _, identifier = protector.rpartition(" ")
    return PROTECTORS.get(kind, "").format(identifier.upper())


def _scan(found: Found, at: str) -> Iterator[str]:
    yield ""
    yield "2. SCAN   In the folder of USMT (ADK), of WinPE's architecture. /efs:copyraw carries EFS files as they are."
    if not found.installs:
        yield "   No Windows could be named: unlock the disk, and give `coldstate handoff` the key for an Offline.xml."
    for install, ending in names(found.installs):
        yield f"   {printable(str(install.path))}, computer {printable(install.candidate.computer)}:"
        yield f"     set MIG_OFFLINE_PLATFORM_ARCH={BITS.get(install.arch, '')}"
        yield from _command(
            "scanstate", f"{at}\\store{ending}", *RULES, f"/offline:{at}\\Offline{ending}.xml",
            f"/config:{at}\\Config{ending}.xml", "/o", "/c", "/efs:copyraw", "/v:13",
            f"/l:{at}\\scanstate{ending}.log", f"/progress:{at}\\scanstate{ending}.progress",
        )  # fmt: skip
    if len(found.installs) > 1:
        yield "   Offline.xml names all of them, and ScanState takes the first that it finds valid: its log says which."
    yield "   Users are chosen by SID here, names of a domain cannot be resolved: /ue:*-500 /ui:S-1-5-21-...*"
    yield ""
    yield "3. VERIFY"
    for _, ending in names(found.installs):
        store = f"{at}\\store{ending}\\USMT\\USMT.MIG"
        yield from _command("usmtutils", "/verify:all", store, f"/l:{at}\\usmtutils{ending}.log")


def _load(found: Found, at: str) -> Iterator[str]:
    yield ""
    yield "4. RESTORE   On the new PC, in Windows. /lac makes local accounts with one password, /lae enables them"
    for install, ending in names(found.installs):
        persons = list(people(install))
        local = ["/lac:PASSWORD", "/lae"] if any(each.local for each in persons) else []
        yield from _command(
            "loadstate", f"{at}\\store{ending}", *RULES, f"/config:{at}\\Config{ending}.xml", "/c", *local,
            *(each.rename for each in persons if each.rename), "/v:13", f"/l:{at}\\loadstate{ending}.log",
        )  # fmt: skip
        yield from map(_person, persons)


def _person(person: Person) -> str:
    return f"     {person.account}  {person.sid}  {person.note}"


def _command(*words: str) -> Iterator[str]:
    """Yield a command for cmd.exe, broken with ``^`` where a line would be too long."""
    line = "    "
    for word in words:
        quoted = f'"{word}"' if any(sign in word for sign in " &()^;,=") else word
        if len(line) + len(quoted) > 106:
            yield f"{line} ^"
            line = "      "
        line = f"{line} {quoted}"
    yield line
