"""The values that travel between the stages: frozen, slotted, free of behaviour that needs a library.

Words defined here: WinPath, Entry (one name of one file), Metadata, StreamInfo, Candidate, Selected, Record.
Sizes are bytes, times are FILETIME (unsigned 100 ns ticks since 1601-01-01 UTC, 0 = never), text is ``str`` whose
UTF-16 may hold lone surrogates, as NTFS and the registry allow.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum

FILE_ATTRIBUTE_READONLY = 0x1
FILE_ATTRIBUTE_HIDDEN = 0x2
FILE_ATTRIBUTE_DIRECTORY = 0x10
FILE_ATTRIBUTE_ARCHIVE = 0x20
FILE_ATTRIBUTE_SPARSE_FILE = 0x200
FILE_ATTRIBUTE_REPARSE_POINT = 0x400
FILE_ATTRIBUTE_OFFLINE = 0x1000
FILE_ATTRIBUTE_ENCRYPTED = 0x4000
FILE_ATTRIBUTE_RECALL_ON_OPEN = 0x40000
FILE_ATTRIBUTE_RECALL_ON_DATA_ACCESS = 0x400000


def upcase(text: str) -> str:
    """Return text in upper case, code unit by code unit, never changing its length.

    ``str.upper`` turns one character into several ("ß" into "SS"); NTFS and the registry compare by a table that maps
    one UTF-16 unit to one unit, so a character whose upper case is longer, or leaves the plane, stays as it is.
    """
    if text.isascii():
        return text.upper()
    return "".join(map(_upcase_character, text))


def _upcase_character(character: str) -> str:
    upper = character.upper()
    return (
        upper
        if len(upper) == 1 and (ord(upper) > 0xFFFF) == (ord(character) > 0xFFFF)
        else character
    )


_HIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
"""C0, DEL, C1, soft hyphen, joiners, bidi and zero-width controls, lone surrogates, tags: a fixed list, so that
the same name is shown the same by every Python (``str.isprintable`` follows the Unicode of the day)."""


def printable(text: str) -> str:
    r"""Return text for a terminal, a log or a report: what is invisible or moves the cursor as ``\x1b``, ``\u202e``."""
    if (
        text.isascii() and text.isprintable()
    ):  # nearly every name; a regular expression takes five times as long
        return text
    return _HIDDEN.sub(lambda found: _escape(ord(found[0])), text)


def _escape(code: int) -> str:
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


@dataclass(frozen=True, slots=True)
class WinPath:
    r"""A path in a Windows machine's own namespace: ``drive`` is ``C:`` (or empty), ``parts`` the names below it."""

    drive: str
    parts: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> WinPath:
        r"""Return the path that text such as ``C:\Users\bob`` or ``\Users`` names; both separators are taken."""
        text = text.strip().replace("/", "\\")
        drive, rest = (text[:2].upper(), text[2:]) if text[1:2] == ":" else ("", text)
        return cls(drive, tuple(part for part in rest.split("\\") if part and part != "."))

    def __str__(self) -> str:
        return f"{self.drive}\\" + "\\".join(self.parts)

    def __truediv__(self, name: str) -> WinPath:
        return WinPath(self.drive, (*self.parts, name))

    @property
    def name(self) -> str:
        """The last part, or the drive for a root."""
        return self.parts[-1] if self.parts else self.drive

    @property
    def parent(self) -> WinPath:
        """The directory above; a root is its own parent."""
        return WinPath(self.drive, self.parts[:-1])

    @property
    def key(self) -> tuple[str, ...]:
        """The path for comparison as Windows compares: case folded, drive first."""
        return (upcase(self.drive), *map(upcase, self.parts))

    def is_below(self, other: WinPath) -> bool:
        """Tell whether this path is ``other`` or lies beneath it."""
        mine, theirs = self.key, other.key
        return mine[: len(theirs)] == theirs


