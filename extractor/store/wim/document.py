"""The XML of a WIM: UTF-16LE behind a byte order mark, one line; and the seal in it.

The format has no hash of the header, of the XML and of the integrity table. The seal is one: SHA-256 of the three, in
this order, the digits of the seal itself taken as zeros. Other tools skip the element that it is in.
"""

from __future__ import annotations

import codecs
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from lxml import etree

from extractor.errors import CorruptStoreError
from extractor.store.wim.metadata import Counts
from extractor.store.wim.node import Image

_MOST = 64 << 20
"""Bytes of the largest XML that is read."""
_NO_SEAL = "0" * 64
_SEAL = re.compile("(?<=<COLDSTATE><SEAL>)[0-9a-f]{64}(?=</SEAL></COLDSTATE>)")
_UNFIT = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
"""What XML cannot hold."""


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """What the XML says of an image."""

    name: str
    description: str = ""
    directories: int = 0
    files: int = 0
    total: int = 0
    created: int = 0


def compose(images: Sequence[tuple[Image, Counts]], total: int) -> str:
    """Return the XML, the seal all zeros; ``total`` is the bytes of the file up to the XML."""
    bodies = "".join(_image(number, *image) for number, image in enumerate(images, 1))
    seal = f"<COLDSTATE><SEAL>{_NO_SEAL}</SEAL></COLDSTATE>"
    return f"<WIM><TOTALBYTES>{total}</TOTALBYTES>{bodies}{seal}</WIM>"


def _image(number: int, image: Image, counts: Counts) -> str:
    fields: list[tuple[str, str]] = [
        ("DIRCOUNT", str(counts.directories)),
        ("FILECOUNT", str(counts.files)),
        ("TOTALBYTES", str(counts.total)),
        ("HARDLINKBYTES", str(counts.linked)),
        ("CREATIONTIME", _time(image.created)),
        ("LASTMODIFICATIONTIME", _time(image.created)),
        ("NAME", _text(image.name)),
    ]
    optional = (("DESCRIPTION", image.description), ("FLAGS", image.flags))
    fields += [(tag, _text(value)) for tag, value in optional if value]
    body = "".join(f"<{tag}>{value}</{tag}>" for tag, value in fields)
    return f'<IMAGE INDEX="{number}">{body}</IMAGE>'


def _time(filetime: int) -> str:
    high, low = divmod(filetime, 1 << 32)
    return f"<HIGHPART>0x{high:08X}</HIGHPART><LOWPART>0x{low:08X}</LOWPART>"


def _text(value: str) -> str:
    return escape(_UNFIT.sub("\ufffd", value))


def encode(text: str) -> bytes:
    """Return the XML as the file holds it."""
    return codecs.BOM_UTF16_LE + text.encode("utf-16-le")


def decode(raw: bytes) -> str:
    """Return the XML of a file; raise CorruptStoreError when it is not UTF-16LE."""
    if len(raw) > _MOST:
        raise CorruptStoreError(f"the XML of the WIM has {len(raw)} bytes; that is refused")
    try:
        return raw.removeprefix(codecs.BOM_UTF16_LE).decode("utf-16-le")
    except UnicodeDecodeError as error:
        raise CorruptStoreError("the XML of the WIM is not UTF-16") from error


def seal_of(header: bytes, text: str, integrity: bytes) -> str:
    """Return the seal of a file, 64 digits, whatever seal the XML holds."""
    digest = hashlib.sha256(header)
    digest.update(encode(_SEAL.sub(_NO_SEAL, text)))
    digest.update(integrity)
    return digest.hexdigest()


def seal_in(text: str) -> str:
    """Return the seal that the XML holds; empty when it has none."""
    found = _SEAL.search(text)
    return found[0] if found else ""


def sealed(text: str, seal: str) -> str:
    """Return the XML with its seal."""
    return _SEAL.sub(seal, text)


def parse(text: str) -> list[ImageInfo]:
    """Return the images in the order of their index; raise CorruptStoreError for what is no XML of a WIM."""
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(text.encode(), parser)
    except (etree.XMLSyntaxError, UnicodeEncodeError, ValueError) as error:
        raise CorruptStoreError("the XML of the WIM is not well-formed") from error
    if "<!DOCTYPE" in text or root.tag != "WIM":
        raise CorruptStoreError("the XML of the WIM is no description of images")
    images = {}
    for element in root.iterchildren("IMAGE"):
        index = _number(element.get("INDEX") or "")
        if index in images or not index:
            raise CorruptStoreError("the XML of the WIM numbers its images wrongly")
        images[index] = _parse_image(element)
    return [images[index] for index in sorted(images)]


def _parse_image(element: etree._Element) -> ImageInfo:
    def text(tag: str) -> str:
        return element.findtext(tag) or ""

    high, low = text("CREATIONTIME/HIGHPART"), text("CREATIONTIME/LOWPART")
    return ImageInfo(
        text("NAME"),
        text("DESCRIPTION"),
        _number(text("DIRCOUNT")),
        _number(text("FILECOUNT")),
        _number(text("TOTALBYTES")),
        _number(high) << 32 | _number(low),
    )


def _number(text: str) -> int:
    """Return a number, decimal or with 0x, 0 when there is none; raise CorruptStoreError for another text."""
    found = re.fullmatch(r"\s*(?:(\d{1,20})|0[xX]([0-9a-fA-F]{1,16}))?\s*", text, re.ASCII)
    if found is None:
        raise CorruptStoreError("the XML of the WIM holds a number that is none")
    return int(found[1]) if found[1] else int(found[2] or "0", 16)
