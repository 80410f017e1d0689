"""Small machines and small rule files for activation, said in a line or two."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from extractor.evaluate.activate import Choice, activate
from extractor.evaluate.active import Activation
from extractor.evaluate.scene import Profile, Scene
from extractor.model import User, VolumeInfo, WinPath
from extractor.registry import Registry
from extractor.rules.migxml import parse_migxml
from extractor.rules.model import RuleSet, Verb
from extractor.testing import FakeFile, FakeFilesystem, FakeHive
from extractor.windows.namespace import Mount, Namespace
from extractor.xmlfile import parse_xml

Files = Mapping[str, bytes | FakeFile | None]
Keys = Mapping[str, Mapping[str, object]]

TRUE = "<condition>MigXmlHelper.IsNative64Bit()</condition>"
FALSE = "<condition>MigXmlHelper.IsUpgrade()</condition>"
MACHINE = {
    "WINDIR": r"C:\Windows",
    "SYSTEMROOT": r"C:\Windows",
    "PROFILESFOLDER": r"C:\Users",
    "PROGRAMFILES": r"C:\Program Files",
}


def user(name: str, rid: int = 1001) -> User:
    """Make a user of the machine PC."""
    return User(f"S-1-5-21-1-2-3-{rid}", name, "PC", WinPath("C:", ("Users", name)), "ok")


BOB, ANNA = user("bob", 1001), user("anna", 1002)


def scene(
    files: Files | None = None,
    keys: Keys | None = None,
    users: Iterable[User] = (),
    hives: Mapping[str, Keys] | None = None,
    removable: Files | None = None,
    version: str = "10.0.19045.0",
    variables: Mapping[str, str] = MACHINE,
) -> Scene:
    r"""Make a Windows: ``files`` of C:, ``keys`` of HKLM\SOFTWARE, ``hives`` by mount, a removable E:."""
    mounts = [_mount(files or {}, "C:", fixed=True)]
    if removable is not None:
        mounts.append(_mount(removable, "E:", fixed=False))
    given = {r"HKLM\SOFTWARE": keys or {}, **(hives or {})}
    registry = Registry({at: _opener(FakeHive(content)) for at, content in given.items()})
    profiles = tuple(Profile(each, _own(each)) for each in users)
    return Scene(Namespace(mounts), profiles, variables, registry, version, is_64bit=True)


def _own(whose: User) -> Mapping[str, str]:
    profile = str(whose.profile)
    return {
        "USERPROFILE": profile,
        "USERNAME": whose.name,
        "APPDATA": rf"{profile}\AppData\Roaming",
    }


def _mount(files: Files, drive: str, *, fixed: bool) -> Mount:
    info = VolumeInfo(f"VOL{drive[0]}", 0, 1, 0, 1 << 30, 512, "ntfs")
    filesystem = FakeFilesystem(files, info)
    return Mount(WinPath(drive), filesystem, filesystem.root, fixed)


def _opener(hive: FakeHive) -> Callable[[], FakeHive]:
    return lambda: hive


def rule_set(body: str, name: str = "test.xml", urlid: str = "urn:test") -> RuleSet:
    """Read the inside of a <migration>."""
    text = f'<migration urlid="{urlid}">{body}</migration>'
    return parse_migxml(parse_xml(text.encode(), name=name), name)[1]


def pattern(text: str, kind: str = "File") -> str:
    """Spell a pattern."""
    return f'<pattern type="{kind}">{text}</pattern>'


def said(verb: str, *patterns: str, kind: str = "File", attributes: str = "") -> str:
    """Spell an include, exclude … of patterns in one objectSet."""
    inside = "".join(pattern(each, kind) for each in patterns)
    return f"<{verb} {attributes}><objectSet>{inside}</objectSet></{verb}>"


def rules(*includes: str, context: str = "UserAndSystem") -> str:
    """Spell a ``rules`` element that includes files."""
    return f'<rules context="{context}">{said("include", *includes)}</rules>'


def component(inside: str, context: str = "UserAndSystem", name: str = "c") -> str:
    """Spell a component around its environments and roles."""
    return (
        f'<component type="Application" context="{context}"><displayName>{name}</displayName>'
        f"{inside}</component>"
    )


def role(inside: str, kind: str = "Settings") -> str:
    """Spell a role."""
    return f'<role role="{kind}">{inside}</role>'


def ruled(inside: str, context: str = "UserAndSystem", name: str = "c", before: str = "") -> str:
    """Spell a component with one role and one ``rules``; ``before`` stands in front of the rules."""
    return component(role(f"{before}<rules>{inside}</rules>"), context, name)


def met(
    body: str | RuleSet,
    on: Scene | None = None,
    users: Sequence[User] = (),
    config: Choice | None = None,
) -> Activation:
    """Activate rules on a machine."""
    found = rule_set(body) if isinstance(body, str) else body
    return activate(found, on or scene(users=users), users, config)


def includes(made: Activation, scope: str = "") -> list[str]:
    """Return the include patterns of a frame as they were written."""
    return sorted(
        each.text for each in made.rules if each.verb is Verb.INCLUDE and each.scope == scope
    )


def nodes(made: Activation, scope: str = "") -> list[str]:
    """Return the compiled patterns of a frame, stars shown."""
    shown = []
    for each in made.rules:
        if each.scope == scope:
            leaf = each.location.leaf
            ending = "" if leaf is None else f"[{'*'.join(leaf.pieces)}]"
            shown.append("*".join(each.location.node.pieces) + ending)
    return sorted(shown)


def told(made: Activation, level: str = "warning") -> list[str]:
    """Return the notes of one level."""
    return [note.message for note in made.notes if note.level == level]
