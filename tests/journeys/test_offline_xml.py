"""Which Windows a request means, on a disk with five: USMT's Offline.xml and its two switches, row by row.

`three` holds C:\\Windows, C:\\Windows.old\\Windows and D:\\Windows, a renamed one (C:\\WinBackup), a copied one
(D:\\Backup\\OldPC\\Windows), and four directories that only look like a Windows.
"""

from __future__ import annotations

from pathlib import Path

import pytest

import sample_images
from tests.journeys.journey import manifest_of, scan


def offline(*paths: str, fail: str = "", mappings: tuple[str, ...] = (), tail: str = "") -> str:
    """Return an Offline.xml."""
    listed = "".join(f"<path>{path}</path>" for path in paths)
    mapped = "".join(f"<path>{path}</path>" for path in mappings)
    return (
        f"<offline><winDir>{listed}</winDir>"
        + (f"<mappings>{mapped}</mappings>" if mappings else "")
        + (f"<failOnMultipleWinDir>{fail}</failOnMultipleWinDir>" if fail else "")
        + f"</offline>{tail}"
    )


C, D, OLD = r"C:\Windows", r"D:\Windows", r"C:\Windows.old\Windows"
COPY, RENAMED = r"D:\Backup\OldPC\Windows", r"C:\WinBackup"
DECOY, BROKEN = r"C:\Games\Windows", r"C:\Windows.old.000\Windows"

CHOICES = [
    ("the only path", offline(C), C),
    ("another volume", offline(D), D),
    ("the first of two wins", offline(C, D), C),
    ("the first of two wins, the other way round", offline(D, C), D),
    ("a path that is not there is passed over", offline(r"C:\Nowhere", D), D),
    ("a drive that is not there is passed over", offline(r"Q:\Windows", C), C),
    ("a directory without hives is passed over", offline(DECOY, D), D),
    ("a directory with broken hives is passed over", offline(BROKEN, C), C),
    ("Windows.old's Windows", offline(OLD), OLD),
    ("Windows.old itself", offline(r"C:\Windows.old"), OLD),
    ("a renamed Windows", offline(RENAMED), RENAMED),
    ("a copied Windows", offline(COPY), COPY),
    ("a root", offline("D:\\"), D),
    ("a root without its backslash", offline("C:"), C),
    ("any case, any slash", offline("d:/WINDOWS/"), D),
    ("white space around a path", offline(f"\n   {D}\n  "), D),
    ("failOnMultipleWinDir 0", offline(D, fail="0"), D),
    ("failOnMultipleWinDir absent", offline(D), D),
    ("capital tags", offline(D).replace("winDir", "WinDir").replace("path>", "Path>"), D),
    ("an XML declaration", '<?xml version="1.0" encoding="utf-8"?>' + offline(D), D),
    ("children in another order", offline(D, fail="0", mappings=(r"D:\, D:\ ",)), D),
    ("a mapping", offline(C, mappings=("D:\\, E:\\",)), C),
    ("a mapping read the other way round", offline(C, mappings=("E:\\, D:\\",)), C),
    ("a winDir in the letters of WinPE", offline(r"X:\Windows", mappings=("X:\\, D:\\",)), D),
]
REFUSALS = [
    ("failOnMultipleWinDir 1 with several", offline(C, fail="1"), 26),
    ("no valid path at all", offline(DECOY, BROKEN, r"C:\Nowhere"), 26),
    ("an empty winDir", "<offline><winDir/></offline>", 29),
    ("no winDir", "<offline/>", 29),
    ("a bad failOnMultipleWinDir", offline(C, fail="maybe"), 29),
    ("a mapping of one side", offline(C, mappings=("D:\\",)), 29),
    ("a mapping of drives nobody has", offline(D, mappings=("Q:\\, R:\\",)), 29),
    ("junk behind the end", offline(C, tail="s>"), 29),
]


