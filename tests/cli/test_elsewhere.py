"""Commands that need no server run where there is no POSIX, as on Windows; those that start one say where they run."""

import sys

import pytest
from typer.testing import CliRunner

from loop.cli.tree import app
from tests.elsewhere import loop_elsewhere


@pytest.mark.parametrize(("verb", "line"), [("check", "8 nodes"), ("show", "animal (Animal)")])
def test_a_taxonomy_file_is_checked_and_shown(tmp_path, verb, line):
    status, printed, said = loop_elsewhere(tmp_path / "home", "taxonomy", verb, "label_config/taxonomy.yaml")

    assert (status, said) == (0, "")
    assert line in printed


@pytest.mark.parametrize("command", [("up",), ("schedule",), ("worker", "gpu")], ids=lambda command: command[0])
def test_what_starts_a_part_says_to_use_the_container(command, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setenv("LOOP_HOME", str(tmp_path / "home"))

    ended = CliRunner().invoke(app, command)

    assert str(ended.exception) == (
        f"`loop {command[0]}` needs Linux: run it in a container here, see docs/deployment.md#one-container"
    )
    assert not (tmp_path / "home").exists()
