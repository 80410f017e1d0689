"""``/p:file``: what the store would take, as USMT's XML (usmt.md 6.5)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from extractor.errors import EstimateFileError
from extractor.model import Selected, StreamInfo

CLUSTERS = (512, 1024, 2048, 4096, 8192, 16384, 32768, 65536)
"""Cluster sizes for which the store is measured: what NTFS is formatted with."""

COMPRESSION_UNIT = 16
"""Clusters that NTFS compresses together: what was one cluster may become as many, never more."""


class Estimate:
    """Adds up the space that stored streams take, in whole clusters."""

    def __init__(self) -> None:
        self._taken = dict.fromkeys(CLUSTERS, 0)

    def add(self, size: int) -> None:
        """Count one stream of ``size`` bytes."""
        for cluster in CLUSTERS:
            self._taken[cluster] += -(-size // cluster) * cluster

    def size(self, cluster: int = 4096) -> int:
        """Return the bytes taken on a file system of that cluster size."""
        return self._taken[cluster]

    def xml(self) -> str:
        """Return the document; nothing is needed temporarily, for a store is written in its place."""
        sizes = "".join(
            f'    <size clusterSize="{cluster}">{taken}</size>\n'
            for cluster, taken in self._taken.items()
        )
        return (
            '<?xml version="1.0" encoding="UTF-8"?>\n<PreMigration>\n'
            f"  <storeSize>\n{sizes}  </storeSize>\n"
            "  <temporarySpace>\n    <size>0</size>\n  </temporarySpace>\n</PreMigration>\n"
        )


def estimate(chosen: Iterable[Selected]) -> Estimate:
    """Return the space that a store of these objects takes."""
    sums = Estimate()
    for stream in (stream for each in chosen for stream in each.metadata.streams):
        sums.add(_space(stream))
    return sums


def space_needed(selected: Selected) -> int:
    """Return the bytes that an object takes in a store."""
    return sum(map(_space, selected.metadata.streams))


def _space(stream: StreamInfo) -> int:
    """Holes stay holes in a store; what is compressed on the volume does not stay compressed."""
    if stream.wof:
        return stream.size
    most = stream.allocated * COMPRESSION_UNIT if stream.compressed else stream.allocated
    return min(stream.size, most) if stream.sparse or stream.compressed else stream.size


def write_estimate(path: Path, estimate: Estimate) -> None:
    """Write the document to a new file; raise EstimateFileError (41) when it exists or cannot be written."""
    try:
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(estimate.xml())
    except FileExistsError as error:
        raise EstimateFileError(f"{path} exists already; an estimate never overwrites") from error
    except OSError as error:
        raise EstimateFileError(f"{path} cannot be written: {error.strerror or error}") from error
