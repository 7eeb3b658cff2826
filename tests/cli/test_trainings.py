"""`loop training` and `loop policy`, as a person sees them."""

import json
from contextlib import closing

import pytest
from typer.testing import CliRunner

from loop.cli.tree import app
from loop.errors import UnknownProject, UnknownTraining
from loop.gate.rule import GateOutcome
from loop.job_queue.queue import JobQueue
from loop.training.stopwatch import spend
from loop.training.store import Phase, TrainingEnd, TrainingState
from loop.wiring import build
from tests.builders import CONFIG, region, review
from tests.cli.runner import loop


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("LOOP_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "240")
    with closing(build(migrate=True)) as rooms:
        rooms.studio.projects.save(1, "Cars", CONFIG)
        yield rooms


def test_the_trainings_of_a_project_are_listed_newest_first(home):
    first = home.trainings.store.ask(1, "8 new reviews")
    home.trainings.store.settle(first.id, TrainingEnd(TrainingState.FAILED, "the loss of epoch 1 is not a number"))
    home.trainings.store.end(first.id, TrainingState.FAILED)
    second = home.trainings.store.start(home.trainings.store.ask(1, "by hand"))
    home.trainings.store.reach(
        second.id, Phase.TRAINING, epoch=3, epochs=12, batch=4, batch_asked=16, map50_95=0.25, seconds_left=40.0
    )

    _, newest, oldest = loop("training", "list", "--project", "1").splitlines()

    assert "epoch 3 of 12, mAP50-95 0.250, 40 s left, 4 images a batch instead of 16: out of memory" in newest
    assert "failed: the loss of epoch 1 is not a number" in oldest


def test_a_training_that_is_open_is_not_asked_for_again(home, monkeypatch):
    home.reviews.store.record(review(region("p")), {"image": "/data/upload/1/a.jpg"})
    monkeypatch.setattr(JobQueue, "ask_retrain", lambda *_: None)

    assert "training 1 is asked for" in loop("retrain", "--project", "1")
    assert "training 1 is open already" in loop("retrain", "--project", "1")


def test_a_training_is_shown_with_its_report(home):
    training = home.trainings.store.ask(1, "by hand")
    home.trainings.store.settle(
        training.id,
        TrainingEnd(TrainingState.ENDED, "not better", "yolo_detector@1.0.0", GateOutcome.REFUSED),
        batch={"asked": 16, "used": 4},
    )

    shown = json.loads(loop("training", "show", str(training.id)))

    assert shown["asked_by"] == "by hand"
    assert shown["report"]["batch"] == {"asked": 16, "used": 4}


def test_the_status_says_where_the_seconds_of_the_last_training_went(home):
    training = home.trainings.store.ask(1, "by hand")
    spend(home.trainings.store, training.id, {"wait": 0.5, "step": 86.4, "validate": 1.0, "export": 14.7, "gate": 1.7})
    assert "training 1 took" not in loop("status")

    home.trainings.store.end(training.id, TrainingState.FAILED)

    line = "project 1: training 1 took 104.3 s from asking to its end, of which step 86.4, export 14.7, gate 1.7"
    assert line in loop("status")


def test_an_unknown_training_is_an_error_that_says_where_to_look(home):
    with pytest.raises(UnknownTraining, match="no training 9; `loop training list"):
        loop("training", "show", "9")


def test_where_no_training_is_open_there_is_nothing_to_cancel(home):
    assert loop("training", "cancel", "--project", "1") == "project 1: no training is open\n"


def test_without_redis_a_training_is_told_to_stop_all_the_same(home):
    training = home.trainings.store.ask(1, "by hand")

    assert "stops within seconds" in loop("training", "cancel", "--project", "1")
    assert home.trainings.store.get(training.id).is_cancelled


def test_a_policy_is_the_settings_unless_the_project_decides_otherwise(home):
    home.studio.projects.set_policy(1, {"of_somebody_else": 3})

    assert "of this project" not in loop("policy", "--project", "1")
    changed = loop("policy", "--project", "1", "--cool-down", "90")
    *lines, following = [line.split(maxsplit=2) for line in changed.splitlines()]
    assert following[0] == "next:"
    assert lines == [
        ["retrain_after", "50", "of the settings"],
        ["cool_down", "90", "of this project"],
        ["tile", "0", "of the settings"],
        ["tile_overlap", "0.2", "of the settings"],
    ]
    assert "of this project" not in loop("policy", "--project", "1", "--reset")
    assert home.studio.projects.get(1).policy == {"of_somebody_else": 3}


def test_a_project_has_tiles_of_its_own(home):
    changed = loop("policy", "--project", "1", "--tile", "640", "--tile-overlap", "0.25")

    assert home.studio.projects.get(1).policy == {"tile": 640, "tile_overlap": 0.25}
    assert changed.count("of this project") == 2


def test_the_policy_of_a_project_that_is_not_connected_is_an_error(home):
    with pytest.raises(UnknownProject):
        loop("policy", "--project", "7", "--retrain-after", "5")


@pytest.mark.parametrize(
    "option",
    [
        *(("--retrain-after", "0"), ("--cool-down", "-1"), ("--cool-down", "inf")),
        *(("--tile", "100"), ("--tile", "-32"), ("--tile-overlap", "0.9")),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(home, option):
    assert CliRunner().invoke(app, ["policy", "--project", "1", *option]).exit_code == 2
