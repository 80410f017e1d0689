"""Keys of BitLocker volumes as people have them: typed, saved as text, on a USB stick, or in the list of a whole fleet.

A Key never shows its secret, neither printed nor in an error; ``redact`` knows it from the moment it is read.
"""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from extractor.errors import UsageError
from extractor.redact import RECOVERY_PASSWORD, remember
from extractor.volumes.fve import DATASET_SIZE, KEY, STARTUP_ROLE, external_key, parse_datums
from extractor.volumes.fve_crypto import KEY_SIZES

if TYPE_CHECKING:
    from collections.abc import Iterator

COLUMNS = ["provider", "key_type", "identifier", "value"]
"""Of a key list, as dissect.target's ``-K`` has them."""
PROVIDER = "bitlocker"
LARGEST = 16 << 20
"""Bytes: a larger file is no key and no list of keys."""
RAW = "fvek:"
"""How a line of a key file begins that holds a volume's own encryption key in hexadecimal."""

_ALMOST = re.compile(r"[\d -]{40,}")
"""A recovery password with digits too few or too many."""


class KeyKind(StrEnum):
    """What a key is, in words."""

    RECOVERY = "recovery password"
    PASSWORD = "password"  # noqa: S105 (the kind, not one)
    STARTUP = "startup key"
    VOLUME = "volume encryption key"


@dataclass(frozen=True, slots=True, repr=False)
class Key:
    """A secret, where it came from, and which protector or volume it is for ("" when nobody said)."""

    kind: KeyKind
    secret: str | bytes
    source: str
    identifier: str = ""
    required: bool = True
    """Given for this machine: that it opens nothing is an error. False for the rows of a list."""

    def __str__(self) -> str:
        return f"{self.kind} from {self.source}"

    __repr__ = __str__

    def suits(self, *identifiers: str) -> bool:
        """Tell whether it may be for one of these protectors or volumes."""
        return not self.identifier or self.identifier in identifiers


def read_key_file(path: Path) -> list[Key]:
    """Return the keys in a file: a .BEK, or text, one key a line, or the text that Windows saves a recovery key in.

    Raises UsageError, which never repeats what was given: it may be the key itself.
    """
    if RECOVERY_PASSWORD.search(str(path)):
        raise UsageError(
            "a recovery password was given as an argument, where every user of this computer can read it and the"
            " shell remembers it: put it in a file, or give - and type it, or set COLDSTATE_BITLOCKER_KEY"
        )
    try:
        content = _read(path)
    except OSError as error:
        raise UsageError(
            f"the file given with --bitlocker-key cannot be read: {error.strerror}"
            " (it takes a file that holds the key, never the key itself)"
        ) from error
    return parse_keys(content, path.name)


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise UsageError(f"{path.name} has more than {LARGEST >> 20} MiB: it is no key")
    return content


def parse_keys(content: bytes, source: str) -> list[Key]:
    """Return the keys in the bytes of a key file, in order; raise UsageError when there is none.

    Where a recovery password or a volume's key stands in a text, the rest is prose (Windows saves it so); else each
    line is a password.
    """
    if _is_bek(content):
        return [_bek(content, source)]
    lines = [line for line in _text(content, source).replace("\r", "").split("\n") if line.strip()]
    certain = [each for line in lines for each in _certain(line)]
    keys = [_typed(line, source) for line in certain or lines]
    if not keys:
        raise UsageError(f"{source} holds no BitLocker key: it is empty")
    return keys


def _certain(line: str) -> list[str]:
    """Return what can be nothing but a key."""
    return [line] if line.lower().startswith(RAW) else RECOVERY_PASSWORD.findall(line)


def _text(content: bytes, source: str) -> str:
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        raise UsageError(
            f"{source} is neither a startup key (.BEK) nor text in UTF-8 or UTF-16"
        ) from None  # the cause would carry the bytes


def _typed(line: str, source: str) -> Key:
    if RECOVERY_PASSWORD.fullmatch(line) or _ALMOST.fullmatch(line):
        return recovery_password(line, source)
    if line.lower().startswith(RAW):
        return volume_key(line[len(RAW) :].strip(), source)
    return password(line, source)


def password(text: str, source: str, identifier: str = "", *, required: bool = True) -> Key:
    """Return the key that a password is."""
    remember(text)
    return Key(KeyKind.PASSWORD, text, source, identifier, required)


