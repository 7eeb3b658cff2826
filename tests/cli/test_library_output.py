"""What libraries print reaches a file, not the terminal, and not the JSON of a command."""

import json
import os
import subprocess
import sys

import pytest

NOISY = """
import ctypes, logging, os, subprocess, sys, warnings
import typer
from typer.main import get_command
from loop.cli.answers.command import done, equip
from loop.cli.messages import run_and_explain

app = typer.Typer()

@app.command()
def noisy():
    print("noise of a library")
    os.write(1, b"noise of C\\n")
    os.write(2, b"noise of C\\n")
    sys.stderr.write("noise of a library\\n")
    subprocess.run(["echo", "noise of a child"])
    warnings.warn("noise of a warning")
    logging.getLogger("library").warning("noise of a log")
    logging.getLogger("loop.test").warning("a warning of ours")
    return done("all is well", then="go on", thing="it")

command = equip(get_command(app), "loop noisy")
sys.exit(run_and_explain(lambda arguments: command(arguments, standalone_mode=False) and 0 or 0, sys.argv[1:]))
"""


def run(home, *arguments):
    environment = {**os.environ, "LOOP_HOME": str(home)}
    return subprocess.run(
        [sys.executable, "-c", NOISY, *arguments], capture_output=True, text=True, env=environment, check=True
    )


@pytest.mark.parametrize("has_folder", [True, False], ids=["with a home", "without"])
def test_only_our_own_output_reaches_the_terminal(tmp_path, has_folder):
    if has_folder:
        (tmp_path / "logs").mkdir()

    ended = run(tmp_path)

    assert ended.stdout == "all is well\nnext: go on\n"
    assert ended.stderr == "a warning of ours\n"
    if has_folder:
        noise = (tmp_path / "logs" / "libraries.log").read_text()
        assert noise.count("noise of a library") == 2
        assert noise.count("noise of C") == 2
        assert all(f"noise of a {kind}" in noise for kind in ("child", "warning", "log"))


def test_a_program_gets_json_alone(tmp_path):
    ended = run(tmp_path, "--json")

    assert json.loads(ended.stdout) == {"done": ["all is well"], "next": ["go on"], "of": {"thing": "it"}}
