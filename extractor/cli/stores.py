"""``coldstate store``: prove or print what a store holds."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from extractor.cli.arguments import words_parser
from extractor.cli.screen import open_screen
from extractor.errors import UsageError
from extractor.model import printable
from extractor.store.manifest import manifest_path
from extractor.store.verify import verify_store


def run_store(words: list[str]) -> int:
    """Run ``store verify`` or ``store manifest``; 0, 27 for what is no store, 42 for a damaged one."""
    parser = words_parser("store", "Prove (verify) or print (manifest) what a store holds.")
    parser.add_argument("action", choices=("verify", "manifest"), help="what to do")
    parser.add_argument("store", type=Path, metavar="STORE", help="the folder that holds USMT/")
    if not words:
        raise UsageError("nothing to do; `coldstate store --help` shows the commands")
    given = parser.parse_args(words)
    return _verify(given.store) if given.action == "verify" else _print_manifest(given.store)


def _verify(store: Path) -> int:
    with open_screen("none") as screen:
        found = verify_store(store, screen)
    for word, names in (("changed", found.changed), ("missing", found.missing),
                        ("extra", found.extra), ("problem", found.problems)):  # fmt: skip
        for name in names:
            print(f"{word}: {printable(name)}")
    found.check(store)
    print(f"intact: {found.objects} objects, {found.files} files and streams, {found.bytes} bytes")
    return 0


def _print_manifest(store: Path) -> int:
    with manifest_path(store).open("rb") as manifest:
        shutil.copyfileobj(manifest, sys.stdout.buffer)
    return 0
