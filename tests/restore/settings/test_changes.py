"""A hive rewritten with changes holds just these; three readers that we did not write say so."""

# The readers have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import io
import lzma
import subprocess
import tracemalloc
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractor.errors import DamagedError, UnsupportedError
from extractor.model import RegistryValue
from extractor.registry import open_hive
from extractor.registry.base_block import FIRST_BIN
from extractor.registry.copying import own_name, whole_keys
from extractor.registry.descriptor import MACHINE, of_user
from extractor.registry.key import LINK, LINK_VALUE, Key
from extractor.registry.regf_writer import write_hive
from extractor.restore.settings.changes import Changes, merged, rewritten
from tests.conftest import need_tool
from tests.registry.damage import keys_of

BOB = "S-1-5-21-1-2-3-1001"
THEN, NOW = 131_000_000_000_000_000, 133_000_000_000_000_000
Shape = list[tuple[str, dict[str, bytes], int]]


def value(name: str, data: bytes = b"new\0") -> RegistryValue:
    return RegistryValue(name, 3, data)


def sz(name: str, text: str) -> RegistryValue:
    return RegistryValue(name, 1, (text + "\0").encode("utf-16-le"))


BEFORE = [
    Key((), (value("r", b"1"),), THEN, security=MACHINE),
    Key(("Alpha",), (value("One", b"1"), value("Two", b"2"), value("Three", b"3")), THEN, "c", of_user(BOB)),
    Key(("Alpha", "Deep"), (value("d", b"d"),), THEN),
    Key(("Alpha", "Deep", "Deeper"), (), THEN),
    Key(("Beta",), (), THEN),
    Key(("Gamma",), (value("g", b"g"),), THEN),
]  # fmt: skip


def after(changes: Changes, before: Iterable[Key] = BEFORE) -> Shape:
    return [
        ("\\".join(key.path), {each.name: each.data for each in key.values}, key.last_written)
        for key in merged(before, changes, NOW)
    ]


def shape(
    *, without: Iterable[str] = (), more: Shape | None = None, **changed: dict[str, bytes]
) -> Shape:
    """The keys as they were, but for some; ``changed`` names keys (``_`` for the backslash)."""
    names = {name.replace("_", "\\"): values for name, values in changed.items()}
    plain = after(Changes())
    kept = [row for row in plain if row[0] not in without]
    return [(p, names[p], NOW) if p in names else (p, v, t) for p, v, t in kept] + (more or [])


def test_without_changes_all_is_as_it_was() -> None:
    assert list(merged(BEFORE, Changes(), NOW)) == BEFORE


def test_a_value_that_is_put_stands_where_the_old_one_stood_and_new_ones_behind() -> None:
    changes = Changes()
    changes.put(("ALPHA",), value("TWO", b"two"))
    changes.put(("alpha",), value("Four", b"4"))
    found = after(changes)
    assert found == shape(Alpha={"One": b"1", "Two": b"two", "Three": b"3", "Four": b"4"})
    assert list(found[1][1]) == ["One", "Two", "Three", "Four"]


def test_a_value_that_is_the_same_changes_no_time() -> None:
    changes = Changes()
    changes.put(("Alpha",), value("ONE", b"1"))
    changes.remove_value(("Alpha",), "None of it")
    changes.make(("Alpha", "Deep"))
    assert after(changes) == shape()


def test_new_keys_come_with_all_on_the_way_to_them() -> None:
    changes = Changes()
    changes.put(("alpha", "deep", "X", "Y"), value("y", b"y"))
    changes.make(("Zeta",))
    rows = after(changes)
    assert [path for path, _, _ in rows] == [
        "", "Alpha", "Alpha\\Deep", "Alpha\\Deep\\Deeper", "Alpha\\Deep\\X", "Alpha\\Deep\\X\\Y",
        "Beta", "Gamma", "Zeta",
    ]  # fmt: skip
    assert rows[5] == ("Alpha\\Deep\\X\\Y", {"y": b"y"}, NOW)
    assert rows[4] == ("Alpha\\Deep\\X", {}, NOW)
    assert {time for path, _, time in rows if path in {"", "Alpha", "Alpha\\Deep"}} == {THEN}


@pytest.mark.parametrize("name", ["Two", "tWO"])
def test_a_value_is_removed_whatever_its_case(name: str) -> None:
    changes = Changes()
    changes.remove_value(("Alpha",), name)
    assert after(changes) == shape(Alpha={"One": b"1", "Three": b"3"})


