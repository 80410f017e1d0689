"""Rule files made to harm whoever reads them: each is refused in one sentence with its line, fast, in little memory.

The bounds are those of the project, not of a benchmark: a second of the processor and 64 MiB, while an unguarded parser
would take minutes, gigabytes, or somebody else's files.
"""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from extractor.evaluate.frames import LONGEST_NOTE
from tests.conftest import ROOT

SECONDS, MIB = 1.0, 64.0
SECRET = "the content of somebody else's file"

Parts = Iterator[str]
"""The text of a file, piece by piece: some are larger than this process should be."""


def migration(*inside: str) -> Parts:
    yield '<migration urlid="urn:attack">\n'
    yield from inside
    yield "\n</migration>"


def in_rules(*inside: str, before: str = "") -> Parts:
    return migration(
        f'<component type="System"><displayName>c</displayName>{before}<role role="Data"><rules>',
        *inside,
        "</rules></role></component>",
    )


def pattern(text: str) -> str:
    return f'<include><objectSet><pattern type="File">{text}</pattern></objectSet></include>'


def condition(call: str) -> str:
    return f"<conditions><condition>MigXmlHelper.{call}</condition></conditions>"


def with_doctype(doctype: str, inside: str = "&x;") -> Parts:
    yield f'<!DOCTYPE migration {doctype}>\n<migration urlid="u">{inside}</migration>'


def laughter(inside: str) -> Parts:
    """Return the billion laughs: ten times ten times ten … the same."""
    doubled = (f'<!ENTITY l{n} "' + f"&l{n - 1};" * 10 + '">' for n in range(1, 10))
    return with_doctype(f'[<!ENTITY l0 "lol">{"".join(doubled)}]', inside)


def declared(encoding: str, parts: Parts) -> Parts:
    yield f'<?xml version="1.0" encoding="{encoding}"?>'
    yield from parts


def definitions(count: int, references: int) -> str:
    """Return definitions of which each refers so often to the one before, and a detection that asks the last."""
    first = f'<conditions name="n0">{condition("IsUpgrade()")}</conditions>'
    rest = (
        f'<conditions name="n{n}">'
        + f'<conditions name="n{n - 1}"/>' * references
        + "</conditions>"
        for n in range(1, count)
    )
    return f"<namedElements>{first}{''.join(rest)}</namedElements>"


def asked(count: int, references: int) -> Parts:
    gate = f'<detection><conditions name="n{count - 1}"/></detection>'
    return migration(
        definitions(count, references),
        f'<component type="System"><displayName>c</displayName><role role="Data">{gate}</role></component>',
    )


def variables(first: str, rest: str, count: int) -> str:
    """Return an environment in which each variable is made of the one before (``{0}``)."""
    made = (
        f'<variable name="v{n}"><text>{rest.format(f"%v{n - 1}%")}</text></variable>'
        for n in range(1, count)
    )
    return f'<environment><variable name="v0"><text>{first}</text></variable>{"".join(made)}</environment>'


@dataclass(frozen=True)
class Attack:
    """A file, and what is to be said of it: a regular expression for all behind the file's name."""

    parts: Callable[[], Parts]
    said: str
    encoding: str = "utf-8"


DOCTYPE = r":\d+:\d+: a DOCTYPE is not allowed here; remove it"
TOO_LARGE = ":1: the XML file is larger than 16 MiB"
LONG_TAG = r":2:\d+: a tag or comment is longer than 1,048,576 bytes"
LONG_TEXT = r":2:\d+: a text is longer than 1,048,576 characters"
LONG_LINE = ":2: the text is longer than 32,767 characters"
MANY_ELEMENTS = r":2:\d+: there are more than 250,000 elements"
MULTIPLIED = ":2: the rules consist of more than 250,000 elements"
NO_ENCODING = ":1: this encoding cannot be read; save the file as UTF-8"

