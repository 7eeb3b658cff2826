"""Real trainings of small rectangles, killed, cancelled, short of memory and cut off from the network."""

import os
import random
import subprocess
import sys
import time
from contextlib import closing

import pytest

from loop.training.ask import ask_training
from loop.training.store import TrainingState
from loop.wiring import build
from tests.services import run_loop, until
from tests.training.builders import assert_ended_once, reviewed_project, settings_in, the_training
from tests.training.integration.trainee import DEATHS, run, trainee

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    """Threads that wait for each other cost more than such small images take."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def epochs_of(rooms, training):
    lines = (rooms.trainings.runs / f"training-{training.id}" / "results.csv").read_text().splitlines()[1:]
    return [line.split(",")[0].strip() for line in lines]


def dies_and_goes_on(settings, rooms, death):
    assert run(settings, death) == -9

    assert run(settings) == 0

    ended = assert_ended_once(rooms)
    assert ended.attempts == 2
    return ended


@pytest.mark.parametrize("death", ["in a checkpoint", "before the promotion"])
def test_a_training_that_is_killed_goes_on_where_it_was(small, death):
    ended = dies_and_goes_on(*small, death)

    assert epochs_of(small[1], ended)[0] == "1"
    assert epochs_of(small[1], ended).count("1") == 1  # it did not begin again


@pytest.mark.long
@pytest.mark.parametrize("death", [name for name in DEATHS if name not in ("in a checkpoint", "before the promotion")])
def test_a_training_that_is_killed_at_any_step_goes_on(small, death):
    dies_and_goes_on(*small, death)


def killed_at_random(settings, rooms, seed, most):
    """Kill the training at up to *most* random moments, starting it again each time; return how often it was killed."""
    rng, kills = random.Random(seed), 0
    while the_training(rooms).ended_at is None and kills < most:
        with trainee(settings) as process:
            process.join(rng.uniform(0.3, 6.0))
            kills += process.exitcode is None
    if the_training(rooms).ended_at is None:
        assert run(settings) == 0
    return kills


@pytest.mark.long
def test_a_training_killed_at_two_random_moments_ends_as_if_nothing_had_been(small):
    assert killed_at_random(*small, seed=1, most=2)

    assert_ended_once(small[1])


@pytest.mark.long
@pytest.mark.parametrize("seed", range(10))
def test_a_training_killed_at_many_random_moments_ends(tmp_path, seed):
    settings = settings_in(tmp_path / "home", LOOP_EPOCHS="1")
    reviewed_project(settings)
    with closing(build(settings)) as rooms:
        rooms.trainings.store.ask(1, "by hand")

        killed_at_random(settings, rooms, seed, most=8)

        ended = the_training(rooms)
        if ended.state == TrainingState.FAILED:  # three times at one place, which these short epochs make likely
            assert "died 3 times at the same place" in ended.error
            assert ended.attempts > 3
            assert len(rooms.registry.versions.list(1)) == (
                "same place, gate" in ended.error
            )  # a candidate, judged by nobody
            assert rooms.registry.versions.champion(1) is None
        else:
            assert_ended_once(rooms)


def test_a_training_in_a_worker_is_cancelled_within_seconds(redis, tmp_path):
    settings = settings_in(tmp_path / "home", LOOP_EPOCHS="500", LOOP_REDIS_URL=redis.address)
    reviewed_project(settings)
    environment = {**os.environ, **settings.environment()}
    worker = subprocess.Popen([sys.executable, "-m", "loop.cli.main", "worker", "gpu"], env=environment)
    try:
        with closing(build(settings)) as rooms:
            ask_training(rooms.trainings, 1, "by hand")
            until(lambda: (the_training(rooms).progress or {}).get("epoch", 0) >= 1)
            assert "epoch" in run_loop(settings, "training", "list", "--project", "1")

            output = run_loop(settings, "training", "cancel", "--project", "1")

            began = time.monotonic()
            until(lambda: the_training(rooms).ended_at)
            assert time.monotonic() - began < 10
            assert output.startswith("training 1 stops within seconds")
            assert the_training(rooms).state == TrainingState.CANCELLED
            assert rooms.reviews.store.new_since(1, rooms.studio.projects.get(1).reviews_seen_at) == 8
    finally:
        worker.terminate()
        worker.wait(30)
