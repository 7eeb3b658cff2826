"""Trainings without a network, and with little memory."""

import os
import subprocess
import sys
from contextlib import closing

import pytest

from loop.wiring import build
from tests.training.builders import assert_ended_once, reviewed_project, settings_in

pytestmark = pytest.mark.timeout(600)


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
    settings = settings_in(tmp_path / "home", LOOP_BATCH="16", LOOP_LEAST_STEPS="0", LOOP_IMAGE_SIZE="320")
    reviewed_project(settings, 16)
    with closing(build(settings)) as rooms:
        rooms.trainings.store.ask(1, "by hand")

        output = in_a_child(settings, SHORT_OF_MEMORY.replace("ROOM", "700_000_000"))

        ended = assert_ended_once(rooms)
        assert ended.report["batch"]["asked"] == 16
        assert 1 <= ended.report["batch"]["used"] < 16, output
        assert ended.progress["batch"] == ended.report["batch"]["used"]
        assert rooms.registry.versions.list(1)[0].facts.training["batch"] == ended.report["batch"]["used"]
