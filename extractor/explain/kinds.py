"""Names of files -> what a person would miss in them, by extension; and folders that only programs fill.

A table, not a judgement: it is used to say where to look, never to leave anything out of a store.
"""

from __future__ import annotations

from collections.abc import Mapping

from extractor.model import upcase
from extractor.rules.patterns import ending

_TABLE = {
    "documents": "doc docx docm dot dotx odt ods odp odg pdf rtf txt wpd wps tex xls xlsx xlsm xlsb csv "
    "ppt pptx pptm pps ppsx vsd vsdx pub one mpp pages numbers key epub",
    "pictures": "jpg jpeg png tif tiff bmp heic raw cr2 cr3 nef arw dng orf psd ai eps svg xcf indd",
    "recordings": "mp3 m4a wav flac ogg wma mp4 mov avi mkv wmv mts",
    "databases": "mdb accdb db sqlite sqlite3 mdf ldf ndf fdb gdb dbf kdbx qdf qbw gnucash",
    "mail": "pst ost nst eml msg mbox dbx wab vcf ics",
    "archives": "zip 7z rar tar gz tgz bz2 xz bak bkf vhd vhdx vmdk vdi iso wim",
    "drawings": "dwg dxf dwf rvt rfa skp step stp stl 3dm blend ipt iam sldprt sldasm",
    "keys": "pfx p12 ppk kdb gpg asc",
}
_KINDS: Mapping[str, str] = {
    upcase(each): kind for kind, endings in _TABLE.items() for each in endings.split()
}

_CACHES = """Cache|Caches|Cache_Data|Cache2|CacheStorage|Code Cache|GPUCache|ShaderCache|DawnCache|D3DSCache|\
Service Worker|INetCache|Temporary Internet Files|Temp|Tmp|Crashpad|CrashDumps|Crash Reports|Logs|WER|\
Package Cache|Installer|node_modules|__pycache__"""
CACHES = frozenset(map(upcase, _CACHES.split("|")))
"""Names of folders, upper case, whose content can be had again."""


def kind_of(name: str) -> str:
    """Return what kind of user data a file name speaks of, empty when of none."""
    return _KINDS.get(ending(upcase(name)) or "", "")
