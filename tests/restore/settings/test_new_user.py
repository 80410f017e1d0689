"""The hives of a user who never logged on: the same keys as Default's, with the access that Windows gives."""

from __future__ import annotations

import io
import lzma
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractor.filesystems.sddl import sddl
from extractor.model import RegistryValue, WinPath
from extractor.registry import open_hive
from extractor.registry.copying import whole_keys
from extractor.registry.descriptor import MACHINE, sid_bytes
from extractor.registry.key import Key
from extractor.registry.regf_writer import write_hive
from extractor.restore.settings.new_user import (
    classes_keys,
    empty_classes,
    new_user_keys,
    profile_list,
)

BOB = "S-1-5-21-1-2-3-1001"
OLD = "S-1-5-21-9-9-9-500"
PACKAGES = "S-1-15-2-1"
FULL = f"(A;CI;0xf003f;;;{BOB})(A;CI;0xf003f;;;S-1-5-18)(A;CI;0xf003f;;;S-1-5-32-544)(A;CI;0x20019;;;S-1-5-12)"
READ = f"(A;CI;0xf003f;;;S-1-5-18)(A;CI;0xf003f;;;S-1-5-32-544)(A;CI;0x20019;;;S-1-5-12)(A;CI;0x20019;;;{BOB})"
OWNER = "O:S-1-5-32-544G:S-1-5-32-544"


def security(*entries: tuple[int, int, int, str], label: int | None = None) -> bytes:
    """A descriptor with entries (kind, flags, mask, SID), and a label of integrity (its RID)."""
    dacl = acl(entries)
    sacl = acl([(0x11, 2, 1, f"S-1-16-{label}-0")]) if label is not None else b""
    owner = sid_bytes(OLD)
    at = 20 + len(sacl) + len(dacl)
    control = 0x8004 | (0x10 if sacl else 0)
    head = struct.pack("<BxH4I", 1, control, at, at, 20 if sacl else 0, 20 + len(sacl))
    return head + sacl + dacl + owner


def acl(entries: object) -> bytes:
    made = [(k, f, m, sid_bytes(s)) for k, f, m, s in entries]  # type: ignore[attr-defined]
    body = b"".join(struct.pack("<BBHI", k, f, 8 + len(s), m) + s for k, f, m, s in made)
    return struct.pack("<BxHHxx", 2, 8 + len(body), len(made)) + body


PLAIN = security((0, 2, 0x20019, "S-1-5-32-545"), (0, 2, 0xF003F, OLD))
STORE = security(
    (0, 0, 0x20019, PACKAGES), (0, 2, 0xF003F, OLD), (0, 3, 0x20019, "S-1-15-3-1024-7")
)
LOW = security((0, 2, 0xF003F, OLD), label=4096)
AUDITED = LOW.replace(b"\x11\x02", b"\x02\x02")
"""It has an entry for an audit where the label was."""
TIMES = 131_000_000_000_000_000


def of(path: str, old: bytes) -> Key:
    names = tuple(filter(None, path.split("\\")))
    return Key(names, (RegistryValue("v", 1, b"x\0"),), TIMES, "class", old)


