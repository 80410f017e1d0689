"""Small machines and small rule files, said in a line or two."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from xml.sax.saxutils import escape

from extractor.evaluate import Profile, Scene
from extractor.evaluate.activate import Choice as Migrates
from extractor.evaluate.activate import activate
from extractor.events import Observer
from extractor.model import Selected, User, VolumeInfo, WinPath, upcase
from extractor.registry import Registry
from extractor.rules.migxml import parse_migxml
from extractor.rules.model import RuleSet
from extractor.seams import Filesystem, Hive
from extractor.select import Choice, Selection, Unreadable, select
from extractor.testing import FakeFile, FakeFilesystem, FakeHive
from extractor.windows.namespace import Mount, Namespace
from extractor.xmlfile import parse_xml

Row = Selected | Unreadable


def rule_set(body: str, name: str = "test.xml", urlid: str = "urn:test") -> RuleSet:
    """Read the inside of a <migration>."""
    text = f'<migration urlid="{urlid}">{body}</migration>'
    return parse_migxml(parse_xml(text.encode(), name=name), name)[1]


def said(verb: str, *patterns: str, kind: str = "File", more: str = "") -> str:
    """Spell an include, exclude … of patterns of one kind; ``more`` is a further attribute."""
    lines = "".join(f'<pattern type="{kind}">{escape(each)}</pattern>' for each in patterns)
    return f"<{verb} {more}><objectSet>{lines}</objectSet></{verb}>" if lines else ""


def component(
    include: Iterable[str] = (),
    exclude: Iterable[str] = (),
    never: Iterable[str] = (),
    context: str = "UserAndSystem",
    kind: str = "File",
    name: str = "c",
) -> str:
    """Spell a component with patterns of one kind."""
    rules = said("include", *include, kind=kind) + said("exclude", *exclude, kind=kind)
    never_taken = said("unconditionalExclude", *never, kind=kind)
    return wrapped(rules + never_taken, context=context, name=name)


def wrapped(*rules: str, context: str = "UserAndSystem", name: str = "c", before: str = "") -> str:
    """Spell a component around the inside of its ``rules`` elements; ``before`` stands in front of its role."""
    inside = "".join(f"<rules>{each}</rules>" for each in rules)
    return (
        f'<component type="Documents" context="{context}"><displayName>{name}</displayName>'
        f'{before}<role role="Data">{inside}</role></component>'
    )


def user(name: str, rid: int = 1001, domain: str = "PC", profile: str = "") -> User:
    """Make a user of the machine PC."""
    where = WinPath.parse(profile or rf"C:\Users\{name}")
    return User(f"S-1-5-21-1-2-3-{rid}", name, domain, where, "ok")


def disk(
    files: Mapping[str, bytes | FakeFile | None], drive: str = "C:", fixed: bool = True
) -> Mount:
    """Make a volume with a letter."""
    info = VolumeInfo(f"VOL{drive[0]}", 0, 1, 0, 1 << 30, 512, "ntfs")
    return mount(FakeFilesystem(files, info), drive, fixed)


def mount(filesystem: Filesystem, drive: str = "C:", fixed: bool = True) -> Mount:
    """Give a file system a letter."""
    return Mount(WinPath(drive), filesystem, filesystem.root, fixed)


MACHINE = {
    "WINDIR": r"C:\Windows",
    "PROFILESFOLDER": r"C:\Users",
    "PROGRAMFILES": r"C:\Program Files",
}


def registry(hives: Mapping[str, Mapping[str, Mapping[str, object]] | Hive | None]) -> Registry:
    r"""Mount hives: ``{r"HKLM\SOFTWARE": {r"Vendor\App": {"Name": "text"}}}``."""
    made = {
        mount: FakeHive(keys) if isinstance(keys, Mapping) else keys
        for mount, keys in hives.items()
    }
    return Registry({upcase(mount): partial(made.get, mount) for mount in made})


def scene(
    mounts: Iterable[Mount], users: Iterable[User] = (), hives: Registry | None = None
) -> Scene:
    """Put volumes, hives and users together, with the variables that the rules of these tests use."""
    profiles = tuple(
        Profile(each, {"USERPROFILE": str(each.profile), "USERNAME": each.name}) for each in users
    )
    return Scene(Namespace(mounts), profiles, MACHINE, hives or Registry({}))


def selection(
    rules: RuleSet | str,
    mounts: Iterable[Mount],
    users: Iterable[User] = (),
    absent: Iterable[User] = (),
    observer: Observer | None = None,
    hives: Registry | None = None,
    config: Migrates | None = None,
) -> Selection:
    """Select with the users that come and those that do not."""
    users, absent = tuple(users), tuple(absent)
    choices = [Choice(each, selected=True) for each in users]
    choices += [Choice(each, selected=False, switch=f"/ue:{each.name}") for each in absent]
    found = rules if isinstance(rules, RuleSet) else rule_set(rules)
    where = scene(mounts, (*users, *absent), hives)
    return select(where, activate(found, where, users, config), choices, observer)


def rows(found: Iterable[Row]) -> dict[str, Row]:
    """Return rows by path, and make sure that no object is told of twice."""
    by_path: dict[str, Row] = {}
    for row in found:
        assert str(row.path) not in by_path, f"told twice: {row.path}"
        by_path[str(row.path)] = row
    return by_path


def chosen(found: Iterable[Row]) -> set[str]:
    """Return the paths that are taken."""
    return {str(row.path) for row in found if isinstance(row, Selected) and row.chosen}


def warnings(made: Selection) -> list[str]:
    """Return the warnings of a selection."""
    notes = (*made.activation.notes, *made.notes)
    return [note.message for note in notes if note.level == "warning"]
