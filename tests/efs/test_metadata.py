"""$EFS -> who can open the file ([MS-EFSR] 2.2.2.1)."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractor.efs.metadata import parse_metadata
from extractor.errors import DamagedError
from extractor.model import EfsUser
from tests.efs.people import AGENT_SID, ANNA_SID, CONTAINER, agent, anna, efs

VALUE = efs(b"x" * 48, [anna()], [agent()])


def test_users_and_recovery_agents_are_named() -> None:
    found = parse_metadata(VALUE)
    assert found.version == 2
    assert found.users == (
        EfsUser("user", ANNA_SID, "anna(anna@DESK)", anna().thumbprint),
        EfsUser("recovery", AGENT_SID, "Administrator", agent().thumbprint),
    )
    assert [each.container for each in found.protectors] == [CONTAINER] * 2
    assert [len(each.fek) for each in found.protectors] == [128] * 2


def test_a_file_without_recovery_agents_is_usual() -> None:
    assert [each.role for each in parse_metadata(efs(b"x", [anna()])).users] == ["user"]


@pytest.mark.parametrize("version", [0, 4, 5, 6, 999])
def test_other_versions_name_nobody_and_are_no_damage(version: int) -> None:
    found = parse_metadata(VALUE[:8] + struct.pack("<I", version) + VALUE[12:])
    assert (found.version, found.users) == (version, ())


@pytest.mark.parametrize(
    ("place", "number", "says"),
    [
        (0, 1 << 20, "says 1048576 bytes"),
        (64, 1 << 20, "key list"),
        (84, 1 << 30, "claims 1073741824 keys"),
        (88, 0, "without length"),
        (88, 1 << 30, "key list"),
        (100, 1 << 30, "key of its"),
    ],
)
def test_lengths_that_lead_out_of_it_are_damage(place: int, number: int, says: str) -> None:
    with pytest.raises(DamagedError, match=says):
        parse_metadata(VALUE[:place] + struct.pack("<I", number) + VALUE[place + 4 :])


def test_too_few_bytes_are_damage() -> None:
    with pytest.raises(DamagedError, match="too few"):
        parse_metadata(VALUE[:83])


@given(st.lists(st.tuples(st.integers(64, len(VALUE) - 1), st.integers(0, 255)), max_size=8))
def test_any_changed_bytes_give_names_or_damage(changes: list[tuple[int, int]]) -> None:
    value = bytearray(VALUE)
    for place, byte in changes:
        value[place] = byte
    try:
        parse_metadata(bytes(value))
    except DamagedError:
        return
