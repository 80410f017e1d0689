"""The rule files of ``corpus/`` on the small machine that they are about: what was read, and what it came to there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path

from extractor.evaluate.activate import activate
from extractor.evaluate.scene import Scene
from extractor.model import FILE_ATTRIBUTE_HIDDEN, ObjectKind, Selected, Times
from extractor.rules import load_rules
from extractor.rules.model import (
    Call,
    Component,
    Content,
    Pattern,
    Role,
    Rule,
    RuleFile,
    Rules,
    Script,
)
from extractor.select import Choice, select
from extractor.testing import FakeFile
from sample_images.programs import program
from tests.evaluate.activations import ANNA, BOB, scene

FOLDER = Path(__file__).parent / "corpus"
FILES = sorted(FOLDER.glob("*.xml"))
TOP = "C:\\Corpus\\"
KEY = r"HKLM\SOFTWARE\Corpus"
SYSTEM = 0x4

OLD = FakeFile(b"old", times=Times(modified=129_067_776_000_000_000))  # 2010-01-01
NEW = FakeFile(b"new", times=Times(modified=133_485_408_000_000_000))  # 2024-01-01
INI = b"[About]\r\nMotto=Draw While You Can\r\n[Pens]\r\nWidth=3\r\nColour=red\r\n"
GATES = ("component", "context", "role", "plugin", "supportedComponent", "detects", "detect", "detection",
         "conditions", "condition", "environment", "variable", "rules", "include",
         "windowsObjects", "AnswerNo", "NeverRestore", "SameRegContent")  # fmt: skip
CONDITIONS = ("DoesOSMatch", "IsNative64Bit", "IsOSLaterThan", "IsOSEarlierThan", "DoesObjectExist",
              "DoesFileVersionMatch", "IsFileVersionAbove", "IsFileVersionBelow", "IsSystemContext",
              "DoesStringContentEqual", "DoesStringContentContain", "IsSameObject", "IsSameContent",
              "IsSameStringContent", "IsUpgrade", "IsMigrationScope")  # fmt: skip


def machine() -> Scene:
    """Make a 64-bit Windows 10 with a program, two users and a stick."""
    return scene(
        {rf"Corpus\{path}": content for path, content in _corpus().items()}
        | {
            r"Windows\Temp\draft.lumdraw": b"",
            r"Windows\Temp\house.plt": b"",
            r"Windows\Temp\garden.HPG": b"",
            r"Program Files\Lumen\draw.exe": b"",
            r"Projects\plan.txt": b"",
            r"Projects\desktop.ini": FakeFile(b"", attributes=FILE_ATTRIBUTE_HIDDEN | SYSTEM),
            r"Users\bob\Drawings\house.lum": b"",
            r"Users\bob\Drawings\own.txt": b"",
            r"Users\bob\Drawings\nested.txt": b"",
            r"Users\bob\Letters\letter.txt": b"",
            r"Users\bob\Shared\bobs.txt": b"",
            r"Users\anna\Shared\annas.txt": b"",
        },
        _registry(),
        [BOB, ANNA],
        {rf"HKU\{BOB.sid}": {r"Software\Corpus": {"Zoom": 2}}},
        removable={"stick.lumdraw": b"", "stick.plt": b"", r"Photos\sea.jpg": b""},
    )


def _corpus() -> dict[str, bytes | FakeFile]:
    answers = {
        rf"{name}\{word}.txt": b"" for name in (*GATES, *CONDITIONS) for word in ("yes", "no")
    }
    others: dict[str, bytes | FakeFile] = {
        r"Program\draw.exe": program({"FileVersion": "2.5.0", "ProductVersion": "2.5"}),
        r"Program\draw.ini": b"",
        r"Ini\draw.ini": INI,
        r"Twins\one.bin": b"twin",
        r"Twins\two.bin": b"twin",
        r"Twins\other.bin": b"other",
        r"detection\absent.txt": b"",
        r"exclude\yes.txt": b"",
        r"exclude\Cache\no.txt": b"",
        r"unconditionalExclude\small.txt": b"small",
        r"unconditionalExclude\large.txt": b"large" * 1000,
        r"includeAttributes\timed.txt": NEW,
        r"includeAttributes\plain.txt": NEW,
        r"pattern\a\Deep\b\yes.txt": b"",
        r"pattern\Deep\yes.txt": b"",
        r"pattern\a\Deep\no.txt": b"",
        r"pattern\yes[1].txt": b"",
        r"content\single.txt": b"",
        r"content\several one.txt": b"",
        r"content\two.txt": b"",
        r"content\palettes\warm.pal": b"",
        r"content\palettes\cold.txt": b"",
        r"content\ansi.txt": b"",
        r"content\unicode.txt": b"",
        r"IgnoreIrrelevantLinks\yes.lnk": b"",
        r"FileProperties\old.txt": OLD,
        r"FileProperties\new.txt": NEW,
    }  # fmt: skip
    return answers | others


def _registry() -> dict[str, dict[str, object]]:
    r"""Return the keys below ``HKLM\SOFTWARE``."""
    return {
        "Corpus": {
            "Motto": "draw while you can",
            "Seats": 7,
            "Program": r"C:\Corpus\Program\draw.exe",
            "Quoted": '"yes.txt\\"',
        },
        r"Corpus\Lumen 2.5": {"": "here", "InstallDir": r"C:\Program Files\Lumen"},
        r"Corpus\Pens": {"Width": 3},
        r"Corpus\Pens\Red": {"Ink": "r"},
        r"Corpus\Files": {
            "Single": r"C:\Corpus\content\single.txt,-2",
            "Several": [r"C:\Corpus\content\several one.txt", "two.txt", "gone.txt"],
            "Palette": r"C:\Corpus\content\palettes\index.dat,1",
            "001e6700": b"C:\\Corpus\\content\\ansi.txt\0",
            "001f6700": "C:\\Corpus\\content\\unicode.txt\0".encode("utf-16-le"),
        },
    }


class Corpus:
    """What was read and what it came to; the rows of the tables ask."""

    def __init__(self) -> None:
        self.rules = load_rules(FILES)
        where = machine()
        self.activation = activate(self.rules, where, [BOB, ANNA])
        choices = [Choice(each, selected=True) for each in (BOB, ANNA)]
        made = select(where, self.activation, choices)
        self._selected = [each for each in made if isinstance(each, Selected)]
        self._values = list(_values(self.rules))

    # --- the parsed model ---

    @property
    def files_read(self) -> list[RuleFile]:
        """The files of the corpus, without the rules that always hold."""
        return [each for each in self.rules.files if Path(each.name).parent == FOLDER]

    def counted(self, word: str) -> int:
        """Return how often a word of the language was understood (``RuleFile.census``), in all files."""
        return sum(each.census.get(word, 0) for each in self.files_read)

    def component(self, name: str) -> Component:
        """Return the component with this displayName, wherever it stands."""
        every = (part for each in self.rules.components for part in each.tree())
        (found,) = (each for each in every if each.name == name)
        return found

    def role(self, name: str, number: int = 0) -> Role:
        """Return a role of a component."""
        return self.component(name).roles[number]

    def body(self, name: str, number: int = 0) -> Rules:
        """Return a ``rules`` element of a component, whatever its role."""
        return [each for role in self.component(name).roles for each in role.rules][number]

    def rule(self, name: str, verb: str) -> Rule:
        """Return the first rule of a component with this verb."""
        return next(
            rule
            for role in self.component(name).roles
            for body in role.rules
            for rule in body.rules
            if rule.verb == verb
        )

    def items(self, name: str, verb: str = "include") -> list[Pattern | Script | Content]:
        """Return what the sets of such a rule hold."""
        return [item for each in self.rule(name, verb).sets for item in each.items]

    def filter(self, name: str, verb: str = "include") -> str:
        """Return the filter of such a rule as text."""
        return str(self.rule(name, verb).filter)

    def calls(self, function: str) -> list[Call]:
        """Return all calls of a function, in order."""
        calls = (each for each in self._values if isinstance(each, Call))
        return [each for each in calls if each.function == function]

    # --- the machine ---

    def taken(self, folder: str) -> list[str]:
        r"""Return the files taken below ``C:\Corpus``, in a folder of it."""
        return self.files(f"{TOP}{folder}\\")

    def files(self, prefix: str) -> list[str]:
        """Return the files taken whose paths begin so, without that beginning."""
        return self._chosen(ObjectKind.FILE, prefix)

    def values(self, prefix: str) -> list[str]:
        """Return the values taken whose paths begin so, without that beginning."""
        return self._chosen(ObjectKind.VALUE, prefix)

    def row(self, path: str) -> Selected:
        """Return what selection said of an object."""
        (found,) = (each for each in self._selected if str(each.path) == path)
        return found

    def kept(self, element: str) -> list[tuple[str, list[str]]]:
        """Return the rules for the restore that an element left: the call, and the patterns."""
        return [
            (each.call, [text for _, text in each.patterns])
            for each in self.activation.load_rules
            if each.element == element
        ]

    def skipped(self, element: str) -> list[str]:
        """Return what an element would have run, without its place."""
        told = (each.split(": ", 1)[1] for each in self.activation.skipped)
        return [each for each in told if each.startswith(f"<{element}>")]

    def _chosen(self, kind: ObjectKind, prefix: str) -> list[str]:
        paths = (str(each.path) for each in self._selected if each.chosen and each.kind is kind)
        return sorted(each[len(prefix) :] for each in paths if each.startswith(prefix))


def _values(value: object) -> Iterator[object]:
    """Yield a value of the model and all inside it."""
    yield value
    if isinstance(value, tuple):
        for each in value:
            yield from _values(each)
    elif is_dataclass(value):
        for field in fields(value):
            yield from _values(getattr(value, field.name))
