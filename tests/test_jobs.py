"""The priority of jobs."""

import os
import threading

import pytest

from loop import jobs
from loop.errors import LoopError


def priority_after(job, *ids):
    """The priority of a thread that ran a job; without a Redis the job ends early."""
    priorities = []

    def run():
        with pytest.raises(LoopError):
            job(*ids)
        priorities.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return priorities[0]


@pytest.mark.parametrize(
    ("job", "priority"),
    [
        (jobs.review, 0),
        (jobs.refresh, 5),
        *((job, 10) for job in (jobs.retrain, jobs.index, jobs.match, jobs.discover)),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_work_that_nobody_waits_for_lets_other_work_go_first(rooms, settings, monkeypatch, job, priority):
    monkeypatch.setenv("LOOP_HOME", str(settings.home))
    own = os.getpriority(os.PRIO_PROCESS, 0)

    assert priority_after(job, 1) == max(own, priority)
