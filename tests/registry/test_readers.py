"""The same hives through libregf and python-registry: the same tree, but for what is named here.

libregf gives the bytes of a value as its type should have them: zeros for one to three bytes that stand in the record
of a value itself, and text only up to its end. There python-registry, which gives raw bytes, is asked.
"""

# python-registry has no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import io
import lzma
from collections.abc import Iterator
from pathlib import Path

import pytest

from extractor.model import RegistryValue
from extractor.registry import open_hive
from extractor.registry.base_block import root_cell
from extractor.registry.records import Key, Records

HIVES = (
    "misc/BCD", "misc/NTUSER-WSL.DAT", "misc/NTUSER1.DAT", "misc/SAM-win10-turbinia", "misc/SECURITY",
    "misc/SECURITYNoRoot", "win7-shield/NTUSER-CCLEANER.DAT", "win7-shield/NTUSER-WIN7.DAT",
    "win7-shield/NTUSER-vibranium.DAT", "win7-shield/SAM", "win10-dirty/transactions_NTUSER.DAT",
    "win10-dirty/UsrClass.dat", "win10-dirty/SYSTEM_B", "win7-shield/SYSTEM", "misc/SYSTEM_WIN_10_1709",
    "win7-shield/SOFTWARE",
)  # fmt: skip
STRINGS = frozenset({1, 2, 6, 7})

Rows = dict[str, tuple[int, list[RegistryValue]]]


def unpacked(data: Path, name: str) -> bytes:
    return lzma.decompress((data / "hives" / f"{name}.xz").read_bytes())


def ours(content: bytes) -> Rows:
    """Return path -> (time, values) as our records have it, without the bounds of a walk by path."""
    records = Records(content)
    rows: Rows = {}
    waiting: list[tuple[str, Key]] = [("", records.key(root_cell(content)))]
    while waiting:
        path, key = waiting.pop()
        rows[path] = (key.written, list(records.values(key)))
        waiting += [(f"{path}\\{each.name}", each) for each in records.subkeys(key)]
    return rows


def libregf(content: bytes) -> Rows:
    pyregf = pytest.importorskip("pyregf")
    file = pyregf.file()
    file.open_file_object(io.BytesIO(content))
    rows: Rows = {}
    waiting = [("", file.get_root_key())]
    while waiting:
        path, key = waiting.pop()
        values = [key.get_value(number) for number in range(key.number_of_values)]
        rows[path] = (
            key.get_last_written_time_as_integer(),
            [RegistryValue(each.name or "", each.type, each.data or b"") for each in values],
        )
        subkeys = [key.get_sub_key(number) for number in range(key.number_of_sub_keys)]
        waiting += [(f"{path}\\{each.name}", each) for each in subkeys]
    return rows


def python_registry(content: bytes, path: str) -> list[bytes]:
    """Return the raw bytes of a key's values, in the order of their list."""
    from Registry import Registry

    key = Registry.Registry(io.BytesIO(content)).open(path.removeprefix("\\"))
    return [value.raw_data() for value in key.values()]


def differing(
    mine: list[RegistryValue], theirs: list[RegistryValue]
) -> Iterator[tuple[RegistryValue, RegistryValue]]:
    assert [(each.name, each.type) for each in mine] == [(each.name, each.type) for each in theirs]
    for one, other in zip(mine, theirs, strict=True):
        if one.data != other.data:
            yield one, other


def is_known(mine: RegistryValue, theirs: RegistryValue) -> bool:
    """Tell whether a difference is one of the two that libregf is known for."""
    if len(mine.data) < 4 and len(theirs.data) == len(mine.data):
        return True
    return mine.type in STRINGS and mine.data.startswith(theirs.data)


@pytest.mark.parametrize("name", HIVES)
def test_every_key_and_value_is_as_libregf_has_it(data: Path, name: str) -> None:
    content = unpacked(data, name)
    mine, theirs = ours(content), libregf(content)
    assert mine.keys() == theirs.keys()
    doubtful: list[tuple[str, RegistryValue]] = []
    for path, (written, values) in mine.items():
        assert written == theirs[path][0]
        for one, other in differing(values, theirs[path][1]):
            assert is_known(one, other), (path, one, other)
            doubtful.append((path, one))
    for path, value in doubtful[:: max(1, len(doubtful) // 20)]:
        if path and value.type == 3:  # python-registry too goes by the type with other short values
            assert value.data in python_registry(content, path)


@pytest.mark.parametrize("name", HIVES[:-3])
def test_a_walk_by_path_meets_every_key_and_value(data: Path, name: str) -> None:
    content = unpacked(data, name)
    expected = ours(content)
    hive = open_hive(content, "H")
    keys, values, waiting = 0, 0, [""]
    while waiting:
        key = waiting.pop()
        keys, values = keys + 1, values + len(hive.values(key))
        waiting += [f"{key}\\{each}" if key else each for each in hive.subkeys(key)]
    assert keys == len(expected)
    assert values == sum(len(row) for _, row in expected.values())
