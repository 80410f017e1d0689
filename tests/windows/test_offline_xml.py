from __future__ import annotations

import re
from pathlib import Path

import pytest

from extractor.errors import OfflineFileError, UsageError
from extractor.windows.offline_xml import (
    OfflineRequest,
    offline_request,
    parse_offline_xml,
    request_for,
)

Short = tuple[list[str], list[tuple[str, str]], bool | None]

WIN = r"<winDir><path>C:\Windows</path></winDir>"

GOOD: list[tuple[str, Short]] = [
    (WIN, ([r"C:\Windows"], [], None)),
    (
        r"<winDir><path>C:\Windows</path><path>D:\Windows</path><path>E:\</path></winDir>",
        ([r"C:\Windows", r"D:\Windows", "E:\\"], [], None),
    ),
    (f"{WIN}<failOnMultipleWinDir>1</failOnMultipleWinDir>", ([r"C:\Windows"], [], True)),
    (f"{WIN}<failOnMultipleWinDir> 0\n</failOnMultipleWinDir>", ([r"C:\Windows"], [], False)),
    (
        rf"{WIN}<mappings><path>C:\, D:\</path><path>D:\,C:\</path></mappings>",
        ([r"C:\Windows"], [("C:\\", "D:\\"), ("D:\\", "C:\\")], None),
    ),
    (
        rf"{WIN}<mappings><path>C:\mnt\data , D:\Folder</path></mappings>",
        ([r"C:\Windows"], [(r"C:\mnt\data", r"D:\Folder")], None),
    ),
    (f"{WIN}<mappings></mappings>", ([r"C:\Windows"], [], None)),
    (f"<mappings/>{WIN}", ([r"C:\Windows"], [], None)),
    (
        r"<WinDir><PATH>  c:/windows/ </PATH></WinDir><FAILONMULTIPLEWINDIR>1</FAILONMULTIPLEWINDIR>",
        ([r"C:\windows"], [], True),
    ),
    (r"<winDir><path>Windows</path></winDir>", (["\\Windows"], [], None)),
    (r"<winDir><path>C:\Win<!-- a comment -->dows</path></winDir>", ([r"C:\Windows"], [], None)),
    (r"<winDir><path>C:\Fenêtres &amp; Co</path></winDir>", ([r"C:\Fenêtres & Co"], [], None)),
]

BAD: list[tuple[str, int, str]] = [
    ("<offline></offline>", 1, "<offline> needs a <winDir> with a <path>"),
    ("<offline>\n<winDir/>\n</offline>", 2, "<winDir> needs a <path>"),
    ("<offline>\n<winDir><path/></winDir></offline>", 2, "<path> is empty"),
    ("<offline>\n<winDir><path> \n </path></winDir></offline>", 2, "<path> is empty"),
    (rf"<Other>{WIN}</Other>", 1, "the root element must be <offline>"),
    (f"<offline>{WIN}</offline>s", 1, "Extra content at the end of the document"),
    (f"<offline>{WIN}\n\n<oops></offline>", 3, "Opening and ending tag mismatch"),
    (f"<offline>\n{WIN}\n{WIN}</offline>", 3, "a second <winDir>"),
    (f"<offline>{WIN}\n<drives/></offline>", 2, "<drives> does not belong into <offline>"),
    (f"<offline>{WIN}\n<mappings><path>C:\\</path></mappings></offline>", 2, "two paths"),
    (f"<offline>{WIN}\n<mappings><path>a,b,c</path></mappings></offline>", 2, "two paths"),
    (
        f"<offline>{WIN}\n<mappings><path>x,D:\\</path></mappings></offline>",
        2,
        "begin with a drive",
    ),
    (
        f"<offline>{WIN}\n<failOnMultipleWinDir>yes</failOnMultipleWinDir></offline>",
        2,
        "is 0 or 1, not yes",
    ),
    (f"<offline>{WIN}\n<failOnMultipleWinDir/></offline>", 2, "is empty"),
    ("<offline><winDir>\nC:\\Windows</winDir></offline>", 1, "holds text where elements belong"),
    (f"<offline>\n<winDir a='1'>{WIN}</winDir></offline>", 2, "<winDir> takes no attribute"),
    (f"<offline xmlns='urn:x'>{WIN}</offline>", 1, "Offline.xml has no namespace"),
    (f"<x:offline xmlns:x='urn:x'>{WIN}</x:offline>", 1, "Offline.xml has no namespace"),
    (r"<offline><winDir><path>\\server\c\Windows</path></winDir></offline>", 1, "network path"),
    (r"<offline><winDir><path>1:\Windows</path></winDir></offline>", 1, "no drive letter"),
    (r"<offline><winDir><path>C:\a\..\b</path></winDir></offline>", 1, "no path of a Windows"),
    (r"<offline><winDir><path>C:\W*</path></winDir></offline>", 1, "no path of a Windows"),
    ("<offline><winDir><path>C:\\<b/></path></winDir></offline>", 1, "holds text only"),
    (f"<!DOCTYPE offline [<!ENTITY a 'b'>]>\n<offline>{WIN}</offline>", 1, "DOCTYPE"),
    ("", 1, ""),
    ("C:\\Windows", 1, "Start tag expected"),
]


