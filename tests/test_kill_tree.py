"""A killed process never sees its own children end, and takes nothing for a result."""

import subprocess
import sys
import time

import psutil
import pytest

from loop.process_table import kill_tree
from tests.services import names_of, until

PARENT = """
import subprocess, sys
child = subprocess.Popen(["sleep", "300"], start_new_session=True)
print(child.pid, flush=True)
child.wait()
open(sys.argv[1], "w").write("the child ended")
"""


@pytest.fixture
def slow_kills(monkeypatch):
    """Another process runs after each kill, as on a busy machine."""
    own = psutil.Process.kill

    def kill(process):
        own(process)
        time.sleep(0.3)

    monkeypatch.setattr(psutil.Process, "kill", kill)


@pytest.mark.usefixtures("slow_kills")
def test_a_killed_process_does_not_see_its_child_end(tmp_path):
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, tmp_path / "seen"], stdout=subprocess.PIPE, text=True, process_group=0
    )
    child = psutil.Process(int(parent.stdout.readline()))

    kill_tree(parent.pid)

    assert parent.wait(5) == -9
    until(lambda: not names_of([child]), 5)
    assert not (tmp_path / "seen").exists()
    parent.communicate()
