"""A finished store -> what other tools read: tar, zip, BagIt, DFXML, CSV, JSON lines, TSK's body file.

Words defined here: member (one name of an archive), notes (``export.jsonl``: what an archive does not hold, and
what is called otherwise in it). Every content is hashed while it is copied and compared with the catalog.
"""

from __future__ import annotations
