"""What takes long says meanwhile what it does, into a pipe too."""

import io
import logging
import time
from contextlib import redirect_stderr, redirect_stdout

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
