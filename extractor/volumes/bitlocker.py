"""BitLocker volumes: named with their protectors without a key, opened with one.

Clear key, recovery password, password, startup key (.BEK, and those that another volume keeps for this one: automatic
unlocking), and the volume's own encryption key. A TPM, a PIN or a smart card can only be named.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from extractor.errors import DamagedError, ImageError
from extractor.model import Encryption
from extractor.volumes import fve
from extractor.volumes.fve_crypto import (
    KEY_SIZES,
    clear_key_datums,
    password_key,
    recovery_key,
    stretch,
    unseal,
)
from extractor.volumes.keys import Key, KeyKind, startup_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from extractor.seams import Readable

LOCKED = "BitLocker volume, locked; protectors: {protectors}; give a key with --bitlocker-key FILE"
NO_PROTECTORS = "BitLocker volume, locked: none of the three copies of its metadata can be read"
KEY_IDS = ("recovery password",)
"""Kinds of protectors whose ID people look up, in a directory or on a printed sheet."""


class Reader(Protocol):
    """The plain bytes of a volume."""

    size: int

    def read(self, offset: int, length: int, /) -> bytes: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True, repr=False)
class Unlocked:
    """What opened a volume, and the keys that came to light."""

    reader: Reader
    protectors: tuple[str, ...]
    opened_by: str
    key: Key | None
    auto_unlock: bytes
    """The key that locks other volumes' startup keys in this volume's registry; empty when there is none."""


@dataclass(frozen=True, slots=True, repr=False)
class _Opened:
    fvek: bytes
    opened_by: str
    key: Key | None = None
    vmk: bytes = b""


def recognise_bitlocker(volume: Readable, boot: bytes) -> Encryption | None:
    """Return the protectors of a BitLocker volume, None when the volume is not one."""
    if len(boot) < 512 or not fve.is_bitlocker(boot):
        return None
    metadata = fve.read_metadata(volume, boot)
    return Encryption("bitlocker", protectors=_names(metadata) if metadata else ())


def _names(metadata: fve.Metadata) -> tuple[str, ...]:
    return tuple(dict.fromkeys(map(str, metadata.protectors)))


def locked_note(encryption: Encryption) -> str:
    """Return one sentence that says what would open the volume, with the ID of a recovery password to look up."""
    if not encryption.protectors:
        return NO_PROTECTORS
    return LOCKED.format(protectors=", ".join(map(_told, encryption.protectors)))


def _told(protector: str) -> str:
    kind, _, identifier = protector.rpartition(" ")
    if "TPM" in kind:
        return f"{kind} (works only in its own computer)"
    return f"{kind} (key ID {identifier.upper()})" if kind in KEY_IDS else kind


def unlock_bitlocker(volume: Readable, keys: Sequence[Key]) -> Unlocked | None:
    """Return the opened volume, None when no key opens it.

    Raises ImageError when a key is right and the volume still cannot be read.
    """
    try:
        boot = volume.read_at(0, 512)
    except DamagedError:
        return None
    metadata = fve.read_metadata(volume, boot) if fve.is_bitlocker(boot) else None
    if metadata is None:
        return None
    opened = next(_openings(metadata, keys), None)
    if opened is None:
        return _with_volume_keys(volume, metadata, keys)
    return _unlocked(volume, metadata, opened)


def _openings(metadata: fve.Metadata, keys: Sequence[Key]) -> Iterator[_Opened]:
    """Yield what opens the volume: the clear key first, then each key with each protector that it may be for."""
    for protector in metadata.protectors:
        if protector.type & 0xFF00 == fve.CLEAR and protector.clear:
            yield from _opened(metadata, protector, protector.clear, None)
    for key in keys:
        for protector in metadata.protectors:
            if key.suits(protector.id, metadata.volume) and (raw := _for_protector(key, protector)):
                yield from _opened(metadata, protector, raw, key)


def _for_protector(key: Key, protector: fve.Protector) -> bytes:
    """Return what a key becomes for a protector; empty when they are of different kinds."""
    kind = protector.type & 0xFF00
    if isinstance(key.secret, bytes):
        right = key.kind is KeyKind.STARTUP and key.identifier == protector.id
        return key.secret if right else b""
    if key.kind is KeyKind.RECOVERY and kind == fve.RECOVERY and protector.salt:
        return stretch(recovery_key(key.secret), protector.salt)
    if key.kind is KeyKind.PASSWORD and kind == fve.PASSWORD and protector.salt:
        return stretch(password_key(key.secret), protector.salt)
    return b""


def _opened(
    metadata: fve.Metadata, protector: fve.Protector, raw: bytes, key: Key | None
) -> Iterator[_Opened]:
    """Yield the keys behind a protector, when ``raw`` is its key."""
    vmk = unseal(protector.sealed, raw)
    fvek = unseal(metadata.sealed(fve.FVEK_ROLE), vmk) if vmk else None
    if fvek and vmk:
        yield _Opened(fvek, str(protector), key, vmk)


def _with_volume_keys(
    volume: Readable, metadata: fve.Metadata, keys: Iterable[Key]
) -> Unlocked | None:
    """Try the keys that nothing vouches for: the first sector must then be a file system's."""
    for key in keys:
        fits = len(key.secret) == KEY_SIZES.get(metadata.method) and isinstance(key.secret, bytes)
        if key.kind is not KeyKind.VOLUME or not fits or not key.suits(metadata.volume):
            continue
        assert isinstance(key.secret, bytes)  # noqa: S101 (said above; for the type checker)
        found = _unlocked(volume, metadata, _Opened(key.secret, KeyKind.VOLUME, key))
        head = _head(found.reader)
        if head[510:512] == b"\x55\xaa" and head[0] in (0xEB, 0xE9):
            return found
        found.reader.close()
    return None


