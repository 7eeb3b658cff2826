"""A command that compares with Label Studio waits for the job that does so: it may have begun before the command."""

import threading
from contextlib import closing
from types import SimpleNamespace

import pytest

from loop import jobs
from loop.wiring import build
from tests.training.builders import settings_in


@pytest.fixture
def rooms(tmp_path, redis, monkeypatch):
    """An installation whose comparison tells when it is done, and does nothing."""
    settings = settings_in(tmp_path / "home", LOOP_REDIS_URL=redis.address)
    for variable, value in settings.environment().items():
        monkeypatch.setenv(variable, value)
    for module, name in ((jobs, "show_again"), (jobs, "follow_labels"), (jobs.loop.rates.post_alerts, "watch")):
        monkeypatch.setattr(module, name, lambda *_: "")
    monkeypatch.setattr(jobs.loop.serving.retire, "retire", lambda *_: "")
    for name in ("sync", "rebuild"):
        monkeypatch.setattr(jobs.after_reviews, name, lambda *_, name=name: SimpleNamespace(line=f"{name} is done"))
    with closing(build(settings, migrate=True)) as built:
        yield built


@pytest.mark.parametrize(
    ("command", "line"),
    [
        pytest.param(lambda: jobs.sync(1, jobs.run_in_turn), "sync is done", id="sync"),
        pytest.param(lambda: jobs.rebuild(1), "rebuild is done", id="rebuild"),
    ],
)
def test_a_command_compares_after_the_job_that_runs(rooms, command, line):
    lines = []
    thread = threading.Thread(target=lambda: lines.append(command()))
    with rooms.queue.alone("sync-1") as is_alone:
        assert is_alone
        thread.start()
        thread.join(1.5)
        assert lines == []

    thread.join(60)

    assert lines == [line]


def test_a_job_does_not_wait_for_another_one(rooms):
    with rooms.queue.alone("sync-1"):
        assert jobs.sync(1) == "runs already; the sweep asks again"
