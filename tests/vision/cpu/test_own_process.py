"""Whatever becomes of a process of its own, the one that started it gets a refusal with the reason."""

import sys

import pytest

from loop.errors import WeightsRefused
from loop.vision.cpu.own_process import run_module
from loop.vision.cpu.quantise import quantise
from loop.vision.cpu.speed import measure
from loop.vision.cpu.tuning import Tuning
from tests.vision.builders import SIDE


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a program as a module."""
    monkeypatch.chdir(tmp_path)

    def run_program(program, seconds=30.0):
        (tmp_path / "program.py").write_text(program)
        return run_module(
            "program",
            {"n": 7},
            environment={"N": "8"},
            seconds=seconds,
            refuse=lambda text: WeightsRefused("", text, ""),
        )

    return run_program


def test_it_reads_its_work_and_its_environment(run):
    assert run("import json, os; print(json.loads(input())['n'], os.environ['N'])") == "7 8\n"


@pytest.mark.parametrize(
    ("program", "seconds", "reason"),
    [
        ("raise ValueError('no such layer')", 30.0, "ended with 1: ValueError: no such layer"),
        ("raise SystemExit(3)", 30.0, "ended with 3: without a message"),
        (
            "import os; print('x' * 9, flush=True); os.kill(os.getpid(), 9)",
            30.0,
            "by signal 9, perhaps for lack of memory",
        ),
        ("import time; time.sleep(60)", 0.5, "took longer than 0.5 s"),
    ],
    ids=["raises", "says nothing", "killed", "too slow"],
)
def test_a_process_without_a_result_is_refused_with_the_reason(run, program, seconds, reason):
    with pytest.raises(WeightsRefused, match=reason):
        run(program, seconds)


@pytest.mark.parametrize(
    "begin",
    [
        lambda folder: quantise(folder / "a.openvino", [], folder / "out.openvino", SIDE),
        lambda folder: measure(folder / "a.openvino", [], SIDE, Tuning(1, 1)),
    ],
    ids=["in 8 bits", "measured"],
)
def test_a_process_that_cannot_start_is_refused(begin, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "missing"))

    with pytest.raises(WeightsRefused, match="did not start"):
        begin(tmp_path)
