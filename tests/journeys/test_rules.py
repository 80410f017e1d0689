r"""Rule files of somebody else's, run through the command line on the disk `apps`; what they take is written by hand.

`rules/acme.xml` asks in most ways in which one can ask; the tables below say what lies on the disk and is meant by it
(sample_images/apps/contents.toml), worked out from the rule language (usmt.md 3 and 4), not from a run.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest
from lxml import etree

import sample_images
from extractor.cli.main import main
from tests.conftest import need_tool
from tests.journeys.journey import Manifest, exact_path, manifest_of, scan

RULES = Path(__file__).parent / "rules"
ACME, CONFIG, DOCUMENTS = RULES / "acme.xml", RULES / "config.xml", RULES / "documents.xml"
MACHINE = "S-1-5-21-1442695040-2891336453-1013904223"
ALICE, BOB = rf"HKU\{MACHINE}-1001\Software\Acme", rf"HKU\{MACHINE}-1002\Software\Acme"
CAROL = "S-1-5-21-3141592653-2384626433-1832795028-1110"


def below(top: str, *rest: str) -> set[str]:
    """Return paths below a folder or key; the empty one is the folder itself."""
    return {rf"{top}\{each}" if each else top for each in rest}


ALICES = {
    *below(r"C:\Users\alice\AppData\Roaming\Acme", "", "acme-user.ini", "keys.acs"),
    *below(r"C:\Users\alice\AppData\Roaming\Acme\Macros", "", "stairs.acm", "roof.acm"),
    r"C:\Users\alice\AcmeFiles\template.act",
    *below(ALICE, "", "Cad", r"Cad\Colours", r"Cad\Recent"),
    *below(rf"{ALICE}\Cad", "[]", "[Template]", "[ProjectFolder]", "[Palette]", "[Zoom]"),
    *below(rf"{ALICE}\Cad", "[Started]", "[Toolbars]", "[State]", "[Imported]"),
    *below(rf"{ALICE}\Cad\Colours", "[Background]", "[Default]", "[Lines]"),
    *below(rf"{ALICE}\Cad\Recent", "[File1]", "[File2]"),
}
BOBS = {
    *below(r"C:\Users\bob\AppData\Roaming\Acme", "", "keys.acs"),
    r"C:\Users\bob\AcmeFiles\template.act",
    *below(BOB, "", "Cad", r"Cad\[Template]", r"Cad\[Zoom]", r"Cad\[Imported]"),
}
CAD = r"HKLM\SOFTWARE\Acme\Cad"
MACHINES = {
    *below(CAD, "", "[]", "[InstallDir]", "[DataFolder]", "[OpenCommand]", "[Libraries]"),
    *below(CAD, "[Licence]", "[Seats]", "[Ticks]", "[Key]", "[Version]"),
    *below(
        CAD, "Plugins", r"Plugins\Render", r"Plugins\Render\[Enabled]", r"Plugins\Render\[Path]"
    ),
    *below(r"C:\AcmeData", "", "walls.acl", "parts.db", r"Templates\A3.act"),
    *below(r"C:\Windows\acme.ini|Settings", "[Templates]", "[Units]"),
    r"C:\Windows\acme.ini|Plotter\[Port]",
    *below(r"D:\Acme", "doors.acl", "licence.lic"),
}
DRAWINGS = {
    r"D:\Projects\bridge.acd",
    r"D:\Projects\Tunnel\tunnel.acd",
    r"C:\Users\alice\Documents\house.acd",
    r"C:\Users\bob\OneDrive - Contoso\Documents\garage.acd",  # where bob's Documents really are
}
ALL = ALICES | BOBS | MACHINES | DRAWINGS

WHOLE_RUNS = [
    ("all of it", [], ALL),
    ("Config.xml: Acme off", [f"/config:{CONFIG}"], DRAWINGS),
    ("without bob", ["/ue:*-1002"], ALICES | MACHINES | {p for p in DRAWINGS if "bob" not in p}),
    (
        "bob alone",
        ["/ue:*", "/ui:bob"],
        BOBS | MACHINES | {p for p in DRAWINGS if "alice" not in p},
    ),
]


@pytest.fixture(scope="module")
def image() -> Path:
    return sample_images.unpack("apps")


@pytest.fixture(scope="module")
def whole(image: Path, tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    store = tmp_path_factory.mktemp("whole")
    assert scan(store, image, f"/i:{ACME}") == 0
    return manifest_of(store)


def stored(manifest: Manifest) -> set[str]:
    """Return what rules chose; accounts come with their users, no rule chooses them."""
    rows = (row for row in manifest.rows if row["kind"] != "account")
    return {exact_path(row) for row in rows if row["outcome"] == "stored"}


def taken(store: Path, *words: str | Path) -> set[str]:
    """Run a scan that loses nothing; return what it stored."""
    assert scan(store, *words) == 0
    return stored(manifest_of(store))


@pytest.mark.parametrize(
    ("words", "expected"), [row[1:] for row in WHOLE_RUNS], ids=[r[0] for r in WHOLE_RUNS]
)
def test_exactly_what_the_rules_mean_is_stored(
    words: list[str], expected: set[str], image: Path, tmp_path: Path
) -> None:
    found = taken(tmp_path / "store", image, f"/i:{ACME}", *words)
    assert (sorted(expected - found), sorted(found - expected)) == ([], [])


def test_each_row_names_the_line_that_took_it(whole: Manifest) -> None:
    lines = ACME.read_text("utf-8").splitlines()
    for path, text in {
        r"C:\Users\alice\AppData\Roaming\Acme\keys.acs": r"%CSIDL_APPDATA%\Acme\* [*]",
        r"C:\Users\alice\AcmeFiles\template.act": "ExtractSingleFile(NULL, NULL)",
        r"C:\AcmeData\Templates\A3.act": "%AcmeTemplates% [A3.act]",
        r"D:\Projects\bridge.acd": "GenerateDrivePatterns",
        rf"{CAD}\[Ticks]": r"HKLM\SOFTWARE\Acme\Cad\* [*]",
    }.items():
        (row,) = [row for row in whole.rows if exact_path(row) == path]
        file, _, line = row["rule"].rpartition(":")
        assert file == str(ACME)
        assert any(text in near for near in lines[int(line) - 1 : int(line) + 1]), row["rule"]


def test_what_an_exclude_left_out_has_a_row_with_its_line(whole: Manifest) -> None:
    lines = ACME.read_text("utf-8").splitlines()
    for path, text in {
        r"C:\Users\alice\AppData\Roaming\Acme\crash.dmp": "[crash.dmp]",
        r"C:\AcmeData\parts.db.lock": "[*.lock]",
        rf"{ALICE}\Cad\[Password]": "[Password]",
    }.items():
        (row,) = [row for row in whole.rows if exact_path(row) == path]
        assert row["outcome"] == "excluded"
        assert text in lines[int(row["rule"].rpartition(":")[2]) - 1]


def test_the_store_verifies(image: Path, tmp_path: Path) -> None:
    assert scan(tmp_path / "store", image, f"/i:{ACME}") == 0
    assert main(["store", "verify", str(tmp_path / "store")]) == 0


def test_twenty_runs_give_one_manifest(image: Path, tmp_path: Path) -> None:
    digests = set()
    for n in range(20):
        assert scan(tmp_path / str(n), image, f"/i:{ACME}") == 0
        digests.add(hashlib.sha256(b"\n".join(manifest_of(tmp_path / str(n)).lines)).hexdigest())
    assert len(digests) == 1


def test_a_config_of_what_was_found_changes_nothing(image: Path, tmp_path: Path) -> None:
    config = tmp_path / "Config.xml"
    assert (
        main(["scan", str(image), f"/i:{ACME}", f"/genconfig:{config}", "--progress", "none"]) == 0
    )
    text = config.read_text("utf-8")
    assert "Acme CAD" in text
    assert "Acme 2" not in text  # it is not on this disk
    assert taken(tmp_path / "store", image, f"/i:{ACME}", f"/config:{config}") == ALL
    config.write_text(text.replace('migrate="yes"', 'migrate="no"'), "utf-8")
    assert taken(tmp_path / "none", image, f"/i:{ACME}", f"/config:{config}") == set()


def test_the_document_finder_and_the_rules_it_writes_take_the_same(
    image: Path, tmp_path: Path
) -> None:
    written = tmp_path / "documents.xml"
    assert main(["scan", str(image), f"/genmigxml:{written}", "--progress", "none"]) == 0
    by_function = taken(tmp_path / "function", image, f"/i:{DOCUMENTS}")
    assert taken(tmp_path / "written", image, f"/i:{written}") == by_function
    files = {
        r"C:\install notes.txt", r"D:\index of the drive.txt", r"C:\Data\only hidden.doc",
        r"D:\Photos\2024\IMG_0001.jpg", r"C:\Users\alice\Own folder\plan.txt",
        r"C:\Users\bob\OneDrive - Contoso\Documents\budget.xlsx", r"C:\Users\carol\Documents\minutes.docx",
        r"C:\Users\Public\Documents\Telephone list.txt",
    }  # fmt: skip
    assert files - by_function == set()
    never = {
        r"C:\Data\hidden and system.doc", r"D:\Photos\2024\Thumbs.db", r"D:\Tools\Acme Viewer\viewer.exe",
        r"C:\ProgramData\Acme\shared.acs", r"C:\Windows\acme.ini", r"C:\Program Files\Acme\ReadMe.txt",
        r"C:\Users\alice\AppData\Local\AcmeCad\Projects\museum.acd",
    }  # fmt: skip
    assert never & by_function == set()


def test_rules_for_the_restore_are_in_the_catalog(image: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    assert scan(store, image, f"/i:{ACME}", f"/config:{CONFIG}") == 0
    assert scan(tmp_path / "all", image, f"/i:{ACME}") == 0
    kept = load_rules_of(tmp_path / "all")
    elements = {(each["element"], each["scope"]) for each in kept}
    assert elements == {
        (e, f"{MACHINE}-{n}") for e in ("merge", "locationModify") for n in (1001, 1002)
    } | {(element, CAROL) for element in ("merge", "locationModify")}
    (moved,) = [
        each
        for each in kept
        if each["element"] == "locationModify" and each["scope"].endswith("-1001")
    ]
    assert r"C:\Users\alice\AppData\Roaming\Acme 4" in moved["text"]
    assert load_rules_of(store) == []


def load_rules_of(store: Path) -> list[dict[str, str]]:
    """Read what a restore finds of merge, locationModify … in the catalog, as a stranger's script does."""
    catalog = store / "USMT" / "open-catalog" / "catalog.sqlite"
    with closing(sqlite3.connect(catalog)) as database:
        rows = database.execute(
            "SELECT kind, user, text FROM instructions"
            " WHERE kind NOT IN ('include', 'remap', 'skipped', 'localGroups', 'domains', 'users')"
        ).fetchall()
    return [{"element": kind, "scope": user, "text": text} for kind, user, text in rows]


