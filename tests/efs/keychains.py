"""A user's key chain on a Disk: certificate, private key, master key, and the password that opens it."""

from __future__ import annotations

from uuid import UUID

from tests.efs.disk import Disk
from tests.efs.locked import NEW, Suite, blob, capi_key, cng_key, master_key_file
from tests.efs.people import Person

MASTER = UUID("9c1d3a52-6f0e-4f2b-8a55-1b7f0a3c9d10")
PASSWORD = "Größe 12"
KEY_FILE = "1f2e3d4c5b6a79880123456789abcdef_0f0e0d0c-0b0a-0908-0706-050403020100"


def add_key_chain(
    disk: Disk,
    user: str,
    person: Person,
    *,
    without: str = "",
    cng: bool = False,
    suite: Suite = NEW,
) -> None:
    """Add what opens a person's EFS files to a profile, but for ``without``: certificate, key or master."""
    base = ("Users", user, "AppData", "Roaming", "Microsoft")
    if without != "certificate":
        store = (*base, "SystemCertificates", "My", "Certificates")
        disk.plain(*store, person.thumbprint, content=b"certificate")
    if without != "key":
        folder = ("Keys",) if cng else ("RSA", person.sid)
        disk.plain(
            *base, "Crypto", *folder, KEY_FILE, content=key_file(person, cng=cng, suite=suite)
        )
    if without != "master":
        master = master_key_file(MASTER, PASSWORD, person.sid, suite=suite)
        disk.plain(*base, "Protect", person.sid, str(MASTER), content=master)
    disk.plain(*base, "Protect", "CREDHIST", content=b"history")


def key_file(person: Person, *, cng: bool = False, suite: Suite = NEW) -> bytes:
    """Return a private key's file: its container, and DPAPI blobs, the first of which holds the key."""
    if cng:
        name, key, entropy = (
            person.container.encode("utf-16-le"),
            cng_key(person.key),
            b"xT5rZW5qVVbrvpuA\0",
        )
    else:
        name, key, entropy = person.container.encode() + b"\0", capi_key(person.key), b""
    locked = blob(key, MASTER, suite=suite, entropy=entropy)
    flags = blob(b"\1\0\0\0", MASTER, suite=suite, entropy=b"Hj1diQ6kpUx7VC4m\0")
    return b"\2\0\0\0" + bytes(40) + name + bytes(20) + locked + flags
