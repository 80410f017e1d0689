"""Faults on purpose: the end of a process, of the room or of the disk at every call that writes, and flipped bits.

``fault.c`` is preloaded into a process that forks for each trial (``engine``); ``runs`` is what is tried.
"""
