"""A store, a target and what was said of them -> who is who, which rules count, and where everything goes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from extractor.errors import UnsupportedError
from extractor.model import Instruction, WinPath, upcase
from extractor.restore.layout import Layout, Places
from extractor.restore.people.accounts import MakeAccount, settle
from extractor.restore.people.folders import known_folders
from extractor.restore.people.users import People, map_users
from extractor.restore.people.words import UserWords, of_config
from extractor.restore.rules.asked import Asked, read_instructions
from extractor.restore.rules.load_rules import chosen_instructions
from extractor.restore.rules.locations import Locations
from extractor.restore.rules.processing import Processing, read_processing
from extractor.restore.rules.rebuilt import rebuilt_scene
from extractor.restore.settings.holders import Holders, NowhereError
from extractor.restore.settings.sam_accounts import add_account
from extractor.restore.settings.sam_draft import SamDraft
from extractor.restore.target.place import Target
from extractor.restore.view import View
from extractor.rules.config import Config
from extractor.store.opened import OpenStore
from extractor.store.tree import Tree
from extractor.windows import WindowsInstall, system_variables, user_variables


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked of a restore besides store and target."""

    layout: Layout = Layout.WINDOWS
    users: UserWords = field(default_factory=UserWords)
    drives: Mapping[str, WinPath] = field(default_factory=dict)
    rules: Sequence[Path] = ()
    """MigXML files whose instructions alone count; none: those of the scan."""
    config: Path | None = None
    """A Config.xml in place of the scan's."""

    @property
    def words(self) -> str:
        """All that was said as one text: a run goes on only with the same."""
        files = [str(each) for each in (*self.rules, self.config)]
        return repr((self.layout.value, self.users, sorted(self.drives.items()), files))


@dataclass(frozen=True, slots=True)
class Mapped:
    """What decides about a restore."""

    locations: Locations
    places: Places
    processing: Processing
    config: Config | None = None
    """Of ``--config``: components that do not come."""


def map_all(store: OpenStore, target: Target, wish: Wish, tree: Tree) -> Mapped:
    """Return what decides about a restore; ``tree`` is the target, opened.

    Raises UsageError (11), RuleFileError (28), ConfigFileError (39), CorruptStoreError (42).
    """
    chosen = chosen_instructions(read_instructions(store.catalog), wish.rules, store, wish.config)
    asked = Asked(chosen.instructions)
    asked.notes += chosen.notes
    words = with_config(wish.users, asked)
    people = map_users(store.header, words)
    if target.install:
        make = _maker(tree, target.install, people) if words.create_accounts else None
        people = settle(people, target.install, make)
    folders = known_folders(store, people)
    known = {sid: list(each.values()) for sid, each in folders.items()}
    system, drives = _drives(store, target, wish)
    destination = (
        dict(_destinations(asked.instructions, people, target.install)) if target.install else {}
    )
    locations = Locations(people, asked, drives, system, known, destination)
    scene = rebuilt_scene(store, [each.user for each in people.persons])
    processing = read_processing(asked.instructions, scene)
    places = Places(wish.layout, people, locations, folders, target.drives)
    return Mapped(locations, places, processing, chosen.config)


def letters_of(store: OpenStore) -> list[str]:
    """Return the letters of the drives that the old machine had."""
    windows = store.header.get("windows")
    letters = windows.get("letters") if isinstance(windows, dict) else None
    return sorted(map(str, letters)) if isinstance(letters, dict) else []


def with_config(given: UserWords, asked: Asked) -> UserWords:
    """Add what a Config.xml says of users, after the words of the command line."""
    renamings, movings, notes = of_config(asked.instructions)
    asked.notes += notes
    return replace(
        given, renamings=(*given.renamings, *renamings), movings=(*given.movings, *movings)
    )


def _maker(tree: Tree, install: WindowsInstall, people: People) -> MakeAccount:
    """Return what tells the SID that a new local account will have."""
    places = Places(Layout.WINDOWS, people, Locations(people), {})
    holders = Holders(tree, View(tree), places, install, people)
    drafts: list[SamDraft] = []

    def make(name: str) -> str:
        try:
            if not drafts:
                drafts.append(SamDraft(holders.open(holders.machine("HKLM\\SAM"))))
        except NowhereError as error:
            raise UnsupportedError(str(error)) from error
        return add_account(drafts[0], name, enabled=False, now=0)

    return make


# --- drives and variables ---------------------------------------------------------------------------


def _drives(store: OpenStore, target: Target, wish: Wish) -> tuple[str, dict[str, WinPath]]:
    """Return the letter of the target's system drive, and where the drives go that have a place of their own."""
    old = system_of(store)
    if target.install is None:
        return old, dict(wish.drives)
    drives = {letter: WinPath(letter, ()) for letter in target.drives}
    if old != target.system:
        drives[old] = WinPath(target.system, ())
    return target.system, drives | dict(wish.drives)


def system_of(store: OpenStore) -> str:
    """Return the letter of the old machine's system drive."""
    windows = store.header.get("windows")
    path = windows.get("path") if isinstance(windows, dict) else ""
    return WinPath.parse(str(path)).drive or "C:"


def _destinations(
    instructions: Sequence[Instruction], people: People, install: WindowsInstall
) -> Iterator[tuple[tuple[str, str], WinPath]]:
    """Yield what the variables with ``remap`` are at the target, where they name a folder there."""
    system = system_variables(install)
    users = {upcase(each.sid): each for each in install.users}
    for each in instructions:
        if each.kind == "remap":
            name = upcase(each.text.partition("=")[0])
            person = people.by_sid.get(each.scope)
            user = users.get(upcase(person.sid)) if person else None
            if not each.scope or user:
                known = user_variables(install, user, system) if user else system
                path = WinPath.parse(known.get(name, ""))
                if path.drive and path.parts:
                    yield (each.scope, name), path
