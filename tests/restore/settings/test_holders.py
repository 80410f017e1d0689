"""Which file of the target holds a setting, and what is read of it: with its logs, and never of a damaged one."""

from __future__ import annotations

from pathlib import Path

import pytest

from extractor.errors import SourceError
from extractor.model import RegistryValue, WinPath
from extractor.registry.key import LINK, LINK_VALUE
from extractor.restore.settings.holders import Holder, Holders, NowhereError
from tests.registry.logs import changed_pages, new_log
from tests.registry.tiny_hive import tiny_hive
from tests.restore.people.test_users import ANNA, BOB, EVE
from tests.restore.windows_target import merging_at, plain_folder, plain_windows

SOFTWARE = "Windows/System32/config/SOFTWARE"
NTUSER = "Users/bob/NTUSER.DAT"


def key(text: str) -> WinPath:
    root, *names = text.split("\\")
    return WinPath(root, tuple(names))


def found(holders: Holders, text: str) -> tuple[str, str, str]:
    """Return mount, file and key that a path means."""
    holder, keys = holders.of_key(key(text))
    return holder.shown, "/".join(holder.place), "\\".join(keys)


def link(path: str) -> dict[str, object]:
    return {LINK_VALUE: RegistryValue(LINK_VALUE, LINK, path.encode("utf-16-le"))}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (r"HKLM\software\Acme\New", (r"HKLM\SOFTWARE", SOFTWARE, r"Acme\New")),
        (r"HKLM\SOFTWARE", (r"HKLM\SOFTWARE", SOFTWARE, "")),
        (r"HKLM\SYSTEM\currentcontrolset\Control", (r"HKLM\SYSTEM", "Windows/System32/config/SYSTEM",
                                                    r"ControlSet002\Control")),
        (r"HKLM\SYSTEM\ControlSet001\X", (r"HKLM\SYSTEM", "Windows/System32/config/SYSTEM", r"ControlSet001\X")),
        (rf"HKU\{BOB}\Software\Acme", (rf"HKU\{BOB}", NTUSER, r"Software\Acme")),
        (rf"HKU\{BOB.lower()}\Console", (rf"HKU\{BOB}", NTUSER, "Console")),
        (rf"HKU\{BOB}\software\classes\.txt", (rf"HKU\{BOB}_Classes",
                                               "Users/bob/AppData/Local/Microsoft/Windows/UsrClass.dat", ".txt")),
    ],
)  # fmt: skip
def test_a_key_lies_in_the_hive_that_windows_mounts_there(
    tmp_path: Path, path: str, expected: tuple[str, str, str]
) -> None:
    with merging_at(plain_folder(tmp_path)) as (_, merging):
        assert found(merging.holders, path) == expected


@pytest.mark.parametrize("name", [".DEFAULT", ".default", "S-1-5-18"])
def test_the_user_of_the_machine_is_the_hive_default(tmp_path: Path, name: str) -> None:
    files = {"Windows/System32/config/DEFAULT": tiny_hive({"Console": {}})}
    with merging_at(plain_folder(tmp_path, files)) as (_, merging):
        shown = (r"HKU\.DEFAULT", "Windows/System32/config/DEFAULT", "Console")
        assert found(merging.holders, rf"HKU\{name}\Console") == shown


@pytest.mark.parametrize(
    ("path", "why"),
    [
        (r"HKLM\SECURITY\Policy", r"HKLM\SECURITY of another machine is of no use"),
        (r"HKLM\SAM\SAM", r"HKLM\SAM of another machine is of no use"),
        (r"HKLM\BCD00000000\x", "is of no use"),
        ("HKLM", r"HKLM\ is no key of a hive"),
        ("HKU", r"HKU\ is no key of a hive"),
        (r"HKCC\System", "is no key of a hive"),
        (r"HKU\S-1-5-21-9-9-9-9\x", "the target has no user S-1-5-21-9-9-9-9"),
        (r"HKU\.DEFAULT\x", r"the target has no hive HKU\.DEFAULT"),
    ],
)
def test_a_key_that_the_target_has_no_place_for_is_said(
    tmp_path: Path, path: str, why: str
) -> None:
    with (
        merging_at(plain_folder(tmp_path)) as (_, merging),
        pytest.raises(NowhereError, match=why.replace("\\", r"\\").replace(".", r"\.")),
    ):
        merging.holders.of_key(key(path))


def test_classes_of_a_windows_before_vista_lie_below_local_settings(tmp_path: Path) -> None:
    install = plain_windows({BOB: r"DESK\bob|C:\Users\bob"}, {BOB: "bob"}, version="5.1")
    with merging_at(plain_folder(tmp_path), install) as (_, merging):
        _, file, _ = found(merging.holders, rf"HKU\{BOB}\Software\Classes\x")
        below = "Local Settings/Application Data/Microsoft/Windows/UsrClass.dat"
        assert file == f"Users/bob/{below}"


