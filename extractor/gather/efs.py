"""``/efs``: what a gatherer refused because EFS encrypted it -> what goes into the store all the same.

``copyraw`` needs no key: the stored file is the raw format of [MS-EFSR] 2.2.3, all streams in one, which
WriteEncryptedFileRaw imports. ``decryptcopy`` stores the content when a key that was given opens the file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from extractor.efs.ciphers import Fek
from extractor.efs.metadata import Metadata, parse_metadata
from extractor.efs.plain import PlainStream
from extractor.efs.raw import RawStream
from extractor.errors import DamagedError, EncryptedError
from extractor.gather.policy import Efs, Note
from extractor.model import EfsFile, Selected, StreamInfo, printable
from extractor.seams import Captured, Ciphertext, EfsFilesystem, Filesystem, Stream

Judge = Callable[[Metadata], tuple[str, str]]
"""Metadata -> verdict (yes, no, unknown) and why: whether the file will open after a restore of this store."""


class Keys(Protocol):
    """Whatever may open a file."""

    def open(self, metadata: Metadata, /) -> Fek:
        """Return the file's key; raise EncryptedError that names who could open it."""
        ...


@dataclass(frozen=True, slots=True)
class EfsCarrier:
    """Carries EFS files into the store as ``/efs`` asks; all else passes through it unchanged."""

    efs: Efs
    filesystems: Mapping[str, Filesystem]
    keys: Keys
    judge: Judge
    tell: Note
    _told: set[tuple[str, str]] = field(default_factory=set)

    def __call__(self, captured: Captured) -> Captured:
        """Return what is to be stored; raise DamagedError, UnsupportedError or EncryptedError when it cannot be had."""
        if not self.efs.carries or not isinstance(captured.refusal, EncryptedError):
            return captured
        selected = captured.selected
        filesystem = self.filesystems[selected.volume]
        if not isinstance(filesystem, EfsFilesystem):
            return captured
        value = filesystem.efs(selected.entry)
        if not value and not any(stream.encrypted for stream in selected.metadata.streams):
            return replace(captured, refusal=None)  # only the attribute says so
        if not value:
            raise DamagedError(
                "encrypted with EFS, but its $EFS attribute is gone: no key opens it"
            )
        if self.efs is Efs.COPYRAW:
            return self._raw(captured, value, filesystem)
        return self._plain(captured, value, filesystem)

    def _raw(self, captured: Captured, value: bytes, filesystem: EfsFilesystem) -> Captured:
        selected = captured.selected
        streams = [
            (each.name, _source(filesystem, selected, each, captured.open))
            for each in content_streams(selected)
        ]
        raw = RawStream(value, streams)
        metadata = _readable(value)
        verdict, reason = self.judge(metadata)
        self._tell_once(selected, verdict, reason)
        return Captured(
            selected=selected,
            open=lambda _name: raw,
            links=captured.links,
            whole=StreamInfo("", raw.size, allocated=raw.size, valid=raw.size),
            efs=EfsFile("raw", raw.size, metadata.users, verdict, reason),
        )

    def _tell_once(self, selected: Selected, verdict: str, reason: str) -> None:
        """Say what will become of raw files, once for each reason, by the first of them."""
        if (verdict, reason) in self._told:
            return
        self._told.add((verdict, reason))
        level = "info" if verdict == "yes" else "warning"
        message = f"{selected.path}: stored as EFS has it; will it open after a restore: {verdict}: {reason}"
        self.tell(level, printable(message))

    def _plain(self, captured: Captured, value: bytes, filesystem: EfsFilesystem) -> Captured:
        selected = captured.selected
        metadata = parse_metadata(value)
        fek = self.keys.open(metadata)
        encrypted = {each.name for each in selected.metadata.streams if each.encrypted}

        def open_plain(name: str) -> Stream:
            if name not in encrypted:
                return captured.open(name)
            return PlainStream(filesystem.ciphertext(selected.entry, name), fek)

        size = sum(stream.size for stream in selected.metadata.streams if not stream.name)
        known = EfsFile("plain", size, metadata.users, "yes", "it was decrypted: no key is needed")
        return replace(captured, open=open_plain, refusal=None, efs=known)


def content_streams(selected: Selected) -> Sequence[StreamInfo]:
    """Return the data streams of a file in the order of the raw format: its own content first."""
    return sorted(selected.metadata.streams, key=lambda each: each.name)


def _source(
    filesystem: EfsFilesystem,
    selected: Selected,
    stream: StreamInfo,
    opener: Callable[[str], Stream],
) -> Ciphertext | Stream:
    if stream.encrypted:
        return filesystem.ciphertext(selected.entry, stream.name)
    return opener(stream.name)


def _readable(value: bytes) -> Metadata:
    """Return what $EFS says; one that cannot be read is carried all the same: Windows may know better."""
    try:
        return parse_metadata(value)
    except DamagedError:
        return Metadata(0, ())