def recovery_password(
    text: str, source: str, identifier: str = "", *, required: bool = True
) -> Key:
    """Return the key that 48 digits are; raise UsageError that says in which group the typing error is."""
    digits = re.sub(r"[^0-9]", "", text)
    if len(digits) != 48:
        remember(text)  # a whole one is hidden wherever it stands, known or not
        raise UsageError(f"{source}: a recovery password has 48 digits, this one has {len(digits)}")
    for group in range(8):
        value = int(digits[6 * group : 6 * group + 6])
        if value % 11 or value >= 11 << 16:
            raise UsageError(
                f"{source}: the recovery password has a typing error in its group {group + 1}"
            )
    return Key(KeyKind.RECOVERY, digits, source, identifier, required)


def volume_key(text: str, source: str, identifier: str = "", *, required: bool = True) -> Key:
    """Return the key that a FVEK in hexadecimal is; raise UsageError."""
    remember(text)
    try:
        raw = bytes.fromhex(text)
    except ValueError:
        raise UsageError(f"{source}: the volume encryption key is not hexadecimal") from None
    if len(raw) not in KEY_SIZES.values():
        raise UsageError(
            f"{source}: a volume encryption key has 16, 32 or 64 bytes, this one has {len(raw)}"
        )
    remember(raw)
    return Key(KeyKind.VOLUME, raw, source, identifier, required)


def startup_key(raw: bytes, source: str, identifier: str, *, required: bool = True) -> Key:
    """Return the key that 256 bits for one protector are."""
    remember(raw)
    return Key(KeyKind.STARTUP, raw, source, identifier, required)


def _is_bek(content: bytes) -> bool:
    sizes = [int.from_bytes(content[start : start + 4], "little") for start in (0, 8, 12)]
    return len(content) > DATASET_SIZE and sizes == [sizes[0], DATASET_SIZE, sizes[0]]


def _bek(content: bytes, source: str, *, required: bool = True) -> Key:
    """Return the startup key of a .BEK file. Source: libyal, "BDE format", startup key file."""
    for entry in parse_datums(content[DATASET_SIZE:]):
        found = external_key(entry) if entry.role == STARTUP_ROLE else None
        raw = next((each.body[4:] for each in found[1] if each.kind == KEY), b"") if found else b""
        if found and len(raw) == 32:
            return startup_key(raw, source, found[0], required=required)
    raise UsageError(f"{source} looks like a startup key (.BEK) but holds none: it is damaged")


def read_keychain(path: Path) -> list[Key]:
    """Return the BitLocker keys of a list ``provider,key_type,identifier,value`` (dissect's key chain).

    Raises UsageError ``file:line: …``, which never repeats a value. Keys for other providers are left out.
    """
    try:
        text = _text(_read(path), path.name)
    except OSError as error:
        raise UsageError(f"the list of keys {path} cannot be read: {error.strerror}") from error
    return [
        key
        for line, row in _rows(text, path.name)
        for key in _row(row, path, f"{path.name}:{line}")
    ]


def _rows(text: str, name: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""))
    try:
        for row in reader:
            if row and not row[0].startswith("#") and row != COLUMNS:
                yield reader.line_num, row
    except csv.Error:
        raise UsageError(f"{name}:{reader.line_num}: it is not CSV") from None


def _row(row: list[str], path: Path, source: str) -> list[Key]:
    if len(row) != len(COLUMNS):
        raise UsageError(
            f"{source}: a row has the columns {','.join(COLUMNS)}; this one has {len(row)}"
        )
    provider, kind, identifier, value = row
    if provider.strip().lower() not in ("", PROVIDER):
        return []
    identifier = identifier.strip(" {}").lower()
    if not value:
        raise UsageError(f"{source}: the value is missing")
    return [_listed(kind.strip().lower(), value, path, source, identifier)]


def _listed(kind: str, value: str, path: Path, source: str, identifier: str) -> Key:
    bare = value.strip().strip("\"'")
    if kind == "recovery_key":
        return recovery_password(bare, source, identifier, required=False)
    if kind == "passphrase":
        return password(value, source, identifier, required=False)
    if kind == "raw":
        return volume_key(bare, source, identifier, required=False)
    if kind == "file":
        return _listed_file(bare, path, source)
    raise UsageError(f"{source}: the key_type is none of recovery_key, passphrase, raw, file")


def _listed_file(value: str, path: Path, source: str) -> Key:
    """Return a startup key; its file is looked for from here, and beside the list."""
    place = next((each for each in (Path(value), path.parent / value) if each.is_file()), None)
    if place is None:
        raise UsageError(f"{source}: the file that it names is not there")
    try:
        content = _read(place)
    except OSError as error:
        raise UsageError(
            f"{source}: the file that it names cannot be read: {error.strerror}"
        ) from error
    if not _is_bek(content):
        raise UsageError(f"{source}: the file that it names is no startup key (.BEK)")
    return _bek(content, source, required=False)
