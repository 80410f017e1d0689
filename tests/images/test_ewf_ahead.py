"""Reading chunks ahead: what is decoded when, how much of it is kept, and that threads end."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest

from extractor.errors import DamagedError
from extractor.images import ewf_ahead
from extractor.images.ewf_ahead import ReadAhead
from extractor.images.ewf_chunks import Content, Unreadable

CHUNK = 32 << 10
BATCH = ewf_ahead.BATCH // CHUNK
FURTHEST = ewf_ahead.FURTHEST // ewf_ahead.BATCH
COUNT = 6000


def content(number: int) -> bytes:
    return number.to_bytes(4, "big") * (CHUNK // 4)


class Source:
    """Decodes chunks of its own making, and knows which it was asked for."""

    def __init__(self, bad: Sequence[int] = ()) -> None:
        self.decoded: list[int] = []
        self._bad = bad

    def decode(self, first: int, count: int) -> list[Content]:
        numbers = range(first, first + count)
        self.decoded.extend(numbers)
        return [Unreadable(f"chunk {n} is bad") if n in self._bad else content(n) for n in numbers]


def bytes_at(offset: int, length: int) -> bytes:
    first, last = offset // CHUNK, (offset + length - 1) // CHUNK
    whole = b"".join(map(content, range(first, last + 1)))
    return whole[offset - first * CHUNK :][:length]


def settled(ahead: ReadAhead, source: Source) -> list[int]:
    """Return what was decoded once the threads have nothing left to do."""
    ahead.close()
    return sorted(source.decoded)


def test_a_read_here_and_there_decodes_the_chunks_it_needs_alone() -> None:
    source = Source()
    ahead = ReadAhead(source.decode, CHUNK, COUNT)
    places = random.Random(3).sample(range(0, COUNT, 2 * BATCH), 50)
    for number in places:
        assert ahead.read(number * CHUNK + 7, 100) == bytes_at(number * CHUNK + 7, 100)
    assert settled(ahead, source) == sorted(places)


def test_reads_that_go_on_are_decoded_once_each_and_ahead() -> None:
    source = Source()
    ahead = ReadAhead(source.decode, CHUNK, COUNT)
    end = 20 * ewf_ahead.BATCH
    for offset in range(0, end, 5000):
        assert ahead.read(offset, 5000) == bytes_at(offset, 5000)
    decoded = settled(ahead, source)
    assert decoded == list(range(len(decoded)))
    assert 20 * BATCH < len(decoded) <= (21 + FURTHEST) * BATCH


def test_large_reads_give_what_small_ones_give() -> None:
    source = Source()
    ahead = ReadAhead(source.decode, CHUNK, 301)
    for low, high in pairwise([0, 1, CHUNK, 4_000_001, 4_000_002, 9_000_000, 301 * CHUNK]):
        assert ahead.read(low, high - low) == bytes_at(low, high - low)
    assert settled(ahead, source) == list(range(301))


def test_threads_that_read_at_once_get_their_own_bytes() -> None:
    source = Source()
    ahead = ReadAhead(source.decode, CHUNK, COUNT)

    def follow(start: int) -> None:
        for offset in range(start, start + (6 << 20), 41_000):
            assert ahead.read(offset, 50_000) == bytes_at(offset, 50_000)

    with ThreadPoolExecutor(6) as pool:
        for done in [pool.submit(follow, start << 20) for start in (0, 0, 1, 20, 21, 90)]:
            done.result()
    ahead.close()


def test_memory_is_bounded_however_much_is_read() -> None:
    source = Source()
    ahead = ReadAhead(source.decode, CHUNK, COUNT)
    most = 0
    for offset in range(0, COUNT * CHUNK, 1 << 20):
        ahead.read(offset, min(1 << 20, COUNT * CHUNK - offset))
        with ahead._cache.lock:
            kept = [each for batch in ahead._cache.batches.values() for each in batch.contents]
            most = max(most, 2 * CHUNK * sum(isinstance(each, bytes) for each in kept))
    # What threads have decoded in this moment is not counted yet.
    under_way = 2 * ewf_ahead.BATCH * len(os.sched_getaffinity(0))
    assert ewf_ahead.KEPT // 2 < most <= ewf_ahead.KEPT + under_way
    assert settled(ahead, source) == list(range(COUNT))


def test_bad_chunks_without_end_take_no_memory_without_end() -> None:
    count = 1 << 40
    ahead = ReadAhead(lambda first, number: [Unreadable("it is missing")] * number, CHUNK, count)
    for number in range(0, count, count >> 14):
        with pytest.raises(DamagedError, match="it is missing"):
            ahead.read(number * CHUNK, 1)
    assert len(ahead._cache.batches) <= ewf_ahead.KEPT // 64
    ahead.close()


def test_a_bad_chunk_spoils_only_the_reads_that_touch_it() -> None:
    ahead = ReadAhead(Source(bad=[40]).decode, CHUNK, COUNT)
    for offset in range(0, 80 * CHUNK, CHUNK // 2):
        if offset // CHUNK == 40:
            with pytest.raises(DamagedError, match="chunk 40 is bad"):
                ahead.read(offset, CHUNK // 2)
        else:
            assert ahead.read(offset, CHUNK // 2) == bytes_at(offset, CHUNK // 2)
    with pytest.raises(DamagedError, match="chunk 40 is bad"):
        ahead.read(0, 80 * CHUNK)
    ahead.close()


def test_no_thread_is_left_and_none_is_started_by_one_read() -> None:
    def threads() -> int:
        return sum(each.name.startswith("ewf") for each in threading.enumerate())

    before = threads()
    ahead = ReadAhead(Source().decode, CHUNK, COUNT)
    ahead.read(0, 512)
    assert threads() == before
    ahead.read(0, 8 << 20)
    assert threads() > before
    ahead.close()
    assert threads() == before
    assert ahead.read(100, 5) == bytes_at(100, 5)
    assert threads() == before
