"""Reads of any range from chunks that are costly to decode: those near each other are decoded together, ahead of need.

Chunks are kept in batches. Whoever reads one chunk here and one there has only these decoded. A read that goes on
where an earlier one ended has the rest of the batch decoded at once, and threads of our own go on with the batches
behind it: one, then two, then four, as long as reads follow.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from weakref import WeakSet

from extractor.errors import DamagedError
from extractor.images.ewf_chunks import Content, Unreadable

BATCH = 1 << 20
"""Bytes of the medium that one task decodes."""
KEPT = 48 << 20
"""Bytes of memory that decoded chunks may take, those in use apart."""
FURTHEST = 4 << 20
"""Bytes that are decoded ahead of a read at most."""

PENDING = Unreadable("it is not decoded yet")

Decode = Callable[[int, int], list[Content]]
"""From a chunk's number and a count: what these chunks hold. Safe to call from several threads."""


class Batch:
    """Neighbouring chunks, each decoded when it is wanted; ``lock`` is held while that is done."""

    __slots__ = ("ahead", "contents", "cost", "filled", "first", "lock", "queued", "touched")

    def __init__(self, first: int, count: int) -> None:
        self.first = first
        self.contents: list[Content] = [PENDING] * count
        self.filled = 0
        """One bit for each chunk that is decoded."""
        self.cost = 0
        """Bytes of memory, as the cache counts them."""
        self.queued = False
        """True once a thread of ours was told to decode all of it."""
        self.touched = False
        """True once somebody read from it."""
        self.ahead = 0
        """How many batches behind this one are decoded ahead."""
        self.lock = Lock()

    def has(self, low: int, high: int) -> bool:
        """Tell whether chunks [low, high) of the batch are decoded."""
        wanted = (1 << high) - (1 << low)
        return self.filled & wanted == wanted

    def fill(self, low: int, high: int, decode: Decode) -> int:
        """Decode what is missing of chunks [low, high); return how much more memory that takes, in bytes."""
        while low < high and self.has(low, low + 1):
            low += 1
        while low < high and self.has(high - 1, high):
            high -= 1
        if low == high:
            return 0
        added = decode(self.first + low, high - low)
        self.contents[low:high] = added
        self.filled |= (1 << high) - (1 << low)
        # A stored chunk is a view of what was read from the segment, and may keep as much once more.
        return sum(64 if isinstance(each, Unreadable) else 2 * len(each) for each in added)


