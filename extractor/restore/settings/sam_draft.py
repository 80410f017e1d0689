r"""A SAM hive of a target -> the same as it is to be: what was decided so far is read back, and nothing is written.

A deed on accounts reads here what the deeds before it left, so several accounts in one run get one RID after another.
It happens whole or not at all (``step``). At the end ``write_into`` says the outcome to the ``Changes`` of the hive.
Paths are names below the root of the hive. Sources: winreg-kb "Domains"; layouts measured on Windows 7 and 10 hives.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from extractor.errors import DamagedError, UnsupportedError
from extractor.filesystems.sddl import format_sid
from extractor.model import RegistryValue
from extractor.registry.casing import registry_upcase
from extractor.restore.settings.changes import Changes, Parts
from extractor.restore.settings.sam_rows import DOMAIN_V, NAME, parse_rows
from extractor.seams import Hive

REG_BINARY = 3
SAM = ("SAM",)
ACCOUNT = (*SAM, "Domains", "Account")
BUILTIN = (*SAM, "Domains", "Builtin")
USERS = (*ACCOUNT, "Users")
LARGEST_COUNT = 0x3FFFFFFF
"""Of subkeys; RIDs go no further either: they have 30 bits."""
_OF_A_MACHINE = bytes.fromhex("010400000000000515000000")
"""How the SID of a machine begins: four parts, authority 5, 21."""
_RID = re.compile("[0-9A-Fa-f]{8}")
_NOT_RIDS = frozenset({"NAMES", "MEMBERS"})


class SamDraft:
    """A SAM hive with what is to become of it.

    Methods raise DamagedError for what cannot be read, UnsupportedError for what is not as we know it.
    """

    def __init__(self, hive: Hive) -> None:
        """Look at the hive; raise UnsupportedError when it is no SAM that can be changed."""
        self._hive = hive
        self._put: dict[Parts, tuple[Parts, dict[str, RegistryValue]]] = {}
        """Key in upper case -> its spelling and its new values by name in upper case."""
        self._gone: dict[Parts, Parts] = {}
        self._refuse_unfinished()
        self.machine_sid = self._machine_sid()
        """``S-1-5-21-…``."""

    def exists(self, key: Parts) -> bool:
        """Tell whether a key is to be there."""
        at = _upper(key)
        if at in self._put or at in self._gone:
            return at in self._put
        return self._hive.exists("\\".join(key))

    def value(self, key: Parts, name: str = "") -> RegistryValue | None:
        """Return a value as it is to be ("" is the default value), None when it is absent."""
        at = _upper(key)
        if at in self._put and registry_upcase(name) in self._put[at][1]:
            return self._put[at][1][registry_upcase(name)]
        return None if at in self._gone else self._hive.value("\\".join(key), name)

    def binary(self, key: Parts, name: str) -> bytes:
        """Return the data of a value that must be there."""
        found = self.value(key, name)
        if found is None or found.type != REG_BINARY:
            raise UnsupportedError(f"SAM: {shown(key)} has no value {name} as it should")
        return found.data

    def subkeys(self, key: Parts) -> list[str]:
        """Return the names of the subkeys that are to be there; raise DamagedError when not all can be told."""
        damage = self._hive.damage("\\".join(key))
        if damage:
            raise DamagedError(f"SAM: {shown(key)}: {damage}")
        at = _upper(key)
        found = {registry_upcase(each): each for each in self._hive.subkeys("\\".join(key))}
        found = {name: each for name, each in found.items() if (*at, name) not in self._gone}
        for path, (spelled, _) in self._put.items():
            if path[:-1] == at:
                found.setdefault(path[-1], spelled[-1])
        return list(found.values())

    def rids(self, key: Parts) -> list[int]:
        """Return the RIDs that the subkeys of Users, Groups or Aliases are named by."""
        names = [each for each in self.subkeys(key) if registry_upcase(each) not in _NOT_RIDS]
        strange = next((each for each in names if not _RID.fullmatch(each)), None)
        if strange is not None:
            raise UnsupportedError(f"SAM: {shown(key)} holds a key {strange!a} that is no account")
        return [int(each, 16) for each in names]

    def put(self, key: Parts, value: RegistryValue) -> None:
        """Let a key, made where it is missing, hold a value."""
        _, values = self._put.setdefault(_upper(key), (key, {}))
        values[registry_upcase(value.name)] = value

    def put_binary(self, key: Parts, name: str, data: bytes) -> None:
        """Let a key hold bytes."""
        self.put(key, RegistryValue(name, REG_BINARY, data))

    def remove(self, key: Parts) -> None:
        """Let a key go that holds nothing but its default value."""
        path = "\\".join(key)
        if self.subkeys(key) or any(each.name for each in self._hive.values(path)):
            raise UnsupportedError(f"SAM: {shown(key)} holds more than it should")
        self._put.pop(_upper(key), None)
        if self._hive.exists(path):
            self._gone[_upper(key)] = key

    def count(self, key: Parts, by: int) -> None:
        """Change how many subkeys a key says that it has: the *type* of its default value, which has no data."""
        value = self.value(key)
        if value is None or value.data or not 0 <= value.type + by <= LARGEST_COUNT:
            raise UnsupportedError(f"SAM: {shown(key)} does not count what it holds")
        self.put(key, RegistryValue("", value.type + by, b""))

    @contextmanager
    def step(self) -> Iterator[None]:
        """Take back what happens inside when it ends with an error."""
        put = {at: (key, dict(values)) for at, (key, values) in self._put.items()}
        gone = dict(self._gone)
        try:
            yield
        except BaseException:
            self._put, self._gone = put, gone
            raise

    def write_into(self, changes: Changes) -> None:
        """Say all that is to become of the hive, once, at the end."""
        for key in self._gone.values():
            changes.remove_key(key)
        for key, values in self._put.values():
            for value in values.values():
                changes.put(key, value)

    def _refuse_unfinished(self) -> None:
        """Refuse what Windows would still write over: newer data in logs, or a change of SAM that was not finished."""
        if self._hive.dirty:
            raise UnsupportedError("SAM: its transaction logs hold newer data")
        if any(each.name for each in self._hive.values("SAM\\RXACT")):
            raise UnsupportedError("SAM: Windows has not finished a change of it")

    def _machine_sid(self) -> str:
        """Return the SID in ``V`` of the domain of accounts, which is also its end."""
        data = self.binary(ACCOUNT, "V")
        own = parse_rows(DOMAIN_V, data, "SAM: the domain of accounts").rows[NAME].data
        if len(own) != 24 or not own.startswith(_OF_A_MACHINE) or not data.endswith(own):
            raise UnsupportedError("SAM: the SID of the machine is not where it should be")
        return format_sid(own)


def shown(key: Parts) -> str:
    """Return how messages call a key."""
    return "\\".join(key[1:]) or "the root"


def _upper(key: Parts) -> Parts:
    return tuple(map(registry_upcase, key))
