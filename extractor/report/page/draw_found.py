"""Found -> the part of the page that says what was read: disks, volumes, Windows, people."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from extractor.report.page.found import Disk, Found, Person, VolumeFact
from extractor.report.page.html import (
    Node,
    called,
    code,
    count,
    facts_list,
    folded,
    h,
    joined,
    path,
    size,
    table,
)
from extractor.report.page.svg import Slice, shade, strip

_FILESYSTEMS = {
    "ntfs": "NTFS", "exfat": "exFAT", "refs": "ReFS", "msr": "reserved by Windows", "bitlocker": "BitLocker",
    "luks": "LUKS", "ldm": "dynamic disk", "storage-spaces": "Storage Spaces", "empty": "empty",
    "unknown": "not recognised",
}  # fmt: skip


def draw_found(found: Found) -> list[etree._Element]:
    """Return the content of the section."""
    return [
        h("h3", "Windows"),
        *_windows(found),
        h("h3", "People"),
        *_people(found),
        h("h3", "Disks"),
        *(_disk(number, each, found.volumes) for number, each in enumerate(found.disks)),
        *_volumes(found.volumes),
    ]


def _windows(found: Found) -> Iterator[etree._Element]:
    if found.windows:
        yield facts_list((label, _value(label, value)) for label, value in found.windows)
    else:
        yield h("p", "The store does not say which Windows was read.", class_="quiet")
    if found.other_windows:
        yield h(
            "p",
            "Other Windows folders were seen and are not part of this store: ",
            joined(map(path, found.other_windows)),
            ". Scan the image again with ",
            code("/offlineWinDir"),
            " or ",
            code("/offlineWinOld"),
            " to take them.",
            class_="note",
        )


def _value(label: str, value: str) -> Node:
    return path(value) if label in {"Folder", "Machine SID"} else value


def _people(found: Found) -> Iterator[etree._Element]:
    if found.people:
        heads = ("Account", "In this store", "Profile", "Last used", "Local groups")
        yield table("Profiles on this Windows", heads, map(_person, found.people))
    else:
        yield h("p", "No profile was found.", class_="quiet")
    if found.without_profile:
        names = joined(map(path, found.without_profile))
        total = count(len(found.without_profile), "local account")
        yield h("p", f"{total} without a profile on these disks: ", names, ".", class_="quiet")


def _person(person: Person) -> list[Node]:
    verdict = h(
        "span", "yes" if person.comes else "no", class_=f"tag {'good' if person.comes else 'off'}"
    )
    answer = h("span", verdict, f" {person.why}" if person.why else "")
    account = h("span", called(person.account), h("br"), h("small", path(person.sid)))
    return [account, answer, path(person.profile), person.last_used, ", ".join(person.groups)]


def _disk(number: int, disk: Disk, volumes: tuple[VolumeFact, ...]) -> etree._Element:
    facts: list[tuple[str, Node]] = [
        ("Image", path(disk.path)),
        (
            "Format",
            disk.format + (f", {count(disk.segments)} segments" if disk.segments > 1 else ""),
        ),
        ("Size", f"{size(disk.size)} ({count(disk.size)} bytes, sectors of {disk.sector})"),
    ]
    facts += [
        (f"{name} of the medium, as the image states it", path(digest))
        for name, digest in disk.hashes
    ]
    if not disk.hashes:
        facts.append(("Hashes", "the image holds none; the record of custody may"))
    return h(
        "div",
        h("h4", f"Disk {number + 1}"),
        facts_list(facts),
        *_layout(number, disk, [each for each in volumes if each.disk == number]),
        class_="disk",
    )


def _layout(number: int, disk: Disk, volumes: list[VolumeFact]) -> Iterator[etree._Element]:
    """Yield the volumes as they lie on the disk, and what each colour is."""
    parts, at = [], 0
    for index, each in enumerate(sorted(volumes, key=lambda each: each.offset)):
        if each.offset > at:
            parts.append(Slice("no volume", each.offset - at, "track", size(each.offset - at)))
        parts.append(Slice(_title(each), each.size, shade(index), size(each.size)))
        at = each.offset + each.size
    if not volumes:
        return
    if disk.size > at:
        parts.append(Slice("no volume", disk.size - at, "track", size(disk.size - at)))
    yield strip(f"disk-{number + 1}", f"Layout of disk {number + 1}", parts)
    yield legend(each for each in parts if each.shade != "track")


def legend(parts: Iterator[Slice]) -> etree._Element:
    """Return what each colour is."""
    entries = (
        h("li", h("span", class_=f"swatch {each.shade}"), f"{each.label} ", h("small", each.detail))
        for each in parts
    )
    return h("ul", *entries, class_="legend")


def _title(volume: VolumeFact) -> str:
    return _name(volume) or _filesystem(volume) or volume.id


def _name(volume: VolumeFact) -> str:
    return " ".join(filter(None, (volume.letter, volume.label)))


def _filesystem(volume: VolumeFact) -> str:
    return _FILESYSTEMS.get(volume.filesystem, volume.filesystem.upper())


def _volumes(volumes: tuple[VolumeFact, ...]) -> Iterator[etree._Element]:
    if not volumes:
        return
    heads = ("Volume", "Disk", "File system", "Size", "Encryption", "Remark")
    rows = (
        [
            called(_name(each) or each.id),
            str(each.disk + 1),
            _filesystem(each),
            size(each.size),
            _lock(each),
            each.note,
        ]
        for each in volumes
    )
    yield table("Volumes", heads, rows, numeric=(3,))
    if any(each.locked or each.note for each in volumes):
        yield h(
            "p",
            "What lies on a locked or unreadable volume is not in this store and in no number here.",
            class_="note",
        )


def _lock(volume: VolumeFact) -> Node:
    if not volume.encryption:
        return "none"
    return h("span", volume.encryption, class_="bad-text" if volume.locked else "")


def draw_rules(found: Found) -> etree._Element:
    """Return the rule files that chose, with their hashes."""
    rows = ([path(name), path(digest)] for name, digest in found.rule_files)
    total = count(len(found.rule_files), "rule file")
    return folded(f"{total} and their SHA-256", table("Rule files", ("File", "SHA-256"), rows))
