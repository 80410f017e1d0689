"""Selected -> Captured: metadata now, content when opened, in the order that suits the disk.

Words defined here: Policy (does an object that cannot be read end the run?), physical order, EfsCarrier (an EFS file
on its way into the store), Keychain (what such a file needs to open again).
"""

from __future__ import annotations
