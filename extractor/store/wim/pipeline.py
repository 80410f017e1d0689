"""Units of work through the workers and the one thread that writes; no more than 32 MiB of content are under way.

Python's lock is free while a worker reads, hashes or compresses. Between those a worker needs it for microseconds, and
would wait the interpreter's switch interval (5 ms) for it whenever the main thread is busy with Python code: so the
interval is shorter while a pipeline is at work.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from signal import SIG_BLOCK, SIG_SETMASK, SIGINT, pthread_sigmask
from threading import Barrier, local
from typing import Protocol

from extractor.errors import ColdstateError, StoreError
from extractor.store.wim.codecs import Compression
from extractor.store.wim.content import new_buffer
from extractor.store.wim.index import BlobIndex
from extractor.store.wim.packing import Packer

BUFFERS = 32
"""Units under way, of 1 MiB each, and up to as much again when they are compressed."""
_INTERVAL = 0.0002


class Unit(Protocol):
    """What goes through."""

    written: Future[None] | None

    def work(self, packer: Packer, index: BlobIndex, /) -> None:
        """Do what any thread can."""
        ...


class Pipeline:
    """Threads; ``close`` ends them."""

    def __init__(
        self, index: BlobIndex, compression: Compression, level: int, threads: int
    ) -> None:
        self._index = index
        self._form = compression, level
        self._mine = local()
        self._workers = ThreadPoolExecutor(threads, "wim-worker")
        self._writer = ThreadPoolExecutor(1, "wim-writer")
        self._free: SimpleQueue[memoryview | None] = SimpleQueue()
        for _ in range(BUFFERS):
            self._free.put(new_buffer())
        self.failure: ColdstateError | None = None
        _begin(self._workers, threads)
        _begin(self._writer, 1)
        self._interval = sys.getswitchinterval()
        sys.setswitchinterval(min(self._interval, _INTERVAL))

    def buffer(self) -> memoryview:
        """Return memory for a unit; wait for it while too many are under way. Raise what ended the writing."""
        buffer = self._free.get()
        if buffer is None:
            self._free.put(None)
            self.check()
            raise RuntimeError("the pipeline was closed")
        return buffer

    def release(self, buffer: memoryview) -> None:
        """Give memory back."""
        self._free.put(buffer)

    def check(self) -> None:
        """Raise what ended the writing, if anything did."""
        if self.failure is not None:
            raise self.failure

    def hand_on(self, unit: Unit, commit: Callable[[], None]) -> None:
        """Let a worker have the unit, and the writer after it; units are written in the order of these calls."""
        worked = self._workers.submit(self._work, unit)
        unit.written = self._writer.submit(self._write, worked, commit)

    def background(self, work: Callable[[], bytes]) -> Future[bytes]:
        """Let a worker do something else."""
        return self._workers.submit(work)

    def drain(self) -> None:
        """Wait until everything that was handed on is written; raise what ended the writing."""
        self._writer.submit(int).result()
        self.check()

    def close(self) -> None:
        """End the threads; what was not written yet is left."""
        self._free.put(None)
        self._workers.shutdown(wait=True, cancel_futures=True)
        self._writer.shutdown(wait=True, cancel_futures=True)
        sys.setswitchinterval(self._interval)

    def _work(self, unit: Unit) -> None:
        packer: Packer | None = getattr(self._mine, "packer", None)
        if packer is None:
            packer = self._mine.packer = Packer(*self._form)
        unit.work(packer, self._index)

    def _write(self, worked: Future[None], commit: Callable[[], None]) -> None:
        self.check()
        try:
            worked.result()
            commit()
        except OSError as error:
            self._end(StoreError(f"the WIM cannot be written: {error.strerror or error}"))
            raise StoreError(str(self.failure)) from error
        except ColdstateError as error:
            self._end(error)
            raise
        except BaseException as error:
            self._end(StoreError(f"the WIM cannot be written: {error!r}"))
            raise

    def _end(self, failure: ColdstateError) -> None:
        self.failure = failure
        for _ in range(BUFFERS):
            self._free.put(None)


def _begin(pool: ThreadPoolExecutor, threads: int) -> None:
    """Start a pool's threads now: an interrupt (Ctrl+C) in the midst of it would leave one that nobody ever ends."""
    barrier = Barrier(threads + 1)
    before = pthread_sigmask(SIG_BLOCK, {SIGINT})
    try:
        for _ in range(threads):
            pool.submit(barrier.wait)
        barrier.wait()
    finally:
        pthread_sigmask(SIG_SETMASK, before)
