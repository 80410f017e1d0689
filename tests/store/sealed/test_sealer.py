"""What is written: parts of any size, in any order within the window, and errors that stay what they are."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractor.errors import StoreError
from extractor.store.sealed.age import seal
from extractor.store.sealed.keys import SealingKeys
from extractor.store.sealed.opener import open_sealed
from extractor.store.sealed.sealer import Sealer
from extractor.store.tree import open_tree
from tests.store.sealed.build import FILES, IDENTITY, RECIPIENTS, WIM, make_sealed, with_passphrase


def names(directory: Path) -> list[str]:
    found = directory.rglob("*")
    return sorted(str(each.relative_to(directory)) for each in found if each.is_file())


def test_every_file_is_sealed_and_the_sums_are_plain(tmp_path: Path) -> None:
    make_sealed(tmp_path, part=400)
    assert names(tmp_path) == [
        "catalog.sqlite.age", "open-catalog/manifest.jsonl.age", "parts.json.age", "sealed.sha256",
        "store.wim.00000.age", "store.wim.00001.age", "store.wim.00002.age",
    ]  # fmt: skip
    for line in (tmp_path / "sealed.sha256").read_text().splitlines():
        digest, _, name = line.partition("  ")
        assert hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() == digest


def test_nothing_plain_is_left(tmp_path: Path) -> None:
    make_sealed(tmp_path)
    everything = b"".join((tmp_path / name).read_bytes() for name in names(tmp_path))
    assert b"alice" not in everything
    assert WIM[:32] not in everything


STEP = st.one_of(
    st.tuples(st.just("write"), st.integers(0, 700), st.binary(max_size=200)),
    st.tuples(st.just("read"), st.integers(0, 900), st.integers(0, 400)),
    st.tuples(st.just("cut"), st.integers(0, 700), st.just(0)),
    st.tuples(st.just("append"), st.just(0), st.binary(max_size=200)),
)


@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(STEP, max_size=12),
    part=st.integers(20, 300),
    head=st.integers(1, 64),
    reads=st.lists(st.tuples(st.integers(0, 900), st.integers(0, 900)), max_size=4),
)
def test_what_was_written_in_any_order_is_read_at_any_offset(
    tmp_path_factory: pytest.TempPathFactory,
    steps: list[tuple[str, int, bytes | int]],
    part: int,
    head: int,
    reads: list[tuple[int, int]],
) -> None:
    expected = bytearray()
    directory = tmp_path_factory.mktemp("sealed")
    with open_tree(directory) as tree:
        sealer = Sealer(tree, RECIPIENTS, part=part, head=head)
        file = sealer.create("a")
        for step, offset, what in steps:
            if isinstance(what, bytes):
                at = len(expected) if step == "append" else offset
                assert step == "write" or file.append(what) == at
                file.write_at(at, (what[:3], what[3:]))
                if what:
                    expected.extend(bytes(max(0, at - len(expected))))
                    expected[at : at + len(what)] = what
            elif step == "read":
                assert file.read_at(offset, what) == expected[offset : offset + what]
            else:
                file.truncate(offset)
                del expected[offset:]
                expected.extend(bytes(offset - len(expected)))
            assert file.size == len(expected)
        file.finish()
        sealer.finish()
    with open_sealed(directory, identities=[IDENTITY]) as opener:
        reader = opener.open("a")
        assert reader.size == len(expected)
        assert opener.read("a") == expected
        for at, length in reads:
            assert reader.read_at(at, length) == expected[at : at + length]
        opener.check()


@pytest.mark.parametrize("keys", [RECIPIENTS, with_passphrase])
def test_a_part_that_left_memory_is_opened_again(
    tmp_path: Path, keys: SealingKeys | Callable[[], SealingKeys]
) -> None:
    given_keys = keys() if callable(keys) else keys
    with open_tree(tmp_path) as tree:
        sealer = Sealer(tree, given_keys, part=10, head=4)
        file = sealer.create("a")
        file.append(b"HEAD" + b"1" * 10 + b"2" * 10 + b"3" * 10)
        assert "a.00001.age" in names(tmp_path)
        assert "a.00003.age" not in names(tmp_path)
        file.write_at(3, (b"..",))
        assert file.read_at(0, 99) == b"HEA..111111111" + b"2" * 10 + b"3" * 10
        file.finish()
        sealer.finish()
    with open_sealed(
        tmp_path, identities=given_keys.session if given_keys.identity_file else [IDENTITY]
    ) as opener:
        assert opener.read("a") == b"HEA..111111111" + b"2" * 10 + b"3" * 10


def test_what_is_cut_off_leaves_no_part(tmp_path: Path) -> None:
    with open_tree(tmp_path) as tree:
        sealer = Sealer(tree, RECIPIENTS, part=10, head=4)
        file = sealer.create("a")
        file.append(b"x" * 100)
        file.truncate(16)
        file.finish()
        sealer.finish()
    assert [each for each in names(tmp_path) if each.startswith("a.")] == [
        f"a.0000{n}.age" for n in range(3)
    ]
    with open_sealed(tmp_path, identities=[IDENTITY]) as opener:
        assert opener.read("a") == b"x" * 16


def test_a_part_that_cannot_be_read_again_ends_the_run(tmp_path: Path) -> None:
    with open_tree(tmp_path) as tree:
        sealer = Sealer(tree, RECIPIENTS, part=10, head=4)
        file = sealer.create("a")
        file.append(b"x" * 40)
        part = tmp_path / "a.00001.age"
        part.write_bytes(part.read_bytes()[:-1])
        with pytest.raises(StoreError, match=r"a\.00001\.age: cannot be read again"):
            file.read_at(4, 1)


def test_a_hole_over_many_parts_is_zeros(tmp_path: Path) -> None:
    with open_tree(tmp_path) as tree:
        sealer = Sealer(tree, RECIPIENTS, part=8, head=4)
        file = sealer.create("a")
        file.write_at(60, (b"end",))
        file.finish()
        sealer.finish()
    with open_sealed(tmp_path, identities=[IDENTITY]) as opener:
        assert opener.read("a") == bytes(60) + b"end"


def test_a_file_is_sealed_in_a_stream(tmp_path: Path) -> None:
    content = b"0123456789abcdef" * 200_000
    with open_tree(tmp_path) as tree:
        sealer = Sealer(tree, RECIPIENTS)
        sealer.seal("large", io.BytesIO(content))
        sealer.finish()
    target = io.BytesIO()
    with open_sealed(tmp_path, identities=[IDENTITY]) as opener:
        opener.copy("large", target)
        assert opener.names == ("large",)
        assert opener.size("large") == len(content)
    assert target.getvalue() == content


def test_errors_of_source_and_target_stay_what_they_are(tmp_path: Path) -> None:
    class Failing(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise KeyboardInterrupt

    with open_tree(tmp_path) as tree:
        sealer = Sealer(tree, RECIPIENTS)
        with pytest.raises(KeyboardInterrupt):
            sealer.seal("a", Failing())

    with (
        Path("/dev/full").open("wb", buffering=0) as full,
        pytest.raises(OSError, match="No space"),
    ):
        seal(b"x" * 100_000, full, RECIPIENTS.recipients)


def test_a_full_disk_while_a_file_is_copied_out_is_no_damage(tmp_path: Path) -> None:
    make_sealed(tmp_path)
    with (
        open_sealed(tmp_path, identities=[IDENTITY]) as opener,
        Path("/dev/full").open("wb", buffering=0) as full,
        pytest.raises(OSError, match="No space"),
    ):
        opener.copy("catalog.sqlite", full)


@pytest.mark.parametrize(
    "name", ["", "../a", "a/../b", "/a", "a//b", "a\n", "identity", "parts.json", ".", "a/.."]
)
def test_a_name_that_leads_out_or_is_taken_is_a_defect(tmp_path: Path, name: str) -> None:
    with open_tree(tmp_path) as tree:
        sealer = Sealer(tree, RECIPIENTS)
        with pytest.raises(ValueError, match="cannot be the name"):
            sealer.seal(name, b"")


def test_a_file_that_was_not_finished_is_a_defect(tmp_path: Path) -> None:
    with open_tree(tmp_path) as tree:
        sealer = Sealer(tree, RECIPIENTS)
        sealer.create("a")
        with pytest.raises(ValueError, match="'a' is sealed already"):
            sealer.seal("a", b"")
        with pytest.raises(ValueError, match="'a' was not finished"):
            sealer.finish()


def test_the_files_of_the_sample_come_back(tmp_path: Path) -> None:
    make_sealed(tmp_path)
    with open_sealed(tmp_path, identities=[IDENTITY]) as opener:
        assert {name: opener.read(name) for name in opener.names} == {"store.wim": WIM, **FILES}
