"""UsmtUtils' spelling is taken; what is odd is refused in one sentence; only a store of ours is removed."""

from __future__ import annotations

import fcntl
import io
import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractor.cli.slash import HelpWanted
from extractor.cli.usmtutils import locate_store, run_usmtutils
from extractor.cli.usmtutils_commands import (
    ExtractStore,
    ListAlgorithms,
    RemoveStore,
    Report,
    Unlock,
    VerifyStore,
)
from extractor.cli.usmtutils_words import parse_usmtutils
from extractor.errors import (
    ArgumentTooLongError,
    CanceledError,
    LogFileError,
    NoSuchStoreError,
    StoreLocationError,
    StoreNotRemovedError,
    UnreadableKeyError,
    UsageError,
)
from extractor.store.sealed.algid import AlgId
from extractor.store.sealed.keys import Passphrase

SECRET = "open-sesame-9"
KEY = Unlock(AlgId("3DES"), key=Passphrase(SECRET))


def verify(text: str = "store", **changes: object) -> VerifyStore:
    defaults = {"report": Report.SUMMARY, "unlock": None, "log": None, "verbosity": 0}
    return VerifyStore(Path(text), **{**defaults, **changes})  # type: ignore[arg-type]


def extract(**changes: object) -> ExtractStore:
    defaults = {
        "include": (),
        "exclude": (),
        "overwrite": False,
        "unlock": None,
        "log": None,
        "verbosity": 0,
    }
    return ExtractStore(Path("store"), Path("out"), **{**defaults, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("/ec", ListAlgorithms()),
        ("/EC", ListAlgorithms()),
        ("/rd store", RemoveStore(Path("store"), yes=False)),
        ("/y /rd store", RemoveStore(Path("store"), yes=True)),
        ("/rd -- /y", RemoveStore(Path("/y"), yes=False)),
        ("/verify store", verify()),
        ("/verify: store", verify()),
        ("/Verify:ALL /srv/case17", verify("/srv/case17", report=Report.ALL)),
        ("store /verify:FailureOnly", verify(report=Report.FAILURE_ONLY)),
        ("/verify:catalog store /l:u.log /v:5", verify(report=Report.CATALOG, log=Path("u.log"), verbosity=5)),
        (f"/verify store /decrypt /key:{SECRET}", verify(unlock=KEY)),
        (f"/verify store /DECRYPT:aes_256 /KEY:{SECRET}", verify(unlock=replace(KEY, algid=AlgId("AES_256")))),
        ("/verify store /decrypt /keyfile:k", verify(unlock=Unlock(AlgId("3DES"), keyfile=Path("k")))),
        ("/verify store --identity k", verify(unlock=Unlock(None, identity=Path("k")))),
        ("/verify store /decrypt:AES --identity=k", verify(unlock=Unlock(AlgId("AES"), identity=Path("k")))),
        ("/extract store out", extract()),
        ("/extract store /i:*.txt,*.pdf out /o", extract(include=("*.txt", "*.pdf"), overwrite=True)),
        ("/extract store /e:*.exe;*.dll out", extract(exclude=("*.exe", "*.dll"))),
    ],
)  # fmt: skip
def test_usmts_spelling_is_taken(words: str, expected: object) -> None:
    assert parse_usmtutils(words.split()) == expected


def test_a_quoted_list_with_spaces_is_taken() -> None:
    found = parse_usmtutils(["/extract", "store", '/i:"*.txt, my file.*"', "out"])
    assert found == extract(include=("*.txt", "my file.*"))


