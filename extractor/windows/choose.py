r"""Survey + OfflineRequest -> the Windows to migrate: the first valid ``winDir`` wins, as with USMT.

Source: USMT "Offline Migration Reference"; decisions of usmt.md 2.2 and 9 (roots accepted; a Windows.old counts for
``failOnMultipleWinDir`` only when it is listed).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from extractor.errors import DriveMapError, MultipleWindowsError, NoWindowsError
from extractor.model import Candidate, WinPath, printable
from extractor.windows.offline_xml import OfflineRequest, WinDir
from extractor.windows.survey import Survey, ranked

BELOW = ((), ("Windows",), ("Windows.old", "Windows"))
r"""Where a Windows is looked for below the path that was given: the documented sample lists a bare ``E:\``."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The Windows that were chosen, and what to tell the person about the way there."""

    chosen: tuple[Candidate, ...]
    notes: tuple[str, ...] = ()


def choose(
    found: Survey, request: OfflineRequest | None = None, *, all_windows: bool = False
) -> Choice:
    """Return the Windows that a request means; without one the likeliest, or all valid ones.

    Raises NoWindowsError (26) naming what was found and why it will not do, MultipleWindowsError (26) when the request
    forbids several, DriveMapError (29) when every path of the request is on a drive that no volume has.
    """
    if request and request.fail_on_multiple:
        _refuse_several(found, request)
    if request and request.win_dirs and not all_windows:
        return _first_valid(found, request)
    valid = ranked(found.candidates)
    if not valid:
        raise NoWindowsError(_nothing(found))
    if all_windows:
        broken = "; ".join(_fault(found, each) for each in found.candidates if not each.valid)
        notes = (f"no store is made of what is no whole Windows: {broken}",) if broken else ()
        return Choice(tuple(each for each in found.candidates if each.valid), notes)
    return Choice((valid[0],), tuple(_notes_of(found, valid)))


def _notes_of(found: Survey, valid: list[Candidate]) -> Iterator[str]:
    """Say what was not taken, and what was taken only because nothing better is whole."""
    taken = _shown(found.path_of(valid[0]))
    others = ", ".join(_shown(found.path_of(each)) for each in valid[1:])
    if others:
        yield f"{taken} is taken; also here: {others}"
    if valid[0].kind == "windows.old":
        broken = [_fault(found, each) for each in found.candidates if each.kind == "windows"]
        why = "; ".join(broken) or "where it was is damaged, or it is on another disk"
        yield f"{taken} is an earlier installation, taken because no current Windows is whole: {why}"


def _first_valid(found: Survey, request: OfflineRequest) -> Choice:
    notes: list[str] = []
    nowhere = 0
    for wanted in request.win_dirs:
        paths = list(_paths(found, request, wanted.path))
        candidates = [each for path in paths for each in _at(found, path)]
        valid = next((each for each in candidates if each.valid), None)
        if valid:
            return Choice((valid,), tuple(notes))
        nowhere += not paths
        notes.append(_skipped(wanted, paths, candidates))
    if nowhere == len(request.win_dirs):
        drives = ", ".join(each.letter for each in found.letters) or "none"
        raise DriveMapError(
            f"{'; '.join(notes)}. The drives of this disk are {drives}: "
            "correct the path, or say in <mappings> of Offline.xml which drive it means"
        )
    raise NoWindowsError(f"{'; '.join(notes)}. {_nothing(found)}")


def _paths(found: Survey, request: OfflineRequest, path: WinPath) -> Iterator[WinPath]:
    """Yield where a path may lie, in the machine's letters; nothing when its drive is on no volume.

    A path without a drive is tried on every drive; a drive that the machine does not have may be the other side of a
    mapping (an Offline.xml written for WinPE names WinPE's letters).
    """
    letters = [each.letter for each in found.letters]
    if not path.drive:
        yield from (WinPath(letter, path.parts) for letter in letters)
    elif path.drive in letters:
        yield path
    else:
        for pair in request.mappings:
            for side, other in ((pair.running, pair.offline), (pair.offline, pair.running)):
                if path.is_below(side) and other.drive in letters:
                    yield WinPath(other.drive, (*other.parts, *path.parts[len(side.parts) :]))


def _at(found: Survey, path: WinPath) -> Iterator[Candidate]:
    """Yield the candidates at a path or where one is looked for below it; a name spelled as asked comes first."""
    for below in BELOW:
        wanted = WinPath(path.drive, (*path.parts, *below))
        alike = [each for each in found.candidates if found.path_of(each).key == wanted.key]
        yield from sorted(alike, key=lambda each: found.path_of(each) != wanted)


def _skipped(wanted: WinDir, paths: list[WinPath], candidates: list[Candidate]) -> str:
    said = f"{wanted.source}: {_shown(wanted.path)}"
    if not paths:
        return f"{said} is skipped: no volume is drive {wanted.path.drive}"
    if not candidates:
        return f"{said} is skipped: it is no Windows directory"
    return f"{said} is skipped: {printable(candidates[0].reason)}"


def _refuse_several(found: Survey, request: OfflineRequest) -> None:
    listed = [
        each
        for wanted in request.win_dirs
        for path in _paths(found, request, wanted.path)
        for each in _at(found, path)
    ]
    valid = [
        each
        for each in found.candidates
        if each.valid and (each.kind == "windows" or each in listed)
    ]
    if len(valid) > 1:
        paths = ", ".join(_shown(found.path_of(each)) for each in valid)
        raise MultipleWindowsError(
            f"failOnMultipleWinDir is 1 and there are {len(valid)} Windows here: {paths}"
        )


def _nothing(found: Survey) -> str:
    if not found.candidates:
        return f"No directory of {len(found.filesystems)} readable volume(s) looks like a Windows"
    each_said = "; ".join(_fault(found, each) for each in found.candidates)
    return f"Windows directories here: {each_said}"


def _fault(found: Survey, candidate: Candidate) -> str:
    return f"{_shown(found.path_of(candidate))} ({printable(candidate.reason) or 'valid'})"


def _shown(path: WinPath) -> str:
    return printable(str(path))
