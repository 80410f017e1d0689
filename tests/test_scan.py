"""What the run answers when all is done."""

from __future__ import annotations

import pytest

from extractor.images.verify import Verdict, Verification
from extractor.scan import Result


@pytest.mark.parametrize(
    ("verdict", "code"),
    [
        (Verdict.VERIFIED, 0),
        (Verdict.UNSTORED, 0),
        (Verdict.MISMATCH, 3),
        (Verdict.DAMAGED, 3),
    ],
)
def test_a_medium_that_belies_its_hashes_is_no_success(verdict: Verdict, code: int) -> None:
    verified = {"disk.E01": Verification(verdict, {}, {}, (), "")}
    assert Result((), verified).exit_code == code