class ObjectKind(StrEnum):
    """What an object is, as the manifest spells it."""

    FILE = "file"
    DIRECTORY = "directory"
    LINK = "link"
    KEY = "key"
    VALUE = "value"
    ACCOUNT = "account"


class OutcomeKind(StrEnum):
    """The one end that every object meets."""

    STORED = "stored"
    EXCLUDED = "excluded"
    NOT_STORED = "not-stored"


# --- disks and volumes ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class BadRange:
    """Bytes of an image that are known to be wrong: ``[offset, offset + length)`` and why."""

    offset: int
    length: int
    reason: str


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """What an image says of itself."""

    path: str
    format: str
    """raw, split-raw, vhd-fixed, vhd-dynamic, vhdx-fixed, vhdx-dynamic, vhd-differencing, vhdx-differencing, e01."""
    size: int
    sector_size: int
    segments: tuple[str, ...]
    stored_hashes: dict[str, str] = field(default_factory=dict)
    """Hashes of the medium kept inside the container: algorithm in lower case -> hex digest."""


@dataclass(frozen=True, slots=True)
class Encryption:
    """How a volume is locked: ``kind`` is bitlocker or luks; ``protectors`` name what would open it."""

    kind: str
    unlocked: bool = False
    protectors: tuple[str, ...] = ()
    opened_by: str = ""
    """The protector whose key opened it, never the key."""


@dataclass(frozen=True, slots=True)
class VolumeInfo:
    """One volume of one image: where it lies and what it holds.

    ``id`` does not depend on the partition table or container around the volume: it is the file system's serial number
    in hexadecimal where there is one (``-2``, ``-3`` appended to a twin), else ``d1p2`` (disk 1, partition 2).
    """

    id: str
    image: int
    """Index of the image among those given, from 0."""
    number: int
    """Number of the partition, from 1; 0 for an image that is one volume."""
    offset: int
    size: int
    sector_size: int
    filesystem: str
    """ntfs, fat12, fat16, fat32, exfat, refs, bitlocker, ldm, storage-spaces, msr, luks, empty or unknown."""
    label: str = ""
    serial: int = 0
    partition_guid: str = ""
    partition_type: str = ""
    """GPT type GUID in lower case, or the MBR type as ``0x07``."""
    disk_signature: int = 0
    encryption: Encryption | None = None
    note: str = ""
    """One sentence when the volume cannot be read: what it is and what would be needed."""


# --- file systems ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Entry:
    """ONE NAME of one file or directory; a hard link is another Entry with the same ``record``.

    ``record`` is the MFT record number (or the address that The Sleuth Kit gives on FAT); with
    ``sequence`` it identifies the file on its volume. Names are looked up by record, never
    by path: two names may differ only by case.
    """

    record: int
    sequence: int
    parent: int
    name: str
    directory: bool
    short_name: str = ""
    reparse_tag: int = 0


@dataclass(frozen=True, slots=True)
class Times:
    """Four FILETIMEs of $STANDARD_INFORMATION or $FILE_NAME."""

    created: int = 0
    modified: int = 0
    changed: int = 0
    accessed: int = 0


@dataclass(frozen=True, slots=True)
class Run:
    """A piece of a stream on its volume: ``offset`` in bytes from the volume's start, None for a hole."""

    offset: int | None
    length: int


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """One data stream: ``name`` is empty for the file's own content."""

    name: str
    size: int
    allocated: int = 0
    valid: int = 0
    """Valid data length: what lies beyond reads as zeros."""
    resident: bool = False
    compressed: bool = False
    sparse: bool = False
    encrypted: bool = False
    wof: str = ""
    """XPRESS4K, XPRESS8K, XPRESS16K or LZX when the content is held by the Windows Overlay Filter."""
    runs: tuple[Run, ...] = ()


@dataclass(frozen=True, slots=True)
class Reparse:
    """A reparse point: its tag, its raw data (without the 8-byte header) and, for links, where it points."""

    tag: int
    data: bytes
    target: str = ""


