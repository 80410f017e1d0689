"""Coldstate, an offline ScanState for Linux: a disk image goes in, a verified migration store comes out.

The packages in reading order are the pipeline; ``scan.py`` is the run itself, top to bottom:

images       Path -> Image                  the bytes of a disk
volumes      Image -> Volume...             partitions; what is encrypted or unknown is named
filesystems  Volume -> Filesystem           entries, metadata, streams
registry     hive file -> Hive              keys and values, raw
(plug-ins)   Filesystem... -> Candidate     locators: every Windows and Windows.old, with evidence
windows      Candidate -> WindowsInstall    Offline.xml, drive letters, users, environment
rules        MigXML -> RuleSet              components, patterns, variables
select       RuleSet x WindowsInstall       what is taken, by which rule, and what is not
gather       Selected -> Captured           metadata now, data when opened
store        Captured -> STORE/USMT         the mirror layout, the catalog, the manifest
report       Event -> files                 ledger, logs, exit code
cli          argv -> exit code

Between ``scan`` and the stages: ``machine`` opens the disks, ``transfer`` brings each object to its end, ``header`` is
the manifest's first line. Below all: ``model`` (values), ``filetime``, ``errors``, ``events``, ``seams``, ``xmlfile``,
``testing``.
"""

from __future__ import annotations
