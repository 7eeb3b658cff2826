"""Which version serves: promote, roll back, pin; and what a kill in the middle leaves."""

from contextlib import closing

import pytest

from loop.errors import DamagedWeights, MissingWeights, NoChampion, UpstreamError
from loop.gate.rule import GateOutcome
from loop.registry.loaded_version import Thresholds
from loop.registry.promote import pin, promote, roll_back
from loop.registry.store import VersionFacts
from loop.serving.refresh import refresh
from loop.training.retrain import retrain
from loop.training.store import TrainingEnd, TrainingState
from loop.wiring import build
from tests import child
from tests.fakes import FakeLabelStudio
from tests.registry.builders import due, serve_second_version, served
from tests.registry.fakes import Choosy
from tests.swap import swap

OLD, NEW = "yolo_detector@1.0.0", "yolo_detector@1.1.0"


class Down(FakeLabelStudio):
    """A Label Studio that does not answer."""

    def project(self, project_id):
        raise UpstreamError("no answer")

    def open_tasks(self, project_id):
        raise UpstreamError("no answer")


@pytest.fixture
def rooms(rooms, weights):
    return serve_second_version(rooms, weights)


def test_a_rollback_is_followed_at_once(rooms):
    promote(rooms.registry, 1, OLD, "a test")
    refresh(rooms.serving, 1)
    promote(rooms.registry, 1, NEW, "a test")
    refresh(rooms.serving, 1)

    roll_back(rooms.registry, 1, "worse")

    assert served(rooms) == (OLD, OLD)


def test_a_rollback_serves_while_label_studio_is_down_and_is_followed_when_it_is_up(rooms):
    studio = rooms.studio.client
    down = swap(rooms, (rooms.studio.client, Down(studio.tasks)))

    roll_back(down.registry, 1, "worse")
    assert rooms.registry.versions.champion(1).name == OLD
    with pytest.raises(UpstreamError):
        refresh(down.serving, 1)
    assert due(rooms)

    refresh(rooms.serving, 1)
    assert served(rooms) == (OLD, OLD)
    assert not due(rooms)


def test_a_version_that_label_studio_has_no_prediction_of_is_followed_later(rooms):
    empty = swap(rooms, (rooms.studio.client, Choosy([])))

    assert "not set" in refresh(empty.serving, 1)
    assert not due(rooms)  # until there is a task


def test_damaged_weights_do_not_begin_to_serve(rooms):
    rooms.registry.versions.get(1, OLD).weights.write_bytes(b"damaged")

    for act in (
        lambda: promote(rooms.registry, 1, OLD, "x"),
        lambda: roll_back(rooms.registry, 1, "x"),
        lambda: pin(rooms.registry, 1, OLD, "x"),
    ):
        with pytest.raises(DamagedWeights, match=f"{OLD}: .* is damaged: expected SHA-256"):
            act()

    assert rooms.registry.versions.champion(1).name == NEW


def test_weights_that_are_not_here_are_never_called_damaged(rooms):
    rooms.registry.versions.get(1, OLD).weights.unlink()

    with pytest.raises(MissingWeights, match=r"is not on this machine: share LOOP_HOME"):
        rooms.registry.load(rooms.registry.versions.get(1, OLD))


def test_thresholds_and_image_size_stay_with_the_version_when_the_settings_change(rooms, weights):
    facts = VersionFacts(thresholds={"floor": 0.1, "display": 0.4}, training={"image_size": 320})
    own = rooms.registry.versions.add(1, weights(), facts)
    changed = swap(rooms, (rooms.registry.thresholds, Thresholds(0.2, 0.8)))

    assert changed.registry.load(own).thresholds == Thresholds(0.1, 0.4)
    assert own.image_size == 320
    assert changed.registry.load(rooms.registry.versions.get(1, OLD)).thresholds == Thresholds(0.2, 0.8)  # it has none


def add_version(settings, path):
    with closing(build(settings)) as own:
        own.registry.versions.add(1, path)


def test_two_processes_that_add_at_once_get_two_versions(rooms, weights, settings):
    path = weights()

    children = [child.start(add_version, settings, path) for _ in range(6)]
    for process in children:
        process.join(60)

    assert [process.exitcode for process in children] == [0] * 6
    assert [one.name.split("@")[1] for one in rooms.registry.versions.list(1)[2:]] == [f"1.{n}.0" for n in range(2, 8)]


def test_a_training_finds_the_version_that_it_registered(rooms, weights):
    training = rooms.trainings.store.ask(1, "a test")
    made = rooms.registry.versions.add(1, weights(b"third"), VersionFacts(training={"training": training.id}))

    assert rooms.registry.versions.of_training(1, training.id) == made
    assert rooms.registry.versions.of_training(1, training.id + 1) is None


def passed(rooms, name):
    """A training that was killed after it was settled that *name* passed the gate."""
    training = rooms.trainings.store.ask(1, "a test")
    rooms.trainings.store.settle(training.id, TrainingEnd(TrainingState.ENDED, "better", name, GateOutcome.PROMOTED))
    return training.id


def test_a_training_that_is_run_again_does_not_take_a_rollback_back(rooms, third):
    training = passed(rooms, third)
    promote(rooms.registry, 1, third, "better")
    roll_back(rooms.registry, 1, "a person knows better")

    assert retrain(rooms.trainings, 1) == f"{third} promoted: better"

    assert rooms.registry.versions.champion(1).name == NEW
    assert rooms.trainings.store.get(training).status == "promoted"


def test_what_passed_the_gate_of_a_pinned_project_is_kept_and_told(rooms, third):
    training = passed(rooms, third)
    pin(rooms.registry, 1, OLD, "a test")

    line = retrain(rooms.trainings, 1)

    assert line.startswith(f"{third} passed: it does not serve: project 1 is pinned to {OLD}")
    assert rooms.registry.versions.champion(1).name == OLD
    assert rooms.trainings.store.get(training).status == "passed"
    assert rooms.trainings.store.get(training).ended_at


def test_there_is_nothing_to_roll_back_to_at_first(settings, rooms):
    with pytest.raises(NoChampion):
        roll_back(rooms.registry, 2, "a test")
