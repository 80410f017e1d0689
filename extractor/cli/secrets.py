"""Secrets: from a file, standard input or the environment, never from an argument; shown nowhere."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from getpass import getpass
from pathlib import Path

from extractor.errors import UsageError
from extractor.redact import remember

EFS_VARIABLE = "COLDSTATE_EFS_PASSWORD"
EFS_USER_VARIABLE = "COLDSTATE_EFS_USER_PASSWORD"
LARGEST = 4096
"""Bytes of the longest secret that is read."""


def efs_secret(source: str | None, environment: Mapping[str, str]) -> bytes:
    """Return the password of PFX files: the first line of a file or of standard input (``-``), else the environment's.

    Raises UsageError (11) when the source cannot be read.
    """
    if source is None:
        secret = environment.get(EFS_VARIABLE, "").encode("utf-8", "surrogateescape")
    else:
        secret = first_line(source, "--efs-password")
    remember(secret.decode("utf-8", "replace"))
    return secret


def efs_user_secret(source: str | None, environment: Mapping[str, str]) -> str | None:
    """Return a user's Windows password, from the same kinds of places; None when it was not given.

    Raises UsageError (11) when the source cannot be read or is not UTF-8.
    """
    if source is None:
        secret = environment.get(EFS_USER_VARIABLE)
    else:
        try:
            secret = first_line(source, "--efs-user-password").decode()
        except UnicodeDecodeError as error:
            raise UsageError(f"--efs-user-password {source}: is not UTF-8") from error
    remember(secret or "")
    return secret


def first_line(source: str, spelled: str) -> bytes:
    """Return the first line of a file or of standard input, without its end; raise UsageError (11)."""
    try:
        if source == "-" and sys.stdin.isatty():
            line = getpass(f"{spelled}: ").encode()  # unseen
        elif source == "-":
            line = sys.stdin.buffer.readline(LARGEST + 1)
        else:
            with Path(source).open("rb") as file:
                line = file.readline(LARGEST + 1)
    except OSError as error:
        raise UsageError(
            f"{spelled} {source}: cannot be read: {error.strerror or error}"
        ) from error
    if len(line) > LARGEST:
        raise UsageError(f"{spelled} {source}: its first line is too long for a password")
    return line.rstrip(b"\r\n")
