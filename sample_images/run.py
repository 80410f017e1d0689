"""Runs the tools the builder borrows (mkntfs, qemu-img, ...), and says what one complained of."""

from __future__ import annotations

import os
import subprocess


class BuildError(Exception):
    """A sample image cannot be made, or is not what its contents.toml says."""


def run(*command: str, stdin: str | None = None, clock: int | None = None) -> str:
    """Run `command` to its end and return its standard output; BuildError carries its complaint.

    `clock` (seconds since 1970) is the time it takes for now, if it honours SOURCE_DATE_EPOCH.
    """
    fixed = {} if clock is None else {"SOURCE_DATE_EPOCH": str(clock), "TZ": "UTC"}
    try:
        done = subprocess.run(
            command,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | fixed,
        )
    except FileNotFoundError as error:
        raise BuildError(f"{command[0]} is not installed (README.md lists the tools)") from error
    if done.returncode:
        raise BuildError(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout
