"""A command that a line of `loop` names as the next one can be run as it stands there."""

import ast
import re
from pathlib import Path

import pytest

from tests.cli.builders import commands

COMMANDS = dict(commands())
SOURCES = sorted(Path("loop/cli").rglob("*.py"))
LINE = re.compile(r'"(?:next: )?(loop [a-z][^"]*)"')
NAMED = sorted(
    {part for file in SOURCES for line in LINE.findall(file.read_text()) for part in line.split("loop ")[1:]}
)


def find_command(words):
    return next((COMMANDS[words[:length]] for length in (3, 2, 1) if words[:length] in COMMANDS), None)


@pytest.mark.parametrize("line", [line for line in NAMED if find_command(tuple(line.split()))])
def test_it_names_each_option_that_the_command_needs(line):
    command = find_command(tuple(line.split()))

    needed = [parameter.opts[0] for parameter in command.params if parameter.required and parameter.opts[0][0] == "-"]

    assert [option for option in needed if option not in line.replace("{at}", "--project")] == []


def test_lines_that_name_a_command_are_found():
    assert len([line for line in NAMED if find_command(tuple(line.split()))]) > 10


SAY_SO_THEMSELVES = {  # their own lines do, or nothing follows
    *("retry_events", "cancel_one", "export_model", "unpin_model", "sync", "rebuild"),
}


def test_a_command_that_changes_something_says_what_follows():
    silent = {
        function.name
        for file in SOURCES
        for function in ast.parse(file.read_text()).body
        if isinstance(function, ast.FunctionDef)
        for call in ast.walk(function)
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "done"
        if "then" not in {keyword.arg for keyword in call.keywords}
    }

    assert silent == SAY_SO_THEMSELVES
