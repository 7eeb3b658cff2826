"""What is killed or broken in the middle loses no review and stops no serving."""

import os
import signal
from contextlib import closing, suppress

import httpx
import psutil
import pytest

from loop.wiring import build
from tests.services import children, loop_running, make_project, run_loop, settings_of, until

pytestmark = pytest.mark.timeout(800)


@pytest.fixture
def own_loop(label_studio, tmp_path):
    """A loop of its own, whose parts may be killed."""
    settings = settings_of(label_studio, tmp_path / "home", LOOP_EPOCHS="12", LOOP_RETRAIN_AFTER="8")
    with loop_running(settings) as process, closing(build(settings)) as rooms:
        yield settings, rooms, process


def epochs_of(run):
    lines = (run / "results.csv").read_text().splitlines()[1:]
    return [line.split(",")[0].strip() for line in lines]


@pytest.mark.long  # a training of most of a minute; `make test-chaos` plays it too
def test_redis_and_a_training_worker_are_killed_and_nothing_is_lost(api, own_loop):
    settings, rooms, process = own_loop
    project_id, annotator = make_project(api, "Faults", 12, seed=2)
    run_loop(settings, "connect", "--project", str(project_id))
    until(lambda: rooms.serving.predictions.newest(project_id, range(1, 10_000)), 120)

    (redis,) = children(process, "valkey-server")
    redis.send_signal(signal.SIGSTOP)  # it neither answers nor refuses: the worst case
    for _ in range(4):
        assert annotator.review_next()
    with suppress(psutil.NoSuchProcess):  # `loop up` may have killed it already, because it does not answer
        redis.kill()
    for _ in range(4):
        assert annotator.review_next()

    training = until(lambda: next(iter(rooms.trainings.store.open(project_id)), None), 180)
    assert rooms.reviews.store.new_since(project_id, None) == 8
    until(lambda: ((rooms.trainings.store.open(project_id) or [training])[0].progress or {}).get("epoch", 0) >= 2, 180)
    for worker in children(process, "worker", "gpu"):
        os.kill(worker.pid, signal.SIGKILL)

    health = httpx.get(f"{settings.backend_url}/health", timeout=2)
    assert health.status_code == 200
    ended = until(lambda: next((t for t in rooms.trainings.store.last(project_id) if t.ended_at), None), 400)
    assert ended.status in ("promoted", "refused"), ended
    assert ended.attempts == 2
    epochs = epochs_of(rooms.trainings.runs / f"training-{ended.id}")
    assert (epochs[-1], epochs.count("1")) == ("12", 1)  # it went on and did not begin again


def test_a_part_that_dies_starts_again(own_loop):
    settings, _, process = own_loop
    (web,) = children(process, "gunicorn", recursive=False)

    web.kill()

    def is_new():
        gunicorns = children(process, "gunicorn", recursive=False)
        try:
            answers = httpx.get(f"{settings.backend_url}/health", timeout=1).is_success
        except httpx.HTTPError:
            return False
        return answers and gunicorns and gunicorns[0].pid != web.pid

    until(is_new, 60)


@pytest.mark.usefixtures("loop_up")
def test_two_loops_do_not_share_a_port(loop_settings, tmp_path):
    second = loop_settings.model_copy(update={"home": tmp_path / "second"})

    assert "cannot listen on" in run_loop(second, "up", ok=False)
