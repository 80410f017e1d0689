"""The files of an E01 set: found by name, ordered by number."""

from __future__ import annotations

import re
import string
from pathlib import Path

from extractor.errors import DamagedError, ImageError
from extractor.images.file import beside, open_file

SIGNATURE = b"EVF\x09\x0d\x0a\xff\x00"
"""First bytes of a segment of a disk image; the segment's number follows (libewf, "EWF specification", 3)."""

SUFFIX = re.compile(r"\.([A-Z])(?:([0-9]{2})|([A-Z]{2}))", re.IGNORECASE)
LETTERS = string.ascii_uppercase


def segment_paths(path: Path) -> dict[int, Path]:
    """Return the segments of the set that a file belongs to by number; the file alone when its name is unusual.

    Names count .E01 … .E99, .EAA … .EZZ, .FAA … .ZZZ (or from .S01). A file of such a name that is no segment is
    passed over. Others may be missing, the first may not: it alone says how large the disk is. Raises ImageError.
    """
    found = _segments_beside(path) or {1: path}
    if 1 not in found:
        raise ImageError(
            f"segment 1 of the set {path} is missing: {segment_name(path, 1)} must lie beside it"
        )
    return dict(sorted(found.items()))


def segment_name(path: Path, number: int) -> str:
    """Return the name that segment ``number`` of a file's set has, in the case of the file's own suffix."""
    first = _first_letter(path)
    if number < 100:
        suffix = f".{first}{number:02}"
    else:
        rest, last = divmod(number - 100, 26)
        letter, middle = divmod(rest, 26)
        suffix = "." + chr(ord(first) + letter) + LETTERS[middle] + LETTERS[last]
    return path.stem + (suffix.lower() if path.suffix.islower() else suffix)


def _segments_beside(path: Path) -> dict[int, Path]:
    """Return the segments with a file's stem by number; a suffix in the file's own case goes before another."""
    first = _first_letter(path)
    found: dict[int, Path] = {}
    same_stem = (each for each in beside(path) if each.stem == path.stem)
    for each in sorted(same_stem, key=lambda each: each.suffix.islower() == path.suffix.islower()):
        number = _number(each.suffix, first)
        if number and _is_segment(each):
            found[number] = each
    return found if path in found.values() else {}


def _first_letter(path: Path) -> str:
    """Return the letter that a set counts from: S for SMART's ``.S01``, else E."""
    if path.suffix[1:2].upper() != "S":
        return "E"
    # .SAA is segment 100 of a set from .S01 and segment 9564 of one from .E01.
    begins = {each.suffix.upper() for each in beside(path) if each.stem == path.stem}
    return "E" if ".E01" in begins and not path.suffix[2:].isdigit() else "S"


def _number(suffix: str, first: str) -> int:
    """Return the number that a suffix stands for in a set whose first is .E01 or .S01; 0 when it is none."""
    match = SUFFIX.fullmatch(suffix.upper())
    if not match:
        return 0
    letter, digits, letters = match.groups()
    if digits:
        return int(digits) if letter == first else 0
    higher = LETTERS.index(letter) - LETTERS.index(first)
    if higher < 0:
        return 0
    return 100 + (higher * 26 + LETTERS.index(letters[0])) * 26 + LETTERS.index(letters[1])


def _is_segment(path: Path) -> bool:
    """Tell by its first bytes whether a file is a segment: ``disk.exe`` beside ``disk.e01`` is none."""
    if not path.is_file():
        return False
    file = open_file(path)
    try:
        return file.read_at(0, len(SIGNATURE)) == SIGNATURE
    except DamagedError as error:
        raise ImageError(str(error)) from error
    finally:
        file.close()
