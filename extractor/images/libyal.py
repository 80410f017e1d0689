"""What the bindings of the libyal libraries (pyewf and its like) have in common: how they fail."""

from __future__ import annotations

FOREIGN = (OSError, MemoryError, OverflowError, RuntimeError, ValueError, TypeError, SystemError)
"""What a binding raises for bad input: OSError mostly, the others where it converts a hostile number or name."""


def brief(error: BaseException) -> str:
    """Return the cause in a libyal error: its frames are joined outermost first, and the second is the innermost.

    ``pyewf_handle_open: unable to open handle. libcfile_file_open: no such file. …`` gives ``no such file``.
    """
    frames = " ".join(str(error).split()).rstrip(".").split(". ")
    frame = frames[min(1, len(frames) - 1)]
    return frame.split(": ", 1)[-1] or type(error).__name__