def test_to_remove_what_is_not_there_makes_nothing() -> None:
    changes = Changes()
    changes.remove_value(("Nowhere", "At", "All"), "x")
    changes.remove_key(("Beta", "Below"))
    changes.remove_key(("Else",))
    assert after(changes) == shape()


def test_a_key_is_removed_with_all_below_it() -> None:
    changes = Changes()
    changes.put(("Alpha", "Deep"), value("lost"))
    changes.remove_key(("aLPHA",))
    gone = {"Alpha", "Alpha\\Deep", "Alpha\\Deep\\Deeper"}
    assert after(changes) == shape(without=gone)
    assert not changes.is_kept(("Alpha",))
    assert not changes.is_kept(("ALPHA", "Deep", "Deeper"))
    assert changes.is_kept(("Beta",))
    assert changes.is_kept(())


def test_what_is_put_into_a_removed_key_is_made_anew() -> None:
    changes = Changes()
    changes.remove_key(("Alpha",))
    changes.put(("ALPHA", "Deep"), value("n", b"n"))
    gone = {"Alpha", "Alpha\\Deep", "Alpha\\Deep\\Deeper"}
    new = [("ALPHA", {}, NOW), ("ALPHA\\Deep", {"n": b"n"}, NOW)]
    assert after(changes) == shape(without=gone, more=new)
    (key,) = (key for key in merged(BEFORE, changes, NOW) if key.path == ("ALPHA",))
    assert (key.class_name, key.security) == ("", b"")


def test_the_root_loses_all_but_itself() -> None:
    changes = Changes()
    changes.remove_key(())
    changes.put((), value("n", b"n"))
    changes.make(("New",))
    assert after(changes) == [("", {"n": b"n"}, NOW), ("New", {}, NOW)]
    assert next(merged(BEFORE, changes, NOW)).security == MACHINE


def test_the_last_word_counts() -> None:
    changes = Changes()
    changes.put(("Gamma",), value("g", b"1"))
    changes.remove_value(("Gamma",), "G")
    assert after(changes) == shape(Gamma={})
    changes.put(("Gamma",), value("G", b"2"))
    assert after(changes) == shape(Gamma={"g": b"2"})
    changes.remove_key(("Gamma",))
    assert after(changes) == shape(without={"Gamma"})


def test_of_two_values_of_one_name_one_stays_when_it_is_put() -> None:
    twins = [Key((), (value("x", b"1"), value("y", b"y"), value("X", b"2")))]
    changes = Changes()
    changes.put((), value("x", b"3"))
    (key,) = merged(twins, changes, NOW)
    assert [(each.name, each.data) for each in key.values] == [("x", b"3"), ("y", b"y")]


def test_no_keys_and_missing_parents_are_a_root_and_parents() -> None:
    changes = Changes()
    changes.put(("A",), value("n", b"n"))
    assert after(changes, []) == [("", {}, NOW), ("A", {"n": b"n"}, NOW)]
    rows = after(changes, [Key(("A", "B"), (), THEN)])
    assert [row[0] for row in rows] == ["", "A", "A\\B"]
    assert rows[1] == ("A", {"n": b"n"}, NOW)


def test_nothing_is_put_into_a_link_but_the_link() -> None:
    link = RegistryValue(LINK_VALUE, LINK, "\\REGISTRY\\MACHINE".encode("utf-16-le"))
    before = [Key(()), Key(("L",), (link,), THEN)]
    for path in (("L",), ("L", "Below")):
        changes = Changes()
        changes.put(path, value("x"))
        with pytest.raises(UnsupportedError, match="L is a symbolic link"):
            list(merged(before, changes, NOW))
    changes = Changes()
    changes.put(("L",), RegistryValue(LINK_VALUE, LINK, b"\\\0"))
    changes.remove_value(("L",), "x")
    assert after(changes, before)[1] == ("L", {LINK_VALUE: b"\\\0"}, NOW)


@pytest.mark.parametrize("path", [("a\\b",), ("",), ("x" * 256,), ("x",) * 513])
def test_what_no_hive_can_hold_is_refused_at_once(path: tuple[str, ...]) -> None:
    for ask in (Changes().make, Changes().remove_key):
        with pytest.raises(UnsupportedError, match="the key"):
            ask(path)
    with pytest.raises(UnsupportedError, match="16383 units"):
        Changes().put(("a",), value("n" * 16384))


def test_only_the_values_of_a_key_that_changes_are_in_memory() -> None:
    def many(count: int) -> Iterator[RegistryValue]:
        for number in range(count):
            yield value(str(number), bytes(1 << 18))

    changes = Changes()
    changes.put(("Small",), value("n"))
    keys = [Key(()), *(Key((f"K{number}",), many(100)) for number in range(3)), Key(("Small",))]
    tracemalloc.start()
    for key in merged(keys, changes, NOW):
        for _ in key.values:
            pass
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 2 << 20


