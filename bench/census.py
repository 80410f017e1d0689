"""Count the elements, attributes and helper functions of rule files twice: by xmllint, and as our parser does.

``python -m bench.census FILE...`` prints a table of each file, and ends with 1 where the two differ: then our parser
has left something aside (it has a warning with the line), or has counted what is not there. xmllint (Debian's
libxml2-utils) knows nothing of rules; it is asked ``count(//…)`` for each word of the language, in any letter case.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from string import ascii_lowercase, ascii_uppercase
from typing import NamedTuple

from extractor.errors import UsageError
from extractor.rules.elements import ATTRIBUTES
from extractor.rules.functions import FUNCTIONS
from extractor.rules.migxml import parse_migxml
from extractor.xmlfile import parse_xml

ROW = "{:<36} {:>8} {:>8}  {}"


class Count(NamedTuple):
    """How often a word (a key of ``RuleFile.census``) occurs."""

    word: str
    xmllint: int
    coldstate: int


def main() -> int:
    """Run the command line; return its exit code."""
    parser = argparse.ArgumentParser(prog="bench.census", description=__doc__)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    differing = 0
    for path in parser.parse_args().files:
        try:
            counts = census(path)
        except (UsageError, subprocess.CalledProcessError) as error:
            print(f"{path} cannot be counted: {error}", file=sys.stderr)
            return 1
        _show(path, counts)
        differing += len(differences(counts))
    print(f"{differing} differences")
    return 1 if differing else 0


def census(path: Path) -> list[Count]:
    """Return what occurs in a file by either count; raise UsageError for a file that is no rule file."""
    ours, theirs = _parsed(path), _asked(path)
    return [
        Count(word, number, ours.get(word, 0))
        for word, number in theirs.items()
        if number or word in ours
    ]


def differences(counts: Iterable[Count]) -> list[Count]:
    """Return where the two counts differ."""
    return [each for each in counts if each.xmllint != each.coldstate]


def _show(path: Path, counts: Iterable[Count]) -> None:
    print(path)
    print(ROW.format("", "xmllint", "ours", ""))
    for each in counts:
        mark = "" if each.xmllint == each.coldstate else "differs"
        print(ROW.format(each.word, each.xmllint, each.coldstate, mark))
    print()


def _parsed(path: Path) -> Mapping[str, int]:
    (found,) = parse_migxml(parse_xml(path), str(path))[1].files
    return found.census


# --- xmllint --------------------------------------------------------------------------------------


def _asked(path: Path) -> dict[str, int]:
    """Return all counts by one run of xmllint."""
    questions = dict(_questions())
    counts = ", ' ', ".join(f"count({each})" for each in questions.values())
    command = ["xmllint", "--nonet", "--xpath", f"concat({counts})", str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(zip(questions, map(int, done.stdout.split()), strict=True))


def _questions() -> Iterator[tuple[str, str]]:
    """Yield each word of the language and the XPath of its places."""
    for tag, names in ATTRIBUTES.items():
        yield tag, _elements(tag)
        for name in sorted(names):
            yield f"@{tag}@{name}", f"{_elements(tag)}/@*[{_plain('name()')}='{name.lower()}']"
    for name, function in FUNCTIONS.items():
        call = f"starts-with(substring-after({_plain('.')},'.'),'{name}(')"
        yield f"{function.name}()", f"({_CALLS})[{call}]"


def _plain(text: str) -> str:
    """Return an expression for text in lower case without any blanks."""
    return f"translate({text},'{ascii_uppercase} \t\r\n','{ascii_lowercase}')"


def _elements(*tags: str) -> str:
    named = " or ".join(f"{_plain('name()')}='{tag.lower()}'" for tag in tags)
    return f"//*[{named}]"


_CALLS = f"{_elements('condition', 'script')}|//@*[{_plain('name()')}='filter' or {_plain('name()')}='script']"
"""Where helper calls stand."""


if __name__ == "__main__":
    sys.exit(main())
