"""What an E01 segment says of itself: its chain of sections, the geometry, where the chunk tables lie.

Every checksum on the way is verified. What cannot be read is kept as Lost, with the reason, in its place. Source:
libewf, "Expert Witness Compression Format (EWF)"; numbers in the docstrings are offsets within the section's data.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from extractor.errors import DamagedError, ImageError
from extractor.images.ewf_set import SIGNATURE
from extractor.images.file import File

DESCRIPTOR = struct.Struct("<16sQQ40xI")
"""Section descriptor: type, offset of the next section, size, Adler-32 of the 72 bytes before."""
TABLE_HEADER = struct.Struct("<I4xQ4xI")
"""Table: number of entries, base of their offsets, Adler-32 of the 20 bytes before."""
GEOMETRY = struct.Struct("<4xIIIQ")
"""Volume of EnCase: chunks, sectors per chunk, bytes per sector, sectors. SMART's has a 32-bit last field."""
FILE_HEADER = 13
"""Bytes before the first section: signature, 1, segment number, 0."""
VOLUME, SMART_VOLUME = 1052, 94
"""Bytes of a volume section's data, as EnCase writes it and as SMART does."""
MAX_SECTIONS = 100_000
"""Of one segment: a bound for a chain that does not end."""
MAX_CHUNK = 16 << 20
"""32768 sectors of 512 bytes: the largest chunk that ewfacquire makes of a disk with such sectors."""
MAX_ENTRIES = 1 << 20
"""Of one table: 65534 is the most that EnCase writes."""
ERROR_HEADER = 520
"""Bytes before the first entry of an error2 section: their number, padding, Adler-32."""


@dataclass(frozen=True, slots=True)
class Section:
    """One section: ``start`` is where its descriptor begins, ``next`` where the following one does."""

    kind: str
    start: int
    next: int

    @property
    def data(self) -> int:
        """Offset of the section's data."""
        return self.start + DESCRIPTOR.size


