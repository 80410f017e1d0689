"""No two objects share a name of the host."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from extractor.model import upcase
from extractor.store.catalog import create_catalog
from extractor.store.names import Names

FEW_LETTERS = st.text(st.sampled_from("aAbBß~.\u212a"), min_size=1, max_size=3)


def final_names(wishes: list[str]) -> dict[str, str]:
    """Return the host's name of each wish after settling."""
    catalog = create_catalog(":memory:", Path("memory"))
    try:
        names = Names(catalog)
        given_names = {
            name: names.place("File/C$", name, name.encode("utf-16-be")) for name in wishes
        }
        for _, old, new in names.settled():
            owner = next(name for name, host in given_names.items() if host == old)
            given_names[owner] = new
    finally:
        catalog.close()
    return given_names


def test_the_first_of_twins_by_exact_name_keeps_the_plain_name() -> None:
    hosts = final_names(["Readme.txt", "README.TXT", "readme.txt"])
    assert hosts["README.TXT"] == "README.TXT"
    assert hosts["Readme.txt"].startswith("Readme~")
    assert hosts["readme.txt"].endswith(".txt")


def test_asking_again_gives_the_same_name() -> None:
    catalog = create_catalog(":memory:", Path("memory"))
    names = Names(catalog)
    first = [names.place("File", name, name.encode()) for name in ("a", "A")]
    again = [names.place("File", name, name.encode()) for name in ("a", "A")]
    catalog.close()
    assert first == again


@given(st.lists(FEW_LETTERS, unique=True, max_size=8), st.randoms())
def test_names_depend_on_the_set_alone_and_differ_by_more_than_case(
    wishes: list[str], random: object
) -> None:
    shuffled = list(wishes)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    hosts = final_names(wishes)
    assert hosts == final_names(shuffled)
    assert len({upcase(host) for host in hosts.values()}) == len(wishes)
