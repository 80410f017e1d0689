r"""LoadState's words: what they mean to a restore, what is refused with which code, and what the logs get."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from extractor.cli import loadstate
from extractor.cli.loadstate import run_loadstate, translate
from extractor.cli.loadstate_words import _TAKES
from extractor.cli.slash import HelpWanted
from extractor.errors import ColdstateError, NoSuchStoreError
from extractor.redact import redacted
from tests.restore.build import make_store, tree_of

BASE = ("store", "--target", "out")
FIXED = ("store", "--to=out")


@pytest.mark.parametrize(
    ("words", "means"),
    [
        ((), ()),
        ((r"/i:a b.xml", "/I", "c.xml"), ("--rules=a b.xml", "--rules=c.xml")),
        (("/config:c.xml",), ("--config=c.xml",)),
        ((r"/mu:OLD\bob:NEW\rob", r"/MU:eve:NEW\eve"), (r"--mu=OLD\bob:NEW\rob", r"--mu=eve:NEW\eve")),
        (("/md:*:NEW", "/md", "LocalComputer:X"), ("--md=*:NEW", "--md=LocalComputer:X")),
        ((r"/ui:a\*", "/ue:*", "/uel:30"), (r"--ui=a\*", "--ue=*", "--uel=30")),
        (("/uel:2025/01/31",), ("--uel=2025/01/31",)),
        (("/decrypt", "/key:a good key"), ("--key=a good key",)),
        (("/decrypt:AES_256", "/keyfile:k.txt"), ("--keyfile=k.txt",)),
        (("/decrypt", "--identity=me"), ("--identity=me",)),
        (("/lac",), ("--lac",)),
        (("/lac:pass word", "/lae"), ("--lac=pass word", "--lae")),
        (("--dry-run", "--json", "--user-map", "m.csv", r"--drive=D:=C:\D"),
         ("--user-map=m.csv", r"--drive=D:=C:\D", "--dry-run", "--json")),
        (("--windows", "w1"), ("--windows=w1",)),
        (("/c", "/r:5", "/w", "9", "/all", "/nocompress", "/hardlink", "/sf", "/targetXP"), ()),
        (("/auto",), ()),
    ],
)  # fmt: skip
def test_a_switch_of_loadstate_is_a_word_of_restore(
    words: Sequence[str], means: Sequence[str]
) -> None:
    for order in ((*BASE, *words), (*words, *BASE)):
        assert translate(order).words == (*FIXED, *means)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((), 11, "nothing to do"),
        (("store",), 11, "--target"),
        (("--target", "out"), 11, "0 paths"),
        ((*BASE, "other"), 11, "2 paths"),
        ((*BASE, "/bogus"), 11, "/bogus is no switch"),
        ((*BASE, "--bogus=x"), 11, "--bogus is no switch"),
        ((*BASE, "/v:3"), 11, "/v:3"),
        ((*BASE, "/r:x"), 11, "/r:x"),
        ((*BASE, "/w:-1"), 11, "/w:-1"),
        ((*BASE, "/uel:soon"), 11, "/uel:soon"),
        ((*BASE, "/mu"), 11, "/mu needs a value"),
        ((*BASE, "/mu", "/md:a:b"), 11, "/mu needs a value"),
        ((*BASE, "/lae"), 11, "/lac"),
        ((*BASE, "/lae:x", "/lac"), 11, "/lae takes no value"),
        ((*BASE, "/config:a", "/config:b"), 11, "twice"),
        ((*BASE, "--target=b"), 11, "--target is given twice"),
        ((*BASE, "/key:k", "/keyfile:f", "/decrypt"), 11, "/key and /keyfile"),
        ((*BASE, "/decrypt"), 11, "/decrypt needs"),
        ((*BASE, "/key:abc"), 11, "/key needs /decrypt"),
        ((*BASE, "/decrypt:ROT13", "/key:abc"), 11, "/decrypt:ROT13"),
        ((*BASE, "/decrypt", "/key:abc", "/nocompress"), 11, "/decrypt and /nocompress"),
        ((*BASE, "/hardlink"), 11, "/hardlink needs /nocompress"),
        ((*BASE, "/all", "/ui:x"), 11, "/all and /ui"),
        ((*BASE, "/all", "/ue:x"), 11, "/all and /ue"),
        ((*BASE, "/all", "/uel:1"), 11, "/all and /uel"),
        ((*BASE, "/auto", "/v:5"), 11, "/auto and /v"),
        ((*BASE, "/efs:copyraw"), 11, "/efs is a switch of ScanState"),
        ((*BASE, "/o"), 11, "/o is a switch of ScanState"),
        ((*BASE, "/localonly"), 11, "ScanState"),
        ((*BASE, "/p"), 11, "ScanState"),
        ((*BASE, "/genconfig:c.xml"), 11, "ScanState"),
        ((*BASE, "/vsc"), 11, "ScanState"),
        ((*BASE, "/encrypt"), 11, "ScanState"),
        ((r"C:\store", "--target=out"), 11, "path of Windows"),
        ((*BASE, f"/i:{'x' * 257}"), 12, "256"),
        (("s" * 257, "--target=out"), 12, "256"),
        ((*BASE, "/l:store/log.txt"), 13, "inside the store"),
        ((*BASE, "/progress:store/p.txt"), 40, "inside the store"),
        ((*BASE, "/auto:none"), 28, "/auto:none"),
        ((*BASE, "/offline:o.xml"), 36, "/offline"),
        ((*BASE, r"/offlineWinDir:C:\Windows"), 36, "/offlinewindir"),
        ((*BASE, "/OFFLINEWINOLD", "x"), 36, "/offlinewinold"),
    ],
)  # fmt: skip
def test_what_loadstate_refuses_is_refused_with_its_code(
    words: Sequence[str], code: int, said: str
) -> None:
    with pytest.raises(ColdstateError) as caught:
        translate(words)
    assert caught.value.exit_code == code
    assert said in str(caught.value)


def test_a_key_and_a_password_are_in_no_message() -> None:
    secret = "hush-hush-" + "x" * 300
    for word in (f"/key:{secret}", f"/lac:{secret}"):
        with pytest.raises(ColdstateError) as caught:
            translate((*BASE, word))
        assert "hush" not in str(caught.value)
    meant = translate((*BASE, "/lac:hush-hush-hush"))
    assert "hush" not in repr(meant)
    assert "hush" not in redacted(" ".join(meant.words))


@pytest.mark.parametrize("word", ["/?", "/HELP", "--help", "-h"])
def test_help_names_every_switch_that_loadstate_takes(word: str) -> None:
    with pytest.raises(HelpWanted) as caught:
        translate((*BASE, word))
    historic = {"sf", "targetwindows7", "targetwindows8", "targetvista", "targetxp", "--drive"}
    for name in set(_TAKES) - historic:
        spelled = name if name.startswith("--") else f"/{name}"
        assert spelled in str(caught.value), spelled


def test_the_rules_of_auto_are_those_of_its_folder(tmp_path: Path) -> None:
    with pytest.raises(ColdstateError, match="neither") as caught:
        translate((*BASE, f"/auto:{tmp_path}"))
    assert caught.value.exit_code == 28
    for name in ("migapp.XML", "MigDocs.xml", "MigUser.xml"):
        (tmp_path / name).touch()
    meant = translate((*BASE, f"/auto:{tmp_path}"))
    assert meant.words[2:] == (f"--rules={tmp_path}/MigDocs.xml", f"--rules={tmp_path}/migapp.XML")
    assert meant.verbosity == 5


def test_what_has_no_effect_is_said_once_each() -> None:
    meant = translate((*BASE, "/c", "/r:1", "/nocompress", "/hardlink", "/progress:p"))
    assert meant.progress == Path("p")
    said = [note.split(" ")[0].strip(":") for note in meant.notes]
    assert said == ["/c", "/r", "/nocompress", "/hardlink"]


def test_the_log_is_where_loadstate_has_it() -> None:
    assert translate(BASE, {}).log == Path("LoadState.log")
    assert translate(BASE, {"USMT_WORKING_DIR": "/srv"}).log == Path("/srv/LoadState.log")
    assert translate((*BASE, "/l:x.log", "/v:13")).log == Path("x.log")


def test_a_restore_in_loadstates_words_is_in_the_logs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store, out = make_store(tmp_path / "s" / "store", {"a.txt": b"a"}), tmp_path / "out"
    log, progress = tmp_path / "l.log", tmp_path / "p.log"
    words = [str(store), "--target", str(out), f"/l:{log}", "/v:1", f"/progress:{progress}", "/c"]
    assert run_loadstate(words) == 0
    assert tree_of(out) == {"a.txt": b"a"}
    shown = capsys.readouterr()
    assert "plan of a restore" in shown.out
    text = log.read_text("utf-8-sig")
    assert "plan of a restore" in text
    assert "Warning" in next(line for line in text.splitlines() if "/c has no effect" in line)
    told = progress.read_text()
    assert told.index("PHASE, Applying") < told.index(", totalPercentageCompleted, 100")
    assert ", errorCode, 0" in progress.read_text()


def test_an_error_is_in_the_logs_and_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise NoSuchStoreError("there is none")

    monkeypatch.setattr(loadstate, "run_restore", refuse)
    log, progress = tmp_path / "l.log", tmp_path / "p.log"
    words = ["none", "--target=out", f"/l:{log}", f"/progress:{progress}"]
    with pytest.raises(NoSuchStoreError):
        run_loadstate(words)
    assert "there is none" in log.read_text("utf-8-sig")
    assert ", errorCode, 27" in progress.read_text()
