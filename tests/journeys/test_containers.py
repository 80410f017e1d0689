"""The same disk in any container and any partition table gives the same manifest, byte for byte."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from uuid import UUID

import pytest

import sample_images
from sample_images.containers import FORMATS, derive
from tests.conftest import need_tool
from tests.images.children import vhd_child, vhdx_child
from tests.journeys.journey import Manifest, disagreements, entries, manifest_of, scan

QEMU_NAMES = {
    "vhd-fixed": "vpc",
    "vhd-dynamic": "vpc",
    "vhdx-fixed": "vhdx",
    "vhdx-dynamic": "vhdx",
}


@pytest.fixture(scope="module")
def raw() -> Path:
    return sample_images.unpack("solo")


@pytest.fixture(scope="module")
def reference(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """The manifest of the partition-only raw image."""
    store = tmp_path_factory.mktemp("reference")
    assert scan(store, raw, "/c") == 3
    return manifest_of(store)


def without_image(manifest: Manifest) -> list[bytes]:
    """Every line as it stands, but for the header's description of the image."""
    header = {key: value for key, value in manifest.header.items() if key != "image"}
    return [json.dumps(header, sort_keys=True).encode(), *manifest.lines[1:]]


@pytest.mark.parametrize("kind", FORMATS)
def test_every_container_gives_the_same_manifest(
    kind: str, raw: Path, reference: Manifest, tmp_path: Path
) -> None:
    need_tool("qemu-img", "ewfacquire")
    files = derive(raw, kind, tmp_path / "image")
    assert scan(tmp_path / "store", files[0], "/c") == 3
    assert without_image(manifest_of(tmp_path / "store")) == without_image(reference)


@pytest.mark.parametrize(
    ("driver", "options"),
    [
        ("vmdk", "subformat=monolithicSparse"),
        ("vmdk", "subformat=streamOptimized"),
        ("vmdk", "subformat=monolithicFlat"),
        ("qcow2", "cluster_size=64k"),
        ("vdi", "static=off"),
    ],
)
def test_other_virtual_disks_give_the_same_manifest(
    driver: str, options: str, raw: Path, reference: Manifest, tmp_path: Path
) -> None:
    need_tool("qemu-img")
    image = tmp_path / f"disk.{driver}"
    convert = ["qemu-img", "convert", "-f", "raw", "-O", driver, "-o", options]
    subprocess.run([*convert, str(raw), str(image)], check=True)
    assert scan(tmp_path / "store", image, "/c") == 3
    assert without_image(manifest_of(tmp_path / "store")) == without_image(reference)


@pytest.mark.parametrize("kind", ["vhd", "vhdx"])
def test_a_differencing_disk_gives_the_manifest_of_what_it_amounts_to(
    kind: str, raw: Path, reference: Manifest, tmp_path: Path
) -> None:
    need_tool("qemu-img")
    new = raw.read_bytes()
    # The base is an older state of the disk: every third MiB was other then, and so were single sectors.
    old = bytearray(new)
    for offset in range(0, len(old), 3 << 20):
        old[offset : offset + (1 << 20)] = bytes(len(old[offset : offset + (1 << 20)]))
    for offset in range(1 << 20, len(old), 9 * 512):
        old[offset : offset + 512] = b"\xee" * len(old[offset : offset + 512])
    (tmp_path / "old.raw").write_bytes(old)
    base = derive(tmp_path / "old.raw", f"{kind}-dynamic", tmp_path)[0]
    child = tmp_path / f"child.{kind}"
    if kind == "vhd":
        vhd_child(base, child, bytes(old), new, UUID(int=7))
    else:
        options = "subformat=dynamic,block_size=1M,block_state_zero=off"
        create = ["qemu-img", "create", "-q", "-f", "vhdx", "-o", options, str(child)]
        subprocess.run([*create, str(len(new))], check=True)
        vhdx_child(child.read_bytes(), base, child, bytes(old), new)
    assert scan(tmp_path / "store", child, "/c") == 3
    assert without_image(manifest_of(tmp_path / "store")) == without_image(reference)


@pytest.mark.parametrize("kind", sample_images.formats("solo"))
def test_every_committed_container_gives_the_same_manifest(
    kind: str, reference: Manifest, tmp_path: Path
) -> None:
    assert scan(tmp_path / "store", sample_images.unpack("solo", kind), "/c") == 3
    assert without_image(manifest_of(tmp_path / "store")) == without_image(reference)


@pytest.mark.parametrize("kind", [kind for kind in FORMATS if kind in QEMU_NAMES])
def test_qemu_agrees_that_the_container_holds_the_disk(
    kind: str, raw: Path, tmp_path: Path
) -> None:
    need_tool("qemu-img")
    image = derive(raw, kind, tmp_path)[0]
    command = ["qemu-img", "compare", "-f", "raw", "-F", QEMU_NAMES[kind], str(raw), str(image)]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("kind", ["e01", "e01-split"])
def test_ewfverify_agrees_that_the_container_is_whole(kind: str, raw: Path, tmp_path: Path) -> None:
    need_tool("ewfverify", "qemu-img")
    image = derive(raw, kind, tmp_path)[0]
    ran = subprocess.run(
        ["ewfverify", "-q", str(image)], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0
    assert "SUCCESS" in ran.stdout


def test_all_segments_on_one_line_are_one_image(
    raw: Path, reference: Manifest, tmp_path: Path
) -> None:
    files = sample_images.unpack_all("solo", "e01-split")
    assert len(files) >= 3
    assert scan(tmp_path / "store", *files, "/c") == 3
    assert without_image(manifest_of(tmp_path / "store")) == without_image(reference)


def test_a_misleading_suffix_changes_nothing(
    raw: Path, reference: Manifest, tmp_path: Path
) -> None:
    lying = tmp_path / "disk.vhdx"
    shutil.copyfile(raw, lying)
    assert scan(tmp_path / "store", lying, "/c") == 3
    assert without_image(manifest_of(tmp_path / "store")) == without_image(reference)


def test_what_is_stored_is_what_contents_toml_says(reference: Manifest) -> None:
    wrong = []
    for entry in entries(sample_images.contents_of("solo")):
        if entry.expect != "stored" or entry.kind != "file":
            continue
        row = reference.at(entry.path)
        streams = {each["name"]: each["sha256"] for each in row["streams"]}
        if row["sha256"] != entry.recipe.sha256 or row["outcome"] != "stored":
            wrong.append(entry.path)
        if streams != {name: recipe.sha256 for name, recipe in entry.streams}:
            wrong.append((*entry.path, "streams"))
    assert wrong == []


def test_every_outcome_is_the_one_that_contents_toml_expects(reference: Manifest) -> None:
    assert disagreements(reference, "solo", "C") == []
