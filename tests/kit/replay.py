"""A kit -> a folder and a registry, by another hand than the script's: plan.jsonl, users.json, contents and .reg only.

It imports nothing of what makes kits or restores stores. ``Machine`` stands for the Windows that a kit is run on.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from extractor.store.wim.reader import WimFile

Row = Mapping[str, Any]
Value = tuple[int, bytes]


class RefusedError(Exception):
    """An object that fails, and why."""


@dataclass
class Machine:
    """Folders of this host that stand for drives, profiles by the old SID, and a registry."""

    drives: Mapping[str, Path]
    profiles: Mapping[str, Path]
    registry: dict[str, dict[str, Value]] = field(default_factory=dict)
    """Key in upper case, below HKLM, HKU or the old SID -> name in upper case -> type and data."""
    ini: dict[tuple[str, str, str], str] = field(default_factory=dict)
    streams: dict[tuple[str, str], bytes] = field(default_factory=dict)
    links: dict[str, tuple[int, str | bytes]] = field(default_factory=dict)
    """Path -> tag, and where it leads: a path of the machine, or the bytes of the plan."""
    times: dict[str, list[int]] = field(default_factory=dict)
    aside: list[str] = field(default_factory=list)

    def shown(self, path: Path) -> str:
        """Return a path with the letter of its drive."""
        for letter, folder in self.drives.items():
            if path.is_relative_to(folder):
                return f"{letter}:/{path.relative_to(folder).as_posix()}"
        return str(path)


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def plan_of(kit: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (kit / "plan.jsonl").read_text("ascii").splitlines()]


def sums_hold(kit: Path) -> bool:
    """Tell whether SHA256SUMS names every file of a kit, with its hash."""
    lines = (kit / "SHA256SUMS").read_text("ascii").splitlines()
    told = {line[66:]: line[:64] for line in lines}
    files = [each for each in kit.rglob("*") if each.is_file() and each.name != "SHA256SUMS"]
    return told == {each.relative_to(kit).as_posix(): _hash(each) for each in files}


class Replay:
    """One run of a kit on a machine; ``ends`` counts restored, kept, skipped, failed."""

    def __init__(self, kit: Path, machine: Machine) -> None:
        self.kit, self.machine = kit, machine
        self.ends: Counter[str] = Counter()
        self.why: dict[str, str] = {}
        self._rows = plan_of(kit)
        self._made: set[str] = set()
        self._firsts: dict[int, Path] = {}
        self._system = self._rows[0]["system"][0]
        self._wim = _blobs(kit / "store.wim") if (kit / "store.wim").exists() else None

    def run(self) -> None:
        """Do the plan; the sums must be those that its last line tells."""
        *rows, end = self._rows[1:]
        assert end["kind"] == "end"
        for row in rows:
            try:
                ended = self._row(row)
            except RefusedError as error:
                ended = "failed"
                self.why[row["source"]] = str(error)
            self.ends[ended] += 1
        assert self.ends.total() == end["rows"]
        self._import()

    def _row(self, row: Row) -> str:
        if row["deed"] != "make":
            return {"keep": "kept", "skip": "skipped", "refuse": "failed"}[row["deed"]]
        work: dict[str, Callable[[Row], str]] = {
            "folder": self._folder, "file": self._file, "hardlink": self._file, "efs": self._file,
            "link": self._link, "key": self._key, "value": self._value, "ini": self._ini,
        }  # fmt: skip
        return work[row["kind"]](row)

    # --- files ------------------------------------------------------------------------------------

    def _base(self, base: str) -> Path:
        kind, _, rest = base.partition(":")
        if kind == "profile":
            if rest not in self.machine.profiles:
                raise RefusedError("no profile")
            return self.machine.profiles[rest]
        letter = self._system if kind == "system" else rest
        return self.machine.drives.get(letter, self.machine.drives[self._system])

    def _place(self, row: Row) -> Path:
        path = self._base(row["base"])
        for name in row["names"]:
            if not name or name in {".", ".."} or re.search(r'[\x00-\x1f"*/:<>?\\|]|[. ]\Z', name):
                raise RefusedError("a name that no file may have")
            if path.is_symlink() or str(path) in self.machine.links:
                raise RefusedError("through a link")
            path = _as_there(path, name)
        return path

    def _folder(self, row: Row) -> str:
        path = self._place(row)
        if path.is_dir():
            return "kept"
        if path.exists():
            raise RefusedError("a file has the name of this folder")
        path.mkdir(parents=True)
        self._streams(path, row)
        return "restored"

    def _file(self, row: Row) -> str:
        wanted = self._place(row)
        wanted.parent.mkdir(parents=True, exist_ok=True)
        act, path = self._conflict(wanted, row)
        if act == "keep":
            return "kept"
        content = self._content(row["content"], row["sha256"])
        if act == "replace":
            self.machine.aside.append(self.machine.shown(path))
            path.unlink()
        if row["kind"] == "hardlink" and row["first"] in self._firsts:
            os.link(self._firsts[row["first"]], path)
        else:
            path.write_bytes(content)
            self._streams(path, row)
        self._firsts.setdefault(row["id"], path)
        self._made.add(str(path).upper())
        self.machine.times[self.machine.shown(path)] = row["times"]
        return "restored"

    def _streams(self, path: Path, row: Row) -> None:
        for each in row["streams"]:
            assert not set(":/\\\0") & set(each["name"])
            content = self._content(each["content"], each["sha256"])
            self.machine.streams[self.machine.shown(path), each["name"]] = content

    def _content(self, place: Row, sha256: str) -> bytes:
        if place["part"] == "wim":
            assert self._wim is not None
            content = self._wim(tuple(place["names"]), place["stream"])
        else:
            content = self.kit.joinpath("contents", *place["names"]).read_bytes()
        if hashlib.sha256(content).hexdigest() != sha256:
            raise RefusedError("its bytes are not those that were stored")
        return content

    def _conflict(self, wanted: Path, row: Row) -> tuple[str, Path]:
        if not wanted.exists():
            return "make", wanted
        own = str(wanted).upper() in self._made or not wanted.is_file()
        if not own and _same(wanted, row):
            return "keep", wanted
        rule = "Rename" if own else row["conflict"]["rule"]
        if rule in {"SourcePriority", "DestinationPriority"}:
            return ("replace" if rule[0] == "S" else "keep"), wanted
        assert rule == "Rename", rule
        pattern = "<F>(<N>).<E>" if own else row["conflict"]["pattern"]
        for number in range(1, 1000):
            path = wanted.with_name(_numbered(pattern, row["names"][-1], number))
            if not path.exists():
                return "make", path
            if str(path).upper() not in self._made and _same(path, row):
                return "keep", path
        raise RefusedError("no free name")

    def _link(self, row: Row) -> str:
        path = self._place(row)
        target: str | bytes = row["data"]
        if row["target"] is not None:
            base = self._base(row["target"]["base"])
            target = self.machine.shown(base.joinpath(*row["target"]["names"]))
        self.machine.links[self.machine.shown(path)] = row["tag"], target
        return "restored"

    # --- settings ---------------------------------------------------------------------------------

    def _there(self, row: Row) -> dict[str, Value]:
        base = row["base"].removeprefix("user:")
        key = "\\".join((base, *row["names"])).upper()
        return self.machine.registry.setdefault(key, {})

    def _key(self, row: Row) -> str:
        if row["by"] == "script":
            self._there(row)
        return "restored"

    def _value(self, row: Row) -> str:
        if row["by"] != "script":
            return "restored"
        key, name = self._there(row), row["value"].upper()
        ours, there = (row["type"], self._bytes(row)), key.get(name)
        ours = _joined(row["join"], ours, there) if row["join"] else ours
        if there and _stays(row["rule"], ours, there):
            return "kept"
        key[name] = ours
        return "restored"

    def _ini(self, row: Row) -> str:
        place = (self.machine.shown(self._place(row)), row["section"].upper(), row["value"].upper())
        there = self.machine.ini.get(place)
        ours = (row["type"], self._bytes(row))
        if there is not None and _stays(row["rule"], ours, _text(there)):
            return "kept"
        self.machine.ini[place] = _texts(ours)[0]
        return "restored"

    def _bytes(self, row: Row) -> bytes:
        """Return what a value holds here; the folders of the old machine where one of them is nowhere here."""
        try:
            return joined(row["pieces"], self._folder_of) or bytes.fromhex(row["data"])
        except RefusedError as error:
            self.why[row["source"]] = f"its paths stay: {error}"
            return bytes.fromhex(row["data"])

    def _folder_of(self, base: str) -> str:
        return self.machine.shown(self._base(base)).removesuffix("/.").replace("/", "\\")

    def _import(self) -> None:
        """Import the .reg files, and see that what they say is what the plan says."""
        for path in sorted((self.kit / "registry").glob("*.reg")):
            sid = "" if path.stem == "machine" else path.stem
            for key, name, value in read_reg(path.read_bytes()):
                root, below, rest = key.partition("\\")
                own = {"HKEY_LOCAL_MACHINE": "HKLM", "HKEY_USERS": "HKU"}.get(root, sid)
                assert own
                values = self.machine.registry.setdefault(f"{own}{below}{rest}".upper(), {})
                if name is not None and value is not None:
                    values[name.upper()] = value
        for row in self._rows:
            if (
                row.get("deed") == "make"
                and row["kind"] in {"key", "value"}
                and row["by"] != "script"
            ):
                values = self._there(row)
                if row["kind"] == "value":
                    kind, data = values[row["value"].upper()]
                    assert (kind, hashlib.sha256(data).hexdigest()) == (row["type"], row["sha256"])


def joined(pieces: list[Any], folder_of: Callable[[str], str]) -> bytes:
    """Return pieces with folders, which end without a backslash; nothing where all are those of before."""
    moved, whole = False, b""
    for each in pieces:
        if isinstance(each, str):
            whole += bytes.fromhex(each)
            continue
        folder = folder_of(each["base"])
        moved = moved or folder.upper() != each["was"].upper()
        drive, *names = folder.split("\\")
        shown = [quote(name) for name in names] if each["address"] else names
        text = each["separator"].join([drive, *shown]) + (each["root"] if not names else "")
        whole += text.encode("utf-16-le", "surrogatepass")
    return whole if moved else b""


def _as_there(folder: Path, name: str) -> Path:
    """Return a name as it is spelled in a folder already, for Windows' names have no case."""
    if (folder / name).exists() or not folder.is_dir():
        return folder / name
    return next((each for each in folder.iterdir() if each.name.upper() == name.upper()), folder / name)  # fmt: skip