@pytest.mark.parametrize(
    ("words", "match"),
    [
        ("", "none of /ec"),
        ("store", "none of /ec"),
        ("/ec /rd store", "/ec and /rd cannot be given together"),
        ("/verify store /verify", "/verify and /verify cannot be given together"),
        ("/ec store", "/ec takes no path; 1 paths"),
        ("/ec /y", "/y has no meaning with /ec"),
        ("/rd", "/rd takes STORE; 0 paths"),
        ("/rd:store", "/rd takes no value"),
        ("/rd store /y:1", "/y takes no value"),
        ("/rd store /y /y", "/y is given twice"),
        ("/rd store /o", "/o has no meaning with /rd"),
        ("/rd C:\\store", "is a path of Windows"),
        ("/verify store /i:*.txt", "/i has no meaning with /verify"),
        ("/verify:some store", "/verify:some: takes summary, all"),
        ("/verify store other", "takes STORE; 2 paths"),
        ("/verify /bogus:secret store", "/bogus is no switch"),
        ("/verify store --bogus=secret", "--bogus is no switch"),
        ("/verify store /v:2", "/v:2 is not a level"),
        ("/verify store /l", "/l needs a value"),
        ("/verify store /decrypt", "/decrypt needs /key, /keyfile or --identity"),
        ("/verify store /decrypt:RC4 /key:k", "/decrypt:RC4: takes AES"),
        ("/verify store /key:k", "/key needs /decrypt"),
        ("/verify store /keyfile:k", "/keyfile needs /decrypt"),
        ("/verify store /decrypt /key:k /keyfile:k", "/key and /keyfile cannot be given together"),
        (
            "/verify store /decrypt /key:k --identity k",
            "/key and --identity cannot be given together",
        ),
        ("/verify store --identity", "--identity needs a value"),
        ("/verify store /decrypt /key:", "/key needs a value"),
        ("/extract store", "/extract takes STORE and DESTINATION; 1 paths"),
        ("/extract store out /i:*.a,,*.b", "/i: a pattern is empty"),
        ("/extract store out /i", "/i needs a value"),
    ],
)
def test_what_is_odd_is_refused(words: str, match: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_usmtutils(words.split())
    assert match in str(caught.value)
    assert caught.value.exit_code == 11
    assert "secret" not in str(caught.value)


def test_an_empty_path_is_refused() -> None:
    with pytest.raises(UsageError, match="a path is empty"):
        parse_usmtutils(["/rd", ""])


def test_a_log_inside_the_store_is_refused() -> None:
    with pytest.raises(LogFileError, match="lies inside the store"):
        parse_usmtutils(["/verify", "store", "/l:store/USMT/u.log"])


def test_more_than_256_characters_are_refused_and_not_repeated() -> None:
    long = "s" * 257
    for words in (["/verify", "store", "/decrypt", f"/key:{long}"], ["/rd", f"/srv/{long}"]):
        with pytest.raises(ArgumentTooLongError) as caught:
            parse_usmtutils(words)
        assert "sss" not in str(caught.value)


@pytest.mark.parametrize("word", ["/?", "--help", "/HELP", "-h"])
def test_help_is_an_answer(word: str) -> None:
    with pytest.raises(HelpWanted, match="usage: coldstate usmtutils /ec"):
        parse_usmtutils(["/extract", word])


def test_a_key_is_shown_nowhere() -> None:
    found = parse_usmtutils(["/verify", "store", "/decrypt", f"/key:{SECRET}"])
    assert SECRET not in f"{found!r}{found}"


def test_a_key_file_is_read_when_it_is_needed(tmp_path: Path) -> None:
    found = parse_usmtutils(["/verify", "store", "/decrypt", f"/keyfile:{tmp_path / 'k'}"])
    assert isinstance(found, VerifyStore)
    assert found.unlock is not None
    with pytest.raises(UnreadableKeyError):
        found.unlock.passphrase()
    (tmp_path / "k").write_text(f"{SECRET}\r\n")
    assert found.unlock.passphrase() == Passphrase(SECRET)
    assert found.unlock.identities() == ()
    assert KEY.passphrase() == Passphrase(SECRET)


WORDS = [
    "/ec",
    "/rd",
    "/verify",
    "/extract",
    "/y",
    "/o",
    "/i:*",
    "/decrypt",
    "/key:k",
    "s",
    "--",
    "/x" * 300,
]


@given(
    st.lists(
        st.sampled_from(WORDS) | st.text(st.characters(exclude_characters="\0"), max_size=9),
        max_size=6,
    )
)
def test_any_words_make_a_command_or_one_sentence(words: list[str]) -> None:
    try:
        parse_usmtutils(words)
    except UsageError as error:
        assert str(error)  # noqa: PT017 (a command is an answer too)
    except HelpWanted:
        return


# ----- what is run


def make_store(folder: Path, name: str = "USMT") -> Path:
    (folder / name / "open-catalog").mkdir(parents=True)
    (folder / name / "open-catalog" / "manifest.jsonl").write_text("{}")
    (folder / name / "store.wim").write_bytes(b"MSWIM")
    return folder


def no_verify(_: VerifyStore) -> int:
    raise AssertionError


def no_extract(_: ExtractStore) -> int:
    raise AssertionError


def run(*words: str) -> int:
    return run_usmtutils(words, verify=no_verify, extract=no_extract)


def test_the_algorithms_are_named_with_the_truth(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("/ec") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("\t")[0] for line in lines] == [
        "AES",
        "AES_128",
        "AES_192",
        "AES_256",
        "3DES",
        "3DES_112",
    ]
    assert all("age v1" in line for line in lines)


@pytest.mark.parametrize("below", ["", "USMT", "USMT/store.wim", "USMT/store.mig"])
def test_a_store_is_found_by_any_of_its_names(tmp_path: Path, below: str) -> None:
    make_store(tmp_path)
    assert locate_store(tmp_path / below) == tmp_path


def test_verify_and_extract_get_the_folder_of_the_store(tmp_path: Path) -> None:
    make_store(tmp_path)
    seen: list[Path] = []
    words = [str(tmp_path / "USMT" / "store.wim")]

    def verified(command: VerifyStore) -> int:
        seen.append(command.store)
        return 42

    def extracted(command: ExtractStore) -> int:
        seen.append(command.store)
        return 3

    assert run_usmtutils(["/verify", *words], verify=verified, extract=no_extract) == 42
    assert run_usmtutils(["/extract", *words, "out"], verify=no_verify, extract=extracted) == 3
    assert seen == [tmp_path, tmp_path]


def test_a_store_of_microsofts_is_named(tmp_path: Path) -> None:
    (tmp_path / "USMT").mkdir()
    (tmp_path / "USMT" / "USMT.MIG").write_bytes(b"1giM")
    with pytest.raises(NoSuchStoreError, match="UsmtUtils /extract") as caught:
        run("/verify", str(tmp_path))
    assert caught.value.exit_code == 27
    with pytest.raises(NoSuchStoreError):
        run("/rd", str(tmp_path), "/y")
    assert (tmp_path / "USMT" / "USMT.MIG").exists()


def test_what_is_no_store_is_named(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing"):
        with pytest.raises(NoSuchStoreError, match="is no store"):
            run("/verify", str(path))


def test_a_store_of_ours_is_removed_with_y(tmp_path: Path) -> None:
    store = make_store(tmp_path / "case")
    make_store(store, "USMT.incomplete")
    assert run("/rd", str(store), "/y") == 0
    assert not store.exists()


def test_what_lies_beside_a_store_stays(tmp_path: Path) -> None:
    make_store(tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    assert run("/rd", str(tmp_path / "USMT"), "/y") == 0
    assert [each.name for each in tmp_path.iterdir()] == ["notes.txt"]


def test_a_sealed_store_is_removed_too(tmp_path: Path) -> None:
    (tmp_path / "USMT").mkdir()
    (tmp_path / "USMT" / "sealed.sha256").write_text("")
    assert run("/rd", str(tmp_path), "/y") == 0


def test_a_foreign_folder_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "USMT").mkdir()
    (tmp_path / "USMT" / "photo.jpg").write_bytes(b"x")
    with pytest.raises(NoSuchStoreError, match="is no store of this program and is not touched"):
        run("/rd", str(tmp_path), "/y")
    assert (tmp_path / "USMT" / "photo.jpg").exists()


def test_a_link_to_a_store_is_not_followed(tmp_path: Path) -> None:
    make_store(tmp_path / "real")
    (tmp_path / "case").mkdir()
    (tmp_path / "case" / "USMT").symlink_to(tmp_path / "real" / "USMT")
    with pytest.raises(NoSuchStoreError, match="is not touched"):
        run("/rd", str(tmp_path / "case"), "/y")
    assert (tmp_path / "real" / "USMT" / "store.wim").exists()


def test_without_y_and_a_terminal_nothing_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_store(tmp_path)
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    with pytest.raises(UsageError, match="add /y"):
        run("/rd", str(tmp_path))
    assert (tmp_path / "USMT").exists()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_person_at_the_terminal_decides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make_store(tmp_path)
    for answer in ("n\n", "\n", ""):
        monkeypatch.setattr("sys.stdin", Terminal(answer))
        with pytest.raises(CanceledError, match="nothing was removed"):
            run("/rd", str(tmp_path))
    assert (tmp_path / "USMT").exists()
    monkeypatch.setattr("sys.stdin", Terminal("Yes\n"))
    assert run("/rd", str(tmp_path)) == 0
    assert not (tmp_path / "USMT").exists()
    captured = capsys.readouterr()
    assert "[y/N]" in captured.err
    assert captured.out == ""


def test_a_store_that_is_being_written_stays(tmp_path: Path) -> None:
    make_store(tmp_path, "USMT.incomplete")
    held = os.open(tmp_path / "USMT.incomplete", os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    with pytest.raises(StoreLocationError, match="another run"):
        run("/rd", str(tmp_path), "/y")
    os.close(held)
    assert (tmp_path / "USMT.incomplete" / "store.wim").exists()


def test_a_store_that_cannot_be_removed_is_code_35(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_store(tmp_path)

    def failing(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("extractor.cli.usmtutils.remove_tree", failing)
    with pytest.raises(StoreNotRemovedError, match="Read-only file system") as caught:
        run("/rd", str(tmp_path), "/y")
    assert caught.value.exit_code == 35
