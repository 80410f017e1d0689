"""Five readers of hives that we did not write, each giving the same picture of a tree: path -> {name: (type, bytes)}.

What a reader is known to garble is left out here, and said; everything else must be equal to the byte.
"""

# The readers have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from extractor.registry import open_hive
from extractor.registry.key import Key
from extractor.seams import Hive

Path_ = tuple[str, ...]
Values = dict[str, Any]
Picture = dict[Path_, Values]
INLINE = 0x80000000


def hive_keys(hive: Hive, top: tuple[str, ...] = ()) -> Iterator[Key]:
    """Yield a key of a hive and all below it, parents first; raises DamagedError.

    A name with a backslash, or none at all, has no path: such keys are not among them.
    """
    todo = [top]
    while todo:
        path = todo.pop()
        text = "\\".join(path)
        yield Key(path, hive.values(text), hive.last_written(text))
        names = [name for name in hive.subkeys(text) if name and "\\" not in name]
        todo.extend((*path, name) for name in reversed(names))


def by_us(path: Path) -> Picture:
    """Our own reader, proved elsewhere, on the hive as it came."""
    hive = open_hive(path.read_bytes(), path.name)
    return {
        key.path: {each.name: (each.type, each.data) for each in key.values}
        for key in hive_keys(hive)
    }


def times(path: Path) -> dict[Path_, int]:
    """When each key was written."""
    return {
        key.path: key.last_written for key in hive_keys(open_hive(path.read_bytes(), path.name))
    }


def by_libregf(path: Path) -> Picture:
    """Text is given without the NULs it ends with."""
    import pyregf  # type: ignore[import-not-found]

    with path.open("rb") as source:
        file = pyregf.file()
        file.open_file_object(source)
        picture = dict(_walk(file.get_root_key(), (), lambda key: key.sub_keys, _libregf))
        file.close()
    return picture


def _libregf(key: Any) -> Values:
    found = [key.get_value(n) for n in range(key.number_of_values)]
    return {each.name or "": (each.type, each.data or b"") for each in found}


def by_dissect(path: Path) -> Picture:
    from dissect.regf import RegistryHive

    with path.open("rb") as file:
        root = RegistryHive(file).root()
        return dict(_walk(root, (), lambda key: key.subkeys(), _dissect))


def _dissect(key: Any) -> Values:
    names = {each: "" if each.cell.NameLength == 0 else each.name for each in key.values()}
    return {name: (int(each.cell.Type), bytes(each.data)) for each, name in names.items()}


def by_python_registry(path: Path) -> Picture:
    from Registry import Registry

    root = Registry.Registry(str(path)).root()
    return dict(
        _walk(root, (), lambda key: key.subkeys(), _python_registry, lambda key: key.name())
    )


def _python_registry(key: Any) -> Values:
    """Inline text, REG_QWORD, and numbers of the wrong length are read from the wrong place by 1.3.1."""
    found: Values = {}
    for record in key._nkrecord.values_list().values() if key.values_number() else ():
        is_wrong = record.raw_data_length() & INLINE or record.data_type() in {4, 5, 11}
        name = record.name() if record.has_name() else ""
        found[name] = (record.data_type(), b"" if is_wrong else bytes(record.raw_data()))
    return found


def by_regipy(path: Path) -> Picture:
    """Values are decoded by this reader, and some types are left out."""
    from regipy.registry import RegistryHive

    root = RegistryHive(str(path)).root
    return dict(_walk(root, (), _regipy_below, _regipy))


def _regipy_below(key: Any) -> Iterator[Any]:
    return iter(key.iter_subkeys()) if key.subkey_count else iter(())


def _regipy(key: Any) -> Values:
    found = key.iter_values(trim_values=False) if key.values_count else ()
    return {each.name: (each.value_type, each.value) for each in found}


