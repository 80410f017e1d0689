"""The built-in pack: what a user would miss is taken, by the component that says so; junk and programs are not.

``pack_table`` says for each component what lies where on a real Windows; here that is held against the pack. The rest
are machines as people have them: redirected to OneDrive, to another drive, to a server, XP, other people's profiles.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache

import pytest

import sample_images
from extractor.cli.lint import BUILT_IN
from extractor.evaluate import Activation, ActiveRule, Profile, Scene
from extractor.evaluate.activate import activate
from extractor.explain.ungated import ungated
from extractor.model import Reparse, Selected, User, WinPath
from extractor.opening import Request, open_windows
from extractor.registry import Registry
from extractor.rules import builtin_rules
from extractor.rules.config import parse_config
from extractor.rules.lint import lint
from extractor.rules.model import Component, Condition, Gate, Group, Pattern, RuleSet, Verb
from extractor.rules.patterns import PatternKind
from extractor.select import Choice, select
from extractor.testing import FakeFile
from extractor.windows.namespace import Namespace
from extractor.windows.variables import base_variables, machine_variables, profile_variables
from extractor.xmlfile import parse_xml
from tests.select.material import Row, chosen, disk, registry, rows, user
from tests.select.pack_table import ROWS, SID, Thing, thing
from tests.select.pack_table import Row as Expected

ANNA, BOB, CARL = user("anna", 1001), user("bob", 1002), user("carl", 1003)
ELEVEN, SEVEN, XP = "10.0.22631.0", "6.1.7601.1", "5.1.2600.3"
SHELL = r"Software\Microsoft\Windows\CurrentVersion\Explorer\User Shell Folders"
JUNCTION = FakeFile(directory=True, reparse=Reparse(0xA0000003, b"", r"C:\Users"))
ALWAYS = {
    "Application data of other programs", "Files and folders beside Windows", "Never taken",
    "Other files in the profile", "Outlook data files on other drives and in ProgramData",
}  # fmt: skip
"""Components without detection: what they speak of is on every machine."""
WHOLESALE = (
    "Application data of other programs", "Application data of all users", "Other files in the profile",
    "Store apps",
)  # fmt: skip
"""Components that take what no other one names."""

Content = bytes | FakeFile | None


@cache
def pack() -> RuleSet:
    return builtin_rules()


# --- machines -------------------------------------------------------------------------------------


def machine(
    things: Iterable[Thing] = (),
    *,
    version: str = ELEVEN,
    users: tuple[User, ...] = (ANNA,),
    folders: Mapping[User, Mapping[str, str]] | None = None,
    more: Mapping[str, Content] | None = None,
) -> Scene:
    """Make a Windows of these objects; ``folders`` are values of User Shell Folders, ``more`` further files."""
    drives: dict[str, dict[str, Content]] = {"C:": {"Windows": None}, "D:": {}}
    for whose in users:
        _put(drives, str(whose.profile), None)
    for path, content in (more or {}).items():
        _put(drives, path, content)
    values: list[Thing] = []
    for each in things:
        if each.is_value:
            values.append(each)
        else:
            _put(drives, each.path, b"x")
    known = _hives(values, users, folders or {})
    base = base_variables(WinPath.parse(r"C:\Windows"))
    system = machine_variables(known, base, version)
    profiles = tuple(
        Profile(each, profile_variables(known, system, each.profile, each.sid, version))
        for each in users
    )
    mounts = [disk(files, drive) for drive, files in drives.items()]
    return Scene(Namespace(mounts), profiles, system, known, version)


def _put(drives: dict[str, dict[str, Content]], path: str, content: Content) -> None:
    drive, _, rest = path.partition("\\")
    if content is not None or rest not in drives[drive]:
        drives[drive][rest] = content


def _hives(
    values: Iterable[Thing], users: Iterable[User], folders: Mapping[User, Mapping[str, str]]
) -> Registry:
    hives: dict[str, dict[str, dict[str, object]]] = {
        r"HKLM\SOFTWARE": {}, r"HKLM\SYSTEM": {"Select": {"Current": 1}}, r"HKLM\SAM": {},
    }  # fmt: skip
    for whose in users:
        hives[rf"HKU\{whose.sid}"] = {SHELL: dict(folders[whose])} if whose in folders else {}
        hives[rf"HKU\{whose.sid}_CLASSES"] = {}
    for each in values:
        key, _, name = each.path.rpartition(r"\[")
        hive, inside = _place(key)
        hives[hive].setdefault(inside, {})[name.removesuffix("]")] = _data(each.data)
    return registry(hives)


def _place(key: str) -> tuple[str, str]:
    root, hive, *parts = key.split("\\")
    if root == "HKU" and list(map(str.upper, parts[:2])) == ["SOFTWARE", "CLASSES"]:
        return rf"{root}\{hive}_CLASSES", "\\".join(parts[2:])
    if parts and parts[0].upper() == "CURRENTCONTROLSET":
        parts[0] = "ControlSet001"
    return rf"{root}\{hive}", "\\".join(parts)


def _data(text: str) -> object:
    bare = text.removeprefix("utf-16:")
    return f"{bare}\0".encode("utf-16-le") if bare != text else text or "text"


def selected(
    scene: Scene,
    activation: Activation | None = None,
    absent: Iterable[User] = (),
) -> dict[str, Row]:
    """Return the rows of a scan with the pack, or with rules that are active already, by path."""
    away = set(absent)
    coming = [each.user for each in scene.profiles if each.user not in away]
    active = activation or activate(pack(), scene, coming)
    choices = [Choice(each.user, each.user not in away, "/ue:x") for each in scene.profiles]
    return rows(select(scene, active, choices))


def taken(scene: Scene, activation: Activation | None = None) -> set[str]:
    return chosen(selected(scene, activation).values())


def is_taken(row: Row) -> bool:
    return isinstance(row, Selected) and row.chosen


def warnings(activation: Activation) -> list[str]:
    return [note.message for note in activation.notes if note.level == "warning"]


def paths(things: Iterable[Thing]) -> set[str]:
    return {each.path for each in things}


@cache
def everything() -> tuple[Scene, Activation]:
    """Return a machine that has all objects of the table, and what the pack means on it."""
    scene = machine(each for row in ROWS.values() for each in row.things)
    return scene, activate(pack(), scene, [ANNA])


@cache
def taken_of_everything() -> set[str]:
    return taken(*everything())


# --- the pack as a whole --------------------------------------------------------------------------


def test_every_component_has_a_row_and_every_row_a_component() -> None:
    assert {each.name for each in pack().components} == set(ROWS)
    assert {name for name, row in ROWS.items() if not row.taken} == {"Never taken"}


def test_names_and_urlids_are_unique_and_the_files_are_free_of_warnings() -> None:
    names = [each.name for each in pack().components]
    assert sorted(names) == sorted(set(names))
    urlids = [each.urlid for each in pack().files]
    assert sorted(urlids) == sorted(set(urlids))
    assert lint(pack(), BUILT_IN) == ()


def test_every_component_is_detected_but_for_what_is_always_there() -> None:
    always = {each.name for each in pack().components if not all(r.gate for r in each.roles)}
    assert always == ALWAYS
    bare = activate(pack(), machine(), [ANNA])
    assert {each.component.name for each in bare.meetings if each.present} == ALWAYS
    assert warnings(bare) == []


@pytest.mark.parametrize("version", [ELEVEN, SEVEN, XP])
def test_the_pack_speaks_without_warnings_of_every_windows(version: str) -> None:
    things = [each for row in ROWS.values() for each in row.things]
    assert warnings(activate(pack(), machine(things, version=version), [ANNA])) == []
    assert warnings(everything()[1]) == []


# --- component by component -----------------------------------------------------------------------


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_a_component_takes_what_is_its_own(row: Expected) -> None:
    """With its own objects alone it is there, and takes them without help of the other components."""
    scene = machine(row.things)
    (component,) = [each for each in pack().components if each.name == row.component]
    alone = activate(RuleSet((component,)), scene, [ANNA])
    assert any(each.present for each in alone.meetings)
    found = taken(scene, alone)
    assert sorted(paths(row.taken) - found) == []
    assert sorted(paths(row.left) & found) == []


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_together_they_take_it_and_nothing_brings_back_what_one_leaves(row: Expected) -> None:
    assert sorted(paths(row.taken) - taken_of_everything()) == []
    assert sorted(paths(row.left) & taken_of_everything()) == []


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_what_is_switched_off_does_not_come_by_another_way(row: Expected) -> None:
    _, activation = everything()
    others = tuple(each for each in activation.rules if each.component != row.component)
    without = taken(machine(row.things), replace(activation, rules=others))
    assert sorted(paths(row.alone) & without) == []
    assert sorted(paths(row.shared) - without) == []


def test_config_xml_switches_one_component_off() -> None:
    (chrome,) = [each for each in pack().components if each.name == "Google Chrome"]
    text = (
        f'<Configuration><Applications><component displayname="Google Chrome" migrate="no"'
        f' ID="{chrome.id_of(chrome.roles[0])}"/></Applications></Configuration>'
    )
    config = parse_config(parse_xml(text.encode(), name="Config.xml"), "Config.xml")
    assert not list(config.unmatched(pack().components))
    scene, _ = everything()
    found = taken(scene, activate(pack(), scene, [ANNA], config))
    missing = taken_of_everything() - found
    assert paths(ROWS["Google Chrome"].taken) <= missing
    assert all(r"\Google\Chrome" in path for path in missing)


# --- line by line ---------------------------------------------------------------------------------


def patterns(component: Component, verb: Verb) -> Iterator[Pattern]:
    for role in component.roles:
        for rules in role.rules:
            for rule in rules.rules:
                if rule.verb is verb:
                    yield from (
                        item for s in rule.sets for item in s.items if isinstance(item, Pattern)
                    )


def asked_for(component: Component) -> set[str]:
    """Return the locations whose existence makes a component known."""

    def of(gate: Gate | None) -> Iterator[str]:
        if isinstance(gate, Condition) and gate.call.function == "DoesObjectExist":
            yield key_of(gate.call.argument(1))
        for member in gate.members if isinstance(gate, Group) else ():
            yield from of(member)

    return {each for role in component.roles for each in of(role.gate)}


def key_of(pattern: str) -> str:
    r"""Return a pattern for comparison: ``X\* [*]`` is what lies in the folder X."""
    return re.sub(r"\\\* \[\*\]$", "", pattern).upper()


def file_patterns(component: Component, verb: Verb) -> dict[str, str]:
    found = (each for each in patterns(component, verb) if each.kind is PatternKind.FILE)
    return {key_of(each.text): each.text for each in found}


JUNK = re.compile(
    r"TEMP\b|TEMPSTATE|TEMPORARY INTERNET FILES|CACHE|\\WER$|CRASHDUMPS|CRASHPAD|\\WINDOWSAPPS$|GO-BUILD"
    r"|APPDATA%\\(MICROSOFT|SOFTWAREDISTRIBUTION|USOPRIVATE|USOSHARED)$|\\SETUP$|\\DOWNLOADER$"
)
"""What a line for junk names."""


def test_a_folder_that_is_left_to_another_component_makes_that_one_known() -> None:
    """So nothing falls between two: not when a program was removed, nor when its keys are gone."""
    includes = {each.name: file_patterns(each, Verb.INCLUDE) for each in pack().components}
    lost = []
    for component in pack().components:
        for key, text in file_patterns(component, Verb.EXCLUDE).items():
            if component.name not in WHOLESALE:
                continue
            takers = [
                each
                for each in pack().components
                if each is not component and key in includes[each.name]
            ]
            if any(each.name in ALWAYS or key in asked_for(each) for each in takers):
                continue
            known_folder = re.fullmatch(r"%(CSIDL|FOLDERID)_\w+%", key) and takers
            if not known_folder and (takers or not JUNK.search(key)):
                lost.append(f"{component.name}: {text}")
    assert lost == []


def test_the_folders_of_a_component_are_left_to_it() -> None:
    """So a Config.xml that says no to it leaves them behind."""
    left = {
        key
        for each in pack().components
        if each.name in WHOLESALE
        for key in file_patterns(each, Verb.EXCLUDE)
    }
    elsewhere = ("%CSIDL_PERSONAL%", "%CSIDL_FONTS%", r"%USERPROFILE%\* [*.")
    shared = []
    for component in pack().components:
        for key, text in file_patterns(component, Verb.INCLUDE).items():
            if component.name in WHOLESALE or not re.match("%(USERPROFILE|CSIDL_)", key):
                continue
            if re.match("%CSIDL_(COMMON_(?!APPDATA)|PROGRAM)", key) or text.startswith(elsewhere):
                continue
            if not any(key == each or key.startswith((f"{each}\\", f"{each} [")) for each in left):
                shared.append(f"{component.name}: {text}")
    assert shared == []


NARROWER = re.compile(
    r"\\EXTENSIONS$|\\LOCALHISTORY$|^%CSIDL_PERSONAL%|^%USERPROFILE%\\\* \[\*\.|\\EXPLORER \[|MOUNTPOINTS2"
)
"""Includes that need no question: they stand inside another of the component, or are no sign of the program."""


def test_whatever_a_component_would_take_makes_it_known() -> None:
    unasked = [
        f"{each.source}: {each.text}"
        for component in pack().components
        if component.name not in ALWAYS
        for each in patterns(component, Verb.INCLUDE)
        if key_of(each.text) not in asked_for(component) and not NARROWER.search(key_of(each.text))
    ]
    assert unasked == []


def example(rule: ActiveRule) -> str:
    """Return an object that a pattern speaks of, with a name wherever it has a star; empty for a bare folder."""
    node, leaf = "any".join(rule.location.node.pieces), rule.location.leaf
    node = node if node.endswith("\\") else f"{node}\\"
    node = node.replace(SID.upper(), SID).replace(":any", r":\any")
    node = node if ":" in node or node.startswith("HK") else rf"D:\{node}"
    if rule.kind is PatternKind.REGISTRY:
        return f"{node}[{'any'.join(leaf.pieces)}]" if leaf else node.rstrip("\\")
    return node + "any".join(leaf.pieces) if leaf else ""


@cache
def every_line() -> tuple[Activation, dict[str, tuple[Verb, str, str]], set[str]]:
    """Return the rules without their gates, an object for each of their patterns, and which objects they take."""
    scene = machine()
    open_rules = activate(ungated(pack()), scene, [ANNA])
    objects: dict[str, tuple[Verb, str, str]] = {}
    for rule in sorted(open_rules.rules, key=lambda each: each.source):
        path = example(rule)
        if path:
            line = f"{rule.source} {rule.verb} {rule.text}"
            objects[line] = (rule.verb, rule.component, path)
    full = machine(Thing(path) for _, _, path in objects.values())
    found = {each.upper() for each in taken(full, open_rules)}
    return open_rules, objects, found


def test_every_include_of_the_pack_takes_what_it_names() -> None:
    _, objects, found = every_line()
    lost = [line for line, (verb, _, path) in objects.items()
            if verb is Verb.INCLUDE and path.upper() not in found]  # fmt: skip
    assert lost == []
    assert len(objects) > 1500


DOCKERS = ("Windows Subsystem for Linux", r"%CSIDL_LOCAL_APPDATA%\Docker\wsl")
"""Excludes of what a narrower include of the same component would bring, and another component owns as a whole."""


def test_what_a_component_excludes_comes_by_no_other_but_its_owner() -> None:
    """An exclude leaves a folder to the component that includes that very pattern, or keeps its objects out."""
    _, objects, found = every_line()
    owned = {path.upper() for verb, _, path in objects.values() if verb is Verb.INCLUDE}
    back = [
        line
        for line, (verb, component, path) in objects.items()
        if verb is not Verb.INCLUDE and path.upper() in found - owned
        if not (component == DOCKERS[0] and DOCKERS[1] in line)
    ]
    assert back == []


# --- folders that are somewhere else --------------------------------------------------------------


def test_known_folders_that_onedrive_took_over_come_as_what_they_are() -> None:
    cloud = r"%USERPROFILE%\OneDrive - Contoso"
    moved = {
        "Personal": rf"{cloud}\Documents",
        "Desktop": rf"{cloud}\Desktop",
        "My Pictures": rf"{cloud}\Pictures",
    }
    things = [
        thing(rf"~\OneDrive - Contoso\{each}")
        for each in (r"Documents\budget.xlsx", r"Desktop\list.txt", r"Pictures\a.jpg", "loose.docx")
    ]
    things += [thing(r"~\Documents\left behind.txt"), thing(r"~\Desktop\left behind.txt")]
    scene = machine(things, folders={ANNA: moved})
    activation = activate(pack(), scene, [ANNA])
    assert paths(things) <= taken(scene, activation)
    assert warnings(activation) == []
    assert takers(scene, activation, things) == [
        "Documents", "Desktop", "Pictures", "OneDrive",
        "Other files in the profile", "Other files in the profile",
    ]  # fmt: skip


def takers(scene: Scene, activation: Activation, things: Iterable[Thing]) -> list[str]:
    """Return the component whose rule decides each object."""
    components = {rule.source: rule.component for rule in activation.rules}
    found = selected(scene, activation)
    return [components[found[each.path].rule] for each in things]


def test_documents_on_another_drive_are_the_users_and_come_once() -> None:
    letter = Thing(r"D:\Docs\anna\letter.doc")
    scene = machine([letter], folders={ANNA: {"Personal": r"D:\Docs\anna"}})
    found = selected(scene)
    assert is_taken(found[letter.path])
    row = found[letter.path]
    assert isinstance(row, Selected)
    assert row.scope == SID


@pytest.mark.parametrize("folder", ["Personal", "Desktop", "My Pictures", "My Music", "My Video"])
def test_a_known_folder_that_is_a_whole_drive_takes_neither_windows_nor_other_people(
    folder: str,
) -> None:
    good = [Thing(r"C:\Projects\plan.txt"), thing(r"~\Documents\letter.docx")]
    bad = [thing(r"W\explorer.exe"), thing(r"PF\Acme\acme.exe"), thing(r"L\Temp\x.tmp")]
    bad.append(Thing(r"C:\Users\carl\secret.txt"))
    scene = machine([*good, *bad], users=(ANNA, CARL), folders={ANNA: {folder: "C:\\"}})
    found = selected(scene, absent=[CARL])
    assert [each.path for each in good if not is_taken(found[each.path])] == []
    assert [each.path for each in bad if each.path in found and is_taken(found[each.path])] == []


@pytest.mark.parametrize(
    "folders",
    [
        {"Personal": HOME_OF_ALL, "Desktop": HOME_OF_ALL, "My Pictures": HOME_OF_ALL}
        for HOME_OF_ALL in (r"%USERPROFILE%", r"D:\One folder", r"%USERPROFILE%\Documents")
    ]
    + [
        {"My Pictures": r"D:\Data", "Personal": r"D:\Data\Documents"},
        {"Personal": r"D:\Data", "My Pictures": r"D:\Data\Pictures", "Favorites": r"D:\Data\Fav"},
        {"AppData": r"D:\Data\Roaming", "Local AppData": r"D:\Data\Local"},
    ],
)
def test_nothing_falls_between_folders_that_lie_in_each_other(folders: dict[str, str]) -> None:
    things = [
        thing(each)
        for each in (
            r"~\a.txt", r"~\Own\b.txt", r"~\Documents\c.txt", r"~\Pictures\d.jpg", r"D:\Data\e.txt",
            r"D:\Data\Documents\f.txt", r"D:\Data\Pictures\g.jpg", r"D:\Data\Fav\h.url",
            r"D:\One folder\i.txt", r"R\Acme\j.ini", r"L\Acme\k.ini", r"D:\Data\Roaming\Acme\l.ini",
            r"D:\Data\Local\Acme\m.ini", r"~\.ssh\id_rsa", r"R\Mozilla\Firefox\profiles.ini",
        )
    ]  # fmt: skip
    assert sorted(paths(things) - taken(machine(things, folders={ANNA: folders}))) == []


def test_a_folder_on_a_server_is_a_component_that_is_not_there() -> None:
    """``select.warnings_of`` names the folder; the pack has nothing to add, and loses nothing of what is here."""
    scene = machine([thing(r"~\Pictures\left.jpg")], folders={ANNA: {"My Pictures": r"\\srv\anna"}})
    activation = activate(pack(), scene, [ANNA])
    assert warnings(activation) == []
    assert "Pictures" not in {each.component.name for each in activation.meetings if each.present}
    assert r"C:\Users\anna\Pictures\left.jpg" in taken(scene, activation)


# --- other people, other Windows ------------------------------------------------------------------


def test_each_object_belongs_to_its_owner_and_who_does_not_come_is_one_row() -> None:
    dora = user("dora", 1004, profile=r"D:\Profiles\dora")
    mine = {
        r"C:\Users\anna\Desktop\todo.txt": ANNA.sid,
        r"D:\Local\bob\Acme\a.ini": BOB.sid,
        r"D:\Profiles\dora\a.txt": dora.sid,
        r"C:\Users\Public\Documents\shared.txt": "",
        r"D:\Films\a.mkv": "",
        r"C:\ProgramData\Acme\licence.dat": "",
    }
    junk = [
        r"D:\Profiles\dora\AppData\Local\Temp\t.tmp",
        r"D:\Local\bob\Temp\t.tmp",
        r"C:\Users\carl\secret.txt",
        r"C:\Users\nobody\Documents\whose.txt",
    ]
    scene = machine(
        [Thing(path) for path in (*mine, *junk)],
        users=(ANNA, BOB, CARL, dora),
        folders={BOB: {"Local AppData": r"D:\Local\bob"}},
    )
    found = selected(scene, absent=[CARL])
    assert {path: row.scope for path, row in found.items() if path in mine} == mine
    assert [path for path in mine if not is_taken(found[path])] == []
    assert [path for path in junk if path in found and is_taken(found[path])] == []
    assert [path for path in found if "carl" in path] == [r"C:\Users\carl"]
    carl, nobody = found[r"C:\Users\carl"], found[r"C:\Users\nobody"]
    assert carl.reason == "user not selected (/ue:x)"
    assert nobody.rule.startswith("builtin/documents.xml:")


WHOLE = [
    r"C:\Windows", r"C:\Program Files", r"C:\Program Files (x86)", r"C:\Windows.old",
    r"C:\$Recycle.Bin", r"C:\System Volume Information", r"C:\$WINDOWS.~BT", r"C:\PerfLogs",
    r"C:\Recovery", r"C:\Config.Msi", r"C:\Boot", r"C:\Users\Default", r"D:\$RECYCLE.BIN", r"D:\Windows",
    r"D:\Program Files", r"C:\ProgramData\Microsoft", r"C:\ProgramData\Package Cache",
]  # fmt: skip


@pytest.mark.parametrize("path", WHOLE)
def test_folders_that_are_nobodys_data_are_one_row_that_names_a_line(path: str) -> None:
    found = selected(machine([Thing(rf"{path}\deep\file.bin")]))
    assert not is_taken(found[path])
    assert found[path].rule.startswith("builtin/")
    assert rf"{path}\deep" not in found


def test_what_is_left_out_as_junk_is_named_by_its_own_line() -> None:
    found = selected(*everything())
    for text, words in {
        r"L\Temp\x.tmp": r"%CSIDL_LOCAL_APPDATA%\Temp\* [*]",
        r"L\Microsoft\Windows\Explorer\thumbcache_96.db": "[thumbcache_*.db]",
        r"L\Google\Chrome\User Data\Default\Cache\Cache_Data\f_000001": r"Data\*\Cache\* [*]",
        r"L\Google\Chrome\User Data\Profile 1\Code Cache\js\index": r"Data\*\Code Cache\* [*]",
        r"R\Bitcoin\blocks\blk00000.dat": r"\Bitcoin\blocks\* [*]",
        r"L\Docker\wsl\main\ext4.vhdx": r"\Docker\wsl\main\* [*]",
    }.items():
        row = found[thing(text).path]
        assert not is_taken(row)
        assert words in row.reason
        assert row.rule.startswith("builtin/")


def test_the_compatibility_junction_is_left_out_by_name_and_a_real_folder_comes() -> None:
    found = selected(machine(more={r"C:\Documents and Settings": JUNCTION}))
    row = found[r"C:\Documents and Settings"]
    assert (row.kind.value, is_taken(row)) == ("link", False)
    assert row.rule.startswith("builtin/documents.xml:")
    real = Thing(r"D:\Documents and Settings\otto\My Documents\old.doc")
    assert real.path in taken(machine([real]))


def test_xp_keeps_things_elsewhere() -> None:
    home, shared = r"C:\Documents and Settings\anna", r"C:\Documents and Settings\All Users"
    anna = user("anna", 1001, profile=home)
    good = {
        rf"{home}\My Documents\letter.doc": "Documents",
        rf"{home}\My Documents\My Pictures\a.jpg": "Pictures",
        rf"{home}\Favorites\a.url": "Favorites",
        rf"{home}\Own folder\a.txt": "Other files in the profile",
        rf"{home}\Application Data\Acme\a.ini": "Application data of other programs",
        rf"{home}\Local Settings\Application Data\Acme\a.db": "Application data of other programs",
        rf"{home}\Application Data\Microsoft\Address Book\anna.wab": "Outlook Express and the address book",
        rf"{home}\Local Settings\Application Data\Identities\{{1}}\Inbox.dbx": (
            "Outlook Express and the address book"
        ),
        rf"{home}\Local Settings\Application Data\Microsoft\Outlook\Outlook.pst": "Outlook",
        rf"{home}\Application Data\Mozilla\Firefox\profiles.ini": "Firefox",
        rf"{home}\Cookies\a.txt": "Internet Explorer and the first Edge",
        rf"{home}\Start Menu\Programs\a.lnk": "Start menu of the user",
        rf"{home}\NTUSER.DAT": "Registry hives of the user",
        rf"{shared}\Documents\a.doc": "Public profile",
        rf"{shared}\Application Data\Acme\licence.dat": "Application data of all users",
    }
    junk = [
        rf"{home}\Local Settings\Temp\x.tmp",
        rf"{home}\Local Settings\Temporary Internet Files\Content.IE5\A\a.htm",
        r"C:\Documents and Settings\Default User\a.txt",
        r"C:\WINDOWS\explorer.exe",
    ]
    scene = machine([Thing(path) for path in (*good, *junk)], version=XP, users=(anna,))
    activation = activate(pack(), scene, [anna])
    assert warnings(activation) == []
    assert dict(zip(good, takers(scene, activation, map(Thing, good)), strict=True)) == good
    found = taken(scene, activation)
    assert sorted(set(good) - found) == []
    assert sorted(set(junk) & found) == []


# --- disks ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["apps", "desk", "solo", "three"])
def test_the_pack_has_nothing_to_warn_of_on_the_sample_disks(name: str) -> None:
    request = Request((sample_images.unpack(name),))
    with open_windows(request, lambda _event: None) as found:
        assert [warnings(each.activation) for each in found] == [[]]


def test_on_the_disk_of_applications_each_thing_is_taken_by_its_component() -> None:
    alice, bob = r"C:\Users\alice", r"C:\Users\bob"
    hive = r"HKU\S-1-5-21-1442695040-2891336453-1013904223-1001"
    expected = {
        rf"{alice}\AppData\Local\Google\Chrome\User Data\Profile 1\Login Data": "Google Chrome",
        rf"{alice}\AppData\Local\Microsoft\Edge\User Data\Default\Bookmarks": "Microsoft Edge",
        rf"{alice}\AppData\Roaming\Thunderbird\profiles.ini": "Thunderbird",
        rf"{alice}\AppData\Roaming\Microsoft\Signatures\Standard.htm": "Outlook",
        rf"{alice}\AppData\Roaming\Microsoft\Templates\Normal.dotm": "Microsoft Office",
        rf"{alice}\AppData\Roaming\Microsoft\Excel\XLSTART\PERSONAL.XLSB": "Excel",
        rf"{alice}\AppData\Roaming\Microsoft\Protect\CREDHIST": "Keys of the user",
        rf"{alice}\AppData\Local\AcmeCad\Projects\museum.acd": "Application data of other programs",
        rf"{alice}\.ssh\id_ed25519": "OpenSSH",
        rf"{alice}\Own folder\plan.txt": "Other files in the profile",
        rf"{bob}\OneDrive - Contoso\Documents\budget.xlsx": "Documents",
        rf"{bob}\OneDrive - Contoso\Desktop\bob's list.txt": "Desktop",
        r"C:\ProgramData\Acme\licence.dat": "Application data of all users",
        r"C:\ProgramData\ssh\sshd_config": "OpenSSH server",
        r"C:\Windows\Fonts\AcmeSans.ttf": "Fonts of the machine",
        r"D:\Projects\bridge.docx": "Files and folders beside Windows",
        rf"{hive}\Network\Z\[RemotePath]": "Mapped drives and network places",
        rf"{hive}\Control Panel\International\[sShortDate]": "Regional settings",
        rf"{hive}\Control Panel\Desktop\[Wallpaper]": "Desktop, wallpaper and theme",
        rf"{hive}\Printers\Connections\,,print01,Floor2\[Server]": "Printers of the user",
        rf"{hive}\Software\SimonTatham\PuTTY\Sessions\web-server\[HostName]": "PuTTY",
    }
    with open_windows(Request((sample_images.unpack("apps"),)), lambda _event: None) as found:
        (opened,) = found
        told = rows(select(opened.scene, opened.activation, opened.choices))
    components = {rule.source: rule.component for rule in opened.activation.rules}
    assert {path: components[told[path].rule] for path in expected} == expected
    assert [path for path in expected if not is_taken(told[path])] == []
    present = {each.component.name for each in opened.activation.meetings if each.present}
    assert present & {"Signal", "Dropbox", "Minecraft", "KeePass", "Docker Desktop"} == set()
    assert {"Sticky Notes", "Windows Subsystem for Linux", "Wi-Fi and wired networks"} <= present
