"""``coldstate hive``: one hive file as a scan would read it, logs replayed: a listing, JSON, ``.reg``, or two numbers.

The JSON is a contract for scripts: fields are added, never renamed.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from extractor.cli.arguments import words_parser
from extractor.errors import SourceError, UnsupportedError, UsageError
from extractor.model import RegistryValue, printable
from extractor.registry import HiveFiles, open_hive_files
from extractor.registry.base_block import LARGEST
from extractor.seams import Hive

NOT_WHOLE = 3
"""Exit code when something of the hive could not be read."""
TEXT = """Read a registry hive as a scan would: transaction logs replayed in memory, damage gone around.
Exit code 0: everything was read; 3: something could not be, and is named; 61: this is no hive."""
USAGE = "coldstate hive FILE [--log FILE...] [--backup FILE] [--json | --reg | --count]"
TYPES = (
    "REG_NONE", "REG_SZ", "REG_EXPAND_SZ", "REG_BINARY", "REG_DWORD", "REG_DWORD_BIG_ENDIAN", "REG_LINK",
    "REG_MULTI_SZ", "REG_RESOURCE_LIST", "REG_FULL_RESOURCE_DESCRIPTOR", "REG_RESOURCE_REQUIREMENTS_LIST", "REG_QWORD",
)  # fmt: skip
ROOTS = {
    "NTUSER.DAT": "HKEY_CURRENT_USER",
    "USRCLASS.DAT": "HKEY_CURRENT_USER\\Software\\Classes",
    "DEFAULT": "HKEY_USERS\\.DEFAULT",
}
"""Where hives with these names are mounted; any other is a key of HKEY_LOCAL_MACHINE."""
SHOWN = 64
"""Bytes of a binary value in a listing."""


@dataclass(frozen=True, slots=True)
class HiveKey:
    """A key that was met: what it holds, or why (and that) it could not be read."""

    path: tuple[str, ...]
    written: int = 0
    values: Sequence[RegistryValue] = ()
    damage: str = ""


def run_hive(words: list[str]) -> int:
    """Print a hive; 0 when all of it was read, 3 when not, 61 when it is none."""
    given = _parse(words)
    path = Path(given.file)
    hive = open_hive_files(_files(path, given.log, given.backup))
    damaged = False

    def watched() -> Iterator[HiveKey]:
        nonlocal damaged
        for key in walk(hive):
            if key.damage:
                damaged = True
                _say("warning", _placed(key))
            yield key

    OUTPUTS[given.output](given, hive, watched())
    for note in hive.notes:
        _say(note.level, note.message)
    return NOT_WHOLE if damaged else 0


def walk(hive: Hive) -> Iterator[HiveKey]:
    """Yield every key, parents first; one that cannot be read is yielded with its damage and nothing below."""
    todo: list[tuple[str, ...]] = [()]
    while todo:
        path = todo.pop()
        text = "\\".join(path)
        try:
            values, names = hive.values(text), hive.subkeys(text)
            key = HiveKey(path, hive.last_written(text), values, hive.damage(text))
        except SourceError as error:
            yield HiveKey(path, damage=str(error))
            continue
        yield key
        todo += [(*path, name) for name in reversed(names) if name and "\\" not in name]
        if any(not name or "\\" in name for name in names):
            yield HiveKey(path, damage="it has subkeys whose names no path can hold")


def _parse(words: list[str]) -> argparse.Namespace:
    parser = words_parser("hive", TEXT, USAGE)
    parser.add_argument(
        "file", metavar="FILE", help="a hive: NTUSER.DAT, SOFTWARE, UsrClass.dat ..."
    )
    parser.add_argument(
        "--log", nargs="+", action="extend", default=[], metavar="FILE", help="its transaction logs"
    )
    parser.add_argument("--backup", metavar="FILE", help="its copy in RegBack, for what is damaged")
    parser.add_argument("--root", metavar="KEY", default="", help="where --reg puts it")
    chosen = parser.add_mutually_exclusive_group()
    for name, text in (
        ("json", "print one JSON object"),
        ("reg", "print a .reg file (UTF-16LE)"),
        ("count", "print the number of keys (the root is one) and of values"),
    ):
        chosen.add_argument(f"--{name}", dest="output", action="store_const", const=name, help=text)
    if not words:
        raise UsageError("no hive is named; `coldstate hive --help` shows the options")
    given = parser.parse_args(words)
    given.output = given.output or "list"
    return given


def _files(path: Path, logs: Iterable[str], backup: str | None) -> HiveFiles:
    return HiveFiles(
        path.name,
        partial(_content, path),
        tuple((Path(log).name, partial(_content, Path(log))) for log in logs),
        (Path(backup).name, partial(_content, Path(backup))) if backup else None,
    )


def _content(path: Path) -> bytes:
    """Return a file's bytes; one that is missing is a mistake of whoever asks, not damage of the evidence."""
    try:
        if path.stat().st_size > LARGEST:
            raise UnsupportedError(f"{path.name} is larger than {LARGEST >> 20} MiB")
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error


