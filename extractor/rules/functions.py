"""The helper functions of MigXML: where each may stand, and how many arguments it takes.

Source: USMT "XML elements library", with what Microsoft's own rule files use besides (usmt.md 3.8). All parameters
are strings, and NULLs at the end may be left out: ``least`` counts what a call cannot do without.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Flag, auto


class Use(Flag):
    """Where a function may stand; a function may have several uses."""

    NONE = 0
    CONDITION = auto()
    """In ``condition``."""
    FILTER = auto()
    """The ``filter`` of include, exclude and their like."""
    CONTENT = auto()
    """The ``filter`` of ``content``."""
    GENERATOR = auto()
    """A ``script`` that makes patterns."""
    STRING = auto()
    """The ``script`` of a variable."""
    LOAD = auto()
    """The ``script`` of merge, locationModify and contentModify."""
    PROCESSING = auto()
    """The ``script`` elements of ``processing``."""
    INTERNAL = auto()
    """Windows' own settings on a live destination: recognised, never run."""


@dataclass(frozen=True, slots=True)
class Function:
    """A helper function; ``least`` and ``most`` bound the number of its arguments."""

    name: str
    uses: Use
    least: int
    most: int


MANY = 255
"""``most`` of a function that takes as many arguments as one likes."""

_TABLE = {
    Use.CONDITION: """
        DoesOSMatch 2 2
        IsNative64Bit 0 0
        IsOSLaterThan 2 2
        IsOSEarlierThan 2 2
        DoesObjectExist 2 2
        DoesFileVersionMatch 3 3
        IsFileVersionAbove 3 3
        IsFileVersionBelow 3 3
        IsSystemContext 0 0
        DoesStringContentEqual 3 3
        DoesStringContentContain 3 3
        IsSameObject 3 3
        IsSameContent 4 4
        IsSameStringContent 4 4
        IsUpgrade 0 0
        IsMigrationScope 1 1
    """,
    Use.FILTER: """
        AnswerNo 0 0
        CompareStringContent 1 2
        IgnoreIrrelevantLinks 0 0
        NeverRestore 0 0
        SameRegContent 0 *
        FileProperties 3 3
    """,
    Use.CONTENT: """
        ExtractSingleFile 0 2
        ExtractMultipleFiles 0 2
        ExtractDirectory 0 3
        ExtractSingleFileAnsiBin 0 2
        ExtractSingleFileUnicodeBin 0 2
    """,
    Use.GENERATOR: """
        GenerateDrivePatterns 2 2
        GenerateUserPatterns 2 3
        GenerateDocPatterns 0 3
    """,
    Use.STRING: """
        GetStringContent 2 5
    """,
    Use.LOAD: """
        ConvertToDWORD 0 1
        ConvertToString 0 1
        ConvertToBinary 0 0
        OffsetValue 1 1
        SetValueByTable 2 3
        KeepExisting 1 *
        MergeMultiSzContent 2 *
        MergeDelimitedContent 3 *
        MergeShellLibraries 0 2
        SetPstPathInMapiStruct 0 0
        UpdateMvBinaryMapiStruct 0 0
        ExactMove 1 1
        RelativeMove 2 2
        Move 1 1
        SourcePriority 0 0
        DestinationPriority 0 0
        FindFilePlaceByPattern 1 1
        LeafPattern 0 *
        NewestVersion 1 1
        HigherValue 0 0
        LowerValue 0 0
    """,
    Use.PROCESSING: """
        AskForLogoff 0 0
        ConvertToShortFileName 1 1
        KillExplorer 0 0
        RegisterFonts 1 1
        RemoveEmptyDirectories 1 1
        RestartExplorer 0 0
        StartService 1 *
        StopService 1 1
        SyncSCM 1 1
    """,
    Use.LOAD | Use.INTERNAL: """
        ConvertToOfficeLangID 3 3
    """,
    Use.LOAD | Use.PROCESSING | Use.INTERNAL: """
        AntiAlias 0 *
        ConvertScreenSaver 0 *
        ConvertShowIEOnDesktop 0 *
        MigrateActiveDesktop 0 *
        MigrateAppearanceUPM 0 *
        MigrateDisplayCS 0 *
        MigrateDisplaySS 0 *
        MigrateIEAutoSearch 0 *
        MigrateMouseUPM 0 *
        MigrateSoundSysTray 0 *
        MigrateTaskBarSS 0 *
        SetPstPathInMapiStruc 0 *
    """,
}


def _functions() -> Iterator[Function]:
    for uses, rows in _TABLE.items():
        for row in rows.strip().splitlines():
            name, least, most = row.split()
            yield Function(name, uses, int(least), MANY if most == "*" else int(most))


FUNCTIONS: Mapping[str, Function] = {each.name.lower(): each for each in _functions()}
"""Every function of the language by its name in lower case."""