# --- against a model ----------------------------------------------------------------------------------

Tree = dict[tuple[str, ...], dict[str, bytes]]
NAMES = st.sampled_from(["a", "B", "c", "É"])
PATHS = st.lists(NAMES, max_size=3).map(tuple)
ASKED = st.tuples(
    st.sampled_from(["make", "put", "drop", "remove"]), PATHS, NAMES, st.binary(max_size=2)
)


@given(st.dictionaries(PATHS, st.dictionaries(NAMES, st.binary(max_size=2))), st.lists(ASKED))
def test_any_changes_do_what_they_would_do_one_by_one(tree: Tree, asked: list[Any]) -> None:
    plain: Tree = {(): {}}
    for path, values in tree.items():
        plain |= {path[:depth]: {} for depth in range(len(path)) if path[:depth] not in plain}
        plain[path] = dict(values)
    before = [Key(path, [value(*each) for each in plain[path].items()]) for path in sorted(plain)]
    changes = Changes()
    for what, path, name, data in asked:
        apply(plain, what, path, name, data)
        if what == "put":
            changes.put(path, value(name, data))
        elif what == "drop":
            changes.remove_value(path, name)
        else:
            (changes.make if what == "make" else changes.remove_key)(path)
    found = list(merged(before, changes, NOW))
    assert {key.path: {v.name: v.data for v in key.values} for key in found} == plain
    file = io.BytesIO()
    write_hive(file, found)  # refuses keys that are not parents first
    assert len(list(whole_keys(file.getvalue(), "H"))) == len(plain)


def apply(tree: Tree, what: str, path: tuple[str, ...], name: str, data: bytes) -> None:
    if what == "remove":
        for each in [each for each in tree if each[: len(path)] == path]:
            del tree[each]
        tree.setdefault((), {})
    elif what == "drop":
        tree.get(path, {}).pop(name, None)
    else:
        for depth in range(len(path) + 1):
            tree.setdefault(path[:depth], {})
        if what == "put":
            tree[path][name] = data


# --- whole hives --------------------------------------------------------------------------------------


def hive(keys: Iterable[Key] = BEFORE, name: str = "system32\\config\\X") -> bytes:
    file = io.BytesIO()
    write_hive(file, keys, name=name)
    return file.getvalue()


def changed(content: bytes, changes: Changes) -> bytes:
    file = io.BytesIO()
    assert rewritten(content, "H", changes, NOW, file) == len(file.getvalue())
    return file.getvalue()


def test_a_rewritten_hive_keeps_its_root_descriptor_its_file_name_and_new_keys_inherit() -> None:
    changes = Changes()
    changes.put(("Alpha", "New"), value("n"))
    made = changed(hive([Key((), security=of_user(BOB)), *BEFORE[1:]]), changes)
    found = {key.path: key for key in whole_keys(made, "H")}
    assert own_name(made) == "system32\\config\\X"
    assert found[()].security == of_user(BOB)
    assert found["Alpha",].class_name == "c"
    assert found["Alpha", "New"].security == of_user(BOB)
    assert found["Alpha", "New"].last_written == NOW


def test_a_rewritten_hive_keeps_the_marks_of_keys_that_stay() -> None:
    content = bytearray(hive())
    for path in ("Beta", "Gamma"):
        content[virtual(bytes(content), path)] = 0xA1
    changes = Changes()
    changes.put(("Beta",), value("n"))
    changes.remove_key(("Gamma",))
    changes.make(("Gamma",))
    made = changed(bytes(content), changes)
    assert [made[virtual(made, path)] for path in ("Beta", "Gamma")] == [0xA1, 0]


def virtual(content: bytes, path: str) -> int:
    """Where a key says how it is virtualised, and whether it belongs to 32-bit programs."""
    return FIRST_BIN + keys_of(content)[path].place + 4 + 0x36


def test_a_damaged_hive_is_refused() -> None:
    content = bytearray(hive())
    content[content.index(b"nk", 0x1100)] = 0
    with pytest.raises(DamagedError):
        changed(bytes(content), Changes())