@pytest.mark.parametrize(
    ("path", "old", "expected"),
    [
        ("", PLAIN, f"D:P{FULL}"),
        ("", STORE, f"D:P{FULL}(A;;0x20019;;;{PACKAGES})(A;OICI;0x20019;;;S-1-15-3-1024-7)"),
        ("Software", PLAIN, f"D:{FULL}"),
        ("Software", b"", f"D:{FULL}"),
        ("Software\\AppDataLow", LOW, f"D:{FULL}S:(ML;CI;0x1;;;S-1-16-4096-0)"),
        ("Software\\AppDataLow", AUDITED, f"D:{FULL}"),
        ("SOFTWARE\\policies", PLAIN, f"D:P{READ}"),
        ("Software\\Policies\\Microsoft", PLAIN, f"D:{READ}"),
        ("Software\\PoliciesNot", PLAIN, f"D:{FULL}"),
        ("Software\\Microsoft\\Windows\\CurrentVersion\\Policies", STORE,
         f"D:P{READ}(A;;0x20019;;;{PACKAGES})(A;OICI;0x20019;;;S-1-15-3-1024-7)"),
        ("System\\CurrentControlSet\\Policies", PLAIN, f"D:P{READ}"),
    ],
)  # fmt: skip
def test_a_key_of_default_becomes_one_of_the_user(path: str, old: bytes, expected: str) -> None:
    key = of(path, old)
    (found,) = new_user_keys([key], BOB)
    assert sddl(found.security) == OWNER + expected
    assert (found.path, found.values, found.last_written, found.class_name) == (
        key.path, key.values, key.last_written, key.class_name,
    )  # fmt: skip


@settings(max_examples=300)
@given(st.binary(max_size=200), st.integers(0, len(STORE) - 1), st.integers(0, 255))
def test_no_descriptor_of_default_makes_it_fail(data: bytes, place: int, byte: int) -> None:
    bent = STORE[:place] + bytes([byte]) + STORE[place + 1 :]
    for old in (data, bent, STORE[:place], LOW[:place] + data):
        (found,) = new_user_keys([Key((), security=old)], BOB)
        assert sddl(found.security).startswith(f"{OWNER}D:P{FULL}")


def test_a_whole_hive_of_default_is_that_of_a_user(data: Path) -> None:
    """The hive of the network service stands for Default's, which is not among the real material."""
    content = lzma.decompress((data / "hives/misc/NTUSER1.DAT.xz").read_bytes())
    file = io.BytesIO()
    write_hive(file, new_user_keys(whole_keys(content, "H"), BOB))
    before, after = list(whole_keys(content, "H")), list(whole_keys(file.getvalue(), "H"))
    assert [(k.path, list(k.values)) for k in before] == [(k.path, list(k.values)) for k in after]
    told = {key.path: sddl(key.security) for key in after}
    assert f"(A;;0x20019;;;{PACKAGES})" in told[()]
    assert all(BOB in text and "S-1-5-20)" not in text for text in told.values())


def test_new_classes_are_one_key_that_every_reader_opens(tmp_path: Path) -> None:
    with (tmp_path / "UsrClass.dat").open("w+b") as file:
        size = empty_classes(BOB, file)
    content = (tmp_path / "UsrClass.dat").read_bytes()
    assert len(content) == size
    (root,) = whole_keys(content, "H")
    assert sddl(root.security) == f"{OWNER}D:P{FULL}(A;CI;0x20019;;;{PACKAGES})"
    assert list(classes_keys(BOB)) == [Key((), security=root.security)]
    assert not open_hive(content, "H").subkeys()


def test_profile_list_names_the_profile_as_windows_does(data: Path) -> None:
    content = lzma.decompress((data / "hives/win7-shield/SOFTWARE.xz").read_bytes())
    sid = "S-1-5-21-2036804247-3058324640-2116585241-1105"
    path, values = profile_list(sid, WinPath.parse("C:\\Users\\nfury"))
    theirs = {each.name: each for each in open_hive(content, "H").values("\\".join(path))}
    ours = {each.name: each for each in values}
    assert path[-1] == sid
    assert {name for name in ours if ours[name] != theirs.get(name)} == {"FullProfile"}


@pytest.mark.parametrize("sid", ["", "bob", "S-1-5-21-99999999999-1"])
def test_what_is_no_sid_is_refused(sid: str) -> None:
    for ask in (
        lambda: profile_list(sid, WinPath("C:", ("x",))),
        lambda: list(new_user_keys([Key((), security=MACHINE)], sid)),
        lambda: empty_classes(sid, io.BytesIO()),
    ):
        with pytest.raises(ValueError, match="is no SID"):
            ask()