def _same(path: Path, row: Row) -> bool:
    return row["kind"] != "efs" and path.is_file() and _hash(path) == row["sha256"]


def _numbered(pattern: str, name: str, number: int) -> str:
    stem, dot, extension = name.rpartition(".")
    if not dot or not stem:
        stem, extension = name, ""
    words = {"F": stem, "N": str(number), "E": extension}
    found = re.sub("<([FNE])>", lambda word: words[word[1].upper()], pattern, flags=re.IGNORECASE)
    return found if extension else found.rstrip(".")


def _stays(rule: str, ours: Value, there: Value) -> bool:
    if rule == "DestinationPriority":
        return True
    mine, other = _number(ours), _number(there)
    if mine is None or other is None or rule not in {"HigherValue", "LowerValue"}:
        return False
    return not (mine > other if rule == "HigherValue" else mine < other)


def _number(value: Value) -> int | None:
    """Return a REG_DWORD, its big-endian twin, a REG_QWORD, or text that spells a number."""
    kind, data = value
    if kind in {1, 2}:
        text = _texts(value)[0].strip()
        return int(text) if re.fullmatch("[+-]?[0-9]+", text) else None
    return int.from_bytes(data, "big" if kind == 5 else "little") if kind in {4, 5, 11} else None


def _joined(join: Row, ours: Value, there: Value | None) -> Value:
    words = join["arguments"]
    if join["function"] == "MergeMultiSzContent":
        parts = [*_texts(there), *_texts(ours)]
        return 7, "".join(f"{each}\0" for each in (*_edited(parts, words), "")).encode("utf-16-le")
    marks, *rest = words
    texts = [_texts(value)[0] for value in (there, ours) if value]
    parts = [each for text in texts for each in re.split(f"[{re.escape(marks)}]", text)]
    return ours[0], (marks[0].join(_edited(parts, rest)) + "\0").encode("utf-16-le")


