r"""``explain`` and ``coverage`` on the disk `apps`, held against expectations that were written by hand.

What each rule comes to was worked out from `rules/acme.xml` and the precedence of usmt.md 4.1 and 4.2, not from a run:
the numbers are lines of that file.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import sample_images
from extractor.cli.main import main
from tests.journeys.journey import exact_path, manifest_of, scan

RULES = Path(__file__).parent / "rules"
ACME, DOCUMENTS, CONFIG = RULES / "acme.xml", RULES / "documents.xml", RULES / "config.xml"
MACHINE = "S-1-5-21-1442695040-2891336453-1013904223"
ALICE = f"{MACHINE}-1001"
BEATEN, NOTHING, ALONE = "beaten by", "does nothing", "decides in its own component alone"
SAME, ABOVE = "says the same", "an unconditionalExclude is above it"


@dataclass(frozen=True)
class Expected:
    """What a person expects: taken or not, the line that decides, what the other lines come to."""

    path: str
    taken: bool
    decides: int | None
    others: dict[int, str] = field(default_factory=dict)
    idle: dict[int, str] = field(default_factory=dict)
    remark: str = ""


ROAMING = r"C:\Users\alice\AppData\Roaming\Acme"
TEN = [
    Expected(rf"{ROAMING}\crash.dmp", False, 45, {35: BEATEN, 116: NOTHING}),
    Expected(rf"{ROAMING}\Macros\roof.acm.old", False, 44, {35: BEATEN, 116: NOTHING}),
    Expected(r"C:\AcmeData\Templates\A3.act", True, 70, {69: SAME, 84: BEATEN}),
    Expected(r"C:\AcmeData\Templates\A4.act", False, 84, {69: BEATEN}),
    Expected(r"C:\AcmeData\parts.db.lock", False, 138, {69: ABOVE}),
    Expected(r"D:\Projects\bridge.acd", True, 113),
    Expected(r"C:\Users\alice\Documents\house.acd", True, 126, {113: BEATEN, 116: ALONE}),
    Expected(r"HKLM\SOFTWARE\Acme\Cad [Ticks]", True, 68),
    Expected(rf"HKU\{ALICE}\Software\Acme\Cad [Password]", False, 144, {34: ABOVE}),
    Expected(r"C:\Windows\acme.ini|Settings[TempDir]", False, 83, {71: BEATEN}),
    Expected(r"C:\Data\only hidden.doc", False, None, idle={103: "Acme 2 is not detected here"}),
    Expected(r"C:\AcmeData\new.acl", True, 69, remark="it is not there"),
    Expected(
        r"C:\Documents and Settings\alice\x.acd", True, 113,
        remark=r"C:\Documents and Settings is a link to C:\Users",
    ),
]  # fmt: skip


@pytest.fixture(scope="module")
def image() -> Path:
    return sample_images.unpack("apps")


def told(capsys: pytest.CaptureFixture[str], *words: str | Path) -> dict[str, Any]:
    """Run a command with ``--json``; return what it says of the one Windows on the disk."""
    capsys.readouterr()
    assert main([*map(str, words), "--json"]) in {0, 3}
    (windows,) = json.loads(capsys.readouterr().out)["windows"]
    found: dict[str, Any] = windows
    return found


def line_of(source: str) -> int:
    file, _, line = source.rpartition(":")
    assert file == str(ACME)
    return int(line)


@pytest.mark.parametrize("expected", TEN, ids=lambda each: each.path)
def test_explain_says_what_a_person_worked_out(
    expected: Expected, image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (found,) = told(capsys, "explain", image, expected.path, f"/i:{ACME}")["objects"]
    assert found["taken"] is expected.taken
    assert expected.remark in found["remark"]
    deciding = [line_of(each["source"]) for each in found["rules"] if each["decides"]]
    assert deciding == ([expected.decides] if expected.decides else [])
    others = {
        line_of(each["source"]): each["effect"] for each in found["rules"] if not each["decides"]
    }
    assert others.keys() == expected.others.keys()
    assert all(words in others[line] for line, words in expected.others.items())
    idle = {line_of(each["source"]): each["why"] for each in found["idle_rules"]}
    assert idle == expected.idle


def test_a_key_of_each_user_is_explained_for_each_user(
    image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = told(
        capsys, "explain", image, r"HKCU\Software\Acme\Cad [Zoom]", f"/i:{ACME}", "/ue:bob"
    )
    users = {each["user"]: (each["taken"], each["remark"]) for each in found["objects"]}
    assert users[ALICE] == (True, "")
    assert f"{MACHINE}-1002" not in users
    assert len(users) == 2


def test_a_user_who_does_not_come_is_the_reason(
    image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = r"C:\Users\bob\AppData\Roaming\Acme\keys.acs"
    (found,) = told(capsys, "explain", image, path, f"/i:{ACME}", "/ue:bob")["objects"]
    assert (found["taken"], found["user_selected"]) == (False, False)
    assert found["reason"] == "user not selected (/ue:bob)"


def test_a_component_that_config_xml_leaves_out_is_named(
    image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = rf"{ROAMING}\keys.acs"
    words = ("explain", image, path, f"/i:{ACME}", f"/config:{CONFIG}")
    (found,) = told(capsys, *words)["objects"]
    assert not found["taken"]
    whys = {line_of(each["source"]): each["why"] for each in found["idle_rules"]}
    assert whys[35] == "Config.xml leaves Acme CAD out"


@pytest.mark.parametrize("rules", [ACME, DOCUMENTS, None], ids=["acme", "documents", "builtin"])
def test_explain_agrees_with_the_scan_on_every_object(
    rules: Path | None, image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [f"/i:{rules}"] if rules else []
    assert scan(tmp_path / "store", image, *given) == 0
    every = manifest_of(tmp_path / "store").rows
    # accounts come with their users: no rule speaks of them
    rows = [row for row in every if "pretended" not in row and row["kind"] != "account"]
    asked = [_asked(exact_path(row), row["kind"]) for row in rows]
    found = told(capsys, "explain", image, *asked, *given)["objects"]
    answers = [("stored" if each["taken"] else "excluded", each["rule"]) for each in found]
    outcomes = [(row["outcome"], row["rule"]) for row in rows]
    cut = {row["rule"] for row in rows if row["kind"] in {"directory", "key"}}
    different = [
        (path, ours, theirs)
        for path, ours, theirs in zip(asked, answers, outcomes, strict=True)
        if ours != theirs and not (ours[0] == theirs[0] == "excluded" and theirs[1] in cut)
    ]
    assert different == []  # an excluded folder's row names the rule that leaves out all of it


def _asked(path: str, kind: str) -> str:
    """Return an object as a person asks for it; the manifest has a value as one more name of its key."""
    if kind != "value":
        return path
    key, _, name = path.rpartition("\\[")
    return f"{key}[{name}" if "|" in key else f"{key} [{name}"


def test_explain_reads_well(image: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", str(image), rf"{ROAMING}\crash.dmp", f"/i:{ACME}"]) == 3
    out = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert rf"{ROAMING}\crash.dmp" in out
    assert "  a file of APPS-07\\alice, who comes" in out
    assert r"  NOT TAKEN: excluded by %CSIDL_APPDATA%\Acme [crash.dmp]" in out
    assert f"  > exclude  {ACME}:45  Acme CAD, for APPS-07\\alice" in out


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ([], 11),
        (["disk.raw"], 11),
        ([r"C:\x"], 11),
        (["disk.raw", r"HKXX\Software"], 11),
        (["disk.raw", r"C:\win.ini|Section"], 11),
        (["disk.raw", r"C:\x", "/store:x"], 11),
        (["disk.raw", r"C:\x", "--nocompress"], 11),
    ],
)
def test_what_cannot_be_explained_is_a_sentence(
    words: list[str], code: int, image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [str(image) if word == "disk.raw" else word for word in words]
    assert main(["explain", *given]) == code
    assert len(capsys.readouterr().err.splitlines()) == 1


# --- coverage -------------------------------------------------------------------------------------


def test_coverage_finds_the_folder_that_was_planted_to_be_missed(
    image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for rules in (ACME, DOCUMENTS):
        found = told(capsys, "coverage", image, f"/i:{rules}")["uncollected"]
        planted = r"C:\Users\alice\AppData\Local\AcmeCad\Projects"
        (row,) = [each for each in found if each["path"] == planted]
        assert (row["files"], row["bytes"]) == (4, 4000 + 3000 + 3500 + 2500)
        assert (row["data_files"], row["data_bytes"]) == (3, 3000 + 3500 + 2500)
        assert row["kinds"] == {"documents": 2, "pictures": 1}
        assert row["largest"].endswith("museum - photo.jpg")
        assert found[0] == row


def test_the_builtin_pack_leaves_nobodys_data_behind(
    image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = told(capsys, "coverage", image)["uncollected"]
    assert {each["path"] for each in found} <= {r"C:\Users\Default\AppData\Roaming"}


def test_coverage_tells_rules_by_what_they_come_to(
    image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rules = tmp_path / "r.xml"
    rules.write_text(
        """<migration urlid="urn:coverage">
