"""What was found of the rules' components -> Config.xml: a list in which each ``yes`` may be made a ``no``.

Source: USMT "Config.xml file"; usmt.md 5.1 to 5.3. Only components that are on the disk are listed, for at least one
user or the machine; those without a displayName and hidden ones never are. A Container holds what stands in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from xml.etree import ElementTree as ET

from extractor.evaluate import Meeting
from extractor.rules.config import SECTIONS, section_of
from extractor.rules.model import Component, Role

_NOTE = """ Written by coldstate /genconfig. Change migrate="yes" to "no" for what shall not migrate; give this file
     with /config. ErrorControl: <fileError><nonFatal errorCode="any">C:\\Users\\* [*]</nonFatal></fileError>, in order.
     ProfileControl: a restore reads it; the ProfileControl.xml of a store has one with the groups of its users. """


def config_xml(components: Iterable[Component], meetings: Iterable[Meeting]) -> str:
    """Return the document; ``components`` are the outermost ones of the rules."""
    present = {(id(each.component), id(each.role)) for each in meetings if each.present}
    root = ET.Element("Configuration")
    root.append(ET.Comment(_NOTE))
    sections = {name: ET.SubElement(root, name) for name in SECTIONS.values()}
    for component in components:
        for listed in _listed(component, present):
            sections[section_of(component.kind)].append(listed)
    policies = ET.SubElement(root, "Policies")
    ET.SubElement(policies, "ErrorControl")
    ET.SubElement(policies, "HardLinkStoreControl")
    ET.SubElement(root, "ProfileControl")
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, "unicode") + "\n"


def _listed(component: Component, present: set[tuple[int, int]]) -> Iterator[ET.Element]:
    """Yield an entry for each role that was found; what stands in a Container without a name is listed by itself."""
    for role in component.roles:
        if (id(component), id(role)) not in present:
            continue
        inner = [each for below in role.components for each in _listed(below, present)]
        if not component.named or component.hidden:
            yield from inner
            continue
        entry = _entry(component, role)
        entry.extend(inner)
        yield entry


def _entry(component: Component, role: Role) -> ET.Element:
    return ET.Element(
        "component",
        {"displayname": component.name, "migrate": "yes", "ID": component.id_of(role)},
    )
