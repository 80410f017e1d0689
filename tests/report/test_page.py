"""The page says what is in a store, what is not, and what to do; its numbers are the catalog's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractor.model import EfsFile, ObjectKind
from extractor.report.page.custody import custody_of
from extractor.report.page.kinds import folder_of, kind_of_name
from extractor.report.page.missed import NAMED, target_of
from extractor.report.page.reasons import reason_of
from extractor.report.page.svg import Box, squarified
from extractor.rules import builtin_rules
from tests.report.pages import (
    ANNA,
    BOB,
    EXCLUDED,
    NOT_STORED,
    facts,
    page,
    person,
    row,
    said,
    value,
)

CLOUD = "cloud-only: its content is not on this disk"
DOCUMENTS = next(each for each in builtin_rules().components if each.name == "Documents")
HASHES = {each.name: each.sha256 for each in builtin_rules().files}
DOCUMENTS_RULE = DOCUMENTS.roles[0].rules[0].rules[0].sets[0].items[0].source


# --- the verdict ----------------------------------------------------------------------------------


def test_a_store_without_losses_says_that_everything_is_here() -> None:
    assert "Everything that the rules chose is here" in said(page(row("C:\\a")))


def test_a_loss_is_in_the_headline_and_leads_to_its_reason() -> None:
    text = page(row("C:\\a"), row("C:\\b", NOT_STORED, reason=CLOUD))
    assert "1 object could not be taken" in said(text)
    assert 'href="#loss-cloud"' in text
    assert 'id="loss-cloud"' in text


def test_a_ledger_that_does_not_balance_is_the_first_thing_said() -> None:
    totals = {"seen": {"objects": 2, "bytes": 2}, "stored": {"objects": 1, "bytes": 2}}
    assert "The ledger does not balance" in said(page(trailer={"totals": totals}))


def test_a_volume_that_stayed_locked_is_no_clean_result() -> None:
    lock = {"kind": "bitlocker", "unlocked": False, "protectors": ["recovery password {A}"]}
    volume = {"id": "d1p2", "image": 0, "filesystem": "bitlocker", "encryption": lock}
    text = said(page(row("C:\\a"), header={"image": {"volumes": [volume]}}))
    assert "1 volume could not be read" in text
    assert "BitLocker, locked (a key would be: recovery password {A})" in text


# --- what was taken -------------------------------------------------------------------------------


def test_documents_count_as_documents_wherever_they_were_moved() -> None:
    header = {"users": [person()], "rule_files": HASHES}
    found = facts(row("D:\\Elsewhere\\a.docx", rule=DOCUMENTS_RULE), header=header)
    assert list(found.taken.folders) == ["Documents"]


def test_a_rule_file_that_is_not_ours_is_not_explained_with_ours() -> None:
    header = {"users": [person()], "rule_files": {**HASHES, "builtin/documents.xml": "0" * 64}}
    found = facts(row("C:\\Users\\bob\\Music\\a.mp3", rule=DOCUMENTS_RULE), header=header)
    assert list(found.taken.folders) == ["Music"]
    assert [each.origin.name for each in found.taken.applications] == [
        "Rules of builtin/documents.xml"
    ]


@pytest.mark.parametrize(
    ("path", "folder"),
    [
        ("C:\\Users\\bob\\Documents\\a", "Documents"),
        ("C:\\USERS\\Bob\\My Documents\\a", "Documents"),
        ("C:\\Users\\bob\\OneDrive - Contoso\\a", "OneDrive"),
        ("C:\\Users\\bob\\AppData\\Local\\a", "Application data"),
        ("C:\\Users\\bob\\a", "Other files in the profile"),
        ("C:\\Users\\bobby\\Documents\\a", "Files and folders beside Windows"),
        ("D:\\a", "Files and folders beside Windows"),
    ],
)
def test_a_folder_is_told_by_its_place_in_the_profile(path: str, folder: str) -> None:
    assert folder_of(path, "C:\\Users\\bob") == folder


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.DOCX", "Documents"),
        ("a.tar.gz", "Archives"),
        (".gitconfig", "No extension"),
        ("README", "No extension"),
        ("a.b\\c", "No extension"),
        ("a.unheard-of", "Other files"),
    ],
)
def test_a_file_is_told_by_its_extension(name: str, kind: str) -> None:
    assert kind_of_name(f"C:\\{name}") == kind


def test_sizes_of_a_hostile_disk_overflow_nothing() -> None:
    huge = (1 << 64) - 1
    found = facts(row("C:\\a", size=huge), row("C:\\b", size=huge), row("C:\\c", size=5))
    assert found.taken.shares[BOB].files.bytes == 2 * huge + 5
    assert found.taken.largest[0].size == huge


# --- what will be missed --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sentence", "key"),
    [
        (CLOUD, "cloud"),
        ("offline: its content is in another place (reparse tag 0x80000001)", "cloud"),
        ("encrypted with EFS, and the key of its user is needed to read it", "encrypted"),
        ("it is encrypted with EFS; its owner's key is needed", "encrypted"),
        ("the password does not open the master key", "encrypted"),
        ("deduplicated: its content lies in the chunk store of the volume", "elsewhere"),
        ("backed by a WIM file (WIMBoot): its content lies in that WIM", "elsewhere"),
        ("sparse file of 8796093022208 bytes logical (8.0 TiB), 28 of them allocated", "sparse"),
        ("it lies in file record 64, which is lost; its content is whole", "orphaned"),
        ("torn: it was written only in part (update sequence differs)", "damaged"),
        ("a sentence of a later version", "damaged"),
    ],
)
def test_a_reason_is_said_in_the_words_of_who_lost_something(sentence: str, key: str) -> None:
    assert reason_of(sentence).key == key


def test_of_many_losses_the_largest_are_named_and_the_rest_is_counted() -> None:
    found = facts(*(row(f"C:\\f{n}", NOT_STORED, size=n, reason=CLOUD) for n in range(25)))
    [loss] = found.missed.losses
    assert [each.path for each in loss.examples] == [f"C:\\f{24 - n}" for n in range(NAMED)]
    assert loss.more == 25 - NAMED
    assert loss.people[BOB].objects == 25


def test_settings_that_could_not_be_read_are_a_loss_of_their_own() -> None:
    found = facts(row(f"HKU\\{BOB}\\Software", NOT_STORED, kind=ObjectKind.KEY, reason="damaged"))
    assert [each.reason.key for each in found.missed.losses] == ["settings"]


def test_what_was_left_out_on_purpose_is_told_by_rule() -> None:
    rows = [
        row(f"C:\\t{n}", EXCLUDED, rule="mine.xml:3", reason="excluded by C:\\t*") for n in range(3)
    ]
    [exclusion] = facts(*rows).missed.exclusions
    assert (exclusion.what, exclusion.by, exclusion.tally.objects) == (
        "Rules of mine.xml",
        "excluded by C:\\t*",
        3,
    )


def test_a_link_is_told_only_when_its_target_is_not_here() -> None:
    link = ObjectKind.LINK
    found = facts(
        row("C:\\here", kind=ObjectKind.DIRECTORY),
        row("C:\\good", kind=link, target="\\??\\C:\\HERE"),
        row("C:\\sub\\good", kind=link, target="..\\here"),
        row("C:\\bad", kind=link, target="D:\\gone"),
    )
    assert [(each.path, each.target) for each in found.missed.links] == [("C:\\bad", "D:\\gone")]


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("\\??\\D:\\x", "D:\\x"),
        ("..\\..\\..\\y", "C:\\y"),
        (".\\z", "C:\\a\\z"),
        ("\\\\server\\share", "\\\\server\\share"),
    ],
)
def test_a_target_is_read_from_the_folder_of_its_link(target: str, path: str) -> None:
    assert target_of("C:\\a\\link", target) == path


# --- what has to be arranged ----------------------------------------------------------------------

PROFILE = "Software\\Microsoft\\Office\\16.0\\Outlook\\Profiles\\Outlook\\0a0d"


def test_mail_files_are_told_apart_by_outlooks_profile_and_by_the_store() -> None:
    found = facts(
        row("C:\\Mail\\linked.pst"),
        row("C:\\Mail\\unlinked.pst"),
        row("C:\\Mail\\lost.ost", NOT_STORED, reason=CLOUD),
        value(PROFILE, "001f6700", "C:\\mail\\LINKED.PST"),
        value(PROFILE, "01020fff", b"\1\2\3\4" + "D:\\Gone\\old.pst".encode("utf-16-le") + b"\0\0"),
    )
    assert {(each.path, each.linked, each.outcome) for each in found.habits.mail_files} == {
        ("C:\\Mail\\linked.pst", True, "stored"),
        ("C:\\Mail\\unlinked.pst", False, "stored"),
        ("C:\\Mail\\lost.ost", False, "not-stored"),
        ("D:\\Gone\\old.pst", True, ""),
    }


def test_network_drives_printers_and_folders_on_servers_are_named() -> None:
    shell = "Software\\Microsoft\\Windows\\CurrentVersion\\Explorer\\User Shell Folders"
    printers = "SYSTEM\\CurrentControlSet\\Control\\Print\\Printers"
    text = said(
        page(
            value("Network\\Z", "RemotePath", "\\\\files\\team"),
            value("Printers\\Connections\\,,print01,Floor2", "Server", "\\\\print01"),
            value(f"{printers}\\Label", "Name", "Label printer", ""),
            value(shell, "Personal", "\\\\files\\homes\\bob"),
            value(shell, "Desktop", "C:\\Users\\bob\\Desktop"),
        )
    )
    assert "Z: \\\\files\\team bob".replace(" ", "") in text.replace(" ", "")
    assert "Floor2" in text
    assert "Label printer" in text
    assert "\\\\files\\homes\\bob" in text
    assert "C:\\Users\\bob\\Desktop" not in text


def test_saved_passwords_say_whether_their_master_keys_came_along() -> None:
    chrome = "AppData\\Local\\Google\\Chrome\\User Data\\Default\\Login Data"
    keys = f"AppData\\Roaming\\Microsoft\\Protect\\{BOB}\\k1"
    found = facts(
        row(f"C:\\Users\\bob\\{chrome}"),
        row(f"C:\\Users\\bob\\{keys}"),
        row(f"C:\\Users\\anna\\{chrome}", user=ANNA),
    ).habits
    assert [(each.sid, each.name) for each in found.browsers] == [
        (BOB, "Google Chrome"),
        (ANNA, "Google Chrome"),
    ]
    assert found.master_keys == {BOB}


def test_raw_efs_files_say_whether_they_will_open() -> None:
    efs = EfsFile("raw", 5, verdict="no", reason="the private key is not here")
    text = said(page(row("C:\\secret", efs=efs)))
    assert "will not open after a restore" in text
    assert "the private key is not here" in text


def test_people_who_do_not_come_are_named_with_the_reason() -> None:
    gone = person("peter", "S-1-9", state="missing", selected=False, switch="not on these disks")
    left = person("eve", "S-1-8", selected=False, switch="/ue:eve")
    text = said(page(header={"users": [person(), gone, left]}))
    assert "the profile folder is gone from the disk" in text
    assert "left out by /ue:eve" in text


def test_programs_to_install_again_are_listed() -> None:
    key = "SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Uninstall\\{1}"
    assert facts(value(key, "DisplayName", "Acme CAD", "")).habits.programs == ("Acme CAD",)


# --- custody --------------------------------------------------------------------------------------


def put_custody(store: Path, content: bytes) -> None:
    (store / "custody").mkdir(parents=True)
    (store / "custody" / "custody.json").write_bytes(content)


def test_a_store_without_a_record_of_custody_says_so(tmp_path: Path) -> None:
    assert not custody_of(tmp_path).is_there
    assert "There is no record of custody" in said(page(path=tmp_path))


def test_the_record_of_custody_is_shown_with_who_and_when_and_the_hashes(tmp_path: Path) -> None:
    segment = {"path": "disk.E01", "sha256": "ab" * 32}
    image = {"path": "disk.E01", "verdict": "verified", "hashes_after": {"md5": "cd" * 16}}
    record = {
        "case": "17/26",
        "operator": "Ann Analyst",
        "started": "2026-11-29T01:02:03Z",
        "images": [{**image, "segments": [segment]}],
        "libraries": {"lxml": "6.0"},
    }
    put_custody(tmp_path, json.dumps(record).encode())
    text = said(page(path=tmp_path))
    for wanted in ("17/26", "Ann Analyst", "2026-11-29T01:02:03Z", "ab" * 32, "cd" * 16, "6.0"):
        assert wanted in text


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[" * 100_000,
        b"[1, 2]",
        b'{"a": NaN',
        b"\xff\xfe",
        b'"' + b"x" * (5 << 20) + b'"',
    ],
    ids=["empty", "cut", "deep", "a list", "nan", "no text", "large"],
)
def test_a_record_of_custody_that_is_none_is_a_sentence(tmp_path: Path, content: bytes) -> None:
    put_custody(tmp_path, content)
    assert custody_of(tmp_path).problem


@pytest.mark.parametrize(
    "record",
    [
        {"case": {"a": [{"b": [[1, [2, [3, [4, [5]]]]]]}]}},
        {"images": "no", "case": 1.5, "operator": True, "stores": {"x": None}},
        {"images": [{"segments": [1, {"sha256": 5}], "verdict": ["x"], "hashes_after": "y"}]},
        {"run": 10**400, "x": ["a"] * 10_000},
    ],
)
def test_no_shape_of_a_record_of_custody_stops_the_page(tmp_path: Path, record: object) -> None:
    put_custody(tmp_path, json.dumps(record).encode())
    assert page(path=tmp_path)


def test_a_record_of_custody_behind_a_link_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret.json").write_text('{"case": "secret"}')
    (tmp_path / "custody").mkdir()
    (tmp_path / "custody" / "custody.json").symlink_to(tmp_path / "secret.json")
    assert "secret" not in said(page(path=tmp_path)).replace("secret.json", "")


def test_one_of_many_stores_shows_the_record_above_it_only_if_that_speaks_of_it(
    tmp_path: Path,
) -> None:
    store = tmp_path / "C-Windows"
    store.mkdir()
    record = {"case": "17/26", "stores": [{"path": "../C-Windows/USMT"}]}
    put_custody(tmp_path, json.dumps(record).encode())
    assert ("Case", "17/26") in custody_of(store).lines
    assert not custody_of(tmp_path / "D-Windows").is_there


# --- the page itself ------------------------------------------------------------------------------


def test_the_same_store_gives_the_same_page() -> None:
    rows = [row("C:\\a"), row("C:\\b", NOT_STORED, reason=CLOUD, user=ANNA)]
    assert page(*rows) == page(*rows)


def test_an_empty_store_and_a_header_of_nonsense_still_give_a_page() -> None:
    header = {
        "image": [], "users": [1, {"sid": 5, "last_used": {"x": 1 << 64}}], "rule_files": 3,
        "windows": {"computer": ["x"]}, "tool": "x", "accounts": None,
    }  # fmt: skip
    assert "Migration report" in page(header=header, trailer={"totals": {"scopes": 5}})


@given(st.lists(st.integers(1, 1 << 30), max_size=20))
def test_the_boxes_of_a_treemap_fill_it_in_proportion(amounts: list[int]) -> None:
    amounts.sort(reverse=True)
    boxes = squarified(amounts, Box(0, 0, 760, 300))
    assert len(boxes) == len(amounts)
    for box, amount in zip(boxes, amounts, strict=True):
        assert box.width * box.height == pytest.approx(
            760 * 300 * amount / sum(amounts), rel=1e-3, abs=1e-3
        )
        assert box.x >= -1e-6
        assert box.y >= -1e-6
        assert box.x + box.width <= 760.5
        assert box.y + box.height <= 300.5
