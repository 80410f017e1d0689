from __future__ import annotations

import pytest

from sample_images.programs import program

STRINGS = {"FileVersion": "3.2.1.0", "ProductVersion": "3.2", "ProductName": "Acme CAD, żółw"}


def test_pefile_reads_every_version_string() -> None:
    pefile = pytest.importorskip("pefile")
    with pefile.PE(data=program(STRINGS)) as found:
        told = [each for each in found.get_warnings() if "EntryPoint" not in each]
        assert [each for each in told if "makes up" not in each] == []  # it has no code, only room
        (info,) = found.FileInfo
        table = next(each for each in info if each.Key == b"StringFileInfo").StringTable[0]
        read = {name.decode(): value.decode() for name, value in table.entries.items()}
        assert read == STRINGS
        assert table.LangID == b"040904B0"
        fixed = found.VS_FIXEDFILEINFO[0]
        assert (fixed.FileVersionMS, fixed.FileVersionLS) == (0x30002, 0x10000)


def test_pefile_finds_the_resource_by_type_name_and_language() -> None:
    pefile = pytest.importorskip("pefile")
    with pefile.PE(data=program(STRINGS)) as found:
        (kind,) = found.DIRECTORY_ENTRY_RESOURCE.entries
        (name,) = kind.directory.entries
        (language,) = name.directory.entries
        assert (kind.id, name.id, language.id) == (16, 1, 0x0409)
