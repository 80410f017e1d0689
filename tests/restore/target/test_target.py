"""A disk is a target: files get into it, and nothing of it stays attached, whatever happens."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

import sample_images
from extractor.errors import ColdstateError, StoreError, StoreLocationError, UsageError
from extractor.filesystems.ntfs import NtfsFilesystem
from extractor.machine import open_machine
from extractor.restore.target import attached, open_target, tools
from tests.conftest import disk_of
from tests.restore.target.build import (
    CONTAINER_TOOLS,
    SYSTEM_AT,
    children_of,
    content_of,
    disk,
    looped,
    name_of,
    need_disks,
    traces,
)

SYSTEM, DATA = "5EED0002C0FFEE02", "5EED0002DA7A0002"


@pytest.mark.parametrize("kind", ["raw", "vhd-fixed", "vhd-dynamic", "vhdx", "qcow2"])
def test_what_is_written_to_a_target_is_on_its_disk(tmp_path: Path, kind: str) -> None:
    need_disks(*(CONTAINER_TOOLS if kind != "raw" else ()), "ntfsfix")
    image = disk(tmp_path, kind)
    content = os.urandom(3 << 20)
    with open_target(image) as target:
        assert target.letters == {"C:", "D:"}
        assert target.install is not None
        assert {each.name for each in target.install.users} == {"maria", "peter", "zhanna"}
        with target.tree() as tree:
            for place in (("Users", "maria", "new"), ("D:", "Maria", "new.txt")):
                file = tree.create(place)
                assert os.write(file, content) == len(content)
                os.close(file)
        inside = target.root
    assert traces(image) == []
    assert not inside.exists()
    assert content_of(image, SYSTEM, "Users", "maria", "new") == content
    assert content_of(image, DATA, "Maria", "new.txt") == content
    if kind in {"vhdx", "qcow2"}:
        subprocess.run(["qemu-img", "check", "-q", image], check=True)
    if kind == "raw":
        with looped(image) as node:
            for number in (3, 4):
                part = partition_of(node, number)
                assert "NTFS partition" in fixed(part)


def fixed(part: Path) -> str:
    done = subprocess.run(["ntfsfix", "--no-action", part], capture_output=True, text=True, check=True)  # fmt: skip
    return done.stdout


def partition_of(node: Path, number: int) -> Path:
    """Return the node of a partition; a host without udev makes none."""
    part = Path(f"{node}p{number}")
    told = Path("/sys/class/block") / part.name / "dev"
    if not part.exists():
        if not told.exists():
            pytest.skip("this kernel does not look for partitions on loop devices")
        major, minor = map(int, told.read_text().split(":"))
        os.mknod(part, 0o600 | 0o060000, os.makedev(major, minor))
    return part


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    need_disks(*CONTAINER_TOOLS)
    for kind in ("raw", "vhdx"):
        image = disk(tmp_path, kind)
        before = image.read_bytes()
        with open_target(image, write=False) as target, target.tree() as tree:
            assert "maria" in tree.names(("Users",))
            with pytest.raises(OSError, match="Read-only"):
                tree.create(("x",))
        assert image.read_bytes() == before
        assert traces(image) == []


def test_a_whole_block_device_and_a_partition_of_it_are_targets(tmp_path: Path) -> None:
    need_disks()
    image = disk(tmp_path)
    with looped(image) as node:
        with open_target(node) as target:
            assert target.letters == {"C:", "D:"}
            (target.root / "whole").write_bytes(b"1")
            with pytest.raises(UsageError, match="is in use"), open_target(node):
                pass
        with open_target(partition_of(node, 3)) as target:
            assert target.letters == {"C:"}
            (target.root / "part").write_bytes(b"2")
    assert traces(image) == []
    assert content_of(image, SYSTEM, "whole") == b"1"
    assert content_of(image, SYSTEM, "part") == b"2"


def test_a_mounted_volume_has_its_windows_too(tmp_path: Path) -> None:
    need_disks()
    image = disk(tmp_path)
    with open_target(image) as outer:
        with open_target(outer.root, header=evidence(tmp_path / "none")) as target:
            assert target.install is not None
            assert target.install.candidate.computer == "DESK-042"
            assert target.root == outer.root
            assert not target.drives
        with open_target(outer.drives["D:"]) as target:
            assert target.install is None
        with pytest.raises(StoreLocationError, match="has no Windows C-Windows"):
            opened(outer.drives["D:"], windows="C-Windows")
    assert traces(image) == []


def test_a_plain_folder_is_a_target_without_a_windows(tmp_path: Path) -> None:
    with open_target(tmp_path / "new") as target:
        assert target.root == tmp_path / "new"
        assert target.install is None
    with pytest.raises(StoreLocationError, match="no mounted NTFS"):
        opened(tmp_path, windows="C-Windows")
    with pytest.raises(UsageError, match="holds the store"):
        opened(tmp_path, store=tmp_path / "store")


# --- refusals -------------------------------------------------------------------------------------


def evidence(*paths: Path) -> dict[str, object]:
    return {"image": {"images": [{"path": str(each), "segments": [str(each)]} for each in paths]}}


def opened(
    path: Path, *, windows: str = "", store: Path | None = None, header: object = None
) -> None:
    told = header if isinstance(header, dict) else {}
    with open_target(path, windows=windows, store=store, header=told):
        pytest.fail("a target")


def refused(image: Path, error: type[ColdstateError], match: str, **more: object) -> None:
    """Prove that an image is refused with one sentence and that nothing of it changes."""
    before = (image.stat().st_mtime_ns, image.stat().st_size, traces(image))
    with pytest.raises(error, match=match) as caught:
        opened(image, **more)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    assert (image.stat().st_mtime_ns, image.stat().st_size, traces(image)) == before


def test_the_evidence_under_any_name_is_refused(tmp_path: Path) -> None:
    need_disks()
    image = disk(tmp_path)
    link, twin = tmp_path / "link", tmp_path / "twin"
    link.symlink_to(image)
    os.link(image, twin)
    for each in (image, link, twin):
        refused(each, UsageError, "is the evidence", header=evidence(image))
    with looped(image) as node:
        refused(node, UsageError, "is the evidence", header=evidence(image))
        refused(partition_of(node, 3), UsageError, "is the evidence", header=evidence(image))
        refused(image, UsageError, "is the evidence", header=evidence(node))
        refused(node, UsageError, "is the evidence", header=evidence(partition_of(node, 4)))


def test_a_disk_that_holds_the_store_or_the_evidence_is_refused(tmp_path: Path) -> None:
    need_disks()
    image = disk(tmp_path)
    with open_target(image) as target:
        store = target.root / "store"
        store.mkdir()
        (store / "evidence.raw").write_bytes(b"x")
        with pytest.raises(UsageError, match="holds the store"):
            opened(image, store=store)
        with pytest.raises(UsageError, match="holds the evidence"):
            opened(image, header=evidence(store / "evidence.raw"))


def test_a_disk_in_use_is_refused(tmp_path: Path) -> None:
    need_disks("mount")
    image = disk(tmp_path)
    with looped(image) as node:
        refused(image, UsageError, f"in use: it is attached as {node.name}")
        part = partition_of(node, 4)
        folder = tmp_path / "mounted"
        folder.mkdir()
        subprocess.run(["ntfs-3g", part, folder], check=True, capture_output=True)
        try:
            refused(node, UsageError, f"in use: it is mounted at {folder}")
            refused(part, UsageError, "in use")
        finally:
            subprocess.run(["umount", folder], check=True)


def test_a_device_that_is_write_protected_is_refused(tmp_path: Path) -> None:
    need_disks()
    image = disk(tmp_path)
    with looped(image, "--read-only") as node:
        refused(node, StoreLocationError, "is write-protected")
        with open_target(node, write=False) as target:
            assert (target.root / "Users").is_dir()


def test_an_image_that_a_virtual_machine_has_open_is_refused(tmp_path: Path) -> None:
    need_disks("qemu-nbd")
    image = disk(tmp_path)
    socket = tmp_path / "socket"
    server = subprocess.Popen(["qemu-nbd", "--persistent", "--socket", socket, "-f", "raw", image])
    try:
        deadline = time.monotonic() + 20
        known = f":{image.stat().st_ino} "
        while known not in Path("/proc/locks").read_text() and time.monotonic() < deadline:
            time.sleep(0.02)
        refused(image, UsageError, "another program has locked it")
    finally:
        server.terminate()
        server.wait()


def test_no_virtual_machine_opens_a_target_meanwhile(tmp_path: Path) -> None:
    need_disks("qemu-img")
    image = disk(tmp_path)
    with open_target(image):
        command = ["qemu-img", "bench", "-w", "-c", "1", "-f", "raw", str(image)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert "Is another process using the image" in done.stderr


def test_of_several_windows_one_must_be_named(tmp_path: Path) -> None:
    need_disks()
    image = disk(tmp_path, name="three")
    with open_machine([image]) as machine:
        valid = [each for each in machine.candidates if each.valid and each.kind == "windows"]
    assert len(valid) > 1
    refused(image, StoreLocationError, f"holds {len(valid)} Windows, name one: .*C-Windows")
    refused(image, StoreLocationError, r"no Windows C:\\None, it holds C:", windows="C:\\None")
    with open_target(image, windows="c-windows") as target:
        assert target.install is not None
        assert str(target.install.path) == "C:\\Windows"
    with open_target(image, windows="C:\\Windows") as target:
        assert target.root.is_dir()
    assert traces(image) == []


def test_a_disk_without_a_windows_is_refused(tmp_path: Path) -> None:
    need_disks("mkntfs")
    image = tmp_path / "empty"
    image.write_bytes(b"")
    os.truncate(image, 8 << 20)
    refused(image, StoreLocationError, "is no target: .*no partition table")
    subprocess.run(["mkntfs", "--quick", "--force", "--quiet", str(image)], check=True)
    refused(image, StoreLocationError, "holds no Windows to restore into")


@pytest.mark.parametrize("kind", ["e01", "split-raw"])
def test_an_image_of_several_files_or_without_a_writer_is_refused(
    kind: str,
) -> None:
    need_disks()
    refused(sample_images.unpack("solo", kind), StoreLocationError, "cannot be written: it is ")


def test_a_differencing_disk_is_refused_and_so_is_its_parent_when_it_is_evidence(
    tmp_path: Path,
) -> None:
    need_disks(*CONTAINER_TOOLS)
    parent, child = disk(tmp_path, "qcow2"), tmp_path / "child.qcow2"
    command = ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b"]
    subprocess.run([*command, str(parent), str(child)], check=True)
    refused(child, StoreLocationError, "is an overlay")
    refused(parent, UsageError, "is the evidence", header=evidence(child, parent))


def test_a_bitlocker_volume_is_refused(tmp_path: Path) -> None:
    need_disks()
    image = disk(tmp_path)
    with image.open("r+b") as file:
        file.seek(SYSTEM_AT + 3)
        file.write(b"-FVE-FS-")
    refused(image, StoreLocationError, "BitLocker")


def test_a_windows_that_hibernates_is_refused_in_a_dry_run_too(tmp_path: Path) -> None:
    need_disks()
    image = disk(tmp_path)
    with open_target(image) as target:
        (target.root / "hiberfil.sys").write_bytes(b"HIBR" + bytes(8000))
    refused(image, StoreLocationError, "hibernates: start it and shut it down fully")
    with pytest.raises(StoreLocationError, match="hibernates"), open_target(image, write=False):
        pass


def test_a_volume_that_is_marked_as_dirty_is_refused(tmp_path: Path) -> None:
    need_disks()
    image = disk(tmp_path)
    with open_machine([image]) as machine:
        filesystem = machine.filesystems[SYSTEM]
        assert isinstance(filesystem, NtfsFilesystem)
    mark_dirty(image)
    refused(image, StoreLocationError, "drive C: is marked as dirty: .*chkdsk C: /f")


def mark_dirty(image: Path) -> None:
    """Set the flag in $VOLUME_INFORMATION of record 3, and of its copy."""
    with image.open("r+b") as file:
        file.seek(SYSTEM_AT)
        boot = file.read(512)
        cluster = struct.unpack_from("<H", boot, 11)[0] * boot[13]
        for table in struct.unpack_from("<QQ", boot, 48):
            place = SYSTEM_AT + table * cluster + 3 * 1024
            file.seek(place)
            record = bytearray(file.read(1024))
            at = struct.unpack_from("<H", record, 20)[0]
            while struct.unpack_from("<I", record, at)[0] != 0x70:
                at += struct.unpack_from("<I", record, at + 4)[0]
            record[at + struct.unpack_from("<H", record, at + 20)[0] + 10] |= 1
            file.seek(place)
            file.write(record)


def test_what_ntfs_3g_finds_wrong_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need_disks()
    image = disk(tmp_path)
    real = tools.asked
    for code, word in ((15, "ntfsfix"), (14, "hibernates"), (99, "cannot be mounted")):
        answer = (code, "words")
        monkeypatch.setattr(
            attached, "asked", lambda *words, answer=answer: answer if "probe" in words[0] else real(*words)
        )  # fmt: skip
        refused(image, StoreLocationError, word)


def test_without_root_or_tools_nothing_is_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need_disks()
    image = disk(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "geteuid", lambda: 1000)
        refused(image, UsageError, "only root attaches and mounts a disk")
    monkeypatch.setattr(tools, "_found", lambda name: None if name == "ntfs-3g" else name)
    refused(image, UsageError, "lacks: apt install ntfs-3g$")


# --- nothing stays --------------------------------------------------------------------------------


@pytest.mark.parametrize("tool", ["ntfs-3g", "nbdfuse", "qemu-nbd"])
def test_a_tool_that_dies_is_told_and_nothing_stays(tmp_path: Path, tool: str) -> None:
    need_disks(*CONTAINER_TOOLS)
    image = disk(tmp_path, "vhdx")
    with pytest.raises(StoreError, match="before its time"), open_target(image) as target:  # noqa: PT012
        (target.root / "before").write_bytes(bytes(1 << 20))
        for each in children_of(os.getpid()):
            if name_of(each) == tool:
                os.kill(each, signal.SIGKILL)
        time.sleep(0.1)
        with suppress(OSError):
            (target.root / "after").write_bytes(bytes(8 << 20))
    assert traces(image) == []


@pytest.mark.parametrize("kind", ["raw", "vhdx"])
def test_an_error_or_a_ctrl_c_leaves_nothing(tmp_path: Path, kind: str) -> None:
    need_disks(*(CONTAINER_TOOLS if kind != "raw" else ()))
    image = disk(tmp_path, kind)
    for error in (KeyboardInterrupt, ZeroDivisionError):
        with pytest.raises(error), open_target(image) as target:  # noqa: PT012
            (target.root / "written").write_bytes(b"x")
            raise error
        assert traces(image) == []
    assert content_of(image, SYSTEM, "written") == b"x"


def test_a_failure_halfway_takes_back_what_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need_disks(*CONTAINER_TOOLS)
    image = disk(tmp_path, "vhdx")
    real = tools.Running
    started: list[str] = []

    def second_fails(*words: str, follows_us: bool = False) -> tools.Running:
        started.append(words[0])
        wrong = started.count("ntfs-3g") == 2
        return real(*(words[:-2] if wrong else words), follows_us=follows_us)

    monkeypatch.setattr(attached, "Running", second_fails)
    with pytest.raises(StoreLocationError, match="a volume cannot be mounted"):
        opened(image)
    assert started.count("ntfs-3g") == 2
    assert traces(image) == []


@pytest.mark.parametrize("which", [1, 2, 3])
def test_a_ctrl_c_while_it_is_attached_takes_back_what_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, which: int
) -> None:
    need_disks(*CONTAINER_TOOLS)
    image = disk(tmp_path, "vhdx")
    real = tools.Running.until
    calls: list[str] = []

    def stopped(tool: tools.Running, happened: Callable[[], bool], seconds: float) -> None:
        calls.append(tool.name)
        if len(calls) == which:
            raise KeyboardInterrupt
        real(tool, happened, seconds)

    monkeypatch.setattr(tools.Running, "until", stopped)
    with pytest.raises(KeyboardInterrupt):
        opened(image)
    assert traces(image) == []


SCRIPT = """
import sys, time
from pathlib import Path
from extractor.restore.target import open_target
with open_target(Path(sys.argv[1])) as target:
    (target.root / "last words").write_bytes(b"here")
    print(target.root, flush=True)
    time.sleep(600)