def _head(reader: Reader) -> bytes:
    try:
        return reader.read(0, 512).ljust(512, b"\0")
    except DamagedError:
        return bytes(512)


def _unlocked(volume: Readable, metadata: fve.Metadata, opened: _Opened) -> Unlocked:
    auto = unseal(metadata.sealed(fve.AUTO_UNLOCK_ROLE), opened.vmk) if opened.vmk else None
    reader = _reader(volume, metadata, opened.fvek)
    return Unlocked(reader, _names(metadata), opened.opened_by, opened.key, auto or b"")


def _reader(volume: Readable, metadata: fve.Metadata, fvek: bytes) -> Reader:
    """Return libbde's reading of a volume that is encrypted from end to end, dissect's of any other."""
    from extractor.volumes.dissect_fve import DissectReader
    from extractor.volumes.libbde import LibbdeReader

    size = KEY_SIZES.get(metadata.method)
    if size is None or len(fvek) < size:
        raise ImageError(f"its encryption method 0x{metadata.method:04x} is not known")
    if metadata.sector_size not in fve.SECTOR_SIZES:
        raise ImageError(f"its boot sector gives it sectors of {metadata.sector_size} bytes")
    if metadata.maps and not fve.has_map(volume, metadata):
        raise ImageError("the map of what is encrypted already is missing")
    if metadata.state == fve.ENCRYPTED and not metadata.maps:
        block = fve.with_clear_key(metadata, *clear_key_datums(metadata.method, fvek[:size]))
        try:
            return LibbdeReader(volume, metadata, block)
        except ImageError:
            pass  # then the other one
    return DissectReader(volume, metadata.method, fvek[:size])


def auto_unlock_keys(unlocked: Unlocked, entries: Iterable[bytes], source: str) -> list[Key]:
    r"""Return the startup keys of other volumes that this one keeps in ``HKLM\SYSTEM\…\Control\FVEAutoUnlock``.

    Each entry is a datum: the protector's ID, and the key, locked with a key that this volume's master key locks.
    Source: libbde, issue 37 (the algorithm); dsccommunity/xBitlocker, issue 57 (entries from real machines).
    """
    found = []
    for entry in entries:
        for each in fve.parse_datums(entry):
            told = fve.external_key(each)
            sealed = next((e.body for e in told[1] if e.kind == fve.SEALED), b"") if told else b""
            raw = unseal(sealed, unlocked.auto_unlock) if sealed and unlocked.auto_unlock else None
            if told and raw:
                found.append(startup_key(raw, source, told[0], required=False))
    return found
