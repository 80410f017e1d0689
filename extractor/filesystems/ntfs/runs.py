"""Run lists (mapping pairs), decoded by dissect.ntfs: the one module that imports it."""

from __future__ import annotations

import struct

from extractor.errors import DamagedError
from extractor.model import Run

LONGEST = 1 << 62
"""Bytes; NTFS addresses less than 2**63."""


def parse_runs(raw: bytes, cluster_size: int) -> list[Run]:
    """Return the runs of a non-resident attribute, given as its bytes; raise DamagedError.

    Offsets and lengths are bytes on the volume; whether they lie within it is checked when they are read.
    """
    from dissect.ntfs.attr import AttributeHeader

    try:
        pairs = AttributeHeader.from_bytes(raw).dataruns()
    except (EOFError, IndexError, ValueError, struct.error) as error:
        raise DamagedError(f"a run list cannot be decoded ({error})") from error
    runs = [_run(cluster, count, cluster_size) for cluster, count in pairs]
    if sum(run.length for run in runs) > LONGEST:
        raise DamagedError("a run list is longer than any volume")
    return runs


def _run(cluster: int | None, count: int, cluster_size: int) -> Run:
    if count <= 0 or (cluster is not None and cluster < 0):
        raise DamagedError(f"a run list holds an impossible run ({count} clusters at {cluster})")
    return Run(None if cluster is None else cluster * cluster_size, count * cluster_size)
