"""What locks and unlocks a sealed store: ``/key``, ``/keyfile``, ``--recipient``, ``--identity``.

Source: USMT "ScanState syntax" (``/key``: 1 to 256 characters; an unreadable or empty ``/keyfile`` is code 33); the
age format for identities and recipients.
"""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyrage

from extractor.errors import ArgumentTooLongError, UnreadableKeyError, UsageError
from extractor.redact import remember
from extractor.store.sealed.age import seal_with_passphrase

LONGEST = 256
"""Characters of a key, USMT's own bound."""
LARGEST_FILE = 64 << 10
"""Bytes of the largest key file or identity file that is read."""
ARMOURED = b"-----BEGIN "
SECRET = "AGE-SECRET-KEY-1"  # noqa: S105 (the prefix that age gives to identities)
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


@dataclass(frozen=True, slots=True, repr=False)
class Passphrase:
    """A key as it was given; it is shown nowhere."""

    text: str

    def __repr__(self) -> str:
        return "Passphrase(***)"


@dataclass(frozen=True, slots=True)
class SealingKeys:
    """Whom a store is sealed to."""

    recipients: tuple[object, ...] = field(repr=False)
    public: tuple[str, ...]
    """The recipients in words, fit for a log; none for a passphrase: nobody else can seal to that identity."""
    session: tuple[object, ...] = field(repr=False)
    """Identities that open what this run itself has sealed; they live in memory only."""
    reopening: tuple[object, ...] = field(default=(), repr=False)
    """Recipients added to a part that this run may have to open again, when ``recipients`` do not let it."""
    identity_file: bytes | None = field(default=None, repr=False)
    """The content of ``identity.age``, for a passphrase."""


def key_passphrase(text: str) -> Passphrase:
    """Return the passphrase of ``/key:STRING``; raise UnreadableKeyError (33), ArgumentTooLongError (12) or UsageError.

    It is one line, because `age` reads one line from the terminal.
    """
    if not text:
        raise UnreadableKeyError("/key needs a value")
    return _passphrase(text, "/key")


def keyfile_passphrase(path: Path) -> Passphrase:
    """Return the passphrase that is the content of ``/keyfile:FILE``, without one line break at its end.

    A text file of Windows may be UTF-16 or carry a byte order mark. Raises UnreadableKeyError (33) and UsageError.
    """
    spelled = f"/keyfile:{path}"
    content = _content(path, spelled)
    mark, encoding = next(((m, e) for m, e in _MARKS if content.startswith(m)), (b"", "utf-8"))
    try:
        text = content[len(mark) :].decode(encoding)
    except UnicodeDecodeError:
        raise UnreadableKeyError(f"{spelled}: is no text (UTF-8 or UTF-16)") from None
    text = text.removesuffix("\n").removesuffix("\r")
    if not text:
        raise UnreadableKeyError(f"{spelled}: is empty")
    return _passphrase(text, spelled)


def _passphrase(text: str, spelled: str) -> Passphrase:
    remember(text)
    if len(text) > LONGEST:
        raise ArgumentTooLongError(f"{spelled}: a key has at most {LONGEST} characters")
    if any(each in text for each in "\r\n\0"):
        raise UsageError(f"{spelled}: a key is one line of text")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UsageError(f"{spelled}: a key is text in UTF-8") from None
    return Passphrase(text)


def passphrase_keys(passphrase: Passphrase) -> SealingKeys:
    """Return keys for a new store with a passphrase: a fresh X25519 identity, and the file that keeps it."""
    identity = pyrage.x25519.Identity.generate()
    sealed = seal_with_passphrase(f"{identity}\n".encode(), passphrase.text)
    return SealingKeys((identity.to_public(),), (), (identity,), identity_file=sealed)


def recipient_keys(words: Sequence[str]) -> SealingKeys:
    """Return keys for ``--recipient``: each word is ``age1...``, ``ssh-ed25519 ...`` or ``ssh-rsa ...``.

    Whoever seals to others cannot open it again, which a file written in any order needs: so parts that leave memory
    before the file is finished are sealed to one more identity, made for this and forgotten with the process.

    Raises UsageError (11).
    """
    if not words:
        raise UsageError("--recipient needs a value")
    public = tuple(dict.fromkeys(word.strip() for word in words))
    recipients = tuple(map(_recipient, public))
    session = pyrage.x25519.Identity.generate()
    return SealingKeys(recipients, public, (session,), (session.to_public(),))


def _recipient(word: str) -> object:
    if word.upper().startswith(SECRET):
        remember(word)
        raise UsageError("--recipient: that is a secret key; give the public one (age1...)")
    kind = pyrage.ssh.Recipient if word.startswith("ssh-") else pyrage.x25519.Recipient
    try:
        return kind.from_str(word)
    except pyrage.RecipientError:
        raise UsageError(
            f"--recipient {word[:80]}: is no recipient (age1..., ssh-ed25519 ..., ssh-rsa ...)"
        ) from None


def read_identities(path: Path) -> tuple[object, ...]:
    """Return the identities of a file: ``AGE-SECRET-KEY-1...`` a line, ``#`` for remarks, or an SSH private key.

    Raises UnreadableKeyError (33) and UsageError (11).
    """
    return parse_identities(_content(path, f"--identity {path}"), f"--identity {path}")


def parse_identities(content: bytes, spelled: str) -> tuple[object, ...]:
    """Return the identities of a file's content; raise UsageError (11)."""
    if content.startswith(b"age-encryption.org/"):
        raise UsageError(f"{spelled}: is sealed with a passphrase; open it with `age -d` first")
    try:
        if content.startswith(ARMOURED):
            return (pyrage.ssh.Identity.from_buffer(content),)
        lines = (line.strip() for line in content.decode().splitlines())
        words = [line for line in lines if line and not line.startswith("#")]
        found = tuple(pyrage.x25519.Identity.from_str(word) for word in words)
    except (pyrage.IdentityError, UnicodeDecodeError):
        raise UsageError(
            f"{spelled}: holds no identity that can be used (AGE-SECRET-KEY-1..., or an SSH private key"
            " without a passphrase)"
        ) from None
    if not found:
        raise UsageError(f"{spelled}: holds no identity")
    for word in words:
        remember(word)
    return found


def _content(path: Path, spelled: str) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise UnreadableKeyError(f"{spelled}: cannot be read: {error.strerror or error}") from error
    if len(content) > LARGEST_FILE:
        raise UnreadableKeyError(f"{spelled}: is too large for a key")
    return content
