r"""Where programs are installed on an offline Windows, and which documents they open: the registry, and PE files.

USMT does not say how its document finder knows an application's folder; usmt.md 3.10 proposes what is done here: what
``Uninstall``, ``App Paths`` and the ``Folders`` of the Windows Installer name, or a folder with a PE file in it.
A key that cannot be read names nothing: more is then taken for documents, never less.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping

from extractor.errors import SourceError
from extractor.model import Entry, WinPath, upcase
from extractor.registry import Registry
from extractor.seams import Filesystem

MACHINE = (r"HKLM\SOFTWARE", r"HKLM\SOFTWARE\WOW6432Node")
USER = (r"HKCU\Software",)
WINDOWS = r"Microsoft\Windows\CurrentVersion"
CLASSES = r"HKLM\SOFTWARE\Classes"
MOST_PROGRAMS = 16
"""Files of a folder that are looked into: one with so many that are no programs is no program's."""

NO_DOCUMENTS = frozenset(
    {"BAT", "CMD", "COM", "CPL", "DLL", "EXE", "LNK", "MSC", "MSI", "OCX", "PIF", "SCR", "SYS", "URL"}
)  # fmt: skip
"""Extensions of programs and links, whoever has registered them."""

_FILE = re.compile(r'\s*(?:"([^"]+)"|([A-Za-z]:\\.*?\.[A-Za-z]{3})(?=[\s,]|$))', re.DOTALL)


def named_folders(
    registry: Registry, variables: Mapping[str, str], *, of_user: bool
) -> Iterator[WinPath]:
    """Yield the folders in which programs say they are; ``of_user``: what a user's own hive says too.

    ``variables`` are by upper-case name; ``registry`` is seen as that user.
    """
    for root in (*MACHINE, *(USER if of_user else ())):
        for key in _subkeys(registry, rf"{root}\{WINDOWS}\Uninstall"):
            yield from _folders(_text(registry, key, "InstallLocation"), variables)
            for name in ("DisplayIcon", "UninstallString"):
                yield from _folder_of_file(_text(registry, key, name), variables)
        for key in _subkeys(registry, rf"{root}\{WINDOWS}\App Paths"):
            yield from _folder_of_file(_text(registry, key, ""), variables)
            yield from _folders(_text(registry, key, "Path"), variables)
    for name in _value_names(registry, rf"{MACHINE[0]}\{WINDOWS}\Installer\Folders"):
        yield from _folders(name, variables)


def opened_extensions(
    registry: Registry, variables: Mapping[str, str]
) -> Iterator[tuple[str, WinPath]]:
    """Yield (extension in upper case without its dot, the program that opens such files) of the machine's classes."""
    for key in _subkeys(registry, CLASSES):
        name = upcase(key.rpartition("\\")[2])
        if not name.startswith(".") or name[1:] in NO_DOCUMENTS:
            continue
        kind = _text(registry, key, "")
        program = _file(_text(registry, rf"{CLASSES}\{kind}\shell\open\command", ""), variables)
        if kind and program:
            yield name[1:], program


def holds_program(filesystem: Filesystem, directory: Entry) -> bool:
    """Tell whether a directory itself holds a program: a file called ``*.exe`` that is a PE file."""
    named = (each for each in filesystem.children(directory) if upcase(each.name).endswith(".EXE"))
    candidates = [each for each in named if not each.directory][:MOST_PROGRAMS]
    return any(_is_pe(filesystem, each) for each in candidates)


def _is_pe(filesystem: Filesystem, entry: Entry) -> bool:
    """Tell whether a file has the two signatures of a PE file; what cannot be read is taken for a document."""
    try:
        content = filesystem.open(entry)
        head = content.read_at(0, 0x40)
        if len(head) < 0x40 or head[:2] != b"MZ":
            return False
        return content.read_at(struct.unpack_from("<I", head, 0x3C)[0], 4) == b"PE\0\0"
    except SourceError:
        return False


# --- what values say ------------------------------------------------------------------------------


def _folders(text: str, variables: Mapping[str, str]) -> Iterator[WinPath]:
    for part in text.split(";"):
        path = WinPath.parse(_expanded(part, variables).strip().strip('"'))
        if path.drive and path.parts:
            yield path


def _folder_of_file(text: str, variables: Mapping[str, str]) -> Iterator[WinPath]:
    path = _file(text, variables)
    if path and len(path.parts) > 1:
        yield path.parent


def _file(text: str, variables: Mapping[str, str]) -> WinPath | None:
    r"""Return the file that a command line or an icon (``C:\x\y.exe,0``) begins with, None when there is none."""
    found = _FILE.match(_expanded(text, variables))
    path = WinPath.parse(found[1] or found[2]) if found else WinPath("")
    return path if path.drive and path.parts else None


def _expanded(text: str, variables: Mapping[str, str]) -> str:
    return re.sub("%([^%]+)%", lambda found: variables.get(upcase(found[1]), found[0]), text)


# --- reading --------------------------------------------------------------------------------------


def _subkeys(registry: Registry, key: str) -> Iterator[str]:
    try:
        names = registry.subkeys(key)
    except SourceError:
        return
    yield from (rf"{key}\{name}" for name in names)


def _text(registry: Registry, key: str, name: str) -> str:
    try:
        return registry.text(key, name)
    except SourceError:
        return ""


def _value_names(registry: Registry, key: str) -> list[str]:
    try:
        return [value.name for value in registry.values(key)]
    except SourceError:
        return []
