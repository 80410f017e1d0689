r"""Each element, attribute and function of usmt.md section 3: what is read of it, and what it does to a scan.

The rule files in ``corpus/`` ask for all of them; ``corpus_machine`` is the machine that they are about. Here is a row
for each: its section, what is asked, where to look, and what must be there. A word of the language without a row fails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache, partial
from typing import Any

import pytest

from extractor.evaluate.strings import REG_DWORD
from extractor.model import FILE_ATTRIBUTE_ARCHIVE, FILE_ATTRIBUTE_HIDDEN
from extractor.rules.elements import ATTRIBUTES
from extractor.rules.functions import FUNCTIONS, Use
from extractor.rules.model import Attributes, Context, Operation, Script
from extractor.rules.patterns import PatternKind
from tests.evaluate.activations import ANNA, BOB
from tests.rules.corpus_machine import FILES, KEY, Corpus

Question = Callable[[Any], object]
"""What a row asks of the Corpus; unknown to the type checker, for each row knows what stands where it looks."""

Row = tuple[str, str, Question, object]
"""A word of the language, its section and what is asked, where to look, what must be there."""

ELEMENTS = frozenset(ATTRIBUTES)
PAIRS = frozenset(f"{tag}@{name}" for tag, names in ATTRIBUTES.items() for name in names)
NAMES = frozenset(each.name for each in FUNCTIONS.values())


@cache
def corpus() -> Corpus:
    return Corpus()


def parameters(rows: Iterable[Row]) -> list[object]:
    """Return rows as parameters, each with a name that says what it asks."""
    return [
        pytest.param(look, expected, id=f"{asked}: {word}") for word, asked, look, expected in rows
    ]


def joined(group: Any) -> tuple[Operation, int, Context]:
    """Return how a group joins how many members, and for whom."""
    return group.operation, len(group.members), group.context


# --- what is read ---------------------------------------------------------------------------------

READ: list[Row] = [
    # the file
    ("migration", "3.1 a rule file is one migration", lambda c: len(c.rules.files), len(FILES) + 1),
    ("migration@urlid", "3.1 identity of the file",
     lambda c: {each.urlid.rpartition("/")[2] for each in c.files_read}, {each.stem for each in FILES}),
    ("library", "3.2 text is the name of a DLL", lambda c: c.counted("library"), 3),
    ("library@prefix", "3.7 its prefix is known",
     lambda c: {each.prefix for each in c.calls("NeverRestore")}, {"Lumen", "MigXmlHelper"}),
    ("_locDefinition", "3.2 localisation only", lambda c: c.counted("_locDefinition"), 1),
    ("_locDefault", "3.2 localisation only", lambda c: c.counted("_locDefault"), 1),
    ("_locDefault@_loc", "3.2 localisation only", lambda c: c.counted("@_locDefault@_loc"), 1),
    ("_locTag", "3.2 localisation only", lambda c: c.counted("_locTag"), 1),
    ("_locTag@_loc", "3.2 localisation only", lambda c: c.counted("@_locTag@_loc"), 1),
    ("namedElements", "3.3 a definition stands for who refers to it",
     lambda c: c.body("Lumen Draw").gate is c.role("Container there").gate.members[0], True),
    ("namedElements@name", "3.2 no element refers to it", lambda c: c.counted("@namedElements@name"), 1),
    # components
    ("component", "3.2 with its line",
     lambda c: c.component("Lumen Draw").source.rpartition("corpus/")[2], "structure.xml:18"),
    ("component@type", "3.2 type",
     lambda c: [c.component(each).kind for each in ("Lumen Draw", "For users", "Plotter", "Inside")],
     ["Application", "Documents", "Device", "System"]),
    ("component@context", "3.2 context",
     lambda c: [c.component(each).context for each in ("Lumen Draw", "For users", "Plotter")],
     [Context.BOTH, Context.USER, Context.SYSTEM]),
    ("component@defaultSupported", "3.2 default TRUE",
     lambda c: [c.component(each).default_supported for each in ("Lumen Draw", "Plotter")], [False, True]),
    ("component@hidden", "3.2 default FALSE",
     lambda c: [c.component(each).hidden for each in ("Lumen Draw", "Plotter")], [True, False]),
    ("displayName", "3.3 identity with urlid and role",
     lambda c: c.component("Lumen Draw").id_of(c.role("Lumen Draw")),
     "http://coldstate.example/corpus/structure/lumen draw/settings"),
    ("displayName@_locID", "3.2 localisation only", lambda c: c.counted("@displayName@_locID"), 1),
    ("manufacturer", "3.3 no scan effect", lambda c: c.counted("manufacturer"), 1),
    ("manufacturer@_locID", "3.2 localisation only", lambda c: c.counted("@manufacturer@_locID"), 1),
    ("version", "3.3 of a component, and of one that the destination has", lambda c: c.counted("version"), 2),
    ("description", "3.3 no scan effect", lambda c: c.counted("description"), 1),
    ("description@_locID", "3.2 localisation only", lambda c: c.counted("@description@_locID"), 1),
    ("icon", "3.3 no scan effect", lambda c: c.counted("icon"), 1),
    ("paths", "3.2 informational", lambda c: c.counted("paths"), 1),
    ("path", "3.2 informational", lambda c: c.counted("path"), 2),
    ("path@type", "3.2 informational", lambda c: c.counted("@path@type"), 2),
    ("extensions", "3.3 one more role of kind Data",
     lambda c: [each.kind for each in c.component("Plotter").roles], ["Data"]),
    ("extension", "3.3 short for GenerateDrivePatterns, with and without *.",
     lambda c: [each.sets[0].items[0].call.arguments for each in c.body("Plotter").rules],
     [("* [*.plt]", "Fixed"), ("* [*.hpg]", "Fixed")]),
    # roles
    ("role", "3.2 in order", lambda c: len(c.component("Lumen Draw").roles), 2),
    ("role@role", "3.2 kinds",
     lambda c: [c.role(*each).kind for each in (("Container there",), ("Inside",), ("Lumen Draw",), ("Lumen Draw", 1))],
     ["Container", "Binaries", "Settings", "Data"]),
    ("supportedComponents", "3.2 destination side: the role has nothing",
     lambda c: c.role("Elsewhere", 1).rules, ()),
    ("supportedComponent", "3.2 destination side", lambda c: c.counted("supportedComponent"), 1),
    ("supportedComponent@id", "3.2 destination side", lambda c: c.counted("@supportedComponent@id"), 1),
    ("supportedComponent@rules", "3.2 destination side", lambda c: c.counted("@supportedComponent@rules"), 1),
    ("plugin", "3.2 internal",
     lambda c: [(each.element, each.text) for each in c.body("Elsewhere").skipped], [("plugin", "lumen.dll")]),
    ("plugin@file", "3.11 binary, unusable offline",
     lambda c: c.body("Elsewhere").skipped[0].text, "lumen.dll"),
    ("plugin@classId", "3.11 binary, unusable offline", lambda c: c.counted("@plugin@classId"), 1),
    # gates
    ("detects", "3.3 AND of its detect",
     lambda c: joined(c.role("detects", 1).gate), (Operation.AND, 2, Context.BOTH)),
    ("detects@name", "3.3 by name",
     lambda c: c.role("detects").gate.members[0] is c.role("detects", 1).gate.members[0], True),
    ("detects@context", "3.2 context",
     lambda c: joined(c.role("detect").gate), (Operation.AND, 1, Context.SYSTEM)),
    ("detect", "3.3 OR of its conditions and objectSets",
     lambda c: joined(c.role("detect").gate.members[0]), (Operation.OR, 2, Context.BOTH)),
    ("detect@name", "3.3 by name",
     lambda c: c.role("detects", 1).gate.members[0].members[0].objects.items[0].text, r"C:\Corpus\Program [draw.exe]"),
    ("detect@context", "3.3 the context of the definition",
     lambda c: c.role("detects", 1).gate.members[0].context, Context.SYSTEM),
    ("detection", "3.3 its conditions",
     lambda c: joined(c.role("detection of 2").gate), (Operation.AND, 1, Context.BOTH)),
    ("detection@name", "3.3 one definition for both callers",
     lambda c: c.role("detection of 2").gate is c.role("detection of 3").gate, True),
    ("detection@context", "3.2 context", lambda c: c.role("detection of 2", 1).gate.context, Context.USER),
    ("conditions", "3.4 default AND",
     lambda c: joined(c.body("conditions", 1).gate), (Operation.AND, 2, Context.BOTH)),
    ("conditions@name", "3.3 by name",
     lambda c: joined(c.role("detection of 2").gate.members[0]), (Operation.AND, 2, Context.BOTH)),
    ("conditions@operation", "3.4 OR",
     lambda c: joined(c.body("conditions").gate.members[1]), (Operation.OR, 2, Context.BOTH)),
    ("condition", "3.4 one helper call",
     lambda c: str(c.body("DoesOSMatch").gate.members[0].call), "MigXmlHelper.DoesOSMatch('NT', '10.0.*')"),
    ("condition@negation", "3.4 flips it",
     lambda c: [each.negation for each in c.rule("condition", "include").sets[0].gate.members], [True, False]),
    # variables
    ("environment", "3.5 in order",
     lambda c: [len(each.variables) for each in c.component("environment").environments], [2, 1, 1, 1]),
    ("environment@name", "3.3 by name",
     lambda c: c.component("environment").environments[1].variables[0].value, r"%Base%\%Part%"),
    ("environment@context", "3.2 context",
     lambda c: [each.context for each in c.component("environment").environments],
     [Context.BOTH, Context.SYSTEM, Context.BOTH, Context.USER]),
    ("variable", "3.5 definitions in order",
     lambda c: [each.name for each in c.component("variable").environments[0].variables],
     ["Home", "Name", "Name", "Name", "Library"]),
    ("variable@name", "3.5 names",
     lambda c: c.component("environment").environments[0].variables[1].name, "Part"),
    ("variable@remap", "3.5 remap",
     lambda c: [each.remap for each in c.component("variable").environments[0].variables],
     [False, False, False, False, True]),
    ("text", "3.5 literal",
     lambda c: c.component("environment").environments[0].variables[0].value, r"C:\Corpus"),
    ("script", "3.5 of a variable",
     lambda c: isinstance(c.component("variable").environments[0].variables[2].value, Script), True),
    ("script", "3.2 of an objectSet", lambda c: isinstance(c.items("GenerateDrivePatterns")[0], Script), True),
    # rules
    ("rules", "3.2 nested", lambda c: [len(each.nested) for each in c.role("rules").rules], [0, 1, 1]),
    ("rules@name", "3.3 by name", lambda c: c.body("rules").name, "Shared rules"),
    ("rules@context", "3.2 context",
     lambda c: [each.context for each in c.role("rules").rules], [Context.SYSTEM, Context.USER, Context.SYSTEM]),
    ("include", "3.2 its sets",
     lambda c: [each.text for each in c.items("include")],
     [r"C:\Corpus\include [yes.txt]", r"C:\Corpus\unconditionalExclude\* [*]"]),
    ("include@filter", "3.8 a filter",
     lambda c: c.filter("filter"), "MigXmlHelper.AnswerNo()"),
    ("exclude", "3.2 its sets", lambda c: len(c.items("exclude", "exclude")), 2),
    ("exclude@filter", "3.8 a filter",
     lambda c: c.rule("filter", "exclude").filter.arguments, ("dateModified", "lt", "2020/01/01")),
    ("unconditionalExclude", "3.2 its sets",
     lambda c: c.items("unconditionalExclude", "unconditionalExclude")[0].text,
     r"C:\Corpus\unconditionalExclude [*.txt]"),
    ("unconditionalExclude@filter", "3.8 a filter",
     lambda c: c.rule("unconditionalExclude", "unconditionalExclude").filter.arguments, ("filesize", "gt", "1KB")),
    ("windowsObjects", "3.3 internal, a no-op",
     lambda c: [each.element for each in c.body("unconditionalExclude").skipped], ["windowsObjects"]),
    ("windowsObjects@filter", "3.2 read and left aside", lambda c: c.counted("@windowsObjects@filter"), 1),
    ("includeAttributes", "3.2 its sets",
     lambda c: c.items("attributes of objects", "includeAttributes")[0].text,
     r"C:\Corpus\includeAttributes [timed.txt]"),
    ("includeAttributes@attributes", "3.2 one",
     lambda c: c.rule("attributes of objects", "includeAttributes").attributes, Attributes.TIME_FIELDS),
    ("excludeAttributes", "3.2 its sets",
     lambda c: c.items("attributes of objects", "excludeAttributes")[0].text, r"C:\Corpus\includeAttributes\* [*]"),
    ("excludeAttributes@attributes", "3.2 both",
     lambda c: c.rule("attributes of objects", "excludeAttributes").attributes, Attributes.ALL),
    ("objectSet", "3.2 with its gate",
     lambda c: [joined(each.gate)[:2] for each in c.rule("condition", "include").sets], [(Operation.AND, 2)] * 2),
    ("pattern", "3.6 as written",
     lambda c: [each.text for each in c.items("pattern")][2:],
     [r"HKLM\Software\Corpus\Lumen 2.5 []", r"HKLM\Software\Corpus\Pens\* [*]", r"C:\Corpus\Ini\draw.ini|Pens[W*]"]),
    ("pattern@type", "3.2 File, Registry or Ini",
     lambda c: [each.kind for each in c.items("pattern")],
     [PatternKind.FILE] * 2 + [PatternKind.REGISTRY] * 2 + [PatternKind.INI]),
    ("content", "3.3 in order", lambda c: [each.call.function[:15] for each in c.items("content")],
     ["ExtractSingleFi", "ExtractMultiple", "ExtractDirector", "ExtractSingleFi", "ExtractSingleFi"]),
    ("content@filter", "3.8 a content filter", lambda c: c.items("content")[0].call.arguments, (",", None)),
    # pretended objects
    ("addObjects", "3.2 objects, and what gates them",
     lambda c: [len(each.objects) for each in c.body("addObjects").add], [4, 1]),
    ("object", "3.3 location, attributes and bytes",
     lambda c: [(each.attributes, each.data) for each in c.body("addObjects").add[0].objects][:2],
     [("DWORD", "01000000"), ("STRING", r"%WINDIR%\lumen")]),
    ("location", "3.2 where",
     lambda c: c.body("addObjects").add[0].objects[3].location, r"C:\Corpus\addObjects [note.txt]"),
    ("location@type", "3.2 File, Registry or Ini",
     lambda c: [each.kind for each in c.body("addObjects").add[0].objects][2:],
     [PatternKind.REGISTRY, PatternKind.FILE]),
    ("attributes", "3.2 as written",
     lambda c: c.body("addObjects").add[0].objects[3].attributes, "ARCHIVE,HIDDEN"),
    ("bytes", "3.3 none of it", lambda c: c.body("addObjects").add[1].objects[0].data, None),
    ("bytes@string", "3.3 default No: hexadecimal pairs",
     lambda c: [each.is_text for each in c.body("addObjects").add[0].objects], [False, True, True, True]),
    ("bytes@expand", "3.3 default Yes",
     lambda c: [each.expand for each in c.body("addObjects").add[0].objects], [True, True, False, True]),
    # for the restore, and for a live Windows
    ("merge", "3.3 kept for loading",
     lambda c: len([each for each in c.body("merge").load if each.element == "merge"]), 7),
    ("merge@script", "3.8 its call",
     lambda c: str(c.body("merge").load[4].call), "MigXmlHelper.NewestVersion('FileVersion')"),
    ("locationModify", "3.3 kept for loading",
     lambda c: [each.sets[0].items[0].text for each in c.body("locationModify").load][:1],
     [r"C:\Corpus\ExactMove\* [*]"]),
    ("locationModify@script", "3.8 its call",
     lambda c: c.body("locationModify").load[1].call.arguments, (r"%WINDIR%\Lumen", r"C:\Corpus\Moved")),
    ("contentModify", "3.3 kept for loading", lambda c: len(c.body("contentModify").load), 24),
    ("contentModify@script", "3.8 its call",
     lambda c: str(c.body("contentModify").load[11].call), "MigSysHelper.UpdateMvBinaryMapiStruct()"),
    ("destinationCleanup", "3.3 kept for loading",
     lambda c: [each.element for each in c.body("destinationCleanup").load], ["destinationCleanup"]),
    ("destinationCleanup@filter", "3.2 its filter",
     lambda c: str(c.body("destinationCleanup").load[0].call), "MigXmlHelper.AnswerNo()"),
    ("externalProcess", "3.3 never run", lambda c: c.body("processing").skipped[0].element, "externalProcess"),
    ("externalProcess@when", "3.2 when", lambda c: c.body("processing").skipped[0].when, "pre-apply"),
    ("commandLine", "3.2 one a line",
     lambda c: c.body("processing").skipped[0].text, '"%ProgramFiles%\\Lumen\\draw.exe" /unregister\nnet stop lumen'),
    ("processing", "3.3 never run",
     lambda c: [each.element for each in c.body("processing").skipped][1:], ["processing"] * 6),
    ("processing@when", "3.2 all six",
     lambda c: [each.when for each in c.body("processing").skipped][1:],
     ["pre-scan", "scan-success", "post-scan", "pre-apply", "apply-success", "post-apply"]),
]  # fmt: skip


@pytest.mark.parametrize(("look", "expected"), parameters(READ))
def test_an_element_or_attribute_is_read_as_it_is_meant(look: Question, expected: object) -> None:
    assert look(corpus()) == expected


# --- what it does to a scan -----------------------------------------------------------------------

TAKEN = ["yes.txt"]
PRETENDED = r"HKLM\Software\Corpus\Pretended"
AS_EVER: Question = lambda c: c.taken("component")  # noqa: E731
"""What is only information changes nothing: the component that has it takes its file."""

DONE: list[Row] = [
    ("migration", "3.3 all files count",
     lambda c: len({each.component.urlid for each in c.activation.meetings}), len(FILES) + 1),
    ("library", "3.2 nothing is loaded", lambda c: c.rules.warnings, ()),
    ("_locDefinition", "3.3 none", AS_EVER, TAKEN),
    ("_locDefault", "3.3 none", AS_EVER, TAKEN),
    ("_locTag", "3.3 none", AS_EVER, TAKEN),
    ("namedElements", "3.3 with the variables of each caller",
     lambda c: c.taken("detection"), ["absent.txt", "yes.txt"]),
    ("component", "3.3 users' rules count for each user",
     lambda c: c.files("C:\\Users\\bob\\Drawings\\"), ["house.lum", "nested.txt", "own.txt"]),
    ("displayName", "3.3 names who took it",
     lambda c: {each.component for each in c.activation.rules if "role [yes" in each.text}, {"Inside"}),
    ("manufacturer", "3.3 none", AS_EVER, TAKEN),
    ("version", "3.3 none", AS_EVER, TAKEN),
    ("description", "3.3 none", AS_EVER, TAKEN),
    ("icon", "3.3 none", AS_EVER, TAKEN),
    ("paths", "3.3 none", AS_EVER, TAKEN),
    ("path", "3.3 none", AS_EVER, TAKEN),
    ("extensions", "3.3 fixed drives only", lambda c: c.files("E:"), []),
    ("extension", "3.3 in any letter case",
     lambda c: c.files("C:\\Windows\\Temp\\"), ["draft.lumdraw", "garden.HPG", "house.plt"]),
    ("role", "3.3 a Container gates what is in it", lambda c: c.taken("role"), TAKEN),
    ("supportedComponents", "3.2 none at scan", lambda c: c.taken("supportedComponent"), []),
    ("supportedComponent", "3.2 none at scan", lambda c: c.taken("supportedComponent"), []),
    ("plugin", "3.11 skipped, and the role goes on",
     lambda c: (c.taken("plugin"), c.skipped("plugin")), (TAKEN, ["<plugin> lumen.dll"])),
    ("detects", "3.3 both must hold", lambda c: c.taken("detects"), TAKEN),
    ("detect", "3.3 one must hold", lambda c: c.taken("detect"), TAKEN),
    ("detection", "3.3 of another context it bars nothing",
     lambda c: c.taken("detection"), ["absent.txt", "yes.txt"]),
    ("conditions", "3.4 AND(x, OR(no, y)) holds, AND(x, no) does not", lambda c: c.taken("conditions"), TAKEN),
    ("condition", "3.4 any false one blanks its objectSet", lambda c: c.taken("condition"), TAKEN),
    ("environment", "3.5 the one that holds, for machine and user",
     lambda c: (c.taken("environment"), c.files("C:\\Users\\bob\\Drawings\\o")), (TAKEN, ["wn.txt"])),
    ("variable", "3.5 the last that has a value", lambda c: c.taken("variable"), TAKEN),
    ("variable", "3.5 an objectSet: the first that is there", lambda c: c.taken("Program"), ["draw.ini"]),
    ("variable", "3.5 remap is for the restore",
     lambda c: [(each.name, each.value) for each in c.activation.remaps],
     [("Library", r"C:\Corpus\Library")]),
    ("text", "3.5 may use earlier ones", lambda c: c.taken("environment"), TAKEN),
    ("script", "3.5 NULL leaves the earlier value", lambda c: c.taken("variable"), TAKEN),
    ("rules", "3.3 nested ones count where those around do",
     lambda c: (c.taken("rules"), c.files("C:\\Users\\bob\\Drawings\\n")), (TAKEN, ["ested.txt"])),
    ("include", "4.1 another component's exclude takes nothing away", lambda c: c.taken("include"), TAKEN),
    ("exclude", "4.1 the narrower one of its component wins", lambda c: c.taken("exclude"), TAKEN),
    ("unconditionalExclude", "4.1 of all components", lambda c: c.taken("unconditionalExclude"), ["small.txt"]),
    ("unconditionalExclude", "3.3 and it is named",
     lambda c: c.row(r"C:\Corpus\unconditionalExclude\large.txt").reason,
     r"excluded everywhere by C:\Corpus\unconditionalExclude [*.txt]"),
    ("windowsObjects", "3.3 a no-op",
     lambda c: (c.taken("windowsObjects"), c.skipped("windowsObjects")), ([], ["<windowsObjects> "])),
    ("includeAttributes", "3.3 the narrowest decides",
     lambda c: c.row(r"C:\Corpus\includeAttributes\timed.txt").left_out, "Security"),
    ("excludeAttributes", "3.3 nothing of it comes along",
     lambda c: c.row(r"C:\Corpus\includeAttributes\plain.txt").left_out, "Security,TimeFields"),
    ("objectSet", "3.4 a blank one takes nothing", lambda c: c.taken("condition"), TAKEN),
    ("pattern", "3.6 mid-path stars and escapes",
     lambda c: c.taken("pattern"), [r"a\Deep\b\yes.txt", "yes[1].txt"]),
    ("pattern", "3.6 registry: default value and tree",
     lambda c: [each for each in c.values(f"{KEY}\\") if each.startswith(("Lumen", "Pens"))],
     [r"Lumen 2.5\[]", r"Pens\Red\[Ink]", r"Pens\[Width]"]),
    ("pattern", "3.6 registry: HKCU is each user's",
     lambda c: c.values(f"HKU\\{BOB.sid}\\"), [r"Software\Corpus\[Zoom]"]),
    ("pattern", "3.6 Ini: a wildcard in the key",
     lambda c: c.values("C:\\"), [r"Corpus\Ini\draw.ini|Pens\[Width]"]),
    ("content", "3.3 what the values name",
     lambda c: c.taken("content"),
     ["ansi.txt", r"palettes\warm.pal", "several one.txt", "single.txt", "two.txt", "unicode.txt"]),
    ("addObjects", "3.3 taken where an include names them and a condition holds",
     lambda c: c.values(PRETENDED), [r"\[Migrated]", r"\[Raw]", r"\[Where]"]),
    ("addObjects", "3.2 its script is not run",
     lambda c: c.skipped("addObjects"),
     [r'<addObjects> MigXmlHelper.GenerateUserPatterns("File","%USERPROFILE%\Shared [*]","FALSE")']),
    ("object", "3.3 told as pretended", lambda c: c.row(r"C:\Corpus\addObjects\note.txt").pretended, True),
    ("location", "3.3 a file is one of its folder", lambda c: c.taken("addObjects"), ["note.txt"]),
    ("attributes", "3.2 of a file",
     lambda c: c.row(r"C:\Corpus\addObjects\note.txt").metadata.attributes,
     FILE_ATTRIBUTE_ARCHIVE | FILE_ATTRIBUTE_HIDDEN),
    ("attributes", "3.2 of a value", lambda c: c.row(rf"{PRETENDED}\[Migrated]").value.type, REG_DWORD),
    ("bytes", "3.3 pairs, expanded text, text as it is",
     lambda c: [c.row(rf"{PRETENDED}\[{name}]").value.data for name in ("Migrated", "Where", "Raw")],
     [b"\1\0\0\0", "C:\\Windows\\lumen\0".encode("utf-16-le"), "%WINDIR%\\lumen\0".encode("utf-16-le")]),
    ("merge", "3.3 kept",
     lambda c: c.kept("merge")[0], ("MigXmlHelper.SourcePriority()", [r"HKLM\Software\Corpus\SourcePriority [*]"])),
    ("locationModify", "3.3 kept, variables replaced",
     lambda c: c.kept("locationModify")[1],
     ("MigXmlHelper.RelativeMove('C:\\Windows\\Lumen', 'C:\\Corpus\\Moved')", [r"C:\Corpus\RelativeMove\* [*]"])),
    ("contentModify", "3.3 kept", lambda c: len(c.kept("contentModify")), 24),
    ("destinationCleanup", "3.3 kept",
     lambda c: c.kept("destinationCleanup"), [("MigXmlHelper.AnswerNo()", [r"C:\Corpus\Moved\* [*]"])]),
    ("externalProcess", "3.3 recorded",
     lambda c: c.skipped("externalProcess"),
     [r'<externalProcess> (pre-apply) "%ProgramFiles%\Lumen\draw.exe" /unregister; net stop lumen']),
    ("commandLine", "3.3 recorded", lambda c: "net stop lumen" in c.skipped("externalProcess")[0], True),
    ("processing", "3.3 recorded", lambda c: len(c.skipped("processing")), 6),
]  # fmt: skip


@pytest.mark.parametrize(("look", "expected"), parameters(DONE))
def test_an_element_does_to_a_scan_what_it_is_for(look: Question, expected: object) -> None:
    assert look(corpus()) == expected


# --- functions ------------------------------------------------------------------------------------

CALLED: dict[str, tuple[str | None, ...]] = {
    "DoesOSMatch": ("NT", "10.0.*"),
    "IsNative64Bit": (),
    "IsOSLaterThan": ("NT", "10.0"),
    "IsOSEarlierThan": ("NT", "10.1"),
    "DoesObjectExist": ("Registry", r"HKLM\Software\Corpus\Lumen 2.* [InstallDir]"),
    "DoesFileVersionMatch": (r"C:\Corpus\Program\draw.exe", "ProductVersion", "2.*"),
    "IsFileVersionAbove": (r"C:\Corpus\Program\draw.exe", "FileVersion", "2.4.9"),
    "IsFileVersionBelow": (r"C:\Corpus\Program [draw.exe]", "FileVersion", "2.10"),
    "IsSystemContext": (),
    "DoesStringContentEqual": ("Registry", r"HKLM\Software\Corpus [Seats]", "0x00000007"),
    "DoesStringContentContain": ("Registry", r"HKLM\Software\Corpus [Motto]", "WHILE"),
    "IsSameObject": ("File", r"%ProgramFiles%\Lumen", "c:\\program files\\LUMEN\\"),
    "IsSameContent": ("File", r"C:\Corpus\Twins [one.bin]", "File", r"C:\Corpus\Twins [two.bin]"),
    "IsSameStringContent": (
        "Registry", r"HKLM\Software\Corpus [Motto]", "Ini", r"C:\Corpus\Ini\draw.ini|About[Motto]",
    ),
    "IsUpgrade": (),
    "IsMigrationScope": ("USMT",),
    "AnswerNo": (),
    "CompareStringContent": ("draw while you can", "Equal"),
    "IgnoreIrrelevantLinks": (),
    "NeverRestore": (),
    "SameRegContent": (),
    "FileProperties": ("filesize", "gt", "1KB"),
    "ExtractSingleFile": (",", None),
    "ExtractMultipleFiles": (None, r"C:\Corpus\content"),
    "ExtractDirectory": (",", "1", r"\* [*.pal]"),
    "ExtractSingleFileAnsiBin": (),
    "ExtractSingleFileUnicodeBin": (),
    "GenerateDrivePatterns": ("* [*.lumdraw]", "Fixed"),
    "GenerateUserPatterns": ("File", r"%USERPROFILE%\Shared [*]", "TRUE"),
    "GenerateDocPatterns": ("FALSE", "TRUE", "FALSE"),
    "GetStringContent": ("Registry", r"HKLM\Software\Corpus [Quoted]", "0", '"', '"\\'),
    "ConvertToDWORD": ("1",),
    "ConvertToString": ("none",),
    "ConvertToBinary": (),
    "OffsetValue": ("-10",),
    "SetValueByTable": ("1,2,3", "one,two,three", "other"),
    "KeepExisting": ("Security", "FileAttrib:HR"),
    "MergeMultiSzContent": ("Add", "first", "second"),
    "MergeDelimitedContent": (";", "Remove", "old"),
    "MergeShellLibraries": ("TRUE", "TRUE"),
    "SetPstPathInMapiStruct": (),
    "UpdateMvBinaryMapiStruct": (),
    "ExactMove": (r"C:\Corpus\Moved",),
    "RelativeMove": (r"%WINDIR%\Lumen", r"C:\Corpus\Moved"),
    "Move": (r"C:\Corpus\Moved",),
    "SourcePriority": (),
    "DestinationPriority": (),
    "FindFilePlaceByPattern": ("<F> (<N>).<E>",),
    "LeafPattern": ("copy of *",),
    "NewestVersion": ("FileVersion",),
    "HigherValue": (),
    "LowerValue": (),
    "ConvertToOfficeLangID": (
        "Registry", r"HKLM\Software\Corpus [Motto]", r"HKLM\Software\Corpus [Seats]",
    ),
    **{
        FUNCTIONS[name].name: ()
        for name, each in FUNCTIONS.items()
        if each.uses & Use.INTERNAL and each.uses & Use.PROCESSING
    },
}  # fmt: skip
"""The arguments of the first call of each function that is a value of the model: usmt.md 3.7, 3.8."""
RUN_ONLY = {name for name in NAMES if FUNCTIONS[name.lower()].uses == Use.PROCESSING}
"""Calls of these are kept as text: they are never made."""


@pytest.mark.parametrize(
    ("name", "arguments"), CALLED.items(), ids=[f"3.8 {each}" for each in CALLED]
)
def test_a_call_is_read_with_its_arguments(name: str, arguments: tuple[str | None, ...]) -> None:
    call = corpus().calls(name)[0]
    assert call.arguments == arguments
    assert call.prefix in {"MigXmlHelper", "MigSysHelper", "Lumen"}


def taken_of(name: str, c: Corpus) -> object:
    return c.taken(name)


def is_kept(name: str, c: Corpus) -> object:
    """Tell whether a rule for the restore has a call of a function."""
    kept = (
        call for each in ("merge", "locationModify", "contentModify") for call, _ in c.kept(each)
    )
    return any(f".{name}(" in call for call in kept)


def is_recorded(name: str, c: Corpus) -> object:
    """Tell whether a call that is never made is told of."""
    return any(f".{name}(" in each for each in c.skipped("processing"))


def of_use(use: Use) -> list[str]:
    return sorted(each.name for each in FUNCTIONS.values() if each.uses & use)


WORKS: list[Row] = [
    *[(name, "3.8 true, and false", partial(taken_of, name), TAKEN) for name in of_use(Use.CONDITION)],
    *[(name, "3.8 load-time only: kept", partial(is_kept, name), True) for name in of_use(Use.LOAD)],
    *[(name, "3.8 never run: recorded", partial(is_recorded, name), True) for name in sorted(RUN_ONLY)],
    ("AnswerNo", "3.8 always FALSE", lambda c: c.taken("AnswerNo"), []),
    ("CompareStringContent", "3.8 Equal, letter case apart",
     lambda c: [each for each in c.values(f"{KEY}\\") if each.startswith("[")], ["[Motto]"]),
    ("IgnoreIrrelevantLinks", "3.8 at scan every link is kept",
     lambda c: c.taken("IgnoreIrrelevantLinks"), ["yes.lnk"]),
    ("NeverRestore", "3.8 TRUE at scan", lambda c: c.taken("NeverRestore"), ["yes.txt"]),
    ("SameRegContent", "3.8 FALSE, with a warning: the exclude excludes nothing",
     lambda c: (c.taken("SameRegContent"), [each.message.split("machine: ")[1][:30] for each in c.activation.notes]),
     (["yes.txt"], ["MigXmlHelper.SameRegContent() i"[:30]])),
    ("FileProperties", "3.8 of an exclude, TRUE is excluded", lambda c: c.taken("FileProperties"), ["new.txt"]),
    ("FileProperties", "3.8 sizes in multiples of 1024",
     lambda c: c.taken("unconditionalExclude"), ["small.txt"]),
    ("ExtractSingleFile", "3.8 cut at the separator", lambda c: "single.txt" in c.taken("content"), True),
    ("ExtractMultipleFiles", "3.8 absolute, by hint, and none that is missing",
     lambda c: [each for each in c.taken("content") if each in {"several one.txt", "two.txt", "gone.txt"}],
     ["several one.txt", "two.txt"]),
    ("ExtractDirectory", "3.8 a level up, with a suffix", lambda c: c.taken(r"content\palettes"), ["warm.pal"]),
    ("ExtractSingleFileAnsiBin", "3.8 REG_BINARY, NUL-terminated",
     lambda c: "ansi.txt" in c.taken("content"), True),
    ("ExtractSingleFileUnicodeBin", "3.8 REG_BINARY, UTF-16",
     lambda c: "unicode.txt" in c.taken("content"), True),
    ("GenerateDrivePatterns", "3.8 each fixed drive, not the stick",
     lambda c: [each for each in c.files("") if each.endswith(".lumdraw")], [r"C:\Windows\Temp\draft.lumdraw"]),
    ("GenerateUserPatterns", "3.8 each user's",
     lambda c: [each for each in c.files("C:\\Users\\") if "Shared" in each],
     [r"anna\Shared\annas.txt", r"bob\Shared\bobs.txt"]),
    ("GenerateUserPatterns", "3.8 in the name of that user",
     lambda c: c.row(r"C:\Users\anna\Shared\annas.txt").scope, ANNA.sid),
    ("GenerateDocPatterns", "3.10 folders of fixed drives; no hidden system files, no Windows, no stick",
     lambda c: c.files("C:\\Projects\\") + c.files("E:\\"), ["plan.txt"]),
    ("GetStringContent", "3.8 trimmed of quotes and the closing backslash",
     lambda c: c.taken("variable"), TAKEN),
]  # fmt: skip


@pytest.mark.parametrize(("look", "expected"), parameters(WORKS))
def test_a_function_does_what_it_is_for(look: Question, expected: object) -> None:
    assert look(corpus()) == expected


# --- the whole ------------------------------------------------------------------------------------


def test_every_word_of_the_language_is_in_the_corpus_and_has_a_row() -> None:
    found: set[str] = set().union(*(each.census for each in corpus().files_read))
    assert found == ELEMENTS | {f"@{each}" for each in PAIRS} | {f"{each}()" for each in NAMES}
    assert {word for word, *_ in READ} == ELEMENTS | PAIRS
    assert {word for word, *_ in DONE} == ELEMENTS
    assert set(CALLED) == NAMES - RUN_ONLY
    assert {word for word, *_ in WORKS} == NAMES


def test_the_corpus_has_no_mistake_and_takes_only_what_it_is_to_take() -> None:
    """A no.txt anywhere would be a gate, a filter or an exclude that does not work."""
    assert corpus().rules.warnings == ()
    assert [each for each in corpus().files("") if each.endswith("no.txt")] == []