def test_a_file_is_found_whatever_its_case_and_a_folder_in_its_place_is_none(
    tmp_path: Path,
) -> None:
    root = plain_folder(tmp_path, {SOFTWARE: None, NTUSER: None})
    (root / "Windows/System32/config/software").write_bytes(tiny_hive({"Acme": {"v": "x"}}))
    (root / NTUSER).mkdir(parents=True)
    with merging_at(root) as (_, merging):
        holder, keys = merging.holders.of_key(key(r"HKLM\SOFTWARE\Acme"))
        value = merging.holders.open(holder).value("\\".join(keys), "v")
        assert holder.place[-1] == "software"
        assert value is not None
        assert value.text == "x"
        with pytest.raises(NowhereError, match="is no plain file"):
            merging.holders.of_key(key(rf"HKU\{BOB}\x"))


def test_the_way_below_a_link_leads_where_the_link_does_and_the_link_itself_stays(
    tmp_path: Path,
) -> None:
    software = tiny_hive({"Link": link(r"\REGISTRY\MACHINE\SOFTWARE\Acme"), "Acme": {"v": "x"},
                          "Own": link(rf"\Registry\User\{BOB}\Software")})  # fmt: skip
    with merging_at(plain_folder(tmp_path, {SOFTWARE: software})) as (_, merging):
        assert found(merging.holders, r"HKLM\SOFTWARE\Link\New")[2] == r"Acme\New"
        assert found(merging.holders, r"HKLM\SOFTWARE\Link")[2] == "Link"
        assert found(merging.holders, r"HKLM\SOFTWARE\own\x")[:2] == (rf"HKU\{BOB}", NTUSER)


@pytest.mark.parametrize(
    "target", [r"\REGISTRY\MACHINE\SOFTWARE\Link", r"\REGISTRY\MACHINE\SECURITY", "nonsense", ""]
)
def test_a_link_that_leads_round_or_nowhere_ends(tmp_path: Path, target: str) -> None:
    files = {SOFTWARE: tiny_hive({"Link": link(target)})}
    with merging_at(plain_folder(tmp_path, files)) as (_, merging):
        if "SOFTWARE" in target:
            assert found(merging.holders, r"HKLM\SOFTWARE\Link\x")[2] == r"Link\x"
        else:
            with pytest.raises(NowhereError):
                merging.holders.of_key(key(r"HKLM\SOFTWARE\Link\x"))


@pytest.mark.parametrize(
    ("path", "is_hive"),
    [
        (r"C:\Windows\System32\config\SOFTWARE", True),
        (r"C:\windows\system32\CONFIG\sam.log1", True),
        (r"C:\Windows\System32\config\notes.txt", False),
        (r"C:\Windows\System32\config\RegBack\SAM", False),
        (r"C:\Users\bob\ntuser.dat", True),
        (r"C:\Users\bob\NTUSER.DAT{1c3790b4-b8ad-11e8-aa21-e41d2d101530}.TM.blf", True),
        (r"C:\Users\bob\Documents\NTUSER.DAT", False),
        (r"C:\Users\bob\AppData\Local\Microsoft\Windows\UsrClass.dat.LOG2", True),
        (r"C:\Users\bob\Local Settings\Application Data\Microsoft\Windows\UsrClass.dat", True),
        (r"C:\Users\bob\AppData\Local\UsrClass.dat", False),
        (r"C:\Users\Default\NTUSER.DAT", True),
        (r"C:\Users\zoe\NTUSER.DAT", True),
        (r"C:\Users\eve\NTUSER.DAT.LOG1", True),
        (r"C:\Users\nobody\NTUSER.DAT", False),
    ],
)
def test_a_hive_of_the_windows_there_is_told_by_where_it_lies(
    tmp_path: Path, path: str, *, is_hive: bool
) -> None:
    users = {BOB: r"DESK\bob|C:\Users\bob", f"{BOB}0": r"DESK\zoe|C:\Users\zoe"}
    install = plain_windows(users, {BOB: "bob"})
    with merging_at(plain_folder(tmp_path), install) as (_, merging):
        assert merging.holders.is_hive(WinPath.parse(path)) == is_hive


def test_a_holder_is_found_again_by_the_words_of_a_plan(tmp_path: Path) -> None:
    files = {"Windows/System32/config/DEFAULT": tiny_hive({}), "a.ini": b"[S]\n"}
    with merging_at(plain_folder(tmp_path, files)) as (_, merging):
        holders = merging.holders
        every = [
            *(holders.of_key(key(path))[0] for path in (
                r"HKLM\SOFTWARE\x", r"HKLM\SYSTEM\x", r"HKU\.DEFAULT\x", rf"HKU\{BOB}\x",
                rf"HKU\{BOB}\Software\Classes\x", rf"HKU\{ANNA}\x")),
            holders.machine(r"HKLM\SOFTWARE"), holders.of_ini(WinPath.parse(r"C:\a.ini")),
        ]  # fmt: skip
        assert [holders.named(each.kind, each.shown) for each in every] == every
        assert [each.is_there for each in every] == [True, True, True, True, False, False, True, True]  # fmt: skip
        for shown in (r"HKU\S-1-5-21-9-9-9-9", r"HKLM\NOTHING", r"HKLM\SAM"):
            with pytest.raises(NowhereError):
                holders.named("hive", shown)


