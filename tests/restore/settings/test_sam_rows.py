"""Values of SAM taken apart and put together: those of real hives come back as they were, hostile ones are refused."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractor.errors import UnsupportedError
from extractor.restore.settings.sam_rows import (
    ACCOUNT_V,
    ALIAS_C,
    GROUP_C,
    NAME,
    Form,
    Row,
    SamValue,
    parse_rows,
)
from tests.restore.settings.sam_hive import NEW, alias_c, none_c, raw, user_v
from tests.windows.real_hives import real_hive

FORMS = {ACCOUNT_V: user_v("anna"), ALIAS_C: alias_c(9, "Odd", ()), GROUP_C: none_c((500,))}
KINDS = ((r"Users\\[0-9A-F]{8}", "V", ACCOUNT_V), (r"Aliases\\[0-9A-F]{8}", "C", ALIAS_C),
         (r"Groups\\[0-9A-F]{8}", "C", GROUP_C))  # fmt: skip


def tables(form: Form, data: bytes) -> list[tuple[int, ...]]:
    """Return the rows as they stand."""
    return list(struct.iter_unpack("<3I", data[form.head : form.head + 12 * form.rows]))


@pytest.mark.parametrize(
    ("name", "count"), [("win7-shield/SAM", 18), ("misc/SAM-win10-turbinia", 31)]
)
def test_every_value_of_a_real_sam_comes_back_with_the_same_rows_and_data(
    name: str, count: int, data: Path
) -> None:
    found = 0
    for (key, value), (_, content) in raw(real_hive(data, name)).items():
        for pattern, wanted, form in KINDS:
            if value == wanted and re.fullmatch(rf"SAM\\Domains\\\w+\\{pattern}", key):
                taken = parse_rows(form, content, key)
                packed = taken.pack()
                assert len(packed) == len(content)
                assert tables(form, packed) == tables(form, content)
                assert parse_rows(form, packed, key) == taken
                found += 1
    assert found == count


@pytest.mark.parametrize("form", FORMS, ids=["V", "alias", "group"])
def test_another_row_moves_those_behind_it(form: Form) -> None:
    taken = parse_rows(form, FORMS[form], "x")
    longer = taken.with_row(NAME, Row(b"n" * 29, 5))
    again = parse_rows(form, longer.pack(), "x")
    assert again.rows[NAME] == Row(b"n" * 29, 5)
    assert again.with_row(NAME, taken.rows[NAME]) == taken
    assert taken.pack() == FORMS[form]


def put(data: bytes, row: int, column: int, number: int) -> bytes:
    at = 12 * row + 4 * column
    return data[:at] + struct.pack("<I", number) + data[at + 4 :]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        user_v("anna")[:203],
        put(user_v("anna"), 1, 0, 0),
        put(user_v("anna"), 1, 0, 2**32 - 4),
        put(user_v("anna"), 1, 1, 2**31),
        put(user_v("anna"), 12, 0, 0x91),
        put(user_v("anna"), 0, 2, 0x00010004),
        user_v("anna") + bytes(4),
    ],
    ids=["empty", "no rows", "overlap", "far", "long", "odd place", "revision", "rest"],
)
def test_a_value_that_is_not_laid_out_as_windows_does_it_is_refused(data: bytes) -> None:
    with pytest.raises(UnsupportedError, match=r"^SAM: somebody"):
        parse_rows(ACCOUNT_V, data, "SAM: somebody")


def test_room_between_rows_is_not_kept() -> None:
    data = user_v("anna")
    rows = list(struct.iter_unpack("<3I", data[:204]))
    moved = b"".join(
        struct.pack("<3I", at + 8 if number else at, size, count)
        for number, (at, size, count) in enumerate(rows)
    )
    body = data[204:]
    wide = moved + body[: rows[0][1]] + bytes(8) + body[rows[0][1] :]
    assert parse_rows(ACCOUNT_V, wide, "x").pack() == data


@given(st.lists(st.tuples(st.binary(max_size=40), st.integers(0, 2**32 - 1)), min_size=3, max_size=3))  # fmt: skip
def test_what_is_put_together_is_taken_apart_again(told: list[tuple[bytes, int]]) -> None:
    value = SamValue(b"head", (Row(b"sd", NEW), *(Row(*each) for each in told)))
    assert parse_rows(ALIAS_C, value.pack(), "x") == value


@given(st.binary(max_size=400), st.sampled_from(list(FORMS)))
def test_hostile_bytes_are_refused_or_whole(data: bytes, form: Form) -> None:
    try:
        taken = parse_rows(form, data, "x")
    except UnsupportedError:
        return
    assert parse_rows(form, taken.pack(), "x") == taken
