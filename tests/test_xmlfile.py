from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractor.errors import RuleFileError, UsageError
from extractor.xmlfile import (
    LARGEST,
    LONGEST_TAG,
    LONGEST_TEXT,
    MOST_ELEMENTS,
    parse_xml,
    place,
)

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
        (b"<a>\n<b>\n</a>", "rules.xml:3:5: Opening and ending tag mismatch: b line 2 and a"),
        (b"<a/>\nx", "rules.xml:2:1: Extra content at the end of the document"),
        (b"", "rules.xml:1:1: "),
        (b"hello", "rules.xml:1:1: Start tag expected, '<' not found"),
        (b"<a>&nbsp;</a>", "rules.xml:1:10: Entity 'nbsp' not defined"),
        (b"<a b='1'\n b='2'/>", "rules.xml:2:7: Attribute b redefined"),
        (b"<?xml version='1.0' encoding='no-such'?><a/>", "rules.xml:1: this encoding cannot"),
        (b"<?xml version='1.0' encoding='gb18030'?><a/>", "rules.xml:1: this encoding cannot be"),
        (b"<?xml version='1.0' encoding='utf-16'?><a/>", "rules.xml:1:"),
        (
            "<?xml version='1.0' encoding='utf-32'?><a/>".encode("utf-32"),
            "rules.xml:1: this encoding",
        ),
        (BOMB, "rules.xml:2:13: a DOCTYPE is not allowed here; remove it"),
        (BOMB.decode().encode("utf-16"), "rules.xml:2:13: a DOCTYPE is not allowed here"),
        (EXTERNAL, "rules.xml:1:13: a DOCTYPE is not allowed here; remove it"),
        (b"<!DOCTYPE a SYSTEM 'http://x/y.dtd'>\n<a/>", "rules.xml:1:36: a DOCTYPE is not allowed"),
        (b"<a>\n" * 100_000, "rules.xml:65:1: elements are nested deeper than 64 levels"),
        (b"<a>\n<b c='" + b"x" * 32_768 + b"'/></a>", "rules.xml:2:1: an attribute is longer than"),
        (
            b"<a>" + b"<b/>" * MOST_ELEMENTS + b"</a>",
            "rules.xml:1:1000000: there are more than 250,000",
        ),
        (b"<a>\n<b>" + b"x" * (LONGEST_TEXT + 1) + b"</b></a>", "rules.xml:2:"),
        (
            b"<a>\n<!--" + b"x" * 2 * LONGEST_TAG + b"--></a>",
            "rules.xml:2:1: a tag or comment is longer",
        ),
        ("<a>\n<\U00010000/></a>".encode(), "rules.xml:2:2: not well-formed (invalid token)"),
        (b"x" * (LARGEST + 1), "rules.xml:1: the XML file is larger than 16 MiB"),
    ],
    ids=lambda each: None if isinstance(each, str) else each[:40],
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


def test_a_file_is_not_read_to_find_out_that_it_is_too_large(tmp_path: Path) -> None:
    path = tmp_path / "huge.xml"
    with path.open("wb") as file:
        file.truncate(1 << 40)  # a hole: reading it would take an hour
    with pytest.raises(UsageError, match="larger than 16 MiB"):
        parse_xml(path)


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_a_tree_or_one_sentence(content: bytes) -> None:
    try:
        said = place(parse_xml(content, name="f.xml").getroot(), "f.xml")
    except UsageError as error:
        said = str(error)
    assert said.startswith("f.xml:")
    assert "\n" not in said