<component type="Documents" context="User"><displayName>Mine</displayName><role role="Data"><rules>
<include><objectSet>
<pattern type="File">%CSIDL_PERSONAL%\\* [*]</pattern>
<pattern type="File">%CSIDL_PERSONAL%\\Nowhere\\* [*]</pattern>
<pattern type="File">%CSIDL_PERSONAL% [letter.docx]</pattern>
<pattern type="File">%CSIDL_PPERSONAL%\\* [*]</pattern>
<pattern type="Registry">HKCU\\Software\\Acme\\Cad [Zoom]</pattern>
<pattern type="Registry">HKCU\\Software\\Acme\\Cad [Room]</pattern>
</objectSet></include>
<exclude><objectSet>
<pattern type="File">%USERPROFILE%\\* [letter.docx]</pattern>
</objectSet></exclude>
</rules></role></component>
<component type="Application" context="System"><displayName>Absent</displayName><role role="Data">
<detection><conditions><condition>MigXmlHelper.DoesObjectExist("File", "C:\\Gone")</condition></conditions></detection>
<rules><include><objectSet><pattern type="File">C:\\Gone\\* [*]</pattern></objectSet></include></rules>
</role></component></migration>"""
    )
    found = told(capsys, "coverage", image, f"/i:{rules}")
    uses = {
        each["source"].rpartition(":")[2]: (each["matched"], each["decided"] > 0)
        for each in found["rules"]
    }
    assert uses == {
        "4": (True, True),
        "5": (False, False),
        "6": (True, True),
        "8": (True, True),
        "9": (False, False),
        "12": (True, False),
    }
    assert found["undetected"] == ["Absent"]
    assert {each["name"] for each in found["unknown_variables"]} == {"CSIDL_PPERSONAL"}


def test_coverage_reads_well(image: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["coverage", str(image), f"/i:{ACME}"]) == 3
    out = capsys.readouterr().out
    assert "not on this disk: Acme 2" in out
    assert "rules that match and never decide: none" in out
    assert r"C:\Users\alice\AppData\Local\AcmeCad\Projects" in out
    assert "more: --full shows them" in out