@dataclass(frozen=True, slots=True)
class Metadata:
    """Everything about one Entry but its content."""

    attributes: int
    times: Times
    name_times: Times = Times()
    streams: tuple[StreamInfo, ...] = ()
    security: bytes = b""
    """Self-relative security descriptor ([MS-DTYP] 2.4.6), empty when there is none."""
    sddl: str = ""
    reparse: Reparse | None = None
    link_count: int = 1
    object_id: str = ""
    extended_attributes: bytes = b""

    @property
    def size(self) -> int:
        """Bytes of all streams together."""
        return sum(stream.size for stream in self.streams)


@dataclass(frozen=True, slots=True)
class Damage:
    """Something of a file system that could not be read: where it is and why."""

    record: int
    reason: str
    name: str = ""
    """A name for it where one is known."""
    parent: int = -1
    """Record of the directory it belonged to, -1 when that is not known."""
    lost: bool = True
    """False when no object is missing: a copy of a structure served, or only a property is gone."""


# --- registry -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RegistryValue:
    """One value, raw: ``type`` is the REG_* number, ``data`` its bytes as stored."""

    name: str
    type: int
    data: bytes
    provenance: str = field(default="live", compare=False)
    """Where it was found: live (in the hive as it lies), replayed (from its logs), regback, salvaged; ini."""

    @property
    def text(self) -> str:
        """The data as REG_SZ / REG_EXPAND_SZ text, up to its NUL."""
        raw = self.data[: len(self.data) & ~1]
        return raw.decode("utf-16-le", "surrogatepass").split("\0", 1)[0]

    @property
    def integer(self) -> int:
        """The data as a number: little-endian, or big-endian for REG_DWORD_BIG_ENDIAN (5)."""
        return int.from_bytes(self.data[:8], "big" if self.type == 5 else "little")


# --- Windows --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Evidence:
    """One fact that speaks for or against a candidate, in words a person reads."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A directory that may be a Windows: found by a locator, chosen (or not) by ``windows``."""

    volume: str
    """``VolumeInfo.id``."""
    record: int
    """Record of the Windows directory."""
    path: tuple[str, ...]
    """Names from the volume's root, e.g. ``("Windows.old", "Windows")``."""
    kind: str
    """windows or windows.old."""
    root: int
    """Record of the directory that was this machine's ``C:\\``: the volume's root, or Windows.old."""
    valid: bool = False
    reason: str = ""
    """Why it is not valid, one sentence."""
    product: str = ""
    version: str = ""
    build: str = ""
    edition: str = ""
    arch: str = ""
    """x64, x86, arm64 or empty."""
    computer: str = ""
    last_shutdown: int = 0
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class LocalAccount:
    """An account of SAM. Nothing secret is in it: of a password only whether there is one."""

    sid: str
    rid: int
    name: str
    full_name: str = ""
    comment: str = ""
    flags: tuple[str, ...] = ()
    """disabled, password-not-required, normal, password-never-expires, locked …; see ``windows/sam.py``."""
    last_logon: int = 0
    password_set: int = 0
    expires: int = 0
    """When the account itself ends, 0 for never."""
    logons: int = 0
    has_password: bool | None = None
    """None where SAM does not tell; a blank password that somebody set counts as one."""


@dataclass(frozen=True, slots=True)
class LocalGroup:
    """A local group (alias) of SAM and the SIDs of its members, in SAM's order."""

    sid: str
    name: str
    comment: str = ""
    members: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class User:
    """A profile of ProfileList."""

    sid: str
    name: str
    domain: str
    profile: WinPath
    """In the offline machine's own letters."""
    state: str
    """ok, missing, temporary, backup (``.bak``), duplicate-sid, no-hive or unreadable-hive."""
    last_used: tuple[tuple[str, int], ...] = ()
    """Sources of last use: name -> FILETIME."""
    name_from: str = ""
    """Where the name was found: SAM, LogonUI, IdentityStore, session, Group Policy, profile folder; '' without one."""
    local: LocalAccount | None = None
    """The account in SAM, None when it is not one of this machine."""
    groups: tuple[str, ...] = ()
    """Names of the local groups that list this user as a member."""

    @property
    def account(self) -> str:
        r"""``DOMAIN\name``, or the SID when no name is known."""
        if not self.name:
            return self.sid
        return f"{self.domain}\\{self.name}" if self.domain else self.name