REFUSED = {
    # entities and DTDs
    "billion laughs": Attack(lambda: laughter("&l9;"), DOCTYPE),
    "billion laughs in an attribute": Attack(lambda: laughter('<component type="&l9;"/>'), DOCTYPE),
    "one long entity, many times": Attack(
        lambda: with_doctype(f'[<!ENTITY x "{"x" * 60_000}">]', "&x;" * 60_000), DOCTYPE
    ),
    "an entity that is itself": Attack(lambda: with_doctype('[<!ENTITY x "&x;">]'), DOCTYPE),
    "a DTD that says nothing": Attack(lambda: with_doctype("", ""), DOCTYPE),
    # sizes
    "an attribute of 100 MB": Attack(lambda: migration('<component type="', *["x" * 10**6] * 100, '"/>'), TOO_LARGE),
    "a text of 100 MB": Attack(lambda: in_rules(*["x" * 10**6] * 100), TOO_LARGE),
    "an attribute of 15 MB": Attack(lambda: migration('<component type="', "x" * 15 * 10**6, '"/>'), LONG_TAG),
    "an attribute of 32,768 characters": Attack(
        lambda: migration('<component type="', "x" * 32_768, '"/>'),
        r":2:1: an attribute is longer than 32,767 characters",
    ),
    "the name of an attribute of 15 MB": Attack(lambda: migration("<component ", "x" * 15 * 10**6, '="a"/>'), LONG_TAG),
    "a tag of 15 MB": Attack(lambda: migration("<", "x" * 15 * 10**6, "/>"), LONG_TAG),
    "a million attributes": Attack(
        lambda: migration("<component ", *(f' a{n}="1"' for n in range(10**6)), "/>"), LONG_TAG
    ),
    "a comment of 15 MB": Attack(lambda: migration("<!--", "x" * 15 * 10**6, "-->"), LONG_TAG),
    "a processing instruction of 15 MB": Attack(lambda: migration("<?a ", "x" * 15 * 10**6, "?>"), LONG_TAG),
    "a text of 15 MB": Attack(lambda: in_rules(pattern("x" * 15 * 10**6)), LONG_TEXT),
    "a text of 9 MB and a character of four bytes": Attack(
        lambda: in_rules(pattern("😀" + "x" * 9 * 10**6)), LONG_TEXT
    ),
    "five million words where no text belongs": Attack(lambda: in_rules("a " * 5 * 10**6), LONG_TEXT),
    "three million character references": Attack(lambda: in_rules(pattern("&#65;" * 3 * 10**6)), LONG_TEXT),
    "a text in a million CDATA sections": Attack(lambda: in_rules(pattern("<![CDATA[xx]]>" * 10**6)), LONG_TEXT),
    "elements nested 10,000 deep": Attack(
        lambda: migration("<rules>" * 10**4, "</rules>" * 10**4), r":2:\d+: elements are nested deeper than 64 levels"
    ),
    "a million elements": Attack(lambda: migration("<b/>" * 10**6), MANY_ELEMENTS),
    "a million elements that mean something": Attack(lambda: in_rules("<rules/>" * 10**6), MANY_ELEMENTS),
    "a million elements behind what expat takes for a mistake": Attack(
        lambda: migration("<\U00010000/>", "<b/>" * 10**6), r":2:\d+: not well-formed \(invalid token\)"
    ),
    # encodings
    "laughter in UTF-16": Attack(lambda: declared("UTF-16", laughter("&l9;")), DOCTYPE, "utf-16"),
    "laughter in UTF-16 without a mark": Attack(lambda: laughter("&l9;"), DOCTYPE, "utf-16-le"),
    "laughter in UTF-32": Attack(lambda: declared("UTF-32", laughter("&l9;")), NO_ENCODING, "utf-32"),
    "laughter in UCS-4 without a mark": Attack(lambda: declared("UCS-4", laughter("&l9;")), NO_ENCODING, "utf-32-be"),
    "laughter in UTF-7": Attack(lambda: declared("UTF-7", laughter("&l9;")), NO_ENCODING, "utf-7"),
    "laughter in GB 18030": Attack(lambda: declared("GB18030", laughter("&l9;")), NO_ENCODING, "gb18030"),
    "laughter in EBCDIC": Attack(
        lambda: declared("IBM037", laughter("&l9;")), ":1:1: Unsupported encoding: detecting EBCDIC", "cp037"
    ),
    "UTF-8 that says it is UTF-16": Attack(lambda: declared("UTF-16", laughter("&l9;")), r":1:\d+: .+"),
    "UTF-8 that is none": Attack(lambda: migration("\xff\xfe"), r":2:\d+: .+", "latin-1"),
    "a NUL": Attack(lambda: migration("\0"), r":2:\d+: .+"),
    "a million elements in UTF-16": Attack(
        lambda: declared("UTF-16", migration("<b/>" * 10**6)), MANY_ELEMENTS, "utf-16"
    ),
    "a text of 8 MB in UTF-16": Attack(
        lambda: declared("UTF-16", in_rules(pattern("x" * 8 * 10**6))), LONG_TEXT, "utf-16"
    ),
    # what patterns, calls, names and variables can do
    "a pattern of stars": Attack(
        lambda: in_rules(pattern("C:\\" + "*a" * 16_000)), ":2: the text has more than 64 wildcards .*"
    ),
    "stars in the argument of a call": Attack(
        lambda: in_rules(condition(f"DoesObjectExist('File','C:\\{'*a' * 16_000}')")),
        ":2: the text has more than 64 wildcards .*",
    ),
    "stars in a variable": Attack(
        lambda: in_rules(before=variables("*a" * 16_000, "{0}", 2)), ":2: the text has more than 64 wildcards .*"
    ),
    "a pattern of 1 MB": Attack(lambda: in_rules(pattern("x" * 10**6)), LONG_LINE),
    "a call of 1 MB": Attack(lambda: in_rules(condition(f"DoesObjectExist('File','{'x' * 10**6}')")), LONG_LINE),
    "definitions that double": Attack(lambda: asked(40, 2), MULTIPLIED),
    "definitions that grow tenfold": Attack(lambda: asked(20, 10), MULTIPLIED),
    "definitions one below the other": Attack(
        lambda: asked(5000, 1), ":2: the rules are nested deeper than 64 levels"
    ),
    "variables that fill the memory": Attack(
        lambda: in_rules(before=variables("x" * 32_000, "{0}x", 20_000)),
        ":2: with this one, the variables of a component come to more than 1,048,576 characters",
    ),
    "ten thousand variables without a value": Attack(
        lambda: in_rules(before="<environment>" + "".join(
            f'<variable name="v{n}"><text>%nothing%</text></variable>' for n in range(10_000)) + "</environment>"),
        ":2: with this one, the variables of a component come to more than 1,048,576 characters",
    ),
}  # fmt: skip

