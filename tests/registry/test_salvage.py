from __future__ import annotations

import io

import pytest

from extractor.model import RegistryValue
from extractor.registry.key import Key
from extractor.registry.lost import Trace, name_hash
from extractor.registry.regf_writer import write_hive
from extractor.registry.salvage import LOST, SalvagedHive, salvage
from tests.registry.damage import keys_of, parented, without
from tests.registry.tiny_hive import tiny_hive

PATHS = (
    ("Classes",),
    ("Classes", ".txt"),
    ("Clients",),
    ("Microsoft",),
    ("Microsoft", "Unheard of"),
    ("Microsoft", "Unheard of", "Deep"),
    ("Microsoft", "Windows NT"),
    ("Microsoft", "Windows NT", "CurrentVersion"),
    ("Microsoft", "Windows NT", "CurrentVersion", "ProfileList"),
    ("Policies",),
)


def software() -> bytes:
    """Return a hive whose lists keep hashes of names, as those of Windows do."""
    file = io.BytesIO()
    value = RegistryValue("v", 4, b"\1\0\0\0")
    write_hive(file, [Key(path, [value], 132_000_000_000_000_000) for path in PATHS])
    return file.getvalue()


WHOLE = software()
KEYS = keys_of(WHOLE)


def salvaged(content: bytes) -> SalvagedHive:
    hive = salvage(content, "H")
    assert hive is not None
    return hive


def test_of_a_whole_hive_every_key_is_found_where_it_is() -> None:
    hive = salvaged(WHOLE)
    for path in PATHS:
        assert len(hive.values("\\".join(path))) == 1
    assert LOST not in hive.subkeys()


@pytest.mark.parametrize(
    "lost", [("Microsoft",), ("Microsoft", "Microsoft\\Windows NT"), ("Classes", "Policies")]
)
def test_a_lost_key_keeps_its_place_and_its_name_when_windows_gave_it(
    lost: tuple[str, ...],
) -> None:
    torn = WHOLE
    for path in lost:
        torn = without(torn, KEYS[path].place)
    hive = salvaged(torn)
    assert hive.values(r"Microsoft\Windows NT\CurrentVersion\ProfileList")
    for path in lost:
        assert hive.damage(path).startswith("the key itself is lost")
        assert not hive.values(path)


def test_a_lost_key_of_a_name_that_nobody_knows_keeps_its_place_in_the_tree() -> None:
    place = KEYS[r"Microsoft\Unheard of"].place
    hive = salvaged(without(WHOLE, place))
    assert hive.values(rf"Microsoft\{place:#x}\Deep")


def test_a_key_of_whose_parent_nothing_is_known_stands_among_the_lost() -> None:
    whole = parented(tiny_hive({r"A\B\C": {"v": 1}}))
    keys = keys_of(whole)
    torn = without(without(whole, keys[r"A\B"].place), keys["A"].subkey_list)
    hive = salvaged(torn)
    place = keys[r"A\B"].place
    assert hive.subkeys(LOST) == [f"{place:#x}"]
    assert hive.values(rf"{LOST}\{place:#x}\C")
    assert hive.damage(rf"{LOST}\{place:#x}").startswith("the key itself is lost")


def test_a_file_without_a_key_is_nothing() -> None:
    assert salvage(b"", "H") is None
    assert salvage(bytes(70_000), "H") is None
    assert salvage(b"nk" * 5000, "H") is None


def test_free_cells_are_not_dug_up() -> None:
    freed = bytearray(WHOLE)
    at = 0x1000 + KEYS["Policies"].place
    size = int.from_bytes(freed[at : at + 4], "little", signed=True)
    freed[at : at + 4] = (-size).to_bytes(4, "little", signed=True)
    hive = salvaged(bytes(freed))
    assert hive.damage("Policies").startswith("the key itself is lost")
    assert not hive.values("Policies")


def test_the_first_four_characters_tell_a_name_when_only_one_fits() -> None:
    assert Trace(0, 0, b"Micr", is_hash=False).fits("Microsoft")
    assert not Trace(0, 0, b"Micr", is_hash=False).fits("Windows")
    assert Trace(0, 0, b"SAM\0", is_hash=False).fits("SAM")
    assert Trace(0, 0, name_hash("Windows").to_bytes(4, "little"), is_hash=True).fits("WINDOWS")
