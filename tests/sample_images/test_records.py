from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sample_images.records import smuggled

names = st.text(
    st.characters(blacklist_characters="".join(map(chr, range(0xE000, 0xF000)))), min_size=1
)


@given(names)
def test_a_smuggled_name_is_one_that_a_mount_can_carry(name: str) -> None:
    carried = smuggled(name)
    carried.encode("utf-8")
    assert not set(carried) & set("/:\0")
    assert carried not in {".", ".."}


@given(names)
def test_a_smuggled_name_takes_the_same_room(name: str) -> None:
    assert len(smuggled(name).encode("utf-16-le")) == len(name.encode("utf-16-le", "surrogatepass"))


@given(names, names)
def test_two_names_are_never_smuggled_as_one(one: str, other: str) -> None:
    assert (smuggled(one) == smuggled(other)) == (one == other)


@given(st.lists(st.characters(min_codepoint=0xD800, max_codepoint=0xDFFF), min_size=1))
def test_surrogates_keep_their_order(halves: list[str]) -> None:
    assert sorted(map(smuggled, halves)) == [smuggled(half) for half in sorted(halves)]
