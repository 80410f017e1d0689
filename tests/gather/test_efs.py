"""/efs: what is carried, and whether it will open."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from extractor.efs.ciphers import Fek, load_pfx
from extractor.efs.keyring import Keyring
from extractor.efs.metadata import Metadata, parse_metadata
from extractor.errors import DamagedError, EncryptedError
from extractor.evaluate import Profile, Scene
from extractor.filesystems import find
from extractor.gather.efs import EfsCarrier
from extractor.gather.files import FileGatherer
from extractor.gather.keychain import Keychain
from extractor.gather.password_keys import PasswordKeys
from extractor.gather.policy import Efs
from extractor.model import EfsUser, ObjectKind, Selected, User, WinPath
from extractor.seams import Captured, Filesystem
from extractor.testing import FakeFile, FakeFilesystem
from extractor.windows.namespace import Mount, Namespace
from tests.efs.decoder import AES_256, decode
from tests.efs.disk import Disk, Part
from tests.efs.keychains import MASTER, PASSWORD, add_key_chain
from tests.efs.locked import NEW, OLD, Suite
from tests.efs.people import ANNA_SID, agent, anna, efs, fek
from tests.efs.secret_files import KEYS, Content, add_secret, noise

PLACE = ("Users", "anna", "secret.bin")
STREAMS = {
    "": Content(noise(70_001), valid=70_000),
    "ads": Content(noise(600, "ads")),
    "open": Content(b"[ZoneTransfer]", encrypted=False),
}
VALUE = efs(fek(AES_256, KEYS[AES_256]), [anna()], [agent()])


def selected(filesystem: Filesystem, *path: str) -> Selected:
    entry = find(filesystem, path)
    assert entry is not None
    metadata = filesystem.metadata(entry)
    where = WinPath("C:", path)
    return Selected(
        ObjectKind.FILE, where, filesystem.info.id, entry, metadata, ANNA_SID, chosen=True
    )


def carried(
    filesystem: Filesystem, mode: Efs, *path: str, keyring: Keyring | None = None
) -> tuple[Captured, list[tuple[str, str]]]:
    """Gather one file and carry it; return what is stored and what was told."""
    told: list[tuple[str, str]] = []
    filesystems = {filesystem.info.id: filesystem}
    (captured,) = FileGatherer().gather([selected(filesystem, *path)], filesystems)

    def judge(_metadata: Metadata) -> tuple[str, str]:
        return "no", "nobody has a key"

    carrier = EfsCarrier(
        mode, filesystems, keyring or Keyring(), judge, lambda *note: told.append(note)
    )
    carrier(captured)
    return carrier(captured), told


@pytest.fixture
def secret() -> Filesystem:
    disk = Disk()
    add_secret(disk, *PLACE, streams=STREAMS, users=[anna()], agents=[agent()])
    return disk.open()


def test_copyraw_makes_one_stream_of_all_and_names_who_can_open_it(secret: Filesystem) -> None:
    item, told = carried(secret, Efs.COPYRAW, *PLACE)
    raw = item.open("")
    assert decode(raw.read_at(0, raw.size), agent()) == {
        n: each.read for n, each in STREAMS.items()
    }
    (only,) = item.streams
    assert (only.name, only.size) == ("", raw.size)
    assert item.refusal is None
    assert item.efs is not None
    assert (item.efs.form, item.efs.size) == ("raw", raw.size)
    assert (item.efs.verdict, item.efs.reason) == ("no", "nobody has a key")
    assert item.efs.users[0] == EfsUser("user", ANNA_SID, "anna(anna@DESK)", anna().thumbprint)
    assert [level for level, _ in told] == ["warning"]
    assert "will it open after a restore: no: nobody has a key" in told[0][1]


def test_decryptcopy_gives_every_stream_in_plain(secret: Filesystem) -> None:
    keys = Keyring([load_pfx(anna().pfx(b"pw"), b"pw", "x")])
    item, told = carried(secret, Efs.DECRYPTCOPY, *PLACE, keyring=keys)
    assert told == []
    assert [each.name for each in item.streams] == ["", "ads", "open"]
    for stream in item.streams:
        opened = item.open(stream.name)
        assert opened.size == stream.size
        assert opened.read_at(0, opened.size) == STREAMS[stream.name].read
    assert item.efs is not None
    assert (item.efs.form, item.efs.size, item.efs.verdict) == ("plain", 70_001, "yes")


def test_decryptcopy_without_a_key_names_the_certificates_wanted(secret: Filesystem) -> None:
    with pytest.raises(EncryptedError, match=anna().thumbprint):
        carried(secret, Efs.DECRYPTCOPY, *PLACE)


@pytest.mark.parametrize("mode", [Efs.ABORT, Efs.SKIP])
def test_abort_and_skip_leave_the_refusal(secret: Filesystem, mode: Efs) -> None:
    item, _ = carried(secret, mode, *PLACE)
    assert isinstance(item.refusal, EncryptedError)


def test_a_file_whose_efs_attribute_is_gone_is_damage() -> None:
    disk = Disk()
    disk.file("x", parts=[Part(0x80, "", noise(512), flags=0x4000)], attributes=0x4020)
    with pytest.raises(DamagedError, match=r"\$EFS attribute is gone"):
        carried(disk.open(), Efs.COPYRAW, "x")


def test_a_file_that_has_only_the_attribute_is_read_as_it_is() -> None:
    disk = Disk()
    disk.file("x", parts=[Part(0x80, "", b"plain")], attributes=0x4020)
    item, _ = carried(disk.open(), Efs.COPYRAW, "x")
    assert item.efs is None
    assert item.open("").read_at(0, 9) == b"plain"


def test_an_efs_attribute_that_cannot_be_read_is_carried_all_the_same() -> None:
    disk = Disk()
    disk.file("x", parts=[Part(0x80, "", noise(512), flags=0x4000), Part(0x100, "$EFS", b"odd", resident=True)],
              attributes=0x4020)  # fmt: skip
    item, _ = carried(disk.open(), Efs.COPYRAW, "x")
    assert item.efs is not None
    assert item.efs.users == ()


def test_a_file_system_that_cannot_give_ciphertext_keeps_its_refusal() -> None:
    fake = FakeFilesystem({"x": FakeFile(b"x", attributes=0x4020)})
    item, _ = carried(fake, Efs.COPYRAW, "x")
    assert isinstance(item.refusal, EncryptedError)


@pytest.mark.parametrize("cng", [False, True], ids=["CryptoAPI", "CNG"])
@pytest.mark.parametrize("suite", [NEW, OLD], ids=["AES-256 SHA-512", "3DES SHA-1"])
def test_the_password_of_the_user_opens_the_keys_of_the_profile(suite: Suite, cng: bool) -> None:
    disk = Disk()
    add_key_chain(disk, "anna", anna(), suite=suite, cng=cng)
    keys = PasswordKeys(Keyring(), chain_of(disk), PASSWORD)
    assert keys.open(parse_metadata(VALUE)) == Fek(AES_256, KEYS[AES_256])
    assert PASSWORD not in repr(keys)


def test_a_wrong_password_says_whose_key_it_did_not_open() -> None:
    disk = Disk()
    add_key_chain(disk, "anna", anna())
    keys = PasswordKeys(Keyring(), chain_of(disk), "guess")
    with pytest.raises(EncryptedError) as caught:
        keys.open(parse_metadata(VALUE))
    assert "anna(anna@DESK): the password does not open the private key" in str(caught.value)
    assert "Administrator: no private key of this certificate is on this disk" in str(caught.value)
    assert "guess" not in str(caught.value)


# --- the key chain --------------------------------------------------------------------------------


def chain_of(disk: Disk, *, stored: bool = True) -> Keychain:
    filesystem = disk.open()
    user = User(ANNA_SID, "anna", "DESK", WinPath.parse(r"C:\Users\anna"), "ok")
    profile = Profile(user, {"CSIDL_AppData": r"C:\Users\anna\AppData\Roaming"})
    mounts = [Mount(WinPath("C:"), filesystem, filesystem.root)]
    scene = Scene(Namespace(mounts), (profile,), {})
    below = find(filesystem, ("Users", "anna", "AppData"))
    chosen = []
    if below and stored:
        from extractor.filesystems import walk

        blank = selected(filesystem, "Users", "anna")
        chosen = [replace(blank, entry=each) for each in walk(filesystem, below)]
    return Keychain(scene, chosen)


def with_chain(**how: str | bool) -> Callable[[Disk], None]:
    return lambda disk: add_key_chain(disk, "anna", anna(), **how)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("prepare", "stored", "verdict", "why"),
    [
        (with_chain(), True, "yes", "of anna(anna@DESK) are in this store; the password is needed"),
        (with_chain(cng=True), True, "yes", "are in this store"),
        (with_chain(), False, "no", f"the certificate {anna().thumbprint} is not in this store"),
        (with_chain(without="certificate"), True, "no", f"{anna().thumbprint} is not on this disk"),
        (with_chain(without="key"), True, "no", "the private key is not on this disk"),
        (with_chain(without="master"), True, "no", f"the master key {MASTER} is not on this disk"),
        (lambda _: None, True, "no", "is not on this disk; Administrator: has no profile"),
    ],
)
def test_the_verdict_follows_the_key_chain(
    prepare: Callable[[Disk], None], stored: bool, verdict: str, why: str
) -> None:
    disk = Disk()
    prepare(disk)
    found, reason = chain_of(disk, stored=stored)(parse_metadata(VALUE))
    assert found == verdict
    assert why in reason


def test_of_metadata_that_names_nobody_nobody_can_say() -> None:
    chain = chain_of(Disk())
    assert chain(Metadata(5, ())) == (
        "unknown",
        "its $EFS attribute is of a kind that is not read (version 5)",
    )
    assert "damaged" in chain(Metadata(0, ()))[1]
