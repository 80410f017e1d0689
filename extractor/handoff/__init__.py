"""Images -> a folder that genuine ScanState can work on: each disk as VHDX or VHD, Offline.xml, Config.xml, a sheet.

ScanState itself is run by whoever has a licence, never here, and what it makes of the disk is nothing we can promise.
The evidence is only read; Windows mounts a differencing child of the copy, so that not even the copy is written to.
"""

from __future__ import annotations
