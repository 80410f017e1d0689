"""A second opinion on what an NTFS volume holds: hashes of streams by readers that share nothing with ours.

The Sleuth Kit reads what it can; overlaid (WOF) files, huge sparse files and what it fails on are read by dissect.ntfs,
which is slow. Each runs in a process of its own and hashes there, so that only digests come back. Words defined here: a
*question* is a stream whose hash is wanted, an *answer* is that hash, or why no reader could give it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

from extractor.errors import DamagedError
from extractor.filesystems.tsk import TSK, spelled
from extractor.filesystems.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from extractor.seams import Volume

DISSECT = ("dissect_worker", "dissect.ntfs")
CRASHES = 3
"""After so many ends of a reader's process it is not asked again on this volume."""


@dataclass(frozen=True, slots=True)
class Question:
    """A data stream: record, name ("" is the file's own content), size in bytes."""

    record: int
    stream: str
    size: int
    wof: bool = False
    """True when the Windows Overlay Filter holds its content."""
    holes: bool = False
    """True for a huge sparse file: the hash wanted is the one with holes (``SCHEMA.md``, column sha256)."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a second reader says; ``reason`` tells why no reader could say a digest."""

    reader: str = ""
    digest: str = ""
    reason: str = ""
    error: str = ""
    """Why the digest is known to be wrong."""


class SecondReaders:
    """The readers of one NTFS volume, each started when it is needed; ``progress`` is told bytes as they are hashed."""

    def __init__(self, volume: Volume, progress: Callable[[int], None]) -> None:
        self._sleuth_kit = _Reader(volume, TSK, progress)
        self._dissect = _Reader(volume, DISSECT, progress)

    def answers(self, questions: Sequence[Question]) -> list[Answer]:
        """Return an answer to each question, in order."""
        first = {q: None for q in questions if not (q.wof or q.holes)}
        found = dict(zip(first, self._sleuth_kit.ask(list(map(_for_tsk, first))), strict=True))
        left = {q: found.get(q, Answer()) for q in questions if q not in found or found[q].reason}
        second = self._dissect.ask(list(map(_for_dissect, left)))
        for question, answer in zip(left, second, strict=True):
            reasons = (left[question].reason, answer.reason)
            found[question] = (
                Answer(reason="; ".join(filter(None, reasons))) if answer.reason else answer
            )
        return [found[question] for question in questions]

    def weighed(self, question: Question, answer: Answer, stored: str) -> Answer:
        """Return an answer that differs from the hash stored: with its error, when one more reader gives that hash."""
        if answer.reader == DISSECT[1]:
            return answer
        (other,) = self._dissect.ask([_for_dissect(question)])
        if other.digest != stored:
            return answer
        return replace(
            answer, error=f"{answer.reader} is wrong: {other.reader} reads what is stored"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._sleuth_kit.close()
        self._dissect.close()


def _for_tsk(question: Question) -> list[Any]:
    return [question.record, spelled(question.stream), question.size]


def _for_dissect(question: Question) -> list[Any]:
    kind = "wof" if question.wof else "holes" if question.holes else "plain"
    return [question.record, question.stream, question.size, kind]


class _Reader:
    """One reader's process: started when it is needed, and again when it crashed."""

    def __init__(
        self, volume: Volume, reader: tuple[str, str], progress: Callable[[int], None]
    ) -> None:
        self._volume = volume
        self._module, self._name = reader
        self._progress = progress
        self._worker: Worker | None = None
        self._crashes = 0
        self._refusal = ""
        """Why it is not asked any more."""

    def ask(self, wanted: Sequence[list[Any]]) -> list[Answer]:
        """Return an answer to each request, the third word of which is the stream's size."""
        answers: list[Answer] = []
        while len(answers) < len(wanted):
            if self._refusal:
                answers.append(Answer(reason=self._refusal))
                continue
            try:
                for answer in self._answers(wanted[len(answers) :]):
                    answers.append(answer)  # noqa: PERF402  those before a crash are kept
            except DamagedError as error:
                answers.append(Answer(reason=str(error)))
                self._fail(str(error))
        return answers

    def _answers(self, wanted: Sequence[list[Any]]) -> Iterator[Answer]:
        """Yield answers as they come; raise DamagedError when the process ends before the last."""
        worker, waiting, told = self._started(), list(reversed(wanted)), 0
        for header, _ in worker.ask({"op": "digests", "arguments": list(wanted)}):
            if isinstance(header.get("bytes"), int):
                told += header["bytes"]
                self._progress(header["bytes"])
            elif "done" not in header and waiting:
                self._progress(max(waiting.pop()[2] - told, 0))
                told = 0
                yield self._answer(worker, header)
        if waiting:
            raise DamagedError(f"{self._name} left {len(waiting)} questions without an answer")

    def _answer(self, worker: Worker, header: dict[str, Any]) -> Answer:
        if "digest" in header:
            return Answer(self._name, str(header["digest"]))
        problem = f" ({worker.problem})" if worker.problem else ""
        worker.problem = ""
        return Answer(reason=f"{self._name}: {header.get('failed')}{problem}")

    def _started(self) -> Worker:
        if self._worker is None:
            self._worker = Worker(self._volume, self._module, self._name)
            try:
                self._worker.open()
            except DamagedError as error:
                self._refusal = str(error)
                raise
        return self._worker

    def _fail(self, reason: str) -> None:
        self.close()
        self._crashes += 1
        if self._crashes >= CRASHES:
            self._refusal = self._refusal or reason

    def close(self) -> None:
        """End the process."""
        if self._worker is not None:
            self._worker.close()
            self._worker = None
