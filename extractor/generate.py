"""Request -> a file for the next run instead of a store: Config.xml (``/genconfig``), MigXML (``/genmigxml``)."""

from __future__ import annotations

from pathlib import Path

from extractor.errors import UsageError
from extractor.events import Noted, Observer
from extractor.opening import Opened, Request, open_windows
from extractor.report.config_xml import config_xml
from extractor.report.document_rules import document_rules


def generate(request: Request, observer: Observer) -> None:
    """Write what the request asks for, about the one Windows that it means.

    Raises UsageError (11) for a file that exists (without ``/o``) or cannot be written, and those of ``open_windows``.
    """
    wanted = {"/genconfig": request.genconfig, "/genmigxml": request.genmigxml}
    for switch, path in wanted.items():
        if path and path.exists() and not request.overwrite:
            raise UsageError(f"{switch}: {path} exists already; /o overwrites it")
    with open_windows(request, observer) as windows:
        for opened in windows:
            if request.genconfig:
                _write("/genconfig", request.genconfig, _config(opened), observer)
            if request.genmigxml:
                _write("/genmigxml", request.genmigxml, _documents(opened), observer)


def _config(opened: Opened) -> str:
    return config_xml(opened.rules.components, opened.activation.meetings)


def _documents(opened: Opened) -> str:
    coming = (each.user for each in opened.choices if each.selected)
    return document_rules(opened.scene, coming)


def _write(switch: str, path: Path, text: str, observer: Observer) -> None:
    try:
        path.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        reason = error.strerror or error
        raise UsageError(f"{switch}: {path} cannot be written: {reason}") from error
    observer(Noted("info", f"{switch}: {path} is written"))
