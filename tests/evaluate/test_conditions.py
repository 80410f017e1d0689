"""Every condition function of usmt.md 3.8, true and false, on a small machine."""

from __future__ import annotations

import pytest

from extractor.evaluate.conditions import FUNCTIONS as ANSWERED
from extractor.evaluate.scene import Scene
from extractor.rules.functions import FUNCTIONS, Use
from sample_images.programs import program
from tests.evaluate.activations import (
    BOB,
    component,
    includes,
    met,
    role,
    said,
    scene,
    told,
)

HERE = r"C:\x [*]"
PROGRAM = {"FileVersion": "11.0.8173", "ProductVersion": "9.0.1", "ProductName": "QuickTime 7"}


def machine() -> Scene:
    return scene(
        {
            r"App\a.exe": program(PROGRAM),
            r"App\same.txt": b"text",
            r"App\twin.txt": b"text",
            r"App\other.txt": b"Text",
            r"App\win.ini": b"[Mail]\r\nMAPI=1\r\n",
        },
        {
            r"X": {"Text": "Hello World", "Number": 10, "Twin": "hello world", "": "default"},
            r"X\Sub 3.6\bin": {"PathToExe": "x"},
        },
        [BOB],
        {f"HKU\\{BOB.sid}": {"Own": {"V": "mine"}}},
        version="6.1.7601.1",
    )


X = r"HKLM\Software\X"
YES = {
    "DoesOSMatch": ["'NT','6.1.*'", "'nt','*'", "'NT','6.1.7601.1'", "'NT','*.1'"],
    "IsOSLaterThan": ["'NT','6.0'", "'NT','6.1'", "'NT','6.1.7601.1'", "'NT','6.1.*'", "'NT','5'"],
    "IsOSEarlierThan": ["'NT','6.2'", "'NT','10.0'", "'NT','6.1.7602'", "'NT','6.1.7601.2'"],
    "IsNative64Bit": [""],
    "IsSystemContext": [""],
    "IsMigrationScope": ["'USMT'"],
    "DoesObjectExist": [
        r"'File','C:\App [a.exe]'",
        r"'File','C:\App\* [*.exe]'",
        r"'File','C:\App'",
        r"'file','C:\App\a.exe'",
        rf"'Registry','{X}'",
        rf"'Registry','{X} [number]'",
        rf"'Registry','{X}\Sub 3.*\bin [PathToExe]'",
        r"'Ini','C:\App\win.ini|Mail[MAPI]'",
    ],
    "DoesFileVersionMatch": [
        r"'C:\App\a.exe','FileVersion','11.*'",
        r"'C:\App [a.exe]','ProductVersion','9.*'",
        r"'C:\App\a.exe','ProductName','quicktime *'",
    ],
    "IsFileVersionAbove": [
        r"'C:\App\a.exe','FileVersion','11.0.8172'",
        r"'C:\App\a.exe','ProductVersion','9.0'",
    ],
    "IsFileVersionBelow": [r"'C:\App\a.exe','FileVersion','11.1'"],
    "DoesStringContentEqual": [
        rf"'Registry','{X} [Text]','hello world'",
        rf"'Registry','{X} [Number]','0x0000000a'",
        rf"'Registry','{X} []','default'",
        r"'Ini','C:\App\win.ini|Mail[MAPI]','1'",
    ],
    "DoesStringContentContain": [rf"'Registry','{X} [Text]','LO WOR'"],
    "IsSameObject": [
        r"'File','C:\App\*','C:\APP\*'",
        rf"'Registry','{X}','HKEY_LOCAL_MACHINE\software\x'",
    ],
    "IsSameContent": [r"'File','C:\App [same.txt]','File','C:\App [twin.txt]'"],
    "IsSameStringContent": [rf"'Registry','{X} [Text]','Registry','{X} [Twin]'"],
}
NO = {
    "DoesOSMatch": ["'NT','6.1'", "'9x','6.1.*'", "'NT','6.1.*.2'"],
    "IsOSLaterThan": ["'NT','6.2'", "'9x','4.0'", "'NT','6.1.7601.2'"],
    "IsOSEarlierThan": ["'NT','6.1'", "'9x','9.0'", "'NT','6.1.7601.1'"],
    "IsUpgrade": [""],
    "IsMigrationScope": ["'Upgrade'"],
    "DoesObjectExist": [
        r"'File','C:\App [b.exe]'",
        r"'File','C:\Nothing'",
        rf"'Registry','{X} [Nothing]'",
        r"'Registry','HKLM\Software\Y'",
        r"'Ini','C:\App\win.ini|Mail[SMTP]'",
    ],
    "DoesFileVersionMatch": [
        r"'C:\App\a.exe','FileVersion','12.*'",
        r"'C:\App\a.exe','FileVersion','11'",
        r"'C:\App\nothing.exe','FileVersion','*'",
        r"'C:\App\same.txt','FileVersion','*'",
    ],
    "IsFileVersionAbove": [
        r"'C:\App\a.exe','FileVersion','11.0.8173'",
        r"'C:\App\nothing.exe','FileVersion','0'",
    ],
    "IsFileVersionBelow": [
        r"'C:\App\a.exe','FileVersion','11.0.8173'",
        r"'C:\App\nothing.exe','FileVersion','99'",
    ],
    "DoesStringContentEqual": [
        rf"'Registry','{X} [Text]','hello'",
        rf"'Registry','{X} [Nothing]',''",
        r"'File','C:\App [same.txt]','text'",
    ],
    "DoesStringContentContain": [rf"'Registry','{X} [Text]','moon'"],
    "IsSameObject": [r"'File','C:\App','C:\Other'"],
    "IsSameContent": [
        r"'File','C:\App [same.txt]','File','C:\App [other.txt]'",
        r"'File','C:\no [a]','File','C:\no [a]'",
    ],
    "IsSameStringContent": [
        rf"'Registry','{X} [Text]','Registry','{X} [Number]'",
        rf"'Registry','{X} [No]','Registry','{X} [No]'",
    ],
}
CASES = [
    pytest.param(f"{name}({arguments})", expected, id=f"3.8 {name}({arguments}) {expected}")
    for table, expected in ((YES, True), (NO, False))
    for name, several in table.items()
    for arguments in several
]


