"""Whatever a run keeps of an object, an opened store gives back."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractor.errors import CorruptStoreError, NoSuchStoreError
from extractor.model import (
    EfsFile,
    EfsUser,
    Metadata,
    ObjectKind,
    OutcomeKind,
    Record,
    RegistryValue,
    Reparse,
    StreamInfo,
    StreamRecord,
    Times,
    WinPath,
)
from extractor.store.catalog import create_catalog
from extractor.store.opened import open_store
from extractor.testing import FakeFile, FakeFilesystem
from tests.store.build import make_store

UNITS = st.text(st.characters(codec=None, exclude_characters="\0"), min_size=1, max_size=8)
UINT64 = st.integers(0, (1 << 64) - 1)
TIMES = st.builds(Times, UINT64, UINT64, UINT64, UINT64)
STREAMS = st.lists(UNITS, max_size=3, unique=True).map(
    lambda names: tuple(
        StreamInfo(name, len(name), 5, 6, sparse=True, wof="LZX") for name in ("", *sorted(names))
    )
)


@st.composite
def stored_records(draw: st.DrawFn) -> Record:
    infos = draw(STREAMS)
    reparse = draw(
        st.none() | st.builds(Reparse, st.integers(0, (1 << 32) - 1), st.binary(max_size=9), UNITS)
    )
    metadata = Metadata(
        draw(st.integers(0, (1 << 32) - 1)),
        draw(TIMES),
        draw(TIMES),
        infos,
        b"sd",
        "O:BA",
        reparse,
        2,
        "{id}",
        b"ea",
    )
    efs = draw(
        st.none() | st.just(EfsFile("raw", 9, (EfsUser("user", "S-1", "bob", "AB"),), "yes", "key"))
    )
    return Record(
        ObjectKind.FILE, WinPath("C:", tuple(draw(st.lists(UNITS, min_size=1, max_size=4)))), "v1", "S-1-5",
        OutcomeKind.STORED, "", "r.xml:3", 0, "ab" * 32,
        tuple(StreamRecord(info.name, info.size, "cd" * 32) for info in infos if info.name),
        draw(UINT64), 7, "File/C$/a", "A~1", metadata, efs=efs,
    )  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(stored_records())
def test_a_row_gives_back_the_record_that_it_was_made_of(record: Record) -> None:
    catalog = create_catalog(":memory:", Path("place"))
    catalog.add(record, {"": "", **{each.name: "streams/x" for each in record.streams}})
    catalog.settle()
    [found] = catalog.objects()
    catalog.close()
    assert _by_name(found.record) == _by_name(record)
    assert found.content is not None
    assert found.content.stored_as == "File/C$/a"
    assert {each.stored_as for each in found.streams if each.name} <= {"streams/x"}


def _by_name(record: Record) -> tuple[object, ...]:
    streams = sorted(
        record.streams, key=lambda each: each.name.encode("utf-16-le", "surrogatepass")
    )
    metadata = record.metadata
    assert metadata
    about = (
        metadata.times,
        metadata.name_times,
        metadata.reparse,
        metadata.attributes,
        metadata.security,
    )
    return (record.path, about, record.record, record.efs, record.outcome, streams)


def test_a_value_comes_back_with_its_data() -> None:
    value = RegistryValue("n\ud800", 3, b"\0\1", "replayed")
    record = Record(
        ObjectKind.VALUE, WinPath("HKLM", ("A", "[n\\x]")), "", "", OutcomeKind.STORED, value=value
    )
    catalog = create_catalog(":memory:", Path("place"))
    catalog.add(record, {})
    catalog.settle()
    [found] = catalog.objects("kind = 'value'")
    catalog.close()
    assert found.record.value == value
    assert found.record.path == record.path


def test_an_opened_store_reads_what_was_stored(tmp_path: Path) -> None:
    disk = FakeFilesystem(
        {"Users\\a.txt": FakeFile(b"content", streams={"s": b"named"}), "Users\\empty": b""}
    )
    make_store(tmp_path, disk)
    with open_store(tmp_path) as store:
        found = {each.record.path.name: each for each in store.objects()}
        read = {}
        for name, one in found.items():
            for each in one.streams:
                if each.stored_as:
                    with store.open(each.stored_as) as file:
                        read[name, each.name] = file.read()
        assert store.header["loadstate_readable"] is False
        assert store.trailer["objects"] == len(found)
        with pytest.raises(CorruptStoreError, match="missing from the store"):
            store.open("File/../../etc/passwd")
    assert read == {("a.txt", ""): b"content", ("a.txt", "s"): b"named", ("empty", ""): b""}


def test_a_folder_without_a_store_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NoSuchStoreError):
        open_store(tmp_path)
