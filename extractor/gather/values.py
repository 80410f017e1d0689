"""Keys, registry and INI values, pretended objects: Selected -> Captured, for selection holds all of their content."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import ClassVar

from extractor.filesystems.memory import BytesStream
from extractor.model import ObjectKind, Selected
from extractor.seams import Captured, Filesystem, Stream

KINDS = frozenset({ObjectKind.KEY, ObjectKind.VALUE})


class ValueGatherer:
    """Takes what needs no volume to be read again (seam: Gatherer); yields in the order given: hive by hive."""

    name: ClassVar[str] = "values"

    def gather(
        self, chosen: Iterable[Selected], _filesystems: Mapping[str, Filesystem], /
    ) -> Iterator[Captured]:
        """Yield a Captured for each key and value, and for each object of addObjects whatever its kind."""
        for each in chosen:
            if each.kind in KINDS or each.pretended:
                yield Captured(selected=each, open=partial(_content, each))


def _content(selected: Selected, _stream: str) -> Stream:
    return BytesStream(selected.value.data if selected.value else b"")
