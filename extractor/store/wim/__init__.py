"""A WIM file: written in one pass by all cores, read without trust, verified to the last bit.

Words defined here: blob (content known by its SHA-1, stored once), resource (a stretch of the file that holds a blob
or an image's metadata, in chunks of 32 KiB that are compressed one by one), image (a tree of names), node (one name of
it), ticket (a blob on its way in), seal (the hash that covers what the format itself leaves uncovered). Format:
Microsoft, "Windows Imaging File Format (WIM)", 2007; what the paper leaves out was learnt from wimlib's documentation.
"""

from __future__ import annotations