def shortened(request: OfflineRequest) -> Short:
    return (
        [str(each.path) for each in request.win_dirs],
        [(str(each.running), str(each.offline)) for each in request.mappings],
        request.fail_on_multiple,
    )


@pytest.mark.parametrize(("inside", "expected"), GOOD)
def test_what_the_grammar_allows_is_read(tmp_path: Path, inside: str, expected: Short) -> None:
    path = tmp_path / "Offline.xml"
    path.write_text(f'<?xml version="1.0" encoding="utf-8"?><offline>{inside}</offline>', "utf-8")
    assert shortened(parse_offline_xml(path)) == expected


@pytest.mark.parametrize("root", ["offline", "Offline", "OFFLINE"])
def test_the_root_may_be_written_in_any_case(tmp_path: Path, root: str) -> None:
    path = tmp_path / "Offline.xml"
    path.write_text(f"<{root}>{WIN}</{root}>")
    assert shortened(parse_offline_xml(path))[0] == [r"C:\Windows"]


@pytest.mark.parametrize(("content", "line", "message"), BAD)
def test_what_it_does_not_is_refused_with_its_line(
    tmp_path: Path, content: str, line: int, message: str
) -> None:
    path = tmp_path / "Offline.xml"
    path.write_text(content)
    with pytest.raises(
        OfflineFileError, match=re.escape(f"{path}:{line}:") + r"(\d+:)? "
    ) as caught:
        parse_offline_xml(path)
    assert message in str(caught.value)
    assert caught.value.exit_code == 29


def test_each_path_remembers_its_line(tmp_path: Path) -> None:
    path = tmp_path / "Offline.xml"
    path.write_text(f"<offline>\n{WIN}\n<mappings>\n<path>C:\\,D:\\</path></mappings></offline>")
    request = parse_offline_xml(path)
    assert request.win_dirs[0].source == f"{path}:2"
    assert request.mappings[0].source == f"{path}:4"


def test_a_file_that_is_not_there_is_a_wrong_command_line(tmp_path: Path) -> None:
    for path in (tmp_path / "none.xml", tmp_path):
        with pytest.raises(UsageError, match="/offline needs the path") as caught:
            parse_offline_xml(path)
        assert caught.value.exit_code == 11


def test_the_switches_make_the_same_request() -> None:
    assert shortened(offline_request("/offlineWinDir", r"D:\Windows")) == (
        [r"D:\Windows"], [], None,
    )  # fmt: skip
    assert request_for(None, "", r"C:\Windows.old") == offline_request(
        "/offlineWinOld", r"C:\Windows.old"
    )
    assert request_for(None, "", "") is None


def test_a_switch_without_a_folder_is_refused() -> None:
    with pytest.raises(UsageError, match="/offlineWinDir needs a folder"):
        offline_request("/offlineWinDir", r"\\server\c$")


@pytest.mark.parametrize("given", [("a", "b", ""), ("a", "", "c"), ("", "b", "c"), ("a", "b", "c")])
def test_two_switches_exclude_each_other(given: tuple[str, str, str]) -> None:
    offline, win_dir, win_old = given
    with pytest.raises(UsageError, match="exclude each other") as caught:
        request_for(Path(offline) if offline else None, win_dir, win_old)
    assert caught.value.exit_code == 11