class Cache:
    """Batches by number, the least recently used first, and the threads that decode ahead."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.batches: OrderedDict[int, Batch] = OrderedDict()
        self.cost = 0
        self.pool: ThreadPoolExecutor | None = None


class ReadAhead:
    """The bytes of a medium of ``count`` chunks, by range; safe for several threads and after a fork."""

    def __init__(self, decode: Decode, chunk_size: int, count: int) -> None:
        self._decode = decode
        self._size = chunk_size
        self._count = count
        self._per_batch = max(1, BATCH // chunk_size)
        self._furthest = FURTHEST // (self._per_batch * chunk_size)
        self._closed = False
        self.forget()
        _open.add(self)

    def forget(self) -> None:
        """Begin anew without threads or chunks: those of a parent process are of no use to its child."""
        self._cache = Cache()

    def read(self, offset: int, length: int) -> bytes:
        """Return bytes that lie within the medium; raise DamagedError that says why the first bad chunk is bad."""
        first, last = offset // self._size, (offset + length - 1) // self._size
        contents = self._contents(first, last + 1)
        start = offset - first * self._size
        if len(contents) == 1:
            return bytes(memoryview(contents[0])[start : start + length])
        contents[0] = memoryview(contents[0])[start:]
        contents[-1] = memoryview(contents[-1])[: offset + length - last * self._size]
        return b"".join(contents)

    def _contents(self, first: int, end: int) -> list[bytes | bytearray | memoryview]:
        size = self._per_batch
        last = (end - 1) // size
        found: list[bytes | bytearray | memoryview] = []
        for index in range(first // size, last + 1):
            self._start(self._cache, index + 1, min(last, index + self._furthest) + 1)
            low, high = max(first - index * size, 0), min(end - index * size, size)
            for content in self._of_batch(index, low, high):
                if isinstance(content, Unreadable):
                    raise DamagedError(content.reason)
                found.append(content)
        return found

    def _of_batch(self, index: int, low: int, high: int) -> list[Content]:
        """Return chunks [low, high) of a batch, all decoded."""
        cache = self._cache
        with cache.lock:
            batch = self._batch(cache, index)
            before = cache.batches.get(index - 1)
        if not batch.touched or not batch.has(low, high):
            onward = self._follow(batch, before, low)
            if onward:
                self._start(cache, index + 1, index + 1 + batch.ahead)
            with batch.lock:
                cost = batch.fill(low, len(batch.contents) if onward else high, self._decode)
            self._charge(cache, index, batch, cost)
        return batch.contents[low:high]

    def _follow(self, batch: Batch, before: Batch | None, low: int) -> bool:
        """Tell whether a read goes on where another ended, and how far ahead that lets us go."""
        far = before.ahead if before else 0
        if batch.queued or (before is not None and before.touched):
            batch.ahead = batch.ahead or min(self._furthest, 2 * far or 1)
        elif batch.touched and batch.filled & ((1 << low) - 1):
            batch.ahead = batch.ahead or min(self._furthest, 1)
        batch.touched = True
        return bool(batch.ahead)

    def _start(self, cache: Cache, index: int, end: int) -> None:
        """Have batches [index, end) decoded by threads of ours, if there are any."""
        if index >= end:
            return
        with cache.lock:
            if self._closed:
                return
            for each in range(index, min(end, -(-self._count // self._per_batch))):
                batch = self._batch(cache, each)
                if not batch.queued and not batch.has(0, len(batch.contents)):
                    batch.queued = True
                    cache.pool = cache.pool or ThreadPoolExecutor(
                        len(os.sched_getaffinity(0)), "ewf"
                    )
                    cache.pool.submit(self._fill, cache, each, batch)

    def _fill(self, cache: Cache, index: int, batch: Batch) -> None:
        # A reader that came first decodes it himself; a batch that was dropped is wanted no more.
        if cache.batches.get(index) is batch and batch.lock.acquire(blocking=False):
            try:
                cost = batch.fill(0, len(batch.contents), self._decode)
            finally:
                batch.lock.release()
            self._charge(cache, index, batch, cost)

    def _batch(self, cache: Cache, index: int) -> Batch:
        """Return a batch, from now on the most recently used. The cache's lock is held."""
        batch = cache.batches.pop(index, None)
        if batch is None:
            first = index * self._per_batch
            batch = Batch(first, min(self._per_batch, self._count - first))
        cache.batches[index] = batch
        return batch

    def _charge(self, cache: Cache, index: int, batch: Batch, cost: int) -> None:
        """Count what a batch has grown by, and drop the batches that were not used for longest."""
        with cache.lock:
            if cache.batches.get(index) is not batch:
                return
            batch.cost += cost
            cache.cost += cost
            while cache.cost > KEPT and len(cache.batches) > 1:
                _, dropped = cache.batches.popitem(last=False)
                cache.cost -= dropped.cost

    def close(self) -> None:
        """End the threads and drop the chunks."""
        cache = self._cache
        with cache.lock:
            self._closed = True
            pool, cache.pool = cache.pool, None
            cache.batches.clear()
            cache.cost = 0
        if pool:
            pool.shutdown(cancel_futures=True)


_open: WeakSet[ReadAhead] = WeakSet()


def _forget_all() -> None:
    for each in _open:
        each.forget()


os.register_at_fork(after_in_child=_forget_all)
