"""An opened Windows -> what its rules and its Config.xml ask of a restore; the store keeps it beside the objects.

In no order of files or components: what a restore needs of an order (merge: the narrowest pattern decides) is in the
patterns, or in the line numbers of ``source``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from operator import attrgetter

from extractor.evaluate import Activation
from extractor.model import Instruction
from extractor.opening import Opened
from extractor.report.profile_control_xml import profile_control_xml
from extractor.rules.config import Config
from extractor.rules.model import Verb

PROFILE_CONTROL = "ProfileControl.xml"
_ORDER = attrgetter("kind", "source", "scope", "component", "text", "patterns")


def instructions_of(opened: Opened) -> list[Instruction]:
    """Return the instructions, each once, in one order whatever that of the rules."""
    found = [*instructions_of_rules(opened.activation)]
    if opened.config:
        found += _of_config(opened.config)
    return sorted(dict.fromkeys(found), key=_ORDER)


def documents_of(opened: Opened) -> dict[str, bytes]:
    """Return the files that the store keeps beside its catalog: the Config.xml of group memberships."""
    install = opened.install
    users = [choice.user for choice in opened.choices if choice.selected]
    text = profile_control_xml(users, install.sam.groups, install.member_names)
    return {PROFILE_CONTROL: text.encode("utf-8")}


def instructions_of_rules(activation: Activation) -> Iterator[Instruction]:
    """Yield what rules ask of a restore, and each include: a restore asks who took an object, and with which filter."""
    for rule in activation.load_rules:
        patterns = tuple((kind.value, text) for kind, text in rule.patterns)
        yield Instruction(
            rule.element, rule.call, rule.scope, rule.component, rule.source, patterns
        )
    for each in activation.rules:
        if each.verb is Verb.INCLUDE:
            place = ((each.kind.value, each.expanded),)
            yield Instruction(
                "include", each.filter_text, each.scope, each.identity, each.source, place
            )
    for remap in activation.remaps:
        text = f"{remap.name}={remap.value}"
        yield Instruction("remap", text, remap.scope, source=remap.source)
    for line in activation.skipped:
        source, _, text = line.partition(": ")
        yield Instruction("skipped", text, source=source)


def _of_config(config: Config) -> Iterator[Instruction]:
    for kind, entries in config.profile_control.items():
        for entry in entries:
            plain = {key: value for key, value in entry.items() if key != "source"}
            text = json.dumps(plain, sort_keys=True, ensure_ascii=False)
            yield Instruction(kind, text, source=str(entry.get("source", "")))