def _walk(
    key: Any,
    path: Path_,
    below: Callable[[Any], Any],
    values: Callable[[Any], Values],
    name: Callable[[Any], str] = lambda key: str(key.name),
) -> Iterator[tuple[Path_, Values]]:
    yield path, values(key)
    for each in below(key) or ():
        yield from _walk(each, (*path, name(each)), below, values, name)


# --- hivex: the C library itself, as libguestfs and virt-v2v use it ---------------------------------


@cache
def _hivex() -> Any:
    library = ctypes.CDLL("libhivex.so.0", use_errno=True)
    pointers = {"hivex_open", "hivex_node_children", "hivex_node_values", "hivex_node_name", "hivex_value_key",
                "hivex_value_value"}  # fmt: skip
    for function in (*pointers, "hivex_root", "hivex_node_get_child"):
        getattr(library, function).restype = (
            ctypes.c_void_p if function in pointers else ctypes.c_size_t
        )
    return library


class Hivex:
    """An open hive; nodes are numbers."""

    def __init__(self, path: Path) -> None:
        self._handle = ctypes.c_void_p(_hivex().hivex_open(str(path).encode(), 0))
        assert self._handle.value, "hivex does not open it"
        self.root = int(_hivex().hivex_root(self._handle))

    def text(self, function: str, node: int) -> str:
        raw = getattr(_hivex(), function)(self._handle, ctypes.c_size_t(node))
        assert raw, f"{function} fails at {node:#x}: errno {ctypes.get_errno()}"
        text = ctypes.string_at(raw).decode()
        _free(raw)
        return text

    def numbers(self, function: str, node: int) -> list[int]:
        raw = getattr(_hivex(), function)(self._handle, ctypes.c_size_t(node))
        assert raw, f"{function} fails at {node:#x}: errno {ctypes.get_errno()}"
        array = ctypes.cast(raw, ctypes.POINTER(ctypes.c_size_t))
        found: list[int] = []
        while array[len(found)]:
            found.append(int(array[len(found)]))
        _free(raw)
        return found

    def data(self, value: int) -> tuple[int, bytes]:
        kind, length = ctypes.c_int(), ctypes.c_size_t()
        raw = _hivex().hivex_value_value(
            self._handle, ctypes.c_size_t(value), ctypes.byref(kind), ctypes.byref(length)
        )
        assert raw or not length.value, f"value {value:#x}: errno {ctypes.get_errno()}"
        data = ctypes.string_at(raw, length.value) if raw else b""
        _free(raw)
        return kind.value & 0xFFFFFFFF, data

    def child(self, node: int, name: str) -> int:
        return int(
            _hivex().hivex_node_get_child(self._handle, ctypes.c_size_t(node), name.encode())
        )

    def close(self) -> None:
        _hivex().hivex_close(self._handle)


def _free(raw: Any) -> None:
    ctypes.CDLL(None).free(ctypes.c_void_p(raw))


def by_hivex(path: Path) -> Picture:
    hive = Hivex(path)
    try:
        return dict(_hivex_walk(hive, hive.root, ()))
    finally:
        hive.close()


def _hivex_walk(hive: Hivex, node: int, path: Path_) -> Iterator[tuple[Path_, Values]]:
    values = hive.numbers("hivex_node_values", node)
    yield path, {hive.text("hivex_value_key", each): hive.data(each) for each in values}
    for each in hive.numbers("hivex_node_children", node):
        yield from _hivex_walk(hive, each, (*path, hive.text("hivex_node_name", each)))


EXACT: Mapping[str, Callable[[Path], Picture]] = {
    "dissect": by_dissect,
    "hivex": by_hivex,
}
"""Those that give every byte."""
OWN_WAY: Mapping[str, Callable[[Path], Picture]] = {
    "libregf": by_libregf,
    "python-registry": by_python_registry,
    "regipy": by_regipy,
}
"""Those that leave something out: what they say of the hive as it came is what they must say of ours."""
