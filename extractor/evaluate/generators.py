"""Scripts that make patterns: GenerateDrivePatterns, GenerateUserPatterns, GenerateDocPatterns (usmt.md 3.8, 3.10)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from extractor.evaluate.conditions import kind_of
from extractor.evaluate.documents import document_patterns
from extractor.evaluate.frames import Meant, View
from extractor.rules.model import Script
from extractor.rules.patterns import PatternError, PatternKind

_IS_FIXED = {"fixed": True, "removable": False, "cdrom": None, "remote": None}
"""Drive types; a disk image holds neither a CD-ROM drive nor a share."""


def generated(script: Script, view: View) -> Iterator[Meant]:
    """Yield the patterns that a script makes in a view; none, and a note, when it cannot be used."""
    make = GENERATORS.get(script.call.function.lower(), _unknown)
    try:
        yield from make(script, view)
    except PatternError as error:
        written = " ".join(each or "" for each in script.call.arguments)
        view.fail(script.source, written, f"{script.call} is not used: {error}")


def _unknown(_script: Script, _view: View) -> Iterator[Meant]:
    raise PatternError("it does not make patterns")


def _on_drives(script: Script, view: View) -> Iterator[Meant]:
    """There are no variables in a segment: what looks like one is told of, and not used."""
    segment = script.call.argument(0)
    kind = script.call.argument(1, "Fixed").strip().lower()
    if kind not in _IS_FIXED:
        raise PatternError(f"drive type {kind!r} is not known")
    plain = replace(view, variables={})
    drives = {
        mount.at.drive
        for mount in view.frame.scene.mounts
        if not mount.at.parts and mount.fixed is _IS_FIXED[kind]
    }
    for drive in sorted(drives):
        text = plain.expand(drive + segment)
        yield Meant(PatternKind.FILE, text, text, script.source, plain, made=True)


def _for_users(script: Script, view: View) -> Iterator[Meant]:
    """Expand a pattern with the built-in variables of each user who comes.

    A component's own variables have the values of the user (or machine) at hand and would be wrong for another.
    """
    kind = kind_of(script.call.argument(0))
    text = script.call.argument(1)
    own_too = script.call.is_true(2, default=True)
    for frame in view.frame.others:
        if frame is view.frame and not own_too:
            continue
        there = replace(view, frame=frame, variables=frame.variables)
        try:
            yield Meant(kind, there.expand(text), text, script.source, there)
        except PatternError as error:
            there.fail(script.source, text, f"{text} is not used: {error}")


def _of_documents(script: Script, view: View) -> Iterator[Meant]:
    call, frame = script.call, view.frame
    programs = call.is_true(0, default=False)
    include = call.is_true(1, default=True)
    system_drive = call.is_true(2, default=False)
    found = view.recall(
        ("generatedocpatterns", programs, include, system_drive),
        lambda: document_patterns(
            frame.scene,
            frame.profile,
            programs=programs,
            include=include,
            system_drive=system_drive,
        ),
    )
    for text in found:
        yield Meant(PatternKind.FILE, text, text, script.source, view, made=True)


GENERATORS: Mapping[str, Callable[[Script, View], Iterator[Meant]]] = {
    "generatedrivepatterns": _on_drives,
    "generateuserpatterns": _for_users,
    "generatedocpatterns": _of_documents,
}
"""By lower-case name."""
