"""A user's Windows password -> the private keys of that user's profile -> an EFS file's key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from extractor.efs.ciphers import Fek, PrivateKey
from extractor.efs.dpapi import open_master_key, pre_keys
from extractor.efs.key_files import private_key_in
from extractor.efs.keyring import Keyring
from extractor.efs.metadata import Metadata, Protector
from extractor.errors import DamagedError, EncryptedError, SourceError
from extractor.gather.keychain import Keychain

Way = tuple[str, str, str]
"""SID, thumbprint and container of a protector."""


@dataclass
class PasswordKeys:
    """The keys that were given, and those of the profiles that a password opens; nothing of it is shown."""

    keyring: Keyring = field(repr=False)
    keychain: Keychain = field(repr=False)
    password: str | None = field(repr=False)
    _keys: dict[Way, PrivateKey | str] = field(default_factory=dict, repr=False)
    _masters: dict[tuple[str, str], bytes | None] = field(default_factory=dict, repr=False)

    def open(self, metadata: Metadata) -> Fek:
        """Return the file's key; raise EncryptedError that names who could open it, and what the password did not."""
        try:
            return self.keyring.open(metadata)
        except EncryptedError as error:
            if self.password is None:
                raise
            return self._by_password(metadata, str(error))

    def _by_password(self, metadata: Metadata, said: str) -> Fek:
        reasons = [said]
        for protector in metadata.protectors:
            key = self._key_of(protector)
            if isinstance(key, PrivateKey):
                return key.open(protector.fek)
            reasons.append(f"{protector.user.name or protector.user.sid}: {key}")
        raise EncryptedError("; ".join(reasons))

    def _key_of(self, protector: Protector) -> PrivateKey | str:
        """Return the private key of a protector, or why there is none."""
        user = protector.user
        way = (user.sid, user.thumbprint, protector.container)
        if way not in self._keys:
            try:
                self._keys[way] = self._look(protector)
            except SourceError as error:
                self._keys[way] = str(error)
        return self._keys[way]

    def _look(self, protector: Protector) -> PrivateKey | str:
        content = self.keychain.private_key_of(protector)
        if content is None:
            return "no private key of this certificate is on this disk"
        numbers = private_key_in(content, lambda guid: self._master(protector, guid))
        if numbers is None:
            return "the password does not open the private key"
        return numbers.key(protector.user.thumbprint)

    def _master(self, protector: Protector, guid: str) -> bytes | None:
        key = (protector.user.sid, guid)
        if key not in self._masters:
            content = self.keychain.master_key_of(protector, guid)
            self._masters[key] = self._opened(content, protector.user.sid) if content else None
        return self._masters[key]

    def _opened(self, content: bytes, sid: str) -> bytes | None:
        return _first(content, pre_keys(self.password or "", sid))


def _first(content: bytes, keys: Sequence[bytes]) -> bytes | None:
    """Return the master key that the first fitting pre-key opens."""
    for key in keys:
        try:
            return open_master_key(content, key)
        except EncryptedError:
            continue
        except DamagedError:
            return None
    return None
