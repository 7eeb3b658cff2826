"""`loop jobs`, as a person sees it."""

import json

import pytest

from loop.errors import PayloadError
from loop.job_queue.queue import JobQueue
from loop.settings import Settings
from loop.wiring import build
from tests.cli.runner import loop


@pytest.fixture
def home(tmp_path, monkeypatch, redis):
    monkeypatch.setenv("LOOP_HOME", str(tmp_path))
    monkeypatch.setenv("LOOP_REDIS_URL", redis.address)
    build(Settings.read(), migrate=True).close()
    queue = JobQueue(redis.address)
    yield queue
    queue.close()


def test_jobs_are_listed_shown_and_cancelled(home):
    assert loop("jobs", "list") == "no job runs, waits or failed\n"
    home.ask_refresh(7)

    assert "refresh-7  waiting  default" in loop("jobs", "list")
    (listed,) = json.loads(loop("jobs", "list", "--json"))["jobs"]
    assert (listed["id"], listed["project"], listed["state"]) == ("refresh-7", 7, "waiting")
    assert "work         refresh" in loop("jobs", "show", "refresh-7")
    assert json.loads(loop("jobs", "show", "refresh-7", "--json"))["log"] == []
    assert "is removed" in loop("jobs", "cancel", "refresh-7")
    with pytest.raises(PayloadError, match="`loop jobs list`"):
        loop("jobs", "cancel", "refresh-7")
