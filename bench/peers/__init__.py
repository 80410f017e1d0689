"""The peers, each as plainly as its library's examples use it: a program that copies folders out of an image.

``python -m bench.peers.NAME IMAGE OFFSET OUT FOLDER…`` copies the content of every file below ``FOLDER``
(``Users/bob``) of the NTFS volume at ``OFFSET`` (bytes) to ``OUT/Users/bob/…``: no named streams, no times, no hashes.
"""

from __future__ import annotations

PROFILES = ("Users/alice", "Users/bob", "Users/carol")