@pytest.fixture(scope="module")
def disk() -> Path:
    return sample_images.unpack("three")


def chosen(store: Path) -> str:
    """Return the path of the Windows that a store was made from."""
    return str(manifest_of(store).header["windows"]["path"])


def given(text: str, folder: Path) -> str:
    path = folder / "Offline.xml"
    path.write_text(text)
    return f"/offline:{path}"


@pytest.mark.parametrize(
    ("text", "path"), [row[1:] for row in CHOICES], ids=[row[0] for row in CHOICES]
)
def test_an_offline_xml_chooses_as_documented(
    text: str, path: str, disk: Path, tmp_path: Path
) -> None:
    assert scan(tmp_path / "store", disk, given(text, tmp_path), "/c") in {0, 3}
    assert chosen(tmp_path / "store") == path


@pytest.mark.parametrize(
    ("text", "code"), [row[1:] for row in REFUSALS], ids=[row[0] for row in REFUSALS]
)
def test_an_offline_xml_is_refused_as_documented(
    text: str, code: int, disk: Path, tmp_path: Path
) -> None:
    assert scan(tmp_path / "store", disk, given(text, tmp_path), "/c") == code
    assert not (tmp_path / "store" / "USMT").exists()


@pytest.mark.parametrize(
    ("words", "path"),
    [
        ([], C),
        (["/offlineWinDir:D:\\Windows"], D),
        (["/offlineWinDir:C:\\Windows.old\\Windows"], OLD),
        (["/offlineWinOld:C:\\Windows.old"], OLD),
        (["/offlineWinOld:C:\\Windows.old\\Windows"], OLD),
    ],
    ids=str,
)
def test_each_switch_chooses_as_documented(
    words: list[str], path: str, disk: Path, tmp_path: Path
) -> None:
    assert scan(tmp_path / "store", disk, *words, "/c") in {0, 3}
    assert chosen(tmp_path / "store") == path


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["/offlineWinDir:D:\\Windows", "/offlineWinOld:C:\\Windows.old"], 11),
        (["/offline:x.xml", "/offlineWinDir:D:\\Windows"], 11),
        (["/offline:x.xml", "/offlineWinOld:C:\\Windows.old"], 11),
        (["/offlineWinDir:C:\\Games\\Windows"], 26),
        (["/offlineWinOld:C:\\Windows.old.000"], 26),
    ],
    ids=str,
)
def test_wrong_switches_end_with_the_documented_code(
    words: list[str], code: int, disk: Path, tmp_path: Path
) -> None:
    assert scan(tmp_path / "store", disk, *words, "/c") == code


def test_one_windows_is_not_several(tmp_path: Path) -> None:
    text = offline(C, fail="1")
    solo = sample_images.unpack("solo")
    assert scan(tmp_path / "store", solo, given(text, tmp_path), "/c") == 3
    assert chosen(tmp_path / "store") == C


def test_a_mapping_overrides_the_letter_that_windows_remembers(disk: Path, tmp_path: Path) -> None:
    text = offline(C, mappings=("D:\\, E:\\",))
    assert scan(tmp_path / "plain", disk, "/c") in {0, 3}
    assert scan(tmp_path / "mapped", disk, given(text, tmp_path), "/c") in {0, 3}
    data = {"volume": "5EED0003DA7A0003"}
    assert manifest_of(tmp_path / "plain").header["windows"]["letters"]["D:"] == data
    assert manifest_of(tmp_path / "mapped").header["windows"]["letters"]["E:"] == data
    assert "D:" not in manifest_of(tmp_path / "mapped").header["windows"]["letters"]


def test_all_windows_makes_one_store_each(disk: Path, tmp_path: Path) -> None:
    assert scan(tmp_path, disk, "--all-windows", "/c") in {0, 3}
    stores = [path for path in tmp_path.iterdir() if (path / "USMT").is_dir()]
    assert {chosen(store) for store in stores} == {C, D, OLD, COPY, RENAMED}
