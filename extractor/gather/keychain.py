r"""Will an EFS file open where its store is restored? Its key chain, followed on the disk, and what of it is stored.

The chain of one user: the certificate (``SystemCertificates\My\Certificates\<thumbprint>``), the private key (the file
below ``Crypto\RSA`` or ``Crypto\Keys`` that names the container), the DPAPI master key that protects it
(``Protect\<SID>\<GUID>``), and the user's password, which no store holds. Source: Microsoft, "CNG key storage and
retrieval" and "Windows data protection".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from extractor.efs.dpapi import blobs_in
from extractor.efs.metadata import Metadata, Protector
from extractor.errors import SourceError
from extractor.evaluate import Profile, Scene
from extractor.filesystems import walk
from extractor.model import Entry, Selected, WinPath
from extractor.seams import Filesystem

LARGEST_KEY = 1 << 20
MOST_KEYS = 10_000
KEY_FOLDERS = ("Crypto\\RSA", "Crypto\\Keys")

Place = tuple[Filesystem, Entry]


@dataclass
class Keychain:
    """The key chains of one Windows; ``chosen`` is what goes into the store. A Judge of EFS files."""

    scene: Scene = field(repr=False)
    chosen: Sequence[Selected] = field(repr=False)
    _known: dict[tuple[str, str, str], str] = field(default_factory=dict)

    def __call__(self, metadata: Metadata) -> tuple[str, str]:
        """Return yes, no or unknown, and why."""
        if not metadata.protectors:
            version = f"version {metadata.version}" if metadata.version else "damaged"
            return "unknown", f"its $EFS attribute is of a kind that is not read ({version})"
        lacks = []
        for protector in metadata.protectors:
            lack = self._lack(protector)
            if not lack:
                user = protector.user
                who = user.name or user.sid
                return (
                    "yes",
                    f"certificate, private key and master key of {who} are in this store; the password is needed",
                )
            lacks.append(lack)
        return "no", "; ".join(dict.fromkeys(lacks))

    def private_key_of(self, protector: Protector) -> bytes | None:
        """Return the file that holds a protector's private key, still protected; None when there is none here."""
        profile = self._profile_of(protector)
        return self._private_key(profile, protector.container)[1] or None if profile else None

    def master_key_of(self, protector: Protector, guid: str) -> bytes | None:
        """Return a master key file of the user of a protector; None when there is none here. Raises SourceError."""
        profile, sid = self._profile_of(protector), protector.user.sid
        place = self._find(profile, f"Protect\\{sid}\\{guid}") if profile else None
        return _content(*place) if place else None

    def _profile_of(self, protector: Protector) -> Profile | None:
        sid = protector.user.sid
        return next((each for each in self.scene.profiles if each.user.sid == sid), None)

    def _lack(self, protector: Protector) -> str:
        """Return what is missing of one way into a file, empty when nothing is."""
        user = protector.user
        key = (user.sid, user.thumbprint, protector.container)
        if key not in self._known:
            self._known[key] = self._look(protector)
        return self._known[key]

    def _look(self, protector: Protector) -> str:
        user = protector.user
        who = user.name or user.sid or user.thumbprint or "somebody"
        if protector.flags & 1:
            return f"{who}: the key is on a smart card"
        profile = self._profile_of(protector)
        if profile is None:
            return f"{who}: has no profile on this Windows"
        try:
            chain = list(self._chain(profile, protector))
        except SourceError as error:
            return f"{who}: the keys cannot be read ({error})"
        missing = [what for what, place in chain if place is None]
        if missing:
            return f"{who}: {missing[0]} is not on this disk"
        left = [what for what, place in chain if place and not self._is_stored(place)]
        return f"{who}: {left[0]} is not in this store" if left else ""

    def _chain(self, profile: Profile, protector: Protector) -> Iterator[tuple[str, Place | None]]:
        user = protector.user
        name = user.thumbprint
        certificate = f"SystemCertificates\\My\\Certificates\\{name}"
        yield f"the certificate {name}", self._find(profile, certificate) if name else None
        key, content = self._private_key(profile, protector.container)
        yield "the private key", key
        if key:
            master = [blob.master for blob in blobs_in(content)]
            for each in dict.fromkeys(master):
                yield f"the master key {each}", self._find(profile, f"Protect\\{user.sid}\\{each}")

    def _private_key(self, profile: Profile, container: str) -> tuple[Place | None, bytes]:
        """Return the file that holds the private key of a container, and its bytes."""
        names = [
            container.encode("utf-16-le", "surrogatepass"),
            container.encode("ascii", "replace"),
        ]
        for place in self._key_files(profile) if container else ():
            filesystem, entry = place
            content = _content(filesystem, entry)
            if any(each in content for each in names):
                return place, content
        return None, b""

    def _key_files(self, profile: Profile) -> Iterator[Place]:
        for folder in KEY_FOLDERS:
            found = self._find(profile, folder)
            for count, entry in enumerate(walk(*found) if found else ()):
                if count >= MOST_KEYS:
                    return
                if found and not entry.directory:
                    yield found[0], entry

    def _find(self, profile: Profile, below: str) -> Place | None:
        variables = {name.upper(): text for name, text in profile.variables.items()}
        root = variables.get("CSIDL_APPDATA", "")
        return (
            self.scene.namespace.resolve(WinPath.parse(f"{root}\\Microsoft\\{below}"))
            if root
            else None
        )

    def _is_stored(self, place: Place) -> bool:
        filesystem, entry = place
        return (filesystem.info.id, entry.record) in self._stored

    @cached_property
    def _stored(self) -> frozenset[tuple[str, int]]:
        return frozenset((each.volume, each.entry.record) for each in self.chosen)


def _content(filesystem: Filesystem, entry: Entry) -> bytes:
    stream = filesystem.open(entry)
    return stream.read_at(0, min(stream.size, LARGEST_KEY))