def test_who_is_new_has_a_hive_that_is_not_there_and_who_is_left_out_has_none(
    tmp_path: Path,
) -> None:
    with merging_at(plain_folder(tmp_path)) as (_, merging):
        holder, _ = merging.holders.of_key(key(rf"HKU\{ANNA}\Environment"))
        assert not holder.is_there
        value = merging.holders.open(holder).value("Environment", "TEMP")
        assert value is not None
        assert value.text == "default"  # it begins as that of the default profile
        with pytest.raises(NowhereError, match="the target has no user"):
            merging.holders.of_key(key(rf"HKU\{EVE}\x"))


def test_classes_that_are_not_there_begin_with_nothing_of_the_default_profile(
    tmp_path: Path,
) -> None:
    root = plain_folder(tmp_path, {"Users/Default/NTUSER.DAT": None})
    for files in ({}, {"Users/Default/NTUSER.DAT": tiny_hive({"Environment": {"TEMP": "x"}})}):
        with merging_at(plain_folder(root, {"Users/Default/NTUSER.DAT": None, **files})) as (_, merging):  # fmt: skip
            holder, keys = merging.holders.of_key(key(rf"HKU\{BOB}\Software\Classes\Environment"))
            assert keys == ("Environment",)
            assert merging.holders.open(holder).subkeys("") == []


def test_without_a_default_profile_a_new_user_has_no_hive_to_begin_with(tmp_path: Path) -> None:
    root = plain_folder(tmp_path, {"Users/Default/NTUSER.DAT": None})
    with merging_at(root) as (_, merging):
        holder, _ = merging.holders.of_key(key(rf"HKU\{ANNA}\x"))
        with pytest.raises(NowhereError, match="no default profile to begin"):
            merging.holders.open(holder)


# --- what is read ---------------------------------------------------------------------------------

BEFORE = tiny_hive({r"Software\App": {"v": "before", "kept": 1}}, sequences=(9, 8))
AFTER = tiny_hive({r"Software\App": {"v": "after!", "kept": 1, "new": 2}}, sequences=(9, 9))
LOG = new_log(AFTER, 8, [(AFTER, changed_pages(BEFORE, AFTER))])


def opened(root: Path) -> tuple[str, list[str]]:
    """Return a value of bob's hive, and the names of its logs."""
    with merging_at(root) as (_, merging):
        holder, _ = merging.holders.of_key(key(rf"HKU\{BOB}\Software\App"))
        value = merging.holders.open(holder).value(r"Software\App", "v")
        assert value is not None
        logs = [each[-1] for each in merging.holders.logs(holder.place)]
        return value.text, logs


def test_logs_that_wait_are_replayed_whatever_their_case(tmp_path: Path) -> None:
    files = {NTUSER: BEFORE, "Users/bob/ntuser.dat.log1": LOG, "Users/bob/NTUSER.DAT.LOG2": b""}
    assert opened(plain_folder(tmp_path, files)) == (
        "after!", ["ntuser.dat.log1", "NTUSER.DAT.LOG2"]
    )  # fmt: skip


def test_a_hive_that_was_written_in_full_needs_no_log(tmp_path: Path) -> None:
    files = {NTUSER: tiny_hive({r"Software\App": {"v": "whole"}}), f"{NTUSER}.LOG1": LOG}
    assert opened(plain_folder(tmp_path, files)) == ("whole", ["NTUSER.DAT.LOG1"])


@pytest.mark.parametrize("content", [b"", b"regf", b"no hive" * 1000, bytes(8192), BEFORE[:4096]])
def test_a_damaged_hive_is_an_error_of_ours_and_never_read_from_a_copy(
    tmp_path: Path, content: bytes
) -> None:
    backup = {"Windows/System32/config/RegBack/SOFTWARE": tiny_hive({"Acme": {}})}
    with (
        merging_at(plain_folder(tmp_path, {SOFTWARE: content, **backup})) as (_, merging),
        pytest.raises(SourceError),
    ):
        merging.holders.of_key(key(r"HKLM\SOFTWARE\Acme"))


def test_more_bytes_than_a_setting_may_have_are_refused(tmp_path: Path) -> None:
    with merging_at(plain_folder(tmp_path, {"a.ini": b"12345"})) as (_, merging):
        assert merging.holders.bytes_of(("a.ini",), 5) == b"12345"
        with pytest.raises(SourceError, match="larger than 4 bytes"):
            merging.holders.bytes_of(("a.ini",), 4)
        with pytest.raises(SourceError, match="cannot be read"):
            merging.holders.bytes_of(("none.ini",))


def test_no_more_hives_are_kept_open_than_a_few_and_each_is_known_once(tmp_path: Path) -> None:
    with merging_at(plain_folder(tmp_path)) as (_, merging):
        holders = merging.holders
        one, other = (holders.of_key(key(path))[0] for path in (r"HKLM\SOFTWARE\a", r"HKLM\SOFTWARE\b"))  # fmt: skip
        assert one is other
        assert isinstance(one, Holder)
        assert holders.open(one) is holders.open(other)
