"""Real trainings of small rectangles, killed, cancelled, short of memory and cut off from the network."""

import os
import random
import subprocess
import sys
import time
from contextlib import closing

import pytest
import sqlalchemy as sa

from loop.installation.processes import EmbeddedRedis
from loop.storage.exchange_tables import notices
from loop.training.ask import ask_training
from loop.training.store import TrainingState
from loop.wiring import build
from tests.services import run_loop, until
from tests.training.builders import reviewed_project, settings_in
from tests.training.integration.trainee import DEATHS, run, trainee

pytestmark = pytest.mark.timeout(600)
ENDS = ("promoted", "refused")


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    """Threads that wait for each other cost more than such small images take."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture
def small(tmp_path):
    """Settings and rooms of a project with eight reviews and a training of two epochs asked for."""
    settings = settings_in(tmp_path / "home", LOOP_EPOCHS="2")
    reviewed_project(settings)
    with closing(build(settings)) as rooms:
        rooms.trainings.store.ask(1, "by hand")
        yield settings, rooms


def the_training(rooms):
    (training,) = rooms.trainings.store.last(1, 2)
    return training


def epochs_of(rooms, training):
    lines = (rooms.trainings.runs / f"training-{training.id}" / "results.csv").read_text().splitlines()[1:]
    return [line.split(",")[0].strip() for line in lines]


def assert_ended_once(rooms):
    """It ended as if nothing had been: one version, one notice, the row and the champion agree."""
    ended = the_training(rooms)
    assert ended.status in ENDS, ended.error
    (version,) = rooms.registry.versions.list(1)
    champion = rooms.registry.versions.champion(1)
    assert ended.version == version.name
    assert (champion == version) is (ended.status == "promoted")
    assert rooms.reviews.store.new_since(1, rooms.studio.projects.get(1).reviews_seen_at) == 0
    with rooms.engine.connect() as connection:
        kinds = sa.select(notices.c.kind).where(notices.c.kind.startswith("training."))
        assert list(connection.scalars(kinds)) == ["training.finished"]
    assert not list((rooms.trainings.runs / f"training-{ended.id}").rglob("*.pt"))
    return ended


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


@pytest.fixture
def redis(tmp_path):
    server = EmbeddedRedis(tmp_path / "r.sock", tmp_path)
    server.start()
    yield server
    server.stop()


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


CHILD = """
import sys
{before}
from contextlib import closing
from loop.wiring import build
from loop.training.retrain import retrain
with closing(build()) as rooms:
    print(retrain(rooms.trainings, 1))
"""


def in_a_child(settings, before, **environment):
    """Run the open training in a new interpreter after the lines *before*; return what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", CHILD.format(before=before)],
        env={**os.environ, **settings.environment(), **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


NO_NETWORK = """
import os, socket
def refuse(*what, **_):
    with open(os.environ["CALLS"], "a") as file:
        print(*what, file=file)
    raise OSError("no network here")
connect = socket.socket.connect
socket.socket.connect = lambda self, to: (
    connect(self, to) if self.family == socket.AF_UNIX or to[0] == "127.0.0.1" else refuse("connect", to)
)
socket.socket.connect_ex = socket.socket.connect
socket.getaddrinfo = lambda *what, **_: refuse("look up", *what)
socket.gethostbyname = lambda *what: refuse("look up", *what)
"""


def test_nothing_is_downloaded_at_training_time(small, tmp_path):
    settings, rooms = small
    empty = tmp_path / "empty"
    empty.mkdir()
    bare = {"HOME": str(empty), "YOLO_CONFIG_DIR": str(empty / "config"), "XDG_CACHE_HOME": "", "XDG_CONFIG_HOME": ""}
    calls = tmp_path / "calls"

    in_a_child(settings, NO_NETWORK, CALLS=str(calls), **bare)

    assert not calls.exists(), calls.read_text()
    assert_ended_once(rooms)


def test_a_child_that_looks_for_the_network_would_be_noticed(small, tmp_path):
    calls = tmp_path / "calls"
    settings = small[0].model_copy(update={"base_weights": "yolo11n.pt"})

    output = in_a_child(settings, NO_NETWORK, CALLS=str(calls), HOME=str(tmp_path))

    assert "github.com" in calls.read_text()
    assert "could not download yolo11n.pt" in output


# What torch does on the CPU once the address space is limited to what is in use, and some more, while it trains. What
# measures and writes down is let alone: parts of it end the process where they get no memory, however little they want.
SHORT_OF_MEMORY = """
import resource
from loop.vision.ultralytics_setup import prepare_ultralytics
prepare_ultralytics()
from ultralytics.engine.trainer import BaseTrainer
begin_epoch, step = BaseTrainer._model_train, BaseTrainer.optimizer_step
def limited(self):
    begin_epoch(self)
    resource.setrlimit(resource.RLIMIT_AS, (-1, -1))
    in_use = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (in_use + ROOM, -1))
def unlimited(self):
    resource.setrlimit(resource.RLIMIT_AS, (-1, -1))
    step(self)
BaseTrainer._model_train, BaseTrainer.optimizer_step = limited, unlimited
"""


@pytest.mark.long
def test_memory_that_really_runs_out_halves_the_images_a_step_and_says_so(tmp_path):
    settings = settings_in(tmp_path / "home", LOOP_BATCH="16", LOOP_IMAGE_SIZE="320")
    reviewed_project(settings, 16)
    with closing(build(settings)) as rooms:
        rooms.trainings.store.ask(1, "by hand")

        output = in_a_child(settings, SHORT_OF_MEMORY.replace("ROOM", "700_000_000"))

        ended = assert_ended_once(rooms)
        assert ended.report["batch"]["asked"] == 16
        assert 1 <= ended.report["batch"]["used"] < 16, output
        assert ended.progress["batch"] == ended.report["batch"]["used"]
        assert rooms.registry.versions.list(1)[0].facts.training["batch"] == ended.report["batch"]["used"]