@dataclass(frozen=True, slots=True)
class Geometry:
    """The medium as the volume section describes it; ``set_id`` is the acquisition's GUID, zeros when there is none.

    ``stated`` is how many chunks the section says that the set holds.
    """

    stated: int
    sectors: int
    sectors_per_chunk: int
    sector_size: int
    set_id: bytes

    @property
    def size(self) -> int:
        """Bytes of the medium."""
        return self.sectors * self.sector_size

    @property
    def chunk_size(self) -> int:
        """Bytes of a whole chunk."""
        return self.sectors_per_chunk * self.sector_size

    @property
    def chunks(self) -> int:
        """Chunks that the medium needs."""
        return -(-self.sectors // self.sectors_per_chunk)


@dataclass(frozen=True, slots=True)
class Table:
    """Where the entries of a chunk table lie, and where the data of its last chunk ends.

    ``checked`` is False for SMART and EnCase 1, whose entries have no checksum and whose chunks lie in the table's
    own section. ``mirror`` is the table2 section, the same entries once more.
    """

    file: File
    entries: int
    count: int
    base: int
    data_end: int
    checked: bool
    mirror: Table | None = None


@dataclass(frozen=True, slots=True)
class Lost:
    """Stands for the tables that cannot be had from here on, up to the next that can, and says why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment file, parsed; ``closing`` is the kind of its last section, empty when its chain is broken."""

    file: File
    number: int
    closing: str
    geometry: Geometry | None
    tables: tuple[Table | Lost, ...]
    errors: tuple[tuple[int, int], ...]
    """Sectors that could not be read when the disk was acquired: (first, count)."""


def parse_segments(files: Mapping[int, File]) -> tuple[Geometry, list[Segment]]:
    """Parse the segments of a set by number, the first among them, which knows the geometry.

    Raises ImageError when it does not, or when the segments are not of one set.
    """
    segments = [_parse_segment(file, number) for number, file in files.items()]
    geometry, path = segments[0].geometry, segments[0].file.path
    if not geometry:
        lost = [each.reason for each in segments[0].tables if isinstance(each, Lost)]
        raise ImageError("; ".join([*lost, f"{path} is damaged: it has no volume section"]))
    for segment in segments:
        if segment.geometry and segment.geometry.set_id != geometry.set_id:
            raise ImageError(
                f"{segment.file.path} belongs to another acquisition than {path.name}: copy the right one"
            )
    for segment in segments[:-1]:
        if segment.closing == "done":
            raise ImageError(
                f"{segment.file.path} says that it is the last segment, but others follow: "
                "files of two acquisitions are mixed"
            )
    return geometry, segments


def _parse_segment(file: File, number: int) -> Segment:
    head = file.read_at(0, FILE_HEADER)
    if len(head) < FILE_HEADER or not head.startswith(SIGNATURE):
        raise ImageError(f"{file.path} is no E01 segment: its signature is missing")
    (own,) = struct.unpack_from("<H", head, 9)
    if own != number:
        raise ImageError(f"{file.path} should be segment {number} of its set but says it is {own}")
    sections, lost = _chain(file)
    return Segment(
        file,
        number,
        "" if lost else sections[-1].kind,
        _geometry(file, sections, needed=number == 1),
        (*_tables(file, sections), *lost),
        tuple(pair for each in sections if each.kind == "error2" for pair in _errors(file, each)),
    )


def _chain(file: File) -> tuple[list[Section], list[Lost]]:
    """Return the sections up to where the chain of them breaks, and why it does, if it does."""
    sections: list[Section] = []
    try:
        for section in _sections(file):
            sections.append(section)  # noqa: PERF402 - those before the break are kept
    except (ImageError, DamagedError) as error:
        return sections, [Lost(str(error))]
    return sections, []


def _sections(file: File) -> Iterator[Section]:
    """Yield the sections up to ``next`` or ``done``, which point to themselves."""
    offset = FILE_HEADER
    for _ in range(MAX_SECTIONS):
        section = _parse_section(file, offset)
        yield section
        if section.kind in {"next", "done"}:
            return
        if not section.data <= section.next < file.size:
            raise ImageError(
                f"{file.path} is cut or damaged: its {section.kind} section at byte {offset} goes on to byte "
                f"{section.next}, but the file has {file.size} bytes"
            )
        offset = section.next
    raise ImageError(f"{file.path} is damaged: it has more than {MAX_SECTIONS} sections")


def _parse_section(file: File, offset: int) -> Section:
    raw = file.read_at(offset, DESCRIPTOR.size)
    if len(raw) < DESCRIPTOR.size:
        raise ImageError(
            f"{file.path} is cut: it ends at byte {file.size}, in the section at byte {offset}"
        )
    kind, following, _, checksum = DESCRIPTOR.unpack(raw)
    if zlib.adler32(raw[:72]) != checksum:
        raise ImageError(
            f"{file.path} is damaged: the checksum of its section at byte {offset} is wrong"
        )
    return Section(kind.split(b"\0", 1)[0].decode("ascii", "replace"), offset, following)


def _checked(file: File, section: Section, length: int) -> bytes:
    """Return the first ``length`` bytes of a section's data, whose last four are the Adler-32 of the others."""
    raw = file.read_at(section.data, length)
    if len(raw) < length or zlib.adler32(raw[:-4]) != int.from_bytes(raw[-4:], "little"):
        raise ImageError(
            f"{file.path} is damaged: the checksum of its {section.kind} section at byte {section.start} is wrong"
        )
    return raw


def _geometry(file: File, sections: Sequence[Section], *, needed: bool) -> Geometry | None:
    """Return the geometry from the first sound section that has it; raise ImageError when none is and it is needed.

    A segment repeats in its data section what the volume section of the first says.
    """
    damage: ImageError | None = None
    for section in sections:
        if section.kind in {"volume", "disk", "data"}:
            try:
                return _parse_geometry(file, section)
            except ImageError as error:
                damage = damage or error
    if damage and needed:
        raise damage
    return None


def _parse_geometry(file: File, section: Section) -> Geometry:
    smart = section.next - section.data == SMART_VOLUME
    raw = _checked(file, section, SMART_VOLUME if smart else VOLUME)
    chunks, per_chunk, sector_size, sectors = GEOMETRY.unpack_from(raw)
    found = Geometry(
        chunks,
        sectors & 0xFFFFFFFF if smart else sectors,
        per_chunk,
        sector_size,
        bytes(16) if smart else raw[64:80],
    )
    if not 0 < found.chunk_size <= MAX_CHUNK or sector_size % 512:
        raise ImageError(
            f"{file.path}: its {section.kind} section gives chunks of {per_chunk} sectors of {sector_size} bytes; "
            f"no more than {MAX_CHUNK >> 20} MiB can be read as one"
        )
    return found


def _tables(file: File, sections: Sequence[Section]) -> Iterator[Table | Lost]:
    """Yield the chunk tables in order, each with its mirror."""
    sectors_end = 0
    tables: list[Section] = []
    for section in sections:
        if section.kind == "sectors":
            sectors_end = section.next
        elif section.kind == "table":
            tables.append(section)
        elif section.kind == "table2" and tables:
            yield _paired(file, tables.pop(), section, sectors_end)
        if section.kind not in {"table", "table2"} and tables:
            yield _paired(file, tables.pop(), None, sectors_end)
    if tables:
        yield _paired(file, tables.pop(), None, sectors_end)


def _paired(file: File, first: Section, second: Section | None, sectors_end: int) -> Table | Lost:
    table = _parse_table(file, first, sectors_end)
    mirror = _parse_table(file, second, sectors_end) if second else None
    if table and mirror and table.count == mirror.count:
        return replace(table, mirror=mirror)
    return (
        table
        or mirror
        or Lost(f"the chunk table at byte {first.start} of {file.path} and its copy are unreadable")
    )


def _parse_table(file: File, section: Section, sectors_end: int) -> Table | None:
    """Return a table whose header is sound and whose entries lie within its section, else None."""
    raw = file.read_at(section.data, TABLE_HEADER.size)
    if len(raw) < TABLE_HEADER.size:
        return None
    count, base, checksum = TABLE_HEADER.unpack(raw)
    entries = section.data + TABLE_HEADER.size
    end = entries + 4 * count + (4 if sectors_end else 0)
    sound = zlib.adler32(raw[:20]) == checksum and base <= file.size and count <= MAX_ENTRIES
    if not sound or end > min(section.next, file.size):
        return None
    return Table(file, entries, count, base, sectors_end or section.next, checked=bool(sectors_end))


def _errors(file: File, section: Section) -> Iterator[tuple[int, int]]:
    """Yield (first sector, sectors) of what could not be read at acquisition (error2 section)."""
    (count,) = struct.unpack_from("<I", _checked(file, section, ERROR_HEADER))
    if section.data + ERROR_HEADER + 8 * count > section.next:
        raise ImageError(
            f"{file.path} is damaged: its list of unreadable sectors does not fit its section"
        )
    raw = file.read_at(section.data + ERROR_HEADER, 8 * count)
    yield from struct.iter_unpack("<II", raw)