def gated(call: str) -> str:
    gate = f"<detection><conditions><condition>MigXmlHelper.{call}</condition></conditions></detection>"
    return component(role(f"{gate}<rules>{said('include', HERE)}</rules>"))


@pytest.mark.parametrize(("call", "expected"), CASES)
def test_a_condition_is_answered_from_the_offline_machine(call: str, expected: bool) -> None:
    made = met(gated(call), machine())
    assert includes(made) == [HERE] * expected
    assert told(made) == []


def test_every_condition_function_is_answered_and_tested() -> None:
    known = {name for name, each in FUNCTIONS.items() if each.uses & Use.CONDITION}
    assert set(ANSWERED) == known
    assert {name.lower() for name in (*YES, *NO)} == known


UNORDERED = {
    "3.8 only two tags have an order": r"IsFileVersionAbove('C:\App\a.exe','ProductName','1')",
    "3.8 a value that is no version": r"IsFileVersionBelow('C:\App\a.exe','FileVersion','new')",
    "3.8 a version that is none": "IsOSLaterThan('NT','Vista')",
}


@pytest.mark.parametrize("call", UNORDERED.values(), ids=UNORDERED.keys())
def test_what_has_no_order_is_false_and_told(call: str) -> None:
    made = met(gated(call).replace("UserAndSystem", "System"), machine())
    assert includes(made) == []
    assert len(told(made)) == 1


def test_a_windows_of_unknown_version_matches_nothing_and_that_is_told() -> None:
    made = met(gated("DoesOSMatch('NT','*')").replace("UserAndSystem", "System"), scene(version=""))
    assert includes(made) == []
    assert "the version of this Windows is not known" in told(made)[0]


def test_each_frame_answers_for_itself() -> None:
    """3.4: evaluation is per user or system context."""
    system = met(gated("IsSystemContext()"), machine(), [BOB])
    assert (includes(system), includes(system, BOB.sid)) == ([HERE], [])
    own = met(gated(r"DoesStringContentEqual('Registry','HKCU\Own [V]','mine')"), machine(), [BOB])
    assert (includes(own), includes(own, BOB.sid)) == ([], [HERE])


def test_plain_arguments_see_variables_as_plain_text() -> None:
    """A user named ``b[x]`` is escaped in patterns, and only there."""
    on = scene(keys={"X": {"Who": "b[x]"}}, variables={"WHO": "b[x]"})
    made = met(gated(rf"DoesStringContentEqual('Registry','{X} [Who]','%WHO%')"), on)
    assert includes(made) == [HERE]


def test_a_question_is_answered_once_in_a_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    from extractor.evaluate.facts import Facts

    asked: list[str] = []
    real = Facts.exists

    def counted(self: Facts, kind: object, text: str) -> bool:
        asked.append(text)
        return real(self, kind, text)  # type: ignore[arg-type]

    monkeypatch.setattr(Facts, "exists", counted)
    met(gated(r"DoesObjectExist('File','%WINDIR%\x')") * 3, scene())
    assert asked == [r"C:\Windows\x"]
