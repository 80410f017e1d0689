"""The `age` tool, which is not ours, opens what was sealed: this is what a person has when our program is gone."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import time
from pathlib import Path

import pytest

from extractor.store.sealed.keys import read_identities, recipient_keys
from extractor.store.sealed.opener import open_sealed
from tests.conftest import need_tool
from tests.store.sealed.build import FILES, IDENTITY, PASSPHRASE, WIM, make_sealed, with_passphrase

PATIENCE = 60
"""Seconds for scrypt on a busy computer."""


def age(*words: str | Path) -> bytes:
    return subprocess.run(["age", *words], check=True, capture_output=True).stdout


def joined(directory: Path, *words: str | Path) -> bytes:
    parts = sorted(directory.glob("store.wim.*.age"))
    return b"".join(age("-d", *words, part) for part in parts)


def typed(words: list[str], line: str) -> int:
    """Run a program on a terminal of its own and type ``line`` when it asks; return its exit code."""
    child, terminal = pty.fork()
    if child == 0:
        os.execvp(words[0], words)
    said, code, end = b"", None, time.monotonic() + PATIENCE
    while code is None and time.monotonic() < end:
        if select.select([terminal], [], [], 0.05)[0]:
            try:
                said += os.read(terminal, 1024)
            except OSError:  # the child has closed it
                time.sleep(0.05)
        if b"passphrase" in said:
            os.write(terminal, line.encode() + b"\n")
            said = b""
        pid, status = os.waitpid(child, os.WNOHANG)
        code = os.waitstatus_to_exitcode(status) if pid else None
    os.close(terminal)
    if code is None:
        os.kill(child, 9)
        os.waitpid(child, 0)
        pytest.fail(f"{words[0]} did not end: {said!r}")
    return code


def test_joined_parts_are_the_file(tmp_path: Path) -> None:
    need_tool("age")
    directory = make_sealed(tmp_path / "store")
    (tmp_path / "key").write_text(str(IDENTITY))
    assert joined(directory, "-i", tmp_path / "key") == WIM
    for name, content in FILES.items():
        assert age("-d", "-i", tmp_path / "key", directory / f"{name}.age") == content
    subprocess.run(["sha256sum", "--quiet", "-c", "sealed.sha256"], cwd=directory, check=True)


def test_the_identity_asks_for_the_passphrase(tmp_path: Path) -> None:
    need_tool("age")
    directory = make_sealed(tmp_path / "store", with_passphrase())
    identity, part = directory / "identity.age", directory / "store.wim.00000.age"
    words = ["age", "-d", "-i", str(identity), "-o", str(tmp_path / "out"), str(part)]
    assert typed(words, PASSPHRASE.text) == 0
    assert (tmp_path / "out").read_bytes() == WIM[:16]
    assert typed([*words[:5], str(tmp_path / "no"), str(part)], "wrong") != 0


def test_a_key_of_age_keygen_opens_the_store(tmp_path: Path) -> None:
    need_tool("age", "age-keygen")
    key = tmp_path / "key"
    subprocess.run(["age-keygen", "-o", key], check=True, capture_output=True)
    public = subprocess.run(["age-keygen", "-y", key], check=True, capture_output=True, text=True)
    directory = make_sealed(tmp_path / "store", recipient_keys([public.stdout.strip()]))
    with open_sealed(directory, identities=read_identities(key)) as opener:
        assert opener.read("store.wim") == WIM
    assert joined(directory, "-i", key) == WIM


@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
def test_a_store_for_several_opens_with_the_ssh_key_of_one(tmp_path: Path, kind: str) -> None:
    need_tool("age", "ssh-keygen")
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", key], check=True)
    words = [key.with_suffix(".pub").read_text(), str(IDENTITY.to_public())]
    directory = make_sealed(tmp_path / "store", recipient_keys(words))
    with open_sealed(directory, identities=read_identities(key)) as opener:
        opener.check()
    assert joined(directory, "-i", key) == WIM
