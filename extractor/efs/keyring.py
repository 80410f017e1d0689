"""Private keys that were given -> a file's key, or who would have to give one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from extractor.efs.ciphers import Fek, PrivateKey, load_pfx
from extractor.efs.metadata import Metadata
from extractor.errors import EncryptedError, SourceError, UsageError
from extractor.model import EfsUser

LARGEST_PFX = 16 << 20
"""Bytes of the largest key file that is read."""


class Keyring:
    """Private keys by the thumbprint of their certificate."""

    def __init__(self, keys: Iterable[PrivateKey] = ()) -> None:
        self._keys = {key.thumbprint: key for key in keys}

    def open(self, metadata: Metadata) -> Fek:
        """Return the file's key; raise EncryptedError that names who could open it."""
        failure: SourceError | None = None
        for protector in metadata.protectors:
            key = self._keys.get(protector.user.thumbprint)
            if key is None:
                continue
            try:
                return key.open(protector.fek)
            except EncryptedError as error:
                failure = error
        raise failure or EncryptedError(_wanted(metadata))


def open_keyring(paths: Sequence[Path], secret: bytes) -> Keyring:
    """Return the private keys of PFX files that have one password; raise UsageError (11)."""
    return Keyring(load_pfx(_read(path), secret or None, str(path)) for path in paths)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_PFX + 1)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror or error}") from error
    if len(content) > LARGEST_PFX:
        raise UsageError(f"{path}: too large for a PFX file")
    return content


def _wanted(metadata: Metadata) -> str:
    if not metadata.users:
        return f"no key that was given opens it (its $EFS is of version {metadata.version}, which names nobody)"
    return f"no key that was given opens it; wanted: {', '.join(map(in_words, metadata.users))}"


def in_words(user: EfsUser) -> str:
    """Return one who can open a file as a person reads it."""
    who = user.name or user.sid or "somebody"
    agent = " (recovery agent)" if user.role == "recovery" else ""
    return f"{who}{agent} {user.thumbprint}".rstrip()
