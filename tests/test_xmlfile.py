from __future__ import annotations

from pathlib import Path

import pytest

from extractor.errors import RuleFileError, UsageError
from extractor.xmlfile import parse_xml, place

BOMB = b"""<?xml version="1.0"?>
<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;">]>
<a>&c;</a>"""
EXTERNAL = b"""<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>"""


def test_a_well_formed_file_gives_its_tree_without_comments(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_bytes(b"<a>\n<!-- no --><b/>\n</a>")
    tree = parse_xml(path)
    assert [child.tag for child in tree.getroot()] == ["b"]
    assert f"{path}:2" == place(tree.getroot()[0], str(path))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_the_usual_encodings_of_windows_editors_are_read(encoding: str) -> None:
    named = {"cp1252": "windows-1252", "utf-8-sig": "utf-8"}.get(encoding, encoding)
    text = f'<?xml version="1.0" encoding="{named}"?><a>Müller</a>'
    assert parse_xml(text.encode(encoding)).getroot().text == "Müller"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<a>\n<b>\n</a>", "rules.xml:3: Opening and ending tag mismatch: b line 2 and a"),
        (b"<a/>\nx", "rules.xml:2: Extra content at the end of the document"),
        (b"", "rules.xml:1: "),
        (b"hello", "rules.xml:1: Start tag expected, '<' not found"),
        (BOMB, "rules.xml:2: a DOCTYPE is not allowed here; remove it"),
        (EXTERNAL, "rules.xml:1: a DOCTYPE is not allowed here; remove it"),
        (b"<!DOCTYPE a SYSTEM 'http://x/y.dtd'>\n<a/>", "rules.xml:1: a DOCTYPE is not allowed"),
        (b"<a>" * 100_000, "rules.xml:1: Excessive depth"),
    ],
)
def test_a_bad_file_is_one_sentence_with_its_line(content: bytes, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_xml(content, name="rules.xml")
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_raises_the_error_that_was_asked_for(tmp_path: Path) -> None:
    with pytest.raises(RuleFileError, match="No such file"):
        parse_xml(tmp_path / "none.xml", error=RuleFileError)


def test_a_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        parse_xml(tmp_path)
