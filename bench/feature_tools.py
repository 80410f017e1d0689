"""The tools of ``bench.features``: each opens a volume and gives content and metadata, or raises what went wrong.

A tool's own errors leave as they are: ``features.py`` makes a word of them.
"""

# The libraries have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import ctypes
import os
import shutil
import struct
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from bench.feature_disk import Names, mounted

if TYPE_CHECKING:
    from dissect.ntfs.mft import MftRecord
    from dissect.ntfs.secure import ACE

    from extractor.model import Entry

PIECE = 1 << 20
UNIX_EPOCH = 116_444_736_000_000_000
DATA, REPARSE_POINT = 128, 192


class NotToldError(Exception):
    """The tool has no way to tell this."""


class Tool(Protocol):
    """One volume, opened by one tool; ``scratch`` is a folder of its own."""

    def __init__(self, volume: Path, scratch: Path) -> None: ...
    def read(self, path: Names, stream: str, /) -> Iterator[bytes]:
        """Yield the content of a stream."""
        ...

    def names(self, folder: Names, /) -> list[str]:
        """Return the names in a folder."""
        ...

    def target(self, path: Names, /) -> str:
        """Return where a symbolic link leads, as Windows spells it."""
        ...

    def times(self, path: Names, /) -> tuple[int, ...]:
        """Return created, written, accessed, record changed as FILETIME."""
        ...

    def descriptor(self, path: Names, /) -> bytes:
        """Return the security descriptor."""
        ...

    def close(self) -> None: ...


class Coldstate:
    """The reader of this program."""

    def __init__(self, volume: Path, _scratch: Path) -> None:
        from extractor.filesystems.ntfs import NtfsFilesystem
        from extractor.images import open_images
        from extractor.volumes import volumes

        self._images = list(open_images([volume]))
        (found,) = volumes(self._images)
        self._filesystem = NtfsFilesystem(found)

    def _entry(self, path: Names) -> Entry:
        here = self._filesystem.root
        for name in path:
            named = [each for each in self._filesystem.children(here) if each.name == name]
            if not named:
                raise FileNotFoundError(name)
            here = named[0]
        return here

    def read(self, path: Names, stream: str) -> Iterator[bytes]:
        from extractor.errors import EncryptedError

        entry = self._entry(path)
        try:
            found = self._filesystem.open(entry, stream)
        except EncryptedError:
            found = self._filesystem.ciphertext(entry, stream).stored
        for start in range(0, found.size, PIECE):
            yield found.read_at(start, PIECE)

    def names(self, folder: Names) -> list[str]:
        return [each.name for each in self._filesystem.children(self._entry(folder))]

    def target(self, path: Names) -> str:
        reparse = self._filesystem.metadata(self._entry(path)).reparse
        return reparse.target if reparse else ""

    def times(self, path: Names) -> tuple[int, ...]:
        found = self._filesystem.metadata(self._entry(path)).times
        return found.created, found.modified, found.accessed, found.changed

    def descriptor(self, path: Names) -> bytes:
        return self._filesystem.metadata(self._entry(path)).security

    def close(self) -> None:
        for image in self._images:
            image.close()


