"""The README names every setting and every command."""

from pathlib import Path

import pytest
import typer

from loop.cli.tree import app
from loop.settings import Settings

README = (Path(__file__).parent.parent / "README.md").read_text()


def commands(group, prefix="loop"):
    for name, command in typer.main.get_command(group).commands.items():
        if hasattr(command, "commands"):
            yield from (f"{prefix} {name} {inner}" for inner in command.commands)
        else:
            yield f"{prefix} {name}"


@pytest.mark.parametrize("variable", list(Settings.variables().values()))
def test_every_setting_is_in_the_table(variable):
    assert f"| `{variable}` |" in README


@pytest.mark.parametrize("command", list(commands(app)))
def test_every_command_is_named(command):
    assert f"`{command}" in README


def test_every_file_that_is_named_exists():
    import re

    named = set(re.findall(r"`((?:backend|loop|tests|scripts|label_config)/[\w./-]*)`", README))

    assert named
    assert [name for name in named if not (Path(__file__).parent.parent / name).exists()] == []