"""


@pytest.mark.parametrize("kind", ["raw", "vhdx"])
@pytest.mark.parametrize("word", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_is_stopped_leaves_nothing_and_loses_nothing(
    tmp_path: Path, kind: str, word: signal.Signals, heard: None
) -> None:
    need_disks(*(CONTAINER_TOOLS if kind != "raw" else ()))
    image = disk(tmp_path, kind)
    command = [sys.executable, "-c", SCRIPT, str(image)]
    run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert run.stdout is not None
    root = Path(run.stdout.readline().decode().strip())
    below = children_of(run.pid)
    assert any(name_of(each) == "ntfs-3g" for each in below)
    run.send_signal(word)
    run.wait()
    run.stdout.close()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and any(Path(f"/proc/{each}/exe").exists() for each in below):
        time.sleep(0.05)
    assert not [each for each in below if Path(f"/proc/{each}/exe").exists()]
    assert traces(image) == []
    assert content_of(image, SYSTEM, "last words") == b"here"
    if word is signal.SIGKILL:
        for folder in (*root.parent.iterdir(), root.parent):
            folder.rmdir()
    assert not root.parent.exists()


def test_a_disk_of_this_host_that_is_full_is_told(tmp_path: Path) -> None:
    need_disks(*CONTAINER_TOOLS)
    source = disk(tmp_path, "vhdx")
    with disk_of(f"{(source.stat().st_size >> 20) + 3}m", tmp_path / "small") as small:
        image = small / "disk.vhdx"
        image.write_bytes(source.read_bytes())
        with (
            pytest.raises(StoreError, match="could not write"),
            open_target(image) as target,
            suppress(OSError),
        ):
            (target.root / "large").write_bytes(os.urandom(12 << 20))
        assert traces(image) == []


def test_a_target_without_room_is_refused_by_volume(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need_disks()
    image = disk(tmp_path)
    with open_target(image) as target:
        target.refuse_lack_of_room({"": (1 << 20, 1), "E:": (1 << 20, 1)})
        target.refuse_lack_of_room({"D:": (1 << 20, 1)})
        with pytest.raises(StoreError, match=r"\(D:\): the restore needs .* are free"):
            target.refuse_lack_of_room({"D:": (9 << 20, 1)})
        with pytest.raises(StoreError, match=r"\(C:\): the restore needs"):
            target.refuse_lack_of_room({"": (12 << 20, 1), "E:": (12 << 20, 1)})
        monkeypatch.setattr("extractor.restore.target.place.free_bytes", lambda _: 1000)
        with pytest.raises(StoreError, match="may grow by"):
            target.refuse_lack_of_room({"": (1, 1)})
