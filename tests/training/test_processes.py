"""The processes of a training on several GPUs, without any training."""

import subprocess
import sys

import pytest

from loop.training.processes import find_failure
from loop.training.work import Failure

OUT_OF_MEMORY, LOST = Failure("CUDA out of memory", batch=8), Failure("connection closed by peer")
FORK = """
import multiprocessing, os, threading, time
from loop.training.process import _end_with_parent

threading.Thread(target=_end_with_parent, daemon=True).start()
time.sleep(0.3)
child = multiprocessing.get_context("fork").Process(target=os.getpid, daemon=True)
child.start()
child.join(10)
print(child.exitcode, flush=True)
child.kill()
"""


def test_a_process_that_waits_for_the_end_of_its_parent_can_fork_those_that_load_images():
    command = [sys.executable, "-W", "ignore", "-c", FORK]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        exit_code = process.stdout.readline()
        process.stdin.close()

    assert exit_code == "0\n"


@pytest.mark.parametrize(
    ("written", "codes", "expected"),
    [
        (OUT_OF_MEMORY, [-6, 1], OUT_OF_MEMORY.message),
        (OUT_OF_MEMORY, [None, 1], OUT_OF_MEMORY.message),
        (LOST, [1, -9], "killed by signal 9"),
        (None, [None, -9], "killed by signal 9"),
        (None, [None, 1], "without a reason"),
    ],
    ids=["memory-and-abort", "memory", "killed-and-lost", "killed", "silent"],
)
def test_memory_that_ran_out_counts_before_the_signal_that_followed(tmp_path, written, codes, expected):
    path = tmp_path / "failure.json"
    if written:
        path.write_text(written.as_json())

    failure = find_failure(path, codes)

    assert expected in failure.message
    assert failure.batch == (8 if written is OUT_OF_MEMORY else None)
