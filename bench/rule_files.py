r"""Rule files as large as one likes, in the mix of the rule files of the field: 3,839 patterns of USMT's MigApp.xml.

The shapes and their shares are those that were counted there: mostly exact files, then trees, then registry values
and trees, a few wildcards in leaves, prefixes and stars in the middle of a path, and INI keys. To these come patterns
for every drive by extension, of which USMT's MigUser.xml has 39.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path
from xml.sax.saxutils import escape

from bench.build_rules_image import APPS, EXTENSIONS, VENDORS

SHAPES = (
    (1630, "File", r"%{base}%\Vendor{v:02}\App{a} [file {n:03}.{x}]"),
    (301, "File", r"%{base}%\Vendor{v:02}\App{a}\part{n}\* [*]"),
    (84, "File", r"%{base}%\Vendor{v:02}\App{a}\profiles\set{n}\ [*]"),
    (84, "File", r"%{base}%\Vendor{v:02}\App{a}\profiles\default [*{n}.{x}]"),
    (5, "File", r"%{base}%\*\App{a}\profiles\set{n}\* [*]"),
    (4, "File", r"%{base}%\Vendor{v:02}* [file {n:03}.{x}]"),
    (691, "Registry", r"HKCU\Software\Vendor{v:02}\App{a} [Setting{n}]"),
    (525, "Registry", r"HKCU\Software\Vendor{v:02}\App{a}\Part{n}\* [*]"),
    (103, "Registry", r"HKCU\Software\Vendor{v:02}\App{a}\* [Place{n}]"),
    (54, "Registry", r"HKCU\Software\Vendor{v:02}\App{a}\Part{n} []"),
    (27, "Registry", r"HKCU\Software\Vendor{v:02}\App{a}\Part{n} [*]"),
    (19, "Registry", r"HKCU\Software\Vendor{v:02}* [Setting{n}]"),
    (12, "Registry", r"HKCU\Software\*\App{a} [Setting{n}]"),
    (15, "Registry", r"HKCU\Software\Vendor{v:02}\App{a}\* [Place{n}*]"),
    (236, "Ini", r"%CSIDL_WINDOWS%\vendor{v:02}.ini|App{a}[Key{n}]"),
    (45, "Ini", r"%CSIDL_WINDOWS%\vendor{v:02}.ini|App{a}[Key{n}*]"),
)
DRIVE_PATTERNS = 165
"""With the shapes: 4,000."""
BASES = ("CSIDL_APPDATA", "CSIDL_APPDATA", "CSIDL_LOCAL_APPDATA", "CSIDL_COMMON_APPDATA")
CONTEXTS = ("UserAndSystem",) * 4 + ("User",)
EVERYTHING = (r"%USERPROFILE%\* [*]", r"%PROFILESFOLDER%\Public\* [*]", r"HKCU\Software\* [*]")
"""With one pattern for every drive these stand in every file: large or small, the walk meets every file and value."""


def write_rules(path: Path, patterns: int, components: int) -> None:
    """Write a rule file of so many patterns in so many components; the first takes all of each profile."""
    whole = ["".join(_pattern(_kind(text), text) for text in EVERYTHING) + _drive(0)]
    rest = patterns - len(EVERYTHING) - 1 - components  # each component has an exclude
    every = list(islice(_endless(), rest))
    parts = [every[n :: components - 1] for n in range(components - 1)]
    bodies = [*whole, *("".join(part) for part in parts)]
    with path.open("w", encoding="utf-8") as file:
        file.write('<?xml version="1.0" encoding="UTF-8"?>\n<migration urlid="urn:bench">\n')
        file.writelines(_component(n, body) for n, body in enumerate(bodies))
        file.write("</migration>\n")


def _endless() -> Iterator[str]:
    """Yield patterns in the mix, spread evenly, for ever; no two are the same."""
    total = (*SHAPES, (DRIVE_PATTERNS, "drive", ""))
    order = sorted(
        ((n + 0.5) / amount, kind, shape) for amount, kind, shape in total for n in range(amount)
    )
    for turn in count():
        for place, (_, kind, shape) in enumerate(order):
            number = turn * len(order) + place
            yield _drive(number) if kind == "drive" else _pattern(kind, _filled(shape, number))


def _filled(shape: str, number: int) -> str:
    app = number % (VENDORS * APPS)
    return shape.format(
        base=BASES[number % len(BASES)],
        v=app // APPS,
        a=app % APPS,
        n=number // (VENDORS * APPS),
        x=EXTENSIONS[number % len(EXTENSIONS)],
    )


def _drive(number: int) -> str:
    extension = EXTENSIONS[number] if number < len(EXTENSIONS) else f"x{number}"
    call = f"MigXmlHelper.GenerateDrivePatterns('* [*.{extension}]', 'Fixed')"
    return f"<script>{escape(call)}</script>\n"


def _kind(text: str) -> str:
    return "Registry" if text.startswith("HK") else "File"


def _pattern(kind: str, text: str) -> str:
    return f'<pattern type="{kind}">{escape(text)}</pattern>\n'


def _component(number: int, body: str) -> str:
    context = CONTEXTS[number % len(CONTEXTS)]
    return (
        f'<component type="Application" context="{context}"><displayName>App {number}</displayName>\n'
        f'<role role="Settings"><rules><include><objectSet>\n{body}</objectSet></include>\n'
        f'<exclude><objectSet><pattern type="File">%CSIDL_LOCAL_APPDATA%\\never\\{number}\\* [*]</pattern>'
        "</objectSet></exclude></rules></role></component>\n"
    )
