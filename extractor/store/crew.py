"""Streams -> files of the store, several at a time: processes copy while this one selects, names and writes the rows.

Each hand is a process of its own (``hand_worker``), for in one process all Python code waits for one lock. What it is
sent says where bytes lie in the image's files, or brings the bytes when only this process can decode them; no more
than a few packets are under way, so memory does not grow. A small store is copied here: to hire would cost more.
"""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from extractor.errors import DamagedError, StoreError
from extractor.seams import ZEROS, Piece
from extractor.store.failures import writing
from extractor.store.hand import Copy, Part
from extractor.store.hand_protocol import DESCRIPTORS, NOBODY, PAYLOAD, Commands, receive, send
from extractor.store.tree import Parts, Tree

ALONE = 32 << 20
"""Bytes, each stream counted as ``OVERHEAD`` at least, that are copied here before anybody is hired."""
OVERHEAD = 32 << 10
PACKET_COMMANDS = 256
PACKET_SIZE = 64 << 20
"""Bytes that the commands of one packet have copied; an answer tells how far it is."""
QUEUED = 4 * PACKET_COMMANDS
"""Commands that a hand may have unanswered: their answers fit into its channel, so neither side waits for the other."""
QUEUED_BYTES = 4 * PAYLOAD
"""The same, for bytes that packets bring. What lies in a file is only named, and a large one holds nobody up."""


@dataclass(slots=True, eq=False)
class Ticket:
    """A stream on its way in; ``digest`` is its hash once it is done."""

    size: int
    progress: Callable[[int], None]
    done: bool = False
    digest: str = ""
    failure: Exception | None = None
    told: int = 0

    def tell(self, copied: int) -> None:
        """Tell how many bytes are copied by now."""
        if copied > self.told:
            self.progress(copied - self.told)
            self.told = copied


@dataclass(slots=True, eq=False)
class _Hand:
    """A process that copies, and the packet that is being made for it."""

    process: subprocess.Popen[bytes]
    channel: socket.socket
    known: set[int] = field(default_factory=set)
    """Descriptors that it was given."""
    new: list[int] = field(default_factory=list)
    commands: Commands = field(default_factory=list)
    payload: list[bytes] = field(default_factory=list)
    weight: int = 0
    """Bytes of the payload."""
    size: int = 0
    """Bytes that the commands have copied."""
    unanswered: deque[tuple[int, int, int]] = field(default_factory=deque)
    """Of each packet under way: bytes to copy, commands, bytes it brings."""

    @property
    def load(self) -> int:
        """Bytes it has still to copy."""
        return self.size + sum(size for size, _, _ in self.unanswered)

    def is_busy(self) -> bool:
        """Tell whether it has enough unanswered."""
        _, commands, weights = (
            map(sum, zip(*self.unanswered, strict=True)) if self.unanswered else (0, 0, 0)
        )
        return commands >= QUEUED or weights >= QUEUED_BYTES

    def is_full(self) -> bool:
        """Tell whether the packet should go."""
        return (
            self.weight >= PAYLOAD // 2
            or self.size >= PACKET_SIZE
            or len(self.commands) >= PACKET_COMMANDS
            or len(self.new) >= DESCRIPTORS
        )

    def add(self, part: Part) -> None:
        """Add a part of a stream to the packet."""
        if isinstance(part, bytes):
            self.commands.append(["bytes", len(part)])
            self.payload.append(part)
            self.weight += len(part)
            self.size += len(part)
            return
        if part.descriptor >= 0 and part.descriptor not in self.known:
            self.known.add(part.descriptor)
            self.new.append(part.descriptor)
        self.commands.append(["piece", *part])
        self.size += part.length