BORNE = {
    # These are no reason to refuse a file: what cannot be used is told of, and the rest goes on.
    "variables that double each other": Attack(
        lambda: in_rules(pattern("%v59% [*]"), before=variables("C:\\xxxxxxxxxxxxx", "{0}{0}", 60)),
        ":2: the machine: %v11% is not set: the pattern is longer than 32767 characters",
    ),
    "blanks before a mistake in a call": Attack(
        lambda: in_rules(condition(f"DoesObjectExist('File',{' ' * 32_000}()")),
        r":2: the arguments cannot be read from '\(' on",
    ),
    "blanks before a mistake in a size": Attack(
        lambda: in_rules(
            f"<include filter='MigXmlHelper.FileProperties(\"filesize\",\"gt\",\"1{' ' * 30_000}x\")'>"
            "<objectSet/></include>"
        ),
        r":2: the machine: MigXmlHelper.FileProperties\('filesize', 'gt', '1 +…",
    ),
    "thirty thousand arguments": Attack(
        lambda: in_rules(condition(f"DoesObjectExist({','.join('1' * 16_000)})")),
        ":2: DoesObjectExist takes at most 2 arguments",
    ),
    "mistakes in each of 100,000 elements": Attack(
        lambda: in_rules("<b/>\n" * 100_000), ":2: <b> is not known here and is ignored"
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Cost:
    """What the reading of a file came to."""

    path: Path
    said: list[str]
    seconds: float
    mib: float


def read(folder: Path, attacks: dict[str, Attack]) -> dict[str, Cost]:
    """Write the files and read them in another process; a file is there only as long as it is needed."""
    innocent = folder / "innocent.xml"
    innocent.write_text("".join(in_rules(pattern("C:\\x [*]"))), "utf-8")
    paths = {name: folder / f"{n}.xml" for n, name in enumerate(attacks)}
    for name, path in paths.items():
        with path.open("w", encoding=attacks[name].encoding, newline="") as file:
            file.writelines(attacks[name].parts())
    command = [
        sys.executable,
        "-m",
        "tests.rules.attacked",
        str(innocent),
        *map(str, paths.values()),
    ]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    for path in paths.values():
        path.unlink()
    costs = map(json.loads, done.stdout.splitlines())
    return {name: Cost(paths[name], **cost) for name, cost in zip(paths, costs, strict=True)}


@pytest.fixture(scope="module")
def costs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Cost]:
    return read(tmp_path_factory.mktemp("attacks"), REFUSED | BORNE)


@pytest.mark.parametrize("name", REFUSED)
def test_an_attack_is_refused_in_one_sentence_with_its_line(
    name: str, costs: dict[str, Cost]
) -> None:
    (said,) = costs[name].said
    assert re.fullmatch(re.escape(str(costs[name].path)) + REFUSED[name].said, said)


@pytest.mark.parametrize("name", BORNE)
def test_what_is_no_reason_to_refuse_a_file_is_told_with_its_line(
    name: str, costs: dict[str, Cost]
) -> None:
    path = re.escape(str(costs[name].path))
    assert any(re.fullmatch(path + BORNE[name].said, said) for said in costs[name].said)
    assert all(len(said) <= LONGEST_NOTE + 1 and "\n" not in said for said in costs[name].said)


@pytest.mark.parametrize("name", REFUSED | BORNE)
def test_an_attack_costs_less_than_a_second_and_64_mib(name: str, costs: dict[str, Cost]) -> None:
    cost = costs[name]
    assert cost.seconds < SECONDS
    assert cost.mib < MIB


# --- what lies elsewhere --------------------------------------------------------------------------


@contextmanager
def listening() -> Iterator[tuple[str, socket.socket]]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield f"http://127.0.0.1:{server.getsockname()[1]}", server


EXTERNAL = {
    "an external entity": '[<!ENTITY x SYSTEM "{}">]',
    "a public external entity": '[<!ENTITY x PUBLIC "-//x" "{}">]',
    "an external DTD": 'SYSTEM "{}"',
    "a public external DTD": 'PUBLIC "-//x" "{}"',
    "a parameter entity": '[<!ENTITY % x SYSTEM "{}"> %x;]',
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32", "cp037"])
def test_nothing_is_fetched_from_elsewhere(encoding: str, tmp_path: Path) -> None:
    """In encodings that expat does not know too: there libxml2 is asked for its words."""
    secret = tmp_path / "secret.dtd"
    secret.write_text(SECRET, "utf-8")
    with listening() as (url, server):
        attacks = {
            f"{name} at {place}": Attack(partial(with_doctype, doctype.format(place)), "", encoding)
            for name, doctype in EXTERNAL.items()
            for place in (f"{url}/x.dtd", secret.as_uri(), str(secret))
        }
        for name, cost in read(tmp_path, attacks).items():
            (said,) = cost.said
            assert said.startswith(f"{cost.path}:1:"), name
            assert SECRET not in said, name
        with pytest.raises(BlockingIOError):
            server.accept()