def test_what_is_never_run_and_what_config_says_of_groups_is_in_the_catalog(
    image: Path, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    assert scan(store, image, f"/i:{ACME}") == 0
    assert instructions_of(store, "skipped") == ["<externalProcess> (pre-scan) acme.exe /save"]
    assert scan(tmp_path / "config", image, f"/i:{ACME}", f"/config:{CONFIG}") == 0
    (group,) = instructions_of(tmp_path / "config", "localGroups")
    assert json.loads(group) == {
        "from": "*", "to": "Users", "appliesTo": "MigratedUsers", "include": ["*"], "exclude": [],
    }  # fmt: skip


def instructions_of(store: Path, kind: str) -> list[str]:
    catalog = store / "USMT" / "open-catalog" / "catalog.sqlite"
    with closing(sqlite3.connect(catalog)) as database:
        return [
            text
            for (text,) in database.execute("SELECT text FROM instructions WHERE kind = ?", (kind,))
        ]


def test_values_are_in_the_catalog_with_their_type_and_bytes(image: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    assert scan(store, image, f"/i:{ACME}") == 0
    catalog = store / "USMT" / "open-catalog" / "catalog.sqlite"
    with closing(sqlite3.connect(catalog)) as database:
        found = {
            path: (kind, data)
            for path, kind, data in database.execute(
                'SELECT path, type, data FROM objects JOIN "values" ON object = id'
            )
        }
    text = "%SystemDrive%\\AcmeData\0".encode("utf-16-le")
    assert found[rf"{CAD}\[DataFolder]"] == (2, text)
    assert found[rf"{CAD}\[Seats]"] == (4, b"\5\0\0\0")
    assert found[rf"{CAD}\[Key]"] == (3, bytes.fromhex("deadbeef00"))
    assert found[r"C:\Windows\acme.ini|Settings\[Units]"] == (1, "mm\0".encode("utf-16-le"))
    imported = rf"{ALICE}\Cad\[Imported]"
    (row,) = [row for row in manifest_of(store).rows if row["path"] == imported]
    assert row["pretended"] is True
    assert row["sha256"] == hashlib.sha256(found[imported][1]).hexdigest()


BAD_FILES = [
    ("cut off", "<migration urlid='x'>\n  <component", "/i", 28, "bad.xml:2:"),
    (
        "a tag closed twice",
        "<migration urlid='x'>\n</migration></migration>",
        "/i",
        28,
        "bad.xml:2:",
    ),
    ("a Config.xml as rules", CONFIG.read_text("utf-8"), "/i", 26, "Config.xml"),
    ("rules as Config.xml", ACME.read_text("utf-8"), "/config", 39, "bad.xml:"),
    (
        "an unbalanced comment",
        "<Configuration>\n<!-- \n</Configuration>",
        "/config",
        39,
        "bad.xml:3:",
    ),
]


@pytest.mark.parametrize(
    ("text", "switch", "code", "says"),
    [row[1:] for row in BAD_FILES],
    ids=[r[0] for r in BAD_FILES],
)
def test_a_bad_file_is_refused_with_its_line(
    text: str,
    switch: str,
    code: int,
    says: str,
    image: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    bad = tmp_path / "bad.xml"
    bad.write_text(text, "utf-8")
    assert scan(tmp_path / "store", image, f"{switch}:{bad}") == code
    assert says in capsys.readouterr().err
    assert not (tmp_path / "store").exists()


MADE = [
    (["/genconfig:{out}"], 11, "exists already; /o overwrites it"),
    (["/genconfig:{out}", "--store", "{store}"], 11, "writes no store"),
    (["/genconfig:{out}", "/config:{out}"], 11, "cannot be given together"),
    (["/genmigxml:{out}", "/ui:bob"], 11, "cannot be given together"),
    (["/genconfig:{folder}/none/c.xml"], 11, "cannot be written"),
]


@pytest.mark.parametrize(("words", "code", "says"), MADE, ids=[" ".join(row[0]) for row in MADE])
def test_a_file_that_cannot_be_made_is_a_sentence(
    words: list[str],
    code: int,
    says: str,
    image: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out.xml"
    out.write_text("there")
    names = {"out": out, "store": tmp_path / "store", "folder": tmp_path}
    given = [word.format(**names) for word in words]
    assert main(["scan", str(image), *given, "--progress", "none"]) == code
    assert says in capsys.readouterr().err
    assert out.read_text() == "there"
    assert not (tmp_path / "store").exists()


def test_auto_takes_the_two_files_of_a_folder_or_the_builtin_pack(
    image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "usmt"
    folder.mkdir()
    assert scan(tmp_path / "none", image, f"/auto:{folder}") == 28
    assert "neither MigDocs.xml nor MigApp.xml" in capsys.readouterr().err
    (folder / "MIGAPP.XML").write_bytes(ACME.read_bytes())
    assert taken(tmp_path / "acme", image, f"/auto:{folder}") == ALL
    with_pack = taken(tmp_path / "pack", image, "/auto")
    assert with_pack == taken(tmp_path / "default", image)


def test_the_diagnostic_log_lists_units_and_what_they_stored(
    image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "diag.xml"
    monkeypatch.setenv("MIG_ENABLE_DIAG", str(log))
    assert scan(tmp_path / "store", image, f"/i:{ACME}") == 0
    root = etree.parse(str(log)).getroot()
    units = {
        (each.get("Name"), each.get("Selected"))
        for each in root.iter("MigUnit")
        if each.get("Context")
    }
    assert (r"<System>\Acme CAD (CMXEAgent)", "true") in units
    assert (r"<System>\Acme 2 (CMXEAgent)", "false") in units
    operations = list(root.iter("Operation"))
    assert len(operations) == len(ALL)
    assert [each.get("Path") for each in operations if each.get("SimObj") == "true"] == [
        rf"HKU\{MACHINE}-{rid}\Software\Acme\Cad [Imported]" for rid in (1001, 1002)
    ]


CLOUD = r"C:\Users\anna\OneDrive\*"
CONTROLS = [
    ("nothing said", "", [], 61),
    ("nothing said, /c", "", ["/c"], 3),
    ("nonFatal", f"<nonFatal errorCode='any'>{CLOUD} [*]</nonFatal>", [], 3),
    ("nonFatal elsewhere", "<nonFatal errorCode='any'>D:\\* [*]</nonFatal>", [], 61),
    ("another error", f"<nonFatal errorCode='32'>{CLOUD} [*]</nonFatal>", [], 61),
    ("fatal, /c", f"<fatal errorCode='any'>{CLOUD} [*]</fatal>", ["/c"], 61),
    ("the first decides", f"<nonFatal>{CLOUD} [*]</nonFatal><fatal>* [*]</fatal>", [], 3),
]


@pytest.mark.parametrize(
    ("rules", "words", "code"), [row[1:] for row in CONTROLS], ids=[row[0] for row in CONTROLS]
)
def test_error_control_decides_before_c(
    rules: str, words: list[str], code: int, tmp_path: Path
) -> None:
    """A file that is only in the cloud, on the disk `solo` (usmt.md 5.4)."""
    config = tmp_path / "Config.xml"
    config.write_text(
        "<Configuration><Policies><ErrorControl><fileError>"
        f"{rules}</fileError></ErrorControl></Policies></Configuration>"
    )
    given = [f"/config:{config}", *words]
    assert scan(tmp_path / "store", sample_images.unpack("solo"), *given) == code


def test_a_whole_hive_is_what_hivex_reads_in_it(image: Path, tmp_path: Path) -> None:
    """Another reader's keys, values and types of NTUSER.DAT, against what ``HKCU\\* [*]`` stored of it."""
    need_tool("hivexml")
    rules = tmp_path / "r.xml"
    rules.write_text(
        '<migration urlid="urn:hive"><component type="System" context="User"><displayName>Hive</displayName>'
        '<role role="Settings"><rules><include><objectSet><pattern type="Registry">HKCU\\* [*]</pattern>'
        '<pattern type="File">%USERPROFILE% [NTUSER.DAT]</pattern>'
        "</objectSet></include></rules></role></component></migration>"
    )
    store = tmp_path / "store"
    assert scan(store, image, f"/i:{rules}", "/ue:*", "/ui:alice") == 0
    (hive,) = (store / "USMT/File/C$/Users/alice").glob("NTUSER.DAT")
    xml = subprocess.run(["hivexml", hive], check=True, capture_output=True).stdout
    keys, values = hivex_rows(etree.fromstring(xml))
    own = rf"HKU\{MACHINE}-1001"
    classes = rf"{own}\Software\Classes"  # another file, mounted here
    rows = [row for row in manifest_of(store).rows if not exact_path(row).startswith(classes)]
    assert {exact_path(row)[len(own) :] for row in rows if row["kind"] == "key"} == keys
    ours = {exact_path(row)[len(own) :]: row["type"] for row in rows if row["kind"] == "value"}
    assert ours == values


TYPES = {"string": 1, "expand": 2, "binary": 3, "int32": 4, "string-list": 7, "int64": 11}


def hivex_rows(root: etree._Element) -> tuple[set[str], dict[str, int]]:
    """Return the keys, and the values with their types, of hivexml's output; paths as the manifest has them."""
    keys: set[str] = set()
    values: dict[str, int] = {}
    waiting = [("", each) for each in root.findall("node")]
    while waiting:
        above, node = waiting.pop()
        path = above + ("" if node.get("root") else rf"\{node.get('name')}")
        keys.add(path)
        for value in node.findall("value"):
            values[rf"{path}\[{value.get('key') or ''}]"] = TYPES[str(value.get("type"))]
        waiting += [(path, each) for each in node.findall("node")]
    return keys, values
