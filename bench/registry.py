"""How long four readers need for all keys and values of hives: ours, python-registry, dissect.regf, regipy.

    python -m bench.registry HIVE... [--skip regipy]

Each reader opens a hive, reads every key's name and every value's name, type and bytes, and counts them. Times are the
best of three in processor time (regipy: of one), in one process, one after another; logs are not replayed.
"""

# The other readers have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import argparse
import gc
import io
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

Count = tuple[int, int]


def ours(content: bytes) -> Count:
    """Read by path, as a scan does."""
    from extractor.registry import open_hive

    hive = open_hive(content, "H")
    keys, values, waiting = 0, 0, [""]
    while waiting:
        key = waiting.pop()
        keys += 1
        values += len(hive.values(key))
        waiting += [f"{key}\\{name}" if key else name for name in hive.subkeys(key)]
    return keys, values


def python_registry(content: bytes) -> Count:
    """Read with ``raw_data``, for ``value`` raises on the types of device properties."""
    from Registry import Registry

    keys, values, waiting = 0, 0, [Registry.Registry(io.BytesIO(content)).root()]
    while waiting:
        key = waiting.pop()
        keys += 1
        key.name()
        for value in key.values():
            _ = value.name(), value.value_type(), value.raw_data()
            values += 1
        waiting += key.subkeys()
    return keys, values


def dissect_regf(content: bytes) -> Count:
    """Read with dissect.regf."""
    from dissect.regf import RegistryHive

    keys, values, waiting = 0, 0, [RegistryHive(io.BytesIO(content)).root()]
    while waiting:
        key = waiting.pop()
        keys += 1
        _ = key.name
        for value in key.values():
            _ = value.name, value.type, value.data
            values += 1
        waiting += key.subkeys()
    return keys, values


def regipy(content: bytes) -> Count:
    """Read with regipy, which wants a file."""
    from regipy.registry import RegistryHive

    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        keys, values, waiting = 0, 0, [RegistryHive(file.name).root]
        while waiting:
            key = waiting.pop()
            keys += 1
            if key.values_count:
                values += sum(1 for _ in key.iter_values(as_json=False))
            if key.subkey_count:
                waiting += key.iter_subkeys()
    return keys, values


READERS: tuple[Callable[[bytes], Count], ...] = (python_registry, ours, dissect_regf, regipy)


def measure(reader: Callable[[bytes], Count], content: bytes, runs: int) -> tuple[str, float]:
    """Return what a reader counted (or how it failed), and the fewest seconds of processor time it took."""
    best, said = float("inf"), ""
    for _ in range(runs):
        gc.collect()
        started = time.process_time()
        try:
            keys, values = reader(content)
            said = f"{keys} {values}"
        except Exception as error:  # noqa: BLE001 (what a foreign reader raises is its result here)
            said = f"{type(error).__name__}: {error}"[:60]
        best = min(best, time.process_time() - started)
    return said, best


def main(words: Sequence[str]) -> None:
    """Print a line for each hive and reader."""
    parser = argparse.ArgumentParser(description="Compare readers of registry hives.")
    parser.add_argument("hives", nargs="+", type=Path)
    parser.add_argument("--skip", nargs="*", default=[], help="names of readers to leave out")
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args(words)
    for path in given.hives:
        content = path.read_bytes()
        size, base = len(content) / (1 << 20), 0.0
        for reader in READERS:
            if reader.__name__ in given.skip:
                continue
            said, seconds = measure(reader, content, 1 if reader is regipy else given.runs)
            base = seconds if reader is python_registry else base
            times = f" {seconds / base:6.2f} x python-registry" if base else ""
            print(f"{path.name:28} {reader.__name__:16} {seconds / size:7.3f} s/MB{times}  {said}")


if __name__ == "__main__":
    main(sys.argv[1:])
