r"""The values of INI files that INI patterns (``path\file.ini|Section[Key]``) name; each file is read once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from extractor.errors import SourceError
from extractor.evaluate import ActiveRule, Scene
from extractor.evaluate.ini import IniFile, open_ini
from extractor.evaluate.lookup import Files, Place
from extractor.events import Event, Noted
from extractor.model import ObjectKind, RegistryValue, Selected, upcase
from extractor.rules.model import Verb
from extractor.rules.patterns import Glob, Location, node_part
from extractor.select.objects import Glimpse, Subject, Unreadable
from extractor.select.owners import Owners, owner_of
from extractor.select.precedence import Verdict
from extractor.select.registry import entry_of, value_metadata
from extractor.select.way import Way

REG_SZ = 1
EVERYTHING = Glob(("", ""))


class IniValues:
    """The INI values of a Windows; ``rules`` are its INI rules and ``top`` the way of them."""

    def __init__(
        self,
        scene: Scene,
        rules: Sequence[ActiveRule],
        top: Way,
        owners: Owners,
        tell: Callable[[Event], None],
    ) -> None:
        self._files = Files(scene.namespace, lambda error: tell(Noted("warning", str(error))))
        self._includes = [rule for rule in rules if rule.verb is Verb.INCLUDE]
        self._top = top
        self._owners = owners

    def objects(self) -> Iterator[Selected | Unreadable]:
        """Yield the values that an include matches; a file that cannot be read is one row."""
        for place, rule in self._named():
            try:
                ini = open_ini(place.filesystem.open(place.entry), str(place.path))
            except SourceError as error:
                said = Verdict(chosen=True, rule=rule)
                owner = owner_of(place.path, self._owners)
                subject = Subject(ObjectKind.VALUE, place.path, owner, said)
                if subject.is_chosen:
                    yield subject.unreadable(place.filesystem.info.id, str(error), place.entry)
            else:
                yield from self._values(place, ini)

    def _named(self) -> list[tuple[Place, ActiveRule]]:
        """Return the files that includes name, each with the first that does, by path."""
        found: dict[tuple[str, ...], tuple[Place, ActiveRule]] = {}
        looked_for: set[Glob] = set()
        for rule in self._includes:
            file = file_of(rule.location.node)
            if file not in looked_for:
                looked_for.add(file)
                for place in self._matching(file):
                    found.setdefault((place.path.drive, *place.path.parts), (place, rule))
        return [found[path] for path in sorted(found)]

    def _matching(self, file: Glob) -> Iterator[Place]:
        for place in self._files.matching(_location(file)):
            alias = place.text + node_part(place.path.name)[:-1]
            if not place.entry.directory and file.matches(alias):
                yield place

    def _values(self, place: Place, ini: IniFile) -> Iterator[Selected]:
        owner, volume = owner_of(place.path, self._owners), place.filesystem.info.id
        folder = self._top.to(place.path.parent)
        for section in ini.sections:
            name = f"{place.path.name}|{section.name}"
            way = _below(folder, name)
            for key, text in sorted(section.entries.values()):
                said = way.here.of_leaf(upcase(key), Glimpse(string=text))
                if said.rule:
                    path = place.path.parent / name / f"[{key}]"
                    value = RegistryValue(key, REG_SZ, _as_data(text))
                    subject = Subject(ObjectKind.VALUE, path, owner, said)
                    yield subject.selected(volume, entry_of(path), value_metadata(value), value)


def file_of(node: Glob) -> Glob:
    """Return the part of an INI pattern's node that names the file."""
    pieces: list[str] = []
    for piece in node.pieces:
        file, bar, _ = piece.partition("|")
        pieces.append(file)
        if bar:
            break
    return Glob(tuple(pieces))


def _location(file: Glob) -> Location:
    """Return where a file lies; a star in its last name may reach into folders, as in nodes."""
    *above, last = file.pieces
    folder, _, name = last.rpartition("\\")
    if not above or folder:
        return Location(Glob((*above, f"{folder}\\")), Glob((name,)))
    start = file.prefix[: file.prefix.rfind("\\") + 1]
    return Location(Glob((start, "")), EVERYTHING)


def _below(folder: Way, name: str) -> Way:
    r"""Return the way to a section; a ``\`` in its name is one in the pattern too."""
    way = folder
    for part in name.split("\\"):
        way = way.below(part)
    return way


def _as_data(text: str) -> bytes:
    return f"{text}\0".encode("utf-16-le", "surrogatepass")
