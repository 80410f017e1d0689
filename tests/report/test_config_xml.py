"""The Config.xml that is written: only what was found, in its section, and read again it changes nothing."""

from __future__ import annotations

from pathlib import Path

from lxml import etree

from extractor.report.config_xml import config_xml
from extractor.rules.config import load_config
from tests.evaluate.activations import FALSE, TRUE, component, met, role, rule_set, rules

HERE = rules(r"C:\x [*]")


def detected(condition: str, name: str, inside: str = HERE, kind: str = "Settings") -> str:
    gate = f"<detection><conditions>{condition}</conditions></detection>"
    return component(role(gate + inside, kind), name=name)


def written(body: str) -> tuple[str, etree._Element]:
    given = rule_set(body)
    text = config_xml(given.components, met(given).meetings)
    return text, etree.fromstring(text.encode())


def listed(root: etree._Element, section: str) -> list[tuple[str, str]]:
    return [
        (each.get("displayname", ""), each.get("ID", ""))
        for each in root.findall(f"{section}/component")
    ]


def test_5_3_only_what_is_on_the_disk_is_listed() -> None:
    _, root = written(detected(TRUE, "There") + detected(FALSE, "Gone"))
    assert listed(root, "Applications") == [("There", "urn:test/there/settings")]


def test_5_2_each_type_has_its_section() -> None:
    body = detected(TRUE, "A") + "".join(
        detected(TRUE, kind).replace('type="Application"', f'type="{kind}"')
        for kind in ("Documents", "System", "Device")
    )
    _, root = written(body)
    assert listed(root, "Applications") == [("A", "urn:test/a/settings")]
    assert listed(root, "Documents") == [("Documents", "urn:test/documents/settings")]
    assert [name for name, _ in listed(root, "WindowsComponents")] == ["System", "Device"]


def test_5_2_what_stands_in_a_container_is_nested() -> None:
    _, root = written(component(role(detected(TRUE, "Word"), "Container"), name="Office"))
    (office,) = root.findall("Applications/component")
    assert office.get("ID") == "urn:test/office/container"
    assert [each.get("ID") for each in office] == ["urn:test/word/settings"]


def test_5_3_hidden_and_nameless_components_are_not_listed_but_what_is_in_them_is() -> None:
    hidden = component(role(detected(TRUE, "In"), "Container"), name="Box")
    _, root = written(hidden.replace("<component", '<component hidden="TRUE"', 1))
    assert [name for name, _ in listed(root, "Applications")] == ["In"]
    _, root = written(detected(TRUE, ""))
    assert listed(root, "Applications") == []


def test_5_3_a_component_with_several_roles_is_listed_for_each() -> None:
    _, root = written(component(role(HERE) + role(HERE, "Data"), name="Two"))
    assert [identity for _, identity in listed(root, "Applications")] == [
        "urn:test/two/settings",
        "urn:test/two/data",
    ]


def test_what_is_written_is_read_without_a_warning_and_means_yes(tmp_path: Path) -> None:
    body = detected(TRUE, 'Quotes "&" <brackets>'.replace("&", "&amp;").replace("<", "&lt;"))
    text, _ = written(body)
    path = tmp_path / "Config.xml"
    path.write_text(text, "utf-8")
    config = load_config(path)
    assert config.warnings == ()
    given = rule_set(body)
    (only,) = given.components
    assert config.migrates(only, only.roles[0])
    path.write_text(text.replace('"yes" ID', '"no" ID'), "utf-8")
    assert not load_config(path).migrates(only, only.roles[0])
