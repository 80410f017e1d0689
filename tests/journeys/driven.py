"""The same comparison by the driver ntfs-3g, through what ``getfattr -h -n system.ntfs_*`` tells."""

from __future__ import annotations

import ctypes
import errno
import hashlib
import os
import struct
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from uuid import UUID

from extractor.seams import Volume
from tests.journeys.applied import (
    EFS,
    ENCRYPTED,
    MIB,
    NONE,
    NTFS_OWN,
    REPARSE_POINT,
    WSL,
    WSL_SPECIAL,
    Compared,
    Difference,
    Excepted,
    Facts,
    Parts,
    entry_at,
    facts,
    nodes,
    opened,
    parts_in_wim,
    tool,
)

Told = Mapping[str, bytes | None]
XATTRS = ("attrib_be", "times_be", "acl", "reparse_data", "dos_name", "object_id")
WOF_TAG = 0x80000017
SPARSE = 0x200
_LIBC = ctypes.CDLL(None, use_errno=True)


@contextmanager
def mounted(volume: Path, at: Path) -> Iterator[Path]:
    """Have the driver show a volume, for reading."""
    at.mkdir()
    options = "ro,efs_raw,permissions,streams_interface=windows,no_detach"
    with subprocess.Popen(
        ["ntfs-3g", str(volume), str(at), "-o", options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as driver:
        while not at.is_mount():
            assert driver.poll() is None, "ntfs-3g cannot mount it"
            time.sleep(0.02)
        try:
            yield at
        finally:
            tool("umount", at)
            driver.wait(timeout=60)


def save_volume(volume: Volume, path: Path) -> Path:
    """Write a volume to a file of its own, zeros as holes."""
    with path.open("wb") as file:
        for offset in range(0, volume.size, MIB):
            block = volume.read_at(offset, MIB)
            if any(block):
                file.seek(offset)
                file.write(block)
        file.truncate(volume.size)
    return path


def at_host(root: Path, parts: Parts) -> bytes:
    """Return where the driver shows a path."""
    names = (part.encode("utf-8", "surrogatepass") for part in parts)
    return b"/".join((os.fsencode(root), *names))


def reachable(parts: Parts) -> bool:
    """Tell whether the driver can be asked: ``/`` and NUL end a name for Linux, ``:`` for this driver."""
    return not any(part in {".", ".."} or set("/\0:") & set(part) for part in parts)


def told(host: bytes) -> Told:
    """Return what the driver tells of a path; of the times the three that a WIM has."""
    found = {name: _xattr(host, f"system.ntfs_{name}") for name in XATTRS}
    found["times_be"] = (found["times_be"] or b"")[:24]
    found["object_id"] = (found["object_id"] or b"")[:16]
    return found


def _xattr(host: bytes, name: str) -> bytes | None:
    """Return an attribute; None where there is none. Python's own call asks with less room than this driver wants."""
    room = ctypes.create_string_buffer(1 << 16)
    size = _LIBC.lgetxattr(host, name.encode(), room, len(room))
    if size < 0:
        code = ctypes.get_errno()
        none = {errno.ENODATA, errno.EOPNOTSUPP, errno.EPERM}  # the last of a root's short name
        assert code in none, f"{host!r}: {name}: {os.strerror(code)}"
        return None
    return room.raw[:size]


def would_tell(found: Facts) -> Told:
    """Return what the driver would tell of what our reader found."""
    reparse = found.reparse
    head = struct.pack("<IHH", reparse.tag, len(reparse.data), 0) if reparse else b""
    return {
        "attrib_be": struct.pack(">I", found.attributes & ~NTFS_OWN),
        "times_be": struct.pack(">3Q", found.created, found.modified, found.accessed),
        "acl": found.security,
        "reparse_data": head + reparse.data if reparse else None,
        "dos_name": found.short_name.encode() or None,
        "object_id": UUID(found.object_id).bytes_le if found.object_id else b"",
    }


def _lost(bits: int, source: Told, found: Told) -> bool:
    """Tell whether the attributes are the same but for these, which are gone."""
    before, after = (int.from_bytes(each["attrib_be"] or b"", "big") for each in (source, found))
    return before & bits != 0 and before & ~bits == after


def _tagged(tags: frozenset[int], source: Told, found: Told) -> bool:
    tag = int.from_bytes((source["reparse_data"] or b"")[:4], "little")
    return tag in tags and found["reparse_data"] is None


def _both(*rules: Callable[[Told, Told], bool]) -> Callable[[Told, Told], bool]:
    return lambda source, found: all(rule(source, found) for rule in rules)


WOF = "a store has the content as Windows reads it, not how WOF keeps it"
_OF_WOF, _OF_WSL = partial(_tagged, frozenset({WOF_TAG})), partial(_tagged, WSL_SPECIAL)
EXCEPTIONS = (
    Excepted("reparse_data", WOF, _OF_WOF),
    Excepted("attrib_be", WOF, _both(_OF_WOF, partial(_lost, SPARSE | REPARSE_POINT))),
    Excepted("reparse_data", WSL, _OF_WSL),
    Excepted("attrib_be", WSL, _both(_OF_WSL, partial(_lost, REPARSE_POINT))),
    Excepted("attrib_be", EFS, partial(_lost, ENCRYPTED)),
    Excepted("acl", NONE, lambda source, _: not source["acl"]),
)


def compare_by_driver(
    store: Path, image: Path, volume: Path, work: Path, *, ask_of_source: bool
) -> Compared:
    """Compare all that the driver reaches; what it is not asked of the source, our reader tells."""
    done = Compared(0, [], set())
    with ExitStack() as stack:
        sources = stack.enter_context(opened(image))
        there = stack.enter_context(mounted(volume, work / "applied"))
        roots = {
            each: stack.enter_context(mounted(save_volume(disk, work / f"{each}.raw"), work / each))
            for each, (disk, _) in sources.items()
            if ask_of_source
        }
        for each in nodes(store):
            record, path = each.record, each.record.path.parts
            host = at_host(there, parts := parts_in_wim(record.path, record.volume))
            if not reachable(parts):
                continue
            _, source = sources[record.volume]
            known = facts(source, entry_at(source, record.record, path))
            asked = ask_of_source and reachable(path)
            expected = told(at_host(roots[record.volume], path)) if asked else would_tell(known)
            _compare(done, str(record.path), expected, told(host))
            _compare_content(done, str(record.path), known, host)
            done.count += 1
    return done


def _compare(done: Compared, path: str, expected: Told, found: Told) -> None:
    for name in XATTRS:
        if found[name] == expected[name]:
            continue
        reasons = {one for one in EXCEPTIONS if one.what == name and one.when(expected, found)}
        done.excepted |= reasons
        if not reasons:
            done.differences.append(Difference(name, path, expected[name], found[name]))


def _compare_content(done: Compared, path: str, known: Facts, host: bytes) -> None:
    """Compare the streams as the driver reads them; EFS and links have none that it could show."""
    if known.attributes & ENCRYPTED or known.reparse:
        return
    for name, digest in known.streams.items():
        if "\\" in name or not reachable((name,)):
            continue
        file = host + (b":" + name.encode() if name else b"")
        found = hashlib.sha256(Path(os.fsdecode(file)).read_bytes()).hexdigest()
        if found != digest:
            done.differences.append(Difference(name or "content", path, digest, found))
