"""Nothing of the evidence becomes markup, script, a style or an address, whatever it is called."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from extractor.cli.report import report_of
from extractor.model import EfsFile, ObjectKind
from extractor.report.page.html import h, shown
from extractor.testing import FakeFile, FakeFilesystem
from tests.report.pages import BOB, EXCLUDED, NOT_STORED, page, row, tree_of, value
from tests.store.build import make_store

_ELEMENTS = """html head meta link title style body a header nav main footer section article div span p br wbr bdi
    small strong code h1 h2 h3 h4 ul ol li dl dt dd table caption thead tbody tr th td details summary svg g rect text
    desc"""
_ATTRIBUTES = """aria-hidden aria-label aria-labelledby charset class content data-label focusable height href
    http-equiv id lang name open preserveaspectratio rel role rx scope tabindex viewbox width x xmlns y"""
ELEMENTS, ATTRIBUTES = frozenset(_ELEMENTS.split()), frozenset(_ATTRIBUTES.split())
"""A browser's parser writes them in lower case."""
ATTACKS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</style><script>alert(1)</script>",
    "</title><script>alert(1)</script>",
    "<!--",
    "]]><svg onload=alert(1)>",
    "javascript:alert(1)",
    "&lt;script&gt;&amp;&#x3c;",
    "&{alert(1)};",
    "\u202egpj.exe",
    "\x1b]0;x\x07",
    "a\nb\r\tc",
    "\ud800\udfff\ufffe\uffff",
    "`code` {{7*7}} ${7*7}",
)


def check(text: str) -> etree._Element:
    """Hold a page against what one of ours may be made of."""
    tree = tree_of(text)
    for element in tree.iter():
        assert isinstance(element.tag, str), "a comment or an instruction"
        assert element.tag in ELEMENTS, element.tag
        assert {str(name).lower() for name in element.attrib} <= ATTRIBUTES, element.attrib.items()
        address = element.get("href", "#")
        assert re.fullmatch(r"#[a-z0-9-]+|data:,|#", address), address
        assert re.fullmatch(r"[a-z0-9 -]*", element.get("class", "")), element.get("class")
        assert re.fullmatch(r"[a-z0-9 -]*", element.get("id", "")), element.get("id")
    assert len(tree.findall(".//style")) == 1
    assert not re.search(
        "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]", text
    )
    return tree


def everywhere(attack: str) -> dict[str, Any]:
    """Return ends of a manifest in which every text is an attack."""
    user = {
        "sid": attack, "name": attack, "domain": attack, "profile": attack, "state": attack, "selected": False,
        "switch": attack, "last_used": {attack: 1}, "groups": [attack],
    }  # fmt: skip
    volume = {
        "id": attack, "image": 0, "size": 5, "offset": 1, "letter": attack, "label": attack, "filesystem": attack,
        "note": attack, "encryption": {"kind": attack, "protectors": [attack]},
    }  # fmt: skip
    image = {
        "path": attack,
        "format": attack,
        "size": 9,
        "segments": [],
        "stored_hashes": {attack: attack},
    }
    windows = dict.fromkeys(
        ("path", "product", "version", "build", "edition", "arch", "computer", "kind"), attack
    )
    header = {
        "tool": {"name": attack, "version": attack}, "image": {"images": [image], "volumes": [volume]},
        "windows": windows, "users": [user, {**user, "selected": True}], "machine_sid": attack,
        "rule_files": {attack: attack}, "config": {attack: attack},
    }  # fmt: skip
    totals = {"scopes": {attack: {"seen": {"objects": 1, "bytes": 1}}}}
    return {"header": header, "trailer": {"totals": totals, "objects_sha256": attack}}


def rows_of(attack: str) -> list[Any]:
    """Return rows of a catalog in which every text is an attack."""
    profile = "Software\\Microsoft\\Office\\16.0\\Outlook\\Profiles\\x"
    told: dict[str, Any] = {"rule": attack, "reason": attack}
    return [
        row(f"C:\\{attack}", user=attack, **told),
        row(f"C:\\{attack}.pst", user=attack, **told),
        row(f"C:\\{attack}\\Login Data", user=attack),
        row(f"C:\\x\\{attack}", EXCLUDED, **told),
        row(f"C:\\y\\{attack}", NOT_STORED, user=attack, **told),
        row(f"C:\\z\\{attack}", NOT_STORED, kind=ObjectKind.KEY, **told),
        row(f"C:\\l\\{attack}", kind=ObjectKind.LINK, target=f"D:\\{attack}"),
        row(f"C:\\e\\{attack}", efs=EfsFile("raw", 5, verdict="unknown", reason=attack)),
        value(f"Network\\{attack}", "RemotePath", attack.replace("\ud800\udfff", "")),
        value(f"Printers\\Connections\\,,s,{attack}", "Server", "\\\\s"),
        value(profile, "001f6700", f"C:\\{attack.replace(chr(0xD800) + chr(0xDFFF), '')}.pst"),
    ]


@pytest.mark.parametrize("attack", ATTACKS, ids=ascii)
def test_no_text_of_a_store_becomes_markup(attack: str, tmp_path: Path) -> None:
    custody = tmp_path / "custody"
    custody.mkdir()
    (custody / "custody.json").write_text(
        json.dumps({attack: attack, "case": attack, "x": [{attack: [attack]}]})
    )
    tree = check(page(*rows_of(attack), path=tmp_path, **everywhere(attack)))
    told = "".join(map(str, tree.itertext()))
    assert shown(attack).strip() in told or "\n" in attack


@pytest.mark.parametrize("attack", [each for each in ATTACKS if "\ud800" not in each], ids=ascii)
def test_no_name_of_a_file_becomes_markup(attack: str, tmp_path: Path) -> None:
    name = attack.replace("\\", "_")
    make_store(tmp_path, FakeFilesystem({f"\\{name}": FakeFile(b"x")}))
    check(report_of(tmp_path))


@given(st.text(st.characters(codec=None)))
@settings(max_examples=200)
def test_any_text_is_a_text_and_comes_out_as_it_is_shown(text: str) -> None:
    made = etree.tostring(h("p", text, title=text), encoding="unicode", method="html")
    [element] = tree_of(f"<body>{made}</body>").findall("body/p")
    assert not len(element)
    assert (element.text or "") == shown(text)
    assert element.get("title") == shown(text)


def test_the_policy_lets_nothing_in_but_the_style_sheet() -> None:
    [policy] = [
        each.get("content", "")
        for each in tree_of(page()).findall(".//meta")
        if each.get("http-equiv") == "Content-Security-Policy"
    ]
    assert re.fullmatch(
        r"default-src 'none'; style-src 'sha256-[A-Za-z0-9+/=]{44}'; img-src data:; base-uri 'none';"
        r" form-action 'none'",
        policy,
    )


def test_a_person_called_like_another_persons_sid_is_still_text() -> None:
    check(page(row("C:\\a", user=BOB), **everywhere(BOB)))
