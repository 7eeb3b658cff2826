"""What takes long says meanwhile what it does, into a pipe too."""

import io
import logging
import os
import pty
import re
import subprocess
import sys
import time
from contextlib import redirect_stderr, redirect_stdout, suppress

from loop.cli.messages import narrate, show_count
from scripts.demo.__main__ import Bar, show_progress


def test_a_long_command_says_that_it_begins_each_step_and_that_it_goes_on():
    with redirect_stderr(io.StringIO()) as err, narrate("making vectors", every=0.05):
        logging.getLogger("loop.references.index").info("project 1: 64 vectors made")
        time.sleep(0.12)

    first, step, *more = err.getvalue().splitlines()
    assert first == "making vectors …"
    assert step == "project 1: 64 vectors made"
    assert more
    assert all(line == "making vectors: 0 s so far" for line in more)


def test_after_it_nothing_more_is_said():
    with redirect_stderr(io.StringIO()) as err:
        with narrate("making vectors", every=0.02):
            pass
        logging.getLogger("loop.references.index").info("by somebody else")
        time.sleep(0.06)

    assert err.getvalue() == "making vectors …\n"


def test_what_is_counted_is_told_in_lines_where_there_is_no_terminal():
    with redirect_stderr(io.StringIO()) as err:
        done = list(show_count("abc", "operations", 3, every=0.0))

    assert done == ["a", "b", "c"]
    assert err.getvalue().splitlines() == [f"operations: {number} of 3" for number in (1, 2, 3)]


def test_the_demo_into_a_file_has_a_line_per_stage():
    with redirect_stdout(io.StringIO()) as out, show_progress() as progress:
        bar = Bar(progress, progress.add_task("", total=3))
        for stage in ("uploading", "uploading", "round 1: training, epoch 1", "round 1: training, epoch 2", "done"):
            bar.say(stage, 1)

    assert [line.split(" s  ")[1] for line in out.getvalue().splitlines() if " s  " in line] == [
        "uploading",
        "round 1: training",
        "done",
    ]


def test_a_work_that_ends_soon_says_nothing_and_a_late_one_says_its_stages():
    log = logging.getLogger("loop.references.index")
    with redirect_stderr(io.StringIO()) as soon, narrate("loop references build", after=5.0):
        log.info("the first stage")
    with redirect_stderr(io.StringIO()) as late, narrate("loop references build", after=0.05):
        log.info("the first stage")
        time.sleep(0.2)
        log.info("the second stage")

    assert soon.getvalue() == ""
    assert late.getvalue().splitlines() == ["loop references build …", "the first stage", "the second stage"]


def test_a_narration_within_another_speaks_in_its_place():
    with redirect_stderr(io.StringIO()) as err, narrate("loop import", after=0.01), narrate("reading labels"):
        time.sleep(0.1)
        logging.getLogger("loop.imports").info("a stage")

    assert err.getvalue().splitlines() == ["reading labels …", "a stage"]


ANY = """
import os, sys, time
from pathlib import Path
import typer
from typer.main import get_command
from loop.cli.answers.command import done, equip
from loop.cli.messages import run_and_explain

app = typer.Typer()

@app.command()
def slow():
    while not Path(os.environ["SAID"]).stat().st_size:
        time.sleep(0.05)
    return done("all is well", then="go on")

command = equip(get_command(app), "loop slow")
sys.exit(run_and_explain(lambda arguments: command(arguments, standalone_mode=False) and 0 or 0, sys.argv[1:]))
"""


def test_any_command_that_takes_long_says_that_it_works(tmp_path):
    said = tmp_path / "stderr"
    environment = {"PATH": os.environ["PATH"], "LOOP_HOME": str(tmp_path), "SAID": str(said)}
    with said.open("w") as stderr:
        program = [sys.executable, "-c", ANY]
        ended = subprocess.run(program, stdout=subprocess.PIPE, stderr=stderr, env=environment, timeout=60, check=True)

    assert said.read_text() == "loop slow …\n"
    assert ended.stdout.decode() == "all is well\nnext: go on\n"


SLOW = """
import logging, sys, time
from loop.cli.messages import narrate
from loop.cli.options import out
with narrate("making vectors", after=0.1):
    time.sleep(0.4)
    logging.getLogger("loop.x").info("64 vectors made")
    time.sleep(0.3)
    out.print("a line")
    time.sleep(0.3)
"""


def run_on_a_terminal(**variables):
    """What a terminal gets from a slow work, whose answer goes there too."""
    reader, terminal = pty.openpty()
    environment = {"PATH": os.environ["PATH"], "TERM": "xterm", "COLUMNS": "120", **variables}
    work = subprocess.Popen([sys.executable, "-c", SLOW], stdout=terminal, stderr=terminal, env=environment)
    os.close(terminal)
    shown = b""
    with suppress(OSError):  # the end of a terminal
        while block := os.read(reader, 4096):
            shown += block
    os.close(reader)
    assert work.wait() == 0
    return shown.decode()


def test_on_a_terminal_a_bar_shows_the_stage_and_makes_way_for_lines():
    shown = run_on_a_terminal()

    assert "making vectors" in shown
    assert "64 vectors made" in shown
    assert "\ra line\r\n" in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    assert re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown).split("\r")[-1].strip() == ""


def test_without_colours_no_colour_is_sent():
    assert re.search(r"\x1b\[[0-9;]*m", run_on_a_terminal())
    assert not re.search(r"\x1b\[(?:[0-9]+;)*(?:3[0-9]|38|9[0-7])(?:;[0-9]+)*m", run_on_a_terminal(NO_COLOR="1"))
