"""A disk is scanned by rules that ask something of the restore, and restored by them, by others, and without some."""

from __future__ import annotations

from pathlib import Path

import pytest

import sample_images
from extractor.cli.main import main
from tests.journeys.journey import scan
from tests.restore.build import tree_of

RULES = r"""<migration urlid="http://example.com/load">
 <component type="Documents" context="User"><displayName>Docs</displayName><role role="Data"><rules>
   <include filter="MigXmlHelper.NeverRestore()">
    <objectSet><pattern type="File">%USERPROFILE%\Documents\ [report.docx]</pattern></objectSet></include>
   <include><objectSet><pattern type="File">%USERPROFILE%\Desktop\* [*]</pattern></objectSet></include>
   <processing when="post-apply">
    <script>MigXmlHelper.RemoveEmptyDirectories('%USERPROFILE%\Left\*')</script></processing>
  </rules></role></component>
 <component type="Documents" context="User"><displayName>Second</displayName><role role="Data"><rules>
   <locationModify script="MigXmlHelper.RelativeMove('%USERPROFILE%\Desktop','%USERPROFILE%\Copy')">
    <objectSet><pattern type="File">%USERPROFILE%\Desktop\* [*]</pattern></objectSet></locationModify>
  </rules></role></component>
</migration>"""
OTHER = r"""<migration urlid="http://example.com/other">
 <component type="Documents" context="User"><displayName>Other</displayName><role role="Data"><rules>
   <include><objectSet><pattern type="File">%USERPROFILE%\Desktop\* [*]</pattern></objectSet></include>
   <locationModify script="MigXmlHelper.RelativeMove('%CSIDL_DESKTOP%','%USERPROFILE%\Else')">
    <objectSet><pattern type="File">%CSIDL_DESKTOP%\* [*]</pattern></objectSet></locationModify>
  </rules></role></component>
</migration>"""
DROPS = """<Configuration><Documents>
 <component displayname="Docs" migrate="no" ID="http://example.com/load/docs/data"/></Documents></Configuration>"""


@pytest.fixture(scope="module")
def scanned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the rules and the store that was scanned by them."""
    work = tmp_path_factory.mktemp("load")
    for name, text in (("rules.xml", RULES), ("other.xml", OTHER), ("drops.xml", DROPS)):
        (work / name).write_text(text)
    (work / "again.xml").write_text(RULES)
    scan(work / "s" / "store", sample_images.unpack("solo"), "/c", f"/i:{work / 'rules.xml'}")
    return work


def restored(work: Path, target: Path, *words: str) -> set[str]:
    """Return the names below anna's folder, restored by these words."""
    (target / "Users/anna/Left/empty").mkdir(parents=True)
    assert main(["restore", str(work / "s" / "store"), "--to", str(target), *words]) in {0, 3}
    return {name.removeprefix("Users/anna/") for name in tree_of(target) if "anna/" in name}


def below(names: set[str], folder: str) -> set[str]:
    return {each.removeprefix(folder) for each in names if each.startswith(folder)}


def test_the_rules_of_the_scan_hold_at_load(scanned: Path, tmp_path: Path) -> None:
    found = restored(scanned, tmp_path / "out")
    assert below(found, "Desktop/")
    assert below(found, "Copy/") == below(found, "Desktop/")
    assert not [each for each in found if each.startswith(("Documents", "Left"))]


def test_the_same_rules_under_another_name_hold_too(scanned: Path, tmp_path: Path) -> None:
    before = restored(scanned, tmp_path / "one")
    assert restored(scanned, tmp_path / "two", "--rules", str(scanned / "again.xml")) == before


def test_with_other_rules_only_theirs_hold(scanned: Path, tmp_path: Path) -> None:
    found = restored(scanned, tmp_path / "out", "--rules", str(scanned / "other.xml"))
    assert below(found, "Else/")
    assert not below(found, "Desktop/")
    assert not below(found, "Copy/")
    assert "Documents/report.docx" in found
    assert "Left/empty" in found


def test_a_component_that_a_config_drops_at_load_does_not_come(
    scanned: Path, tmp_path: Path
) -> None:
    found = restored(scanned, tmp_path / "out", "--config", str(scanned / "drops.xml"))
    assert found == set()


def test_loadstates_words_do_the_same(scanned: Path, tmp_path: Path) -> None:
    found = restored(scanned, tmp_path / "one", "--rules", str(scanned / "other.xml"))
    (tmp_path / "two/Users/anna/Left/empty").mkdir(parents=True)
    words = [
        str(scanned / "s" / "store"),
        "--target",
        str(tmp_path / "two"),
        f"/l:{tmp_path / 'l.log'}",
    ]
    assert main(["loadstate", *words, f"/i:{scanned / 'other.xml'}"]) in {0, 3}
    names = tree_of(tmp_path / "two")
    assert {name.removeprefix("Users/anna/") for name in names if "anna/" in name} == found
