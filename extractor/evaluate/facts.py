"""What one context can ask of the offline machine: which objects exist, what they hold, which version a program has.

Made for the machine (system context) or for one user. What cannot be read is said once and counts as not there; a
question that cannot be asked (HKCU of the machine) raises PatternError, to be told with the line that asks it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from itertools import chain

from extractor.errors import SourceError, UnsupportedError
from extractor.evaluate.inis import Inis
from extractor.evaluate.keys import Keys, Slot
from extractor.evaluate.lookup import Files, Found, Place
from extractor.evaluate.registry_names import canonical_location, split_brackets
from extractor.evaluate.scene import Scene
from extractor.evaluate.strings import string_form, texts
from extractor.evaluate.versions import version_strings
from extractor.model import RegistryValue, WinPath, printable, upcase
from extractor.rules.patterns import Location, PatternKind, parse_location

__all__ = ["Facts", "Found"]

LARGEST_CONTENT = 64 << 20
"""Bytes of a file that a comparison is willing to hold in memory."""
PROGRAMS_KEPT = 256
"""Programs whose version strings are remembered."""

Note = Callable[[str, str], None]
"""Hears (level, message); level is ``info`` or ``warning``."""


class Facts:
    """The machine as one context sees it; ``sid`` is the user's, empty for the system context.

    Every ``text`` is pattern text, its variables expanded, and raises PatternError when it cannot be used here.
    """

    def __init__(self, scene: Scene, sid: str, note: Note) -> None:
        self.scene = scene
        self.sid = sid
        self._note = note
        self._noted: set[str] = set()
        self._answers: dict[tuple[PatternKind, str], bool] = {}
        self._files = Files(scene.namespace, self._told)
        self._keys = Keys(scene.registry, self._told)
        self._inis = Inis(self._files, self._told)
        self._versions = lru_cache(maxsize=PROGRAMS_KEPT)(self._read_versions)

    def objects(self, kind: PatternKind, text: str) -> Iterator[Found]:
        """Return every object that matches, as it is met."""
        if kind is PatternKind.FILE:
            return (place.found for place in self._files.matching(parse_location(text)))
        if kind is PatternKind.REGISTRY:
            return (slot.found for slot in self._slots(text))
        return (found for found, _ in self._inis.matching(text))

    def exists(self, kind: PatternKind, text: str) -> bool:
        """Tell whether any object matches (DoesObjectExist); a path without brackets may be a file too."""
        question = kind, upcase(text.strip())
        if question not in self._answers:
            found = self.objects(kind, text)
            both = chain(found, self.files(text)) if kind is PatternKind.FILE else found
            self._answers[question] = any(True for _ in both)
        return self._answers[question]

    def files(self, text: str) -> Iterator[Place]:
        """Return the files that match; a path without brackets is tried as that of a file (usmt.md 3.6)."""
        node, leaf = split_brackets(text)
        if not leaf:
            above, _, name = node.rstrip("\\").rpartition("\\")
            node, leaf = above, f"[{name}]"
        if not node:
            return iter(())
        found = self._files.matching(parse_location(f"{node}\\ {leaf}"))
        return (place for place in found if not place.entry.directory)

    def at(self, path: WinPath) -> Iterator[Place]:
        """Yield the file or directory with this very path; short (8.3) names are taken."""
        return self._files.at(path)

    def content(self, kind: PatternKind, text: str) -> bytes | None:
        """Return the bytes of the first file or value that matches, None when there is none or it cannot be had."""
        if kind is PatternKind.FILE:
            read = map(self._read, self.files(text))
            return next((content for content in read if content is not None), None)
        if kind is PatternKind.REGISTRY:
            return next((slot.value.data for slot in self._slots(text) if slot.value), None)
        found = self.string(kind, text)
        return None if found is None else found.encode("utf-16-le", "surrogatepass")

    def string(self, kind: PatternKind, text: str) -> str | None:
        """Return the string form (``strings``) of the first value that matches, None without one and for a file."""
        if kind is PatternKind.REGISTRY:
            return next((string_form(each.value) for each in self._slots(text) if each.value), None)
        if kind is PatternKind.INI:
            return next((value for _, value in self._inis.matching(text)), None)
        return None

    def version(self, text: str, tag: str) -> str | None:
        r"""Return a version string (``FileVersion`` …) of the first program that matches and has it.

        Programs whose text lies in language files (``en-US\name.exe.mui``) are asked for there.
        """
        for place in self.files(text):
            for program in chain([place], self._files.satellites(place)):
                found = self._versions(program).get(upcase(tag.strip()))
                if found is not None:
                    return found
        return None

    def same(self, kind: PatternKind, one: str, other: str) -> bool:
        """Tell whether two locations mean one object: the same file record or value, or the same name of nothing."""
        mine, theirs = self._meant(kind, one), self._meant(kind, other)
        if mine & theirs:
            return True
        if kind is not PatternKind.FILE:
            return False
        identity = self._record(one)
        return identity is not None and identity == self._record(other)

    def texts(self, found: Found) -> tuple[str, ...]:
        """Return the texts of a value that was found, several for a REG_MULTI_SZ; nothing for all else."""
        if found.kind is PatternKind.INI:
            text = self.string(found.kind, found.location)
            return () if text is None else (text,)
        value = self._value(found)
        return texts(value) if value else ()

    def data(self, found: Found) -> bytes:
        """Return the bytes of a registry value that was found, empty for all else."""
        value = self._value(found)
        return value.data if value else b""

    def warn(self, message: str) -> None:
        """Note a warning, once."""
        if message not in self._noted:
            self._noted.add(message)
            self._note("warning", message)

    def _told(self, error: SourceError) -> None:
        self.warn(f"not read while looking for what rules name: {printable(str(error))}")

    def _slots(self, text: str) -> Iterator[Slot]:
        """Return the keys and values that match, of HKCR those of the user first."""
        locations = [parse_location(each) for each in self._canonical(text)]
        return chain.from_iterable(map(self._keys.matching, locations))

    def _canonical(self, text: str) -> tuple[str, ...]:
        return canonical_location(text, self.sid, self.scene.registry)

    def _meant(self, kind: PatternKind, text: str) -> set[Location]:
        spelled = self._canonical(text) if kind is PatternKind.REGISTRY else (text,)
        return set(map(parse_location, spelled))

    def _record(self, text: str) -> tuple[str, int] | None:
        """Return the volume and record of the first file or directory that a location means."""
        found = chain(self._files.matching(parse_location(text)), self.files(text))
        return next(((each.filesystem.info.id, each.entry.record) for each in found), None)

    def _value(self, found: Found) -> RegistryValue | None:
        if found.kind is not PatternKind.REGISTRY or not split_brackets(found.location)[1]:
            return None
        try:
            return self.scene.registry.value(str(found.path.parent), found.path.name[1:-1])
        except SourceError as error:
            self._told(error)
            return None

    def _read(self, place: Place) -> bytes | None:
        try:
            stream = place.filesystem.open(place.entry)
            if stream.size > LARGEST_CONTENT:
                raise UnsupportedError(f"{stream.size} bytes are more than a rule can compare")
            return stream.read_at(0, stream.size)
        except SourceError as error:
            self._told(SourceError(f"{place.path}: {error}"))
            return None

    def _read_versions(self, place: Place) -> Mapping[str, str]:
        try:
            return version_strings(place.filesystem.open(place.entry))
        except SourceError as error:
            self._told(SourceError(f"{place.path}: {error}"))
            return {}
