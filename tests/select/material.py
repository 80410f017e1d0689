"""Small machines and small rule files, said in a line or two."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from extractor.events import Observer
from extractor.model import Selected, User, VolumeInfo, WinPath
from extractor.rules.migxml import parse_migxml
from extractor.rules.model import RuleSet
from extractor.seams import Filesystem
from extractor.select import Choice, Mount, Profile, Scene, Selection, Unreadable, select
from extractor.testing import FakeFile, FakeFilesystem
from extractor.xmlfile import parse_xml

Row = Selected | Unreadable


def rule_set(body: str, name: str = "test.xml", urlid: str = "urn:test") -> RuleSet:
    """Read the inside of a <migration>."""
    text = f'<migration urlid="{urlid}">{body}</migration>'
    return parse_migxml(parse_xml(text.encode(), name=name), name)[1]


def component(
    include: Iterable[str] = (),
    exclude: Iterable[str] = (),
    never: Iterable[str] = (),
    context: str = "UserAndSystem",
) -> str:
    """Spell a component with file patterns."""

    def spelled(verb: str, patterns: Iterable[str]) -> str:
        lines = "".join(f'<pattern type="File">{each}</pattern>' for each in patterns)
        return f"<{verb}><objectSet>{lines}</objectSet></{verb}>" if lines else ""

    rules = spelled("include", include) + spelled("exclude", exclude)
    rules += spelled("unconditionalExclude", never)
    return (
        f'<component type="Documents" context="{context}"><displayName>c</displayName>'
        f'<role role="Data"><rules>{rules}</rules></role></component>'
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


def scene(mounts: Iterable[Mount], users: Iterable[User] = ()) -> Scene:
    """Put volumes and users together, with the variables that the rules of these tests use."""
    profiles = tuple(
        Profile(each, {"USERPROFILE": str(each.profile), "USERNAME": each.name}) for each in users
    )
    return Scene(tuple(mounts), profiles, MACHINE)


def selection(
    rules: RuleSet | str,
    mounts: Iterable[Mount],
    users: Iterable[User] = (),
    absent: Iterable[User] = (),
    observer: Observer | None = None,
) -> Selection:
    """Select with the users that come and those that do not."""
    users, absent = tuple(users), tuple(absent)
    choices = [Choice(each, selected=True) for each in users]
    choices += [Choice(each, selected=False, switch=f"/ue:{each.name}") for each in absent]
    found = rules if isinstance(rules, RuleSet) else rule_set(rules)
    return select(scene(mounts, (*users, *absent)), found, choices, observer)


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
    return [note.message for note in made.notes if note.level == "warning"]
