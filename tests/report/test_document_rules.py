r"""The document finder's result as a rule file: read again it finds the same, whatever the folders are called."""

from __future__ import annotations

import pytest

from extractor.evaluate.active import Activation
from extractor.evaluate.scene import Scene
from extractor.model import FILE_ATTRIBUTE_HIDDEN, User, WinPath
from extractor.report.document_rules import document_rules
from extractor.rules.migxml import parse_migxml
from extractor.rules.model import Verb
from extractor.rules.patterns import node_text
from extractor.testing import FakeFile
from extractor.xmlfile import parse_xml
from tests.evaluate.activations import ANNA, BOB, Files, met, scene

HIDDEN_SYSTEM = FakeFile(b"x", attributes=FILE_ATTRIBUTE_HIDDEN | 0x4)


def activated(files: Files, users: tuple[User, ...] = (BOB, ANNA)) -> tuple[Scene, Activation]:
    """Write the rules of a machine, read them, and bring them to the same machine."""
    on = scene(files, users=users)
    text = document_rules(on, users)
    given = parse_migxml(parse_xml(text.encode(), name="made.xml"), "made.xml")[1]
    assert given.warnings == ()
    return on, met(given, on, users)


def taken(made: Activation, path: str, scope: str = "", verb: Verb = Verb.INCLUDE) -> bool:
    """Tell whether a pattern takes a file."""
    at = WinPath.parse(path)
    return any(
        rule.location.node.matches(node_text(at.parent))
        and rule.location.takes_leaf(at.name.upper())
        for rule in made.rules
        if rule.scope == scope and rule.verb is verb
    )


def test_3_10_the_machines_folders_are_spelled_out() -> None:
    _, made = activated({r"Data\a.doc": b"1", r"Windows\b.doc": b"1", "c.txt": b"1"})
    assert taken(made, r"C:\Data\a.doc")
    assert taken(made, r"C:\c.txt")
    assert not taken(made, r"C:\Windows\b.doc")


def test_3_10_what_was_found_for_one_user_counts_for_that_user_alone() -> None:
    files: Files = {r"Users\bob\Own\a.doc": b"1", r"Users\anna\Other\b.doc": b"1"}
    _, made = activated(files)
    assert taken(made, r"C:\Users\bob\Own\a.doc", BOB.sid)
    assert not taken(made, r"C:\Users\bob\Own\a.doc", ANNA.sid)
    assert not taken(made, r"C:\Users\bob\Own\a.doc")
    assert taken(made, r"C:\Users\anna\Other\b.doc", ANNA.sid)


def test_3_10_excludes_come_along() -> None:
    _, made = activated({r"Data\a.doc": b"1", r"Data\Thumbs.db": HIDDEN_SYSTEM})
    assert taken(made, r"C:\Data\Thumbs.db", verb=Verb.EXCLUDE)


HOSTILE = [
    "a&b <c>", "[brackets]", "car^et", "100% done%", "%WINDIR%", "tab\there", "line\nbreak", "bell\x07", "lone\ud800",
    "']]>", "no\ufffechar", "it's", 'say "hi"', "*", "x" * 200, "\x01" * 100, "a\x01" * 100,
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_a_folder_of_any_name_is_taken(name: str) -> None:
    _, made = activated({rf"{name}\a.doc": b"1"})
    assert taken(made, rf"C:\{name}\a.doc")


@pytest.mark.parametrize(
    "name", ["bob's", 'the "boss"', "50%off%", "plain", "\u202ebob"], ids=ascii
)
def test_a_profile_of_any_name_is_taken(name: str) -> None:
    whose = User("S-1-5-21-1-2-3-1009", "x", "PC", WinPath("C:", ("Users", name)), "ok")
    _, made = activated({rf"Users\{name}\Own\a.doc": b"1"}, (whose,))
    assert taken(made, rf"C:\Users\{name}\Own\a.doc", whose.sid)


def test_an_exclude_that_cannot_be_spelled_is_left_out_so_that_nothing_is_lost() -> None:
    name = "Thumbs\x01.db"
    _, made = activated({rf"Data\{name}": HIDDEN_SYSTEM, r"Data\Thumbs1.db": b"1"})
    assert not taken(made, r"C:\Data\Thumbs1.db", verb=Verb.EXCLUDE)
