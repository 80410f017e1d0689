"""Outcomes and error -> exit code: the one place that decides it (usmt.md 1.6)."""

from __future__ import annotations

from extractor.errors import CanceledError, ColdstateError

SUCCESS = 0
SOME_NOT_STORED = 3
FAILURE = 71


def exit_code(not_stored: int, error: BaseException | None = None) -> int:
    """Return the run's exit code: the error's own, else 3 when objects that rules selected are not in the store.

    ``error`` is what ended the run early, None when it came to its end.
    """
    if isinstance(error, ColdstateError):
        return error.exit_code
    if isinstance(error, KeyboardInterrupt):
        return CanceledError.exit_code
    if error is not None:
        return FAILURE
    return SOME_NOT_STORED if not_stored else SUCCESS