# --- selection and store --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Selected:
    """An object that selection met, and what it decided.

    ``rule`` is ``file:line`` of the deciding pattern, empty when no rule spoke of the object;
    ``reason`` says in words why an object is not taken. ``scope`` is the SID of the user
    whose profile (or whose rule) it belongs to, empty for the machine.
    """

    kind: ObjectKind
    path: WinPath
    volume: str
    entry: Entry
    metadata: Metadata
    scope: str
    chosen: bool
    rule: str = ""
    reason: str = ""
    value: RegistryValue | None = None
    """Of a registry or INI value its data; of a pretended file its content, as REG_NONE."""
    pretended: bool = False
    """True for an object of addObjects: the rules ask for it and the machine does not have it."""
    left_out: str = ""
    """What excludeAttributes took from the metadata: Security, TimeFields, or both with a comma."""


@dataclass(frozen=True, slots=True)
class EfsUser:
    """Someone whose certificate opens an EFS file ([MS-EFSR] 2.2.2.1): an entry of its DDF or DRF."""

    role: str
    """user (DDF) or recovery (DRF: a recovery agent)."""
    sid: str
    name: str
    """As Windows shows it: ``bob(bob@DESK)``; a hint, no proof."""
    thumbprint: str
    """SHA-1 of the certificate, hexadecimal, upper case."""


@dataclass(frozen=True, slots=True)
class EfsFile:
    """What an EFS file became in the store, and who can open it."""

    form: str
    """raw (the format of [MS-EFSR] 2.2.3, as WriteEncryptedFileRaw takes it) or plain (decrypted)."""
    size: int
    """Bytes in the store."""
    users: tuple[EfsUser, ...] = ()
    verdict: str = ""
    """Whether it will open after a restore of this store: yes, no, unknown."""
    reason: str = ""
    """Why, one sentence."""


@dataclass(frozen=True, slots=True)
class Instruction:
    """What the rules or a Config.xml ask of a restore: no effect on a scan, kept in the catalog."""

    kind: str
    """merge, locationModify, contentModify, destinationCleanup, include, remap, skipped; or of a Config.xml."""
    text: str
    """The helper call (of an include its filter) with variables expanded; ``NAME=value``; JSON of a Config.xml."""
    scope: str = ""
    component: str = ""
    source: str = ""
    patterns: tuple[tuple[str, str], ...] = ()
    """(File, Registry or Ini; expanded pattern text)."""


@dataclass(frozen=True, slots=True)
class StreamRecord:
    """A stored (or not stored) named stream."""

    name: str
    size: int
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """One row of the catalog, one line of the manifest: an object and its outcome."""

    kind: ObjectKind
    path: WinPath
    volume: str
    user: str
    """SID, or empty for the machine."""
    outcome: OutcomeKind
    reason: str = ""
    rule: str = ""
    size: int = 0
    """Bytes of the file's own content."""
    sha256: str = ""
    streams: tuple[StreamRecord, ...] = ()
    record: int = 0
    sequence: int = 0
    stored_as: str = ""
    """Where the content lies, relative to ``STORE/USMT``; empty when nothing was stored."""
    short_name: str = ""
    metadata: Metadata | None = None
    value: RegistryValue | None = None
    pretended: bool = False
    left_out: str = ""
    efs: EfsFile | None = None

    @property
    def bytes(self) -> int:
        """Bytes of content and named streams together: what the ledger counts."""
        return self.size + sum(stream.size for stream in self.streams)