def _placed(key: HiveKey) -> str:
    place = "\\".join(key.path)
    return f"[{place}] {key.damage}"


def _say(level: str, message: str) -> None:
    print(f"{level}: {printable(message)}", file=sys.stderr)


# --- what is printed ------------------------------------------------------------------------------


def _print_count(_given: argparse.Namespace, _hive: Hive, keys: Iterable[HiveKey]) -> None:
    counted = values = 0
    for key in keys:
        counted += 1
        values += len(key.values)
    print(counted, values)


def _print_list(_given: argparse.Namespace, _hive: Hive, keys: Iterable[HiveKey]) -> None:
    for key in keys:
        print(printable("[" + "\\".join(key.path) + "]"))
        for value in key.values:
            origin = "" if value.provenance == "live" else f" ({value.provenance})"
            said = f"{_type(value.type)}, {len(value.data)} bytes{origin}: {_shown(value)}"
            print(printable(f"  {value.name or '(default)'}: {said}"))


def _type(number: int) -> str:
    return TYPES[number] if number < len(TYPES) else f"{number:#x}"


def _shown(value: RegistryValue) -> str:
    if value.type in {1, 2, 6}:
        return value.text
    if value.type in {4, 5, 11} and len(value.data) in {4, 8}:
        return str(value.integer)
    cut = "..." if len(value.data) > SHOWN else ""
    return value.data[:SHOWN].hex(" ") + cut


def _print_json(_given: argparse.Namespace, hive: Hive, keys: Iterable[HiveKey]) -> None:
    """Print one object, a key a line: a hive is larger than what should be held twice."""
    print('{"keys": [')
    for number, key in enumerate(keys):
        print("," if number else "", json.dumps(_as_json(key)))
    notes = [{"level": note.level, "message": printable(note.message)} for note in hive.notes]
    print(f'], "dirty": {json.dumps(hive.dirty)}, "notes": {json.dumps(notes)}}}')


def _as_json(key: HiveKey) -> dict[str, object]:
    return {
        "path": "\\".join(key.path),
        "last_written": key.written,
        "damage": printable(key.damage),
        "values": [
            {"name": each.name, "type": each.type, "data": each.data.hex(), "provenance": each.provenance}
            for each in key.values
        ],
    }  # fmt: skip


def _print_reg(given: argparse.Namespace, _hive: Hive, keys: Iterable[HiveKey]) -> None:
    from extractor.registry.key import Key
    from extractor.registry.reg_text import reg_text

    name = Path(given.file).name.upper()
    root = given.root or ROOTS.get(name, f"HKEY_LOCAL_MACHINE\\{name}")
    sys.stdout.flush()
    for piece in reg_text((Key(key.path, key.values, key.written) for key in keys), root):
        sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()


OUTPUTS = {"count": _print_count, "list": _print_list, "json": _print_json, "reg": _print_reg}
