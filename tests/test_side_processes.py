"""Work in processes beside this one."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import psutil
import pytest

from loop.errors import Overloaded
from loop.ordered_map import CHUNK, map_chunks
from loop.side_processes import FIRST, SideProcesses

MANY = (FIRST + 4) * CHUNK
PROGRAM = f"""
import os, time
from loop.side_processes import FIRST, SideProcesses
with SideProcesses(eval, list) as side:
    for _ in range({FIRST} + 1):
        print(*side(["__import__('os').getpid()"]), flush=True)
    time.sleep(60)
"""


def test_many_things_are_worked_on_in_other_processes_in_order():
    with SideProcesses(eval, list) as side, ThreadPoolExecutor(2) as pool:
        things = (f"{number}, __import__('os').getpid()" for number in range(MANY))
        results = list(map_chunks(pool, side, things))

    pids = {pid for _, pid in results}
    assert [number for number, _ in results] == list(range(MANY))
    assert 1 < len(pids - {os.getpid()}) <= 2
    assert not any(psutil.pid_exists(pid) for pid in pids - {os.getpid()})


def test_few_things_start_no_process():
    with SideProcesses(eval, list) as side:
        assert [side(["__import__('os').getpid()"]) for _ in range(FIRST)] == [[os.getpid()]] * FIRST


def test_each_process_begins_before_its_work():
    with SideProcesses(os.getenv, partial(exec, "import os; os.environ['BEGUN'] = 'yes'")) as side:
        early = [side(["BEGUN"]) for _ in range(FIRST)]
        late = side(["BEGUN", "BEGUN"])

    assert early == [[None]] * FIRST
    assert late == ["yes", "yes"]


def test_a_process_that_dies_is_an_error_and_not_a_result():
    with SideProcesses(eval, list) as side:
        for _ in range(FIRST):
            side(["1"])
        with pytest.raises(Overloaded, match="killed"):
            side(["__import__('os')._exit(9)"])


def test_a_process_ends_where_the_one_beside_it_is_killed():
    with subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True) as program:
        lines = [program.stdout.readline().strip() for _ in range(FIRST + 1)]
        side = psutil.Process(int(lines[-1]))
        program.send_signal(signal.SIGKILL)

    assert lines[0] != lines[-1]
    side.wait(timeout=10)
    assert not side.is_running()
