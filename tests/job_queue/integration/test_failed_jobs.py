"""What a job that failed leaves in Redis and in the log of its worker."""

import os
import subprocess
import sys
import time
from contextlib import closing

import pytest
from redis import Redis
from rq.job import Job

from loop.job_queue.queue import DEFAULT
from loop.settings import Settings
from loop.wiring import build
from tests.builders import CONFIG
from tests.training.builders import review_tasks

SECRET = "s3cret-of-label-studio"


@pytest.fixture
def settings(tmp_path, redis):
    return Settings.read(
        {
            "LOOP_HOME": str(tmp_path / "home"),
            "LOOP_REDIS_URL": redis.address,
            "LABEL_STUDIO_URL": f"http://user:{SECRET}@127.0.0.1:1",
            "LABEL_STUDIO_API_KEY": "k" * 40,
        }
    )


def test_the_trace_of_a_failed_job_has_no_secret(settings, tmp_path):
    with closing(build(settings, migrate=True)) as rooms, closing(Redis.from_url(settings.redis)) as redis:
        rooms.studio.projects.save(1, "Cars", CONFIG)
        rooms.queue.ask_sync(1)

        with (tmp_path / "worker.log").open("w") as log:
            worker = subprocess.Popen(
                [sys.executable, "-m", "loop.cli.main", "worker", DEFAULT],
                env={**os.environ, **settings.environment()},
                stdout=log,
                stderr=log,
            )
        try:
            trace = _trace(redis)
        finally:
            worker.terminate()
            worker.wait(30)

    assert "UpstreamError: Label Studio at http://[redacted]@127.0.0.1:1 did not answer" in trace
    assert SECRET not in trace
    assert SECRET not in (tmp_path / "worker.log").read_text()


def _trace(redis):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        result = Job.fetch("sync-1", connection=redis).latest_result()
        if result and result.exc_string:
            return result.exc_string
        time.sleep(0.2)
    raise AssertionError("the job did not fail")


@pytest.mark.parametrize("reviewed", [0, 1])
def test_a_training_here_that_failed_ends_with_1_and_says_why(settings, reviewed):
    with closing(build(settings, migrate=True)) as rooms:
        rooms.studio.projects.save(1, "Cars", CONFIG)
        review_tasks(rooms, range(reviewed))

    done = subprocess.run(
        [sys.executable, "-m", "loop.cli.main", "retrain", "--project", "1", "--here"],
        env={**os.environ, **settings.environment()},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    if reviewed:
        assert "project 1: training here …\n" in done.stderr  # after "loop retrain …" on a slow machine
        assert "loop: project 1: training 1 failed: 1 usable of 1 reviewed tasks: " in done.stderr
        assert "`loop training show 1`" in done.stderr
    else:
        assert "loop: project 1 has no reviews to train on; `loop sync --project 1` " in done.stderr
