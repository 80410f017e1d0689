"""What The Sleuth Kit and hivex, which have no part in building an image, see in it."""

from __future__ import annotations

import hashlib
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from sample_images.contents import Contents, Entry, Volume, WinPath

LINE = re.compile(rb"^[-\w]/[-\w] ([\d-]+):\t(.*)$")
ATTRIBUTE = re.compile(rb"[rd]/[rd] (\d+-128-\d+):\t")
NAMELESS = 24  # records below are NTFS's own


def run(*command: str) -> bytes:
    return subprocess.run(command, check=True, capture_output=True).stdout


def partitions(image: Path, sector: int) -> list[int]:
    """First sector of every partition, by mmls."""
    rows = run("mmls", "-b", str(sector), str(image)).decode().splitlines()
    return [int(row.split()[2]) for row in rows if re.match(r"\d+:\s+\d", row)]


def located(contents: Contents, image: Path) -> Iterator[tuple[Volume, list[str]]]:
    """Each volume that holds files, and the arguments that lead Sleuth Kit's tools to it."""
    if contents.table == "none":
        yield contents.volumes[0], ["-o", "0", str(image)]
        return
    sector = contents.volumes[0].sector
    for volume, first in zip(contents.volumes, partitions(image, sector), strict=True):
        if volume.kind != "reserved":
            yield volume, ["-b", str(sector), "-o", str(first), str(image)]


def listing(where: list[str]) -> dict[str, str]:
    """Path (`/` between names, `:` before a stream) -> address of its data, by fls."""
    found: dict[str, str] = {}
    for line in run("fls", "-r", "-p", *where).splitlines():
        if match := LINE.match(line):
            address, path = match.groups()
            found.setdefault(path.decode(errors="replace"), address.decode())
    return found


def addresses(where: list[str]) -> list[str]:
    """The address of every $DATA stream of a volume, whatever its name does to the listing."""
    found = {match.decode() for match in ATTRIBUTE.findall(run("fls", "-r", "-p", *where))}
    return sorted(address for address in found if int(address.partition("-")[0]) >= NAMELESS)


def digest(where: list[str], address: str) -> str:
    return hashlib.sha256(run("icat", *where, address)).hexdigest()


def shown(path: WinPath) -> str:
    """The path as fls prints it: `^` for a control character."""
    return re.sub(r"[\0-\x1f]", "^", "/".join(path))


def readable(entry: Entry) -> bool:
    """Sleuth Kit knows no WOF, and 8 TiB take too long."""
    return entry.kind == "file" and entry.recipe.sha256 is not None and not entry.wof