def test_a_real_hive_differs_only_where_it_was_changed(data: Path) -> None:
    content = lzma.decompress((data / "hives/win7-shield/NTUSER-WIN7.DAT.xz").read_bytes())
    changes = Changes()
    changes.put(("Control Panel", "Desktop"), sz("Wallpaper", "C:\\x.bmp"))
    changes.remove_key(("Software", "Adobe"))
    changes.put(("Software", "Acme", "New"), value("big", bytes(50_000)))
    before, made = open_hive(content, "H"), open_hive(changed(content, changes), "H")
    paths = [Path_(key.path) for key in whole_keys(content, "H")]
    assert any(path.startswith("Software\\Adobe") for path in paths)
    for path in paths:
        if path.startswith("Software\\Adobe"):
            assert not made.exists(path)
        elif path == "Control Panel\\Desktop":
            assert made.last_written(path) == NOW
            assert len(made.values(path)) == len(before.values(path))
        else:
            assert made.values(path) == before.values(path)
            assert made.last_written(path) == before.last_written(path)
    assert made.value("control panel\\desktop", "wallpaper") == sz("Wallpaper", "C:\\x.bmp")
    assert made.value("Software\\Acme\\New", "big") == value("big", bytes(50_000))


def Path_(parts: tuple[str, ...]) -> str:  # noqa: N802
    return "\\".join(parts)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hive changed in every way."""
    changes = Changes()
    changes.put(("Alpha",), sz("Two", "zwei €"))
    changes.put(("Alpha",), RegistryValue("Number", 4, b"\x2a\0\0\0"))
    changes.remove_value(("Alpha",), "Three")
    changes.remove_key(("Gamma",))
    changes.put(("New", "Ключ"), RegistryValue("list", 7, "a\0b\0\0".encode("utf-16-le")))
    changes.put(("New", "Ключ"), value("big", bytes(range(250)) * 200))
    place = tmp_path_factory.mktemp("hive") / "changed"
    place.write_bytes(changed(hive(), changes))
    return place


KEYS = {"", "Alpha", "Alpha\\Deep", "Alpha\\Deep\\Deeper", "Beta", "New", "New\\Ключ"}


def test_hivex_reads_what_was_changed(written: Path) -> None:
    need_tool("hivexml", "hivexsh")
    run = subprocess.run(["hivexml", written], capture_output=True, check=True)
    root = ElementTree.fromstring(run.stdout)
    found = dict(nodes(root.find("node"), ""))
    assert set(found) == KEYS
    assert found["Alpha"] == ["One", "Two", "Number"]
    ask = "cd \\Alpha\nlsval Two\nlsval Number\ncd \\New\nls\n"
    told = subprocess.run(["hivexsh", written], input=ask.encode(), capture_output=True, check=True)
    assert told.stdout.decode().splitlines()[-3:] == ["zwei €", "42", "Ключ"]


def nodes(node: Any, path: str) -> Iterator[tuple[str, list[str]]]:
    yield path, [each.get("key") for each in node.findall("value")]
    for each in node.findall("node"):
        name = each.get("name")
        yield from nodes(each, f"{path}\\{name}" if path else name)


def test_python_registry_reads_what_was_changed(written: Path) -> None:
    from Registry import Registry

    registry = Registry.Registry(str(written))
    alpha = registry.open("Alpha")
    assert alpha.value("Two").value() == "zwei €"
    assert alpha.value("Number").value() == 42
    assert [each.name() for each in alpha.values()] == ["One", "Two", "Number"]
    assert registry.open("New\\Ключ").value("big").value() == bytes(range(250)) * 200
    assert {each.name() for each in registry.root().subkeys()} == {"Alpha", "Beta", "New"}


def test_regipy_reads_what_was_changed(written: Path) -> None:
    from regipy.registry import RegistryHive

    found = RegistryHive(str(written))
    key = found.get_key("\\New\\Ключ")
    assert {each.name: each.value for each in key.iter_values()}["list"] == ["a", "b"]
    assert found.get_key("\\Alpha").get_value("Two") == "zwei €"
    assert {each.name for each in found.root.iter_subkeys()} == {"Alpha", "Beta", "New"}


LETTERS = st.characters(codec="ascii", exclude_characters="\\")


@settings(max_examples=25, deadline=None)
@given(st.dictionaries(st.text(LETTERS, min_size=1, max_size=8), st.binary(max_size=6), max_size=8))
def test_any_value_put_into_a_hive_is_read_back(values: dict[str, bytes]) -> None:
    changes = Changes()
    for name, data in values.items():
        changes.put(("Beta", "In"), value(name, data))
    found = open_hive(changed(hive(), changes), "H")
    for name, data in {name.upper(): data for name, data in values.items()}.items():
        assert found.value("beta\\in", name) == value(found_name(values, name), data)


def found_name(values: dict[str, bytes], upper: str) -> str:
    """The last spelling of a name that was put."""
    return [name for name in values if name.upper() == upper][-1]
