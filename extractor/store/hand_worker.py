"""A process that copies for a Crew: ``python -m extractor.store.hand_worker CHANNEL ROOT`` (two descriptors).

It ends when its channel does, and leaves an interrupt of the terminal to the process that hired it.
"""

from __future__ import annotations

import signal
import socket
import sys
from collections.abc import Callable
from typing import Any

from extractor.errors import DamagedError
from extractor.seams import Piece
from extractor.store.hand import Copy
from extractor.store.hand_protocol import NOBODY, receive, send
from extractor.store.tree import Parts, Tree


class Hand:
    """Carries out commands below one tree; at most one file is open."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._known: dict[int, int] = {}
        self._number = 0
        self._copy: Copy | None = None
        self._failure: list[Any] | None = None
        self._digest = ""

    def carry_out(
        self, commands: list[list[Any]], payload: bytes, brought: dict[int, int]
    ) -> list[list[Any]]:
        """Return the answers to one packet."""
        self._known.update(brought)
        answers: list[list[Any]] = []
        start = 0
        for word, *arguments in commands:
            if word == "bytes":
                part = payload[start : start + arguments[0]]
                start += arguments[0]
                self._try(self._take, part)
            elif word == "piece":
                descriptor, offset, length = arguments
                piece = Piece(self._known.get(descriptor, descriptor), offset, length)
                self._try(self._take, piece)
            elif word == "open":
                self._open(*arguments)
            elif word == "close":
                self._try(self._finish, *arguments)
                answers.append([self._number, *(self._failure or [self._digest])])
            elif word == "directory":
                answers += self._make_directory(*arguments)
            else:
                self._give_up()
        if self._copy and not self._failure:
            answers.append([self._number, self._copy.done])
        return answers

    def _open(self, number: int, holes: bool, *parts: str) -> None:
        self._number, self._failure, self._digest = number, None, ""
        self._try(self._create, parts, holes)

    def _create(self, parts: Parts, holes: bool) -> None:
        self._copy = Copy(self._tree, parts, holes=holes)

    def _make_directory(self, *parts: str) -> list[list[Any]]:
        try:
            self._tree.directory(parts, create=True)
        except OSError as error:
            return [[NOBODY, "write", error.errno or 0, error.strerror or str(error)]]
        return []

    def _take(self, part: Piece | bytes) -> None:
        if self._copy:
            self._copy.take(part)

    def _finish(self, size: int, modified: int | None) -> None:
        if self._copy:
            self._digest = self._copy.finish(size, modified)
            self._copy = None

    def _try(self, act: Callable[..., None], *arguments: object) -> None:
        """Act unless this file has failed already; a failure removes what there is of it."""
        if self._failure:
            return
        try:
            act(*arguments)
        except DamagedError as error:
            self._failure = ["read", 0, str(error)]
        except OSError as error:
            self._failure = ["write", error.errno or 0, error.strerror or str(error)]
        if self._failure:
            self._give_up()

    def _give_up(self) -> None:
        copy, self._copy = self._copy, None
        if copy:
            copy.give_up()


def main() -> None:
    """Serve until the channel is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    channel = socket.socket(fileno=int(sys.argv[1]))
    hand = Hand(Tree(int(sys.argv[2])))
    while True:
        try:
            send(channel, hand.carry_out(*receive(channel)))
        except (EOFError, BrokenPipeError, ConnectionResetError):
            return


if __name__ == "__main__":
    main()
