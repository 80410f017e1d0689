"""THE HAND-OFF, top to bottom: images -> machine -> every Windows -> disks written -> read back -> documents -> OUT."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from extractor.errors import ColdstateError, NoWindowsError, UsageError
from extractor.events import Observer, Phase, PhaseStarted, TotalsKnown
from extractor.handoff.documents import (
    BAD_RANGES,
    bad_ranges_text,
    config_xml,
    offline_xml,
    speakable,
)
from extractor.handoff.export import Task, ensure_room, read_back, write_disk
from extractor.handoff.place import new_handoff, refuse_place, writing
from extractor.handoff.plan import Found, HandedDisk, HandedOff, Request, clashes, place_on_windows
from extractor.handoff.record import RECORD, record
from extractor.handoff.sheet import SHEET, names, sheet
from extractor.machine import Machine, open_machine
from extractor.opening import tell_machine, tell_warnings
from extractor.report.custody_evidence import Evidence
from extractor.seams import Image
from extractor.volumes import UnlockedVolume, locked
from extractor.windows import WindowsInstall, open_install, survey
from extractor.windows.survey import Survey, ranked

BARE = (
    "{}: this image is one volume without a partition table; whether Windows gives it a letter was never tried, hand"
    " off the whole disk where there is one"
)
NONE_NAMED = (
    "no Windows could be named: a volume is locked, so there is no Offline.xml and no Config.xml"
)


def hand_off(request: Request, observer: Observer) -> HandedOff:
    """Write the folder; the images are never written to. When this raises, nothing stands under its name.

    Raises the errors of ``open_machine``, NoWindowsError (26), UsageError (11), StoreLocationError (27) for a place
    that exists or lies on the evidence, StoreError (72) when it is full.
    """
    at = place_on_windows(request.at, request.out)
    evidence = Evidence()
    observer(PhaseStarted(Phase.INITIALIZING))
    refuse_place(request.out, [path for path in request.images if path.exists()])
    with open_machine(request.images, request.keys, even_locked=True) as machine:
        segments = [Path(each) for image in machine.images for each in image.info.segments]
        refuse_place(request.out, segments)
        tell_machine(machine, observer)
        observer(PhaseStarted(Phase.SCANNING))
        found, notes = found_on(machine, request)
        tasks = _tasks(machine, request)
        ensure_room(request.out, tasks, observer)
        with new_handoff(request.out) as folder:
            with evidence.watching(machine.images, machine.volumes):
                disks = _written(machine.images, tasks, folder, request.out, observer)
            doubts = [*evidence.changed, *([] if found.installs else [NONE_NAMED])]
            tell_warnings((*notes, *doubts), observer)
            handed = HandedOff(disks, found, (*notes, *doubts), tuple(doubts))
            with writing(request.out):
                for name, content in _documents(handed, request.out.name, at):
                    (folder / name).write_bytes(content)
    return handed


def found_on(machine: Machine, request: Request) -> tuple[Found, list[str]]:
    """Return every valid Windows and the letters, and what to say of them; raise NoWindowsError when there is none."""
    seen = survey(machine.candidates, machine.volumes, machine.filesystems)
    clashes(seen.letters, request.letters)
    notes: list[str] = []
    installs = tuple(_installs(seen, notes))
    if not installs and not locked(list(machine.sources.values())):
        told = "; ".join(notes) or "no Windows directory is on these disks"
        raise NoWindowsError(f"nothing for ScanState: {told}")
    if len(installs) > 1:
        notes.append(
            f"{len(installs)} Windows are here: each has an Offline.xml and a store of its own"
        )
    if request.form == "none":
        notes += [_chain(image) for image in machine.images if len(image.info.segments) > 1]
    bare = {each.image for each in machine.volumes if each.number == 0}
    notes += [BARE.format(machine.images[number].info.path) for number in sorted(bare)]
    return Found(installs, seen.letters, machine.volumes, request.letters), notes


def _chain(image: Image) -> str:
    parents = ", ".join(Path(each).name for each in image.info.segments[1:])
    return f"{image.info.path} is a differencing disk: its parents must lie beside it, {parents}"


def _installs(seen: Survey, notes: list[str]) -> Iterator[WindowsInstall]:
    for candidate in ranked(seen.candidates):
        try:
            install = open_install(seen, candidate)
        except ColdstateError as error:
            notes.append(str(error))
            continue
        if speakable(install.path):
            yield install
        else:
            notes.append(f"{install.path}: no Offline.xml can hold this path")


def _tasks(machine: Machine, request: Request) -> list[Task]:
    """Return a task for each disk; none where the images are attached as they are."""
    if request.form == "none":
        for image in machine.images:
            _refuse_unattachable(image)
        return []
    several = len(machine.images) > 1
    tasks = []
    for number, image in enumerate(machine.images):
        file = f"disk-{number + 1}.{request.form}" if several else f"disk.{request.form}"
        opened = [
            each
            for each in machine.sources.values()
            if isinstance(each, UnlockedVolume) and each.info.image == number
        ]
        tasks.append(Task(image, request.form, file, opened if request.decrypted else ()))
    return tasks


def _refuse_unattachable(image: Image) -> None:
    if not image.info.format.startswith("vhd"):
        raise UsageError(
            f"--format none: {image.info.path} is {image.info.format}, which Windows does not attach, and only a VHD"
            " or VHDX can be the parent of a differencing disk; choose --format vhdx"
        )


def _written(
    images: Sequence[Image], tasks: Sequence[Task], folder: Path, out: Path, observer: Observer
) -> tuple[HandedDisk, ...]:
    """Write the disks, then read all of them back."""
    if not tasks:
        return tuple(
            HandedDisk(each.info, Path(each.info.path).name, each.info.format) for each in images
        )
    observer(TotalsKnown(len(tasks), sum(task.container.shape.size for task in tasks)))
    observer(PhaseStarted(Phase.SAVING))
    disks = [write_disk(task, folder, out, observer) for task in tasks]
    return tuple(read_back(disk, folder, observer) for disk in disks)


def _documents(handed: HandedOff, title: str, at: str) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of each file beside the disks."""
    found = handed.found
    for install, ending in names(found.installs):
        # The first Offline.xml names all of them: the first that is valid is what ScanState takes.
        named = [install] if ending else found.installs
        yield f"Offline{ending}.xml", offline_xml(found, named)
        yield f"Config{ending}.xml", config_xml(install)
    if text := bad_ranges_text(handed.disks):
        yield BAD_RANGES, text.encode("utf-8-sig")
    yield SHEET, sheet(handed, title, at)
    yield RECORD, record(handed)
