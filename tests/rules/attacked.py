"""Read rule files as a scan does, and tell what each cost: ``python -m tests.rules.attacked INNOCENT FILE...``.

Prints a JSON object for each file: what was said, seconds of the processor, and MiB of memory above what reading the
innocent file needs. Each is read in a process of its own, so that one that runs wild or is killed is told like others.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import time
from pathlib import Path

from extractor.errors import UsageError
from extractor.evaluate.activate import activate
from extractor.rules import load_rules
from tests.evaluate.activations import scene

PATIENCE = 60


def main() -> None:
    """Run the command line."""
    innocent, *paths = map(Path, sys.argv[1:])
    _said(innocent)  # whatever is imported, is imported now
    for path in paths:
        child = os.fork()
        if not child:
            signal.alarm(PATIENCE)
            _tell(innocent, path)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if status:
            _print(said=[f"killed: {status}"], seconds=PATIENCE, mib=0)


def _tell(innocent: Path, path: Path) -> None:
    _said(innocent)  # a fork is given its pages when it asks for them
    least, started = _peak(), time.process_time()
    said = _said(path)
    seconds = time.process_time() - started
    _print(said=said, seconds=seconds, mib=(_peak() - least) / 1024)


def _print(**cost: object) -> None:
    sys.stdout.write(f"{json.dumps(cost)}\n")
    sys.stdout.flush()


def _said(path: Path) -> list[str]:
    """Return what refuses a file; else the warnings of its rules, and the notes of bringing them to a machine."""
    try:
        return [note.message for note in activate(load_rules([path]), scene(), []).notes]
    except UsageError as error:
        return [str(error)]


def _peak() -> int:
    """Return the peak of resident memory in KiB.

    Not that of ``getrusage``, which is never below what the process that started this one had.
    """
    status = Path("/proc/self/status").read_text("ascii")
    return int(re.findall(r"VmHWM:\s+(\d+)", status)[0])


if __name__ == "__main__":
    main()
