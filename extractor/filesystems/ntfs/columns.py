"""How columns are laid out: what the table holds of each record, name and stream, packed, in the order of the disk."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Column = npt.NDArray[Any]
"""One value (or one structure) for each of many things."""

HOLDS, FOLDER, PLAIN = 1, 2, 4
"""Bits of ``state``: a base record in use; a directory; one that ``plain`` can speak for."""

FILE = np.dtype(
    [
        ("state", "u1"), ("sequence", "<u2"), ("tag", "<u4"),
        ("links", "<u4"), ("name", "<u4"), ("names", "<u4"), ("stream", "<u4"), ("streams", "<u4"),
        ("attributes", "<u4"), ("security", "<u4"), ("own", "<u4"), ("times", "<u8", 4),
    ]
)  # fmt: skip
"""One for each record number. ``name`` and ``stream`` are the first rows of NAME and STREAM, ``names`` and ``streams``
how many there are, ``links`` the names that are entries. ``security`` is the id of a shared descriptor, ``own`` tells
which of ``Table.descriptors`` (from 1) is the file's own. From ``stream`` on it is filled for plain files only."""

NAME = np.dtype(
    [
        ("record", "<u4"), ("parent", "<u8"), ("alias", "<u4"), ("text", "<u8"), ("units", "u1"),
        ("namespace", "u1"), ("times", "<u8", 4),
    ]
)  # fmt: skip
"""One for each $FILE_NAME: base record, reference of the directory, place (bytes) and length (UTF-16 units) of its
text among all texts. ``alias`` is the row of its DOS name plus one, or 0, or HIDDEN for a name that is no entry."""

STREAM = np.dtype(
    [
        ("record", "<u4"), ("size", "<u8"), ("valid", "<u8"), ("flags", "<u2"), ("unit", "u1"),
        ("resident", "u1"), ("text", "<u8"), ("units", "u1"), ("place", "<u8"), ("length", "<u2"),
    ]
)  # fmt: skip
"""One for each $DATA of a plain file. ``place`` and ``length`` (bytes): of its mapping pairs among all pairs, or of the
value in its record when it is resident."""


def ragged(source: Column, starts: Column, lengths: Column) -> Column:
    """Return stretches of a column, joined."""
    ends = np.cumsum(lengths)
    total = int(ends[-1]) if len(ends) else 0
    joined: Column = source[np.arange(total) + np.repeat(starts - (ends - lengths), lengths)]
    return joined


def offsets(lengths: Column) -> Column:
    """Return where each stretch of a join begins."""
    return np.cumsum(lengths) - lengths