class Dissect:
    """dissect.ntfs, asked by path."""

    def __init__(self, volume: Path, _scratch: Path) -> None:
        from dissect.ntfs import NTFS

        self._file = volume.open("rb")
        self._ntfs = NTFS(self._file)
        assert self._ntfs.mft
        self._mft = self._ntfs.mft

    def _record(self, path: Names) -> MftRecord:
        return self._mft.get("\\".join(path))

    def read(self, path: Names, stream: str) -> Iterator[bytes]:
        file = self._record(path).open(stream)
        while data := file.read(PIECE):
            yield data

    def names(self, folder: Names) -> list[str]:
        return list(self._record(folder).listdir(ignore_dos=True))

    def target(self, path: Names) -> str:
        return str(self._record(path).reparse_point_name)

    def times(self, path: Names) -> tuple[int, ...]:
        from dissect.ntfs.c_ntfs import ATTRIBUTE_TYPE_CODE

        found = self._record(path).attributes[ATTRIBUTE_TYPE_CODE.STANDARD_INFORMATION][0].attribute
        nanoseconds = (
            found.creation_time_ns, found.last_modification_time_ns, found.last_access_time_ns,
            found.last_change_time_ns,
        )  # fmt: skip
        return tuple(UNIX_EPOCH + each // 100 for each in nanoseconds)

    def descriptor(self, path: Names) -> bytes:
        number = self._record(path).attributes.STANDARD_INFORMATION[0].attribute.security_id
        assert self._ntfs.secure
        found = self._ntfs.secure.lookup(number)
        assert found.dacl
        return _packed(str(found.owner), str(found.group), [_ace(each) for each in found.dacl.ace])

    def close(self) -> None:
        self._file.close()


def _ace(ace: ACE) -> tuple[int, int, int, str]:
    return ace.header.AceType.value, ace.header.AceFlags.value, int(ace.mask or 0), str(ace.sid)


def _packed(owner: str, group: str, aces: list[tuple[int, int, int, str]]) -> bytes:
    """Return the descriptor that has what dissect tells of it; its control word is not told in full."""
    from sample_images.security import sid_bytes

    body = b"".join(
        struct.pack("<BBHI", kind, flags, 8 + len(sid_bytes(sid)), mask) + sid_bytes(sid)
        for kind, flags, mask, sid in aces
    )
    acl = struct.pack("<BBHHH", 2, 0, 8 + len(body), len(aces), 0) + body
    owner_at, group_at = 20 + len(acl), 20 + len(acl) + len(sid_bytes(owner))
    head = struct.pack("<BBHIIII", 1, 0, 0x9004, owner_at, group_at, 0, 20)
    return head + acl + sid_bytes(owner) + sid_bytes(group)


class SleuthKit:
    """pytsk3, asked by path."""

    def __init__(self, volume: Path, _scratch: Path) -> None:
        import pytsk3

        self._fs = pytsk3.FS_Info(pytsk3.Img_Info(str(volume)))
        self._kind = pytsk3.TSK_FS_ATTR_TYPE_NTFS_DATA

    def _file(self, path: Names) -> Any:  # noqa: ANN401  pytsk3 has no annotations
        return self._fs.open("/" + "/".join(path))

    def read(self, path: Names, stream: str) -> Iterator[bytes]:
        file = self._file(path)
        wanted = stream.encode()
        found = [
            each.info
            for each in file
            if int(each.info.type) == DATA and (each.info.name or b"") == wanted
        ]
        for start in range(0, found[0].size, PIECE):
            yield file.read_random(
                start, min(PIECE, found[0].size - start), self._kind, found[0].id
            )

    def names(self, folder: Names) -> list[str]:
        found = self._fs.open_dir(path="/" + "/".join(folder))
        return [each.info.name.name.decode() for each in found]

    def target(self, path: Names) -> str:
        link = getattr(self._file(path).info.meta, "link", None)
        if not link:
            raise NotToldError("not told")
        return str(link)

    def times(self, path: Names) -> tuple[int, ...]:
        meta = self._file(path).info.meta
        return tuple(
            UNIX_EPOCH + getattr(meta, name) * 10_000_000 + getattr(meta, f"{name}_nano") // 100
            for name in ("crtime", "mtime", "atime", "ctime")
        )

    def descriptor(self, _path: Names) -> bytes:
        raise NotToldError("not told")

    def close(self) -> None:
        """Nothing is open but in the library."""


def _hosted(root: Path, path: Names) -> Path:
    """Return where a path of NTFS lies below a folder of this host, half surrogate pairs as three bytes each."""
    return root.joinpath(*(os.fsdecode(name.encode("utf-8", "surrogatepass")) for name in path))


class SevenZip:
    """7-Zip: ``7z x`` for content, ``7z l -slt`` for the rest."""

    def __init__(self, volume: Path, scratch: Path) -> None:
        self._scratch = scratch
        program = shutil.which("7zz") or shutil.which("7z") or ""
        self._command = [program, "-tNTFS", "-spd"]
        self._volume = str(volume)
        listed = self._run("l", "-slt", "-sns").decode("utf-8", "surrogatepass")
        blocks = listed.partition("\n----------\n")[2].strip().split("\n\n")
        rows = [
            dict(line.split(" = ", 1) for line in block.splitlines() if " = " in line)
            for block in blocks
        ]
        self._rows = {row["Path"]: row for row in rows if "Path" in row}

    def _run(self, verb: str, *words: str) -> bytes:
        command = [self._command[0], verb, *self._command[1:], *words, self._volume]
        done = subprocess.run(
            command, capture_output=True, check=False, env={**os.environ, "TZ": "UTC"}
        )
        if done.returncode:
            said = (done.stderr or done.stdout).decode("utf-8", "replace").split("ERROR")[-1]
            raise OSError(said.strip(" :\n").splitlines()[0])
        return done.stdout

    def _row(self, path: Names, stream: str = "") -> dict[str, str]:
        return self._rows["/".join(path) + (f":{stream}" if stream else "")]

    def read(self, path: Names, stream: str) -> Iterator[bytes]:
        row = self._row(path, stream)
        if not row["Path"].isascii():
            yield self._extracted(row["Path"])
            return
        switches = ["-so", "-sns" if stream else "-sns-"]
        command = [self._command[0], "x", *self._command[1:], *switches, self._volume, row["Path"]]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
            assert running.stdout
            assert running.stderr
            while data := running.stdout.read(PIECE):
                yield data
            said = running.stderr.read().decode("utf-8", "replace")
        if running.returncode:
            raise OSError(said.strip().splitlines()[-1])

    def _extracted(self, path: str) -> bytes:
        """Return the content of a file whose name no command line carries: as it lies in a folder afterwards."""
        pattern = "".join(each if each.isascii() else "*" for each in path)
        command = [self._command[0], "x", "-y", "-tNTFS", f"-o{self._scratch}", self._volume]
        subprocess.run([*command, pattern], capture_output=True, check=True)
        return _hosted(self._scratch, (path,)).read_bytes()

    def names(self, folder: Names) -> list[str]:
        above = "".join(f"{name}/" for name in folder)
        found = [each.removeprefix(above) for each in self._rows if each.startswith(above)]
        return [each for each in found if "/" not in each and ":" not in each]

    def target(self, path: Names) -> str:
        found = self._row(path).get("Link", "").strip()
        if not found:
            raise NotToldError("not told")
        return found

    def times(self, path: Names) -> tuple[int, ...]:
        row = self._row(path)
        return tuple(
            _filetime(row.get(name, ""))
            for name in ("Created", "Modified", "Accessed", "Metadata Changed")
        )

    def descriptor(self, path: Names) -> bytes:
        raise NotToldError(
            "owner and counts only" if self._row(path).get("NT Security") else "not told"
        )

    def close(self) -> None:
        """Nothing is open."""


def _filetime(text: str) -> int:
    """Return the FILETIME of ``2001-02-03 04:05:06.0000001``; 0 for nothing."""
    from sample_images.contents import filetime

    return filetime(text.replace(" ", "T")) if text else 0


class Ntfs3g:
    """ntfs-3g: a mount, read-only, with all that its options give."""

    def __init__(self, volume: Path, _scratch: Path) -> None:
        self._stack = ExitStack()
        options = "ro,efs_raw,streams_interface=windows,permissions,no_detach"
        self._root = self._stack.enter_context(mounted(volume, options))

    def _host(self, path: Names) -> Path:
        return _hosted(self._root, path)

    def read(self, path: Names, stream: str) -> Iterator[bytes]:
        host = self._host(path)
        if host.is_symlink():  # how ntfs-3g shows a reparse point that it cannot follow
            raise OSError(f"a link to {host.readlink()}")
        with Path(f"{host}:{stream}" if stream else host).open("rb") as file:
            while data := file.read(PIECE):
                yield data

    def names(self, folder: Names) -> list[str]:
        names = (os.fsencode(each.name) for each in self._host(folder).iterdir())
        return [name.decode("utf-8", "surrogatepass") for name in names]

    def target(self, path: Names) -> str:
        return _link_target(
            os.getxattr(self._host(path), "system.ntfs_reparse_data", follow_symlinks=False)
        )

    def times(self, path: Names) -> tuple[int, ...]:
        created, written, accessed, changed = struct.unpack(
            ">4Q", os.getxattr(self._host(path), "system.ntfs_times_be", follow_symlinks=False)
        )
        return created, written, accessed, changed

    def descriptor(self, path: Names) -> bytes:
        # Python asks with room for 128 bytes first, which ntfs-3g answers with an error for more.
        room = ctypes.create_string_buffer(1 << 16)
        host, name = os.fsencode(self._host(path)), b"system.ntfs_acl"
        size = ctypes.CDLL(None, use_errno=True).getxattr(host, name, room, len(room))
        if size < 0:
            raise OSError(ctypes.get_errno(), "getxattr")
        return room.raw[:size]

    def close(self) -> None:
        self._stack.close()


def _link_target(buffer: bytes) -> str:
    """Return the printed name of a symbolic link's buffer ([MS-FSCC] 2.1.2.4)."""
    start, length = struct.unpack_from("<HH", buffer, 12)
    return buffer[20 + start : 20 + start + length].decode("utf-16-le")


class Wimlib:
    """wimlib: ``wimcapture`` of the volume itself, then ``wimapply`` to another, read there by this program.

    Only what passed through the WIM counts, and how it comes out: the same bytes, streams, times and descriptors.
    """

    def __init__(self, volume: Path, scratch: Path) -> None:
        wim, target = scratch / "one.wim", scratch / "applied.raw"
        _wimlib("capture", str(volume), str(wim), "--compress=fast", "--threads=1")
        with target.open("wb") as file:
            file.truncate(6 << 30)
        subprocess.run(["mkntfs", "-Q", "-F", "-q", str(target)], check=True, capture_output=True)
        _wimlib("apply", str(wim), "1", str(target))
        wim.unlink()
        self._applied = target
        self._reader = Coldstate(target, scratch)
        self.read, self.names, self.target = (
            self._reader.read,
            self._reader.names,
            self._reader.target,
        )
        self.times, self.descriptor = self._reader.times, self._reader.descriptor

    def close(self) -> None:
        self._reader.close()
        self._applied.unlink()


def _wimlib(*words: str) -> None:
    done = subprocess.run(["wimlib-imagex", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("[ERROR]")]
        raise OSError(" ".join(errors).replace("[ERROR] ", "") or done.stderr.strip())


TOOLS: dict[str, tuple[type[Tool], str]] = {
    "Coldstate": (Coldstate, ""),
    "dissect.ntfs": (Dissect, "dissect.ntfs"),
    "TSK (pytsk3)": (SleuthKit, "pytsk3"),
    "7z": (SevenZip, "7zz 7z"),
    "ntfs-3g": (Ntfs3g, "ntfs-3g"),
    "wimlib": (Wimlib, "wimlib-imagex"),
}
"""Name in the table -> the tool, and the modules or programs one of which it needs."""
