"""The script of a kit: it parses, calls nothing but Windows, and is the same in every kit."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import pytest

from extractor.kit.papers import SCRIPT

SOURCE = (files("extractor.kit") / SCRIPT).read_bytes()
CALLED = frozenset({
    "Add-LocalGroupMember", "Add-Type", "ConvertFrom-Json", "ConvertTo-Json", "Expand-WindowsImage", "ForEach-Object",
    "New-LocalUser", "New-Object", "Select-Object", "Set-StrictMode", "Where-Object", "Write-Host", "Write-Progress",
    "Write-Verbose", "Write-Warning",
})  # fmt: skip
"""All of Windows PowerShell that the script calls: none of it runs, loads or fetches what a kit says."""
GIVEN = frozenset({
    "_", "env:computername", "env:public", "env:systemdrive", "env:systemroot", "erroractionpreference", "false",
    "matches", "null", "pscmdlet", "psscriptroot", "true", "whatifpreference",
})  # fmt: skip
"""Variables that PowerShell itself sets, or reads."""


def parsed() -> Any:
    """Return the tree of the script, or skip on a computer without the grammar; CI must have it."""
    if importlib.util.find_spec("tree_sitter_powershell") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("CI must have tree-sitter-powershell")
        pytest.skip("needs tree-sitter-powershell")
    import tree_sitter
    import tree_sitter_powershell

    language = tree_sitter.Language(tree_sitter_powershell.language())
    return tree_sitter.Parser(language).parse(SOURCE).root_node


def below(node: Any) -> Iterator[Any]:
    pending = [node]
    while pending:
        each = pending.pop()
        yield each
        pending.extend(each.children)


def texts(root: Any, kind: str) -> set[str]:
    return {each.text.decode() for each in below(root) if each.type == kind}


def test_the_script_parses() -> None:
    broken = [
        each.start_point for each in below(parsed()) if each.type == "ERROR" or each.is_missing
    ]
    assert broken == []


def test_a_script_that_is_broken_does_not_parse() -> None:
    import tree_sitter

    root = parsed()
    assert not root.has_error
    import tree_sitter_powershell

    broken = SOURCE.replace(b"function Confirm-Name(", b"function (", 1)
    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_powershell.language()))
    assert parser.parse(broken).root_node.has_error


def test_the_functions_of_windows_in_it_parse_as_c_sharp() -> None:
    grammar = pytest.importorskip("tree_sitter_c_sharp", reason="needs tree-sitter-c-sharp")
    import tree_sitter

    start = SOURCE.index(b"@'\n") + 3
    code = SOURCE[start : SOURCE.index(b"\n'@")]
    root = tree_sitter.Parser(tree_sitter.Language(grammar.language())).parse(code).root_node
    broken = [each.start_point for each in below(root) if each.type == "ERROR" or each.is_missing]
    assert broken == []
    for later in (b"?.", b"=> ", b'$"', b"nameof", b"out var"):
        assert later not in code, "C# 5 is what Add-Type of PowerShell 5.1 compiles"


def test_powershell_itself_parses_the_script() -> None:
    if shutil.which("pwsh") is None:
        pytest.skip("needs pwsh")
    command = (
        "$errors = $null; [void] [System.Management.Automation.Language.Parser]::ParseInput("
        "[Console]::In.ReadToEnd(), [ref] $null, [ref] $errors); $errors.Count"
    )
    words = ["pwsh", "-NoProfile", "-Command", command]
    said = subprocess.run(words, input=SOURCE, capture_output=True, check=True).stdout
    assert said.strip() == b"0"


def test_the_script_calls_nothing_but_itself_and_what_is_listed_here() -> None:
    root = parsed()
    own = texts(root, "function_name")
    called = texts(root, "command_name")
    assert called - own == CALLED
    assert own - called == set()


def test_no_command_is_made_of_data() -> None:
    root = parsed()
    assert [each.text for each in below(root) if each.type == "command_invokation_operator"] == []
    names = [each for each in below(root) if each.type == "command_name_expr"]
    assert names == []
    for word in ("Invoke-Expression", "iex ", "DownloadString", "WebClient", "ScriptBlock]::Create"):  # fmt: skip
        assert word.lower() not in SOURCE.decode().lower()


def variables(nodes: Iterator[Any]) -> set[str]:
    """Return the names of variables below some nodes, in lower case and without ``script:``."""
    found = {
        each.text.decode() for node in nodes for each in below(node) if each.type == "variable"
    }
    return {re.sub(r"^[$@{]+|}$|script:", "", each).lower() for each in found}


def set_in(node: Any) -> set[str]:
    """Return the variables that are parameters, assigned, or go round a loop below a node."""
    kinds = {"left_assignment_expression", "script_parameter"}
    made = variables(each for each in below(node) if each.type in kinds)
    loops = (each.children for each in below(node) if each.type == "foreach_statement")
    return made | variables(one for each in loops for one in each if one.type == "variable")


def test_every_variable_of_a_function_is_set_in_it_or_outside_of_all() -> None:
    root = parsed()
    functions = [each for each in below(root) if each.type == "function_statement"]
    assert len(functions) > 50
    inside = {each.id for function in functions for each in below(function)}
    outer = [each for each in below(root) if each.id not in inside]
    kinds = {"left_assignment_expression", "script_parameter"}
    common = GIVEN | variables(each for each in outer if each.type in kinds)
    for function in functions:
        unset = variables(iter([function])) - set_in(function) - common
        assert unset == set(), function.children[1].text
    loops = {"row"}  # of users.json and plan.jsonl, in functions only
    used = variables(each for each in outer if each.type == "variable")
    assert used - common == set()
    assert used & loops == set()


def test_the_script_is_plain_ascii_without_tabs_and_says_that_nobody_ran_it() -> None:
    text = SOURCE.decode("ascii")
    assert "\t" not in text
    assert "has not been run on Windows" in text


def test_the_script_is_for_windows_powershell_5_1() -> None:
    root = parsed()
    assert "#requires -Version 5.1" in SOURCE.decode()
    assert "SupportsShouldProcess" in SOURCE.decode()
    for later in ("ternary_expression", "null_coalesce_expression", "pipeline_chain_tail"):
        assert not [each for each in below(root) if each.type == later]


def test_every_function_of_windows_that_is_called_is_declared() -> None:
    text = SOURCE.decode()
    declared = set(re.findall(r"public static \S+ (\w+)\(", text))
    assert set(re.findall(r"\[Coldstate\]::(\w+)", text)) <= declared
    assert declared - set(re.findall(r"\[Coldstate\]::(\w+)", text)) == set()