def _text(text: str) -> Value:
    return 1, (text + "\0").encode("utf-16-le")


def _texts(value: Value | None) -> list[str]:
    return [] if value is None else value[1].decode("utf-16-le").rstrip("\0").split("\0")


def _edited(parts: list[str], words: list[str]) -> list[str]:
    found: dict[str, str] = {}
    for each in filter(None, parts):
        found.setdefault(each.lower(), each)
    for verb, text in zip(words[::2], words[1::2], strict=True):
        if verb == "Add":
            found.setdefault(text.lower(), text)
        else:
            found.pop(text.lower(), None)
    return list(found.values())


def read_reg(raw: bytes) -> Iterator[tuple[str, str | None, Value | None]]:
    """Yield key, name, (type, data) of a .reg file; a key alone has no name."""
    assert raw[:2] == b"\xff\xfe"
    text = re.sub(r"\\\r\n *", "", raw[2:].decode("utf-16-le", "surrogatepass"))
    first, *lines = text.split("\r\n")
    assert first == "Windows Registry Editor Version 5.00"
    key = ""
    for line in lines:
        if line.startswith("["):
            key = line[1:-1]
            yield key, None, None
        elif line and not line.startswith(";"):
            found = re.fullmatch(r'(@|"(?:[^"\\]|\\.)*")=(.*)', line, re.DOTALL)
            assert found, line
            name = "" if found[1] == "@" else re.sub(r"\\(.)", r"\1", found[1][1:-1])
            yield key, name, _reg_value(found[2])


def _reg_value(text: str) -> Value:
    if text.startswith('"'):
        return 1, (re.sub(r"\\(.)", r"\1", text[1:-1]) + "\0").encode("utf-16-le", "surrogatepass")
    if text.startswith("dword:"):
        return 4, int(text[6:], 16).to_bytes(4, "little")
    found = re.fullmatch(r"hex(?:\(([0-9a-f]+)\))?:([0-9a-f,]*)", text)
    assert found, text
    return int(found[1] or "3", 16), bytes.fromhex(found[2].replace(",", ""))


def _blobs(path: Path) -> Callable[[tuple[str, ...], str], bytes]:
    """Return what reads a name of image 1, or a stream of it."""

    def read(names: tuple[str, ...], stream: str) -> bytes:
        with WimFile.open(path) as wim:
            node = next(node for parts, node in wim.rows(1) if parts == names)
            with wim.open_blob(dict(node.streams)[stream] if stream else node.sha1) as file:
                return file.read()

    return read
