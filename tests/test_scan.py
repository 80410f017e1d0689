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
        (Verdict.CHANGED, 3),
    ],
)
def test_a_medium_that_belies_its_hashes_is_no_success(verdict: Verdict, code: int) -> None:
    verified = {"disk.E01": Verification(verdict, {}, {}, (), "")}
    assert Result((), verified).exit_code == code


def test_an_image_that_changed_while_it_was_read_is_no_success() -> None:
    assert Result((), {}, ("disk.E01: it was written to while it was read",)).exit_code == 3