class Crew:
    """Copies into the files of ``tree``; ``place`` is what messages name. Raises StoreError (72)."""

    def __init__(self, tree: Tree, place: Path, *, alone: int = ALONE) -> None:
        self._tree = tree
        self._place = place
        self._left = alone
        self._hands: list[_Hand] = []
        self._tickets: dict[int, Ticket] = {}
        self._serial = 0

    def copy(
        self,
        parts: Parts,
        content: Iterable[Part],
        size: int,
        modified: int | None,
        progress: Callable[[int], None],
        *,
        holes: bool = False,
    ) -> Ticket:
        """Begin to copy a stream of ``size`` bytes into a new file; ``modified`` is its time in ns since 1970.

        ``holes`` chooses the hash for huge sparse files (``digest``).

        Raises SourceError when it cannot be read, as ``wait`` may later; nothing is left of it then.
        """
        ticket = Ticket(size, progress)
        self._left -= max(size, OVERHEAD)
        if self._left > 0:
            with writing(self._place):
                copy = Copy(self._tree, parts, holes=holes)
            self._finish_here(ticket, copy, content, modified)
            return ticket
        hand = self._freest()
        self._serial += 1
        self._tickets[self._serial] = ticket
        hand.commands.append(["open", self._serial, holes, *parts])
        try:
            for part in _portions(content):
                self._make_room(hand)
                hand.add(part)
        except BaseException:
            del self._tickets[self._serial]
            hand.commands.append(["drop"])
            raise
        hand.commands.append(["close", size, modified])
        self._make_room(hand)
        return ticket

    def make_directory(self, parts: Parts) -> None:
        """Make a directory and what it lies in, now or soon; StoreError may come with a later call."""
        self._left -= OVERHEAD
        if self._left > 0:
            with writing(self._place):
                self._tree.directory(parts, create=True)
            return
        hand = self._freest()
        hand.commands.append(["directory", *parts])
        self._make_room(hand)

    def wait(self, ticket: Ticket) -> str:
        """Return the hash of a stream once it is copied; raise SourceError when it could not be read."""
        while not ticket.done:
            for hand in self._hands:
                if hand.commands and not hand.unanswered:
                    self._send(hand)
            self._hear(wait=True)
        if isinstance(ticket.failure, OSError):
            with writing(self._place):
                raise ticket.failure
        if ticket.failure:
            raise ticket.failure
        return ticket.digest

    def finish(self) -> None:
        """Wait until everything is done."""
        for hand in self._hands:
            if hand.commands:
                self._send(hand)
        while any(hand.unanswered for hand in self._hands):
            self._hear(wait=True)

    def close(self) -> None:
        """Let all go; a file that is not finished stays as it is."""
        while self._hands:
            hand = self._hands.pop()
            hand.channel.close()
            hand.process.wait()

    def _finish_here(
        self, ticket: Ticket, copy: Copy, content: Iterable[Part], modified: int | None
    ) -> None:
        try:
            for part in content:
                with writing(self._place):
                    copy.take(part)
                ticket.tell(copy.done)
            with writing(self._place):
                ticket.digest = copy.finish(ticket.size, modified)
        except BaseException:
            with writing(self._place):
                copy.give_up()
            raise
        ticket.done = True

    def _freest(self) -> _Hand:
        """Return the hand with the least to do; the first call hires them all."""
        if not self._hands:
            with writing(self._place):
                for _ in os.sched_getaffinity(0):
                    self._hands.append(_hire(self._tree))
        return min(self._hands, key=lambda each: each.load)

    def _make_room(self, hand: _Hand) -> None:
        """Send a packet that is full, when the hand has not too many already."""
        if hand.is_full():
            while hand.is_busy():
                self._hear(wait=True)
            self._send(hand)
            self._hear(wait=False)

    def _send(self, hand: _Hand) -> None:
        commands, payload, new = hand.commands, b"".join(hand.payload), hand.new
        hand.unanswered.append((hand.size, len(commands), len(payload)))
        hand.commands, hand.payload, hand.new, hand.weight, hand.size = [], [], [], 0, 0
        try:
            send(hand.channel, commands, payload, tuple(new))
        except OSError as error:
            raise self._gone(hand) from error

    def _hear(self, *, wait: bool) -> None:
        """Take the answers that have come, or wait for the next."""
        busy = [hand for hand in self._hands if hand.unanswered]
        ready, _, _ = select.select([each.channel for each in busy], [], [], None if wait else 0)
        for hand in busy:
            if hand.channel in ready:
                self._answer(hand)

    def _answer(self, hand: _Hand) -> None:
        try:
            answers, _, _ = receive(hand.channel)
        except (EOFError, OSError) as error:
            raise self._gone(hand) from error
        hand.unanswered.popleft()
        for number, *said in answers:
            if number == NOBODY:
                with writing(self._place):
                    raise OSError(*said[1:])
            ticket = self._tickets.get(number)
            if ticket is None:
                continue  # it was dropped meanwhile
            if isinstance(said[0], int):
                ticket.tell(said[0])
                continue
            del self._tickets[number]
            _end(ticket, said)

    def _gone(self, hand: _Hand) -> StoreError:
        code = hand.process.poll()
        return StoreError(
            f"{self._place}: a process that writes the store ended with code {code}; run the scan again"
        )


def _end(ticket: Ticket, said: list[Any]) -> None:
    ticket.done = True
    if len(said) == 1:
        ticket.digest = said[0]
        ticket.tell(ticket.size)
        return
    kind, number, sentence = said
    ticket.failure = DamagedError(sentence) if kind == "read" else OSError(number, sentence)


def _hire(tree: Tree) -> _Hand:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for each in (ours, theirs):
        each.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8 * PAYLOAD)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "extractor.store.hand_worker", str(theirs.fileno()), str(tree.root)],
            pass_fds=[theirs.fileno(), tree.root],
            stdin=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
        )  # fmt: skip
    return _Hand(process, ours)


def _portions(content: Iterable[Part]) -> Iterator[Part]:
    """Yield parts of which none is more than a packet should carry."""
    for part in content:
        if isinstance(part, bytes):
            for start in range(0, len(part), PAYLOAD // 2):
                yield part[start : start + PAYLOAD // 2]
            continue
        descriptor, offset, length = part
        while length > PACKET_SIZE and descriptor != ZEROS:
            yield Piece(descriptor, offset, PACKET_SIZE)
            offset, length = offset + PACKET_SIZE, length - PACKET_SIZE
        yield Piece(descriptor, offset, length)
