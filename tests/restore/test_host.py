"""What a target can hold: attributes of ntfs-3g as they are set, links that lead to where things are now."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest

from extractor.filesystems.ntfs.reparse import parse_reparse
from extractor.filesystems.sddl import sddl
from extractor.model import Metadata, ObjectKind, OutcomeKind, Record, Reparse, Times, WinPath
from extractor.registry.descriptor import descriptor
from extractor.restore import host as module
from extractor.restore.host import Host, Traits
from extractor.restore.reparse import moved_link
from extractor.restore.rules.content import Kept

OLD, NEW = "S-1-5-21-1-2-3-1001", "S-1-5-21-4-5-6-1002"
TIMES = Times(11, 22, 33, 44)


@pytest.fixture
def set_as(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """Have a target be an NTFS volume, and return what is set there."""
    found: dict[str, bytes] = {}
    monkeypatch.setattr(module, "_get", lambda _, name: found.get(name, b"\0\0\0\0"))
    monkeypatch.setattr(os, "setxattr", lambda _, name, value: found.__setitem__(name, value))
    return found


def record(left_out: str = "", security: bytes | None = None) -> Record:
    own = descriptor(OLD, ((OLD, 7),)) if security is None else security
    about = Metadata(0x10000023, TIMES, security=own, extended_attributes=b"ea")
    return Record(
        ObjectKind.FILE, WinPath("C:", ("a",)), "v", "", OutcomeKind.STORED, metadata=about, left_out=left_out,
    )  # fmt: skip


def test_all_metadata_is_told_to_ntfs_with_the_new_sid(set_as: dict[str, bytes]) -> None:
    assert Host(0).dress(0, record(), {OLD: NEW}) == []
    assert OLD not in sddl(set_as.pop("system.ntfs_acl"))
    assert set_as == {
        "system.ntfs_ea": b"ea",
        "system.ntfs_times_be": struct.pack(">4Q", 11, 22, 44, 33),
        "system.ntfs_attrib_be": struct.pack(">I", 0x23),
    }


@pytest.mark.parametrize(
    ("left_out", "missing"),
    [("Security", {"acl"}), ("TimeFields", {"times_be"}), ("Security,TimeFields", {"acl", "times_be"})],
)  # fmt: skip
def test_what_the_rules_leave_out_is_not_set(
    set_as: dict[str, bytes], left_out: str, missing: set[str]
) -> None:
    Host(0).dress(0, record(left_out), {})
    every = {"acl", "ea", "times_be", "attrib_be"}
    assert {name.removeprefix("system.ntfs_") for name in set_as} == every - missing


def test_what_is_kept_of_another_file_wins(set_as: dict[str, bytes]) -> None:
    there = Traits(b"its list", b"its times", 0x6)
    Host(0).dress(0, record(), {}, Kept(True, True, 0x2 | 0x20), there)
    assert set_as["system.ntfs_acl"] == b"its list"
    assert set_as["system.ntfs_times_be"] == b"its times"
    assert set_as["system.ntfs_attrib_be"] == struct.pack(">I", 0x3)


def test_a_descriptor_that_makes_no_sense_is_named_and_the_rest_comes(
    set_as: dict[str, bytes],
) -> None:
    [lost] = Host(0).dress(0, record(security=b"nonsense"), {OLD: NEW})
    assert lost.startswith("its access list: ")
    assert "system.ntfs_attrib_be" in set_as


def test_what_the_driver_refuses_is_named(
    set_as: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr(os, "setxattr", refuse)
    lost = Host(0).dress(0, record(), {})
    assert [each.partition(":")[0] for each in lost] == [
        "its access list", "its extended attributes", "its times", "its attributes",
    ]  # fmt: skip
    assert Host(0).short_name(0, "A~1.TXT") == ["its short name: Invalid argument"]
    assert Host(0).short_name(0, "\ud800") == ["its short name '\\ud800'"]
    assert not Host(0).stream(0, "\ud800", b"")
    assert set_as == {}


def test_elsewhere_only_times_are_set(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"")
    when = 132_000_000_000_000_000
    about = Metadata(0x20, Times(when, when, when, when), security=b"x")
    each = Record(ObjectKind.FILE, WinPath("C:", ("a",)), "v", "", OutcomeKind.STORED, metadata=about)  # fmt: skip
    with path.open("rb") as file:
        host = Host(file.fileno())
        assert not host.ntfs
        assert host.dress(file.fileno(), each, {}) == []
        assert host.short_name(file.fileno(), "A~1") == []
    assert path.stat().st_mtime_ns == (when - 116_444_736_000_000_000) * 100


def renamed(path: WinPath) -> WinPath:
    if path.is_below(WinPath("C:", ("Users", "bob"))):
        return WinPath("C:", ("Users", "robert", *path.parts[2:]))
    return path


def junction(target: str) -> Reparse:
    name = f"\\??\\{target}".encode("utf-16-le")
    shown = target.encode("utf-16-le")
    head = struct.pack("<4H", 0, len(name), len(name) + 2, len(shown))
    return Reparse(0xA0000003, head + name + b"\0\0" + shown + b"\0\0", target)


def test_a_junction_leads_to_the_profile_under_its_new_name() -> None:
    found = parse_reparse(moved_link(junction("C:\\Users\\bob\\AppData"), renamed))
    assert found.target == "C:\\Users\\robert\\AppData"
    assert found == junction("C:\\Users\\robert\\AppData")


def test_a_symbolic_link_keeps_its_flags_and_a_relative_one_stays() -> None:
    name = "\\??\\C:\\Users\\bob\\x".encode("utf-16-le")
    data = struct.pack("<4HI", 0, len(name), 0, len(name), 7) + name
    link = Reparse(0xA000000C, data, "C:\\Users\\bob\\x")
    found = parse_reparse(moved_link(link, renamed))
    assert (found.target, found.data[8:12]) == ("C:\\Users\\robert\\x", data[8:12])
    relative = Reparse(0xA000000C, b"data", "..\\bob")
    assert moved_link(relative, renamed)[8:] == b"data"


def test_a_link_elsewhere_and_one_of_another_kind_stay_byte_for_byte() -> None:
    for link in (junction("D:\\Data"), Reparse(0xA000001D, b"\2\0\0\0/home", "/home")):
        assert moved_link(link, renamed)[8:] == link.data


def test_a_link_whose_new_target_is_too_long_stays() -> None:
    link = junction("C:\\Users\\bob")
    assert moved_link(link, lambda _: WinPath("C:", ("x" * 9000,)))[8:] == link.data
